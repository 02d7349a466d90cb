//! Cases that are closed: as long as no status is known to cover their verdicts, and an Event may come late.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Auditor, Open};
use crate::audit::account::LineAccount;
use crate::audit::moment::seconds_after;
use crate::audit::owners::WorkloadId;
use crate::audit::seen::{EventSeen, Uid};

/// So long is a case kept: a writer lets nothing wait longer than 15 minutes.
pub(super) const KEPT_SECONDS: i64 = 1200;
/// Cases that are kept.
const KEPT_MAX: usize = 4_096;

/// Pods whose case is closed, and of which something was counted.
#[derive(Debug, Default)]
pub(super) struct Closed {
    pods: BTreeMap<Uid, ClosedPod>,
    order: BTreeSet<(Timestamp, Uid)>,
}

#[derive(Debug)]
pub(super) struct ClosedPod {
    pub(super) workload: WorkloadId,
    /// The case as it was.
    pub(super) open: Box<Open>,
    /// Which occurrences of each Event are counted, here or by others.
    pub(super) lines: Vec<LineAccount>,
    awaits_witness: bool,
    at: Timestamp,
}

impl ClosedPod {
    /// No Event of it has still to come.
    pub(super) fn is_told_all(&self) -> bool {
        self.open.case.gone_at.is_some() && !self.awaits_witness
    }
}

impl Closed {
    pub(super) fn get(&self, uid: Uid) -> Option<&ClosedPod> {
        self.pods.get(&uid)
    }

    pub(super) fn get_mut(&mut self, uid: Uid) -> Option<&mut Open> {
        self.pods.get_mut(&uid).map(|closed| &mut *closed.open)
    }

    /// Takes the case, to be judged again.
    pub(super) fn reopen(&mut self, now: Timestamp, uid: Uid) -> Option<Open> {
        let mut closed = self.remove(uid)?;
        closed.open.opened_at = now;
        Some(*closed.open)
    }

    /// An Event about a time before the case was closed has its say on it. What is newer waits for what the pod's own
    /// stream tells, unless that can tell nothing more.
    pub(super) fn is_late(&self, uid: Uid, event: &EventSeen) -> bool {
        let last = event.last_at.or(event.first_at);
        self.get(uid).is_some_and(|closed| {
            closed.open.case.gone_at.is_some() || last.is_some_and(|last| last <= closed.at)
        })
    }

    /// The pod vanished between two lists.
    pub(super) fn vanished(&mut self, now: Timestamp, uid: Uid) {
        if let Some(open) = self.get_mut(uid) {
            open.case.vanish(now);
        }
    }

    fn insert(&mut self, uid: Uid, closed: ClosedPod) {
        self.remove(uid);
        self.order.insert((closed.at, uid));
        self.pods.insert(uid, closed);
    }

    fn remove(&mut self, uid: Uid) -> Option<ClosedPod> {
        let closed = self.pods.remove(&uid)?;
        self.order.remove(&(closed.at, uid));
        Some(closed)
    }

    /// Takes out the oldest one that is over, or for which there is no room.
    fn pop(&mut self, now: Timestamp) -> Option<(Uid, ClosedPod)> {
        let (at, oldest) = self.order.first().copied()?;
        let is_over = seconds_after(at, KEPT_SECONDS) <= now || self.pods.len() > KEPT_MAX;
        let closed = is_over.then(|| self.remove(oldest)).flatten()?;
        Some((oldest, closed))
    }
}

impl Auditor {
    /// Keeps a case that is closed.
    pub(super) fn keep_closed(&mut self, uid: Uid, workload: WorkloadId, open: Open) {
        if open.tally.is_empty() {
            self.forget_pod(workload, uid);
            if let Some(kept) = self.ledgers.kept.get_mut(&workload) {
                kept.taken_over.remove(&uid.digest());
            }
            return;
        }
        let kept = self.ledgers.kept.get(&workload);
        let others = kept.and_then(|kept| kept.others.pod(uid));
        let closed = ClosedPod {
            workload,
            lines: open.all_lines(others),
            awaits_witness: open.awaits_witness(),
            open: Box::new(open),
            at: self.now,
        };
        self.closed.insert(uid, closed);
        while let Some((oldest, closed)) = self.closed.pop(self.now) {
            self.forget_pod(closed.workload, oldest);
        }
    }
}
