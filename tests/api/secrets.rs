//! Secrets planted wherever users have them, and looked for in everything that the operator says.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hookaudit_testkit::cluster::{Cluster, Namespace};
use hookaudit_testkit::cluster_or_skip;
use hookaudit_testkit::operator::Operator;
use hookaudit_testkit::wait::wait_for;
use serde_json::{Value, json};

use crate::{PROGRAM, install, seconds_after, target};

/// Begins every secret; the place follows, so that a leak names where it came from.
const SECRET: &str = "s3cret-of-";

fn secret(place: &str) -> String {
    format!("{SECRET}{place}")
}

#[test]
fn no_secret_of_a_pod_event_or_owner_is_in_anything_that_the_operator_says() {
    let cluster = cluster_or_skip!(Cluster::api_server());
    install(&cluster);
    let namespace = cluster.namespace("secrets").unwrap();
    let recording = target("secrets.jsonl");
    let file = recording.to_str().unwrap();
    let flags = "--log-level debug --report-scope all --record".split(' ');
    let flags: Vec<&str> = flags.chain([file]).collect();
    let (program, log) = (Path::new(PROGRAM), target("secrets.log"));
    let mut operator = Operator::start(program, cluster.kubeconfig(), &log, &flags).unwrap();
    operator.wait_until_ready(Duration::from_secs(60)).unwrap();
    plant(&namespace);
    wait_for(90, || {
        let path = "jsonpath={.items[*].status.incidents[*].type}";
        let told = namespace.kubectl(&["get", "hookaudits", "-o", path]);
        let told = told.unwrap_or_default();
        told.contains("PreStopOverran") && told.contains("PostStartFailed")
    });
    wait_for(60, || {
        written_events(&namespace).contains("PreStopHookOverran")
    });

    let mut said = Said::default();
    said.live(&cluster, &namespace, &operator);
    let log = operator.log();
    assert!(log.contains("DEBUG"), "{log}");
    assert!(operator.stop().unwrap().success());
    said.take("log", log);
    said.recorded(&namespace, file);

    // The search itself is tried: the pods' own names are found wherever pods are named.
    for what in [
        "events",
        "hookaudits",
        "recording",
        "replay -o json",
        "live why pod/db -o text",
    ] {
        let text = &said.0[what];
        assert!(
            text.contains("web") || text.contains("db"),
            "{what}: {text}"
        );
    }
    let leaks = said.0.iter().flat_map(|(what, text)| leaks(what, text));
    let leaks: Vec<String> = leaks.collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}

/// What was said, by where.
#[derive(Default)]
struct Said(BTreeMap<String, String>);

impl Said {
    fn take(&mut self, place: &str, text: String) {
        assert!(!text.is_empty(), "{place} says nothing");
        self.0.insert(place.to_owned(), text);
    }

    /// The objects that it wrote, its admin port, and `why` of a pod that is there and of one that is gone.
    fn live(&mut self, cluster: &Cluster, namespace: &Namespace<'_>, operator: &Operator) {
        self.take("events", written_events(namespace));
        let audits = ["get", "hookaudits", "-o", "json", "--show-managed-fields"];
        self.take("hookaudits", namespace.kubectl(&audits).unwrap());
        for accept in ["text/plain", "application/openmetrics-text; version=1.0.0"] {
            let (code, body) = operator.get_as("/metrics", accept).unwrap();
            assert_eq!(code, 200);
            assert!(body.contains("hookaudit_hook_runs_total{"), "{body}");
            self.take(accept, body);
        }
        self.take("readyz", operator.get("/readyz?verbose").unwrap().1);
        let kubeconfig = cluster.kubeconfig().to_str().unwrap();
        for pod in ["pod/db", "pod/web"] {
            for format in ["text", "json"] {
                let asked = ["why", pod, "-o", format];
                let access = ["--kubeconfig", kubeconfig, "-n", namespace.name()];
                let place = format!("live {}", asked.join(" "));
                self.take(&place, printed(&[asked, access].concat()));
            }
        }
    }

    /// The recording, and every report on it.
    fn recorded(&mut self, namespace: &Namespace<'_>, file: &str) {
        self.take("recording", std::fs::read_to_string(file).unwrap());
        for format in ["table", "wide", "json", "yaml"] {
            let told = printed(&["replay", file, "-o", format]);
            self.take(&format!("replay -o {format}"), told);
        }
        for pod in ["pod/db", "pod/web"] {
            for format in ["text", "json"] {
                let asked = ["why", pod, "-o", format];
                let source = ["--recording", file, "-n", namespace.name()];
                self.take(&asked.join(" "), printed(&[asked, source].concat()));
            }
        }
    }
}

/// Where secrets stand in a text, with what is around them.
fn leaks(what: &str, text: &str) -> Vec<String> {
    let found = text.match_indices(SECRET);
    let around = found.map(|(at, _)| {
        let place: String = text[at + SECRET.len()..].chars().take(40).collect();
        format!("{what}: {place}")
    });
    around.collect()
}

fn printed(words: &[&str]) -> String {
    let output = Command::new(PROGRAM).args(words).output().unwrap();
    let (out, err) = (&output.stdout, &output.stderr);
    assert!(
        output.status.success(),
        "{words:?}: {}",
        String::from_utf8_lossy(err)
    );
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

/// The Events that the operator wrote.
fn written_events(namespace: &Namespace<'_>) -> String {
    let all = namespace.kubectl(&["get", "events", "-o", "json"]).unwrap();
    let all: Value = serde_json::from_str(&all).unwrap();
    let items = all["items"].as_array().unwrap();
    let own = items
        .iter()
        .filter(|event| event["reportingComponent"] == "hookaudit.io/controller");
    own.map(ToString::to_string).collect()
}

/// Two pods of one ReplicaSet, with secrets in every text that a user or a program can fill: one fails its
/// postStart over and over, the other overruns its preStop.
fn plant(namespace: &Namespace<'_>) {
    let owner = replica_set(namespace);
    for name in ["web", "db"] {
        namespace.apply(&pod(name, &owner).to_string()).unwrap();
    }
    let now = jiff::Timestamp::now();
    let started = format!("{:.0}", seconds_after(now, -30));
    let failure = format!(
        "Exec lifecycle hook ([sh -c {0}]) for Container \"app\" in Pod \"db\" failed - error: command 'sh -c {0}' \
         exited with 7: {1}, message: \"{1}\"",
        secret("a-command"),
        secret("the-output-of-a-hook"),
    );
    let ended = json!({"exitCode": 137, "reason": "Error", "message": secret("a-termination-message"),
        "startedAt": started, "finishedAt": started, "containerID": "made-up://2"});
    let waiting = json!({"waiting": {"reason": "PostStartHookError", "message": failure}});
    show(
        namespace,
        "db",
        &waiting,
        &json!({"terminated": ended}),
        "Running",
    );
    let db = uid(namespace, "db");
    tell(namespace, ("db", &db), "FailedPostStartHook", &failure, now);

    show(
        namespace,
        "web",
        &json!({"running": {"startedAt": started}}),
        &json!({}),
        "Running",
    );
    let web = uid(namespace, "web");
    namespace
        .kubectl(&["delete", "pod", "web", "--wait=false"])
        .unwrap();
    tell(
        namespace,
        ("web", &web),
        "Killing",
        "Stopping container app",
        now,
    );
    let late = now
        .checked_add(jiff::SignedDuration::from_millis(6_230))
        .unwrap();
    let told = format!("PreStopHook failed: {}", secret("an-event-note"));
    tell(namespace, ("web", &web), "FailedPreStopHook", &told, late);
    tell(
        namespace,
        ("web", &web),
        "FailedKillPod",
        &secret("an-event-note"),
        late,
    );
    let finished = format!("{:.0}", seconds_after(now, 6));
    let ended = json!({"exitCode": 0, "reason": "Completed", "message": secret("a-termination-message"),
        "finishedAt": finished, "startedAt": started});
    show(
        namespace,
        "web",
        &json!({"terminated": ended}),
        &json!({}),
        "Succeeded",
    );
    namespace
        .kubectl(&["delete", "pod", "web", "--force", "--grace-period=0"])
        .unwrap();
}

/// The owner reference of a ReplicaSet with secrets of its own.
fn replica_set(namespace: &Namespace<'_>) -> Value {
    let template = json!({"metadata": {"labels": {"app": "web"}, "annotations": {"a": secret("a-template")}},
        "spec": {"containers": [{"name": "app", "image": "none", "env": [{"name": "T", "value": secret("a-template")}]}]}});
    let object = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": "web-5d7c667445", "annotations": {"a": secret("an-annotation-of-an-owner")}},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}});
    namespace.apply(&object.to_string()).unwrap();
    let path = [
        "get",
        "replicaset",
        "web-5d7c667445",
        "-o",
        "jsonpath={.metadata.uid}",
    ];
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d7c667445", "controller": true,
        "uid": namespace.kubectl(&path).unwrap()})
}

fn pod(name: &str, owner: &Value) -> Value {
    let request = |place: &str| {
        let query = format!("/{}?q={}", secret(place), secret("a-query"));
        json!({"httpGet": {"path": query, "port": 8080, "host": secret("a-host"),
            "httpHeaders": [{"name": "Authorization", "value": secret("a-header")}]}})
    };
    let exec = json!({"exec": {"command": ["sh", "-c", secret("a-command"), "--token", secret("an-argument")]}});
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "ownerReferences": [owner], "labels": {"app": "web"},
            "annotations": {"vault": secret("an-annotation"), "kubernetes.io/config.seen": secret("an-annotation-of-a-kubelet")}},
        "spec": {"nodeName": "node-1", "terminationGracePeriodSeconds": 6, "automountServiceAccountToken": false,
            "initContainers": [{"name": "proxy", "image": "none", "restartPolicy": "Always",
                "lifecycle": {"postStart": request("a-path"), "preStop": request("a-path")}}],
            "containers": [{"name": "app", "image": "none", "command": [secret("an-entry-point")],
                "args": [secret("an-argument-of-the-process")],
                "env": [{"name": "PASSWORD", "value": secret("an-environment")}],
                "lifecycle": {"postStart": exec, "preStop": exec},
                "livenessProbe": {"exec": {"command": [secret("a-probe")]}}}]}})
}

fn show(namespace: &Namespace<'_>, pod: &str, state: &Value, last: &Value, phase: &str) {
    let status = json!({"status": {"phase": phase, "message": secret("a-status-message"),
        "conditions": [{"type": "Ready", "status": "False", "message": secret("a-condition-message")}],
        "containerStatuses": [{
            "name": "app", "image": "none", "imageID": "", "ready": false, "restartCount": 0,
            "containerID": "made-up://1", "state": state, "lastState": last,
    }]}});
    let patch = status.to_string();
    let words = [
        "patch",
        "pod",
        pod,
        "--subresource=status",
        "--type=merge",
        "-p",
        &patch,
    ];
    namespace.kubectl(&words).unwrap();
}

fn uid(namespace: &Namespace<'_>, pod: &str) -> String {
    let path = ["get", "pod", pod, "-o", "jsonpath={.metadata.uid}"];
    namespace.kubectl(&path).unwrap()
}

fn tell(
    namespace: &Namespace<'_>,
    (pod, uid): (&str, &str),
    reason: &str,
    note: &str,
    at: jiff::Timestamp,
) {
    let stamp = format!("{at:.0}");
    let event = json!({"apiVersion": "v1", "kind": "Event",
        "metadata": {"name": format!("{pod}.{:x}{}", at.as_nanosecond(), reason.len() % 10),
            "annotations": {"a": secret("an-annotation-of-an-event")}},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": pod, "namespace": namespace.name(),
            "uid": uid, "fieldPath": "spec.containers{app}"},
        "reason": reason, "message": note, "type": "Warning", "count": 1,
        "firstTimestamp": stamp, "lastTimestamp": stamp,
        "source": {"component": "kubelet", "host": "node-1"},
        "reportingComponent": "kubelet", "reportingInstance": "node-1"});
    namespace.apply(&event.to_string()).unwrap();
}
