//! What was counted of one pod, and when: with it a ledger is made again from any status.

use std::collections::BTreeMap;

use crate::audit::account::{Account, Covered, Marks, PodAccount, RunAccount};
use crate::audit::record::{Run, Termination};
use crate::audit::seen::Uid;
use crate::audit::words::Hook;

/// What names a run within its pod: container, hook, restart, attempt.
pub(super) type RunKey = (Box<str>, Hook, u32, u32);

pub(super) fn key(run: &Run) -> RunKey {
    (run.container.clone(), run.hook, run.restart, run.attempt)
}

/// The settled verdicts of one pod.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) runs: BTreeMap<RunKey, Counted<Run>>,
    pub(super) termination: Option<Box<Counted<Termination>>>,
}

/// A verdict that moved a tally.
#[derive(Debug, Clone)]
pub(super) struct Counted<T> {
    pub(super) verdict: T,
    /// Grows with every verdict of this process that settles or is amended; 0 where another process counted it.
    pub(super) sequence: u64,
    /// The verdict that it amended, and when that was counted.
    pub(super) before: Option<(Box<T>, u64)>,
}

/// How a verdict has to move the tallies of a status.
#[derive(Debug, PartialEq)]
pub(super) enum Move<T> {
    Settle(T),
    Amend(T, T),
    /// Counted with another verdict, then amended.
    SettleAndAmend(T, T),
}

impl<T: Clone> Counted<T> {
    pub(super) const fn new(verdict: T, sequence: u64) -> Self {
        Self {
            verdict,
            sequence,
            before: None,
        }
    }

    /// Takes a later verdict in the place of this one.
    pub(super) fn amend(&mut self, verdict: T, sequence: u64) {
        let before = std::mem::replace(&mut self.verdict, verdict);
        self.before = Some((Box::new(before), self.sequence));
        self.sequence = sequence;
    }

    /// Another process counted it first, perhaps with another verdict.
    pub(super) const fn is_of_others(&self) -> bool {
        self.sequence == 0
    }

    fn yield_to_others(&mut self) {
        self.sequence = 0;
        self.before = None;
    }

    /// What a status lacks that holds everything up to a sequence number.
    pub(super) fn after(&self, sequence: u64) -> Option<Move<T>> {
        let verdict = self.verdict.clone();
        match &self.before {
            _ if self.sequence <= sequence => None,
            None => Some(Move::Settle(verdict)),
            Some((before, counted)) if *counted <= sequence => {
                Some(Move::Amend(T::clone(before), verdict))
            }
            Some((before, _)) => Some(Move::SettleAndAmend(T::clone(before), verdict)),
        }
    }
}

impl Tally {
    /// The newest sequence number of it.
    pub(super) fn newest(&self) -> u64 {
        let runs = self.runs.values().map(|counted| counted.sequence);
        let termination = self.termination.as_ref().map(|counted| counted.sequence);
        runs.chain(termination).max().unwrap_or_default()
    }

    /// The name of another run that was counted as the failure that this one's Event tells of.
    fn other(&self, run: &Run) -> Option<RunKey> {
        let witness = run.witness?;
        let of_same = |(name, counted): &(&RunKey, &Counted<Run>)| {
            let (container, hook, ..) = name;
            **name != key(run)
                && (&**container, *hook) == (&*run.container, run.hook)
                && counted.verdict.witness == Some(witness)
        };
        self.runs.iter().find(of_same).map(|(name, _)| name.clone())
    }

    pub(super) fn is_told_by_another(&self, run: &Run) -> bool {
        self.other(run).is_some()
    }

    /// A later Event may show that a failure was of another instance, or of another delivery to it, than it
    /// seemed to be: it is counted already.
    pub(super) fn rename(&mut self, run: &Run) {
        if self.runs.contains_key(&key(run)) {
            return;
        }
        if let Some(counted) = self.other(run).and_then(|other| self.runs.remove(&other)) {
            self.runs.insert(key(run), counted);
        }
    }

    /// What another process counted of the pod stands, `marks` being its newest Events.
    pub(super) fn yield_to_others(&mut self, account: &Account, uid: Uid, marks: &Marks) {
        for counted in self.runs.values_mut() {
            let covered = account.covers_run(uid, marks, &counted.verdict);
            if lacking(&counted.verdict, covered).is_none() {
                counted.yield_to_others();
            }
        }
        if let Some(counted) = &mut self.termination
            && account.covers_termination(uid, marks)
        {
            counted.yield_to_others();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.termination.is_none()
    }

    /// Writes down what of the pod is counted; `pending` are runs that are not.
    pub(super) fn account(&self, account: &mut PodAccount, pending: &[RunKey]) {
        for ((container, hook, restart, attempt), counted) in &self.runs {
            let last = RunAccount {
                container: container.clone(),
                hook: *hook,
                restart: *restart,
                attempt: *attempt,
                outcome: counted.verdict.outcome,
                pending: Vec::new(),
            };
            // In the order of the map, the last of each hook comes last.
            match account.runs.last_mut() {
                Some(known) if known.container == *container && known.hook == *hook => {
                    *known = last
                }
                _ => account.runs.push(last),
            }
        }
        for run in &mut account.runs {
            let own = pending
                .iter()
                .filter(|(container, hook, ..)| *container == run.container && *hook == run.hook)
                .map(|(_, _, restart, attempt)| (*restart, *attempt));
            run.pending = own.filter(|key| *key < run.last()).collect();
        }
        account.termination = self
            .termination
            .as_ref()
            .and_then(|counted| counted.verdict.result);
    }
}

/// What a status lacks of a run that another process may have counted: an Event tells more than its absence.
pub(super) fn lacking(run: &Run, covered: Covered) -> Option<Move<Run>> {
    match covered {
        Covered::No => Some(Move::Settle(run.clone())),
        Covered::As(counted) if run.outcome.rests_on_event() && !counted.rests_on_event() => {
            let before = Run {
                outcome: counted,
                confidence: None,
                reason: None,
                ..run.clone()
            };
            Some(Move::Amend(before, run.clone()))
        }
        Covered::As(_) | Covered::Yes => None,
    }
}
