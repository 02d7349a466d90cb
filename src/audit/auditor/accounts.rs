//! What a workload's status has to say of its own tallies: bounded, the newest pods first.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;

use super::closed::KEPT_SECONDS;
use super::early::OldestUnlisted;
use super::kept::Kept;
use super::tally::RunKey;
use super::{Auditor, Open};
use crate::audit::account::{self, Account, LineAccount, Marks, Numbers, PodAccount, Resumed};
use crate::audit::case::ContainerCase;
use crate::audit::case::events::EventLine;
use crate::audit::moment::seconds_after;
use crate::audit::owners::WorkloadId;
use crate::audit::record::{Gap, GapReason, LineKind, Run};
use crate::audit::seen::{EventReason, Resource, Subject, Uid};
use crate::audit::words::Hook;

/// Pods that are open, and pods of which something is counted (design contract 6).
const LISTED_MAX: usize = 1_000;
/// What their entries take in a status, packed, as [`weight`] estimates it.
const WEIGHT_MAX: usize = 24 * 1024;

impl Auditor {
    /// The account of one workload, and since when pods were pushed out of it. An Event that waits, and may be of a
    /// pod of this workload, is above its marks.
    pub(super) fn account(
        &self,
        workload: WorkloadId,
        unlisted: &OldestUnlisted,
    ) -> (Account, Option<Gap>) {
        let Some(kept) = self.ledgers.kept.get(&workload) else {
            return (Account::default(), None);
        };
        let marks = match unlisted.get(&kept.key.0) {
            None => kept.marks.clone(),
            Some(unlisted) => kept.marks.below(unlisted),
        };
        let mut entries: Vec<(Timestamp, PodAccount)> = kept
            .pods_listed
            .iter()
            .filter_map(|uid| self.pod_account(kept, &marks, *uid))
            .filter(|(_, entry)| !entry.is_blank())
            .collect();
        let own: BTreeSet<u64> = kept.pods_listed.iter().map(|uid| uid.digest()).collect();
        let carried = carried(kept, self.now);
        entries.extend(carried.filter(|(_, entry)| !own.contains(&entry.pod)));
        let pushed_out = bound(&mut entries);
        let gap = pushed_out.iter().map(|(opened_at, _)| *opened_at).min();
        // Of a pod whose case is closed nobody knows any longer since when.
        let observed_from = self.observed_from.unwrap_or(self.now);
        let gap = gap.map(|from| Gap {
            from: from.max(observed_from),
            to: self.now,
            resource: Resource::Pods,
            reason: GapReason::BoundReached,
        });
        let mut pods: Vec<PodAccount> = entries.into_iter().map(|(_, entry)| entry).collect();
        pods.sort_unstable_by_key(|pod| pod.pod);
        let account = Account {
            writer: self.writer,
            sequence: self.sequence,
            at: self.now,
            marks,
            living: kept.living,
            pods,
        };
        (account, gap)
    }

    /// Raises the workload's marks to what of the pod was taken in. While a stream is listed again, its
    /// Events come in any order: what is below the mark may still be missing.
    pub(super) fn raise_marks(&mut self, workload: WorkloadId, marks: &Marks) {
        let (broken, first) = (&self.broken, !self.was_synced);
        let is_held = |reason| first || broken.tells_of(reason);
        let Some(kept) = self.ledgers.kept.get_mut(&workload) else {
            return;
        };
        let held = kept.marks.raise_to(marks, is_held);
        if !held.is_empty() {
            let known = self.held.entry(workload).or_default();
            known.raise_to(&held, |_| false);
        }
    }

    /// Raises marks to what was held back, as far as it still has to be.
    pub(super) fn raise_held(&mut self) {
        for (workload, marks) in std::mem::take(&mut self.held) {
            self.raise_marks(workload, &marks);
        }
    }

    /// The pod has something that its workload's status may have to say.
    pub(super) fn list_pod(&mut self, workload: WorkloadId, uid: Uid) {
        let now = self.now;
        let Some(kept) = self.ledgers.kept.get_mut(&workload) else {
            return;
        };
        kept.pods_listed.insert(uid);
        if now < seconds_after(kept.others.at, KEPT_SECONDS) {
            kept.taken_over.insert(uid.digest());
        } else {
            kept.taken_over.clear();
        }
    }

    fn pod_account(&self, kept: &Kept, marks: &Marks, uid: Uid) -> Option<(Timestamp, PodAccount)> {
        // What another process counted is in the tallies as well.
        let others = kept.others.pod(uid);
        let (since, mut account) = self.counted_account(uid, others)?;
        if let Some(others) = others {
            account.add(others);
        }
        self.add_waiting(kept, uid, &mut account);
        // Nothing counts an Event of a pod that is gone up any more: where marks are above all of its
        // Events, they say what the lines would.
        let closed = self.closed.get(uid).filter(|closed| closed.is_told_all());
        let is_covered = closed.is_some_and(|closed| {
            let seen = &closed.open.case.marks;
            !seen.is_empty() && marks.cover_all(seen)
        });
        if is_covered && !account.is_open {
            account.lines.clear();
        }
        Some((since, account))
    }

    /// Events of the pod that were taken in and wait for its own stream: what others counted of them, and whether
    /// anything is left to count.
    fn add_waiting(&self, kept: &Kept, uid: Uid, account: &mut PodAccount) {
        let resumed = Resumed::new(uid, &kept.others);
        for event in self.early.of(&kept.key.0, uid) {
            let Subject::Pod {
                container: Some(container),
                ..
            } = &event.subject
            else {
                continue;
            };
            let told = resumed.told(event, container);
            account.is_open |= !told.contains_all(event.count);
            let line = LineAccount::of(event, container).filter(|_| !told.is_empty());
            let line = line.map(|line| LineAccount {
                counted: told.within(event.count),
                ..line
            });
            LineAccount::add(&mut account.lines, line.as_slice());
        }
    }

    fn counted_account(
        &self,
        uid: Uid,
        others: Option<&PodAccount>,
    ) -> Option<(Timestamp, PodAccount)> {
        let blank = PodAccount {
            pod: uid.digest(),
            ..PodAccount::default()
        };
        if let Some(open) = self.cases.get(&uid) {
            return Some((open.opened_at, open.account(blank, others)));
        }
        if let Some(closed) = self.closed.get(uid) {
            let mut account = blank;
            closed.open.tally.account(&mut account, &[]);
            account.lines.clone_from(&closed.lines);
            return Some((Timestamp::MIN, account));
        }
        let resting = self
            .resting
            .get(&uid)
            .and_then(|resting| resting.resumed.as_ref());
        let account = resting.map_or(blank, |resumed| resumed.pod.clone());
        Some((Timestamp::MIN, account))
    }
}

impl Open {
    fn account(&self, mut account: PodAccount, others: Option<&PodAccount>) -> PodAccount {
        account.is_open = self.termination_pending || !self.pending.is_empty();
        let pending: Vec<RunKey> = self.pending.iter().map(|run| run.key.clone()).collect();
        self.tally.account(&mut account, &pending);
        account.lines = self.all_lines(others);
        if let Some(resumed) = &self.resumed {
            account.add(&resumed.pod);
        }
        account
    }

    /// How many occurrences of each Event are counted, here or by others.
    pub(super) fn all_lines(&self, others: Option<&PodAccount>) -> Vec<LineAccount> {
        let mut told = self.told_lines.clone();
        LineAccount::add(&mut told, others.map_or(&[], |others| &others.lines));
        let mut lines = Vec::new();
        for container in &self.case.containers {
            self.lines(container, &told, &mut lines);
            let failed = count(self.failures(container, Hook::PostStart));
            if failed > 0 {
                let ahead = LineAccount::ahead_of_events(&container.name, failed);
                LineAccount::add(&mut lines, &[ahead]);
            }
        }
        LineAccount::add(&mut lines, &told);
        lines
    }

    /// All Events of it that were taken in are counted in the tallies of another process.
    pub(super) fn all_is_told(&mut self) {
        for container in &self.case.containers {
            for line in container.events.lines() {
                let told = line.account(&container.name, Numbers::up_to(line.count));
                LineAccount::add(&mut self.told_lines, told.as_slice());
            }
        }
    }

    /// A failure was counted by one of its two Events, or by what the pod's status showed, and the watch of the other,
    /// or of both, is behind.
    pub(super) fn awaits_witness(&self) -> bool {
        self.case.containers.iter().any(|container| {
            let sum = |fits: &dyn Fn(&EventLine) -> bool| {
                let lines = container.events.lines().iter();
                let counts = lines.filter(|line| fits(line)).map(|line| line.count);
                counts.fold(0, u32::saturating_add)
            };
            let all = |reason| sum(&|line| line.reason == reason);
            let told = |reason| {
                let kind = Some(LineKind::PostStartFailed);
                sum(&|line| line.reason == reason && LineKind::of(line.reason, line.note) == kind)
            };
            let mut failures = self.failures(container, Hook::PostStart);
            all(EventReason::FailedPreStopHook) > all(EventReason::Killing)
                || told(EventReason::FailedPostStartHook) != told(EventReason::Killing)
                || failures.any(|run| run.witness.is_none())
        })
    }

    fn lines(
        &self,
        container: &ContainerCase,
        others: &[LineAccount],
        lines: &mut Vec<LineAccount>,
    ) {
        for line in container.events.lines() {
            let hook = match LineKind::of(line.reason, line.note) {
                Some(LineKind::PostStartFailed) if container.post_start.is_some() => {
                    Hook::PostStart
                }
                Some(LineKind::PreStopFailed | LineKind::Killing(_))
                    if container.pre_stop.is_some() =>
                {
                    Hook::PreStop
                }
                _ => continue,
            };
            let counted = match LineKind::of(line.reason, line.note) {
                Some(LineKind::Killing(_)) => {
                    Numbers::up_to(self.counted_stops(container, hook, line))
                }
                _ => self.counted_failures(container, hook, line, others),
            };
            if !counted.is_empty() {
                let counted = line.account(&container.name, counted);
                LineAccount::add(lines, counted.as_slice());
            }
        }
    }

    /// Those that others counted first, and of the rest as many as runs of this process failed: by the Event, or
    /// by what the pod's status showed before the Event told of it.
    fn counted_failures(
        &self,
        container: &ContainerCase,
        hook: Hook,
        line: &EventLine,
        others: &[LineAccount],
    ) -> Numbers {
        let mut counted = line.told.clone();
        let (Some(kind), Some(born_at)) = (LineKind::of(line.reason, line.note), line.born_at)
        else {
            return counted;
        };
        if let Some(told) = LineAccount::told_of(others, &container.name, kind, born_at) {
            counted.add(told);
        }
        let is_latest = !container.events.lines().iter().any(|other| {
            let is_later = other
                .born_at
                .is_some_and(|other| other > born_at && !account::is_same_birth(other, born_at));
            LineKind::of(other.reason, other.note) == Some(kind) && is_later
        });
        let (known, unknown): (Vec<_>, Vec<_>) = self
            .failures(container, hook)
            .map(|run| run.witness.filter(|witness| witness.kind == kind))
            .partition(Option::is_some);
        for witness in known.into_iter().flatten() {
            if account::is_same_birth(witness.born_at, born_at) {
                counted.insert(witness.number);
            }
        }
        if is_latest {
            unknown.iter().for_each(|_| counted.insert_next());
        }
        counted
    }

    /// Runs that this process counted as failed.
    fn failures(&self, container: &ContainerCase, hook: Hook) -> impl Iterator<Item = &Run> {
        let of_hook = self
            .tally
            .runs
            .iter()
            .filter(move |((name, of, ..), _)| *name == container.name && *of == hook);
        let verdicts = of_hook.map(|(_, counted)| &counted.verdict);
        verdicts.filter(|run| run.outcome.rests_on_event())
    }

    /// The first ones, up to the last run that is counted. A run before that one that is not settled can
    /// only end well without any Event: nobody could count it again.
    fn counted_stops(&self, container: &ContainerCase, hook: Hook, line: &EventLine) -> u32 {
        let of_hook = |(name, of, ..): &RunKey| *name == container.name && *of == hook;
        let last = self.tally.runs.keys().rfind(|key| of_hook(key));
        let pending = self
            .pending
            .iter()
            .filter(|run| of_hook(&run.key) && last.is_none_or(|last| run.key > *last));
        let Some(first) = pending.filter_map(|run| run.began_at).min() else {
            return line.count;
        };
        let later = line.numbered().find(|(_, at)| at.latest >= first);
        later
            .map_or(line.count, |(number, _)| number - 1)
            .max(line.told.before_first_missing())
    }
}

fn count<T>(all: impl Iterator<Item = T>) -> u32 {
    u32::try_from(all.count()).unwrap_or(u32::MAX)
}

/// What another process counted of pods of which this one has nothing to say: as long as a third one may
/// hold verdicts of them that no status covered yet.
fn carried(kept: &Kept, now: Timestamp) -> impl Iterator<Item = (Timestamp, PodAccount)> {
    let is_over = now >= seconds_after(kept.others.at, KEPT_SECONDS);
    let others = if is_over { &[] } else { &*kept.others.pods };
    others
        .iter()
        .filter(|entry| !kept.taken_over.contains(&entry.pod))
        .map(|entry| {
            let entry = PodAccount {
                is_open: false,
                ..entry.clone()
            };
            (Timestamp::MIN, entry)
        })
        .filter(|(_, entry)| !entry.is_blank())
}

/// Keeps what finds a place, open pods and the newest first; gives back the rest.
fn bound(entries: &mut Vec<(Timestamp, PodAccount)>) -> Vec<(Timestamp, PodAccount)> {
    entries.sort_by_key(|(opened_at, entry)| Reverse((entry.is_open, *opened_at, entry.pod)));
    let (mut open, mut counted, mut weight) = (0, 0, 0);
    let mut pushed_out = Vec::new();
    let all = std::mem::take(entries);
    for (opened_at, entry) in all {
        let listed = if entry.is_open {
            &mut open
        } else {
            &mut counted
        };
        weight += self::weight(&entry);
        if *listed < LISTED_MAX && weight <= WEIGHT_MAX {
            *listed += 1;
            entries.push((opened_at, entry));
        } else {
            pushed_out.push((opened_at, entry));
        }
    }
    pushed_out
}

/// Bytes of a packed entry, roughly.
fn weight(entry: &PodAccount) -> usize {
    let pending: usize = entry.runs.iter().map(|run| run.pending.len()).sum();
    let missing = entry.lines.iter().map(|line| line.counted.missing.len());
    let missing: usize = missing.sum();
    10 + 6 * entry.runs.len() + 13 * entry.lines.len() + 2 * (pending + missing)
}
