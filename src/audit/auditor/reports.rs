//! What `HookAudit`s on the API tell: thresholds that users set, and owners that are gone.

use jiff::Timestamp;

use super::kept::{ReportHead, ViewKey, view_key};
use super::{Auditor, Timer, Transition};
use crate::audit::moment::seconds_after;
use crate::audit::observation::ReportSeen;
use crate::audit::owners::WorkloadId;
use crate::audit::record::WorkloadRef;
use crate::audit::seen::ControllerRef;
use crate::audit::snapshot::Basis;

/// A garbage collector that is busy takes minutes.
const GONE_AGAIN_SECONDS: i64 = 600;

impl Auditor {
    pub(super) fn report_seen(&mut self, report: &ReportSeen) {
        let target = target_of(&report.target);
        let key = view_key(&report.namespace, &target);
        let name = (report.namespace.clone(), report.name.clone());
        self.ledgers.targets.insert(name, key.clone());
        let head = ReportHead {
            thresholds: report.thresholds,
            version: report.resource_version.clone(),
        };
        self.ledgers.reports.insert(key.clone(), head);
        // Who made it for an owner may have ended before it was written, and the pods may be gone by now: then it alone
        // tells whose their Events are.
        if report.base.is_some() || report.target.uid.is_some() {
            self.has_predecessor |= !self.was_synced;
            let workload = self.workload(&report.namespace, &target, report.target.uid);
            match &report.base {
                Some(base) => self.rebase(workload, base),
                None => self.empty_later(workload),
            }
        }
        for id in self.workloads_of(&key) {
            let Some(kept) = self.ledgers.kept.get_mut(&id) else {
                continue;
            };
            kept.thresholds = report.thresholds;
            kept.report_version = Some(report.resource_version.clone());
            kept.report_gone_at = None;
            kept.ledger.set_thresholds(report.thresholds);
            kept.ledger.outdate();
            self.ledgers.dirty.insert(id);
        }
    }

    /// A `HookAudit` that was deleted, with no pod of its workload left that is not stopping and no ReplicaSet or Job of it, may have
    /// gone with its owner. It is made again like any other: without its owner the API server soon deletes it anew, and
    /// then its ledger ends with the last case.
    pub(super) fn end_if_owner_is_gone(&mut self, workload: WorkloadId) {
        let cases = self
            .cases
            .values()
            .filter(|open| open.workload == Some(workload));
        let stopping = cases
            .filter(|open| open.case.is_deleted() && open.case.gone_at.is_none())
            .count();
        let owned = self
            .owners
            .workloads()
            .resolve(workload)
            .is_some_and(|view| view.uid.is_some());
        let (now, lives) = (self.now, self.owners.has_living(workload));
        let Some(kept) = self.ledgers.kept.get_mut(&workload) else {
            return;
        };
        kept.report_gone_at = None;
        if !owned || lives || usize::try_from(kept.pods).is_ok_and(|pods| pods > stopping) {
            return;
        }
        let is_since = |at: Timestamp| seconds_after(at, GONE_AGAIN_SECONDS) >= now;
        let again = kept.report_gone_before.replace(now).is_some_and(is_since);
        if again || self.terminating_namespaces.contains_key(&kept.key.0) {
            kept.is_ending = true;
            kept.ledger.set_gone();
            self.end_with_last_case(workload);
        }
    }

    /// Forgets a workload whose owner is gone once nothing of it is open.
    pub(super) fn end_with_last_case(&mut self, workload: WorkloadId) {
        let ending = self
            .ledgers
            .kept
            .get(&workload)
            .is_some_and(|kept| kept.is_ending && kept.pods == 0);
        if ending
            && !self
                .cases
                .values()
                .any(|open| open.workload == Some(workload))
        {
            self.drop_ledger(workload);
        }
    }

    pub(super) fn drop_ledger(&mut self, workload: WorkloadId) {
        let Some(mut kept) = self.ledgers.kept.remove(&workload) else {
            return;
        };
        if !kept.ledger.is_blank() {
            let view = kept
                .ledger
                .view(self.now, self.ledgers.revision, Basis::default());
            self.transitions.push_back(Transition::Ended(view));
        }
        if let Some(timer) = kept.timer {
            self.timers.remove(&(timer, Timer::Ledger(workload)));
        }
        if let Some(due) = kept.active_due {
            self.timers.remove(&(due, Timer::Active(workload)));
        }
        self.ledgers.dirty.remove(&workload);
        for pod in &kept.account.pods {
            self.ledgers.listed.remove(&pod.pod);
        }
        if self
            .ledgers
            .views
            .get(&kept.key)
            .is_some_and(|(id, _)| *id == workload)
        {
            self.ledgers.views.remove(&kept.key);
        }
        self.owners.workloads_mut().release(workload);
    }

    pub(super) fn report_gone(&mut self, namespace: Box<str>, name: Box<str>) {
        let Some(key) = self.ledgers.targets.remove(&(namespace, name)) else {
            return;
        };
        self.ledgers.reports.remove(&key);
        for workload in self.workloads_of(&key) {
            if let Some(kept) = self.ledgers.kept.get_mut(&workload) {
                kept.report_gone_at = Some(self.now);
                kept.report_version = None;
                kept.ledger.outdate();
                self.ledgers.dirty.insert(workload);
            }
            self.rearm_ledger(workload);
        }
    }

    fn workloads_of(&self, (namespace, kind, name, api_version): &ViewKey) -> Vec<WorkloadId> {
        let target = WorkloadRef {
            api_version: api_version.clone(),
            kind: kind.clone(),
            name: name.clone(),
        };
        let named = self.owners.workloads().of_name(namespace, &target);
        named
            .filter(|id| self.ledgers.kept.contains_key(id))
            .collect()
    }
}

/// The workload of a `HookAudit`: one of bare pods names none.
fn target_of(target: &ControllerRef) -> WorkloadRef {
    let bare = WorkloadRef::bare_pods();
    if (&target.api_version, &target.kind, &*target.name) == (&bare.api_version, &bare.kind, "") {
        return bare;
    }
    WorkloadRef {
        api_version: target.api_version.clone(),
        kind: target.kind.clone(),
        name: target.name.clone(),
    }
}
