//! On a real API server without a node: starting, failing to start, and writing what made-up pods show.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod forged;
mod owners;
mod secrets;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use hookaudit_testkit::cluster::{Cluster, Level, Namespace};
use hookaudit_testkit::cluster_or_skip;
use hookaudit_testkit::operator::Operator;
use hookaudit_testkit::wait::wait_for;
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hookaudit");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Runs the operator where it is to refuse; one that goes on instead is ended after a minute.
fn run(arguments: &[&str]) -> Output {
    let mut limited = Command::new("timeout");
    limited
        .args(["60", PROGRAM, "run"])
        .args(arguments)
        .output()
        .unwrap()
}

/// One line on standard error, and exit code 3.
fn refused(output: &Output) -> String {
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{words}");
    let errors: Vec<&str> = words
        .lines()
        .filter(|line| line.starts_with("error:"))
        .collect();
    assert_eq!(errors.len(), 1, "{words}");
    errors[0].to_owned()
}

fn target(name: &str) -> PathBuf {
    let folder = Path::new(ROOT).join("target/test");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

#[test]
fn a_cluster_that_does_not_answer_is_named() {
    let kubeconfig = target("nobody.kubeconfig");
    let nobody = "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
        contexts: [{name: c, context: {cluster: c, user: u}}]\n\
        clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: u, user: {}}]\n";
    std::fs::write(&kubeconfig, nobody).unwrap();
    let error = refused(&run(&["--kubeconfig", kubeconfig.to_str().unwrap()]));
    assert!(error.contains("http://127.0.0.1:1"), "{error}");
    assert!(error.contains("--kubeconfig"), "{error}");
}

#[test]
fn what_is_missing_is_named_with_the_command_that_brings_it() {
    // A server of its own: the others need the resource that is missing here.
    let cluster = cluster_or_skip!(Cluster::fresh(Level::Api, &[]));
    let kubeconfig = cluster.kubeconfig().to_str().unwrap();
    let error = refused(&run(&["--kubeconfig", kubeconfig]));
    assert!(
        error.contains("hookaudit crd | kubectl apply -f -"),
        "{error}"
    );

    install(&cluster);
    let stranger = target("stranger.kubeconfig");
    let mut config = std::fs::read_to_string(kubeconfig).unwrap();
    config = config.replace("user: {", "user: {as: stranger, ");
    if !config.contains("as: stranger") {
        config = config.replacen("  user:\n", "  user:\n    as: stranger\n", 1);
    }
    assert!(config.contains("as: stranger"), "{config}");
    std::fs::write(&stranger, config).unwrap();
    let error = refused(&run(&["--kubeconfig", stranger.to_str().unwrap()]));
    for right in ["list pods", "watch events", "patch hookaudits/status"] {
        assert!(error.contains(right), "{right} is not in {error}");
    }
}

#[test]
fn the_verdict_on_a_made_up_pod_is_written_and_its_object_made_again_when_it_is_deleted() {
    let cluster = cluster_or_skip!(Cluster::api_server());
    install(&cluster);
    let namespace = cluster.namespace("made-up").unwrap();
    let recording = target("made-up.jsonl");
    let flags = ["--record", recording.to_str().unwrap()];
    let mut operator = Operator::start(
        Path::new(PROGRAM),
        cluster.kubeconfig(),
        &target("made-up.log"),
        &flags,
    )
    .unwrap();
    operator.wait_until_ready(Duration::from_secs(60)).unwrap();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": slow_to_stop()});
    namespace.apply(&pod.to_string()).unwrap();
    overrun(&namespace, "web");

    let reason = |namespace: &Namespace<'_>| {
        let path = "jsonpath={.status.conditions[?(@.type==\"Healthy\")].reason}";
        namespace
            .kubectl(&["get", "hookaudit", "barepods", "-o", path])
            .unwrap_or_default()
    };
    wait_for(30, || reason(&namespace) == "PreStopOverran");
    let uid = || {
        namespace.kubectl(&[
            "get",
            "hookaudit",
            "barepods",
            "-o",
            "jsonpath={.metadata.uid}",
        ])
    };
    let first = uid().unwrap();
    namespace
        .kubectl(&["delete", "hookaudit", "barepods"])
        .unwrap();
    wait_for(30, || {
        uid().is_ok_and(|second| second != first) && reason(&namespace) == "PreStopOverran"
    });
    wait_for(30, || {
        let events = namespace
            .kubectl(&["get", "events", "-o", "jsonpath={.items[*].reason}"])
            .unwrap();
        events.contains("PreStopHookOverran")
    });

    let log = operator.log();
    assert!(operator.stop().unwrap().success());
    let output = Command::new(PROGRAM)
        .arg("replay")
        .arg(&recording)
        .args(["-o", "json"])
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let run = &report["runs"].as_array().unwrap()[0];
    assert_eq!(
        (run["outcome"].as_str(), run["confidence"].as_str()),
        (Some("Overran"), Some("Confirmed"))
    );
    for text in [
        log,
        std::fs::read_to_string(&recording).unwrap(),
        report.to_string(),
    ] {
        assert!(!text.contains("s3cret"), "a command leaked: {text}");
    }
}

/// The value of a sample, by its name and labels; 0 where there is none.
fn metric(operator: &Operator, sample: &str) -> u64 {
    let (_, metrics) = operator.get("/metrics").unwrap();
    let mut samples = metrics.lines().filter_map(|line| line.rsplit_once(' '));
    let value = samples.find_map(|(name, value)| (name == sample).then_some(value));
    value.map_or(0, |value| value.parse().unwrap())
}

fn install(cluster: &Cluster) {
    let crd = format!("{ROOT}/config/crd/hookaudit.io_hookaudits.yaml");
    cluster
        .kubectl(&["apply", "--server-side", "-f", &crd])
        .unwrap();
    cluster
        .wait_until_served("hookaudits.hookaudit.io")
        .unwrap();
}

/// A pod on a made-up node with a hook that takes longer than its grace.
fn slow_to_stop() -> Value {
    json!({
        "nodeName": "node-1", "terminationGracePeriodSeconds": 6,
        "automountServiceAccountToken": false,
        "containers": [{"name": "app", "image": "none", "lifecycle": {"preStop": {
            "exec": {"command": ["sh", "-c", "echo s3cret; sleep 60"]}}}}],
    })
}

/// What a kubelet shows of an exec hook that is still going when its grace of 6 s ends.
fn overrun(namespace: &Namespace<'_>, name: &str) {
    let show = |state: Value, phase: &str| {
        let status = json!({"status": {"phase": phase, "containerStatuses": [{
            "name": "app", "image": "none", "imageID": "", "ready": false, "restartCount": 0,
            "containerID": "made-up://1", "state": state,
        }]}});
        let patch = status.to_string();
        namespace
            .kubectl(&[
                "patch",
                "pod",
                name,
                "--subresource=status",
                "--type=merge",
                "-p",
                &patch,
            ])
            .unwrap();
    };
    let now = jiff::Timestamp::now();
    show(
        json!({"running": {"startedAt": format!("{:.0}", seconds_after(now, -30))}}),
        "Running",
    );
    namespace
        .kubectl(&["delete", "pod", name, "--wait=false"])
        .unwrap();
    let uid = namespace
        .kubectl(&["get", "pod", name, "-o", "jsonpath={.metadata.uid}"])
        .unwrap();
    let pod = (name, &*uid);
    event(namespace, pod, "Killing", "Stopping container app", now);
    let late = now
        .checked_add(jiff::SignedDuration::from_millis(6_230))
        .unwrap();
    event(
        namespace,
        pod,
        "FailedPreStopHook",
        "PreStopHook failed",
        late,
    );
    let finished = format!("{:.0}", seconds_after(now, 6));
    show(
        json!({"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": finished, "startedAt": finished}}),
        "Succeeded",
    );
    namespace
        .kubectl(&["delete", "pod", name, "--force", "--grace-period=0"])
        .unwrap();
}

fn seconds_after(at: jiff::Timestamp, seconds: i64) -> jiff::Timestamp {
    at.checked_add(jiff::SignedDuration::from_secs(seconds))
        .unwrap()
}

/// An Event as client-go's recorder writes it: its name ends in the time of the first occurrence.
fn event(
    namespace: &Namespace<'_>,
    (name, uid): (&str, &str),
    reason: &str,
    message: &str,
    at: jiff::Timestamp,
) {
    let stamp = format!("{at:.0}");
    let event = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": format!("{name}.{:x}", at.as_nanosecond())},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": name, "namespace": namespace.name(),
            "uid": uid, "fieldPath": "spec.containers{app}"},
        "reason": reason, "message": message, "type": "Warning", "count": 1,
        "firstTimestamp": stamp, "lastTimestamp": stamp,
        "source": {"component": "kubelet", "host": "node-1"},
        "reportingComponent": "kubelet", "reportingInstance": "node-1",
    });
    namespace.apply(&event.to_string()).unwrap();
}
