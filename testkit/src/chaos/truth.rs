//! What was produced, and how a tally differs from it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::api::items;

/// Counts by `PreStop failed`, `PostStart succeeded`, `terminations` and the like.
pub type Counts = BTreeMap<String, u64>;
/// Counts by namespace and name of a `HookAudit`.
pub type Tallies = BTreeMap<(String, String), Counts>;

pub const TERMINATIONS: &str = "terminations";
/// Outcomes that the kubelet writes an Event about.
const WITH_EVENT: [&str; 4] = ["failed", "overran", "interrupted", "cutShort"];
const OUTCOMES: [&str; 7] = [
    "succeeded",
    "failed",
    "overran",
    "cutShort",
    "interrupted",
    "skipped",
    "unknown",
];
const HOOKS: [&str; 2] = ["PostStart", "PreStop"];

/// One failure, told to the API server by an Event.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    pub at: Timestamp,
    pub namespace: String,
    pub audit: String,
    pub pod: String,
    pub what: String,
    pub event: String,
    pub count: u64,
}

#[derive(Debug, Default)]
pub struct Truth(Mutex<Book>);

#[derive(Clone, Debug, Default)]
pub struct Book {
    pub tallies: Tallies,
    pub failures: Vec<Failure>,
}

impl Truth {
    pub fn add(&self, namespace: &str, audit: &str, what: &str) {
        let place = (namespace.to_owned(), audit.to_owned());
        let mut book = self.book();
        *book
            .tallies
            .entry(place)
            .or_default()
            .entry(what.to_owned())
            .or_default() += 1;
    }

    pub fn add_failure(&self, failure: Failure) {
        self.add(&failure.namespace, &failure.audit, &failure.what);
        self.book().failures.push(failure);
    }

    pub fn taken(&self) -> Book {
        self.book().clone()
    }

    pub fn count_failures(&self) -> usize {
        self.book().failures.len()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tallies of a list of `HookAudits`.
pub fn tallies_of(list: &Value) -> Tallies {
    let mut tallies = Tallies::new();
    for audit in items(list) {
        let name = |field: &str| {
            audit["metadata"][field]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let counts = tallies
            .entry((name("namespace"), name("name")))
            .or_default();
        for hook in audit["status"]["hooks"].as_array().into_iter().flatten() {
            for outcome in OUTCOMES {
                let words = format!("{} {outcome}", hook["hook"].as_str().unwrap_or_default());
                *counts.entry(words).or_default() += hook[outcome].as_u64().unwrap_or_default();
            }
        }
        let total = audit["status"]["terminations"]["total"].as_u64();
        *counts.entry(TERMINATIONS.to_owned()).or_default() += total.unwrap_or_default();
    }
    tallies
}

/// How tallies differ from the truth. Sums of what differs, so that one place cannot make up for another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Failures with an Event.
    pub produced: u64,
    pub counted: u64,
    pub lost: u64,
    pub doubled: u64,
    /// Failures that were counted with another outcome than theirs.
    pub told_otherwise: u64,
    pub successes_missing: u64,
    pub terminations_missing: u64,
    /// Successes, terminations or runs of any outcome beyond the truth.
    pub invented: u64,
    pub lost_at: BTreeMap<(String, String), u64>,
    /// Where successes or terminations are missing.
    pub missing_at: BTreeSet<(String, String)>,
    /// Where something was told that did not happen.
    pub beyond_at: BTreeSet<(String, String)>,
    /// Where anything differs, in words.
    pub words_at: BTreeMap<(String, String), String>,
}

impl AddAssign<&Self> for Difference {
    fn add_assign(&mut self, other: &Self) {
        self.produced += other.produced;
        self.counted += other.counted;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.told_otherwise += other.told_otherwise;
        self.successes_missing += other.successes_missing;
        self.terminations_missing += other.terminations_missing;
        self.invented += other.invented;
        self.lost_at.extend(other.lost_at.clone());
        self.missing_at.extend(other.missing_at.iter().cloned());
        self.beyond_at.extend(other.beyond_at.iter().cloned());
        self.words_at.extend(other.words_at.clone());
    }
}

pub fn difference(truth: &Tallies, told: &Tallies) -> Difference {
    let mut sum = Difference::default();
    let nothing = Counts::new();
    for (place, counts) in truth {
        sum += &difference_at(place, counts, told.get(place).unwrap_or(&nothing));
    }
    for (place, counts) in told.iter().filter(|(place, _)| !truth.contains_key(*place)) {
        sum += &difference_at(place, &nothing, counts);
    }
    sum
}

/// Failures with an Event.
pub fn failures_at(counts: &Counts) -> u64 {
    let named = |what: &&String| {
        WITH_EVENT
            .iter()
            .any(|outcome| what.ends_with(&format!(" {outcome}")))
    };
    counts
        .keys()
        .filter(named)
        .filter_map(|what| counts.get(what))
        .sum()
}

fn difference_at(place: &(String, String), truth: &Counts, told: &Counts) -> Difference {
    let of = |counts: &Counts, what: &str| counts.get(what).copied().unwrap_or_default();
    let runs = |counts: &Counts, hook: &str, outcomes: &[&str]| {
        let each = outcomes
            .iter()
            .map(|outcome| of(counts, &format!("{hook} {outcome}")));
        each.sum::<u64>()
    };
    let mut difference = Difference::default();
    for hook in HOOKS {
        let (produced, counted) = (
            runs(truth, hook, &WITH_EVENT),
            runs(told, hook, &WITH_EVENT),
        );
        let alike: u64 = WITH_EVENT
            .iter()
            .map(|outcome| format!("{hook} {outcome}"))
            .map(|words| of(truth, &words).min(of(told, &words)))
            .sum();
        difference.produced += produced;
        difference.counted += counted;
        difference.lost += produced.saturating_sub(counted);
        difference.doubled += counted.saturating_sub(produced);
        difference.told_otherwise += produced.min(counted).saturating_sub(alike);
        let succeeded = format!("{hook} succeeded");
        difference.successes_missing += of(truth, &succeeded).saturating_sub(of(told, &succeeded));
        let (all, all_told) = (runs(truth, hook, &OUTCOMES), runs(told, hook, &OUTCOMES));
        let beyond = of(told, &succeeded).saturating_sub(of(truth, &succeeded));
        difference.invented += beyond.max(all_told.saturating_sub(all));
    }
    let (ended, told_ended) = (of(truth, TERMINATIONS), of(told, TERMINATIONS));
    difference.terminations_missing = ended.saturating_sub(told_ended);
    difference.invented += told_ended.saturating_sub(ended);
    if difference.lost > 0 {
        difference.lost_at.insert(place.clone(), difference.lost);
    }
    if difference.doubled + difference.invented > 0 {
        difference.beyond_at.insert(place.clone());
    }
    if difference.successes_missing + difference.terminations_missing > 0 {
        difference.missing_at.insert(place.clone());
    }
    if difference.differs() {
        let without_zeros = |counts: &Counts| {
            let shown = counts.iter().filter(|(_, count)| **count > 0);
            shown
                .map(|(what, count)| format!("{what} {count}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let words = format!(
            "{}/{}: happened [{}], told [{}]",
            place.0,
            place.1,
            without_zeros(truth),
            without_zeros(told)
        );
        difference.words_at.insert(place.clone(), words);
    }
    difference
}

impl Difference {
    fn differs(&self) -> bool {
        let parts = [
            self.lost,
            self.doubled,
            self.told_otherwise,
            self.successes_missing,
            self.terminations_missing,
            self.invented,
        ];
        parts.iter().any(|part| *part > 0)
    }

    /// Where a failure is lost, or something told that did not happen.
    pub fn wrong(&self) -> Vec<&str> {
        let is_wrong = |place: &(String, String)| {
            self.beyond_at.contains(place) || self.lost_at.get(place).is_some_and(|lost| *lost > 0)
        };
        let words = self.words_at.iter();
        words
            .filter(|(place, _)| is_wrong(place))
            .map(|(_, words)| words.as_str())
            .collect()
    }

    /// What no waiting may change.
    pub fn failures(&self) -> [u64; 4] {
        [self.counted, self.lost, self.doubled, self.invented]
    }

    /// Every failure was counted, and nothing that did not happen.
    pub fn is_exact_for_failures(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.invented == 0
    }

    pub fn is_exact(&self) -> bool {
        !self.differs()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tallies(places: &[(&str, &[(&str, u64)])]) -> Tallies {
        let counts = |counts: &[(&str, u64)]| {
            counts
                .iter()
                .map(|(what, count)| ((*what).to_owned(), *count))
                .collect()
        };
        let places = places.iter();
        places
            .map(|(audit, of)| (("shop".to_owned(), (*audit).to_owned()), counts(of)))
            .collect()
    }

    #[test]
    fn a_loss_in_one_place_is_not_made_up_for_by_a_double_in_another() {
        let truth = tallies(&[
            ("a", &[("PreStop failed", 3)]),
            ("b", &[("PreStop failed", 3)]),
        ]);
        let told = tallies(&[
            ("a", &[("PreStop failed", 2)]),
            ("b", &[("PreStop failed", 4)]),
        ]);
        let difference = difference(&truth, &told);
        assert_eq!((difference.lost, difference.doubled), (1, 1));
        assert_eq!((difference.produced, difference.counted), (6, 6));
        assert_eq!(difference.wrong().len(), 2);
    }

    #[test]
    fn a_failure_told_with_another_outcome_is_neither_lost_nor_doubled() {
        let truth = tallies(&[("a", &[("PreStop failed", 2)])]);
        let told = tallies(&[("a", &[("PreStop failed", 1), ("PreStop overran", 1)])]);
        let difference = difference(&truth, &told);
        assert!(difference.is_exact_for_failures());
        assert_eq!(difference.told_otherwise, 1);
    }

    #[test]
    fn what_never_happened_is_invented_also_where_nobody_produced_anything() {
        let told = tallies(&[("a", &[("terminations", 1), ("PreStop unknown", 1)])]);
        assert_eq!(difference(&Tallies::new(), &told).invented, 2);
    }

    #[test]
    fn a_status_is_read_by_hook_and_outcome() {
        let list = json!({"items": [{
            "metadata": {"namespace": "shop", "name": "a"},
            "status": {
                "hooks": [{"hook": "PreStop", "failed": 2}, {"hook": "PreStop", "failed": 1, "succeeded": 4}],
                "terminations": {"total": 5},
            },
        }]});
        let truth = tallies(&[(
            "a",
            &[
                ("PreStop failed", 3),
                ("PreStop succeeded", 4),
                ("terminations", 5),
            ],
        )]);
        assert!(difference(&truth, &tallies_of(&list)).is_exact());
    }
}
