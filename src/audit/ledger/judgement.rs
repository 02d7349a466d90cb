//! The six conditions of a workload: a pure function of what its ledger holds.
//!
//! The order of reasons: what happens now before what happened, and the root before its consequence.
//! `Healthy` names the most specific of its three parts, worst first: an overrunning preStop (which
//! also kills and delays), a stuck postStart, an overdue pod, a failing postStart, a failing preStop,
//! a kill that no hook explains.

use super::streaks;
use super::{Ledger, Readiness};
use crate::audit::words::{
    ConditionReason as Because, ConditionStatus, ConditionType, Fault, Hook, Outcome,
};

/// A condition's status and its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) status: ConditionStatus,
    pub(super) reason: Because,
}

/// All conditions, in the order of [`ConditionType::ALL`].
pub(super) type Judgements = [Judgement; ConditionType::ALL.len()];

/// Judges every condition by what is known now.
pub(super) fn judge(ledger: &Ledger) -> Judgements {
    let not_evaluated = unknown(Because::NotEvaluated);
    if ledger.readiness == Readiness::Syncing {
        let not_observed = unknown(Because::NotObserved);
        return [
            unknown(Because::Syncing),
            not_observed,
            not_observed,
            not_observed,
            not_observed,
            not_evaluated,
        ];
    }
    let ready = match ledger.readiness {
        Readiness::Gone => fails(Because::TargetNotFound),
        Readiness::Syncing | Readiness::Synced => holds(Because::Synced),
    };
    let post_start = judge_hook(ledger, Hook::PostStart);
    let pre_stop = judge_hook(ledger, Hook::PreStop);
    let termination = judge_terminations(ledger);
    let healthy = judge_health(post_start.reason, pre_stop.reason, termination.reason);
    [
        ready,
        healthy,
        post_start,
        pre_stop,
        termination,
        not_evaluated,
    ]
}

/// The condition that speaks for a hook.
pub(super) fn condition_of(hook: Hook) -> ConditionType {
    match hook {
        Hook::PostStart => ConditionType::PostStartHealthy,
        Hook::PreStop => ConditionType::PreStopHealthy,
    }
}

fn judge_hook(ledger: &Ledger, hook: Hook) -> Judgement {
    let condition_type = condition_of(hook);
    let rows = || ledger.hooks.iter().filter(move |row| row.hook == hook);
    let counts = |fault| streaks::counting(ledger.streaks(), condition_type, fault).is_some();
    let has_ended_well =
        || rows().any(|row| row.count(Outcome::Succeeded) + row.count(Outcome::Interrupted) > 0);
    let has_recovered = || streaks::last_recovery(ledger.streaks(), condition_type).is_some();
    if rows().any(|row| row.stuck > 0) {
        fails(Because::Stuck)
    } else if counts(Fault::Overran) {
        fails(Because::Overrunning)
    } else if counts(Fault::Failed) || counts(Fault::Interrupted) {
        fails(Because::Failing)
    } else if counts(Fault::Slow) {
        holds(Because::Slow)
    } else if rows().next().is_none() {
        holds(Because::NoHook)
    } else if has_ended_well() || has_recovered() {
        holds(Because::Succeeding)
    } else {
        holds(Because::NotObserved)
    }
}

fn judge_terminations(ledger: &Ledger) -> Judgement {
    let condition_type = ConditionType::TerminationHealthy;
    if !ledger.terminations.overdue.is_empty() {
        fails(Because::Overdue)
    } else if streaks::counting(ledger.streaks(), condition_type, Fault::ForceKilled).is_some() {
        fails(Because::ForceKilled)
    } else if ledger.terminations.total() > 0 {
        holds(Because::NoneOverdue)
    } else {
        holds(Because::NotObserved)
    }
}

fn judge_health(post_start: Because, pre_stop: Because, termination: Because) -> Judgement {
    let unseen = |reason| matches!(reason, Because::NoHook | Because::NotObserved);
    match (post_start, pre_stop, termination) {
        (_, Because::Overrunning, _) => fails(Because::PreStopOverran),
        (Because::Stuck, _, _) => fails(Because::PostStartStuck),
        (_, _, Because::Overdue) => fails(Because::TerminationOverdue),
        (Because::Failing, _, _) => fails(Because::PostStartFailing),
        (_, Because::Failing | Because::Stuck, _) => fails(Because::PreStopFailing),
        (_, _, Because::ForceKilled) => fails(Because::ForceKilled),
        _ if unseen(post_start) && unseen(pre_stop) && unseen(termination) => {
            holds(Because::NotObserved)
        }
        _ => holds(Because::AllHealthy),
    }
}

const fn holds(reason: Because) -> Judgement {
    Judgement {
        status: ConditionStatus::True,
        reason,
    }
}

const fn fails(reason: Because) -> Judgement {
    Judgement {
        status: ConditionStatus::False,
        reason,
    }
}

const fn unknown(reason: Because) -> Judgement {
    Judgement {
        status: ConditionStatus::Unknown,
        reason,
    }
}
