//! A ledger as a status tells it: everything but what is going on now.

use jiff::Timestamp;

use super::account::Account;
use super::record::{Gap, Incident};
use super::snapshot::{HookLedger, Streak, TerminationLedger, Written, WrittenHook};
use super::words::{ConditionStatus, ConditionType, Outcome};

/// What of a workload's ledger its status tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    pub since: Option<Timestamp>,
    pub grace_seconds: Option<i64>,
    /// Hooks whose container, hook or handler is no word of this version are left out.
    pub hooks: Vec<HookLedger>,
    pub terminations: TerminationLedger,
    pub incidents: Vec<Incident>,
    pub incident_count: u64,
    pub conditions: Vec<BaseCondition>,
    pub streaks: Vec<Streak>,
    pub gaps: Vec<Gap>,
    pub gap_count: u64,
    pub gap_seconds: u64,
    pub account: Account,
}

/// A condition as it was last written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseCondition {
    pub condition_type: ConditionType,
    pub status: ConditionStatus,
    pub reason: Box<str>,
    pub last_transition_at: Timestamp,
}

impl Base {
    /// The tallies as they stand in the status.
    #[must_use]
    pub fn written(&self) -> Written {
        let hook = |row: &HookLedger| {
            let mut ever_counted = row.outcomes;
            for outcome in Outcome::ALL {
                ever_counted[*outcome as usize] = row.ever_counted(*outcome);
            }
            WrittenHook {
                container: row.container.clone(),
                hook: row.hook,
                ever_counted,
                duplicates: row.duplicates,
                amendments: row.amendments.clone().into(),
            }
        };
        Written {
            hooks: self.hooks.iter().map(hook).collect(),
            results: self.terminations.results,
            total_seconds: self.terminations.total_seconds,
        }
    }
}
