//! A ledger is base + delta: the last status seen on the API, whoever wrote it, and what settled since
//! and is not in it (design contract 6). Restart, takeover, a conflict, a user's edit and a restored
//! backup are this one step.

use std::sync::Arc;

use jiff::Timestamp;

use super::closed::ClosedPod;
use super::tally::{Move, Tally, lacking};
use super::{Auditor, OPEN_CASE_SECONDS};
use crate::audit::account::{Account, Marks, Resumed};
use crate::audit::base::Base;
use crate::audit::ledger::Ledger;
use crate::audit::moment::seconds_after;
use crate::audit::owners::WorkloadId;
use crate::audit::record::{Gap, GapReason, PodRef, Run, Termination};
use crate::audit::seen::Uid;

/// One verdict in the order in which all were counted.
enum Item {
    Run(Box<Move<Run>>),
    Termination(Box<Move<Termination>>),
}

impl Auditor {
    pub(super) fn forget_pod(&mut self, workload: WorkloadId, uid: Uid) {
        if let Some(kept) = self.ledgers.kept.get_mut(&workload) {
            kept.pods_listed.remove(&uid);
        }
    }

    /// The next number of a verdict that is counted.
    pub(super) fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Takes a status in place of what the workload's ledger rests on.
    pub(super) fn rebase(&mut self, workload: WorkloadId, base: &Base) {
        let (now, writer) = (self.now, self.writer);
        let Some(kept) = self.ledgers.kept.get(&workload) else {
            return;
        };
        let is_own = base.account.writer == writer;
        if is_own && base.account.sequence < kept.account_sequence(writer) {
            // An older one of our own, shown late: all of it is in the ledger, and more.
            return;
        }
        let account = Arc::new(base.account.clone());
        let mut ledger = kept.ledger.onto(now, base);
        let mut items = self.items(workload, &account, is_own);
        items.sort_by_key(|(sequence, ..)| *sequence);
        for (_, pod, item) in &items {
            apply(&mut ledger, now, pod, item);
        }
        drop(items);
        let Some(kept) = self.ledgers.kept.get_mut(&workload) else {
            return;
        };
        let newest = base.account.sequence;
        let is_told = |sequence: u64, at: Timestamp| {
            if is_own {
                sequence <= newest
            } else {
                at <= account.at
            }
        };
        kept.incidents
            .retain(|(sequence, incident)| !is_told(*sequence, incident.at));
        for (_, incident) in &kept.incidents {
            ledger.recall(incident.clone());
        }
        // Whoever watched meanwhile may have seen what this process missed at its start, and not written it yet.
        let waits = |gap: &Gap| match gap.reason {
            GapReason::NotWatched => seconds_after(gap.to, OPEN_CASE_SECONDS),
            _ => gap.to,
        };
        kept.gaps.retain(|gap| waits(gap) > account.at);
        for gap in &kept.gaps {
            ledger.add_gap(now, gap.clone());
        }
        let active = kept.active.values().flatten().cloned().collect();
        let _told_before = ledger.set_active(now, active);
        kept.ledger = ledger;
        for pod in &kept.account.pods {
            self.ledgers.listed.remove(&pod.pod);
        }
        for pod in &account.pods {
            self.ledgers.listed.insert(pod.pod, workload);
        }
        let written = Arc::new(base.written());
        if !is_own {
            kept.inherited = Some(Arc::clone(&written));
        }
        kept.written = Some(written);
        if !self.was_synced {
            // What the process before took in is in these tallies, or open in its account.
            kept.marks.raise_to(&account.marks, |_| false);
        }
        kept.account = account;
        if !is_own {
            self.note_others(workload);
        }
        self.ledgers.dirty.insert(workload);
        self.let_go(workload, is_own);
        self.rearm_ledger(workload);
    }

    /// What another process counted is not counted here.
    fn note_others(&mut self, workload: WorkloadId) {
        let Some(kept) = self.ledgers.kept.get_mut(&workload) else {
            return;
        };
        kept.others = Arc::clone(&kept.account);
        for uid in &kept.pods_listed {
            if let Some(open) = self.cases.get_mut(uid)
                && kept.others.counts_all(*uid, &open.case.marks)
            {
                open.all_is_told();
            }
            let open = match self.cases.get_mut(uid) {
                Some(open) => Some(open),
                None => self.closed.get_mut(*uid),
            };
            if let Some(open) = open {
                let tally = &mut open.tally;
                tally.yield_to_others(&kept.others, *uid, &open.case.marks);
            }
        }
    }

    /// What a status lacks of what was counted here.
    fn items(
        &self,
        workload: WorkloadId,
        account: &Account,
        is_own: bool,
    ) -> Vec<(u64, &PodRef, Item)> {
        let Some(kept) = self.ledgers.kept.get(&workload) else {
            return Vec::new();
        };
        let mut items = Vec::new();
        for uid in &kept.pods_listed {
            let Some((pod, tally, marks)) = self.counted_of(*uid) else {
                continue;
            };
            for counted in tally.runs.values() {
                let lacking = if is_own {
                    counted.after(account.sequence)
                } else {
                    let covered = account.covers_run(*uid, marks, &counted.verdict);
                    lacking(&counted.verdict, covered)
                };
                items.extend(
                    lacking.map(|lacking| (counted.sequence, pod, Item::Run(Box::new(lacking)))),
                );
            }
            if let Some(counted) = &tally.termination {
                let lacking = if is_own {
                    counted.after(account.sequence)
                } else {
                    let covered = account.covers_termination(*uid, marks);
                    (!covered).then(|| Move::Settle(counted.verdict.clone()))
                };
                items.extend(
                    lacking.map(|lacking| {
                        (counted.sequence, pod, Item::Termination(Box::new(lacking)))
                    }),
                );
            }
        }
        items
    }

    fn counted_of(&self, uid: Uid) -> Option<(&PodRef, &Tally, &Marks)> {
        let closed = || self.closed.get(uid).map(|closed| &*closed.open);
        let open = self.cases.get(&uid).or_else(closed)?;
        Some((open.pod.as_ref()?, &open.tally, &open.case.marks))
    }

    /// Lists no longer those closed pods whose verdicts are all in the status. One that lives opens a case again, at the latest when it
    /// stops, and has to know then what was counted.
    fn let_go(&mut self, workload: WorkloadId, is_own: bool) {
        let Some(kept) = self.ledgers.kept.get(&workload) else {
            return;
        };
        let covered = |closed: &ClosedPod, uid: Uid| {
            let is_told = if is_own {
                closed.open.tally.newest() <= kept.account.sequence
            } else {
                kept.account.pod(uid).is_none() && !closed.open.case.marks.is_empty()
            };
            is_told && kept.account.marks.cover_all(&closed.open.case.marks)
        };
        let over: Vec<Uid> = kept
            .pods_listed
            .iter()
            .filter(|uid| self.roster.get(**uid).is_none())
            .filter(|uid| {
                self.closed
                    .get(**uid)
                    .is_some_and(|closed| closed.is_told_all() && covered(closed, **uid))
            })
            .copied()
            .collect();
        for uid in over {
            self.forget_pod(workload, uid);
        }
    }

    /// What was counted of a pod before this process watched.
    pub(super) fn resumed(&self, workload: Option<WorkloadId>, uid: Uid) -> Option<Box<Resumed>> {
        let kept = self.ledgers.kept.get(&workload?)?;
        (kept.others.writer != 0).then(|| Box::new(Resumed::new(uid, &kept.others)))
    }
}

fn apply(ledger: &mut Ledger, now: Timestamp, pod: &PodRef, item: &Item) {
    // What comes of it was told when it was counted first.
    let _told_before = match item {
        Item::Run(run) => match &**run {
            Move::Settle(run) => ledger.settle_run(now, pod, run),
            Move::Amend(before, after) => ledger.amend_run(now, pod, before, after),
            Move::SettleAndAmend(before, after) => {
                let _told_before = ledger.settle_run(now, pod, before);
                ledger.amend_run(now, pod, before, after)
            }
        },
        Item::Termination(termination) => match &**termination {
            Move::Settle(termination) => ledger.settle_termination(now, pod, termination),
            Move::Amend(before, after) => ledger.amend_termination(now, pod, before, after),
            Move::SettleAndAmend(before, after) => {
                let _told_before = ledger.settle_termination(now, pod, before);
                ledger.amend_termination(now, pod, before, after)
            }
        },
    };
}
