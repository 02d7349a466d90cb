//! What stays per workload, and the snapshot of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::kept::{Kept, ReportHead, UNTOLD_MAX, ViewKey, view_key};
use super::{Auditor, Counts, Timer, Transition};
use crate::audit::account::{Account, Marks};
use crate::audit::ledger::{Ledger, Readiness};
use crate::audit::moment::seconds_after;
use crate::audit::owners::WorkloadId;
use crate::audit::record::{Gap, Incident, PodRef, Run, Termination, WorkloadRef};
use crate::audit::seen::{PodSeen, Resource, Thresholds, Uid};
use crate::audit::snapshot::{Active, Basis, Counters, Snapshot, Workload};

/// A workload without pods, hooks and incidents is forgotten after this long.
const EMPTY_SECONDS: i64 = 900;

/// An owner that is deleted takes its `HookAudit` and, through the ReplicaSet, its pods along within this.
pub(super) const OWNER_GOES_SECONDS: i64 = 5;

/// Of more pods than these that start or stop at once all are weighed together, once a second: each time
/// the whole list is looked at.
const ACTIVE_AT_ONCE: usize = 50;

/// Ledgers by workload, and the views made of them.
#[derive(Debug, Default)]
pub(super) struct Ledgers {
    /// Boxed: a map leaves almost half of its room empty.
    pub(super) kept: BTreeMap<WorkloadId, Box<Kept>>,
    pub(super) dirty: BTreeSet<WorkloadId>,
    pub(super) views: BTreeMap<ViewKey, (WorkloadId, Arc<Workload>)>,
    pub(super) revision: u64,
    pub(super) snapshot: Option<Arc<Snapshot>>,
    /// What users set, and the resourceVersion, also for workloads that have no ledger yet.
    pub(super) reports: BTreeMap<ViewKey, ReportHead>,
    /// What workloads rest on of which no status was seen.
    nothing: Arc<Account>,
    /// The workload whose status lists a pod, by the digest of the pod's uid.
    pub(super) listed: BTreeMap<u64, WorkloadId>,
    /// The workload of each `HookAudit`, by namespace and name.
    pub(super) targets: BTreeMap<(Box<str>, Box<str>), ViewKey>,
}

impl Ledgers {
    pub(super) fn pod_came(&mut self, workload: WorkloadId, uid: Uid) {
        if let Some(kept) = self.kept.get_mut(&workload) {
            kept.pods += 1;
            kept.living ^= uid.digest();
            kept.ledger.set_pods(kept.pods);
            kept.empty_since = None;
            if std::mem::take(&mut kept.is_ending) {
                kept.ledger.set_readiness(Readiness::Synced);
            }
            self.dirty.insert(workload);
        }
    }

    /// Something happened: the next snapshot is a new one.
    pub(super) fn outdate(&mut self) {
        self.snapshot = None;
    }

    pub(super) fn pod_left(&mut self, workload: WorkloadId, uid: Uid) {
        if let Some(kept) = self.kept.get_mut(&workload) {
            kept.pods = kept.pods.saturating_sub(1);
            kept.living ^= uid.digest();
            kept.ledger.set_pods(kept.pods);
            self.dirty.insert(workload);
        }
    }

    /// The thresholds of a workload, each absent one the operator's.
    pub(super) fn thresholds(
        &self,
        workload: Option<WorkloadId>,
        defaults: Thresholds,
    ) -> Thresholds {
        let own = workload
            .and_then(|id| self.kept.get(&id))
            .map(|kept| kept.thresholds)
            .unwrap_or_default();
        Thresholds {
            post_start_slow_seconds: own
                .post_start_slow_seconds
                .or(defaults.post_start_slow_seconds),
            pre_stop_slow_percent: own.pre_stop_slow_percent.or(defaults.pre_stop_slow_percent),
            overdue_seconds: own.overdue_seconds.or(defaults.overdue_seconds),
        }
    }
}

impl Auditor {
    /// The workload's id, with a ledger behind it.
    pub(super) fn workload(
        &mut self,
        namespace: &str,
        target: &WorkloadRef,
        uid: Option<Uid>,
    ) -> WorkloadId {
        let id = self.owners.workloads_mut().intern(namespace, target, uid);
        if self.ledgers.kept.contains_key(&id) {
            // The ledger holds the one reference that keeps the id.
            self.owners.workloads_mut().release(id);
            return id;
        }
        let since = self.observed_from.unwrap_or(self.now).max(self.now);
        let mut ledger = Ledger::new(namespace.into(), target.clone(), uid, since);
        if !self.is_synced() {
            ledger.set_readiness(Readiness::Syncing);
        }
        let key = view_key(namespace, target);
        let report = self.ledgers.reports.get(&key).cloned();
        let report_version = report.as_ref().map(|report| report.version.clone());
        let thresholds = report.unwrap_or_default().thresholds;
        ledger.set_thresholds(thresholds);
        let kept = Kept {
            ledger,
            key,
            pods: 0,
            living: 0,
            thresholds,
            active: BTreeMap::new(),
            active_due: None,
            timer: None,
            empty_since: None,
            report_gone_at: None,
            report_gone_before: None,
            is_ending: false,
            account: Arc::clone(&self.ledgers.nothing),
            others: Arc::clone(&self.ledgers.nothing),
            taken_over: BTreeSet::new(),
            written: None,
            inherited: None,
            report_version,
            marks: Marks::default(),
            pods_listed: BTreeSet::new(),
            incidents: Vec::new(),
            gaps: Vec::new(),
        };
        self.ledgers.kept.insert(id, Box::new(kept));
        self.ledgers.dirty.insert(id);
        id
    }

    /// Declares what a pod's containers declare.
    pub(super) fn declare(&mut self, workload: WorkloadId, pod: &PodSeen) {
        use crate::audit::words::Hook;
        let Some(kept) = self.ledgers.kept.get_mut(&workload) else {
            return;
        };
        kept.ledger.set_grace(pod.grace_seconds);
        for container in &pod.containers {
            let hooks = [
                (Hook::PostStart, &container.post_start),
                (Hook::PreStop, &container.pre_stop),
            ];
            for (hook, spec) in hooks {
                if let Some(spec) = spec {
                    kept.ledger
                        .declare(&container.name, container.container_type, hook, spec);
                }
            }
        }
        self.ledgers.dirty.insert(workload);
    }

    pub(super) fn settle_run(&mut self, workload: WorkloadId, pod: &PodRef, run: &Run) {
        let now = self.now;
        self.write(workload, |ledger| ledger.settle_run(now, pod, run));
    }

    pub(super) fn amend_run(
        &mut self,
        workload: WorkloadId,
        pod: &PodRef,
        before: &Run,
        after: &Run,
    ) {
        let now = self.now;
        self.write(workload, |ledger| ledger.amend_run(now, pod, before, after));
    }

    pub(super) fn settle_termination(
        &mut self,
        workload: WorkloadId,
        pod: &PodRef,
        termination: &Termination,
    ) {
        let now = self.now;
        self.write(workload, |ledger| {
            ledger.settle_termination(now, pod, termination)
        });
    }

    pub(super) fn amend_termination(
        &mut self,
        workload: WorkloadId,
        pod: &PodRef,
        before: &Termination,
        after: &Termination,
    ) {
        let now = self.now;
        self.write(workload, |ledger| {
            ledger.amend_termination(now, pod, before, after)
        });
    }

    /// Takes what starts or stops now in one pod of a workload.
    pub(super) fn set_active(&mut self, workload: WorkloadId, uid: Uid, active: Vec<Active>) {
        let Some(kept) = self.ledgers.kept.get_mut(&workload) else {
            return;
        };
        let is_same = kept.active.get(&uid).map_or(&[][..], |known| known) == active;
        if is_same {
            return;
        }
        if active.is_empty() {
            kept.active.remove(&uid);
        } else {
            kept.active.insert(uid, active);
        }
        if kept.active.len() <= ACTIVE_AT_ONCE {
            self.weigh_active(workload);
        } else if kept.active_due.is_none() {
            let due = seconds_after(self.now, 1);
            kept.active_due = Some(due);
            self.timers.insert((due, Timer::Active(workload)));
        }
    }

    /// Hands the ledger what starts or stops now in all pods of it.
    pub(super) fn weigh_active(&mut self, workload: WorkloadId) {
        let now = self.now;
        let Some(kept) = self.ledgers.kept.get_mut(&workload) else {
            return;
        };
        if let Some(due) = kept.active_due.take() {
            self.timers.remove(&(due, Timer::Active(workload)));
        }
        let all: Vec<Active> = kept.active.values().flatten().cloned().collect();
        let incidents = kept.ledger.set_active(now, all);
        self.ledgers.dirty.insert(workload);
        for incident in incidents {
            let sequence = self.next_sequence();
            if let Some(kept) = self.ledgers.kept.get_mut(&workload) {
                kept.incidents.push((sequence, incident.clone()));
                if kept.incidents.len() > UNTOLD_MAX {
                    kept.incidents.remove(0);
                }
            }
            self.tell(workload, incident);
        }
    }

    fn write(
        &mut self,
        workload: WorkloadId,
        change: impl FnOnce(&mut Ledger) -> Option<Incident>,
    ) {
        let Some(kept) = self.ledgers.kept.get_mut(&workload) else {
            return;
        };
        let incident = change(&mut kept.ledger);
        self.ledgers.dirty.insert(workload);
        if let Some(incident) = incident {
            self.tell(workload, incident);
        }
        self.rearm_ledger(workload);
    }

    fn tell(&mut self, workload: WorkloadId, incident: Incident) {
        let Some(view) = self.owners.workloads().resolve(workload) else {
            return;
        };
        self.transitions.push_back(Transition::Incident {
            namespace: view.namespace.into(),
            target: view.target(),
            workload_uid: view.uid,
            incident: Box::new(incident),
        });
    }

    pub(super) fn rearm_ledger(&mut self, workload: WorkloadId) {
        let Some(kept) = self.ledgers.kept.get_mut(&workload) else {
            return;
        };
        let empty_at = kept
            .empty_since
            .map(|since| seconds_after(since, EMPTY_SECONDS));
        let gone_at = kept
            .report_gone_at
            .map(|at| seconds_after(at, OWNER_GOES_SECONDS));
        let next = [kept.ledger.next_deadline(), empty_at, gone_at]
            .into_iter()
            .flatten()
            .min();
        if next == kept.timer {
            return;
        }
        if let Some(timer) = kept.timer.take() {
            self.timers.remove(&(timer, Timer::Ledger(workload)));
        }
        if let Some(next) = next {
            self.timers.insert((next, Timer::Ledger(workload)));
            kept.timer = Some(next);
        }
    }

    pub(super) fn ledger_timeout(&mut self, workload: WorkloadId) {
        let now = self.now;
        let Some(kept) = self.ledgers.kept.get_mut(&workload) else {
            return;
        };
        kept.timer = None;
        kept.ledger.handle_timeout(now);
        let due =
            |at: Option<Timestamp>, after| at.is_some_and(|at| seconds_after(at, after) <= now);
        let empty = due(kept.empty_since, EMPTY_SECONDS);
        if empty && kept.ledger.is_blank() {
            return self.drop_ledger(workload);
        }
        if due(kept.report_gone_at, OWNER_GOES_SECONDS) {
            self.end_if_owner_is_gone(workload);
        }
        let Some(kept) = self.ledgers.kept.get_mut(&workload) else {
            return;
        };
        if empty {
            kept.empty_since = None;
        }
        self.ledgers.dirty.insert(workload);
        self.rearm_ledger(workload);
    }

    /// A workload without pods and cases is looked at again later: most have nothing worth keeping.
    pub(super) fn empty_later(&mut self, workload: WorkloadId) {
        let now = self.now;
        if let Some(kept) = self.ledgers.kept.get_mut(&workload)
            && kept.pods == 0
        {
            kept.empty_since.get_or_insert(now);
            self.rearm_ledger(workload);
        }
    }

    /// A gap is told by every workload that had a pod starting or stopping in it; where Events expired in it,
    /// by all. If it is of one namespace, it is told there alone.
    pub(super) fn gap_closed(&mut self, gap: &Gap, namespace: Option<&str>) {
        let now = self.now;
        let touched: BTreeSet<WorkloadId> = if gap.resource == Resource::Events {
            self.ledgers.kept.keys().copied().collect()
        } else {
            let open = self.cases.values();
            open.filter_map(|open| open.workload).collect()
        };
        for workload in touched {
            let kept = self.ledgers.kept.get_mut(&workload);
            let concerns =
                |kept: &Kept| namespace.is_none_or(|namespace| *kept.key.0 == *namespace);
            if let Some(kept) = kept.filter(|kept| concerns(kept)) {
                kept.add_gap(now, gap.clone());
                if matches!(gap.resource, Resource::Pods | Resource::Events) {
                    kept.ledger.gaps_matter();
                }
                self.ledgers.dirty.insert(workload);
            }
        }
    }

    pub(super) fn all_synced(&mut self) {
        for (id, kept) in &mut self.ledgers.kept {
            kept.ledger.set_readiness(Readiness::Synced);
            self.ledgers.dirty.insert(*id);
        }
    }

    pub(super) fn build_snapshot(&mut self) -> Arc<Snapshot> {
        if let Some(snapshot) = &self.ledgers.snapshot {
            return Arc::clone(snapshot);
        }
        self.ledgers.revision += 1;
        let revision = self.ledgers.revision;
        let unlisted = self.early.oldest_unlisted();
        for id in std::mem::take(&mut self.ledgers.dirty) {
            let (account, pushed_out) = self.account(id, &unlisted);
            let Some(kept) = self.ledgers.kept.get_mut(&id) else {
                continue;
            };
            let newest = self
                .ledgers
                .views
                .get(&kept.key)
                .is_none_or(|(known, _)| *known == id || kept.pods > 0);
            if let Some(gap) = pushed_out {
                kept.ledger.add_gap(self.now, gap);
            }
            if newest {
                let basis = Basis {
                    account,
                    written: kept.written.clone(),
                    inherited: kept.inherited.clone(),
                    report_version: kept.report_version.clone(),
                };
                let view = kept.ledger.view(self.now, revision, basis);
                self.ledgers.views.insert(kept.key.clone(), (id, view));
            }
        }
        let snapshot = Arc::new(Snapshot {
            revision,
            synced: self.is_synced(),
            observed_from: self.observed_from,
            observed_to: Some(self.now),
            gaps: self.gaps(),
            tracked_pods: self.roster.len(),
            open_cases: self.cases.len(),
            workloads: self
                .ledgers
                .views
                .values()
                .map(|(_, view)| Arc::clone(view))
                .collect(),
            counters: self.counts.counters(),
        });
        self.ledgers.snapshot = Some(Arc::clone(&snapshot));
        snapshot
    }
}

impl Counts {
    fn counters(&self) -> Counters {
        let list = |counts: &BTreeMap<(&'static str, &'static str), u64>| {
            counts
                .iter()
                .map(|((left, right), count)| (*left, *right, *count))
                .collect()
        };
        Counters {
            events: list(&self.events),
            verdicts: list(&self.verdicts),
            defects: list(&self.defects),
        }
    }
}
