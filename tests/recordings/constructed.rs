//! What cannot be made on a test node, written by hand after what a kubelet is known to show, and the verdicts it must get.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use hookaudit::audit::auditor::Settings;
use hookaudit::report::json;
use hookaudit::run::replay::replay_file;
use hookaudit_testkit::accuracy::scenarios::NOT_RUN;
use serde_json::Value;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/constructed");
const EXPECTED: &str = ".expected.json";

pub(crate) fn recordings() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .collect();
    found.sort();
    found
}

pub(crate) fn report(recording: &Path) -> Value {
    let replayed = replay_file(recording, Settings::default()).unwrap();
    let mut report = Vec::new();
    json::write(&replayed.contents, &mut report).unwrap();
    serde_json::from_slice(&report).unwrap()
}

#[test]
fn every_constructed_recording_gets_its_expected_verdicts_and_no_others() {
    let mut differing = Vec::new();
    for recording in recordings() {
        let name = recording.file_stem().unwrap().to_str().unwrap().to_owned();
        let expected = recording.with_file_name(format!("{name}{EXPECTED}"));
        let expected: Value = serde_json::from_slice(&fs::read(expected).unwrap()).unwrap();
        let report = report(&recording);
        for list in ["runs", "terminations"] {
            let (wanted, told) = (&expected[list], &report[list]);
            let (wanted, told) = (wanted.as_array().unwrap(), told.as_array().unwrap());
            if wanted.len() != told.len() {
                differing.push(format!(
                    "{name}: {} {list}, not {}",
                    told.len(),
                    wanted.len()
                ));
            }
            for (wanted, told) in wanted.iter().zip(told) {
                let fields = wanted.as_object().unwrap().iter();
                let other = fields.filter(|(field, value)| told[field.as_str()] != **value);
                differing.extend(other.map(|(field, value)| {
                    format!("{name}: {field} is {}, not {value}", told[field.as_str()])
                }));
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn each_of_them_stands_for_something_that_is_not_run_and_each_such_thing_has_one() {
    let present: BTreeSet<String> = recordings()
        .iter()
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let named: BTreeSet<String> = NOT_RUN
        .iter()
        .flat_map(|not_run| not_run.constructed)
        .map(|name| (*name).to_owned())
        .collect();
    assert_eq!(present, named);
    for not_run in NOT_RUN {
        assert!(!not_run.constructed.is_empty(), "{}", not_run.what);
    }
}
