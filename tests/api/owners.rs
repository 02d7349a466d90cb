//! Real controllers and the real garbage collector: what becomes of a `HookAudit` when it, or its owner, is deleted.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use hookaudit_testkit::cluster::{Cluster, Level};
use hookaudit_testkit::cluster_or_skip;
use hookaudit_testkit::operator::Operator;
use hookaudit_testkit::wait::wait_for;
use serde_json::json;

use crate::{PROGRAM, install, metric, overrun, slow_to_stop, target};

const AUDIT: &str = "statefulset-web";

#[test]
fn a_deleted_audit_is_made_again_with_its_tallies_until_its_owner_is_gone() {
    // A cluster of its own: elsewhere is tested that nothing is written.
    let cluster = cluster_or_skip!(Cluster::fresh(Level::ControlPlane, &[]));
    install(&cluster);
    let namespace = cluster.namespace("owners").unwrap();
    let log = target("owners.log");
    let mut operator =
        Operator::start(Path::new(PROGRAM), cluster.kubeconfig(), &log, &[]).unwrap();
    operator.wait_until_ready(Duration::from_secs(60)).unwrap();
    let kubectl = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        namespace.kubectl(&words)
    };
    let audit = |path: &str| {
        kubectl(&format!(
            "get hookaudit {AUDIT} --ignore-not-found -o jsonpath={path}"
        ))
        .unwrap()
    };
    let overran = || audit("{.status.hooks[0].overran}");
    let created = || {
        metric(
            &operator,
            "hookaudit_status_writes_total{result=\"created\"}",
        )
    };

    // The pod garbage collector lets a pod alone whose node exists.
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}});
    cluster.apply(&node.to_string()).unwrap();
    let stateful_set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 1, "serviceName": "web", "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": slow_to_stop()},
        },
    });
    namespace.apply(&stateful_set.to_string()).unwrap();
    wait_for(30, || kubectl("get pod web-0").is_ok());
    overrun(&namespace, "web-0");
    wait_for(30, || overran() == "1");
    wait_for(30, || kubectl("get pod web-0").is_ok());

    // By somebody.
    let first = audit("{.metadata.uid}");
    kubectl(&format!("delete hookaudit {AUDIT}")).unwrap();
    wait_for(30, || overran() == "1" && audit("{.metadata.uid}") != first);

    // By the garbage collector, with its owner, when there is no pod.
    kubectl("scale statefulset web --replicas=0").unwrap();
    kubectl("delete pod web-0 --force --grace-period=0 --ignore-not-found").unwrap();
    wait_for(30, || kubectl("get pod web-0").is_err());
    let before = created();
    kubectl("delete statefulset web").unwrap();
    wait_for(120, || audit("{.metadata.uid}").is_empty());
    sleep(Duration::from_secs(60));
    assert_eq!(audit("{.metadata.uid}"), "");
    let again = created() - before;
    assert!(again <= 1, "made {again} times without its owner");
    assert!(operator.stop().unwrap().success());
}
