//! Reports: one set of contents, several formats, each with types of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use jiff::Timestamp;

use crate::audit::record::{Gap, PodRef, PodReport, Run, Termination, WorkloadRef};
use crate::audit::seen::Uid;
use crate::audit::snapshot::Workload;
use crate::audit::words::Hook;

pub mod json;
pub mod table;
pub mod why;

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

/// What a report tells, in whatever order it was found.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    pub observed_from: Option<Timestamp>,
    pub observed_to: Option<Timestamp>,
    pub gaps: Vec<Gap>,
    /// Of two reports on one run or termination the later one counts.
    pub pods: Vec<PodReport>,
    pub workloads: Vec<Arc<Workload>>,
}

/// The formats of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Table(table::Style),
    Json,
    Yaml,
}

/// Writes the contents in one format.
///
/// # Errors
///
/// Those of the writer.
pub fn write(contents: &Contents, format: Format, out: &mut impl io::Write) -> io::Result<()> {
    match format {
        Format::Table(style) => table::write(contents, style, out),
        Format::Json => json::write(contents, out),
        Format::Yaml => json::write_yaml(contents, out),
    }
}

impl Contents {
    /// Every run once, by namespace, pod, pod uid, container, hook, restart and attempt.
    #[must_use]
    pub fn runs(&self) -> Vec<(&PodRef, &Run)> {
        let mut runs = BTreeMap::new();
        for report in &self.pods {
            for run in &report.runs {
                runs.insert(RunKey::new(&report.pod, run), (&report.pod, run));
            }
        }
        runs.into_values().collect()
    }

    /// Every termination once, by namespace, pod and pod uid.
    #[must_use]
    pub fn terminations(&self) -> Vec<(&PodRef, &Termination)> {
        let mut terminations = BTreeMap::new();
        for report in &self.pods {
            let pod = &report.pod;
            if let Some(termination) = &report.termination {
                terminations.insert((&pod.namespace, &pod.name, pod.uid), (pod, termination));
            }
        }
        terminations.into_values().collect()
    }

    /// The workloads with a run, a termination or an incident, by namespace, kind and name.
    #[must_use]
    pub fn workloads(&self) -> Vec<&Workload> {
        let named: BTreeSet<(&str, &WorkloadRef)> = self
            .pods
            .iter()
            .filter(|report| !report.runs.is_empty() || report.termination.is_some())
            .map(|report| (&*report.pod.namespace, &report.pod.workload))
            .collect();
        let mut listed: Vec<&Workload> = self
            .workloads
            .iter()
            .map(AsRef::as_ref)
            .filter(|workload| {
                has_history(workload) || named.contains(&(&*workload.namespace, &workload.target))
            })
            .collect();
        listed.sort_by(|left, right| workload_key(left).cmp(&workload_key(right)));
        listed
    }

    /// Every gap, by its times, resource and reason.
    #[must_use]
    pub fn gaps(&self) -> Vec<&Gap> {
        let mut gaps: Vec<&Gap> = self.gaps.iter().collect();
        gaps.sort();
        gaps
    }

    /// Incidents of all workloads.
    #[must_use]
    pub fn incident_count(&self) -> u64 {
        self.workloads
            .iter()
            .map(|workload| workload.incident_count)
            .sum()
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct RunKey<'a> {
    namespace: &'a str,
    pod: &'a str,
    pod_uid: Uid,
    container: &'a str,
    hook: Hook,
    restart: u32,
    attempt: u32,
}

impl<'a> RunKey<'a> {
    fn new(pod: &'a PodRef, run: &'a Run) -> Self {
        Self {
            namespace: &pod.namespace,
            pod: &pod.name,
            pod_uid: pod.uid,
            container: &run.container,
            hook: run.hook,
            restart: run.restart,
            attempt: run.attempt,
        }
    }
}

fn workload_key(workload: &Workload) -> (&str, &str, &str, &str, Option<Uid>) {
    let target = &workload.target;
    (
        &workload.namespace,
        &target.kind,
        &target.name,
        &target.api_version,
        workload.uid,
    )
}

fn has_history(workload: &Workload) -> bool {
    let runs: u64 = workload.hooks.iter().flat_map(|hook| hook.outcomes).sum();
    runs > 0 || workload.terminations.total() > 0 || workload.incident_count > 0
}
