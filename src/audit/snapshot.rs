//! What sinks and reports read: a cheap handle on the state of every workload.

use std::sync::Arc;

use jiff::Timestamp;

use super::observation::{HookSpec, Thresholds, Uid};
use super::record::{Gap, Incident, WorkloadRef};
use super::words::{
    Cause, ConditionStatus, ConditionType, Confidence, ContainerType, Hook, Outcome, Reason,
    TerminationResult,
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
    pub gaps: Vec<Gap>,
    pub gap_count: u64,
    pub gap_seconds: u64,
}

impl Workload {
    /// A hook is declared or was run.
    #[must_use]
    pub fn has_hooks(&self) -> bool {
        !self.hooks.is_empty()
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
}

/// Tallies of terminations of one workload.
#[derive(Debug, Clone, Default, PartialEq)]
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

impl Histogram {
    /// Counts one value: exact below 32, then 16 buckets per doubling, the last one open.
    pub fn record(&mut self, value: u64) {
        let bucket = Self::bucket_of(value);
        match self
            .buckets
            .binary_search_by_key(&bucket, |&(number, _)| number)
        {
            Ok(at) => self.buckets[at].1 = self.buckets[at].1.saturating_add(1),
            Err(at) => self.buckets.insert(at, (bucket, 1)),
        }
    }

    /// All values counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets
            .iter()
            .map(|&(_, count)| u64::from(count))
            .sum()
    }

    /// The nearest-rank quantile: the upper bound of the bucket that holds it, `None` without values.
    #[must_use]
    pub fn quantile(&self, percent: u64) -> Option<u64> {
        let rank = (self.count() * percent).div_ceil(100).max(1);
        let mut seen = 0;
        self.buckets.iter().find_map(|&(bucket, count)| {
            seen += u64::from(count);
            (seen >= rank).then(|| Self::upper_bound(bucket))
        })
    }

    fn bucket_of(value: u64) -> u8 {
        if value < 32 {
            return value.to_le_bytes()[0];
        }
        let doublings = u64::from(value.ilog2()) - 5;
        let sixteenth = (value >> (doublings + 1)) - 16;
        u8::try_from(32 + doublings * 16 + sixteenth).unwrap_or(u8::MAX)
    }

    const fn upper_bound(bucket: u8) -> u64 {
        if bucket < 32 {
            return bucket as u64;
        }
        let above = bucket as u64 - 32;
        ((above % 16 + 17) << (above / 16 + 1)) - 1
    }
}

/// A pod that starts or stops now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Active {
    pub pod: Box<str>,
    pub pod_uid: Uid,
    pub node: Option<Box<str>>,
    pub container: Option<Box<str>>,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        for value in values {
            histogram.record(value);
        }
        histogram
    }

    #[test]
    fn a_value_lies_in_the_first_bucket_whose_bound_it_does_not_exceed() {
        for value in (0..5_000).chain([86_400, 524_287]) {
            let bucket = Histogram::bucket_of(value);
            assert!(value <= Histogram::upper_bound(bucket), "{value}");
            assert!(
                bucket == 0 || value > Histogram::upper_bound(bucket - 1),
                "{value}"
            );
        }
        assert_eq!(Histogram::bucket_of(u64::MAX), u8::MAX);
    }

    #[test]
    fn quantiles_of_short_times_are_exact() {
        let times = histogram([11, 11, 12, 30]);
        assert_eq!(times.quantile(50), Some(11));
        assert_eq!(times.quantile(75), Some(12));
        assert_eq!(times.quantile(95), Some(30));
        assert_eq!(histogram([]).quantile(50), None);
    }

    #[test]
    fn quantiles_of_long_times_are_at_most_a_sixteenth_too_high() {
        for value in [33, 61, 100, 1_000, 86_400] {
            let told = histogram([value]).quantile(95).unwrap();
            assert!(
                told >= value && told - value <= value / 16,
                "{value} told as {told}"
            );
        }
    }
}
