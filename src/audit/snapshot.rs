//! What sinks and reports read: a cheap handle on the state of every workload.

use std::sync::Arc;

use jiff::Timestamp;

use super::account::Account;
use super::record::{Gap, Incident, WorkloadRef};
use super::seen::{HookSpec, Thresholds, Uid};
use super::words::{
    Cause, ConditionStatus, ConditionType, Confidence, ContainerType, Fault, Hook, Outcome, Reason,
    Recovery, TerminationResult,
};

/// The state of every workload at one moment. Cloning it is cheap.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Grows with every change of any workload.
    pub revision: u64,
    /// All first lists are complete.
    pub synced: bool,
    pub observed_from: Option<Timestamp>,
    pub observed_to: Option<Timestamp>,
    pub gaps: Vec<Gap>,
    pub tracked_pods: usize,
    pub open_cases: usize,
    /// Sorted by namespace, kind and name.
    pub workloads: Vec<Arc<Workload>>,
    pub counters: Counters,
}

impl Snapshot {
    /// Workloads that changed after `revision`.
    pub fn changed_since(&self, revision: u64) -> impl Iterator<Item = &Arc<Workload>> {
        self.workloads
            .iter()
            .filter(move |workload| workload.revision > revision)
    }
}

/// What the core counts about its own work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// (reason, result) of the Events handled; result is `matched`, `repeated`, `stale`, `unmatched` or `refused`.
    pub events: Vec<(&'static str, &'static str, u64)>,
    /// (kind, confidence) of settled verdicts; kind is `run` or `termination`.
    pub verdicts: Vec<(&'static str, &'static str, u64)>,
    /// (resource, field) of input that could not be used.
    pub defects: Vec<(&'static str, &'static str, u64)>,
}

/// One workload with its ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// The snapshot revision at which this last changed.
    pub revision: u64,
    pub namespace: Box<str>,
    pub target: WorkloadRef,
    /// Of the owner; `None` for `barepods`.
    pub uid: Option<Uid>,
    /// The owner's object is known to be gone.
    pub gone: bool,
    /// When the first pod of it was seen.
    pub since: Timestamp,
    /// `terminationGracePeriodSeconds` of its newest pod.
    pub grace_seconds: Option<i64>,
    /// Pods of it that live now.
    pub pods: u32,
    pub thresholds: Thresholds,
    /// Sorted by container and hook.
    pub hooks: Vec<HookLedger>,
    pub terminations: TerminationLedger,
    /// What starts or stops now and is worth showing, most urgent first.
    pub active: Vec<Active>,
    /// Newest last; the worst are kept longest.
    pub incidents: Vec<Incident>,
    /// Incidents so far, those no longer listed included.
    pub incident_count: u64,
    pub conditions: Vec<Condition>,
    /// What the conditions rest on; with it they go on after a restart. Sorted by condition and fault.
    pub streaks: Vec<Streak>,
    pub gaps: Vec<Gap>,
    pub gap_count: u64,
    pub gap_seconds: u64,
    /// Pods were starting or stopping in one of its gaps: it is worth a write of its own.
    pub gap_matters: bool,
    pub basis: Basis,
}

/// What tallies rest on, and what goes on from them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Basis {
    /// What of the tallies is counted, for whoever goes on from them.
    pub account: Account,
    /// The tallies as the API holds them; `None` while it holds none.
    pub written: Option<Arc<Written>>,
    /// The tallies as another process wrote them last: what it listed, it also exported.
    pub inherited: Option<Arc<Written>>,
    /// The resourceVersion of the `HookAudit` that was last seen.
    pub report_version: Option<Box<str>>,
}

/// Tallies as they stand in a status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    pub hooks: Box<[WrittenHook]>,
    pub results: [u64; TerminationResult::ALL.len()],
    pub total_seconds: u64,
}

/// Tallies of one hook as they stand in a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenHook {
    pub container: Box<str>,
    pub hook: Hook,
    /// Runs that were ever counted with an outcome, in the order of [`Outcome::ALL`].
    pub ever_counted: [u64; Outcome::ALL.len()],
    pub duplicates: u64,
    pub amendments: Box<[(Outcome, Outcome, u64)]>,
}

impl Workload {
    /// A hook is declared or was run.
    #[must_use]
    pub fn has_hooks(&self) -> bool {
        !self.hooks.is_empty()
    }

    /// The condition of this type.
    #[must_use]
    pub fn condition(&self, condition_type: ConditionType) -> Option<&Condition> {
        self.conditions
            .iter()
            .find(|condition| condition.condition_type == condition_type)
    }
}

/// Tallies of one hook of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookLedger {
    pub container: Box<str>,
    pub container_type: ContainerType,
    pub hook: Hook,
    pub spec: HookSpec,
    /// Settled runs per outcome, in the order of [`Outcome::ALL`]; `Running` stays 0.
    pub outcomes: [u64; Outcome::ALL.len()],
    /// Runs that were deliveries after the first to one instance.
    pub duplicates: u64,
    /// Settled runs that a later Event changed.
    pub amended: u64,
    /// (from, to, times) of those amendments.
    pub amendments: Vec<(Outcome, Outcome, u64)>,
    /// Containers whose run is stuck now.
    pub stuck: u32,
    pub last_outcome: Option<Outcome>,
    pub last_reason: Option<Reason>,
    pub last_at: Option<Timestamp>,
    pub last_failure_at: Option<Timestamp>,
    /// Upper bound of the longest run, whole seconds.
    pub longest_seconds: Option<u64>,
    pub last_exit_code: Option<i32>,
}

impl HookLedger {
    /// Settled runs with this outcome.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize]
    }

    /// Settled runs that have or once had this outcome: what an amendment took from a tally stays.
    #[must_use]
    pub fn ever_counted(&self, outcome: Outcome) -> u64 {
        let amended = self
            .amendments
            .iter()
            .filter(|(from, _, _)| *from == outcome)
            .map(|(_, _, times)| times);
        self.count(outcome).saturating_add(amended.sum())
    }
}

impl Written {
    /// Runs of a hook that were ever written with an outcome.
    #[must_use]
    pub fn ever_counted(&self, container: &str, hook: Hook, outcome: Outcome) -> u64 {
        let mut rows = self.hooks.iter();
        rows.find(|row| *row.container == *container && row.hook == hook)
            .map_or(0, |row| row.ever_counted[outcome as usize])
    }
}

/// Tallies of terminations of one workload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TerminationLedger {
    /// Settled terminations per result, in the order of [`TerminationResult::ALL`].
    pub results: [u64; TerminationResult::ALL.len()],
    /// Seconds from request to the last container's end, in fixed log-spaced buckets.
    pub seconds: Histogram,
    /// Percent of the effective grace used, in the same buckets.
    pub grace_used_percent: Histogram,
    pub max_seconds: Option<u64>,
    /// Sum of all durations, whole seconds.
    pub total_seconds: u64,
    pub recommended_grace_seconds: Option<u64>,
    /// Pods past their deadline now, per cause.
    pub overdue: Vec<(Cause, u32)>,
    /// Pods terminating now, per cause.
    pub terminating: Vec<(Cause, u32)>,
}

impl TerminationLedger {
    #[must_use]
    pub fn total(&self) -> u64 {
        self.results.iter().sum()
    }

    /// Settled terminations with this result.
    #[must_use]
    pub fn count(&self, result: TerminationResult) -> u64 {
        self.results[result as usize]
    }
}

/// Counts in fixed log-spaced buckets, so that they go on after a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// (bucket number, count), sorted, empty buckets left out.
    pub buckets: Vec<(u8, u32)>,
}

/// A pod that starts or stops now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Active {
    pub pod: Box<str>,
    pub pod_uid: Uid,
    pub node: Option<Box<str>>,
    pub container: Option<Box<str>>,
    /// The instance of that container; 0 for a termination.
    pub restart: u32,
    /// `None` for a termination.
    pub hook: Option<Hook>,
    pub since: Timestamp,
    pub deadline: Option<Timestamp>,
    pub overdue: bool,
    pub stuck: bool,
    pub cause: Cause,
    pub confidence: Option<Confidence>,
    /// One sentence without any number that moves by itself.
    pub detail: Box<str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub condition_type: ConditionType,
    pub status: ConditionStatus,
    pub reason: &'static str,
    pub message: Box<str>,
    pub last_transition_at: Timestamp,
}

/// Verdicts with one fault since the condition was last free of it, and the clean ones after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streak {
    pub condition_type: ConditionType,
    pub fault: Fault,
    pub count: u32,
    /// Clean verdicts that ended at or after the last one with the fault.
    pub clean: u32,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    /// `None` while the fault still counts.
    pub recovery: Option<Recovery>,
}
