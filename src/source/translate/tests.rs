use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::audit::observation::Observation;
use crate::audit::seen::*;
use crate::audit::words::{ContainerType, Handler};

const UID: &str = "bb39dbd2-260a-4446-963c-c9b7fad5ee93";
const OTHER_UID: &str = "0c1b2d3e-260a-4446-963c-c9b7fad5ee93";

fn observe(resource: Resource, presence: Presence, object: &Value) -> Vec<Observation> {
    let translation = Translator::default().object(resource, presence, &object.to_string());
    translation.into_observations().collect()
}

fn pod_of(spec: &Value, status: &Value) -> (PodSeen, Vec<Observation>) {
    let metadata = json!({"name": "p", "namespace": "n", "uid": UID});
    let object = json!({"metadata": metadata, "spec": spec, "status": status});
    let mut observations = observe(Resource::Pods, Presence::Present, &object);
    let Observation::Pod(pod) = observations.remove(0) else {
        panic!("{observations:?}")
    };
    (*pod, observations)
}

fn at(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

#[test]
fn containers_come_in_the_order_in_which_a_kubelet_starts_them() {
    let (pod, defects) = pod_of(
        &json!({
            "containers": [{"name": "app"}, {"name": "web"}],
            "initContainers": [{"name": "setup"}, {"name": "side", "restartPolicy": "Always"}],
            "ephemeralContainers": [{"name": "debug"}],
        }),
        &json!({}),
    );
    assert_eq!(defects, []);
    let containers: Vec<_> = pod
        .containers
        .iter()
        .map(|container| (container.name.as_ref(), container.container_type))
        .collect();
    let expected = [
        ("debug", ContainerType::Ephemeral),
        ("setup", ContainerType::Init),
        ("side", ContainerType::Sidecar),
        ("app", ContainerType::Container),
        ("web", ContainerType::Container),
    ];
    assert_eq!(containers, expected);
}

#[test]
fn what_a_pod_leaves_out_takes_the_defaults_of_the_api() {
    let (pod, defects) = pod_of(&json!({"containers": [{"name": "app"}]}), &json!({}));
    assert_eq!(defects, []);
    assert_eq!(pod.grace_seconds, 30);
    assert_eq!(pod.restart_policy, RestartPolicy::Always);
    assert_eq!(pod.phase, Phase::Unknown);
    assert_eq!(pod.containers[0].stop_signal, 15);
    assert_eq!(pod.containers[0].status, None);
    assert_eq!((pod.deletion, pod.node, pod.created_at), (None, None, None));
}

#[test]
fn a_stop_signal_is_the_declared_one_before_the_reported_one() {
    let (pod, _) = pod_of(
        &json!({"containers": [
            {"name": "declared", "lifecycle": {"stopSignal": "SIGRTMIN+1"}}, {"name": "reported"}]}),
        &json!({"containerStatuses": [
            {"name": "declared", "stopSignal": "SIGQUIT"}, {"name": "reported", "stopSignal": "SIGQUIT"}]}),
    );
    let signals: Vec<_> = pod
        .containers
        .iter()
        .map(|container| container.stop_signal)
        .collect();
    assert_eq!(signals, [35, 3]);
}

#[test]
fn a_hook_is_known_by_handler_program_digest_port_and_seconds() {
    let (pod, defects) = pod_of(
        &json!({"containers": [
            {"name": "a", "lifecycle": {
                "postStart": {"exec": {"command": ["/bin/sh", "-c", "x"]}},
                "preStop": {"httpGet": {"port": 8080, "scheme": "HTTPS", "path": "/x"}}}},
            {"name": "b", "lifecycle": {
                "postStart": {"tcpSocket": {"port": "web"}}, "preStop": {"sleep": {"seconds": 7}}}},
            {"name": "c", "lifecycle": {"preStop": {}}},
        ]}),
        &json!({}),
    );
    let [first, second, third] = &pod.containers[..] else {
        panic!("{pod:?}")
    };
    let exec = first.post_start.as_ref().unwrap();
    assert_eq!(
        (exec.handler, exec.program.as_deref()),
        (Handler::Exec, Some("sh"))
    );
    let digest = DigestKey::default().digest(["/bin/sh", "-c", "x"]);
    assert_eq!(exec.digest.as_deref(), Some(digest.as_str()));
    let http = first.pre_stop.as_ref().unwrap();
    assert_eq!(
        (http.port.as_deref(), http.scheme.as_deref()),
        (Some("8080"), Some("HTTPS"))
    );
    let socket = second.post_start.as_ref().unwrap();
    assert_eq!(
        (socket.handler, socket.port.as_deref()),
        (Handler::TCPSocket, Some("web"))
    );
    assert_eq!(second.pre_stop.as_ref().unwrap().sleep_seconds, Some(7));
    assert_eq!(third.pre_stop, None);
    let resource = Resource::Pods;
    let expected = [Observation::Defect {
        resource,
        field: "spec.containers.lifecycle",
    }];
    assert_eq!(defects, expected);
}

#[test]
fn container_states_are_read_with_what_failed() {
    let terminated = json!({"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-11-22T10:00:09Z",
        "startedAt": null, "containerID": "containerd://00000000000000ff00"});
    let (pod, defects) = pod_of(
        &json!({"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}, {"name": "d"}]}),
        &json!({"containerStatuses": [
            {"name": "d", "state": {}},
            {"name": "a", "restartCount": 2, "lastState": {"terminated": terminated}, "state": {"waiting": {
                "reason": "PostStartHookError", "message": "HTTP lifecycle hook (/x) for Container"}}},
            {"name": "b", "state": {"running": {"startedAt": "2026-11-22T10:00:00Z"}}},
            {"name": "c", "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "exited with 3"}}}]}),
    );
    assert_eq!(defects, []);
    let status = |index: usize| pod.containers[index].status.clone().unwrap();
    let failed = StateSeen::Waiting {
        reason: WaitingReason::PostStartHookError,
        failure: Some(PostStartFailure::HTTPError),
    };
    assert_eq!((status(0).restart_count, status(0).state), (2, failed));
    let last = TerminatedSeen {
        exit_code: 137,
        reason: TerminatedReason::OOMKilled,
        started_at: None,
        finished_at: at("2026-11-22T10:00:09Z"),
        container_id: Some(0xff),
    };
    assert_eq!(status(0).last, Some(last));
    assert_eq!(
        status(1).state,
        StateSeen::Running {
            started_at: at("2026-11-22T10:00:00Z")
        }
    );
    let waiting = StateSeen::Waiting {
        reason: WaitingReason::CrashLoopBackOff,
        failure: None,
    };
    assert_eq!(status(2).state, waiting);
    assert_eq!(status(3).state, StateSeen::None);
}

#[test]
fn a_wrong_field_becomes_its_default_and_one_defect() {
    let (pod, defects) = pod_of(
        &json!({"terminationGracePeriodSeconds": "long", "containers": [{"name": "a"}, 7]}),
        &json!({"phase": ["Running"]}),
    );
    assert_eq!(
        (pod.grace_seconds, pod.phase, pod.containers.len()),
        (30, Phase::Unknown, 1)
    );
    let fields: Vec<_> = defects
        .iter()
        .map(|defect| match defect {
            Observation::Defect { field, .. } => *field,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        fields,
        [
            "spec.terminationGracePeriodSeconds",
            "status.phase",
            "spec.containers"
        ]
    );
}

#[test]
fn a_pod_that_cannot_be_named_is_only_a_defect() {
    let object = json!({"metadata": {"name": "p", "namespace": "n", "uid": "not-a-uid"}});
    let resource = Resource::Pods;
    assert_eq!(
        observe(resource, Presence::Gone, &object),
        [Observation::Defect {
            resource,
            field: "metadata.uid"
        }]
    );
}

fn event_of(fields: &Value) -> EventSeen {
    let mut object = json!({
        "metadata": {"name": "p.18ea6da0e0d77408", "namespace": "n", "resourceVersion": "4711", "creationTimestamp": "2026-11-22T17:18:59Z"},
        "involvedObject": {"kind": "Pod", "namespace": "n", "name": "p", "uid": UID, "fieldPath": "spec.containers{app}"},
        "reason": "Killing", "message": "Stopping container app", "source": {"component": "kubelet", "host": "node-1"},
        "firstTimestamp": "2026-11-22T17:18:59Z", "lastTimestamp": "2026-11-22T17:19:09Z", "count": 2,
        "type": "Normal", "eventTime": null, "series": null,
    });
    for (name, value) in fields.as_object().unwrap() {
        object[name] = value.clone();
    }
    let mut observations = observe(Resource::Events, Presence::Present, &object);
    assert_eq!(observations.len(), 1, "{observations:?}");
    match observations.remove(0) {
        Observation::Event(event) => *event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_event_of_a_kubelet_is_read_whole() {
    let expected = EventSeen {
        resource_version: 4711,
        namespace: "n".into(),
        name: "p.18ea6da0e0d77408".into(),
        subject: Subject::Pod {
            namespace: "n".into(),
            name: "p".into(),
            uid: Uid::parse(UID),
            container: Some("app".into()),
        },
        reason: EventReason::Killing,
        note: Note::StoppingContainer,
        count: 2,
        named_at: Some(Timestamp::from_nanosecond(0x18ea_6da0_e0d7_7408).unwrap()),
        first_at: at("2026-11-22T17:18:59Z"),
        last_at: at("2026-11-22T17:19:09Z"),
        created_at: at("2026-11-22T17:18:59Z"),
        warning: false,
        host: Some("node-1".into()),
        from_kubelet: true,
    };
    assert_eq!(event_of(&json!({})), expected);
}

#[test]
fn an_event_in_the_new_shape_is_read_as_well() {
    let seen = event_of(&json!({
        "involvedObject": null, "regarding": {"kind": "Node", "name": "node-1"}, "message": null,
        "source": null, "firstTimestamp": null, "lastTimestamp": null, "count": 0, "type": "Warning",
        "eventTime": "2026-11-22T17:18:59.210920Z", "note": "Starting kubelet.", "reason": "Starting",
        "series": {"count": 5, "lastObservedTime": "2026-11-22T17:20:00.5Z"},
        "reportingController": "kubelet", "reportingInstance": "node-1",
    }));
    assert_eq!(
        seen.subject,
        Subject::Node {
            name: "node-1".into()
        }
    );
    assert_eq!(
        (seen.note, seen.count, seen.warning),
        (Note::StartingKubelet, 5, true)
    );
    assert_eq!(seen.first_at, at("2026-11-22T17:18:59.210920Z"));
    assert_eq!(seen.last_at, at("2026-11-22T17:20:00.5Z"));
    assert_eq!(
        (seen.host.as_deref(), seen.from_kubelet),
        (Some("node-1"), true)
    );
}

#[test]
fn deprecated_fields_count_where_the_others_are_null() {
    let seen = event_of(&json!({
        "source": null, "deprecatedSource": {"component": "kubelet", "host": "node-2"},
        "firstTimestamp": null, "deprecatedFirstTimestamp": "2026-11-22T17:18:58Z",
        "lastTimestamp": null, "deprecatedLastTimestamp": "2026-11-22T17:18:59Z",
        "count": null, "deprecatedCount": 4,
    }));
    assert_eq!((seen.count, seen.host.as_deref()), (4, Some("node-2")));
    assert_eq!(seen.first_at, at("2026-11-22T17:18:58Z"));
}

#[test]
fn a_name_gives_a_time_only_if_it_fits_the_stamps() {
    let named = |name: &str| {
        let metadata = json!({"name": name, "namespace": "n"});
        event_of(&json!({"metadata": metadata})).named_at
    };
    assert!(named("p.18ea6da0e0d77408").is_some());
    for name in [
        "p.18ea000000000000",
        "p.bb39dbd2-260a-4446-963c",
        "p",
        "p.abc",
        "p.ffffffffffffffff",
    ] {
        assert_eq!(named(name), None, "{name}");
    }
}

#[test]
fn a_message_counts_only_under_the_reason_it_belongs_to() {
    let note =
        |reason: &str, message: &str| event_of(&json!({"reason": reason, "message": message})).note;
    assert_eq!(
        note("Killing", "FailedPostStartHook"),
        Note::FailedPostStartHook
    );
    assert_eq!(note("Pulled", "FailedPostStartHook"), Note::None);
    assert_eq!(note("Killing", "Starting kubelet."), Note::None);
    assert_eq!(note("Starting", "Starting kubelet."), Note::StartingKubelet);
    assert_eq!(note("Starting", ""), Note::None);
}

#[test]
fn the_end_of_an_event_is_not_observed() {
    assert_eq!(observe(Resource::Events, Presence::Gone, &json!({})), []);
}

#[test]
fn a_node_is_known_by_readiness_and_reach() {
    let node = json!({
        "metadata": {"name": "node-1"}, "spec": {"taints": [{"key": "node.kubernetes.io/out-of-service"}]},
        "status": {"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "2026-11-22T10:00:00Z"}]},
    });
    let seen = NodeSeen {
        name: "node-1".into(),
        ready: NodeReady::False,
        ready_since: at("2026-11-22T10:00:00Z"),
        unreachable: true,
    };
    assert_eq!(
        observe(Resource::Nodes, Presence::Present, &node),
        [Observation::Node(seen)]
    );
    let gone = Observation::NodeGone {
        name: "node-1".into(),
    };
    assert_eq!(observe(Resource::Nodes, Presence::Gone, &node), [gone]);
}

#[test]
fn owners_namespaces_and_reports_are_read_and_told_gone() {
    let controller =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "controller": true});
    let other = json!({"apiVersion": "v1", "kind": "X", "name": "x"});
    let set = json!({"metadata": {"name": "r", "namespace": "n", "uid": UID, "ownerReferences": [other, controller]}});
    let owner = OwnerSeen {
        resource: Resource::ReplicaSets,
        namespace: "n".into(),
        name: "r".into(),
        uid: Uid::parse(UID).unwrap(),
        controller: Some(ControllerRef {
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            name: "d".into(),
            uid: None,
        }),
    };
    let gone = observe(Resource::ReplicaSets, Presence::Gone, &set);
    assert_eq!(gone, [Observation::OwnerGone(owner)]);

    let namespace = json!({"metadata": {"name": "n"}, "status": {"phase": "Terminating"}});
    let terminating = Observation::Namespace {
        name: "n".into(),
        terminating: true,
    };
    assert_eq!(
        observe(Resource::Namespaces, Presence::Present, &namespace),
        [terminating]
    );

    let owners = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "d", "uid": OTHER_UID},
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": UID}]);
    let report = json!({"metadata": {"name": "h", "namespace": "n", "resourceVersion": "12", "ownerReferences": owners}, "spec": {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}, "thresholds": {"overdueSeconds": 9}}});
    let seen = observe(Resource::HookAudits, Presence::Present, &report);
    let [Observation::Report(seen)] = &seen[..] else {
        panic!("{seen:?}")
    };
    assert_eq!(
        (
            seen.resource_version.as_ref(),
            seen.thresholds.overdue_seconds,
            seen.target.uid
        ),
        ("12", Some(9), Uid::parse(UID))
    );
    let gone = Observation::ReportGone {
        namespace: "n".into(),
        name: "h".into(),
    };
    assert_eq!(
        observe(Resource::HookAudits, Presence::Gone, &report),
        [gone]
    );
}

#[test]
fn the_report_of_pods_without_a_controller_has_a_target_without_a_name() {
    let target = json!({"apiVersion": "v1", "kind": "Pod", "name": ""});
    let report =
        json!({"metadata": {"name": "barepods", "namespace": "n"}, "spec": {"targetRef": target}});
    let seen = observe(Resource::HookAudits, Presence::Present, &report);
    assert!(matches!(&seen[..], [Observation::Report(report)] if report.target.name.is_empty()));
}
