//! What a real API server lets the author of an Event say, and what the operator makes of it.

use std::path::Path;
use std::time::Duration;

use hookaudit_testkit::cluster::{Cluster, Namespace};
use hookaudit_testkit::cluster_or_skip;
use hookaudit_testkit::operator::Operator;
use hookaudit_testkit::wait::wait_for;
use serde_json::{Value, json};

use crate::{PROGRAM, install, metric, target};

/// A reason that no other test here uses.
const REASON: &str = "ExceededGracePeriod";

#[test]
fn an_event_moves_nothing_in_a_namespace_that_its_author_cannot_write_to() {
    let cluster = cluster_or_skip!(Cluster::api_server());
    install(&cluster);
    let victim = cluster.namespace("victim").unwrap();
    let attacker = cluster.namespace("attacker").unwrap();
    let log = target("forged.log");
    let mut operator =
        Operator::start(Path::new(PROGRAM), cluster.kubeconfig(), &log, &[]).unwrap();
    operator.wait_until_ready(Duration::from_secs(60)).unwrap();
    let uid = stopping_pod(&victim);
    let pod = |namespace: &str, container: &str| {
        json!({"apiVersion": "v1", "kind": "Pod", "name": "web", "namespace": namespace, "uid": uid,
            "fieldPath": format!("spec.containers{{{container}}}")})
    };

    let across = event("a", REASON, &pod(victim.name(), "app"));
    let refused = attacker.apply(&across).unwrap_err().to_string();
    assert!(refused.contains("involvedObject.namespace"), "{refused}");

    // Nothing is checked but the namespace: this one the API server takes.
    let by_uid = event("b", REASON, &pod(attacker.name(), "app"));
    attacker.apply(&by_uid).unwrap();
    let no_container = event("c", REASON, &pod(victim.name(), "sidecar"));
    victim.apply(&no_container).unwrap();
    // Node Events are read in `default` alone, and there only of nodes that exist.
    let node = |namespace: &str| json!({"apiVersion": "v1", "kind": "Node", "name": "node-1", "namespace": namespace, "uid": "node-1"});
    let elsewhere = event("d", "Starting", &node(attacker.name()));
    attacker.apply(&elsewhere).unwrap();
    let of_no_node = event("forged", "Starting", &node("default"));
    cluster.apply(&of_no_node).unwrap();
    wait_for(60, || {
        refusals(&operator, REASON) == 2 && refusals(&operator, "Starting") == 1
    });

    let fits = event("e", REASON, &pod(victim.name(), "app"));
    victim.apply(&fits).unwrap();
    wait_for(60, || counted(&operator, REASON, "matched") == 1);
    assert_eq!(refusals(&operator, REASON), 2);
    assert_eq!(refusals(&operator, "Starting"), 1);
    assert_eq!(counted(&operator, "Starting", "matched"), 0);
    let audits = attacker.kubectl(&["get", "hookaudits", "-o", "name"]);
    assert_eq!(audits.unwrap(), "");
    assert!(operator.stop().unwrap().success());
    let force = ["delete", "pod", "web", "--force", "--grace-period=0"];
    victim.kubectl(&force).unwrap();
}

/// A pod that was asked to stop, on a node that has no kubelet; its uid.
fn stopping_pod(namespace: &Namespace<'_>) -> String {
    let hook = json!({"preStop": {"exec": {"command": ["sh"]}}});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
        "spec": {"nodeName": "node-1", "terminationGracePeriodSeconds": 600, "automountServiceAccountToken": false,
            "containers": [{"name": "app", "image": "none", "lifecycle": hook}]}});
    namespace.apply(&pod.to_string()).unwrap();
    namespace
        .kubectl(&["delete", "pod", "web", "--wait=false"])
        .unwrap();
    let path = ["get", "pod", "web", "-o", "jsonpath={.metadata.uid}"];
    namespace.kubectl(&path).unwrap()
}

fn event(name: &str, reason: &str, about: &Value) -> String {
    let stamp = format!("{:.0}", jiff::Timestamp::now());
    let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": name}, "involvedObject": about,
        "reason": reason, "message": "Starting kubelet.", "type": "Warning", "count": 1,
        "firstTimestamp": stamp, "lastTimestamp": stamp,
        "source": {"component": "kubelet", "host": "node-1"},
        "reportingComponent": "kubelet", "reportingInstance": "node-1"});
    event.to_string()
}

fn refusals(operator: &Operator, reason: &str) -> u64 {
    counted(operator, reason, "refused")
}

fn counted(operator: &Operator, reason: &str, result: &str) -> u64 {
    let labels = format!("reason=\"{reason}\",result=\"{result}\"");
    metric(
        operator,
        &format!("hookaudit_kube_events_total{{{labels}}}"),
    )
}
