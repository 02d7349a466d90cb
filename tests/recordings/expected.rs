//! Every recording gives its expected report, always the same bytes. `UPDATE=1` rewrites the reports.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/demo");

fn replay(recording: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hookaudit"))
        .arg("replay")
        .arg(recording)
        .args(["-o", "json"])
        .output()
        .unwrap()
}

fn recordings() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "gz"))
        .collect();
    found.sort();
    found
}

#[test]
fn every_demo_recording_gives_its_expected_report() {
    let recordings = recordings();
    assert_eq!(recordings.len(), 12, "one recording per demo workload");
    let mut differing = Vec::new();
    for recording in recordings {
        let output = replay(&recording);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(
            output.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(
            output.stdout,
            replay(&recording).stdout,
            "twice the same recording, other bytes"
        );
        let name = recording
            .to_str()
            .unwrap()
            .strip_suffix(".jsonl.gz")
            .unwrap()
            .to_owned();
        let report = PathBuf::from(format!("{name}.report.json"));
        if std::env::var("UPDATE").is_ok_and(|value| value == "1") {
            fs::write(&report, &output.stdout).unwrap();
        } else if fs::read(&report).unwrap_or_default() != output.stdout {
            differing.push(report);
        }
    }
    assert!(
        differing.is_empty(),
        "not as expected (UPDATE=1 rewrites them): {differing:#?}"
    );
}
