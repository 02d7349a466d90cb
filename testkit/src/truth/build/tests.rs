use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;

use super::*;

const DAY: &str = "2026-11-23T";

/// A run's folder with what its witnesses wrote about one pod with a preStop and a grace of 10 s, deleted at 16:00:00.
struct Folder {
    path: PathBuf,
    log: String,
    ledger: String,
    runtime: String,
}

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("hookaudit-truth-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        let mut folder = Self {
            path,
            log: String::new(),
            ledger: String::new(),
            runtime: String::new(),
        };
        folder.kubelet(
            "16:00:00.100000",
            "Pod terminating with grace period",
            "gracePeriod=10",
        );
        folder.writes("15:59:50", "main", "", "start", None);
        folder
    }

    fn kubelet(&mut self, time: &str, message: &str, fields: &str) {
        let container = r#"podUID="u" containerName="app" containerID="containerd://c1""#;
        self.log += &format!(
            "I1123 {time}      58 a.go:1] \"{message}\" pod=\"n/p\" {container} {fields}\n"
        );
    }

    fn writes(&mut self, time: &str, role: &str, hook: &str, event: &str, code: Option<i32>) {
        let at: Timestamp = format!("{DAY}{time}Z").parse().unwrap();
        let line = serde_json::json!({"ns": "n", "pod": "p", "podUID": "u", "container": "app", "containerID": "c1", "role": role,
            "hook": hook, "event": event, "code": code, "signal": "", "unixnano": i64::try_from(at.as_nanosecond()).unwrap()});
        self.ledger += &format!("{line}\n");
    }

    fn runtime_ends(&mut self, time: &str, code: i32) {
        let event = serde_json::json!({"container_id": "c1", "id": "c1", "exit_status": code, "exited_at": format!("{DAY}{time}Z")});
        self.runtime += &format!("2026-11-23 {time} +0000 UTC k8s.io /tasks/exit {event}\n");
    }

    fn truth(self) -> Truth {
        let pod = |line: &str, deletion: &str, status: &str| {
            format!(
                "{{\"at\":\"{DAY}{line}Z\",\"resource\":\"pods\",\"type\":\"MODIFIED\",\"object\":{{\"metadata\":{{\"namespace\":\"n\",\"name\":\"p\",\
                 \"uid\":\"u\"{deletion}}},\"spec\":{{\"terminationGracePeriodSeconds\":10,\"containers\":[{{\"name\":\"app\",\
                 \"lifecycle\":{{\"preStop\":{{\"exec\":{{}}}}}}}}]}},\"status\":{{{status}}}}}}}\n"
            )
        };
        let deleted =
            ",\"deletionTimestamp\":\"2026-11-23T16:00:10Z\",\"deletionGracePeriodSeconds\":10";
        let ended = "\"phase\":\"Succeeded\",\"containerStatuses\":[{\"state\":{\"terminated\":{\"containerID\":\"containerd://c1\"}}}]";
        let gone = pod("16:00:14", deleted, ended).replace("MODIFIED", "DELETED");
        let killing = "{\"at\":\"2026-11-23T16:00:01Z\",\"resource\":\"events\",\"type\":\"ADDED\",\"object\":{\"involvedObject\":\
             {\"uid\":\"u\",\"fieldPath\":\"spec.containers{app}\"},\"reason\":\"Killing\",\"message\":\"Stopping container app\"}}\n";
        let recording =
            pod("15:59:51", "", "") + &pod("16:00:00.05", deleted, "") + killing + &gone;
        for (name, text) in [
            ("recording.jsonl", recording),
            ("kubelet.log", self.log),
            ("ledger.jsonl", self.ledger),
            ("runtime.log", self.runtime),
            ("actions.jsonl", String::new()),
            ("audit.log", String::new()),
        ] {
            fs::write(self.path.join(name), text).unwrap();
        }
        let witnesses = Witnesses::read(&self.path).unwrap();
        let truth = build("one", "", &self.path.join("recording.jsonl"), &witnesses).unwrap();
        fs::remove_dir_all(&self.path).unwrap();
        truth
    }
}

fn outcome(truth: &Truth) -> (&str, Option<f64>, &str, &str) {
    let run = &truth.runs[0];
    let termination = &truth.terminations[0];
    let result = termination.result.as_deref().unwrap();
    (
        &run.outcome,
        run.duration_seconds,
        result,
        &termination.acceptable_causes[0],
    )
}

#[test]
fn a_hook_that_wrote_its_own_end_failed_by_itself() {
    let mut folder = Folder::new("failed");
    folder.kubelet("16:00:00.200000", "Running preStop hook", "");
    folder.writes("16:00:00.25", "hook", "PreStop", "start", None);
    folder.writes("16:00:01.25", "hook", "PreStop", "end", Some(3));
    folder.kubelet(
        "16:00:01.300000",
        "PreStop hook failed",
        "err=\"exited with 3: \"",
    );
    folder.writes("16:00:03.5", "main", "", "end", Some(0));
    assert_eq!(
        outcome(&folder.truth()),
        ("Failed", Some(1.1), "Graceful", "WithinGrace")
    );
}

#[test]
fn a_hook_whose_main_process_went_first_was_interrupted() {
    let mut folder = Folder::new("interrupted");
    folder.kubelet("16:00:00.200000", "Running preStop hook", "");
    folder.writes("16:00:00.25", "hook", "PreStop", "start", None);
    folder.writes("16:00:01.25", "main", "", "end", Some(0));
    folder.kubelet(
        "16:00:01.300000",
        "PreStop hook failed",
        "err=\"exited with 137: \"",
    );
    assert_eq!(
        outcome(&folder.truth()),
        ("Interrupted", Some(1.1), "Graceful", "WithinGrace")
    );
}

#[test]
fn a_hook_that_was_given_up_overran_and_its_container_was_killed() {
    let mut folder = Folder::new("overran");
    folder.kubelet("16:00:00.200000", "Running preStop hook", "");
    folder.kubelet(
        "16:00:10.200000",
        "PreStop hook not completed in grace period",
        "gracePeriod=10",
    );
    folder.kubelet(
        "16:00:10.200100",
        "Killing container with a grace period",
        "gracePeriod=2",
    );
    folder.runtime_ends("16:00:12.2", 137);
    let truth = folder.truth();
    assert_eq!(
        outcome(&truth),
        ("Overran", Some(10.0), "ForceKilled", "PreStop")
    );
    assert_eq!(truth.terminations[0].killed, ["app"]);
    assert!(truth.runs[0].duration_is_minimum);
}

#[test]
fn a_shorter_grace_of_the_kubelets_own_cuts_a_hook_short() {
    let mut folder = Folder::new("cut");
    folder.kubelet(
        "16:00:00.190000",
        "Killing container with a grace period override",
        "gracePeriod=1",
    );
    folder.kubelet("16:00:00.200000", "Running preStop hook", "");
    folder.kubelet(
        "16:00:01.200000",
        "PreStop hook not completed in grace period",
        "gracePeriod=1",
    );
    folder.writes("16:00:01.25", "main", "", "end", Some(0));
    assert_eq!(
        outcome(&folder.truth()),
        ("CutShort", Some(1.0), "Graceful", "PreStop")
    );
}

#[test]
fn an_instance_that_ended_without_a_delivery_skipped_its_hook() {
    let mut folder = Folder::new("skipped");
    folder.writes("15:59:58", "main", "", "end", Some(0));
    let truth = folder.truth();
    assert_eq!(truth.runs[0].outcome, "Skipped");
    assert!(truth.terminations[0].optional);
}
