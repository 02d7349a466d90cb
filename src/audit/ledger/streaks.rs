//! Which faults still count against a condition: until 20 clean verdicts or a day has passed.

use jiff::{SignedDuration, Timestamp};

use crate::audit::snapshot::Streak;
use crate::audit::words::{ConditionType, Fault, Recovery};

/// Clean verdicts after which a fault no longer counts.
pub(super) const CLEAN_RUNS: u32 = 20;
const QUIET_DAY: SignedDuration = SignedDuration::from_hours(24);

/// What one settled run or termination says about a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Bad(Fault),
    Clean,
    Neutral,
}

/// Takes a verdict that ended `at`; one that is bad but older than a day no longer counts.
pub(super) fn observe(
    streaks: &mut Vec<Streak>,
    condition_type: ConditionType,
    verdict: Verdict,
    at: Timestamp,
    now: Timestamp,
) {
    match verdict {
        Verdict::Bad(fault) if quiet_at(at) > now => blame(streaks, condition_type, fault, at),
        Verdict::Clean => {
            for streak in open(streaks, condition_type) {
                if streak.fault != Fault::Slow {
                    absolve(streak, at);
                }
            }
        }
        Verdict::Bad(_) | Verdict::Neutral => {}
    }
}

/// Takes a clean run that was not slow.
pub(super) fn observe_fast(streaks: &mut [Streak], condition_type: ConditionType, at: Timestamp) {
    for streak in open(streaks, condition_type) {
        if streak.fault == Fault::Slow {
            absolve(streak, at);
        }
    }
}

/// Takes back a verdict that a later Event changed.
pub(super) fn withdraw(
    streaks: &mut Vec<Streak>,
    condition_type: ConditionType,
    verdict: Verdict,
    at: Timestamp,
) {
    let mut gone = None;
    for streak in open(streaks, condition_type) {
        match verdict {
            Verdict::Bad(fault) if fault == streak.fault && at >= streak.first_at => {
                streak.count = streak.count.saturating_sub(1);
                gone = (streak.count == 0).then_some(fault);
            }
            Verdict::Clean if at >= streak.last_at => {
                streak.clean = streak.clean.saturating_sub(1);
            }
            Verdict::Bad(_) | Verdict::Clean | Verdict::Neutral => {}
        }
    }
    if let Some(fault) = gone {
        streaks.retain(|streak| streak.condition_type != condition_type || streak.fault != fault);
    }
}

/// When the next fault stops to count for its age.
pub(super) fn next_deadline(streaks: &[Streak]) -> Option<Timestamp> {
    streaks
        .iter()
        .filter(|streak| streak.recovery.is_none())
        .map(|streak| quiet_at(streak.last_at))
        .min()
}

/// Ends the streaks whose day has passed.
pub(super) fn expire(streaks: &mut [Streak], now: Timestamp) {
    for streak in streaks {
        if streak.recovery.is_none() && quiet_at(streak.last_at) <= now {
            streak.recovery = Some(Recovery::QuietDay);
        }
    }
}

/// The streak of a fault that still counts.
pub(super) fn counting(
    streaks: &[Streak],
    condition_type: ConditionType,
    fault: Fault,
) -> Option<&Streak> {
    streaks.iter().find(|streak| {
        streak.condition_type == condition_type
            && streak.fault == fault
            && streak.recovery.is_none()
    })
}

/// How a condition last became free of its faults.
pub(super) fn last_recovery(
    streaks: &[Streak],
    condition_type: ConditionType,
) -> Option<(Fault, Recovery)> {
    streaks
        .iter()
        .filter(|streak| streak.condition_type == condition_type && streak.fault != Fault::Slow)
        .max_by_key(|streak| streak.last_at)
        .and_then(|streak| Some((streak.fault, streak.recovery?)))
}

/// Starts or lengthens the streak of a fault.
pub(super) fn blame(
    streaks: &mut Vec<Streak>,
    condition_type: ConditionType,
    fault: Fault,
    at: Timestamp,
) {
    let fresh = Streak {
        condition_type,
        fault,
        count: 1,
        clean: 0,
        first_at: at,
        last_at: at,
        recovery: None,
    };
    let known = streaks.binary_search_by_key(&(condition_type, fault), |streak| {
        (streak.condition_type, streak.fault)
    });
    match known {
        Ok(index) if streaks[index].recovery.is_some() => streaks[index] = fresh,
        Ok(index) => {
            let streak = &mut streaks[index];
            streak.count = streak.count.saturating_add(1);
            streak.clean = 0;
            streak.first_at = streak.first_at.min(at);
            streak.last_at = streak.last_at.max(at);
        }
        Err(index) => {
            streaks.reserve_exact(1);
            streaks.insert(index, fresh);
        }
    }
}

fn absolve(streak: &mut Streak, at: Timestamp) {
    if at >= streak.last_at {
        streak.clean += 1;
        if streak.clean >= CLEAN_RUNS {
            streak.recovery = Some(Recovery::CleanRuns);
        }
    }
}

fn open(
    streaks: &mut [Streak],
    condition_type: ConditionType,
) -> impl Iterator<Item = &mut Streak> {
    streaks
        .iter_mut()
        .filter(move |streak| streak.condition_type == condition_type && streak.recovery.is_none())
}

fn quiet_at(last_at: Timestamp) -> Timestamp {
    last_at.checked_add(QUIET_DAY).unwrap_or(Timestamp::MAX)
}
