//! How a workload's pods ended, how long that took, and which grace would have been enough.

use jiff::{SignedDuration, Timestamp};

use super::streaks::Verdict;
use crate::audit::record::Termination;
use crate::audit::snapshot::TerminationLedger;
use crate::audit::words::{Fault, TerminationResult};

/// Measured terminations from which a grace is recommended.
pub const RECOMMENDED_FROM: u64 = 20;
/// A recommended grace is a multiple of this.
const GRACE_STEP_SECONDS: u64 = 5;
const MARGIN_PERCENT: u64 = 25;
/// A killed process shows only that it needs longer than the grace it had.
const KILLED_MARGIN_PERCENT: u64 = 40;

impl TerminationLedger {
    /// Terminations whose time is known: from so many the percentiles and the recommended grace are.
    #[must_use]
    pub fn measured(&self) -> u64 {
        self.seconds.count()
    }

    /// Median seconds from the request to the last container's end; at most 7 % too high.
    #[must_use]
    pub fn p50_seconds(&self) -> Option<u64> {
        self.seconds.percentile(50, self.max_seconds?)
    }

    /// 95th percentile of the same; at most 7 % too high.
    #[must_use]
    pub fn p95_seconds(&self) -> Option<u64> {
        self.seconds.percentile(95, self.max_seconds?)
    }

    /// 95th percentile of the share of the effective grace that was used; at most 7 % too high.
    #[must_use]
    pub fn grace_used_p95_percent(&self) -> Option<u64> {
        self.grace_used_percent.percentile(95, u64::MAX)
    }

    pub(super) fn count_termination(&mut self, termination: &Termination) {
        self.results[result(termination) as usize] += 1;
        if let Some(lasted) = lasted(termination) {
            let seconds = whole_seconds(lasted);
            self.seconds.record(seconds);
            self.total_seconds = self.total_seconds.saturating_add(seconds);
            self.max_seconds = self.max_seconds.max(Some(seconds));
            if let Some(percent) = grace_used_percent(termination, lasted) {
                self.grace_used_percent.record(percent);
            }
        }
        self.recommended_grace_seconds = self.recommend();
    }

    /// Takes back a counted termination; a lower maximum is then known by its bucket only.
    pub(super) fn uncount_termination(&mut self, termination: &Termination) {
        let tally = &mut self.results[result(termination) as usize];
        *tally = tally.saturating_sub(1);
        if let Some(lasted) = lasted(termination) {
            let seconds = whole_seconds(lasted);
            self.seconds.forget(seconds);
            self.total_seconds = self.total_seconds.saturating_sub(seconds);
            self.max_seconds = self.max_seconds.and_then(|max| self.seconds.largest(max));
            if let Some(percent) = grace_used_percent(termination, lasted) {
                self.grace_used_percent.forget(percent);
            }
        }
        self.recommended_grace_seconds = self.recommend();
    }

    /// The 95th percentile with a margin, which is wider where one in twenty was killed.
    fn recommend(&self) -> Option<u64> {
        if self.measured() < RECOMMENDED_FROM {
            return None;
        }
        let killed = self.count(TerminationResult::ForceKilled);
        let margin_percent = if killed * 20 >= self.total() {
            KILLED_MARGIN_PERCENT
        } else {
            MARGIN_PERCENT
        };
        let needed = (self.p95_seconds()? * (100 + margin_percent)).div_ceil(100);
        Some(needed.max(1).next_multiple_of(GRACE_STEP_SECONDS))
    }
}

/// When a termination ended by the cluster's clock, never after `now`; `now` where it is not known.
pub(super) fn ended_at(termination: &Termination, now: Timestamp) -> Timestamp {
    termination
        .containers_ended_at
        .or(termination.ended_at)
        .map_or(now, |ended_at| ended_at.min(now))
}

/// What a termination says about the health of its workload's stops.
pub(super) fn verdict(termination: &Termination) -> Verdict {
    match result(termination) {
        TerminationResult::Graceful => Verdict::Clean,
        TerminationResult::ForceKilled => Verdict::Bad(Fault::ForceKilled),
        TerminationResult::ForceDeleted
        | TerminationResult::NodeLost
        | TerminationResult::Unknown => Verdict::Neutral,
    }
}

/// From the request to the last container's end.
pub(super) fn lasted(termination: &Termination) -> Option<SignedDuration> {
    let ended_at = termination.containers_ended_at?;
    let lasted = ended_at.duration_since(termination.requested_at);
    Some(lasted.max(SignedDuration::ZERO))
}

fn result(termination: &Termination) -> TerminationResult {
    termination.result.unwrap_or(TerminationResult::Unknown)
}

fn whole_seconds(lasted: SignedDuration) -> u64 {
    u64::try_from(lasted.as_secs()).unwrap_or_default()
}

fn grace_used_percent(termination: &Termination, lasted: SignedDuration) -> Option<u64> {
    let grace_seconds = i128::from(termination.grace_seconds?.max(1));
    u64::try_from(lasted.as_millis() / 10 / grace_seconds).ok()
}
