//! Objects as large as etcd lets them be.

use hookaudit::audit::observation::Observation;
use hookaudit::audit::seen::Resource;
use hookaudit::source::translate::{Presence, Translator};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::told::{Counted, tell_all};

fn told(objects: &[(Resource, Value)]) -> Counted {
    let translator = Translator::default();
    let mut at: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let mut told = Vec::new();
    for (resource, object) in objects {
        let text = object.to_string();
        let translation = translator.object(*resource, Presence::Present, &text);
        for observation in translation.into_observations() {
            told.push((at, observation));
        }
        at = at.checked_add(jiff::SignedDuration::from_secs(1)).unwrap();
    }
    assert!(
        told.iter()
            .all(|(_, told)| !matches!(told, Observation::Tick))
    );
    tell_all(told)
}

fn metadata(more: &Value) -> Value {
    let mut metadata =
        json!({"namespace": "n", "name": "p", "uid": "bb39dbd2-260a-4446-963c-c9b7fad5ee93"});
    let more = more.as_object().unwrap().clone();
    metadata.as_object_mut().unwrap().extend(more);
    metadata
}

#[test]
fn five_thousand_containers_are_cut_to_five_hundred() {
    let hook = json!({"preStop": {"exec": {"command": ["sh"]}}});
    let name = |number: usize| format!("c{number}");
    let containers: Vec<Value> = (0..5_000)
        .map(|number| json!({"name": name(number), "lifecycle": hook}))
        .collect();
    let status = |state: &Value| {
        let statuses: Vec<Value> = (0..5_000)
            .map(|number| json!({"name": name(number), "restartCount": 1, "state": state}))
            .collect();
        json!({"phase": "Running", "containerStatuses": statuses})
    };
    let running = json!({"running": {"startedAt": "2026-11-22T10:00:00Z"}});
    let ended = json!({"terminated": {"exitCode": 0, "finishedAt": "2026-11-22T10:00:01Z"}});
    let spec = json!({"containers": containers});
    let stop =
        json!({"deletionTimestamp": "2026-11-22T10:00:30Z", "deletionGracePeriodSeconds": 30});
    let counted = told(&[
        (
            Resource::Pods,
            json!({"metadata": metadata(&json!({})), "spec": spec, "status": status(&running)}),
        ),
        (
            Resource::Pods,
            json!({"metadata": metadata(&stop), "spec": spec, "status": status(&ended)}),
        ),
    ]);
    assert_eq!(counted.defects["pods spec.containers"], 2);
}

#[test]
fn lists_and_texts_without_end_are_cut_or_refused() {
    let megabyte = "x".repeat(1 << 20);
    let many: Vec<String> = (0..50_000).map(|number| format!("a/{number}")).collect();
    let owner =
        json!([{"apiVersion": "v1", "kind": megabyte, "name": megabyte, "controller": true}]);
    let conditions: Vec<Value> = (0..50_000)
        .map(|_| json!({"type": "Ready", "status": "True"}))
        .collect();
    let stop = json!({"finalizers": many, "ownerReferences": owner,
        "deletionTimestamp": "2026-11-22T10:00:30Z", "deletionGracePeriodSeconds": 0});
    let subject =
        json!({"kind": "Pod", "name": megabyte, "uid": "bb39dbd2-260a-4446-963c-c9b7fad5ee93"});
    let counted = told(&[
        (
            Resource::Pods,
            json!({"metadata": metadata(&stop), "spec": {"nodeName": megabyte},
            "status": {"conditions": conditions}}),
        ),
        (
            Resource::Events,
            json!({"metadata": {"namespace": "n", "name": "e"}, "involvedObject": subject,
            "reason": megabyte, "message": megabyte, "source": {"component": "kubelet", "host": megabyte}}),
        ),
    ]);
    for defect in [
        "pods metadata.finalizers",
        "pods metadata.ownerReferences.kind",
        "pods spec.nodeName",
        "events involvedObject.name",
        "events source.host",
    ] {
        assert_eq!(
            counted.defects.get(defect),
            Some(&1),
            "{defect} in {counted:?}"
        );
    }
}

#[test]
fn what_is_nested_without_end_is_a_defect() {
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let text = format!("{{\"metadata\":{nested}}}");
    let translation = Translator::default().object(Resource::Pods, Presence::Present, &text);
    let observations: Vec<Observation> = translation.into_observations().collect();
    let is_defect = |told: &Observation| matches!(told, Observation::Defect { .. });
    assert!(
        !observations.is_empty() && observations.iter().all(is_defect),
        "{observations:?}"
    );
}
