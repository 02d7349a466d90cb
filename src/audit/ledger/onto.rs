//! A ledger on the last status seen.

use std::sync::Weak;

use jiff::Timestamp;

use super::{Ledger, Standing, Unrest, conditions, incidents};
use crate::audit::base::Base;
use crate::audit::record::Incident;

impl Ledger {
    /// This ledger with the tallies of a status in place of its own; what is going on now stays, as do
    /// incidents of it that were told.
    #[must_use]
    pub fn onto(&self, now: Timestamp, base: &Base) -> Self {
        let mut ledger = Self {
            namespace: self.namespace.clone(),
            target: self.target.clone(),
            uid: self.uid,
            since: base.since.unwrap_or(self.since),
            grace_seconds: self.grace_seconds.or(base.grace_seconds),
            hooks: base.hooks.clone(),
            terminations: base.terminations.clone(),
            unrest: None,
            revision: self.revision,
            view: Weak::new(),
            pods: self.pods,
            readiness: self.readiness,
            dirty: true,
        };
        *ledger.unrest_mut() = Unrest {
            thresholds: self.thresholds(),
            told: self
                .unrest
                .as_ref()
                .map_or_else(Vec::new, |unrest| unrest.told.clone()),
            incidents: incidents::kept(&base.incidents),
            incident_count: base.incident_count,
            streaks: conditions::recalled_streaks(base),
            gaps: base.gaps.clone(),
            gap_count: base.gap_count,
            gap_seconds: base.gap_seconds,
            gap_matters: self
                .unrest
                .as_ref()
                .is_some_and(|unrest| unrest.gap_matters),
            ..Unrest::default()
        };
        for condition in &base.conditions {
            ledger.stand(Standing {
                condition_type: condition.condition_type,
                status: condition.status,
                since: condition.last_transition_at,
            });
        }
        for row in &self.hooks {
            ledger.declare(&row.container, row.container_type, row.hook, &row.spec);
        }
        ledger.weigh(now);
        ledger
    }

    /// Lists an incident that was told before, unless it is listed.
    pub fn recall(&mut self, incident: Incident) {
        let _told_before = self.keep(incident);
    }
}
