//! One row per hook: what became of its settled runs.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{OTHER_CONTAINER, streaks::Verdict};
use crate::audit::record::Run;
use crate::audit::seen::{HookSpec, Thresholds};
use crate::audit::snapshot::HookLedger;
use crate::audit::words::{ContainerType, Fault, Hook, Outcome, Reason};

/// Rows of their own; with the two of the folded container a status shows at most 40.
const OWN_ROWS_MAX: usize = 38;

/// The row of a hook, made when there is room, else the folded one.
pub(super) fn row<'a>(
    rows: &'a mut Vec<HookLedger>,
    container: &str,
    container_type: ContainerType,
    hook: Hook,
    spec: &HookSpec,
) -> &'a mut HookLedger {
    let own = position(rows, container, hook);
    let own_rows = rows.iter().filter(|row| *row.container != *OTHER_CONTAINER);
    let (container, place) = if own.is_err() && own_rows.count() >= OWN_ROWS_MAX {
        (OTHER_CONTAINER, position(rows, OTHER_CONTAINER, hook))
    } else {
        (container, own)
    };
    let index = place.unwrap_or_else(|index| {
        rows.reserve_exact(1);
        rows.insert(index, empty_row(container, container_type, hook, spec));
        index
    });
    &mut rows[index]
}

/// The row in which a hook is counted, if there is one.
pub(super) fn find<'a>(
    rows: &'a [HookLedger],
    container: &str,
    hook: Hook,
) -> Option<&'a HookLedger> {
    position(rows, container, hook)
        .or_else(|_| position(rows, OTHER_CONTAINER, hook))
        .ok()
        .map(|index| &rows[index])
}

/// What a run tells about a hook whose declaration was never seen.
pub(super) fn spec_of(run: &Run) -> HookSpec {
    HookSpec {
        handler: run.handler,
        sleep_seconds: None,
        program: None,
        digest: None,
        port: None,
        scheme: None,
    }
}

/// When a run ended by the cluster's clock, never after `now`; `now` where it is not known.
pub(super) fn ended_at(run: &Run, now: Timestamp) -> Timestamp {
    let lasted = run.duration.max.unwrap_or(run.duration.min);
    SignedDuration::try_from(lasted)
        .ok()
        .zip(run.started_at)
        .and_then(|(lasted, started_at)| started_at.checked_add(lasted).ok())
        .map_or(now, |ended_at| ended_at.min(now))
}

/// What a run says about the health of its hook; a cascade says nothing of its own.
pub(super) fn verdict(run: &Run) -> Verdict {
    match run.outcome {
        _ if run.cascade => Verdict::Neutral,
        Outcome::Succeeded => Verdict::Clean,
        Outcome::Failed => Verdict::Bad(Fault::Failed),
        Outcome::Overran => Verdict::Bad(Fault::Overran),
        Outcome::Interrupted if run.reason == Some(Reason::MainExited) => Verdict::Clean,
        Outcome::Interrupted => Verdict::Bad(Fault::Interrupted),
        Outcome::CutShort | Outcome::Skipped | Outcome::Running | Outcome::Unknown => {
            Verdict::Neutral
        }
    }
}

/// The run certainly took longer than its threshold: seconds for postStart, percent of the grace for preStop.
pub(super) fn is_slow(run: &Run, thresholds: Thresholds) -> bool {
    let limit = match run.hook {
        Hook::PostStart => thresholds.post_start_slow_seconds.and_then(seconds),
        Hook::PreStop => thresholds
            .pre_stop_slow_percent
            .and_then(|percent| u32::try_from(percent).ok())
            .zip(run.grace_seconds.and_then(seconds))
            .map(|(percent, grace)| grace.saturating_mul(percent) / 100),
    };
    limit.is_some_and(|limit| run.duration.min >= limit)
}

impl HookLedger {
    pub(super) fn count_run(&mut self, run: &Run, at: Timestamp) {
        self.outcomes[run.outcome as usize] += 1;
        self.duplicates += u64::from(run.attempt > 1);
        if self.last_at.is_none_or(|last_at| at >= last_at) {
            self.last_at = Some(at);
            self.last_outcome = Some(run.outcome);
            self.last_reason = run.reason;
            self.last_exit_code = run.exit_code.or(self.last_exit_code);
        }
        if has_failed(run) {
            self.last_failure_at = self.last_failure_at.max(Some(at));
        }
        self.longest_seconds = self.longest_seconds.max(lasted_seconds(run));
    }

    /// Takes back a counted run. The longest run stays: what came second is not kept.
    pub(super) fn uncount_run(&mut self, run: &Run, at: Timestamp) {
        let tally = &mut self.outcomes[run.outcome as usize];
        *tally = tally.saturating_sub(1);
        self.duplicates = self.duplicates.saturating_sub(u64::from(run.attempt > 1));
        if self.last_at == Some(at) && self.last_outcome == Some(run.outcome) {
            self.last_at = None;
        }
        let failures = [Outcome::Failed, Outcome::Overran, Outcome::Interrupted];
        if failures.iter().all(|outcome| self.count(*outcome) == 0) {
            self.last_failure_at = None;
        }
    }

    pub(super) fn count_amendment(&mut self, from: Outcome, to: Outcome) {
        self.amended += 1;
        let known = self
            .amendments
            .binary_search_by_key(&(from, to), |(from, to, _)| (*from, *to));
        match known {
            Ok(index) => self.amendments[index].2 += 1,
            Err(index) => self.amendments.insert(index, (from, to, 1)),
        }
    }

    /// Settled runs that took place or should have.
    pub(super) fn due(&self) -> u64 {
        self.outcomes.iter().sum::<u64>() - self.count(Outcome::Skipped)
    }
}

fn position(rows: &[HookLedger], container: &str, hook: Hook) -> Result<usize, usize> {
    rows.binary_search_by(|row| (&*row.container, row.hook).cmp(&(container, hook)))
}

fn empty_row(
    container: &str,
    container_type: ContainerType,
    hook: Hook,
    spec: &HookSpec,
) -> HookLedger {
    HookLedger {
        container: container.into(),
        container_type,
        hook,
        spec: spec.clone(),
        outcomes: [0; Outcome::ALL.len()],
        duplicates: 0,
        amended: 0,
        amendments: Vec::new(),
        stuck: 0,
        last_outcome: None,
        last_reason: None,
        last_at: None,
        last_failure_at: None,
        longest_seconds: None,
        last_exit_code: None,
    }
}

fn has_failed(run: &Run) -> bool {
    match run.outcome {
        Outcome::Failed | Outcome::Overran => true,
        Outcome::Interrupted => run.reason != Some(Reason::MainExited),
        _ => false,
    }
}

fn lasted_seconds(run: &Run) -> Option<u64> {
    if matches!(
        run.outcome,
        Outcome::Skipped | Outcome::Running | Outcome::Unknown
    ) {
        return None;
    }
    let lasted = run.duration.max.unwrap_or(run.duration.min);
    Some(lasted.as_secs() + u64::from(lasted.subsec_nanos() > 0))
}

fn seconds(count: i64) -> Option<Duration> {
    u64::try_from(count).ok().map(Duration::from_secs)
}
