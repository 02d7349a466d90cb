//! What `why` says of pods of real recordings, in 80 columns. `UPDATE=1` rewrites the stories.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings");

/// Recording, pod, and the moment at which it is asked; the end where there is none.
const ASKED: [(&str, &str, Option<&str>); 9] = [
    (
        "demo/finalizer",
        "finalizer-5d7c667445-f5d66",
        Some("2026-11-23T17:41:00Z"),
    ),
    ("demo/finalizer", "finalizer-5d7c667445-f5d66", None),
    (
        "demo/stuck-poststart",
        "stuck-poststart-54f45c558f-7fl6l",
        Some("2026-11-23T17:41:00Z"),
    ),
    (
        "demo/overrunning-prestop",
        "overrunning-prestop-5958f97bc-fgk8l",
        Some("2026-11-23T17:39:49Z"),
    ),
    (
        "demo/overrunning-prestop",
        "overrunning-prestop-5958f97bc-fgk8l",
        None,
    ),
    (
        "demo/slow-process",
        "slow-process-cfcf6d57f-t9qrd",
        Some("2026-11-23T17:39:52.5Z"),
    ),
    ("demo/slow-process", "slow-process-cfcf6d57f-t9qrd", None),
    (
        "demo/interrupted-prestop",
        "interrupted-prestop-5b4fd4fcdb-wnsl5",
        None,
    ),
    (
        "demo/stuck-poststart",
        "stuck-poststart-54f45c558f-7fl6l",
        None,
    ),
];

fn why(recording: &str, pod: &str, more: &[&str]) -> Output {
    let file = format!("{FOLDER}/{recording}.jsonl.gz");
    Command::new(env!("CARGO_BIN_EXE_hookaudit"))
        .args(["why", &format!("pod/{pod}"), "--recording", &file])
        .args(more)
        .output()
        .unwrap()
}

fn assert_narrow(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert!(!line.contains('\u{1b}'), "{line}");
    }
}

#[test]
fn every_story_is_as_expected_and_fits_80_columns() {
    let mut differing = Vec::new();
    for (recording, pod, at) in ASKED {
        let more: Vec<&str> = at.into_iter().flat_map(|at| ["--at", at]).collect();
        let output = why(recording, pod, &more);
        assert!(output.status.success(), "{output:?}");
        let told = String::from_utf8(output.stdout).unwrap();
        assert_narrow(&told);
        let when = if at.is_some() { "while" } else { "after" };
        let name = recording.trim_start_matches("demo/");
        let story = Path::new(FOLDER).join(format!("why/{name}.{when}.txt"));
        if std::env::var("UPDATE").is_ok_and(|value| value == "1") {
            fs::create_dir_all(story.parent().unwrap()).unwrap();
            fs::write(&story, &told).unwrap();
        } else if fs::read_to_string(&story).unwrap_or_default() != told {
            differing.push(story);
        }
    }
    assert!(
        differing.is_empty(),
        "not as expected (UPDATE=1 rewrites them): {differing:#?}"
    );
}

#[test]
fn every_pod_of_every_recording_has_a_story_in_80_columns() {
    let mut told = 0;
    let plain = Path::new(FOLDER).join("plain.jsonl.gz");
    let demo = fs::read_dir(Path::new(FOLDER).join("demo")).unwrap();
    let recordings = demo.map(|entry| entry.unwrap().path()).chain([plain]);
    for file in recordings.filter(|path| path.extension().is_some_and(|end| end == "gz")) {
        let replay = Command::new(env!("CARGO_BIN_EXE_hookaudit"))
            .args(["replay", "-o", "json", file.to_str().unwrap()])
            .output()
            .unwrap();
        let report: serde_json::Value = serde_json::from_slice(&replay.stdout).unwrap();
        let lists = ["runs", "terminations"].map(|list| report[list].as_array().unwrap().clone());
        let mut pods: Vec<(String, String)> = lists
            .concat()
            .iter()
            .map(|row| {
                let text = |key: &str| row[key].as_str().unwrap().to_owned();
                (text("namespace"), text("pod"))
            })
            .collect();
        pods.sort();
        pods.dedup();
        let recording = file.strip_prefix(FOLDER).unwrap().to_str().unwrap();
        let recording = recording.strip_suffix(".jsonl.gz").unwrap();
        for (namespace, pod) in pods {
            let output = why(recording, &pod, &["-n", &namespace]);
            assert!(output.status.success(), "{output:?}");
            assert_narrow(&String::from_utf8(output.stdout).unwrap());
            told += 1;
        }
    }
    assert!(told >= 12, "only {told} pods");
}
