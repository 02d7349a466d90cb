//! Streams overtake each other, and clocks differ.

use super::super::script::{Script, end, exec};
use crate::audit::observation::Observation;
use crate::audit::seen::{ControllerRef, EventReason, Note, OwnerSeen, Resource, Subject, Uid};
use crate::audit::words::{Confidence, Hook, Outcome, Reason, TerminationResult, Trigger};

#[test]
fn a_pod_that_ends_after_its_namespace_was_seen_gone_ended_without_events() {
    let mut script = Script::new(6)
        .hook(Hook::PreStop, exec())
        .waiting(1.0)
        .running(3.0, 0, 2.0);
    let name = Box::from("shop");
    script
        .lines
        .push((20.0, Observation::NamespaceGone { name }));
    let run = script
        .deleted(21.0, 6)
        .terminated(23.0, 0, end(0, 2.0, 22.2))
        .gone(23.5)
        .play();
    let run = run.run(Hook::PreStop);
    assert_eq!(
        (run.outcome, run.reason),
        (Outcome::Unknown, Some(Reason::EventsRefused))
    );
}

#[test]
fn an_eviction_stays_one_where_its_node_is_ahead_of_the_deletion_that_followed() {
    let evicted = |ahead: f64| {
        let mut script = Script::new(30)
            .hook(Hook::PreStop, exec())
            .waiting(1.0)
            .running(3.0, 0, 2.0)
            .killing(10.0 + ahead)
            .event(10.0 + ahead, EventReason::Evicted, Note::None)
            .terminated(12.0, 0, end(0, 2.0, 11.2 + ahead))
            .deleted(20.0, 0)
            .gone(20.0);
        for (_, line) in &mut script.lines {
            if let Observation::Event(event) = line
                && event.reason == EventReason::Evicted
                && let Subject::Pod { container, .. } = &mut event.subject
            {
                *container = None;
            }
        }
        script
            .lines
            .sort_by(|left, right| left.0.total_cmp(&right.0));
        let played = script.play();
        (played.termination().trigger, played.termination().cause)
    };
    assert_eq!(evicted(30.0), evicted(0.0));
    assert_eq!(evicted(30.0).0, Trigger::NodePressureEvicted);
}

#[test]
fn a_sigkill_without_a_killing_is_no_confirmed_grace_where_a_clock_decides() {
    let behind = |seconds: f64| {
        let played = Script::new(6)
            .waiting(1.0)
            .hook(Hook::PreStop, exec())
            .running(3.0, 0, 2.0)
            .deleted(50.0, 6)
            .terminated(57.0, 0, end(137, 2.0, 56.2 - seconds))
            .gone(57.5)
            .play();
        let end = played.termination();
        (end.result, end.confidence)
    };
    let inferred = Some(Confidence::Inferred);
    assert_eq!(
        behind(0.0),
        (Some(TerminationResult::ForceKilled), inferred)
    );
    assert_eq!(behind(30.0), (Some(TerminationResult::Graceful), inferred));
}

#[test]
fn a_kubelet_restart_that_is_told_after_the_container_was_shown_running_still_cost_the_post_start()
{
    let mut script = Script::new(30)
        .hook(Hook::PostStart, exec())
        .waiting(1.0)
        .event(2.0, EventReason::Started, Note::None)
        .kubelet_started(9.0)
        .running(10.0, 0, 2.0);
    let late = script.lines.remove(2).1;
    script.lines.push((40.0, late));
    let told = script.play();
    let run = told.run(Hook::PostStart);
    assert_eq!(
        (run.outcome, run.reason),
        (Outcome::Unknown, Some(Reason::KubeletRestarted))
    );
}

#[test]
fn a_container_shown_running_had_its_post_start_return_although_our_clock_is_behind() {
    let played = Script::new(30)
        .hook(Hook::PostStart, exec())
        .waiting(1.0)
        .running(3.0, 0, 5.0)
        .deleted(10.0, 30)
        .killing(12.1)
        .terminated(11.0, 0, end(0, 5.0, 13.0))
        .gone(12.0)
        .play();
    let run = played.run(Hook::PostStart);
    assert_eq!(
        (run.outcome, run.confidence),
        (Outcome::Succeeded, Some(Confidence::Confirmed))
    );
}

#[test]
fn a_kubelet_restart_just_after_a_container_was_shown_running_leaves_its_post_start_inferred() {
    let restarted = |seconds: f64| {
        let played = Script::new(30)
            .hook(Hook::PostStart, exec())
            .waiting(1.0)
            .running(12.0, 0, 2.0)
            .kubelet_started(seconds)
            .play();
        let run = played.run(Hook::PostStart);
        (run.outcome, run.confidence)
    };
    let succeeded = |confidence| (Outcome::Succeeded, Some(confidence));
    assert_eq!(restarted(14.0), succeeded(Confidence::Inferred));
    assert_eq!(restarted(90.0), succeeded(Confidence::Confirmed));
}

#[test]
fn what_a_pod_did_before_its_owner_was_seen_is_counted() {
    let job = OwnerSeen {
        resource: Resource::Jobs,
        namespace: "shop".into(),
        name: "nightly".into(),
        uid: Uid(9),
        controller: None,
    };
    let mut script = Script::new(30).hook(Hook::PostStart, exec());
    script.pod.controller = Some(ControllerRef {
        api_version: "batch/v1".into(),
        kind: "Job".into(),
        name: job.name.clone(),
        uid: Some(job.uid),
    });
    let mut script = script
        .waiting(1.0)
        .running(3.0, 0, 2.0)
        .terminated(6.0, 0, end(0, 2.0, 5.8));
    script.lines.push((15.0, Observation::Owner(job)));
    let mut played = script.deleted(20.0, 0).gone(20.0).play();
    let snapshot = played.auditor.snapshot();
    assert_eq!(snapshot.workloads[0].hooks[0].count(Outcome::Succeeded), 1);
}
