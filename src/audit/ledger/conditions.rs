//! The six conditions of a workload: a pure function of what its ledger holds.
//!
//! The order of reasons: what happens now before what happened, and the root before its consequence.
//! `Healthy` names the most specific of its three parts, worst first: an overrunning preStop (which
//! also kills and delays), a stuck postStart, an overdue pod, a failing postStart, a failing preStop,
//! a kill that no hook explains.

use jiff::Timestamp;

use super::streaks;
use super::{Ledger, Readiness, Standing, messages};
use crate::audit::base::Base;
use crate::audit::snapshot::{Condition, Streak};
use crate::audit::words::{
    ConditionReason as Because, ConditionStatus, ConditionType, Fault, Hook, IncidentType, Outcome,
};

/// A condition's status and its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) status: ConditionStatus,
    pub(super) reason: Because,
}

/// All conditions, in the order of [`ConditionType::ALL`].
pub(super) type Judgements = [Judgement; ConditionType::ALL.len()];

impl Ledger {
    /// Lets conditions flip that no longer stand.
    pub(super) fn weigh(&mut self, at: Timestamp) {
        self.dirty = true;
        if self.readiness == Readiness::Syncing {
            // What is not known for a moment has not changed.
            return self.calm();
        }
        let judgements = judge(self);
        for condition_type in ConditionType::ALL {
            let status = judgements[*condition_type as usize].status;
            if self.standing(*condition_type).status != status {
                self.stand(Standing {
                    condition_type: *condition_type,
                    status,
                    since: at,
                });
            }
        }
        self.calm();
    }

    pub(super) fn standing(&self, condition_type: ConditionType) -> Standing {
        let first = Standing {
            condition_type,
            status: first_status(condition_type),
            since: self.since,
        };
        self.unrest
            .as_deref()
            .and_then(|unrest| {
                let mut flips = unrest.flips.iter();
                flips.find(|standing| standing.condition_type == condition_type)
            })
            .copied()
            .unwrap_or(first)
    }

    pub(super) fn stand(&mut self, standing: Standing) {
        if self.standing(standing.condition_type) == standing {
            return;
        }
        let flips = &mut self.unrest_mut().flips;
        flips.retain(|other| other.condition_type != standing.condition_type);
        flips.reserve_exact(1);
        flips.push(standing);
    }

    /// The conditions as readers see them.
    pub(super) fn conditions(&self) -> Vec<Condition> {
        let judgements = judge(self);
        ConditionType::ALL
            .iter()
            .map(|condition_type| {
                let standing = self.standing(*condition_type);
                let is_syncing = self.readiness == Readiness::Syncing;
                let judged = judgements[*condition_type as usize].status;
                Condition {
                    condition_type: *condition_type,
                    status: if is_syncing { judged } else { standing.status },
                    reason: judgements[*condition_type as usize].reason.as_str(),
                    message: messages::message(self, *condition_type, &judgements).into(),
                    last_transition_at: standing.since,
                }
            })
            .collect()
    }
}

/// Judges every condition by what is known now.
fn judge(ledger: &Ledger) -> Judgements {
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

/// The status of a condition that never changed.
fn first_status(condition_type: ConditionType) -> ConditionStatus {
    match condition_type {
        ConditionType::ConfigurationValid => ConditionStatus::Unknown,
        _ => ConditionStatus::True,
    }
}

/// The streaks of a status; a fault that only a False condition tells of counts from its last known time.
pub(super) fn recalled_streaks(base: &Base) -> Vec<Streak> {
    let mut streaks = base.streaks.clone();
    for condition in &base.conditions {
        let fault = match Because::parse(&condition.reason) {
            Some(Because::Failing) => Fault::Failed,
            Some(Because::Overrunning) => Fault::Overran,
            Some(Because::ForceKilled) => Fault::ForceKilled,
            _ => continue,
        };
        let condition_type = condition.condition_type;
        let is_known = streaks
            .iter()
            .any(|streak| streak.condition_type == condition_type && streak.recovery.is_none());
        if condition_type != ConditionType::Healthy && !is_known {
            let last_at = match condition_type {
                ConditionType::TerminationHealthy => base
                    .incidents
                    .iter()
                    .filter(|incident| incident.incident_type == IncidentType::PodForceKilled)
                    .map(|incident| incident.at)
                    .max(),
                _ => base
                    .hooks
                    .iter()
                    .filter(|row| condition_of(row.hook) == condition_type)
                    .filter_map(|row| row.last_failure_at)
                    .max(),
            };
            let last_at = last_at.unwrap_or(condition.last_transition_at);
            streaks::blame(&mut streaks, condition_type, fault, last_at);
        }
    }
    streaks
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
