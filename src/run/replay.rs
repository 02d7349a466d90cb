//! The loop on recorded time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::audit::auditor::{Auditor, Settings, Transition};
use crate::audit::observation::Observation;
use crate::audit::record::{PodReport, WorkloadRef};
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
    let mut recording = Recording::open(path)?;
    let entries = recording
        .by_ref()
        .map(|entry| entry.map(|entry| (entry.at, entry.observation)));
    let contents = replay(entries, settings)?;
    let warnings = warnings(path, recording.notices());
    Ok(Replayed { contents, warnings })
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

fn warnings(path: &Path, notices: &Notices) -> Vec<String> {
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
    /// As of their last closed pod: the core drops a workload once its owner and pods are gone.
    workloads: BTreeMap<(Box<str>, WorkloadRef), Arc<Workload>>,
}

impl Told {
    fn drain(&mut self, auditor: &mut Auditor) {
        while let Some(transition) = auditor.poll_transition() {
            if let Transition::Closed(report) = transition {
                self.close(*report, &auditor.snapshot());
            }
        }
    }

    fn close(&mut self, report: PodReport, snapshot: &Snapshot) {
        let pod = &report.pod;
        let wanted = (&pod.namespace, &pod.workload.kind, &pod.workload.name);
        let found = snapshot.workloads.binary_search_by(|workload| {
            let target = &workload.target;
            (&workload.namespace, &target.kind, &target.name).cmp(&wanted)
        });
        if let Ok(place) = found {
            let key = (pod.namespace.clone(), pod.workload.clone());
            self.workloads
                .insert(key, Arc::clone(&snapshot.workloads[place]));
        }
        self.pods.push(report);
    }

    fn contents(mut self, snapshot: &Snapshot) -> Contents {
        for workload in &snapshot.workloads {
            let key = (workload.namespace.clone(), workload.target.clone());
            self.workloads.insert(key, Arc::clone(workload));
        }
        Contents {
            observed_from: snapshot.observed_from,
            observed_to: snapshot.observed_to,
            gaps: snapshot.gaps.clone(),
            pods: self.pods,
            workloads: self.workloads.into_values().collect(),
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
    fn a_workload_that_ends_before_the_recording_is_told_as_of_its_last_pod() {
        let mut workloads = sample::contents().workloads;
        workloads.sort_by_key(|workload| workload.namespace.clone());
        let mut told = Told::default();
        told.close(sample::killed_pod(), &snapshot(workloads));
        let contents = told.contents(&snapshot(Vec::new()));
        let names: Vec<_> = contents
            .workloads()
            .iter()
            .map(|workload| workload.target.name.clone())
            .collect();
        assert_eq!(names, ["web".into()]);
        assert_eq!(contents.runs().len(), 1);
    }

    #[test]
    fn a_workload_that_goes_on_is_told_as_of_the_end() {
        let target = sample::killed_pod().pod.workload;
        let as_of = |revision| {
            let workload = Workload {
                revision,
                ..sample::empty_workload("shop", target.clone())
            };
            snapshot(vec![Arc::new(workload)])
        };
        let mut told = Told::default();
        told.close(sample::killed_pod(), &as_of(1));
        let contents = told.contents(&as_of(2));
        let revisions: Vec<_> = contents
            .workloads
            .iter()
            .map(|workload| workload.revision)
            .collect();
        assert_eq!(revisions, [2]);
    }

    #[test]
    fn an_entry_that_cannot_be_read_ends_the_replay() {
        let at = sample::at("2026-11-22T16:00:00Z");
        let entries = [Ok((at, Observation::Tick)), Err("line 3"), Err("line 4")];
        let error = replay(entries, Settings::default()).unwrap_err();
        assert_eq!(error, "line 3");
    }
}
