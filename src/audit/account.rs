//! What a written status says of its own tallies, so that counting goes on exactly once.
//!
//! A ledger is base + delta: the last status seen on the API, and what settled since and is not in it
//! (design contract 6). Which of the settled cases a status covers is answered here:
//!
//! - A status of our own covers what had settled when it was made: a sequence number tells.
//! - Any other covers what its list of pods says was counted, not what it says is open, and of pods
//!   that it does not list those whose Events are all older than its marks: its writer had seen them,
//!   counted them and let them go.

mod marks;
mod numbers;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::moment::shifted;
use super::record::{LineKind, Run, Witness};
use super::seen::{EventSeen, Note, Uid};
use super::words::{Hook, Outcome, TerminationResult};
pub use marks::Marks;
pub use numbers::Numbers;

/// Two witnesses of one postStart failure are Events that a kubelet makes in the same millisecond.
const SAME_BIRTH: SignedDuration = SignedDuration::from_secs(1);

/// What a status carries beside its tallies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// Names the process that wrote it.
    pub writer: u64,
    /// How much that process had settled.
    pub sequence: u64,
    /// When the tallies were read, on the writer's clock.
    pub at: Timestamp,
    /// Per reason, the highest resourceVersion of this workload's Events that was taken in.
    pub marks: Marks,
    /// All pods of the workload that lived, as one number: see [`Uid::digest`]. Any other pods give another.
    pub living: u64,
    /// Sorted by uid.
    pub pods: Vec<PodAccount>,
}

/// One pod that lives or has just gone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodAccount {
    /// [`Uid::digest`].
    pub pod: u64,
    /// Something of it was seen and is not counted yet.
    pub is_open: bool,
    pub termination: Option<TerminationResult>,
    /// Sorted by container and hook.
    pub runs: Vec<RunAccount>,
    pub lines: Vec<LineAccount>,
}

/// The runs of one hook that are counted: all up to one, but for those still pending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunAccount {
    pub container: Box<str>,
    pub hook: Hook,
    pub restart: u32,
    pub attempt: u32,
    /// Of the last one.
    pub outcome: Outcome,
    /// (restart, attempt) of earlier runs that are not settled.
    pub pending: Vec<(u32, u32)>,
}

/// Which occurrences of an Event are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineAccount {
    pub container: Box<str>,
    pub kind: LineKind,
    pub born_at: Timestamp,
    pub counted: Numbers,
}

/// What a status says of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Covered {
    No,
    Yes,
    /// It is the last of its hook, counted with this outcome.
    As(Outcome),
}

impl Account {
    #[must_use]
    pub fn pod(&self, uid: Uid) -> Option<&PodAccount> {
        let place = self.pods.binary_search_by_key(&uid.digest(), |pod| pod.pod);
        place.ok().map(|place| &self.pods[place])
    }

    /// What is said of a run of this pod, of which `marks` are the newest Events.
    #[must_use]
    pub fn covers_run(&self, uid: Uid, marks: &Marks, run: &Run) -> Covered {
        match self.pod(uid) {
            Some(_) if run.outcome.rests_on_event() && self.counts_all(uid, marks) => Covered::Yes,
            Some(pod) => pod.covers(run),
            None => self.covers_forgotten(marks),
        }
    }

    /// Whether all Events of a pod are counted, of which `marks` are the newest: its lines are left out then.
    #[must_use]
    pub fn counts_all(&self, uid: Uid, marks: &Marks) -> bool {
        let pod = self.pod(uid);
        pod.is_none_or(|pod| pod.lines.is_empty() && !pod.is_open)
            && self.covers_forgotten(marks) == Covered::Yes
    }

    /// What is said of the termination of this pod.
    #[must_use]
    pub fn covers_termination(&self, uid: Uid, marks: &Marks) -> bool {
        match self.pod(uid) {
            Some(pod) => pod.termination.is_some(),
            None => self.covers_forgotten(marks) == Covered::Yes,
        }
    }

    /// Of a pod that is not listed: its writer saw all its Events, so it has counted and let go of it.
    fn covers_forgotten(&self, marks: &Marks) -> Covered {
        if !marks.is_empty() && self.marks.cover_all(marks) {
            Covered::Yes
        } else {
            Covered::No
        }
    }

    /// A resourceVersion below the mark, of an Event made after the mark was: versions have begun anew.
    fn is_outlived_by(&self, event: &EventSeen) -> bool {
        const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(2);
        event
            .created_at
            .is_some_and(|created_at| created_at > shifted(self.at, CLOCKS_DIFFER))
    }
}

/// What was counted of one pod before its case was opened.
#[derive(Debug, Clone)]
pub struct Resumed {
    pub pod: PodAccount,
    /// That of its workload, for the marks.
    pub account: Arc<Account>,
    /// Per container, when a preStop failed last, of the failures that were listed and are counted.
    pub failed_until: BTreeMap<Box<str>, Timestamp>,
}

impl Resumed {
    #[must_use]
    pub fn new(uid: Uid, account: &Arc<Account>) -> Self {
        Self {
            pod: account.pod(uid).cloned().unwrap_or_else(|| PodAccount {
                pod: uid.digest(),
                ..PodAccount::default()
            }),
            account: Arc::clone(account),
            failed_until: BTreeMap::new(),
        }
    }

    /// Which occurrences of this Event are in the tallies.
    #[must_use]
    pub fn told(&self, event: &EventSeen, container: &str) -> Numbers {
        if let Some(told) = LineAccount::told(&self.pod.lines, event, container) {
            return told.clone();
        }
        let is_new = self.pod.is_open
            || !self.account.marks.cover(event)
            || self.account.is_outlived_by(event);
        Numbers::up_to(if is_new {
            self.stops_told(event, container)
        } else {
            event.count
        })
    }

    /// A failure of a preStop that is counted tells of the beginning of its stop, whose own Event came later. So does
    /// the termination, of the stop that is the pod's.
    fn stops_told(&self, event: &EventSeen, container: &str) -> u32 {
        let Some(LineKind::Killing(note)) = LineKind::of(event.reason, event.note) else {
            return 0;
        };
        let is_over = self.pod.termination.is_some() && !self.pod.is_open;
        let failed_until = self.failed_until.get(container).copied();
        let latest_at = event.latest_at();
        let has_failed = latest_at.is_some_and(|at| Some(at) <= failed_until);
        if has_failed || note == Note::StoppingContainer && is_over {
            return event.count;
        }
        let begun_before = |line: &&LineAccount| {
            *line.container == *container
                && line.kind == LineKind::PreStopFailed
                && event
                    .born_at()
                    .is_some_and(|born_at| born_at <= line.born_at)
        };
        let failed = self.pod.lines.iter().find(begun_before);
        failed.map_or(0, |line| {
            line.counted.before_first_missing().min(event.count)
        })
    }
}

impl PodAccount {
    /// What is said of the run. Who saw less of the pod may have counted its failure under another restart.
    #[must_use]
    pub fn covers(&self, run: &Run) -> Covered {
        let is_told = |witness: &Witness| {
            LineAccount::told_of(&self.lines, &run.container, witness.kind, witness.born_at)
                .is_some_and(|told| told.contains(witness.number))
        };
        let told = run.witness.as_ref().is_some_and(is_told);
        // Who saw less of the pod took another stop to be this one, and counted it as one that did not fail.
        let is_untold = run.outcome.rests_on_event()
            && run
                .witness
                .is_some_and(|witness| witness.kind == LineKind::PreStopFailed)
            && !told;
        let counted = self.run(&run.container, run.hook);
        let key = (run.restart, run.attempt);
        match counted {
            _ if told && run.outcome.rests_on_event() => Covered::Yes,
            Some(counted) if counted.pending.contains(&key) => Covered::No,
            Some(counted) if key == counted.last() => Covered::As(counted.outcome),
            Some(counted) if key < counted.last() && !is_untold => Covered::Yes,
            _ if told => Covered::Yes,
            _ => Covered::No,
        }
    }

    #[must_use]
    pub fn run(&self, container: &str, hook: Hook) -> Option<&RunAccount> {
        let fits = |run: &&RunAccount| *run.container == *container && run.hook == hook;
        self.runs.iter().find(fits)
    }

    #[must_use]
    pub const fn is_blank(&self) -> bool {
        !self.is_open && self.termination.is_none() && self.runs.is_empty() && self.lines.is_empty()
    }

    /// Adds what an earlier account of the same pod says and this one does not.
    pub fn add(&mut self, earlier: &Self) {
        self.termination = self.termination.or(earlier.termination);
        for run in &earlier.runs {
            match self
                .runs
                .iter_mut()
                .find(|known| known.container == run.container && known.hook == run.hook)
            {
                None => self.runs.push(run.clone()),
                Some(known) if known.last() < run.last() => *known = run.clone(),
                Some(_) => {}
            }
        }
        self.runs.sort_by(|left, right| {
            (&left.container, left.hook).cmp(&(&right.container, right.hook))
        });
        LineAccount::add(&mut self.lines, &earlier.lines);
    }
}

impl RunAccount {
    #[must_use]
    pub const fn last(&self) -> (u32, u32) {
        (self.restart, self.attempt)
    }
}

impl LineAccount {
    fn is_of(&self, container: &str, kind: LineKind, born_at: Timestamp) -> bool {
        *self.container == *container && self.kind == kind && is_same_birth(born_at, self.born_at)
    }

    /// Adds what earlier lines tell and these do not.
    pub fn add(lines: &mut Vec<Self>, earlier: &[Self]) {
        for line in earlier {
            let same = |known: &&mut Self| known.is_of(&line.container, line.kind, line.born_at);
            if let Some(known) = lines.iter_mut().find(same) {
                known.counted.add(&line.counted);
                continue;
            }
            let told = |known: &Self| known.container == line.container && known.kind == line.kind;
            if !(line.is_ahead() && lines.iter().any(told)) {
                lines.push(line.clone());
            }
        }
    }

    /// The line of a whole Event.
    #[must_use]
    pub fn of(event: &EventSeen, container: &str) -> Option<Self> {
        Some(Self {
            container: container.into(),
            kind: LineKind::of(event.reason, event.note)?,
            born_at: event.born_at()?,
            counted: Numbers::up_to(event.count),
        })
    }

    /// Which occurrences of this Event are counted, if the lines tell of it.
    #[must_use]
    pub fn told<'a>(lines: &'a [Self], event: &EventSeen, container: &str) -> Option<&'a Numbers> {
        let kind = LineKind::of(event.reason, event.note)?;
        Self::told_of(lines, container, kind, event.born_at()?)
    }

    /// Which occurrences of the Event born then are counted, if the lines tell of it.
    #[must_use]
    pub fn told_of<'a>(
        lines: &'a [Self],
        container: &str,
        kind: LineKind,
        born_at: Timestamp,
    ) -> Option<&'a Numbers> {
        let line = lines
            .iter()
            .find(|line| line.is_of(container, kind, born_at));
        let ahead = || {
            let mut lines = lines.iter();
            lines.find(|line| line.is_ahead() && *line.container == *container && line.kind == kind)
        };
        Some(&line.or_else(ahead)?.counted)
    }

    /// Failures that were counted by what the pod's status showed, before any Event told of them.
    #[must_use]
    pub fn ahead_of_events(container: &str, count: u32) -> Self {
        Self {
            container: container.into(),
            kind: LineKind::PostStartFailed,
            born_at: Timestamp::UNIX_EPOCH,
            counted: Numbers::up_to(count),
        }
    }

    fn is_ahead(&self) -> bool {
        self.born_at == Timestamp::UNIX_EPOCH
    }
}

/// Two Events that a kubelet made in one go.
#[must_use]
pub fn is_same_birth(left: Timestamp, right: Timestamp) -> bool {
    left.duration_since(right).abs() < SAME_BIRTH
}

#[cfg(test)]
mod tests;
