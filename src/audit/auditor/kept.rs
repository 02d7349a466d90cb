//! One workload: its ledger, what that rests on, and what of it no status is known to tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::audit::account::{Account, Marks};
use crate::audit::ledger::Ledger;
use crate::audit::record::{Gap, Incident, WorkloadRef};
use crate::audit::seen::{Thresholds, Uid};
use crate::audit::snapshot::{Active, Written};

/// Namespace, kind, name and API version: what names a `HookAudit`.
pub(super) type ViewKey = (Box<str>, Box<str>, Box<str>, Box<str>);

pub(super) fn view_key(namespace: &str, target: &WorkloadRef) -> ViewKey {
    (
        namespace.into(),
        target.kind.clone(),
        target.name.clone(),
        target.api_version.clone(),
    )
}

/// What of a `HookAudit` is kept beside the tallies it tells.
#[derive(Debug, Clone, Default)]
pub(super) struct ReportHead {
    pub(super) thresholds: Thresholds,
    pub(super) version: Box<str>,
}

#[derive(Debug)]
pub(super) struct Kept {
    pub(super) ledger: Ledger,
    pub(super) key: ViewKey,
    pub(super) pods: u32,
    /// All of them as one number, as [`Account`] tells it.
    pub(super) living: u64,
    pub(super) thresholds: Thresholds,
    pub(super) active: BTreeMap<Uid, Vec<Active>>,
    /// When its ledger is handed them next, where they are many.
    pub(super) active_due: Option<Timestamp>,
    pub(super) timer: Option<Timestamp>,
    pub(super) empty_since: Option<Timestamp>,
    /// When its `HookAudit` was deleted; by a user, or because its owner is gone.
    pub(super) report_gone_at: Option<Timestamp>,
    /// When that was last so with no pod of it left.
    pub(super) report_gone_before: Option<Timestamp>,
    /// Its owner is taken to be gone: it ends with its last case.
    pub(super) is_ending: bool,
    /// What the tallies of the status count that this ledger rests on.
    pub(super) account: Arc<Account>,
    /// The same of the last status that another process wrote: what it counted, this one does not.
    pub(super) others: Arc<Account>,
    /// Pods of it that this process has something to say of, or had.
    pub(super) taken_over: BTreeSet<u64>,
    /// Those tallies; `None` while no status was seen.
    pub(super) written: Option<Arc<Written>>,
    /// The same of the last status that another process wrote.
    pub(super) inherited: Option<Arc<Written>>,
    pub(super) report_version: Option<Box<str>>,
    /// The newest Events of its pods that were taken in, per reason.
    pub(super) marks: Marks,
    /// Pods that the next status may have to say something of.
    pub(super) pods_listed: BTreeSet<Uid>,
    /// Incidents of what is going on, and gaps, that no status is known to tell of.
    pub(super) incidents: Vec<(u64, Incident)>,
    pub(super) gaps: Vec<Gap>,
}

impl Kept {
    /// How far the status that the ledger rests on reaches, if this process wrote it.
    pub(super) fn account_sequence(&self, writer: u64) -> u64 {
        if self.account.writer == writer {
            self.account.sequence
        } else {
            0
        }
    }

    /// Counts a gap, and remembers it until a status tells of it.
    pub(super) fn add_gap(&mut self, now: Timestamp, gap: Gap) {
        self.ledger.add_gap(now, gap.clone());
        self.gaps.push(gap);
        if self.gaps.len() > UNTOLD_MAX {
            self.gaps.remove(0);
        }
    }
}

/// Incidents, and gaps, that wait to be told by a status; a status lists no more of them.
pub(super) const UNTOLD_MAX: usize = 20;
