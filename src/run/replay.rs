//! The loop on recorded time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::audit::auditor::{Auditor, Settings, Transition};
use crate::audit::observation::Observation;
use crate::audit::record::{PodReport, WorkloadRef};
use crate::audit::seen::Stream;
use crate::audit::snapshot::{Snapshot, Workload};
use crate::report::Contents;
use crate::source::recording::{Notices, Recording, RecordingError};

/// What a recording gave.
#[derive(Debug)]
pub struct Replayed {
    pub contents: Contents,
    /// What was met on the way and is worth a word to the user; each names the file.
    pub warnings: Vec<String>,
}

/// Replays a file. One that was cut short counts up to the cut and gives a warning.
///
/// # Errors
///
/// The file is missing, foreign or corrupted; names it and its line.
pub fn replay_file(path: &Path, settings: Settings) -> Result<Replayed, RecordingError> {
    let settings = Settings {
        streams: listed_streams(path)?,
        ..settings
    };
    let mut recording = Recording::open(path)?;
    let entries = recording
        .by_ref()
        .map(|entry| entry.map(|entry| (entry.at, entry.observation)));
    let contents = replay(entries, settings)?;
    let warnings = warnings(path, recording.notices());
    Ok(Replayed { contents, warnings })
}

/// The streams whose lists are complete at some time of the recording, as a live core is told at its start:
/// before the last of them is, nothing settles.
///
/// # Errors
///
/// The file is missing or foreign. What is wrong further down is left to who reads it to the end.
pub(super) fn listed_streams(path: &Path) -> Result<Vec<Stream>, RecordingError> {
    let streams: BTreeSet<Stream> = Recording::open(path)?
        .map_while(Result::ok)
        .filter_map(|entry| match entry.observation {
            Observation::Synced(stream) => Some(stream),
            _ => None,
        })
        .collect();
    Ok(streams.into_iter().collect())
}

/// Hands every entry of a recording to the core at its recorded time.
///
/// # Errors
///
/// The first entry that could not be read.
pub fn replay<E>(
    entries: impl IntoIterator<Item = Result<(Timestamp, Observation), E>>,
    settings: Settings,
) -> Result<Contents, E> {
    let mut auditor = Auditor::new(settings);
    let mut told = Told::default();
    let mut last_at = Timestamp::MIN;
    for entry in entries {
        let (at, observation) = entry?;
        last_at = at;
        auditor.handle(at, observation);
        told.drain(&mut auditor);
    }
    let snapshot = auditor.snapshot();
    told.pods.extend(auditor.open_reports(last_at));
    Ok(told.contents(&snapshot))
}

pub(super) fn warnings(path: &Path, notices: &Notices) -> Vec<String> {
    let file = path.display();
    let mut warnings = Vec::new();
    if let Some(line) = notices.cut_short_in_line {
        warnings.push(format!("{file}:{line}: cut short; reported up to there"));
    }
    if notices.unknown_lines > 0 {
        let count = notices.unknown_lines;
        warnings.push(format!(
            "{file}: {count} lines of an unknown kind were left out"
        ));
    }
    if notices.backward_lines > 0 {
        let count = notices.backward_lines;
        warnings.push(format!(
            "{file}: in {count} lines the clock went back; read as standing still"
        ));
    }
    warnings
}

/// What the core has told so far and does not keep.
#[derive(Default)]
struct Told {
    pods: Vec<PodReport>,
    ended: Vec<Arc<Workload>>,
}

impl Told {
    fn drain(&mut self, auditor: &mut Auditor) {
        while let Some(transition) = auditor.poll_transition() {
            match transition {
                Transition::Closed(report) => self.pods.push(*report),
                Transition::Ended(workload) => self.ended.push(workload),
                Transition::Incident { .. } | Transition::Lookup { .. } => {}
            }
        }
    }

    /// Of several workloads with one name, one after the other, the last is told.
    fn contents(self, snapshot: &Snapshot) -> Contents {
        let mut workloads: BTreeMap<(Box<str>, WorkloadRef), Arc<Workload>> = BTreeMap::new();
        for workload in self.ended.iter().chain(&snapshot.workloads) {
            let key = (workload.namespace.clone(), workload.target.clone());
            workloads.insert(key, Arc::clone(workload));
        }
        Contents {
            observed_from: snapshot.observed_from,
            observed_to: snapshot.observed_to,
            gaps: snapshot.gaps.clone(),
            pods: self.pods,
            workloads: workloads.into_values().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn snapshot(workloads: Vec<Arc<Workload>>) -> Snapshot {
        Snapshot {
            workloads,
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_workload_that_ended_is_told_unless_another_took_its_name() {
        let target = sample::killed_pod().pod.workload;
        let as_of = |revision| {
            Arc::new(Workload {
                revision,
                ..sample::empty_workload("shop", target.clone())
            })
        };
        let told = || Told {
            ended: vec![as_of(1)],
            ..Told::default()
        };
        let revisions = |contents: Contents| -> Vec<u64> {
            contents
                .workloads
                .iter()
                .map(|workload| workload.revision)
                .collect()
        };
        assert_eq!(revisions(told().contents(&snapshot(Vec::new()))), [1]);
        assert_eq!(revisions(told().contents(&snapshot(vec![as_of(2)]))), [2]);
    }

    #[test]
    fn an_entry_that_cannot_be_read_ends_the_replay() {
        let at = sample::at("2026-11-22T16:00:00Z");
        let entries = [Ok((at, Observation::Tick)), Err("line 3"), Err("line 4")];
        let error = replay(entries, Settings::default()).unwrap_err();
        assert_eq!(error, "line 3");
    }
}
