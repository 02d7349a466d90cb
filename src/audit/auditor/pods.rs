//! What a pod's own stream does to the roster and to cases.

use super::{Auditor, Open};
use crate::audit::account::Resumed;
use crate::audit::case::instance::Seen;
use crate::audit::case::{Case, ContainerCase, Shown};
use crate::audit::owners::WorkloadId;
use crate::audit::roster::{Hooks, Upserted};
use crate::audit::seen::{Phase, PodSeen, Resource, Stream, Uid};

/// By then the watch of pods has told of one that is newer than their list.
pub(super) const NEW_POD_SECONDS: i64 = 10;

/// What is kept of a pod with hooks while nothing happens to it.
#[derive(Debug, Clone)]
pub(super) struct Resting {
    /// Per container, the latest instance, and whether that had ended: those runs are told already.
    latest: Box<[(u32, bool)]>,
    /// What was counted of it before this process watched.
    pub(super) resumed: Option<Box<Resumed>>,
}

impl Resting {
    /// Folds a case in which everything is settled and every container runs or has ended.
    pub(super) fn of(open: &Open) -> Self {
        let latest = |container: &ContainerCase| {
            container
                .instances
                .all
                .last()
                .map_or((0, false), |latest| (latest.restart, latest.has_ended()))
        };
        Self {
            latest: open.case.containers.iter().map(latest).collect(),
            resumed: open
                .resumed
                .clone()
                .filter(|resumed| !resumed.pod.is_blank()),
        }
    }
}

impl Auditor {
    pub(super) fn pod(&mut self, pod: &PodSeen) {
        let hooks = Hooks::declared_by(pod);
        let known = self
            .roster
            .get(pod.uid)
            .map(|row| (row.workload, row.phase));
        let workload = match known {
            Some((workload, _)) if workload != WorkloadId::PENDING => workload,
            _ => self.attribute(pod),
        };
        if self.roster.upsert(pod, workload, hooks) == Upserted::New {
            if let Some(static_uid) = pod.static_pod_uid {
                let mirror = (pod.namespace.clone(), static_uid);
                self.mirrors.insert(mirror, pod.uid);
            }
            self.ledgers.pod_came(workload, pod.uid);
            self.declare(workload, pod);
        }
        let matters = self.cases.contains_key(&pod.uid)
            || hooks != Hooks::None
            || pod.deletion.is_some()
            || self.early.is_awaited(&pod.namespace, pod.uid);
        if matters {
            self.observe_case(
                pod,
                self.seen(&pod.namespace),
                known.map(|(_, phase)| phase),
            );
        }
    }

    pub(super) fn pod_gone(&mut self, pod: &PodSeen) {
        self.pod(pod);
        if self.roster.get(pod.uid).is_some() && !self.cases.contains_key(&pod.uid) {
            self.observe_case(pod, self.seen(&pod.namespace), None);
        }
        if let Some(open) = self.cases.get_mut(&pod.uid) {
            open.case.absorb_gone(self.now, pod);
        }
        self.leave(pod.uid);
        if let Some(static_uid) = pod.static_pod_uid {
            self.mirrors.remove(&(pod.namespace.clone(), static_uid));
        }
        self.touch(pod.uid);
    }

    /// Pods that were there before a relist and are not any more: their end was not seen.
    pub(super) fn pods_listed(&mut self, stream: &Stream) {
        for uid in self.roster.listed(stream) {
            let row = self.roster.get(uid);
            if let Some(namespace) = row.map(|row| Box::<str>::from(row.namespace)) {
                // Its own stream will not tell what its Events are about.
                self.shorten_wait(&namespace, uid, NEW_POD_SECONDS);
            }
            if let Some(open) = self.cases.get_mut(&uid) {
                open.case.vanish(self.now);
            }
            self.closed.vanished(self.now, uid);
            self.leave(uid);
            self.touch(uid);
        }
    }

    fn leave(&mut self, uid: Uid) {
        self.resting.remove(&uid);
        self.folded.remove(uid);
        if let Some(workload) = self.roster.remove(uid) {
            self.ledgers.pod_left(workload, uid);
            self.empty_later(workload);
        }
    }

    fn seen(&self, namespace: &str) -> Seen {
        if self.roster.covers(namespace) {
            Seen::Live
        } else {
            Seen::Listed
        }
    }

    pub(super) fn observe_case(&mut self, pod: &PodSeen, seen: Seen, phase_before: Option<Phase>) {
        let now = self.now;
        self.folded.remove(pod.uid);
        let mut resting = self.resting.remove(&pod.uid);
        if let Some(open) = self.closed.reopen(now, pod.uid) {
            self.cases.insert(pod.uid, open);
            resting = None;
        }
        let workload = self
            .roster
            .get(pod.uid)
            .map(|row| row.workload)
            .filter(|id| *id != WorkloadId::PENDING);
        let is_new = !self.cases.contains_key(&pod.uid);
        let resumed = match &resting {
            Some(resting) => resting.resumed.clone(),
            None if is_new && !self.was_synced => self.resumed(workload, pod.uid),
            None => None,
        };
        let open = self.cases.entry(pod.uid).or_insert_with(|| {
            let mut case = Case::new(now, pod);
            case.phase = phase_before.unwrap_or(case.phase);
            Open::new(now, case, pod.controller.clone())
        });
        open.workload = open.workload.or(workload);
        open.case.absorb_pod(now, seen, pod);
        if open.case.went_back() {
            let field = (
                Resource::Pods.as_str(),
                "status.containerStatuses.restartCount",
            );
            *self.counts.defects.entry(field).or_default() += 1;
        }
        if is_new {
            open.resume(resumed);
        }
        if let Some(resting) = resting {
            open.case.already_told(&resting.latest);
        }
        if let Some(workload) = open.workload {
            self.list_pod(workload, pod.uid);
        }
        self.take_early(pod.uid);
        self.touch(pod.uid);
        self.fold(pod);
    }
}

/// Whether nothing can happen to the pod's hooks without its object changing first.
pub(super) fn is_quiet(case: &Case) -> bool {
    let still = |shown: Shown| matches!(shown, Shown::Running | Shown::Terminated);
    !case.is_deleted()
        && case
            .containers
            .iter()
            .all(|container| still(container.shown) && !container.hook_events())
}
