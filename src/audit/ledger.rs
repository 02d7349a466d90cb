//! What stays of a workload when its pods are gone: tallies, incidents, termination times, conditions.
//!
//! Every settled run and termination is counted once, by the caller's promise; an amendment moves the
//! tally. Conditions flip when a verdict, the active list or a deadline makes them, never by looking.
//! The view is made on demand and belongs to its readers: while one of them holds it, an unchanged
//! ledger hands out the same one.

use std::sync::{Arc, Weak};

use jiff::Timestamp;

use self::kept::Kept;
use self::streaks::Verdict;
use super::record::{Gap, Incident, PodRef, Run, Termination, WorkloadRef};
use super::seen::{HookSpec, Thresholds, Uid};
use super::snapshot::{Active, Basis, HookLedger, Streak, TerminationLedger, Workload};
use super::words::{ConditionStatus, ConditionType, ContainerType, Fault, Hook, Outcome};

mod active;
mod conditions;
mod gaps;
mod hooks;
mod incidents;
mod judgement;
mod kept;
mod messages;
mod onto;
mod streaks;
mod terminations;
#[cfg(test)]
mod tests;

pub use self::terminations::RECOMMENDED_FROM;

/// The container under which hooks are counted that have no row of their own.
pub const OTHER_CONTAINER: &str = "_other";

/// Whether what is known of a workload is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// First lists are still being read; conditions are Unknown.
    Syncing,
    Synced,
    /// The workload's object is gone.
    Gone,
}

/// What is kept of one workload.
#[derive(Debug)]
pub struct Ledger {
    namespace: Box<str>,
    target: WorkloadRef,
    uid: Option<Uid>,
    since: Timestamp,
    grace_seconds: Option<i64>,
    hooks: Vec<HookLedger>,
    terminations: TerminationLedger,
    unrest: Option<Box<Unrest>>,
    revision: u64,
    view: Weak<Workload>,
    pods: u32,
    readiness: Readiness,
    dirty: bool,
}

/// What only a ledger has to which something happened.
#[derive(Debug, Default, PartialEq)]
struct Unrest {
    thresholds: Thresholds,
    active: Vec<Active>,
    told: Vec<active::Told>,
    incidents: Vec<Kept>,
    incident_count: u64,
    streaks: Vec<Streak>,
    gaps: Vec<Gap>,
    gap_count: u64,
    gap_seconds: u64,
    /// Pods were starting or stopping in a gap.
    gap_matters: bool,
    /// Conditions that are not, or not since the beginning, what they were first.
    flips: Vec<Standing>,
}

/// A condition's status and since when it has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    condition_type: ConditionType,
    status: ConditionStatus,
    since: Timestamp,
}

impl Ledger {
    /// An empty ledger; `since` is when the first pod was seen.
    #[must_use]
    pub fn new(
        namespace: Box<str>,
        target: WorkloadRef,
        uid: Option<Uid>,
        since: Timestamp,
    ) -> Self {
        Self {
            namespace,
            target,
            uid,
            since,
            grace_seconds: None,
            hooks: Vec::new(),
            terminations: TerminationLedger::default(),
            unrest: None,
            revision: 0,
            view: Weak::new(),
            pods: 0,
            readiness: Readiness::Synced,
            dirty: true,
        }
    }

    /// A living pod declares a hook. Containers without a row of their own fold into `_other`.
    pub fn declare(
        &mut self,
        container: &str,
        container_type: ContainerType,
        hook: Hook,
        spec: &HookSpec,
    ) {
        let rows_before = self.hooks.len();
        let row = hooks::row(&mut self.hooks, container, container_type, hook, spec);
        let has_changed = row.spec != *spec || row.container_type != container_type;
        if has_changed && *row.container != *OTHER_CONTAINER {
            row.spec = spec.clone();
            row.container_type = container_type;
            self.dirty = true;
        }
        self.dirty |= self.hooks.len() != rows_before;
    }

    #[must_use]
    pub const fn target(&self) -> &WorkloadRef {
        &self.target
    }

    /// `terminationGracePeriodSeconds` of the newest pod.
    #[must_use]
    pub const fn grace_seconds(&self) -> Option<i64> {
        self.grace_seconds
    }

    /// A hook that a pod declared.
    #[must_use]
    pub fn declared(&self, container: &str, hook: Hook) -> Option<(ContainerType, HookSpec)> {
        let mut rows = self.hooks.iter();
        rows.find(|row| *row.container == *container && row.hook == hook)
            .map(|row| (row.container_type, row.spec.clone()))
    }

    /// `terminationGracePeriodSeconds` of the newest pod.
    pub fn set_grace(&mut self, seconds: i64) {
        self.dirty |= self.grace_seconds.replace(seconds) != Some(seconds);
    }

    /// Pods that live now.
    pub fn set_pods(&mut self, count: u32) {
        self.dirty |= std::mem::replace(&mut self.pods, count) != count;
    }

    /// The thresholds in force; they apply to runs that settle from now on.
    pub fn set_thresholds(&mut self, thresholds: Thresholds) {
        if self.thresholds() != thresholds {
            self.unrest_mut().thresholds = thresholds;
            self.dirty = true;
        }
    }

    /// The workload's object is gone.
    pub fn set_gone(&mut self) {
        self.set_readiness(Readiness::Gone);
    }

    /// Whether first lists are complete; a new ledger takes them to be.
    pub fn set_readiness(&mut self, readiness: Readiness) {
        self.dirty |= std::mem::replace(&mut self.readiness, readiness) != readiness;
    }

    /// Counts a run that settled; the incident is told once.
    pub fn settle_run(&mut self, now: Timestamp, pod: &PodRef, run: &Run) -> Option<Incident> {
        if run.outcome == Outcome::Running {
            return None;
        }
        self.handle_timeout(now);
        let at = hooks::ended_at(run, now);
        self.row_of(run).count_run(run, at);
        self.observe_run(run, at, now);
        let told = incidents::of_run(pod, run, at).and_then(|incident| self.keep(incident));
        self.weigh(now);
        told
    }

    /// Moves a counted run to its new verdict; an incident is told when it is another one.
    pub fn amend_run(
        &mut self,
        now: Timestamp,
        pod: &PodRef,
        before: &Run,
        after: &Run,
    ) -> Option<Incident> {
        if before == after || after.outcome == Outcome::Running {
            return None;
        }
        if before.outcome == Outcome::Running {
            return self.settle_run(now, pod, after);
        }
        self.handle_timeout(now);
        let (was_at, is_at) = (hooks::ended_at(before, now), hooks::ended_at(after, now));
        let row = self.row_of(before);
        row.uncount_run(before, was_at);
        row.count_run(after, is_at);
        if before.outcome != after.outcome {
            row.count_amendment(before.outcome, after.outcome);
        }
        self.withdraw_run(before, was_at);
        self.observe_run(after, is_at, now);
        let told = self.exchange(
            incidents::of_run(pod, before, was_at),
            incidents::of_run(pod, after, is_at),
        );
        self.weigh(now);
        told
    }

    /// Counts a termination that settled; the incident is told once.
    pub fn settle_termination(
        &mut self,
        now: Timestamp,
        pod: &PodRef,
        termination: &Termination,
    ) -> Option<Incident> {
        self.handle_timeout(now);
        let at = terminations::ended_at(termination, now);
        self.terminations.count_termination(termination);
        self.observe(
            ConditionType::TerminationHealthy,
            terminations::verdict(termination),
            at,
            now,
        );
        let told = incidents::of_termination(pod, termination, at)
            .and_then(|incident| self.keep(incident));
        self.weigh(now);
        told
    }

    /// Moves a counted termination to its new verdict; an incident is told when it is another one.
    pub fn amend_termination(
        &mut self,
        now: Timestamp,
        pod: &PodRef,
        before: &Termination,
        after: &Termination,
    ) -> Option<Incident> {
        if before == after {
            return None;
        }
        self.handle_timeout(now);
        let was_at = terminations::ended_at(before, now);
        let is_at = terminations::ended_at(after, now);
        self.terminations.uncount_termination(before);
        self.terminations.count_termination(after);
        let condition_type = ConditionType::TerminationHealthy;
        self.withdraw(condition_type, terminations::verdict(before), was_at);
        self.observe(condition_type, terminations::verdict(after), is_at, now);
        let told = self.exchange(
            incidents::of_termination(pod, before, was_at),
            incidents::of_termination(pod, after, is_at),
        );
        self.weigh(now);
        told
    }

    /// When a condition flips back because a day has passed since its last bad verdict.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        streaks::next_deadline(self.streaks())
    }

    /// Lets every day end that is over by `now`, each at its own time.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some(deadline) = self.next_deadline().filter(|deadline| *deadline <= now) {
            if let Some(unrest) = &mut self.unrest {
                streaks::expire(&mut unrest.streaks, deadline);
            }
            self.weigh(deadline);
        }
    }

    /// Nothing of it is worth keeping without its pods.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.hooks.is_empty()
            && self
                .unrest
                .as_ref()
                .is_none_or(|unrest| unrest.incident_count == 0)
    }

    /// Something changed since the last view.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// What it rests on has changed.
    pub fn outdate(&mut self) {
        self.dirty = true;
    }

    /// The workload as readers see it, of this revision if it changed since the last view.
    pub fn view(&mut self, now: Timestamp, revision: u64, basis: Basis) -> Arc<Workload> {
        self.handle_timeout(now);
        if self.dirty {
            self.weigh(now);
            self.revision = revision;
            self.dirty = false;
        } else if let Some(view) = self.view.upgrade() {
            return view;
        }
        let view = Arc::new(self.workload(basis));
        self.view = Arc::downgrade(&view);
        view
    }

    fn workload(&self, basis: Basis) -> Workload {
        let calm = Unrest::default();
        let unrest = self.unrest.as_deref().unwrap_or(&calm);
        Workload {
            revision: self.revision,
            namespace: self.namespace.clone(),
            target: self.target.clone(),
            uid: self.uid,
            gone: self.readiness == Readiness::Gone,
            since: self.since,
            grace_seconds: self.grace_seconds,
            pods: self.pods,
            thresholds: unrest.thresholds,
            hooks: self.hooks.clone(),
            terminations: self.terminations.clone(),
            active: unrest.active.clone(),
            incidents: unrest.incidents.iter().map(Kept::told).collect(),
            incident_count: unrest.incident_count,
            conditions: self.conditions(),
            streaks: unrest.streaks.clone(),
            gaps: unrest.gaps.clone(),
            gap_count: unrest.gap_count,
            gap_seconds: unrest.gap_seconds,
            gap_matters: unrest.gap_matters,
            basis,
        }
    }

    fn row_of(&mut self, run: &Run) -> &mut HookLedger {
        let spec = hooks::spec_of(run);
        hooks::row(
            &mut self.hooks,
            &run.container,
            run.container_type,
            run.hook,
            &spec,
        )
    }

    fn observe_run(&mut self, run: &Run, at: Timestamp, now: Timestamp) {
        let condition_type = judgement::condition_of(run.hook);
        let verdict = hooks::verdict(run);
        self.observe(condition_type, verdict, at, now);
        if verdict != Verdict::Clean {
            return;
        }
        if hooks::is_slow(run, self.thresholds()) {
            self.observe(condition_type, Verdict::Bad(Fault::Slow), at, now);
        } else if let Some(unrest) = &mut self.unrest {
            streaks::observe_fast(&mut unrest.streaks, condition_type, at);
        }
    }

    fn withdraw_run(&mut self, run: &Run, at: Timestamp) {
        let condition_type = judgement::condition_of(run.hook);
        let verdict = hooks::verdict(run);
        self.withdraw(condition_type, verdict, at);
        if verdict == Verdict::Clean && hooks::is_slow(run, self.thresholds()) {
            self.withdraw(condition_type, Verdict::Bad(Fault::Slow), at);
        }
    }

    fn observe(
        &mut self,
        condition_type: ConditionType,
        verdict: Verdict,
        at: Timestamp,
        now: Timestamp,
    ) {
        if matches!(verdict, Verdict::Bad(_)) || self.unrest.is_some() {
            let streaks = &mut self.unrest_mut().streaks;
            streaks::observe(streaks, condition_type, verdict, at, now);
        }
    }

    fn withdraw(&mut self, condition_type: ConditionType, verdict: Verdict, at: Timestamp) {
        if let Some(unrest) = &mut self.unrest {
            streaks::withdraw(&mut unrest.streaks, condition_type, verdict, at);
        }
    }

    /// Lists an incident; gives it back when it is to be told.
    fn keep(&mut self, incident: Incident) -> Option<Incident> {
        let unrest = self.unrest_mut();
        let kept = Kept::of(&incident);
        let is_known = incidents::is_listed(&unrest.incidents, &kept);
        incidents::list(&mut unrest.incidents, kept);
        if is_known {
            return None;
        }
        unrest.incident_count += 1;
        Some(incident)
    }

    /// Puts an amended verdict's incident in the place of the one before; gives it back when it is to be told.
    fn exchange(&mut self, before: Option<Incident>, after: Option<Incident>) -> Option<Incident> {
        let Some(before) = before.as_ref().map(Kept::of) else {
            return after.and_then(|after| self.keep(after));
        };
        let unrest = self.unrest_mut();
        let Some(after) = after else {
            incidents::remove(&mut unrest.incidents, &before);
            unrest.incident_count = unrest.incident_count.saturating_sub(1);
            return None;
        };
        let kept = Kept::of(&after);
        let is_told = before.identity() == kept.identity();
        incidents::replace(&mut unrest.incidents, &before, kept);
        (!is_told).then_some(after)
    }

    fn thresholds(&self) -> Thresholds {
        self.unrest
            .as_deref()
            .map_or_else(Thresholds::default, |unrest| unrest.thresholds)
    }

    fn streaks(&self) -> &[Streak] {
        self.unrest.as_deref().map_or(&[], |unrest| &unrest.streaks)
    }

    fn unrest_mut(&mut self) -> &mut Unrest {
        self.unrest.get_or_insert_default()
    }

    /// Gives back the memory of what is over.
    fn calm(&mut self) {
        if self.unrest.as_deref() == Some(&Unrest::default()) {
            self.unrest = None;
        }
    }
}
