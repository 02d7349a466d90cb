//! What was recorded of the accuracy suite, replayed and graded by what truly happened. `make accuracy` makes these recordings.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use hookaudit::audit::auditor::Settings;
use hookaudit::report::json;
use hookaudit::run::replay::replay_file;
use hookaudit_testkit::truth::{Figures, Grade, Graded, Truth, grade};

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/accuracy");
const RIGHT_SHARE_LEAST: f64 = 0.98;
const SCENARIOS_LEAST: usize = 60;

#[test]
fn no_verdict_is_confirmed_and_wrong_and_nearly_all_are_right() {
    let truths = truths();
    assert!(
        truths.len() >= SCENARIOS_LEAST,
        "{} recordings",
        truths.len()
    );
    let graded = all_graded(&truths);
    let bad: Vec<String> = graded
        .iter()
        .filter(|graded| !graded.grade.is_right())
        .map(told)
        .collect();
    let figures = Figures::of(&graded);
    let said = format!("{figures:?}\n{}", bad.join("\n"));
    assert_eq!(figures.confirmed_and_wrong, 0, "{said}");
    assert!(figures.right_share() >= RIGHT_SHARE_LEAST, "{said}");
    assert!(
        figures.intervals_right_share() >= RIGHT_SHARE_LEAST,
        "{said}"
    );
}

/// Every kept recording of the suite.
pub(crate) fn recordings() -> Vec<PathBuf> {
    let name = |truth: &PathBuf| truth.to_string_lossy().replace(".truth.json", ".jsonl.gz");
    truths().iter().map(|truth| name(truth).into()).collect()
}

fn truths() -> Vec<PathBuf> {
    let mut truths: Vec<PathBuf> = fs::read_dir(KEPT)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".truth.json"))
        .collect();
    truths.sort();
    truths
}

fn all_graded(truths: &[PathBuf]) -> Vec<Graded> {
    let collected = Mutex::new(Vec::new());
    let at_once = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for share in truths.chunks(truths.len().div_ceil(at_once)) {
            let collected = &collected;
            scope.spawn(move || {
                for truth in share {
                    let graded = graded_one(truth);
                    collected.lock().unwrap().extend(graded);
                }
            });
        }
    });
    collected.into_inner().unwrap()
}

fn graded_one(path: &Path) -> Vec<Graded> {
    let truth: Truth = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let recording = path.with_file_name(&truth.recording);
    let replayed = replay_file(&recording, Settings::default()).unwrap();
    let mut report = Vec::new();
    json::write(&replayed.contents, &mut report).unwrap();
    grade(&truth, &serde_json::from_slice(&report).unwrap()).unwrap()
}

fn told(graded: &Graded) -> String {
    let Graded {
        place,
        truth,
        verdict,
        ..
    } = graded;
    let grade = Grade::name(graded.grade);
    format!(
        "{grade}: {place} was {truth}, said to be {verdict} {:?}: {}",
        graded.confidence,
        graded.complaints.join("; ")
    )
}
