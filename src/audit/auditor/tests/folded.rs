//! Pods that the first list shows at rest, and Events of theirs that are listed later.

use std::sync::Arc;

use super::super::script::{Script, at, end, exec};
use crate::audit::auditor::{Auditor, Settings};
use crate::audit::observation::Observation;
use crate::audit::seen::{
    ContainerStatusSeen, EventReason, Note, Resource, StateSeen, Stream, TerminatedReason,
    TerminatedSeen,
};
use crate::audit::snapshot::Workload;
use crate::audit::words::{Hook, Outcome};

/// What a process counts that lists this at first, in this order.
fn listed(order: [(Resource, Vec<Observation>); 2]) -> Arc<Workload> {
    let mut auditor = Auditor::new(Settings {
        streams: [Resource::Pods, Resource::Events].map(Stream::whole).into(),
        ..Settings::default()
    });
    for (resource, objects) in order {
        for object in objects {
            auditor.handle(at(100.0), object);
        }
        auditor.handle(at(100.0), Observation::Synced(Stream::whole(resource)));
    }
    assert!(auditor.is_synced());
    auditor.handle_timeout(at(600.0));
    Arc::clone(&auditor.snapshot().workloads[0])
}

#[test]
fn events_that_are_listed_after_their_pod_are_counted_as_if_before() {
    let pod = Script::new(30)
        .hook(Hook::PostStart, exec())
        .hook(Hook::PreStop, exec())
        .restarted(90.0, 2, 62.0, end(137, 40.0, 61.0));
    let told = pod
        .clone()
        .event_again(61.0, EventReason::FailedPostStartHook, Note::None, 21.0, 2)
        .event_again(
            61.0,
            EventReason::Killing,
            Note::FailedPostStartHook,
            21.0,
            2,
        );
    let events: Vec<Observation> = told.lines[1..]
        .iter()
        .map(|(_, line)| line.clone())
        .collect();
    let pods: Vec<Observation> = pod.lines.into_iter().map(|(_, line)| line).collect();
    let in_order = listed([
        (Resource::Pods, pods.clone()),
        (Resource::Events, events.clone()),
    ]);
    let reversed = listed([(Resource::Events, events), (Resource::Pods, pods)]);
    for workload in [&in_order, &reversed] {
        let hook = &workload.hooks[0];
        assert_eq!(
            (hook.hook, hook.count(Outcome::Failed)),
            (Hook::PostStart, 2)
        );
    }
    assert_eq!(in_order.hooks, reversed.hooks);
}

#[test]
fn nothing_of_a_status_is_lost_when_it_is_folded() {
    let end = |reason| TerminatedSeen {
        reason,
        ..end(1, 3.0, 4.0)
    };
    let status = |state, last| ContainerStatusSeen {
        restart_count: 3,
        container_id: Some(7),
        state,
        last,
    };
    let runs = |started_at| StateSeen::Running { started_at };
    for status in [
        status(runs(Some(at(5.0))), None),
        status(runs(Some(at(5.25))), None),
        status(runs(None), None),
        status(runs(Some(at(5.0))), Some(end(TerminatedReason::OOMKilled))),
        status(StateSeen::Terminated(end(TerminatedReason::Error)), None),
        status(StateSeen::None, None),
    ] {
        let folded = super::super::folded::Status::from(status.clone());
        assert_eq!(ContainerStatusSeen::from(folded), status);
    }
}
