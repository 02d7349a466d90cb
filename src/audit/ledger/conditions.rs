//! Since when each condition stands, and how it is told.

use jiff::Timestamp;

use super::judgement::{condition_of, judge};
use super::streaks;
use super::{Ledger, Readiness, Standing, messages};
use crate::audit::base::Base;
use crate::audit::snapshot::{Condition, Streak};
use crate::audit::words::{
    ConditionReason as Because, ConditionStatus, ConditionType, Fault, IncidentType,
};

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
