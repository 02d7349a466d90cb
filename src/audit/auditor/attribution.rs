//! Whose pod is it: the workload that a pod's runs are told under.

use super::cases::Open;
use super::{Auditor, Timer};
use crate::audit::moment::seconds_after;
use crate::audit::owners::{Attribution, WorkloadId, provisional};
use crate::audit::record::{PodRef, WorkloadRef};
use crate::audit::roster::Hooks;
use crate::audit::seen::{PodSeen, SETTLE_SECONDS, Uid};

/// Pods whose owner was not seen yet; beyond it they are told under the name their reference gives.
const PENDING_MAX: usize = 10_000;

impl Auditor {
    /// The workload of a pod, [`WorkloadId::PENDING`] while its owner was not seen.
    pub(super) fn attribute(&mut self, pod: &PodSeen) -> WorkloadId {
        match self.owners.resolve(&pod.namespace, pod.controller.as_ref()) {
            Attribution::Known { target, uid } => self.workload(&pod.namespace, &target, uid),
            Attribution::Pending if self.wait_for_owner(pod) => WorkloadId::PENDING,
            Attribution::Pending => self.guessed_workload(pod),
        }
    }

    fn guessed_workload(&mut self, pod: &PodSeen) -> WorkloadId {
        let target = pod
            .controller
            .as_ref()
            .map_or_else(WorkloadRef::bare_pods, provisional);
        self.workload(&pod.namespace, &target, None)
    }

    /// Keeps a pod whose owner was not seen yet, for a bounded time.
    fn wait_for_owner(&mut self, pod: &PodSeen) -> bool {
        if self.pending.len() >= PENDING_MAX {
            return false;
        }
        let until = seconds_after(self.now, SETTLE_SECONDS);
        let until = self
            .pending
            .get(&pod.uid)
            .map_or(until, |(until, _)| *until);
        self.timers.insert((until, Timer::Pending(pod.uid)));
        self.pending.insert(pod.uid, (until, Box::new(pod.clone())));
        true
    }

    /// An owner was seen: pods that waited for it have a workload now.
    pub(super) fn attribute_pending(&mut self) {
        let known: Vec<Uid> = self
            .pending
            .iter()
            .filter(|(_, (_, pod))| {
                self.owners.resolve(&pod.namespace, pod.controller.as_ref()) != Attribution::Pending
            })
            .map(|(uid, _)| *uid)
            .collect();
        for uid in known {
            self.attribute_now(uid);
        }
    }

    /// Ends a pod's wait for its owner, with what is known of it.
    pub(super) fn attribute_now(&mut self, uid: Uid) {
        let Some((until, pod)) = self.pending.remove(&uid) else {
            return;
        };
        self.timers.remove(&(until, Timer::Pending(uid)));
        let workload = match self.owners.resolve(&pod.namespace, pod.controller.as_ref()) {
            Attribution::Known { target, uid } => self.workload(&pod.namespace, &target, uid),
            Attribution::Pending => self.guessed_workload(&pod),
        };
        if self.roster.get(uid).is_some() {
            self.roster.upsert(&pod, workload, Hooks::declared_by(&pod));
            self.ledgers.pod_came(workload, uid);
        }
        self.declare(workload, &pod);
        let resumed = self.resumed(Some(workload), uid);
        if let Some(open) = self.cases.get_mut(&uid) {
            open.workload = Some(workload);
            if open.case.first_seen_at < self.synced_at {
                open.resume(resumed);
            }
            self.list_pod(workload, uid);
        }
        self.touch(uid);
    }

    pub(super) fn pod_ref(&self, open: &Open) -> PodRef {
        let workload = open
            .workload
            .and_then(|id| self.owners.workloads().resolve(id))
            .map(|view| view.target());
        let guess = || {
            open.controller
                .as_ref()
                .map_or_else(WorkloadRef::bare_pods, provisional)
        };
        PodRef {
            namespace: open.case.namespace.clone(),
            name: open.case.name.clone(),
            uid: open.case.uid,
            node: open.case.node.clone(),
            workload: workload.unwrap_or_else(guess),
        }
    }
}
