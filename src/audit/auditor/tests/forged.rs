//! An Event's author can be anyone who may create Events in a namespace.

use super::super::script::{Script, UID, at, end, exec};
use super::started;
use crate::audit::auditor::{Auditor, Settings};
use crate::audit::observation::Observation;
use crate::audit::record::Run;
use crate::audit::seen::{EventReason, EventSeen, NodeReady, NodeSeen, Note, Subject, Uid};
use crate::audit::words::{Hook, Outcome};

fn with_both_hooks() -> Script {
    let script = Script::new(6).hook(Hook::PostStart, exec());
    started(script.hook(Hook::PreStop, exec()))
}

/// A pod that was asked to stop and has not begun to.
fn stopping() -> Script {
    with_both_hooks().deleted(10.0, 6)
}

/// A pod whose container starts while these Events come, and then runs on.
fn running_on(events: impl FnOnce(Script) -> Script) -> Script {
    let script = Script::new(6).hook(Hook::PostStart, exec());
    events(script.hook(Hook::PreStop, exec()).waiting(1.0)).running(30.0, 0, 2.0)
}

/// The script with its last Event changed.
fn forged(mut script: Script, change: impl FnOnce(&mut EventSeen)) -> Script {
    let Some((_, Observation::Event(event))) = script.lines.last_mut() else {
        panic!("the last line is no Event")
    };
    change(event);
    script
}

/// How often Events of a reason met this fate.
fn count(auditor: &mut Auditor, reason: &str, result: &str) -> u64 {
    let counters = auditor.snapshot().counters.clone();
    let found = counters
        .events
        .iter()
        .find(|(known, fate, _)| (*known, *fate) == (reason, result));
    found.map_or(0, |(_, _, count)| *count)
}

/// Refuses one Event of a reason, and concludes nothing from it.
fn assert_refused(script: &Script, reason: EventReason) {
    let mut played = script.play_until(60.0);
    assert_eq!(count(&mut played.auditor, reason.as_str(), "refused"), 1);
    let of_pre_stop = played.runs(Hook::PreStop);
    assert!(of_pre_stop.is_empty(), "{of_pre_stop:#?}");
    assert!(played.incidents.is_empty(), "{:#?}", played.incidents);
}

#[test]
fn an_event_about_a_pod_of_another_namespace_is_refused() {
    let script = stopping().killing(10.1);
    let whole = forged(script.clone(), |event| {
        event.namespace = "attacker".into();
        event.subject = Subject::Pod {
            namespace: "attacker".into(),
            name: "web".into(),
            uid: Some(UID),
            container: Some("app".into()),
        };
    });
    assert_refused(&whole, EventReason::Killing);
    let by_its_subject = forged(script, |event| event.namespace = "attacker".into());
    assert_refused(&by_its_subject, EventReason::Killing);
}

#[test]
fn an_event_with_the_uid_of_a_pod_of_another_name_is_refused() {
    let script = forged(stopping().killing(10.1), |event| {
        if let Subject::Pod { name, .. } = &mut event.subject {
            *name = "db".into();
        }
    });
    assert_refused(&script, EventReason::Killing);
}

#[test]
fn an_event_of_a_uid_that_no_pod_has_moves_nothing_outside_its_namespace() {
    let script = forged(
        with_both_hooks().event(5.0, EventReason::FailedPreStopHook, Note::None),
        |event| {
            event.namespace = "attacker".into();
            event.subject = Subject::Pod {
                namespace: "attacker".into(),
                name: "web".into(),
                uid: Some(Uid(8)),
                container: Some("app".into()),
            };
        },
    );
    let mut played = script.play_until(900.0);
    let snapshot = played.auditor.snapshot();
    let own = snapshot
        .workloads
        .iter()
        .filter(|workload| &*workload.namespace == "shop");
    let hooks = own.flat_map(|workload| &workload.hooks);
    let of_pre_stop = hooks.filter(|hook| hook.hook == Hook::PreStop);
    let told: u64 = of_pre_stop.flat_map(|hook| hook.outcomes).sum();
    assert_eq!(told, 0);
    assert_eq!(snapshot.open_cases, 0);
    let refused = count(&mut played.auditor, "FailedPreStopHook", "refused");
    assert_eq!(refused, 0);
}

#[test]
fn an_event_of_a_container_or_hook_that_the_pod_does_not_have_is_refused() {
    let no_container = forged(stopping().killing(10.1), |event| {
        if let Subject::Pod { container, .. } = &mut event.subject {
            *container = Some("sidecar".into());
        }
    });
    assert_refused(&no_container, EventReason::Killing);
    let no_hook = started(Script::new(6).hook(Hook::PostStart, exec())).event(
        5.0,
        EventReason::FailedPreStopHook,
        Note::None,
    );
    assert_refused(&no_hook.deleted(10.0, 6), EventReason::FailedPreStopHook);
}

#[test]
fn an_event_from_another_node_is_refused() {
    let script = stopping().killing(10.1);
    let script = forged(script, |event| event.host = Some("node-9".into()));
    assert_refused(&script, EventReason::Killing);
}

#[test]
fn an_event_of_a_time_before_the_pod_is_refused_whichever_of_its_stamps_says_so() {
    for stamp in 0..4 {
        let script = forged(stopping().killing(10.1), |event| {
            let early = Some(at(-1_000.0));
            match stamp {
                0 => event.last_at = early,
                1 => event.first_at = early,
                2 => event.named_at = early,
                _ => event.created_at = early,
            }
        });
        assert_refused(&script, EventReason::Killing);
    }
}

#[test]
fn an_event_of_a_time_that_has_not_come_is_refused() {
    let script = stopping().killing(10.1);
    let script = forged(script, |event| event.last_at = Some(at(1e9)));
    assert_refused(&script, EventReason::Killing);
}

#[test]
fn a_stop_of_a_pod_that_runs_on_is_refused_once_it_should_have_ended() {
    let script = running_on(|script| {
        let killed = script.killing(5.0);
        killed.event(20.0, EventReason::FailedPreStopHook, Note::None)
    });
    let early = script.play_until(60.0);
    assert!(!early.runs(Hook::PreStop).is_empty());
    assert!(early.runs(Hook::PreStop).iter().all(|run| !run.settled));
    let mut late = script.play_until(400.0);
    assert!(late.runs(Hook::PreStop).is_empty(), "{:#?}", late.reports);
    assert!(late.incidents.is_empty());
    assert_eq!(count(&mut late.auditor, "Killing", "refused"), 1);
    assert_eq!(count(&mut late.auditor, "FailedPreStopHook", "refused"), 1);

    let mut shown_again = script.show(500.0).show(600.0).play_until(700.0);
    let refused = count(&mut shown_again.auditor, "Killing", "refused");
    assert_eq!(refused, 1);
}

#[test]
fn a_stop_of_a_pod_at_rest_opens_no_case_and_is_refused_in_the_end() {
    let script = with_both_hooks().killing(30.0);
    let mut played = script.play_until(5_000.0);
    assert!(played.runs(Hook::PreStop).is_empty());
    assert_eq!(played.auditor.snapshot().open_cases, 0);
    assert_eq!(count(&mut played.auditor, "Killing", "refused"), 1);
}

#[test]
fn a_restart_whose_pre_stop_takes_long_finds_its_event_although_the_pod_was_at_rest() {
    let played = started(Script::new(900).hook(Hook::PreStop, exec()))
        .event(30.0, EventReason::Killing, Note::LivenessProbe)
        .restarted(630.0, 1, 629.0, end(0, 2.0, 628.0))
        .play_until(1_200.0);
    let run = played.run(Hook::PreStop);
    assert_eq!((run.outcome, run.restart), (Outcome::Succeeded, 0));
    assert_eq!(run.duration.max.map(|longest| longest.as_secs()), Some(598));
}

#[test]
fn a_failure_of_a_pre_stop_without_any_stop_is_refused_once_it_should_have_ended() {
    let script = running_on(|script| script.event(5.0, EventReason::FailedPreStopHook, Note::None));
    let mut played = script.play_until(400.0);
    assert!(played.runs(Hook::PreStop).is_empty());
    let refused = count(&mut played.auditor, "FailedPreStopHook", "refused");
    assert_eq!(refused, 1);
    assert!(played.incidents.is_empty());
}

#[test]
fn a_stop_of_a_pod_on_a_node_that_does_not_answer_is_not_refused() {
    let mut script = running_on(|script| script.killing(5.0));
    let node = NodeSeen {
        name: "node-1".into(),
        ready: NodeReady::Unknown,
        ready_since: None,
        unreachable: true,
    };
    script.lines.push((40.0, Observation::Node(node)));
    let mut played = script.play_until(400.0);
    assert_eq!(played.runs(Hook::PreStop).len(), 1);
    assert_eq!(count(&mut played.auditor, "Killing", "refused"), 0);
}

#[test]
fn a_failed_post_start_of_a_container_that_is_shown_as_running_is_refused() {
    let script = running_on(|script| {
        let failed = script.event(5.0, EventReason::FailedPostStartHook, Note::None);
        failed.event(5.0, EventReason::Killing, Note::FailedPostStartHook)
    });
    let mut played = script.play();
    assert_eq!(played.run(Hook::PostStart).outcome, Outcome::Succeeded);
    assert!(played.runs(Hook::PreStop).is_empty());
    assert!(played.incidents.is_empty(), "{:#?}", played.incidents);
    let refused = count(&mut played.auditor, "FailedPostStartHook", "refused");
    assert_eq!(refused, 1);
    assert_eq!(count(&mut played.auditor, "Killing", "refused"), 1);
}

#[test]
fn an_eviction_of_a_pod_that_runs_on_is_no_termination() {
    let script = running_on(|script| {
        let evicted = script.event(5.0, EventReason::Evicted, Note::None);
        forged(evicted, |event| {
            if let Subject::Pod { container, .. } = &mut event.subject {
                *container = None;
            }
        })
    });
    let mut played = script.play_until(400.0);
    let ends = played
        .reports
        .iter()
        .filter_map(|report| report.termination.as_ref());
    assert_eq!(ends.count(), 0, "{:#?}", played.reports);
    assert_eq!(count(&mut played.auditor, "Evicted", "refused"), 1);
}

#[test]
fn a_count_that_jumps_by_millions_adds_no_more_than_a_kubelet_can_tell() {
    let forged = with_both_hooks()
        .killing(5.0)
        .event_again(
            6.0,
            EventReason::Killing,
            Note::StoppingContainer,
            5.0,
            u32::MAX,
        )
        .deleted(10.0, 6)
        .terminated(12.0, 0, end(0, 2.0, 11.0))
        .gone(13.0);
    let mut played = forged.play();
    let runs = played.runs(Hook::PreStop).len();
    assert!((2..=64).contains(&runs), "{runs} runs");
    assert_eq!(count(&mut played.auditor, "Killing", "capped"), 1);
    let told: u64 = played.auditor.snapshot().workloads[0]
        .hooks
        .iter()
        .filter(|hook| hook.hook == Hook::PreStop)
        .flat_map(|hook| hook.outcomes)
        .sum();
    assert!(told <= 64, "{told} tallied");
}

#[test]
fn a_forged_count_does_not_add_runs_of_a_post_start() {
    let mut script = Script::new(6).hook(Hook::PostStart, exec()).waiting(1.0);
    for (second, count) in [(3.0, 1), (4.0, 5_000_000), (5.0, u32::MAX)] {
        let (reason, note) = (EventReason::FailedPostStartHook, Note::None);
        script = script.event_again(second, reason, note, 3.0, count);
    }
    let played = script
        .post_start_error(6.0, 0, 7, end(137, 2.0, 4.0))
        .play();
    let runs: Vec<&Run> = played.runs(Hook::PostStart);
    assert_eq!(runs.len(), 1, "{runs:#?}");
}

#[test]
fn a_thousand_names_for_one_pod_leave_a_bounded_case_and_the_true_event_in_it() {
    let mut script = with_both_hooks().deleted(20.0, 30);
    for number in 0..1_000 {
        script = forged(script.killing(21.0 + f64::from(number) * 0.01), |event| {
            event.name = format!("web.forged-{number}").into();
        });
    }
    let mut played = script
        .killing(40.1)
        .event(70.3, EventReason::FailedPreStopHook, Note::None)
        .terminated(70.5, 0, end(0, 2.0, 70.2))
        .gone(71.0)
        .play();
    let runs = played.runs(Hook::PreStop);
    assert!(runs.len() <= 64, "{} runs", runs.len());
    let overran = runs.iter().filter(|run| run.outcome == Outcome::Overran);
    assert_eq!(overran.count(), 1, "{runs:#?}");
    assert!(count(&mut played.auditor, "Killing", "capped") >= 900);
}

#[test]
fn events_of_one_namespace_that_wait_take_no_place_of_anothers() {
    let mut auditor = Auditor::new(Settings::default());
    let script = with_both_hooks().killing(5.0);
    let Some((_, Observation::Event(event))) = script.lines.last().cloned() else {
        panic!("the last line is no Event")
    };
    for number in 0..20_000_u32 {
        let mut flood = event.clone();
        flood.namespace = "attacker".into();
        flood.name = format!("web.{number}").into();
        // Half of them name the uid of the other namespace's pod.
        let number = u128::from(number);
        flood.subject = Subject::Pod {
            namespace: "attacker".into(),
            name: "web".into(),
            uid: Some(if number.is_multiple_of(2) {
                UID
            } else {
                Uid(1_000 + number)
            }),
            container: Some("app".into()),
        };
        auditor.handle(at(5.0), Observation::Event(flood));
    }
    assert!(count(&mut auditor, "Killing", "dropped") >= 10_000);
    auditor.handle(at(5.1), Observation::Event(event));
    for (seconds, line) in script
        .lines
        .iter()
        .filter(|(_, line)| matches!(line, Observation::Pod(_)))
    {
        auditor.handle(at(6.0 + seconds), line.clone());
    }
    assert_eq!(count(&mut auditor, "Killing", "matched"), 1);
    assert_eq!(count(&mut auditor, "Killing", "refused"), 0);
}

#[test]
fn only_who_writes_events_in_default_tells_of_nodes() {
    let script = with_both_hooks().deleted(10.0, 6).killing(10.1);
    let believed = script.clone().kubelet_started(10.5);
    let end = |script: Script| {
        script
            .terminated(12.0, 0, end(0, 2.0, 11.0))
            .gone(13.0)
            .play()
    };
    let outcome = |script: Script| end(script).run(Hook::PreStop).outcome;
    assert_eq!(outcome(believed.clone()), Outcome::Unknown);
    let elsewhere = forged(believed.clone(), |event| event.namespace = "shop".into());
    assert_eq!(outcome(elsewhere), Outcome::Succeeded);
    let other_host = forged(believed, |event| event.host = Some("node-2".into()));
    let mut played = end(other_host);
    assert_eq!(played.run(Hook::PreStop).outcome, Outcome::Succeeded);
    assert_eq!(count(&mut played.auditor, "Starting", "refused"), 1);
}

#[test]
fn a_crash_loop_without_end_keeps_a_bounded_number_of_instances_and_tells_each_once() {
    const RESTARTS: u32 = 1_000;
    let mut script = Script::new(6).hook(Hook::PostStart, exec()).waiting(1.0);
    for restart in 0..RESTARTS {
        let begun = 2.0 + 20.0 * f64::from(restart);
        let ended = end(137, begun, begun + 2.0);
        script = script.post_start_error(begun + 3.0, restart, 7, ended);
    }
    let last = 2.0 + 20.0 * f64::from(RESTARTS);
    let mut played = script.play_until(last);
    let snapshot = played.auditor.snapshot();
    assert_eq!(
        snapshot.workloads[0].hooks[0].count(Outcome::Failed),
        u64::from(RESTARTS)
    );
    assert_eq!(snapshot.workloads[0].hooks[0].amended, 0);
    let kept = played.runs(Hook::PostStart).len();
    assert!(kept <= 64, "{kept} runs of one case");
}

#[test]
fn a_pod_that_says_it_is_the_mirror_of_another_pod_takes_none_of_its_events() {
    for namespace in ["shop", "attacker"] {
        let mut script = stopping().killing(10.1);
        let mut impostor = script.pod.clone();
        impostor.namespace = namespace.into();
        impostor.name = "impostor".into();
        impostor.uid = Uid(99);
        impostor.static_pod_uid = Some(UID);
        let shown = Observation::Pod(Box::new(impostor));
        script.lines.insert(0, (0.5, shown));
        let mut played = script
            .terminated(12.0, 0, end(0, 2.0, 11.0))
            .gone(13.0)
            .play();
        assert_eq!(played.run(Hook::PreStop).outcome, Outcome::Succeeded);
        assert_eq!(count(&mut played.auditor, "Killing", "refused"), 0);
    }
}
