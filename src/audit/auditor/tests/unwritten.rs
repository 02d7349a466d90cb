//! A `HookAudit` that was made and not written: whoever made it was killed in between.

use super::super::script::{Script, exec};
use crate::audit::observation::{Observation, ReportSeen};
use crate::audit::seen::{ControllerRef, EventReason, Note, Subject, Thresholds, Uid};
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

/// Failures of a pod that was gone when this process came.
fn failed_before() -> Script {
    let mut script = Script::new(30).hook(Hook::PostStart, exec());
    script.lines.push((0.0, made(Some(Uid(9)))));
    let note = Note::None;
    let mut script = script.event_again(1.0, EventReason::FailedPostStartHook, note, -20.0, 3);
    for (_, line) in &mut script.lines {
        if let Observation::Event(event) = line
            && let Subject::Pod { name, .. } = &mut event.subject
        {
            *name = "web-c45sq".into();
        }
    }
    script
}

#[test]
fn it_tells_whose_the_events_of_its_pods_are() {
    let mut played = failed_before().play();
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
    let mut script = Script::new(30);
    script.lines.push((0.0, made(Some(Uid(9)))));
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
