//! The state machine: observations in, transitions and snapshots out.

use std::sync::Arc;

use jiff::Timestamp;

use super::observation::{Observation, Thresholds, Uid};
use super::record::{Incident, PodReport, WorkloadRef};
use super::snapshot::Snapshot;

/// What the core is told once, at its start.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The operator's defaults; a `HookAudit` may say otherwise for its workload.
    pub thresholds: Thresholds,
    /// Seed of the indexes by uid and name, whose keys are chosen by users.
    pub seed: u64,
}

/// Something that happened once and is told once.
#[derive(Debug, Clone, PartialEq)]
pub enum Transition {
    /// Tell it as a Kubernetes Event on the workload.
    Incident {
        namespace: Box<str>,
        target: WorkloadRef,
        incident: Box<Incident>,
    },
    /// List the Events of this pod, and hand each of them in as an observation.
    Lookup {
        namespace: Box<str>,
        pod: Box<str>,
        uid: Uid,
    },
    /// Everything about this pod is settled and nothing of it is kept but tallies.
    Closed(Box<PodReport>),
}

/// The core.
#[derive(Debug, Default)]
pub struct Auditor {}

impl Auditor {
    #[must_use]
    pub fn new(_settings: Settings) -> Self {
        Self {}
    }

    /// Takes one observation. Every deadline due by `now` fires first, each at its own time.
    pub fn handle(&mut self, _now: Timestamp, _observation: Observation) {}

    /// Fires every deadline due by `now`.
    pub fn handle_timeout(&mut self, _now: Timestamp) {}

    /// When [`Self::handle_timeout`] wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        None
    }

    /// The next transition; drain after every call that changes something.
    pub fn poll_transition(&mut self) -> Option<Transition> {
        None
    }

    /// The state of every workload, a cheap handle.
    pub fn snapshot(&mut self) -> Arc<Snapshot> {
        Arc::default()
    }

    /// What is known of every pod whose case is open, sorted by namespace, pod and uid.
    #[must_use]
    pub fn open_reports(&self, _now: Timestamp) -> Vec<PodReport> {
        Vec::new()
    }
}
