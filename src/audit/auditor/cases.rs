//! A case judged, settled, amended, closed.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::pods::{Resting, is_quiet};
use super::{Auditor, Timer, Transition};
use crate::audit::case::{Case, Shown};
use crate::audit::moment::seconds_after;
use crate::audit::observation::{ControllerRef, EventReason, Uid};
use crate::audit::owners::WorkloadId;
use crate::audit::record::{PodRef, PodReport, Run, Termination};
use crate::audit::verdict::{self, Judgement, Limits, SETTLE_SECONDS, World};
use crate::audit::words::{Confidence, Hook};

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
    opened_at: Timestamp,
    /// The last settled verdict per run.
    settled: BTreeMap<RunKey, Run>,
    termination: Option<Termination>,
    timer: Option<Timestamp>,
    lookups: u32,
    next_lookup_at: Option<Timestamp>,
    /// Events taken in and refused later, by reason.
    refused: BTreeMap<EventReason, usize>,
}

/// What names a run within its pod: container, hook, restart, attempt.
type RunKey = (Box<str>, Hook, u32, u32);

fn key(run: &Run) -> RunKey {
    (run.container.clone(), run.hook, run.restart, run.attempt)
}

impl Open {
    pub(super) fn new(now: Timestamp, case: Case, controller: Option<ControllerRef>) -> Self {
        Self {
            case,
            workload: None,
            controller,
            namespace_terminating: false,
            opened_at: now,
            settled: BTreeMap::new(),
            termination: None,
            timer: None,
            lookups: 0,
            next_lookup_at: None,
            refused: BTreeMap::new(),
        }
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
        if self.is_synced() {
            if let Some(workload) = open.workload {
                self.settle(workload, &pod, &mut open, &judgement);
                self.set_active(workload, uid, judgement.active.clone());
            }
            self.look_up(uid, &mut open, &pod);
        }
        match self.fate(&open, &judgement) {
            Fate::Stay(next) => {
                self.rearm(uid, &mut open, next);
                self.cases.insert(uid, open);
            }
            Fate::Rest => {
                self.resting.insert(uid, Resting::of(&open.case));
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
        for run in judgement.runs.iter().filter(|run| run.settled) {
            match open.settled.get(&key(run)) {
                None => {
                    self.count_verdict("run", run.confidence);
                    self.settle_run(workload, pod, run);
                }
                Some(before) if before.outcome != run.outcome => {
                    self.amend_run(workload, pod, before, run)
                }
                Some(before)
                    if before.reason != run.reason || before.exit_code != run.exit_code =>
                {
                    self.amend_run(workload, pod, before, run);
                }
                Some(_) => continue,
            }
            open.settled.insert(key(run), run.clone());
        }
        let case = &open.case;
        open.settled
            .retain(|(container, _, restart, _), _| case.is_kept(container, *restart));
        if let Some(termination) = judgement
            .termination
            .as_ref()
            .filter(|termination| termination.settled)
        {
            match &open.termination {
                None => {
                    self.count_verdict("termination", termination.confidence);
                    self.settle_termination(workload, pod, termination);
                }
                Some(before)
                    if (before.result, before.cause) != (termination.result, termination.cause) =>
                {
                    self.amend_termination(workload, pod, before, termination);
                }
                Some(_) => return,
            }
            open.termination = Some(termination.clone());
        }
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
            } else {
                Fate::Close
            };
        }
        if !settled || judgement.termination.is_some() || !self.is_synced() {
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

    fn close(&mut self, uid: Uid, open: Open, pod: PodRef, judgement: Judgement) {
        if let Some(timer) = open.timer {
            self.timers.remove(&(timer, Timer::Case(uid)));
        }
        if let Some(workload) = open.workload {
            self.set_active(workload, uid, Vec::new());
            self.empty_later(workload);
            self.end_with_last_case(workload);
        }
        if !judgement.runs.is_empty() || judgement.termination.is_some() {
            let report = PodReport {
                pod,
                runs: judgement.runs,
                termination: judgement.termination,
                signs: open.case.signs(),
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
