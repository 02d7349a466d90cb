//! What holds for any object: a redaction is enough, stays as it is, and tells no secret.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Presence, Translation, Translator};
use crate::audit::seen::Resource;
use crate::redact::{DigestKey, Redactor};

const SECRET: &str = "hunter2";
const KEY: &[u8] = b"a key of this test";

fn translated(resource: Resource, object: &Value) -> Translation {
    let translator = Translator::new(DigestKey::new(KEY));
    translator.object(resource, Presence::Present, &object.to_string())
}

/// `metadata` with a secret in each place where users have them.
fn metadata() -> Value {
    json!({"name": "p-1.18ea6da0e0d77408", "namespace": "n", "uid": "bb39dbd2-260a-4446-963c-c9b7fad5ee93",
        "resourceVersion": "7", "creationTimestamp": "2026-11-22T17:18:59Z", "generation": 2,
        "deletionTimestamp": "2026-11-22T17:20:00.123456789Z", "deletionGracePeriodSeconds": 30,
        "finalizers": ["example.com/hold"], "labels": {"token": SECRET}, "managedFields": [{"x": SECRET}],
        "annotations": {"token": SECRET, "kubernetes.io/config.hash": "0123456789abcdef0123456789abcdef",
            "kubernetes.io/config.source": SECRET, "kubernetes.io/config.seen": SECRET},
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "controller": true,
            "uid": "aa39dbd2-260a-4446-963c-c9b7fad5ee93"}]})
}

fn pod() -> Value {
    let exec_failure = format!(
        "Exec lifecycle hook ([sh -c echo {SECRET}]) for Container \"app\" in Pod \"p_n(u)\" failed - error: \
         command 'sh -c echo {SECRET}' exited with 7: {SECRET}, message: \"{SECRET}\""
    );
    let handler = |command: &str| json!({"exec": {"command": [command, "-c", SECRET, ""]}});
    let http = json!({"httpGet": {"path": format!("/{SECRET}?q={SECRET}"), "port": "http", "scheme": "HTTPS",
        "host": SECRET, "httpHeaders": [{"name": "Authorization", "value": SECRET}]}});
    let terminated = json!({"exitCode": 137, "reason": "OOMKilled", "message": SECRET,
        "startedAt": "2026-11-22T10:00:00Z", "finishedAt": "2026-11-22T10:00:09Z",
        "containerID": "containerd://5f2b8a1c3d4e5f60718293a4b5c6d7e8"});
    let container = |name: &str, lifecycle: Value| {
        json!({"name": name, "image": SECRET, "command": [SECRET], "args": [SECRET],
            "env": [{"name": SECRET, "value": SECRET}], "lifecycle": lifecycle, "restartPolicy": "Always",
            "livenessProbe": {"exec": {"command": [SECRET]}, "terminationGracePeriodSeconds": 5}})
    };
    let metadata = metadata();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata,
        "spec": {"nodeName": "node-1", "restartPolicy": "Never", "terminationGracePeriodSeconds": 9,
            "volumes": [{"name": SECRET}],
            "initContainers": [container("side", json!({"preStop": http}))],
            "containers": [
                container("app", json!({"postStart": handler("/bin/sh"), "preStop": handler("/opt/hunter2"), "stopSignal": "SIGUSR1"})),
                container("web", json!({"preStop": {"sleep": {"seconds": 3}}, "postStart": {"tcpSocket": {"port": 8080}}}))],
            "ephemeralContainers": [container("debug", json!({}))]},
        "status": {"phase": "Running", "reason": SECRET, "message": SECRET, "observedGeneration": 2,
            "conditions": [{"type": SECRET, "status": "True"}, {"type": "Ready", "status": "True", "message": SECRET},
                {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": SECRET}],
            "containerStatuses": [
                {"name": "app", "restartCount": 2, "state": {"waiting": {"reason": "PostStartHookError", "message": exec_failure}},
                    "lastState": {"terminated": terminated}, "image": SECRET},
                {"name": "web", "restartCount": 0, "state": {"waiting": {"message": SECRET,
                    "reason": format!("PostStartHookError: command 'sh -c {SECRET}' exited with 3: {SECRET}")}}}],
            "initContainerStatuses": [{"name": "side", "restartCount": 0, "stopSignal": "SIGTERM",
                "containerID": "containerd://5f2b8a1c3d4e5f60718293a4b5c6d7e8", "state": {"running": {"startedAt": "2026-11-22T10:00:00Z"}}}]}})
}

fn event(reason: &str, message: &str) -> Value {
    let metadata = metadata();
    json!({"metadata": metadata, "involvedObject": {"kind": "Pod", "namespace": "n", "name": "p-1",
            "uid": "bb39dbd2-260a-4446-963c-c9b7fad5ee93", "fieldPath": "spec.containers{app}"},
            "reason": reason, "message": message, "action": SECRET, "source": {"component": "kubelet", "host": "node-1"},
            "firstTimestamp": "2026-11-22T17:18:59Z", "lastTimestamp": "2026-11-22T17:18:59Z", "count": 3,
            "type": "Warning", "eventTime": null, "series": {"count": 4, "lastObservedTime": "2026-11-22T17:18:59.123456Z"},
            "related": {"name": SECRET}})
}

/// Objects with a secret in each place where users have them.
fn objects() -> Vec<(Resource, Value)> {
    let metadata = metadata();
    let node = json!({"metadata": metadata, "spec": {"podCIDR": SECRET, "taints": [
            {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}, {"key": SECRET, "value": SECRET}]},
        "status": {"conditions": [{"type": "Ready", "status": "Unknown", "message": SECRET,
            "lastTransitionTime": "2026-11-22T17:18:59Z"}]}});
    let audit = json!({"metadata": metadata, "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
        "thresholds": {"postStartSlowSeconds": 5, "overdueSeconds": 9}, "suppressions": [{"rule": "HA101", "reason": SECRET}]}});
    vec![
        (Resource::Pods, pod()),
        (Resource::Events, event("Killing", "Stopping container app")),
        (Resource::Events, event("FailedMount", SECRET)),
        (
            Resource::Events,
            event(SECRET, "Stopping container app with hunter2"),
        ),
        (Resource::Nodes, node),
        (
            Resource::Namespaces,
            json!({"metadata": metadata, "status": {"phase": "Terminating"}}),
        ),
        (
            Resource::ReplicaSets,
            json!({"metadata": metadata, "spec": {"template": SECRET}}),
        ),
        (Resource::Jobs, json!({"metadata": metadata})),
        (Resource::HookAudits, audit),
        (
            Resource::Leases,
            json!({"metadata": metadata, "spec": {"holderIdentity": SECRET}}),
        ),
    ]
}

#[test]
fn no_secret_is_left_in_a_redaction_or_shown_by_an_observation() {
    for (resource, object) in objects() {
        let redacted = Redactor::new(DigestKey::new(KEY)).object(resource, &object);
        assert!(!redacted.to_string().contains(SECRET), "{redacted}");
        let translation = translated(resource, &object);
        assert!(
            translation.defects.is_empty() || resource == Resource::Pods,
            "{translation:?}"
        );
        let observations: Vec<_> = translation.into_observations().collect();
        assert!(
            !format!("{observations:?}").contains(SECRET),
            "{observations:?}"
        );
        assert!(
            !observations.is_empty() || resource == Resource::Leases,
            "{resource:?}"
        );
    }
}

/// Every place in an object, as JSON pointers.
fn places(value: &Value, place: &str, all: &mut Vec<String>) {
    all.push(place.to_owned());
    let mut inner = |name: &str, value: &Value| {
        let name = name.replace('~', "~0").replace('/', "~1");
        places(value, &format!("{place}/{name}"), all);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| inner(name, value)),
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                inner(&index.to_string(), value);
            }
        }
        _ => {}
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "Other",
            "Running",
            "Never",
            "Ready",
            "True",
            "SIGRTMIN+2",
            "2026-11-22T10:00:00+02:00",
            "killing",
            "exited with -3",
            "exited with 99999999999",
            "HTTP lifecycle hook",
            "invalid handler",
            "redacted",
            "PostStartHookError",
            "PostStartHookError: invalid handler",
            "abcdef012345",
            "8080",
            "a b",
            "spec.initContainers{x}",
            "CrashLoopBackOff and more",
            "FailedPostStartHook",
            "kubelet",
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(
                (
                    prop::sample::select(vec![
                        "exec",
                        "command",
                        "hookaudit.io/digest",
                        "type",
                        "terminated",
                        "waiting",
                        "reason",
                        "message",
                        "name",
                        "uid",
                        "port",
                        "seconds",
                        "exitCode",
                    ]),
                    inner
                ),
                0..4
            )
            .prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

fn any_object() -> impl Strategy<Value = (Resource, Value)> {
    let change = (any::<prop::sample::Index>(), any_value());
    (
        prop::sample::select(objects()),
        prop::collection::vec(change, 0..6),
    )
        .prop_map(|((resource, mut object), changes)| {
            for (index, value) in changes {
                let mut all = Vec::new();
                places(&object, "", &mut all);
                if let Some(place) = object.pointer_mut(&all[index.index(all.len())]) {
                    *place = value;
                }
            }
            (resource, object)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_redaction_translates_to_the_same_and_is_not_redacted_further((resource, object) in any_object()) {
        let redacted = Redactor::new(DigestKey::new(KEY)).object(resource, &object);
        prop_assert_eq!(translated(resource, &object), translated(resource, &redacted), "{}", redacted);
        let other_key = Redactor::new(DigestKey::new(b"another"));
        prop_assert_eq!(&other_key.object(resource, &redacted), &redacted);
    }
}
