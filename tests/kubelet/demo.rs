//! The demo's workloads: every one is told right, live and replayed, and then there is silence.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hookaudit_testkit::cluster::{BUSYBOX_IMAGE, Cluster};
use hookaudit_testkit::cluster_or_skip;
use hookaudit_testkit::operator::Operator;
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_hookaudit");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const NAMESPACE: &str = "hookaudit-demo";
const OPERATOR: &str = "system:serviceaccount:hookaudit-system:hookaudit-manager";
/// An absence settles 150 s after the end; a write may wait half a minute more.
const SETTLED: Duration = Duration::from_secs(200);

/// Object, and what may stand in its columns HEALTHY and REASON.
const EXPECTED: &[(&str, &[&str])] = &[
    ("deployment-good", &["True AllHealthy"]),
    ("deployment-failing-prestop", &["False PreStopFailing"]),
    ("deployment-overrunning-prestop", &["False PreStopOverran"]),
    // Its process leaves first; within the same second that cannot be told from a failed hook.
    (
        "deployment-interrupted-prestop",
        &["True AllHealthy", "False PreStopFailing"],
    ),
    ("deployment-slow-process", &["False ForceKilled"]),
    ("deployment-failing-poststart", &["False PostStartFailing"]),
    ("deployment-tcp-poststart", &["False PostStartFailing"]),
    ("deployment-stuck-poststart", &["False PostStartStuck"]),
    ("deployment-native-sleep", &["True AllHealthy"]),
    ("deployment-finalizer", &["False TerminationOverdue"]),
    ("deployment-sidecar", &["True AllHealthy"]),
    ("job-job", &["True AllHealthy", "True NotObserved"]),
];

/// Deployments whose pods are rolled; the others tell their story by themselves.
const ROLLED: &[&str] = &[
    "good",
    "failing-prestop",
    "overrunning-prestop",
    "interrupted-prestop",
    "slow-process",
    "native-sleep",
    "sidecar",
];

/// Deployments that crash for ever, and are deleted before the silence.
const ENDED: &[&str] = &["failing-poststart", "tcp-poststart"];

#[test]
fn every_demo_workload_is_told_right_live_and_replayed_and_then_nothing_is_written() {
    let cluster = cluster_or_skip!(Cluster::with_node());
    let demo = Demo { cluster: &cluster };
    demo.install();
    let folder = Path::new(ROOT).join("target/test");
    std::fs::create_dir_all(&folder).unwrap();
    let recording = folder.join("demo.jsonl.gz");
    let kubeconfig = cluster
        .kubeconfig_of("hookaudit-system", "hookaudit-manager")
        .unwrap();
    let flags = [
        "--record",
        recording.to_str().unwrap(),
        "--overdue-seconds",
        "20",
    ];
    let mut operator = Operator::start(
        Path::new(PROGRAM),
        &kubeconfig,
        &folder.join("demo.log"),
        &flags,
    )
    .unwrap();
    operator.wait_until_ready(Duration::from_secs(60)).unwrap();

    demo.tell_stories();
    demo.wait_for_reasons();
    demo.end_crash_loops();
    std::thread::sleep(SETTLED);
    demo.assert_silence();

    let live = demo.tallies();
    assert!(operator.stop().unwrap().success());
    let mut replayed = replayed(&recording);
    // The objects of the deleted Deployments went with them.
    replayed.retain(|key, _| !ENDED.iter().any(|name| key.starts_with(name)));
    assert_eq!(
        replayed, live,
        "the recording of the live run gives other tallies"
    );
    demo.assert_rights_are_those_in_use();
    demo.remove();
}

struct Demo<'a> {
    cluster: &'a Cluster,
}

impl Demo<'_> {
    fn kubectl(&self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        self.cluster.kubectl(&words).unwrap()
    }

    fn install(&self) {
        let bases = format!("{ROOT}/config/default");
        let apply = ["apply", "-k", &bases, "-l", "!app.kubernetes.io/component"];
        self.cluster.kubectl(&apply).unwrap();
        self.cluster
            .wait_until_served("hookaudits.hookaudit.io")
            .unwrap();
    }

    fn tell_stories(&self) {
        let manifests = self.kubectl(&format!("kustomize {ROOT}/manifests/demo"));
        let manifests =
            manifests.replace("image: local/busybox:1", &format!("image: {BUSYBOX_IMAGE}"));
        self.cluster.apply(&manifests).unwrap();
        for deployment in ROLLED.iter().chain(&["finalizer"]) {
            self.kubectl(&format!(
                "wait -n {NAMESPACE} --for=condition=Available --timeout=120s deployment/{deployment}"
            ));
        }
        self.kubectl(&format!(
            "wait -n {NAMESPACE} --for=condition=Complete --timeout=120s job/job"
        ));
        for deployment in ROLLED {
            self.kubectl(&format!(
                "rollout restart -n {NAMESPACE} deployment/{deployment}"
            ));
        }
        self.kubectl(&format!(
            "delete pod -n {NAMESPACE} -l app=finalizer --wait=false"
        ));
    }

    /// HEALTHY and REASON per object.
    fn reasons(&self) -> BTreeMap<String, String> {
        let columns = "custom-columns=NAME:.metadata.name,\
            HEALTHY:.status.conditions[?(@.type==\"Healthy\")].status,\
            REASON:.status.conditions[?(@.type==\"Healthy\")].reason";
        let table = self
            .cluster
            .kubectl(&[
                "get",
                "hookaudits",
                "-n",
                NAMESPACE,
                "--no-headers",
                "-o",
                columns,
            ])
            .unwrap();
        table
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                Some((
                    words.next()?.to_owned(),
                    words.collect::<Vec<_>>().join(" "),
                ))
            })
            .collect()
    }

    fn wait_for_reasons(&self) {
        let until = Instant::now() + Duration::from_secs(330);
        loop {
            let reasons = self.reasons();
            let wrong: Vec<String> = EXPECTED
                .iter()
                .filter(|(name, allowed)| {
                    !reasons
                        .get(*name)
                        .is_some_and(|reason| allowed.contains(&reason.as_str()))
                })
                .map(|(name, allowed)| {
                    format!("{name}: {:?}, expected {allowed:?}", reasons.get(*name))
                })
                .collect();
            if wrong.is_empty() {
                assert_eq!(
                    reasons.len(),
                    EXPECTED.len(),
                    "one line per workload: {reasons:#?}"
                );
                return;
            }
            assert!(Instant::now() < until, "{}", wrong.join("\n"));
            std::thread::sleep(Duration::from_secs(2));
        }
    }

    /// What never comes to rest is deleted; the held pod is let go.
    fn end_crash_loops(&self) {
        for deployment in ENDED {
            self.kubectl(&format!("delete deployment -n {NAMESPACE} {deployment}"));
        }
        self.kubectl(&format!(
            "exec -n {NAMESPACE} deployment/stuck-poststart -- touch /tmp/released"
        ));
        self.release_held_pods();
    }

    /// One that is gone already holds nothing.
    fn release_held_pods(&self) {
        let held = self.kubectl(&format!("get pods -n {NAMESPACE} -l app=finalizer -o name"));
        for pod in held.lines() {
            let patch = r#"{"metadata":{"finalizers":null}}"#;
            let line = [
                "patch", "-n", NAMESPACE, pod, "--type", "merge", "-p", patch,
            ];
            let _gone = self.cluster.kubectl(&line);
        }
    }

    /// Nothing changes, so nothing is written: by the objects' versions, and by the audit log.
    fn assert_silence(&self) {
        let seconds = std::env::var("SILENCE_SECONDS")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(60);
        let versions = self.versions();
        let writes = self.writes().len();
        std::thread::sleep(Duration::from_secs(seconds));
        assert_eq!(
            self.versions(),
            versions,
            "an object was written without need"
        );
        let after = self.writes();
        assert_eq!(
            after.len(),
            writes,
            "written in silence: {:?}",
            &after[writes..]
        );
        println!(
            "silence for {seconds} s: {} objects kept their version, no write",
            versions.len()
        );
    }

    fn versions(&self) -> BTreeMap<String, String> {
        let list: Value =
            serde_json::from_str(&self.kubectl(&format!("get hookaudits -n {NAMESPACE} -o json")))
                .unwrap();
        let items = list["items"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        items
            .iter()
            .map(|item| {
                (
                    text(&item["metadata"]["name"]),
                    text(&item["metadata"]["resourceVersion"]),
                )
            })
            .collect()
    }

    /// The operator's requests, from the API server's audit log: verb, group, resource, subresource.
    fn requests(&self) -> Vec<[String; 4]> {
        let Some(log) = self.cluster.audit_log() else {
            return Vec::new();
        };
        let log = std::fs::read_to_string(log).unwrap();
        log.lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|line| line["user"]["username"] == OPERATOR && line["objectRef"].is_object())
            .map(|line| {
                let reference = &line["objectRef"];
                let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                [
                    word(&line["verb"]),
                    word(&reference["apiGroup"]),
                    word(&reference["resource"]),
                    word(&reference["subresource"]),
                ]
            })
            .collect()
    }

    /// All but the renewals of its Lease, which say that it lives.
    fn writes(&self) -> Vec<[String; 4]> {
        let requests = self.requests().into_iter();
        requests
            .filter(|[verb, _, resource, _]| {
                resource != "leases" && !["get", "list", "watch"].contains(&verb.as_str())
            })
            .collect()
    }

    /// Runs counted per workload, container, hook and outcome, and terminations per result.
    fn tallies(&self) -> BTreeMap<String, u64> {
        let list: Value =
            serde_json::from_str(&self.kubectl(&format!("get hookaudits -n {NAMESPACE} -o json")))
                .unwrap();
        let mut tallies = BTreeMap::new();
        for item in list["items"].as_array().unwrap() {
            let name = item["spec"]["targetRef"]["name"].as_str().unwrap();
            tally(name, &item["status"], &mut tallies);
        }
        tallies
    }

    /// The ClusterRole holds no right that the operator did not use, but for what needs a rarer occasion.
    fn assert_rights_are_those_in_use(&self) {
        if self.cluster.audit_log().is_none() {
            return;
        }
        let used: BTreeSet<[String; 4]> = self.requests().into_iter().collect();
        let role: Value =
            serde_json::from_str(&self.kubectl("get clusterrole hookaudit-manager -o json"))
                .unwrap();
        let words = |value: &Value| -> Vec<String> {
            let list = value.as_array().into_iter().flatten();
            list.filter_map(|word| word.as_str().map(ToOwned::to_owned))
                .collect()
        };
        for rule in role["rules"].as_array().unwrap() {
            for group in words(&rule["apiGroups"]) {
                for resource in words(&rule["resources"]) {
                    for verb in words(&rule["verbs"]) {
                        let (resource, subresource) =
                            resource.split_once('/').unwrap_or((&resource, ""));
                        let right = [
                            verb.clone(),
                            group.clone(),
                            resource.to_owned(),
                            subresource.to_owned(),
                        ];
                        assert!(
                            used.contains(&right)
                                || RARELY_USED.contains(&right.each_ref().map(String::as_str)),
                            "the ClusterRole grants {right:?}, which was never used; used: {used:#?}"
                        );
                    }
                }
            }
        }
    }

    fn remove(&self) {
        self.cluster
            .kubectl(&["delete", "namespace", NAMESPACE, "--wait=false"])
            .unwrap();
        let until = Instant::now() + Duration::from_secs(120);
        while self
            .cluster
            .kubectl(&["get", "namespace", NAMESPACE])
            .is_ok()
        {
            self.release_held_pods();
            assert!(Instant::now() < until, "the demo's namespace does not go");
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}

/// Rights that this run need not use, or that the audit log shows as something else.
const RARELY_USED: &[[&str; 4]] = &[
    // Where the server refuses to stream a list.
    ["list", "", "nodes", ""],
    ["list", "", "pods", ""],
    ["list", "", "namespaces", ""],
    ["list", "apps", "replicasets", ""],
    ["list", "batch", "jobs", ""],
    ["list", "hookaudit.io", "hookaudits", ""],
    // A server-side apply that makes its object is authorised as both, and logged as a patch.
    ["create", "hookaudit.io", "hookaudits", ""],
];

/// What the recording of the live run gives.
fn replayed(recording: &Path) -> BTreeMap<String, u64> {
    let output = Command::new(PROGRAM)
        .arg("replay")
        .arg(recording)
        .args(["-o", "json"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut tallies = BTreeMap::new();
    for workload in report["workloads"].as_array().unwrap() {
        if workload["namespace"] == NAMESPACE {
            tally(workload["name"].as_str().unwrap(), workload, &mut tallies);
        }
    }
    tallies
}

const OUTCOMES: &[&str] = &[
    "succeeded",
    "failed",
    "overran",
    "interrupted",
    "cutShort",
    "skipped",
    "unknown",
];
const RESULTS: &[&str] = &[
    "graceful",
    "forceKilled",
    "forceDeleted",
    "nodeLost",
    "unknown",
];

fn tally(name: &str, status: &Value, tallies: &mut BTreeMap<String, u64>) {
    let mut add = |key: String, value: &Value| {
        if let Some(count) = value.as_u64().filter(|count| *count > 0) {
            tallies.insert(key, count);
        }
    };
    for hook in status["hooks"].as_array().into_iter().flatten() {
        for outcome in OUTCOMES {
            add(
                format!("{name} {} {} {outcome}", hook["container"], hook["hook"]),
                &hook[outcome],
            );
        }
    }
    for result in RESULTS {
        add(format!("{name} {result}"), &status["terminations"][result]);
    }
}
