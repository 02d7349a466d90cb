//! Every word that a verdict can be is reached by some scenario, or where none can be played, by a constructed recording.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use hookaudit::audit::words::{
    AttemptReason, Cause, Confidence, Handler, Hook, IncidentType, Outcome, Reason,
    TerminationResult, Trigger,
};
use serde_json::Value;

use crate::{accuracy, constructed};

/// What only a constructed recording reaches; everything else a real kubelet showed.
const CONSTRUCTED_ONLY: [&str; 3] = [
    "run outcome Running",
    "run trigger NodeShutdown",
    "termination trigger NodeShutdown",
];

/// The words by the place in which a report has them.
fn vocabulary() -> BTreeSet<String> {
    fn of(place: &str, words: impl IntoIterator<Item = &'static str>) -> Vec<String> {
        let words = words.into_iter();
        words.map(|word| format!("{place} {word}")).collect()
    }
    let triggers = || Trigger::ALL.iter().map(|word| word.as_str());
    let of_pods = triggers().filter(|word| *word != Trigger::ContainerRestart.as_str());
    [
        of("run hook", Hook::ALL.iter().map(|word| word.as_str())),
        of("run handler", Handler::ALL.iter().map(|word| word.as_str())),
        of("run outcome", Outcome::ALL.iter().map(|word| word.as_str())),
        of("run reason", Reason::ALL.iter().map(|word| word.as_str())),
        of(
            "run attemptReason",
            AttemptReason::ALL.iter().map(|word| word.as_str()),
        ),
        of(
            "run confidence",
            Confidence::ALL.iter().map(|word| word.as_str()),
        ),
        of("run trigger", triggers()),
        of("termination trigger", of_pods),
        of(
            "termination result",
            TerminationResult::ALL.iter().map(|word| word.as_str()),
        ),
        of(
            "termination cause",
            Cause::ALL.iter().map(|word| word.as_str()),
        ),
        of(
            "termination confidence",
            Confidence::ALL.iter().map(|word| word.as_str()),
        ),
        of(
            "incident type",
            IncidentType::ALL.iter().map(|word| word.as_str()),
        ),
    ]
    .concat()
    .into_iter()
    .collect()
}

/// Every word that these recordings reach, and how often.
fn reached(recordings: &[PathBuf]) -> BTreeMap<String, usize> {
    let mut reached = BTreeMap::new();
    let mut count = |kind: &str, fields: &[&str], value: &Value| {
        for field in fields {
            if let Some(word) = value[*field].as_str() {
                *reached.entry(format!("{kind} {field} {word}")).or_insert(0) += 1;
            }
        }
    };
    let of_run = [
        "hook",
        "handler",
        "outcome",
        "reason",
        "attemptReason",
        "confidence",
        "trigger",
    ];
    let of_termination = ["trigger", "result", "cause", "confidence"];
    for recording in recordings {
        let report = constructed::report(recording);
        for run in report["runs"].as_array().unwrap() {
            count("run", &of_run, run);
        }
        for termination in report["terminations"].as_array().unwrap() {
            count("termination", &of_termination, termination);
        }
        for workload in report["workloads"].as_array().unwrap() {
            for incident in workload["incidents"].as_array().unwrap() {
                count("incident", &["type"], incident);
            }
        }
    }
    reached
}

#[test]
fn every_word_of_a_verdict_is_reached_and_nearly_all_of_them_on_a_real_kubelet() {
    let played = reached(&accuracy::recordings());
    let constructed = reached(&constructed::recordings());
    let vocabulary = vocabulary();
    let unreached: Vec<&String> = vocabulary
        .iter()
        .filter(|word| !played.contains_key(*word) && !constructed.contains_key(*word))
        .collect();
    assert!(unreached.is_empty(), "never reached: {unreached:#?}");
    let not_played: Vec<&str> = vocabulary
        .iter()
        .filter(|word| !played.contains_key(*word))
        .map(String::as_str)
        .collect();
    let known: BTreeSet<&str> = CONSTRUCTED_ONLY.into();
    assert_eq!(not_played, known.into_iter().collect::<Vec<_>>());
    let foreign: Vec<&String> = played
        .keys()
        .chain(constructed.keys())
        .filter(|word| !vocabulary.contains(*word))
        .collect();
    assert!(foreign.is_empty(), "words of no vocabulary: {foreign:#?}");
}
