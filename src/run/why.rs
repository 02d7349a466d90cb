//! One pod's story, from the cluster or from a recording: by the same engine as everywhere.

mod live;
mod recorded;

use thiserror::Error;

use super::error::RunError;
use crate::audit::auditor::{Auditor, Transition};
use crate::audit::owners::provisional;
use crate::audit::record::{PodRef, PodReport, WorkloadRef};
use crate::audit::seen::{ControllerRef, PodSeen};
use crate::config::{WhyConfig, WhySource};
use crate::report::Contents;
use crate::report::why::Subject;
use crate::source::recording::RecordingError;

/// What can be told.
#[derive(Debug)]
pub struct Told {
    pub subject: Subject,
    /// What was met on the way and is worth a word to the user.
    pub warnings: Vec<String>,
}

/// There is nothing to tell.
#[derive(Debug, Error)]
pub enum WhyError {
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Recording(#[from] RecordingError),
    #[error(
        "pod {pod} is not in namespace {namespace}, and no HookAudit there remembers it{unread}; \
         find it: kubectl get pods -A | grep {pod}"
    )]
    NotFound {
        namespace: String,
        pod: String,
        /// What could not be read, in parentheses.
        unread: String,
    },
    #[error("{file}: pod {pod} is not in it; see which are: hookaudit replay {file}")]
    NotRecorded { file: String, pod: String },
    #[error("{file}: pod {pod} is in several namespaces; name one by -n: {namespaces}")]
    Ambiguous {
        file: String,
        pod: String,
        namespaces: String,
    },
}

/// Finds the pod and everything that is known of it.
///
/// # Errors
/// It is not found, or the cluster or the recording cannot be read; says what to do.
pub fn tell(config: &WhyConfig) -> Result<Told, WhyError> {
    match &config.source {
        WhySource::Live(cluster) => super::runtime()?.block_on(live::tell(
            cluster,
            config.namespace.as_deref(),
            &config.pod,
        )),
        WhySource::Recording { path, at } => {
            recorded::tell(path, *at, config.namespace.as_deref(), &config.pod)
        }
    }
}

/// All reports on one pod as one; of two on the same run the later counts.
fn merged(reports: Vec<PodReport>, pod: &PodSeen) -> PodReport {
    let contents = Contents {
        pods: reports,
        ..Contents::default()
    };
    let latest = contents.pods.last();
    PodReport {
        pod: latest.map_or_else(|| bare(pod), |report| report.pod.clone()),
        runs: contents
            .runs()
            .into_iter()
            .map(|(_, run)| run.clone())
            .collect(),
        termination: contents
            .terminations()
            .into_iter()
            .map(|(_, termination)| termination.clone())
            .next_back(),
        signs: latest
            .map(|report| report.signs.clone())
            .unwrap_or_default(),
    }
}

/// What a pod's own object says of whose it is.
fn bare(pod: &PodSeen) -> PodRef {
    let workload = |controller: &ControllerRef| provisional(controller);
    PodRef {
        namespace: pod.namespace.clone(),
        name: pod.name.clone(),
        uid: pod.uid,
        node: pod.node.clone(),
        workload: pod
            .controller
            .as_ref()
            .map_or_else(WorkloadRef::bare_pods, workload),
    }
}

/// Reports on pods of which nothing is open any more.
fn closed(auditor: &mut Auditor) -> Vec<PodReport> {
    let mut reports = Vec::new();
    while let Some(transition) = auditor.poll_transition() {
        if let Transition::Closed(report) = transition {
            reports.push(*report);
        }
    }
    reports
}
