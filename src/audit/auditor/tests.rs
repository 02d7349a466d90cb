mod broken;
mod folded;
mod forged;
mod late;
mod namespaces;
mod order;
mod unwritten;

use super::script::{Script, end, exec, oom, sleep};
use crate::audit::observation::{Observation, ReportSeen};
use crate::audit::seen::{ControllerRef, EventReason, Note, Thresholds, Uid};
use crate::audit::words::{
    AttemptReason, Cause, Confidence, Hook, IncidentType, Outcome, Reason, TerminationResult,
    Trigger,
};

const CONFIRMED: Option<Confidence> = Some(Confidence::Confirmed);
const INFERRED: Option<Confidence> = Some(Confidence::Inferred);

fn started(script: Script) -> Script {
    script.waiting(1.0).running(3.0, 0, 2.0)
}

#[test]
fn a_pre_stop_without_a_failure_is_inferred_to_have_succeeded_once_no_event_can_come() {
    let script = started(Script::new(30).hook(Hook::PreStop, exec()))
        .deleted(10.0, 30)
        .stop_begun(10.1)
        .killing(10.05)
        .terminated(12.5, 0, end(0, 2.0, 12.2))
        .gone(13.0);
    let early = script.play_until(100.0);
    assert!(!early.run(Hook::PreStop).settled);
    let played = script.play();
    let run = played.run(Hook::PreStop);
    assert_eq!(
        (run.outcome, run.confidence, run.settled),
        (Outcome::Succeeded, INFERRED, true)
    );
    assert_eq!(run.trigger, Some(Trigger::Deleted));
    let termination = played.termination();
    assert_eq!(
        (termination.result, termination.cause),
        (Some(TerminationResult::Graceful), Cause::WithinGrace)
    );
    assert!(termination.settled && played.incidents.is_empty());
}

#[test]
fn a_failure_at_the_end_of_the_grace_is_an_overrun_although_the_exit_code_is_clean() {
    let played = started(Script::new(6).hook(Hook::PreStop, exec()))
        .deleted(10.0, 6)
        .killing(10.05)
        .event(16.28, EventReason::FailedPreStopHook, Note::None)
        .terminated(16.5, 0, end(0, 2.0, 16.2))
        .gone(17.0)
        .play();
    let run = played.run(Hook::PreStop);
    assert_eq!(
        (run.outcome, run.confidence, run.grace_seconds),
        (Outcome::Overran, CONFIRMED, Some(6))
    );
    assert_eq!(played.termination().cause, Cause::PreStop);
    assert_eq!(played.incidents.len(), 1);
    assert_eq!(
        played.incidents[0].incident_type,
        IncidentType::PreStopOverran
    );
}

#[test]
fn an_overrun_of_a_grace_shorter_than_the_pods_own_is_cut_short() {
    let played = started(Script::new(30).hook(Hook::PreStop, exec()))
        .deleted(10.0, 4)
        .killing(10.05)
        .event(14.3, EventReason::FailedPreStopHook, Note::None)
        .terminated(14.5, 0, end(0, 2.0, 14.2))
        .gone(15.0)
        .play();
    assert_eq!(played.run(Hook::PreStop).outcome, Outcome::CutShort);
}

#[test]
fn a_hook_that_failed_is_confirmed_only_if_the_container_outlived_it() {
    let failing = |finished: f64| {
        started(Script::new(30).hook(Hook::PreStop, exec()))
            .deleted(10.0, 30)
            .killing(10.05)
            .event(10.4, EventReason::FailedPreStopHook, Note::None)
            .terminated(finished + 0.5, 0, end(0, 2.0, finished))
            .gone(finished + 1.0)
            .play()
    };
    let outlived = failing(14.0);
    let run = outlived.run(Hook::PreStop);
    assert_eq!(
        (run.outcome, run.confidence, run.reason),
        (Outcome::Failed, CONFIRMED, Some(Reason::Unspecified))
    );
    let same_second = failing(10.6);
    assert_eq!(same_second.run(Hook::PreStop).confidence, INFERRED);
}

#[test]
fn a_main_process_that_left_a_second_before_the_event_interrupted_its_hook() {
    let played = started(Script::new(30).hook(Hook::PreStop, exec()))
        .deleted(10.0, 30)
        .killing(10.05)
        .event(13.1, EventReason::FailedPreStopHook, Note::None)
        .terminated(13.5, 0, end(0, 2.0, 12.9))
        .gone(14.0)
        .play();
    let run = played.run(Hook::PreStop);
    assert_eq!(
        (run.outcome, run.confidence, run.reason),
        (Outcome::Interrupted, CONFIRMED, Some(Reason::MainExited))
    );
}

#[test]
fn a_native_sleep_is_known_from_its_spec() {
    let played = started(Script::new(30).hook(Hook::PreStop, sleep(5)))
        .deleted(10.0, 30)
        .killing(10.05)
        .terminated(15.5, 0, end(0, 2.0, 15.2))
        .gone(16.0)
        .play();
    let run = played.run(Hook::PreStop);
    assert_eq!(
        (run.outcome, run.confidence, run.settled),
        (Outcome::Succeeded, CONFIRMED, true)
    );
    assert_eq!(run.duration.min.as_secs(), 5);
}

#[test]
fn a_completed_pod_skips_its_pre_stop_and_nothing_is_told_of_it() {
    let played = started(Script::new(30).hook(Hook::PreStop, exec()))
        .terminated(9.0, 0, end(0, 2.0, 8.8))
        .deleted(20.0, 0)
        .gone(20.0)
        .play();
    let run = played.run(Hook::PreStop);
    assert_eq!(
        (run.outcome, run.confidence, run.settled),
        (Outcome::Skipped, INFERRED, true)
    );
    assert!(played.incidents.is_empty());
}

#[test]
fn an_oom_kill_without_a_deletion_skips_the_hook_for_certain() {
    let played = started(Script::new(30).hook(Hook::PreStop, exec()))
        .restarted(9.0, 1, 8.9, oom(2.0, 8.8))
        .play();
    let run = played.run(Hook::PreStop);
    assert_eq!(
        (run.outcome, run.confidence, run.trigger),
        (Outcome::Skipped, CONFIRMED, None)
    );
}

#[test]
fn a_process_that_ignores_its_signal_is_force_killed_and_the_cause_is_its_shutdown() {
    let played = started(Script::new(5))
        .deleted(10.0, 5)
        .killing(10.05)
        .terminated(15.4, 0, end(137, 2.0, 15.1))
        .gone(16.0)
        .play();
    let termination = played.termination();
    assert_eq!(
        (termination.result, termination.cause),
        (Some(TerminationResult::ForceKilled), Cause::Shutdown)
    );
    assert_eq!(termination.confidence, CONFIRMED);
}

#[test]
fn three_witnesses_of_a_failed_post_start_are_one_run_and_each_restart_is_its_own() {
    let failed = |script: Script, seconds: f64, count: u32| {
        script
            .event_again(
                seconds,
                EventReason::FailedPostStartHook,
                Note::None,
                2.5,
                count,
            )
            .event_again(
                seconds,
                EventReason::Killing,
                Note::FailedPostStartHook,
                2.5,
                count,
            )
    };
    let mut script = Script::new(30).hook(Hook::PostStart, exec()).waiting(1.0);
    script = failed(script, 2.5, 1).post_start_error(3.5, 0, 7, end(0, 2.0, 2.8));
    script = failed(script, 14.5, 2).post_start_error(15.5, 1, 7, end(0, 14.0, 14.8));
    script = failed(script, 36.5, 3).post_start_error(37.5, 2, 7, end(0, 36.0, 36.8));
    let played = script.play();
    let runs = played.runs(Hook::PostStart);
    assert_eq!(
        runs.iter().map(|run| run.restart).collect::<Vec<_>>(),
        [0, 1, 2]
    );
    for run in runs {
        assert_eq!(
            (run.outcome, run.confidence, run.exit_code),
            (Outcome::Failed, CONFIRMED, Some(7))
        );
        assert_eq!(run.reason, Some(Reason::NonZeroExit));
    }
    assert_eq!(played.incidents.len(), 3);
}

#[test]
fn the_end_of_a_pod_deleted_in_its_back_off_is_of_one_instance() {
    let (reason, last) = (EventReason::FailedPostStartHook, 14.5);
    let script = Script::new(30)
        .hook(Hook::PostStart, exec())
        .event_again(last, reason, Note::None, 2.5, 2)
        .ended_in_back_off(16.0, 1, end(0, 14.0, 14.8))
        .gone(17.0);
    let played = script.play();
    let runs = played.runs(Hook::PostStart);
    let restarts: Vec<u32> = runs.iter().map(|run| run.restart).collect();
    assert_eq!(restarts, [0, 1], "{runs:#?}");
    assert!(runs.iter().all(|run| run.outcome == Outcome::Failed));
}

#[test]
fn a_post_start_that_has_not_returned_is_stuck_past_the_threshold() {
    let script = Script::new(30)
        .hook(Hook::PostStart, exec())
        .waiting(1.0)
        .event(2.0, EventReason::Started, Note::None);
    let early = script.play_until(20.0);
    let run = early.run(Hook::PostStart);
    assert_eq!(
        (run.outcome, run.stuck, run.confidence),
        (Outcome::Running, false, None)
    );
    let late = script.play_until(40.0);
    assert!(late.run(Hook::PostStart).stuck);
    assert_eq!(late.incidents.len(), 1);
    assert_eq!(
        late.incidents[0].incident_type,
        IncidentType::PostStartStuck
    );
}

#[test]
fn a_stuck_post_start_holds_the_stop_back() {
    let script = Script::new(5)
        .hook(Hook::PostStart, exec())
        .waiting(1.0)
        .event(2.0, EventReason::Started, Note::None)
        .deleted(10.0, 5);
    let played = script.play_until(60.0);
    let termination = played.termination();
    assert_eq!(
        (termination.cause, termination.result),
        (Cause::PostStart, None)
    );
}

#[test]
fn a_kubelet_that_restarts_in_mid_stop_delivers_twice() {
    let played = started(Script::new(30).hook(Hook::PreStop, exec()))
        .deleted(10.0, 30)
        .killing(10.05)
        .kubelet_started(14.0)
        .killing(15.0)
        .terminated(19.5, 0, end(0, 2.0, 19.2))
        .gone(20.0)
        .play();
    let runs = played.runs(Hook::PreStop);
    assert_eq!(runs.len(), 2);
    assert_eq!(
        (runs[0].outcome, runs[0].reason),
        (Outcome::Unknown, Some(Reason::KubeletRestarted))
    );
    assert_eq!(
        (runs[1].attempt, runs[1].attempt_reason),
        (2, Some(AttemptReason::KubeletRestarted))
    );
}

#[test]
fn a_kubelet_that_restarts_in_mid_post_start_loses_it() {
    let played = Script::new(30)
        .hook(Hook::PostStart, exec())
        .waiting(1.0)
        .event(2.0, EventReason::Started, Note::None)
        .kubelet_started(6.0)
        .running(8.0, 0, 2.0)
        .play();
    let run = played.run(Hook::PostStart);
    assert_eq!(
        (run.outcome, run.reason),
        (Outcome::Unknown, Some(Reason::KubeletRestarted))
    );
}

#[test]
fn a_forced_deletion_hides_the_end_of_the_hook() {
    let script = started(Script::new(30).hook(Hook::PreStop, exec())).gone(10.0);
    let silent = script.play();
    let run = silent.run(Hook::PreStop);
    assert_eq!(
        (run.outcome, run.reason),
        (Outcome::Unknown, Some(Reason::ForceDeleted))
    );
    assert_eq!(
        silent.termination().result,
        Some(TerminationResult::ForceDeleted)
    );
    let told = script
        .killing(10.05)
        .event(11.17, EventReason::FailedPreStopHook, Note::None)
        .play();
    assert_eq!(told.run(Hook::PreStop).outcome, Outcome::CutShort);
}

#[test]
fn an_event_of_a_hook_or_node_that_the_pod_does_not_have_is_refused() {
    let mut forged = started(Script::new(6))
        .event(5.0, EventReason::FailedPreStopHook, Note::None)
        .killing(5.0);
    let Some((_, Observation::Event(event))) = forged.lines.last_mut() else {
        panic!()
    };
    event.host = Some("node-9".into());
    let mut played = forged.deleted(10.0, 6).play_until(11.0);
    let counters = played.auditor.snapshot().counters.clone();
    assert!(
        counters.events.contains(&("Killing", "refused", 1)),
        "{counters:?}"
    );
}

#[test]
fn a_pod_with_hooks_rests_while_nothing_happens_and_its_post_start_is_told_once() {
    let mut script = started(Script::new(30).hook(Hook::PostStart, exec()));
    let mut played = script.clone().play();
    assert_eq!(played.auditor.snapshot().open_cases, 0);
    for second in 10..20 {
        script = script.show(f64::from(second));
    }
    played = script.play();
    assert_eq!(played.runs(Hook::PostStart).len(), 1);
    let snapshot = played.auditor.snapshot();
    assert_eq!(snapshot.workloads[0].hooks[0].count(Outcome::Succeeded), 1);
}

#[test]
fn the_order_of_independent_streams_leaves_no_trace() {
    let script = started(
        Script::new(6)
            .hook(Hook::PreStop, exec())
            .hook(Hook::PostStart, exec()),
    )
    .deleted(10.0, 6)
    .stop_begun(10.1)
    .killing(10.05)
    .event(16.28, EventReason::FailedPreStopHook, Note::None)
    .terminated(16.5, 0, end(137, 2.0, 18.1))
    .gone(19.0);
    let told = |script: &Script| {
        let played = script.play();
        let runs: Vec<_> = [Hook::PostStart, Hook::PreStop]
            .map(|hook| played.run(hook).clone())
            .into();
        (runs, played.termination().clone())
    };
    let expected = told(&script);
    let (events, pods): (Vec<_>, Vec<_>) = script
        .lines
        .iter()
        .cloned()
        .partition(|(_, observation)| matches!(observation, Observation::Event(_)));
    let late: Vec<_> = events
        .iter()
        .map(|(_, event)| (60.0, event.clone()))
        .collect();
    let early: Vec<_> = events
        .iter()
        .map(|(_, event)| (0.5, event.clone()))
        .collect();
    for lines in [[pods.clone(), late].concat(), [early, pods].concat()] {
        let shuffled = Script {
            lines,
            ..script.clone()
        };
        assert_eq!(told(&shuffled), expected);
    }
}

#[test]
fn a_ledger_ends_with_its_owner_and_lives_on_when_a_user_deletes_its_report() {
    let controller = ControllerRef {
        api_version: "apps/v1".into(),
        kind: "StatefulSet".into(),
        name: "web".into(),
        uid: Some(Uid(9)),
    };
    let report = ReportSeen {
        base: None,
        namespace: "shop".into(),
        name: "statefulset-web".into(),
        uid: None,
        resource_version: "1".into(),
        target: controller.clone(),
        thresholds: Thresholds::default(),
    };
    let gone = Observation::ReportGone {
        namespace: "shop".into(),
        name: "statefulset-web".into(),
    };
    let mut script = Script::new(6).hook(Hook::PreStop, exec());
    script.pod.controller = Some(controller);
    let mut alive = started(script);
    alive
        .lines
        .push((5.0, Observation::Report(Box::new(report.clone()))));
    alive.lines.push((10.0, gone.clone()));
    let kept = |script: &Script| script.play().auditor.snapshot().workloads.clone();
    assert!(kept(&alive).iter().any(|workload| !workload.gone));
    let mut stopping = alive
        .deleted(11.0, 6)
        .killing(11.05)
        .terminated(12.5, 0, end(0, 2.0, 12.2))
        .gone(13.0);
    assert!(!kept(&stopping).is_empty(), "a user may have deleted it");
    let again = Observation::Report(Box::new(report));
    stopping.lines.extend([(17.0, again), (18.0, gone)]);
    assert!(kept(&stopping).is_empty());
}

#[test]
fn a_stop_in_the_second_of_a_restart_belongs_to_the_new_instance() {
    let played = started(Script::new(30).hook(Hook::PreStop, exec()))
        .event(8.2, EventReason::Killing, Note::LivenessProbe)
        .restarted(9.7, 1, 9.0, end(0, 2.0, 9.0))
        .deleted(9.75, 30)
        .killing(9.8)
        .event(10.8, EventReason::FailedPreStopHook, Note::None)
        .terminated(14.5, 1, end(0, 9.0, 14.2))
        .gone(15.0)
        .play();
    let runs = played.runs(Hook::PreStop);
    let told: Vec<_> = runs
        .iter()
        .map(|run| (run.restart, run.attempt, run.outcome))
        .collect();
    assert_eq!(told, [(0, 1, Outcome::Succeeded), (1, 1, Outcome::Failed)]);
    assert_eq!(runs[0].trigger, Some(Trigger::ContainerRestart));
}

#[test]
fn a_failure_whose_stop_was_not_told_is_of_the_instance_that_ran_then() {
    let script = started(Script::new(30).hook(Hook::PreStop, exec()))
        .event(20.0, EventReason::Killing, Note::LivenessProbe)
        .event(21.0, EventReason::FailedPreStopHook, Note::None)
        .restarted(25.0, 1, 24.0, end(0, 2.0, 23.0))
        // The second `Killing` is lost.
        .event_again(41.0, EventReason::FailedPreStopHook, Note::None, 21.0, 2)
        .restarted(45.0, 2, 44.0, end(0, 24.0, 43.0));
    let mut played = script.play();
    let failed: Vec<(u32, Outcome)> = played
        .runs(Hook::PreStop)
        .iter()
        .map(|run| (run.restart, run.outcome))
        .collect();
    assert_eq!(failed, [(0, Outcome::Failed), (1, Outcome::Failed)]);
    let snapshot = played.auditor.snapshot();
    assert_eq!(snapshot.workloads[0].hooks[0].count(Outcome::Failed), 2);
}
