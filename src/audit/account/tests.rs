use super::*;
use crate::audit::seen::{EventReason, Subject};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

/// The stop of a pod, told by an Event of its own.
fn stop(seconds: i64) -> EventSeen {
    EventSeen {
        namespace: "shop".into(),
        name: "web.1".into(),
        resource_version: 100,
        subject: Subject::Other,
        reason: EventReason::Killing,
        note: Note::StoppingContainer,
        count: 1,
        named_at: Some(at(seconds)),
        first_at: Some(at(seconds)),
        last_at: Some(at(seconds)),
        created_at: Some(at(seconds)),
        warning: false,
        host: None,
        from_kubelet: true,
    }
}

/// Two preStops of container `app` failed and are counted, the first at second 7; no Event of a stop is.
fn resumed() -> Resumed {
    let pod = PodAccount {
        is_open: true,
        lines: vec![LineAccount {
            container: "app".into(),
            kind: LineKind::PreStopFailed,
            born_at: at(7),
            counted: Numbers::up_to(2),
        }],
        ..PodAccount::default()
    };
    Resumed {
        pod,
        account: Arc::default(),
        failed_until: BTreeMap::new(),
    }
}

fn is_told(resumed: &Resumed, event: &EventSeen, container: &str) -> bool {
    resumed.told(event, container).contains_all(event.count)
}

#[test]
fn a_stop_before_a_counted_failure_is_told() {
    let mut resumed = resumed();
    assert!(is_told(&resumed, &stop(6), "app"));
    assert!(!is_told(&resumed, &stop(15), "app"));
    resumed.failed_until.insert("app".into(), at(16));
    assert!(is_told(&resumed, &stop(15), "app"));
    assert!(!is_told(&resumed, &stop(15), "other"));
    assert!(!is_told(&resumed, &stop(17), "app"));
}

#[test]
fn the_stop_of_a_pod_whose_termination_is_counted_is_told() {
    let mut resumed = resumed();
    resumed.pod.termination = Some(TerminationResult::Graceful);
    assert!(!is_told(&resumed, &stop(15), "app"));
    resumed.pod.is_open = false;
    assert!(is_told(&resumed, &stop(15), "app"));
    let probe = EventSeen {
        note: Note::LivenessProbe,
        ..stop(15)
    };
    assert!(!is_told(&resumed, &probe, "app"));
}
