//! `why` against a real API server with made-up pods.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

use hookaudit_testkit::cluster::{Cluster, Namespace};
use hookaudit_testkit::cluster_or_skip;
use serde_json::{Value, json};

const CRD: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/config/crd/hookaudit.io_hookaudits.yaml"
);

fn why(cluster: &Cluster, namespace: &Namespace<'_>, pod: &str) -> Output {
    let kubeconfig = cluster.kubeconfig().to_str().unwrap();
    Command::new(env!("CARGO_BIN_EXE_hookaudit"))
        .args(["why", pod, "-n", namespace.name()])
        .args(["--kubeconfig", kubeconfig, "-o", "json"])
        .output()
        .unwrap()
}

fn told(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn show(namespace: &Namespace<'_>, what: &str, name: &str, status: &Value) {
    let patch = json!({"status": status}).to_string();
    let place = ["patch", what, name, "--subresource=status", "--type=merge"];
    namespace
        .kubectl(&[&place[..], &["-p", &patch]].concat())
        .unwrap();
}

#[test]
fn a_live_pod_that_a_finalizer_holds_is_told_so() {
    let cluster = cluster_or_skip!(Cluster::api_server());
    let namespace = cluster.namespace("why").unwrap();
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "why-node"}});
    cluster.apply(&node.to_string()).unwrap();
    let ready = json!({"conditions": [{"type": "Ready", "status": "True"}]});
    show(&namespace, "node", "why-node", &ready);
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "kept", "finalizers": ["shop.example.com/kept"]},
        "spec": {
            "nodeName": "why-node", "automountServiceAccountToken": false,
            "containers": [{"name": "app", "image": "none"}],
        },
    });
    namespace.apply(&pod.to_string()).unwrap();
    assert_eq!(told(&why(&cluster, &namespace, "kept"))["state"], "Calm");

    let ended = json!({"phase": "Succeeded", "containerStatuses": [{
        "name": "app", "image": "none", "imageID": "", "ready": false, "restartCount": 0,
        "containerID": "made-up://1", "state": {"terminated": {
            "exitCode": 0, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:01:00Z",
        }},
    }]});
    show(&namespace, "pod", "kept", &ended);
    namespace
        .kubectl(&[
            "delete",
            "pod",
            "kept",
            "--grace-period=0",
            "--force",
            "--wait=false",
        ])
        .unwrap();
    let story = told(&why(&cluster, &namespace, "pod/kept"));
    assert_eq!(story["source"], "Live", "{story:#}");
    assert_eq!(story["state"], "Terminating", "{story:#}");
    assert_eq!(story["cause"], "Finalizer", "{story:#}");
    assert_eq!(story["confidence"], "Confirmed", "{story:#}");
    let headline = story["headline"].as_str().unwrap();
    assert!(headline.contains("shop.example.com/kept"), "{headline}");
    let released = r#"{"metadata":{"finalizers":null}}"#;
    namespace
        .kubectl(&["patch", "pod", "kept", "--type=merge", "-p", released])
        .unwrap();
}

#[test]
fn a_pod_that_is_gone_is_told_from_what_its_workload_remembers() {
    let cluster = cluster_or_skip!(Cluster::api_server());
    cluster
        .kubectl(&["apply", "--server-side", "-f", CRD])
        .unwrap();
    cluster
        .wait_until_served("hookaudits.hookaudit.io")
        .unwrap();
    let namespace = cluster.namespace("why-gone").unwrap();
    let audit = json!({
        "apiVersion": "hookaudit.io/v1alpha1", "kind": "HookAudit",
        "metadata": {"name": "statefulset-db"},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db"}},
    });
    namespace.apply(&audit.to_string()).unwrap();
    let incidents = json!({"incidents": [{
        "time": "2026-11-22T16:02:32Z", "type": "PreStopOverran", "pod": "db-0",
        "podUID": "00000000-0000-4000-8000-000000000002", "node": "n1", "container": "app",
        "hook": "PreStop", "outcome": "Overran", "confidence": "Inferred",
        "evidence": ["the grace was 30 s"],
    }]});
    show(&namespace, "hookaudit", "statefulset-db", &incidents);
    let story = told(&why(&cluster, &namespace, "pod/db-0"));
    assert_eq!(story["source"], "Incidents", "{story:#}");
    assert_eq!(story["state"], "Gone", "{story:#}");
    assert_eq!(story["pod"]["workload"]["name"], "db", "{story:#}");
    assert_eq!(story["known"][0], "the grace was 30 s", "{story:#}");

    let output = why(&cluster, &namespace, "pod/db-1");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.starts_with("error: pod db-1 is not in namespace why-gone"),
        "{error}"
    );
    assert!(error.contains("kubectl get pods -A"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}
