//! A `HookAudit` that was made and not written: whoever made it was killed in between.

use super::super::script::Script;
use crate::audit::observation::{Observation, ReportSeen};
use crate::audit::seen::{ControllerRef, EventReason, Note, Subject, Thresholds, Uid};
use crate::audit::snapshot::HookLedger;
use crate::audit::words::{Hook, Outcome};

fn made(owner_uid: Option<Uid>) -> Observation {
    Observation::Report(Box::new(ReportSeen {
        base: None,
        namespace: "shop".into(),
        name: "daemonset-web".into(),
        uid: None,
        resource_version: "1".into(),
        target: ControllerRef {
            api_version: "apps/v1".into(),
            kind: "DaemonSet".into(),
            name: "web".into(),
            uid: owner_uid,
        },
        thresholds: Thresholds::default(),
    }))
}

fn of_pod(mut script: Script) -> Script {
    for (_, line) in &mut script.lines {
        if let Observation::Event(event) = line
            && let Subject::Pod { name, .. } = &mut event.subject
        {
            *name = "web-c45sq".into();
        }
    }
    script
}

fn unwritten() -> Script {
    let mut script = Script::new(6);
    script.lines.push((0.0, made(Some(Uid(9)))));
    script
}

#[test]
fn it_tells_whose_the_events_of_its_pods_are() {
    let note = Note::None;
    let script = unwritten().event_again(1.0, EventReason::FailedPostStartHook, note, -20.0, 3);
    let mut played = of_pod(script).play();
    let snapshot = played.auditor.snapshot();
    let workload = &snapshot.workloads[0];
    assert_eq!(
        (&*workload.target.name, workload.uid),
        ("web", Some(Uid(9)))
    );
    assert_eq!(workload.hooks[0].count(Outcome::Failed), 3);
}

#[test]
fn it_is_forgotten_when_nothing_comes_of_it() {
    let script = unwritten();
    assert_eq!(script.play().auditor.snapshot().workloads.len(), 1);
    let mut played = script.play_until(1000.0);
    assert!(played.auditor.snapshot().workloads.is_empty());
}

#[test]
fn one_that_a_user_made_is_of_no_owner() {
    let mut script = Script::new(30);
    script.lines.push((0.0, made(None)));
    assert!(script.play().auditor.snapshot().workloads.is_empty());
}

#[test]
fn a_failure_of_a_pod_nobody_saw_counts_without_the_event_of_its_stop() {
    let script = unwritten()
        .event(1.0, EventReason::FailedPostStartHook, Note::None)
        .event(1.0, EventReason::Killing, Note::FailedPostStartHook)
        .event_again(12.0, EventReason::FailedPreStopHook, Note::None, 2.0, 2);
    let mut played = of_pod(script).play();
    let snapshot = played.auditor.snapshot();
    let failed = |hook: &HookLedger| (hook.hook, hook.count(Outcome::Failed));
    let failed: Vec<_> = snapshot.workloads[0].hooks.iter().map(failed).collect();
    assert_eq!(failed, [(Hook::PostStart, 1), (Hook::PreStop, 2)]);
}
