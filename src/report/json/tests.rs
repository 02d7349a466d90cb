use std::sync::Arc;

use super::*;
use crate::audit::record::WorkloadRef;
use crate::report::sample;

fn json(contents: &Contents) -> String {
    let mut out = Vec::new();
    write(contents, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn value(contents: &Contents) -> serde_json::Value {
    serde_json::from_str(&json(contents)).unwrap()
}

#[test]
fn a_run_has_every_key_of_the_contract() {
    let runs = &value(&sample::contents())["runs"];
    let expected = serde_json::json!({
        "namespace": "shop",
        "pod": "web-6d5f8c7b9-x2x7k",
        "podUID": "00000000-0000-4000-8000-000000000002",
        "container": "app",
        "containerType": "Container",
        "restart": 0,
        "attempt": 1,
        "attemptReason": null,
        "workload": {"kind": "Deployment", "name": "web"},
        "hook": "PreStop",
        "handler": "Exec",
        "trigger": "Deleted",
        "outcome": "Overran",
        "confidence": "Inferred",
        "settled": true,
        "reason": null,
        "exitCode": null,
        "containerExitCode": 137,
        "stuck": false,
        "startedAt": "2026-11-22T16:02:00.364549123Z",
        "durationSeconds": {"min": 29.635, "max": 30.5},
        "graceSeconds": 30,
        "evidence": ["still running when the grace of 30 s ended"],
    });
    assert_eq!(runs[1], expected);
    let running = &runs[0];
    assert_eq!(running["outcome"], "Running");
    assert_eq!(
        running["durationSeconds"],
        serde_json::json!({"min": 0.0, "max": null})
    );
    for unknown in ["confidence", "startedAt", "graceSeconds", "trigger"] {
        assert_eq!(running.get(unknown), Some(&serde_json::Value::Null));
    }
}

#[test]
fn a_termination_has_every_key_of_the_contract() {
    let expected = serde_json::json!({
        "namespace": "shop",
        "pod": "web-6d5f8c7b9-x2x7k",
        "podUID": "00000000-0000-4000-8000-000000000002",
        "node": "node-1",
        "workload": {"kind": "Deployment", "name": "web"},
        "trigger": "Deleted",
        "requestedAt": "2026-11-22T16:02:00.000000000Z",
        "deadline": "2026-11-22T16:02:30.000000000Z",
        "containersEndedAt": "2026-11-22T16:02:32.250000000Z",
        "endedAt": "2026-11-22T16:02:33.000000000Z",
        "result": "ForceKilled",
        "cause": "PreStop",
        "confidence": "Confirmed",
        "settled": true,
        "overdueSeconds": 3.0,
        "spent": {
            "waitSeconds": {"min": 0.0, "max": 0.0},
            "hookSeconds": {"min": 30.0, "max": 31.001},
            "shutdownSeconds": null,
            "teardownSeconds": {"min": 0.0, "max": null},
        },
        "finalizers": [],
        "evidence": ["exit code 137 at the end of the grace"],
    });
    let terminations = &value(&sample::contents())["terminations"];
    assert_eq!(terminations, &serde_json::json!([expected]));
}

#[test]
fn a_workload_has_the_shapes_of_the_status() {
    let expected = serde_json::json!({
        "namespace": "shop",
        "kind": "Deployment",
        "name": "web",
        "hooks": [{
            "container": "app", "containerType": "Container", "hook": "PreStop",
            "handler": "Exec", "succeeded": 0, "failed": 0, "overran": 1, "interrupted": 0,
            "cutShort": 0, "skipped": 0, "unknown": 0, "duplicates": 0, "amended": 0,
            "lastOutcome": "Overran", "lastOutcomeTime": "2026-11-22T16:02:32.000000000Z",
            "maxDurationSeconds": 31, "lastExitCode": null,
        }],
        "terminations": {
            "total": 1, "graceful": 0, "forceKilled": 1, "forceDeleted": 0, "nodeLost": 0,
            "unknown": 0, "p50Seconds": 2, "p95Seconds": 2, "maxSeconds": 33,
            "graceUsedP95Percent": null, "recommendedGraceSeconds": 45, "recommendedFrom": 1,
        },
        "incidents": [{
            "time": "2026-11-22T16:02:32.000000000Z", "type": "PreStopOverran",
            "pod": "web-6d5f8c7b9-x2x7k", "container": "app", "hook": "PreStop", "cause": null,
            "reason": "Unspecified", "confidence": "Inferred",
            "durationSeconds": {"min": 29.635, "max": 30.5},
            "graceSeconds": 30, "exitCode": 137,
            "evidence": ["still running when the grace of 30 s ended"],
        }],
        "findings": [],
    });
    assert_eq!(value(&sample::contents())["workloads"][1], expected);
}

#[test]
fn the_envelope_names_its_version_its_time_and_its_gaps() {
    let report = value(&sample::contents());
    assert_eq!(report["apiVersion"], "hookaudit.io/report/v1");
    let expected = serde_json::json!({
        "from": "2026-11-22T16:00:00.000000000Z",
        "to": "2026-11-22T16:10:00.500000000Z",
        "gaps": [{
            "from": "2026-11-22T16:01:00.000000000Z",
            "to": "2026-11-22T16:01:37.000000000Z",
            "resource": "events",
            "reason": "Relisted",
        }],
    });
    assert_eq!(report["observation"], expected);
}

#[test]
fn keys_come_in_the_order_of_the_contract() {
    let text = json(&sample::contents());
    let places: Vec<_> = [
        "\"apiVersion\"",
        "\"observation\"",
        "\"runs\"",
        "\"podUID\"",
        "\"terminations\"",
        "\"workloads\"",
    ]
    .map(|key| text.find(key).unwrap())
    .into();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn the_order_in_which_things_were_found_changes_no_byte() {
    let mut contents = sample::contents();
    let mut second_run = contents.pods[0].runs[0].clone();
    second_run.restart = 1;
    contents.pods[0].runs.push(second_run);
    let expected = json(&contents);
    contents.pods.reverse();
    contents.workloads.reverse();
    contents.pods[1].runs.reverse();
    assert_eq!(json(&contents), expected);
}

#[test]
fn a_later_report_on_the_same_run_replaces_the_earlier_one() {
    let mut contents = sample::contents();
    let mut later = sample::killed_pod();
    later.runs[0].evidence = vec!["said again".into()];
    later.termination.as_mut().unwrap().settled = false;
    contents.pods.push(later);
    let report = value(&contents);
    assert_eq!(report["runs"].as_array().unwrap().len(), 2);
    assert_eq!(report["runs"][1]["evidence"][0], "said again");
    assert_eq!(report["terminations"].as_array().unwrap().len(), 1);
    assert_eq!(report["terminations"][0]["settled"], false);
}

#[test]
fn a_workload_of_which_nothing_happened_is_not_listed() {
    let mut contents = sample::contents();
    let quiet = WorkloadRef {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        name: "quiet".into(),
    };
    contents
        .workloads
        .push(Arc::new(sample::empty_workload("shop", quiet)));
    let report = value(&contents);
    let names: Vec<_> = report["workloads"]
        .as_array()
        .unwrap()
        .iter()
        .map(|workload| workload["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["barepods", "web"]);
}

#[test]
fn an_empty_name_is_written_as_null() {
    let mut contents = sample::contents();
    contents.pods[0].pod.node = Some("".into());
    assert_eq!(
        value(&contents)["terminations"][0]["node"],
        serde_json::Value::Null
    );
}

#[test]
fn yaml_says_the_same_as_json() {
    let contents = sample::contents();
    let mut yaml = Vec::new();
    write_yaml(&contents, &mut yaml).unwrap();
    let text = String::from_utf8(yaml).unwrap();
    let read: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(read, value(&contents));
    assert!(text.starts_with("apiVersion: hookaudit.io/report/v1\n"));
    assert!(text.ends_with('\n'));
}

#[test]
fn empty_contents_make_a_whole_report() {
    let expected = serde_json::json!({
        "apiVersion": "hookaudit.io/report/v1",
        "observation": {"from": null, "to": null, "gaps": []},
        "runs": [],
        "terminations": [],
        "workloads": [],
    });
    assert_eq!(value(&Contents::default()), expected);
}
