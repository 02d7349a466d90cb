//! A case judged, settled, amended, closed.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::pods::{Resting, is_quiet};
use super::tally::{Counted, Move, RunKey, Tally, key, lacking};
use super::{Auditor, Timer, Transition};
use crate::audit::account::{Covered, LineAccount, Resumed};
use crate::audit::case::events::Absorbed;
use crate::audit::case::{Case, Refusal, Shown};
use crate::audit::moment::seconds_after;
use crate::audit::owners::WorkloadId;
use crate::audit::record::{PodRef, PodReport, Run, Termination};
use crate::audit::seen::{ControllerRef, EventReason, EventSeen, SETTLE_SECONDS, Uid};
use crate::audit::verdict::{self, Judgement, Limits, World};
use crate::audit::words::Confidence;

/// A container whose postStart runs longer than this is looked up: its `Started` Event tells since when.
const LOOKUP_AFTER_SECONDS: i64 = 10;
/// Look-ups of one pod: at 10, 20, 40 … seconds, and from then on not again.
const LOOKUPS_MAX: u32 = 6;

/// An open case with what was told of it.
#[derive(Debug)]
pub(super) struct Open {
    pub case: Case,
    /// `None` while the pod's owner was not seen.
    pub workload: Option<WorkloadId>,
    pub controller: Option<ControllerRef>,
    pub namespace_terminating: bool,
    pub opened_at: Timestamp,
    /// What was counted of the pod before this process watched.
    pub resumed: Option<Box<Resumed>>,
    pub tally: Tally,
    /// Events of it that were counted and are not in the case.
    pub told_lines: Vec<LineAccount>,
    /// As it was when something of it was counted last.
    pub pod: Option<Box<PodRef>>,
    /// Runs that are not settled.
    pub pending: Vec<Pending>,
    pub termination_pending: bool,
    /// The newest of its verdicts when it was closed before.
    reported: u64,
    timer: Option<Timestamp>,
    lookups: u32,
    next_lookup_at: Option<Timestamp>,
    /// Events taken in and refused later, by reason.
    refused: BTreeMap<EventReason, usize>,
}

/// A run that is not settled.
#[derive(Debug)]
pub(super) struct Pending {
    pub key: RunKey,
    pub began_at: Option<Timestamp>,
}

impl Open {
    pub(super) fn new(now: Timestamp, case: Case, controller: Option<ControllerRef>) -> Self {
        Self {
            case,
            workload: None,
            controller,
            namespace_terminating: false,
            opened_at: now,
            resumed: None,
            tally: Tally::default(),
            told_lines: Vec::new(),
            pod: None,
            pending: Vec::new(),
            termination_pending: false,
            reported: 0,
            timer: None,
            lookups: 0,
            next_lookup_at: None,
            refused: BTreeMap::new(),
        }
    }

    /// Goes on from what was counted of the pod before.
    pub(super) fn resume(&mut self, resumed: Option<Box<Resumed>>) {
        if let Some(resumed) = resumed {
            self.case.resume(&resumed.pod);
            self.resumed = Some(resumed);
        }
    }

    pub(super) fn absorb_event(
        &mut self,
        now: Timestamp,
        event: &EventSeen,
    ) -> Result<Absorbed, Refusal> {
        let absorbed = self.absorb_found(now, event)?;
        let streamed = &mut self.case.streamed;
        streamed.raise(event.reason, event.resource_version);
        Ok(absorbed)
    }

    /// Takes an Event ahead of its stream, which moves no mark of its workload.
    pub(super) fn absorb_found(
        &mut self,
        now: Timestamp,
        event: &EventSeen,
    ) -> Result<Absorbed, Refusal> {
        let resumed = self.resumed.as_deref();
        let absorbed = self.case.absorb_event(now, event, resumed)?;
        let marks = &mut self.case.marks;
        marks.raise(event.reason, event.resource_version);
        Ok(absorbed)
    }

    fn note_pending(&mut self, judgement: &Judgement) {
        let open = judgement.runs.iter().filter(|run| !run.settled);
        self.pending = open
            .map(|run| Pending {
                key: key(run),
                began_at: run.started_at,
            })
            .collect();
        let termination = judgement.termination.as_ref();
        self.termination_pending = termination.is_some_and(|termination| !termination.settled);
    }
}

impl Auditor {
    /// What is known of every pod whose case is open, sorted by namespace, pod and uid.
    #[must_use]
    pub fn open_reports(&self, now: Timestamp) -> Vec<PodReport> {
        let mut reports: Vec<PodReport> = self
            .cases
            .iter()
            .filter_map(|(uid, open)| {
                let judgement = self.judge(*uid, now.max(self.now))?;
                let report = PodReport {
                    pod: self.pod_ref(open),
                    runs: judgement.runs,
                    termination: judgement.termination,
                    signs: open.case.signs(),
                };
                (!report.runs.is_empty() || report.termination.is_some()).then_some(report)
            })
            .collect();
        reports.sort_by(|left, right| left.pod.cmp(&right.pod));
        reports
    }

    fn judge(&self, uid: Uid, now: Timestamp) -> Option<Judgement> {
        let open = self.cases.get(&uid)?;
        let thresholds = self.ledgers.thresholds(open.workload, self.thresholds);
        let world = World {
            nodes: &self.nodes,
            gaps: &self.gaps,
            namespace_terminating: open.namespace_terminating
                || self
                    .terminating_namespaces
                    .contains_key(&open.case.namespace),
            events_awaited: self.broken.is_awaited(&open.case.namespace),
            limits: Limits {
                post_start_slow_seconds: thresholds.post_start_slow_seconds.unwrap_or(30),
                overdue_seconds: thresholds.overdue_seconds.unwrap_or(60),
            },
        };
        Some(verdict::judge(&open.case, world, now))
    }

    /// Judges a case anew and tells what changed.
    pub(super) fn touch(&mut self, uid: Uid) {
        let now = self.now;
        let Some(judgement) = self.judge(uid, now) else {
            return;
        };
        let Some(mut open) = self.cases.remove(&uid) else {
            return;
        };
        open.namespace_terminating |= self
            .terminating_namespaces
            .contains_key(&open.case.namespace);
        let pod = self.pod_ref(&open);
        self.count_refused(&mut open, &judgement);
        open.note_pending(&judgement);
        if self.is_synced() {
            if let Some(workload) = open.workload {
                self.raise_marks(workload, &open.case.streamed);
                self.settle(workload, &pod, &mut open, &judgement);
                self.set_active(workload, uid, judgement.active.clone());
            }
            self.look_up(uid, &mut open, &pod);
        }
        match self.fate(&open, &judgement) {
            Fate::Stay(next) => {
                self.rearm(uid, &mut open, next);
                self.cases.insert(uid, open);
                if judgement.awaits_events {
                    self.wait_for_list(uid);
                }
            }
            Fate::Rest => {
                self.resting.insert(uid, Resting::of(&open));
                self.close(uid, open, pod, judgement);
            }
            Fate::Close => self.close(uid, open, pod, judgement),
        }
    }

    fn settle(
        &mut self,
        workload: WorkloadId,
        pod: &PodRef,
        open: &mut Open,
        judgement: &Judgement,
    ) {
        let settled = || judgement.runs.iter().filter(|run| run.settled);
        for run in settled() {
            open.tally.rename(run);
            self.settle_one(workload, pod, open, run);
        }
        // By now the other of two runs that changed places has let go of the Event that tells of it.
        for run in settled() {
            self.settle_one(workload, pod, open, run);
        }
        let settled = judgement.termination.as_ref();
        let Some(termination) = settled.filter(|termination| termination.settled) else {
            return;
        };
        let is_same = |before: &Termination| {
            (before.result, before.cause) == (termination.result, termination.cause)
        };
        match &open.tally.termination {
            None => {
                let covered = self.covers_termination(workload, pod.uid, open);
                if covered {
                    return;
                }
                self.count_verdict("termination", termination.confidence);
                self.settle_termination(workload, pod, termination);
                let sequence = self.next_sequence();
                let counted = Counted::new(termination.clone(), sequence);
                open.tally.termination = Some(Box::new(counted));
            }
            Some(counted) if is_same(&counted.verdict) || counted.is_of_others() => return,
            Some(counted) => {
                self.amend_termination(workload, pod, &counted.verdict.clone(), termination);
                let sequence = self.next_sequence();
                if let Some(counted) = &mut open.tally.termination {
                    counted.amend(termination.clone(), sequence);
                }
            }
        }
        open.pod = Some(Box::new(pod.clone()));
    }

    fn settle_one(&mut self, workload: WorkloadId, pod: &PodRef, open: &mut Open, run: &Run) {
        let is_same = |before: &Run| {
            (before.outcome, before.reason, before.exit_code)
                == (run.outcome, run.reason, run.exit_code)
        };
        if open.tally.is_told_by_another(run) {
            return;
        }
        let known = open.tally.runs.get_mut(&key(run));
        let is_new = known.is_none();
        let before = match known {
            Some(counted) if is_same(&counted.verdict) => {
                counted.verdict.witness = run.witness.or(counted.verdict.witness);
                return;
            }
            Some(counted) if !counted.is_of_others() => Some(counted.verdict.clone()),
            _ => match lacking(run, self.covered(workload, pod.uid, open, run)) {
                Some(Move::Amend(before, _)) => Some(before),
                Some(_) if is_new => None,
                _ => return,
            },
        };
        let sequence = self.next_sequence();
        open.pod = Some(Box::new(pod.clone()));
        let Some(before) = before else {
            self.count_verdict("run", run.confidence);
            self.settle_run(workload, pod, run);
            let counted = Counted::new(run.clone(), sequence);
            open.tally.runs.insert(key(run), counted);
            return;
        };
        self.amend_run(workload, pod, &before, run);
        let counted = open.tally.runs.entry(key(run));
        // What another process counted is in every status.
        let counted = counted.or_insert_with(|| Counted::new(before, 0));
        counted.amend(run.clone(), sequence);
    }

    /// What the status that the workload's ledger rests on says of a run.
    fn covered(&self, workload: WorkloadId, uid: Uid, open: &Open, run: &Run) -> Covered {
        if let Some(resumed) = &open.resumed {
            let covered = resumed.pod.covers(run);
            if covered != Covered::No {
                return covered;
            }
        }
        let kept = self.ledgers.kept.get(&workload);
        kept.map_or(Covered::No, |kept| {
            kept.others.covers_run(uid, &open.case.marks, run)
        })
    }

    fn covers_termination(&self, workload: WorkloadId, uid: Uid, open: &Open) -> bool {
        let resumed = open.resumed.as_ref();
        let kept = self.ledgers.kept.get(&workload);
        resumed.is_some_and(|resumed| resumed.pod.termination.is_some())
            || kept.is_some_and(|kept| kept.others.covers_termination(uid, &open.case.marks))
    }

    /// What is refused by what the pod shows later counts once.
    fn count_refused(&mut self, open: &mut Open, judgement: &Judgement) {
        let mut refused: BTreeMap<EventReason, usize> = BTreeMap::new();
        for reason in &judgement.refused {
            *refused.entry(*reason).or_default() += 1;
        }
        for (reason, count) in refused {
            let known = open.refused.entry(reason).or_default();
            for _ in *known..count {
                self.count_reason(reason, "refused");
            }
            *known = count.max(*known);
        }
    }

    fn count_verdict(&mut self, kind: &'static str, confidence: Option<Confidence>) {
        let confidence = confidence.map_or("unknown", Confidence::label);
        *self.counts.verdicts.entry((kind, confidence)).or_default() += 1;
    }

    /// Whether a case has to stay open, and when to look at it again.
    fn fate(&self, open: &Open, judgement: &Judgement) -> Fate {
        let now = self.now;
        let settled = judgement.runs.iter().all(|run| run.settled)
            && judgement
                .termination
                .as_ref()
                .is_none_or(|termination| termination.settled);
        let stay_until =
            |at: Timestamp| Fate::Stay(Some(judgement.next.map_or(at, |next| next.min(at))));
        if let Some(gone_at) = open.case.gone_at {
            let over_at = seconds_after(gone_at, SETTLE_SECONDS);
            return if now < over_at {
                stay_until(over_at)
            } else if judgement.awaits_events {
                Fate::Stay(judgement.next)
            } else {
                Fate::Close
            };
        }
        // Without its workload nothing of it was counted, and before all is listed nothing is.
        let uncounted = !judgement.runs.is_empty() || !open.case.has_hooks();
        let waits = open.workload.is_none() || uncounted && !self.is_synced();
        if !settled || judgement.termination.is_some() || waits {
            return Fate::Stay(judgement.next);
        }
        if open.case.has_hooks() {
            return if is_quiet(&open.case) {
                Fate::Rest
            } else {
                Fate::Stay(judgement.next)
            };
        }
        let over_at = seconds_after(open.opened_at, SETTLE_SECONDS);
        if now < over_at {
            stay_until(over_at)
        } else {
            Fate::Close
        }
    }

    fn rearm(&mut self, uid: Uid, open: &mut Open, next: Option<Timestamp>) {
        let next = [next, open.next_lookup_at].into_iter().flatten().min();
        if let Some(timer) = open.timer.take() {
            self.timers.remove(&(timer, Timer::Case(uid)));
        }
        if let Some(next) = next {
            self.timers.insert((next, Timer::Case(uid)));
            open.timer = Some(next);
        }
    }

    fn close(&mut self, uid: Uid, mut open: Open, pod: PodRef, judgement: Judgement) {
        if let Some(timer) = open.timer.take() {
            self.timers.remove(&(timer, Timer::Case(uid)));
        }
        let signs = open.case.signs();
        let before = std::mem::replace(&mut open.reported, open.tally.newest());
        let is_reported = before > 0 && before == open.reported;
        if let Some(workload) = open.workload {
            self.set_active(workload, uid, Vec::new());
            self.keep_closed(uid, workload, open);
            self.empty_later(workload);
            self.end_with_last_case(workload);
        }
        if !is_reported && (!judgement.runs.is_empty() || judgement.termination.is_some()) {
            let report = PodReport {
                pod,
                runs: judgement.runs,
                termination: judgement.termination,
                signs,
            };
            self.transitions
                .push_back(Transition::Closed(Box::new(report)));
        }
    }

    /// Asks for the Events of a pod whose postStart may be running: `Started` is not watched.
    fn look_up(&mut self, uid: Uid, open: &mut Open, pod: &PodRef) {
        if !wants_events(&open.case) {
            open.next_lookup_at = None;
            open.lookups = 0;
            return;
        }
        let delay = if open.case.is_deleted() {
            0
        } else {
            LOOKUP_AFTER_SECONDS
        };
        let first = seconds_after(self.now, delay);
        let due = *open.next_lookup_at.get_or_insert(first);
        if due > self.now {
            return;
        }
        open.next_lookup_at = None;
        if open.lookups < LOOKUPS_MAX {
            open.lookups += 1;
            open.next_lookup_at = Some(seconds_after(
                self.now,
                LOOKUP_AFTER_SECONDS << open.lookups,
            ));
            let (namespace, pod) = (pod.namespace.clone(), pod.name.clone());
            self.transitions.push_back(Transition::Lookup {
                namespace,
                pod,
                uid,
            });
        }
    }
}

enum Fate {
    /// Open, to be judged again then.
    Stay(Option<Timestamp>),
    /// Folded until the pod changes.
    Rest,
    Close,
}

/// A container with a postStart is not shown as running and no `Started` of it is known; or a pod that
/// stops was not ready, so that its probes may have spent the budget for its warnings.
fn wants_events(case: &Case) -> bool {
    if case.node.is_none() || case.gone_at.is_some() {
        return false;
    }
    let waits = case.containers.iter().any(|container| {
        let waits = matches!(container.shown, Shown::NotStarted | Shown::BackingOff);
        container.post_start.is_some() && waits && !container.started_unseen_end()
    });
    let stops = case
        .containers
        .iter()
        .any(|container| container.pre_stop.is_some());
    waits || stops && case.stop.unready_at_request && case.stop.all_ended_at.is_none()
}
