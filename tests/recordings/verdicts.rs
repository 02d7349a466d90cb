//! What a replay concludes, in the form in which two replays are compared.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};

use hookaudit::audit::auditor::Settings;
use hookaudit::audit::observation::Observation;
use hookaudit::audit::seen::Uid;
use hookaudit::audit::words::{
    Cause, Confidence, Hook, Outcome, Reason, TerminationResult, Trigger,
};
use hookaudit::run::replay::replay;
use jiff::{SignedDuration, Timestamp};

/// After this long nothing is open that time could close.
const SETTLED: SignedDuration = SignedDuration::from_secs(600);

const CONFIRMED: Option<Confidence> = Some(Confidence::Confirmed);

/// One observation at the time at which the core is told of it.
pub(crate) type Told = (Timestamp, Observation);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RunKey {
    pub(crate) pod: Uid,
    pub(crate) container: Box<str>,
    pub(crate) hook: Hook,
    pub(crate) restart: u32,
    pub(crate) attempt: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct RunVerdict {
    pub(crate) outcome: Outcome,
    pub(crate) reason: Option<Reason>,
    pub(crate) confidence: Option<Confidence>,
    pub(crate) settled: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct EndVerdict {
    pub(crate) result: Option<TerminationResult>,
    pub(crate) cause: Cause,
    pub(crate) trigger: Trigger,
    pub(crate) confidence: Option<Confidence>,
    pub(crate) settled: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Verdicts {
    pub(crate) runs: BTreeMap<RunKey, RunVerdict>,
    pub(crate) ends: BTreeMap<Uid, EndVerdict>,
}

impl Verdicts {
    /// Replays these entries and lets everything settle.
    pub(crate) fn of(mut told: Vec<Told>) -> Self {
        let last = told.last().unwrap().0;
        told.push((last.saturating_add(SETTLED).unwrap(), Observation::Tick));
        let entries = told.into_iter().map(Ok::<_, Infallible>);
        let Ok(contents) = replay(entries, Settings::default());
        let run = |(pod, run): (&hookaudit::audit::record::PodRef, _)| {
            let run: &hookaudit::audit::record::Run = run;
            let key = RunKey {
                pod: pod.uid,
                container: run.container.clone(),
                hook: run.hook,
                restart: run.restart,
                attempt: run.attempt,
            };
            let verdict = RunVerdict {
                outcome: run.outcome,
                reason: run.reason,
                confidence: run.confidence,
                settled: run.settled,
            };
            (key, verdict)
        };
        let ends = contents.terminations().into_iter().map(|(pod, end)| {
            let verdict = EndVerdict {
                result: end.result,
                cause: end.cause,
                trigger: end.trigger,
                confidence: end.confidence,
                settled: end.settled,
            };
            (pod.uid, verdict)
        });
        Self {
            runs: contents.runs().into_iter().map(run).collect(),
            ends: ends.collect(),
        }
    }

    /// What is sure here, and was concluded otherwise there.
    pub(crate) fn wrongly_confirmed(&self, before: &Self) -> Vec<String> {
        let runs = self
            .runs
            .iter()
            .map(|(key, run)| (key, run, before.runs.get(key)));
        let wrong_runs = runs
            .filter(|(_, run, _)| run.confidence == CONFIRMED)
            .filter(|(_, run, was)| was.map(|was| was.outcome) != Some(run.outcome))
            .map(|(key, run, was)| format!("{key:?}\n    was {was:?}\n    is  {run:?}"));
        let ends = self
            .ends
            .iter()
            .map(|(pod, end)| (pod, end, before.ends.get(pod)));
        let said = |end: &EndVerdict| (end.result, end.cause);
        let wrong_ends = ends
            .filter(|(_, end, _)| end.confidence == CONFIRMED)
            .filter(|(_, end, was)| was.map(said) != Some(said(end)))
            .map(|(pod, end, was)| format!("{pod}\n    was {was:?}\n    is  {end:?}"));
        wrong_runs.chain(wrong_ends).collect()
    }

    pub(crate) fn confirmed_count(&self) -> usize {
        let runs = self.runs.values().map(|run| run.confidence);
        let all = runs.chain(self.ends.values().map(|end| end.confidence));
        all.filter(|confidence| *confidence == CONFIRMED).count()
    }
}

/// Every recording beside this file.
pub(crate) fn recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let mut found = vec![folder.join("plain.jsonl.gz")];
    for folder in ["demo", "accuracy"] {
        let entries = fs::read_dir(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/recordings")
                .join(folder),
        );
        let paths = entries.unwrap().map(|entry| entry.unwrap().path());
        found.extend(paths.filter(|path| path.extension().is_some_and(|end| end == "gz")));
    }
    found.sort();
    assert!(found.len() > 100, "recordings are missing: {}", found.len());
    found
}
