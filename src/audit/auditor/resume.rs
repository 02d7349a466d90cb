//! What happened while nothing watched: Events of pods that are gone, and the gap itself.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::cases::Open;
use super::pods::NEW_POD_SECONDS;
use super::{Auditor, OPEN_CASE_SECONDS};
use crate::audit::account::LineAccount;
use crate::audit::case::Case;
use crate::audit::case::instance::Instance;
use crate::audit::moment::{seconds, seconds_after};
use crate::audit::owners::{ByName, WorkloadId};
use crate::audit::record::{Gap, GapReason, WorkloadRef};
use crate::audit::seen::{
    ContainerSeen, EventReason, EventSeen, HookSpec, Note, Phase, PodSeen, Resource, RestartPolicy,
    StatusReason, Subject, Uid,
};
use crate::audit::words::{ContainerType, Handler, Hook};

/// So far may its watches have been behind when a process wrote a status.
const BEHIND_SECONDS: i64 = 10;

/// The grace of a pod without a word about it (core/v1 `terminationGracePeriodSeconds`).
const USUAL_GRACE_SECONDS: i64 = 30;

impl Auditor {
    /// All first lists are complete: what an earlier process left is taken up.
    pub(super) fn take_up(&mut self) {
        self.open_gap();
        for (namespace, uid) in self.early.pods() {
            if self.roster.get(uid).is_some() {
                continue;
            }
            if self.listed_by(uid, &namespace).is_some() {
                self.early_expired(&namespace, uid);
            } else {
                // Pods are listed before Events: it is gone, or newer than that list.
                self.shorten_wait(&namespace, uid, NEW_POD_SECONDS);
            }
        }
    }

    /// The process that led before was last heard of then.
    pub(super) fn leader_heard(&mut self, renewed_at: Timestamp) {
        if !self.was_synced {
            self.renewed_at = self.renewed_at.max(Some(renewed_at));
        }
    }

    /// Nothing was watched since an earlier process was last heard of, less what it may not have written.
    fn open_gap(&mut self) {
        let now = self.now;
        let accounts = self
            .ledgers
            .kept
            .values()
            .filter(|kept| kept.written.is_some());
        let written = accounts.map(|kept| kept.account.at).max();
        let Some(heard_at) = written.max(self.renewed_at) else {
            return;
        };
        let gap = Gap {
            from: seconds_after(heard_at, -OPEN_CASE_SECONDS).min(now),
            to: now,
            resource: Resource::Pods,
            reason: GapReason::NotWatched,
        };
        self.gaps.record(gap.clone());
        self.not_watched = Some(gap);
        let started = self.started_unseen();
        let expired = seconds(heard_at, now) > self.event_life_seconds;
        let all: Vec<WorkloadId> = self.ledgers.kept.keys().copied().collect();
        for workload in all {
            self.tell_gap(workload);
            let Some(kept) = self.ledgers.kept.get_mut(&workload) else {
                continue;
            };
            // Pods came or went, or left no trace.
            let is_told_of = kept.written.is_some();
            let others_live = kept.living != kept.account.living;
            if is_told_of && (others_live || expired) || started.contains(&workload) {
                kept.ledger.gaps_matter();
            }
        }
    }

    /// Workloads of which a container started in the gap: its postStart was not seen.
    fn started_unseen(&self) -> BTreeSet<WorkloadId> {
        const SHOWN_LATE_SECONDS: i64 = 60;
        let in_gap = |workload: WorkloadId, at: Timestamp| {
            let kept = self.ledgers.kept.get(&workload);
            kept.is_some_and(|kept| seconds_after(kept.account.at, -SHOWN_LATE_SECONDS) <= at)
        };
        let started = |open: &Open| {
            let workload = open.workload?;
            let mut instances = open
                .case
                .containers
                .iter()
                .filter(|container| container.post_start.is_some())
                .flat_map(|container| &container.instances.all);
            let is_unseen = |instance: &Instance| {
                instance.preexisting && instance.started_at.is_some_and(|at| in_gap(workload, at))
            };
            instances.any(is_unseen).then_some(workload)
        };
        let folded = self.folded.starts().filter_map(|(uid, at)| {
            let workload = self.roster.get(uid)?.workload;
            in_gap(workload, at).then_some(workload)
        });
        let open = self.cases.values().filter_map(started);
        open.chain(folded).collect()
    }

    /// Tells a workload of the time before this process watched, as far as its status does not cover it.
    fn tell_gap(&mut self, workload: WorkloadId) {
        let now = self.now;
        let (Some(gap), Some(kept)) = (&self.not_watched, self.ledgers.kept.get_mut(&workload))
        else {
            return;
        };
        // What an open pod had is not in the status, however long before it was.
        let is_open = kept.others.pods.iter().any(|pod| pod.is_open);
        let from = match is_open {
            true => gap.from,
            false => gap.from.max(seconds_after(kept.others.at, -BEHIND_SECONDS)),
        };
        if from < gap.to {
            let gap = Gap {
                from,
                ..gap.clone()
            };
            kept.add_gap(now, gap);
        }
        if is_open {
            kept.ledger.gaps_matter();
        }
        self.ledgers.dirty.insert(workload);
    }

    /// Tells a workload of the time in which a pod of it that Events tell of was not seen.
    fn tell_gaps_since(&mut self, workload: WorkloadId, events: &[EventSeen]) {
        let now = self.now;
        let Some(kept) = self.ledgers.kept.get_mut(&workload) else {
            return;
        };
        kept.ledger.gaps_matter();
        let born = events.iter().filter_map(EventSeen::born_at).min();
        let relisted = |gap: &Gap| {
            (gap.resource, gap.reason) == (Resource::Pods, GapReason::Relisted)
                && born.is_some_and(|born| gap.to >= born)
        };
        for gap in self.gaps.list().into_iter().filter(relisted) {
            kept.add_gap(now, gap);
        }
    }

    /// The workload of this namespace whose status lists the pod.
    fn listed_by(&self, uid: Uid, namespace: &str) -> Option<WorkloadId> {
        let listed = self.ledgers.listed.get(&uid.digest()).copied();
        listed.filter(|workload| self.is_in(*workload, namespace))
    }

    /// The workload of this namespace of a pod whose case was closed.
    fn closed_by(&self, uid: Uid, namespace: &str) -> Option<WorkloadId> {
        let closed = self.closed.get(uid).map(|closed| closed.workload);
        closed.filter(|workload| self.is_in(*workload, namespace))
    }

    fn is_in(&self, workload: WorkloadId, namespace: &str) -> bool {
        let view = self.owners.workloads().resolve(workload);
        view.is_some_and(|view| *view.namespace == *namespace)
    }

    /// The workload of an Event's pod, as far as anything tells.
    pub(super) fn workload_of_event(&self, uid: Uid, event: &EventSeen) -> Option<WorkloadId> {
        let row = self.roster.get(uid).map(|row| row.workload);
        let known = row
            .filter(|workload| *workload != WorkloadId::PENDING)
            .or_else(|| self.listed_by(uid, &event.namespace))
            .or_else(|| self.closed_by(uid, &event.namespace));
        let Subject::Pod {
            namespace, name, ..
        } = &event.subject
        else {
            return known;
        };
        known.or_else(|| {
            let (target, uid) = match self.owners.attribute_by_name(namespace, name) {
                ByName::Workload { target, uid } => (target, uid),
                ByName::Bare => (WorkloadRef::bare_pods(), None),
                ByName::GeneratedUnknown => return None,
            };
            self.owners.workloads().get(namespace, &target, uid)
        })
    }

    /// Opens a case on a pod that only its Events tell of; gives back those that tell nothing.
    pub(super) fn open_unseen(&mut self, uid: Uid, events: Vec<EventSeen>) -> Vec<EventSeen> {
        if let Some(open) = self.closed.reopen(self.now, uid) {
            self.cases.insert(uid, open);
            self.take_in(uid, &events);
            return Vec::new();
        }
        let is_own = |event: &EventSeen| matches!(&event.subject, Subject::Pod { namespace, .. } if *namespace == event.namespace);
        let (telling, mut rest): (Vec<_>, Vec<_>) = events
            .into_iter()
            .partition(|event| is_own(event) && self.tells_of_a_hook(event));
        let Some(first) = telling.first() else {
            return rest;
        };
        let Subject::Pod {
            name, namespace, ..
        } = &first.subject
        else {
            return rest;
        };
        let (namespace, name) = (namespace.clone(), name.clone());
        let Some(workload) = self.workload_of_unseen(uid, &namespace, &name) else {
            if telling
                .iter()
                .any(|event| event.reason != EventReason::Killing)
            {
                self.unattributed(&telling);
            }
            rest.extend(telling);
            return rest;
        };
        self.tell_gap(workload);
        self.tell_gaps_since(workload, &telling);
        let case = self.unseen_case(workload, uid, &name, &telling);
        if !case.has_hooks() {
            rest.extend(telling);
            return rest;
        }
        let resumed = self.resumed(Some(workload), uid);
        let mut open = Open::new(self.now, case, None);
        open.workload = Some(workload);
        let counted = self.counted_gone.remove(&uid).unwrap_or_default();
        open.resume(resumed.map(|mut resumed| {
            resumed.failed_until = counted.failed_until;
            resumed
        }));
        LineAccount::add(&mut open.told_lines, &counted.lines);
        for marks in [&mut open.case.marks, &mut open.case.streamed] {
            marks.raise_to(&counted.marks, |_| false);
        }
        self.cases.insert(uid, open);
        self.take_in(uid, &telling);
        rest
    }

    fn take_in(&mut self, uid: Uid, events: &[EventSeen]) {
        for event in events {
            self.absorb(uid, event);
        }
        let workload = self.cases.get(&uid).and_then(|open| open.workload);
        if let Some(workload) = workload {
            self.list_pod(workload, uid);
        }
        self.touch(uid);
    }

    /// A pod that only Events tell of has the containers and hooks that they tell of.
    pub(super) fn widen_unseen(&mut self, uid: Uid, event: &EventSeen) {
        let Some(open) = self.cases.get(&uid).filter(|open| open.case.is_unseen) else {
            return;
        };
        let Some(workload) = open.workload else {
            return;
        };
        let told = self.unseen_case(workload, uid, &open.case.name, std::slice::from_ref(event));
        if let Some(open) = self.cases.get_mut(&uid) {
            open.case.widen(told);
            if let Some(resumed) = &open.resumed {
                open.case.resume(&resumed.pod);
            }
        }
    }

    /// Of a pod's container, and made while a process of ours watched or could have.
    fn tells_of_a_hook(&self, event: &EventSeen) -> bool {
        let has_container =
            matches!(&event.subject, Subject::Pod { container, .. } if container.is_some());
        let is_telling = matches!(
            event.reason,
            EventReason::FailedPostStartHook
                | EventReason::FailedPreStopHook
                | EventReason::Killing
        );
        let observed_from = self.observed_from.unwrap_or(self.now);
        let last = event.latest_at();
        has_container
            && is_telling
            && (self.has_predecessor
                || self.renewed_at.is_some()
                || last.is_some_and(|last| last >= observed_from))
    }

    fn workload_of_unseen(&mut self, uid: Uid, namespace: &str, name: &str) -> Option<WorkloadId> {
        let known = self.listed_by(uid, namespace);
        if let Some(workload) = known.or_else(|| self.closed_by(uid, namespace)) {
            return Some(workload);
        }
        match self.owners.attribute_by_name(namespace, name) {
            ByName::Workload { target, uid } => Some(self.workload(namespace, &target, uid)),
            ByName::Bare => Some(self.workload(namespace, &WorkloadRef::bare_pods(), None)),
            ByName::GeneratedUnknown => None,
        }
    }

    fn unattributed(&mut self, events: &[EventSeen]) {
        let stamped = events.iter().filter_map(EventSeen::latest_at);
        let from = stamped.min().unwrap_or(self.now).min(self.now);
        self.gaps.record(Gap {
            from,
            to: self.now,
            resource: Resource::Pods,
            reason: GapReason::Unattributed,
        });
    }

    /// The pod as far as its Events and its workload's ledger tell.
    fn unseen_case(
        &self,
        workload: WorkloadId,
        uid: Uid,
        name: &str,
        events: &[EventSeen],
    ) -> Case {
        let kept = self.ledgers.kept.get(&workload);
        let host = events
            .iter()
            .find(|event| event.from_kubelet)
            .and_then(|event| event.host.clone());
        let mut pod = PodSeen {
            namespace: kept.map_or_else(|| "".into(), |kept| kept.key.0.clone()),
            name: name.into(),
            uid,
            created_at: None,
            generation: None,
            observed_generation: None,
            deletion: None,
            finalizers: Vec::new(),
            controller: None,
            node: host,
            grace_seconds: kept
                .filter(|kept| kept.ledger.target() != &WorkloadRef::bare_pods())
                .and_then(|kept| kept.ledger.grace_seconds())
                .unwrap_or(USUAL_GRACE_SECONDS),
            restart_policy: RestartPolicy::Always,
            phase: Phase::Unknown,
            status_reason: StatusReason::None,
            disruption: None,
            ready: false,
            static_pod_uid: None,
            containers: Vec::new(),
        };
        for event in events {
            let Subject::Pod {
                container: Some(container),
                ..
            } = &event.subject
            else {
                continue;
            };
            let seen = unseen_container(&mut pod.containers, container);
            let Some(hook) = told_hook(event) else {
                continue;
            };
            // What other bare pods declare says nothing of this one.
            let declared = kept
                .filter(|kept| kept.ledger.target() != &WorkloadRef::bare_pods())
                .and_then(|kept| kept.ledger.declared(container, hook));
            let is_proven = event.reason != EventReason::Killing || hook == Hook::PostStart;
            let spec = match hook {
                Hook::PostStart => &mut seen.post_start,
                Hook::PreStop => &mut seen.pre_stop,
            };
            match declared {
                Some((container_type, declared)) => {
                    seen.container_type = container_type;
                    spec.get_or_insert(declared);
                }
                None if is_proven => {
                    spec.get_or_insert(USUAL_HOOK);
                }
                None => {}
            }
        }
        Case::unseen(self.now, &pod)
    }
}

fn unseen_container<'a>(
    containers: &'a mut Vec<ContainerSeen>,
    name: &str,
) -> &'a mut ContainerSeen {
    let known = containers.iter().position(|known| *known.name == *name);
    let place = known.unwrap_or_else(|| {
        containers.push(ContainerSeen::plain(name, ContainerType::Container));
        containers.len() - 1
    });
    &mut containers[place]
}

/// A failing hook whose declaration was never seen; most are commands.
const USUAL_HOOK: HookSpec = HookSpec {
    handler: Handler::Exec,
    sleep_seconds: None,
    program: None,
    digest: None,
    port: None,
    scheme: None,
};

/// The hook that an Event tells of; a `Killing` proves no preStop.
const fn told_hook(event: &EventSeen) -> Option<Hook> {
    match (event.reason, event.note) {
        (EventReason::FailedPostStartHook, _)
        | (EventReason::Killing, Note::FailedPostStartHook) => Some(Hook::PostStart),
        (EventReason::FailedPreStopHook | EventReason::Killing, _) => Some(Hook::PreStop),
        _ => None,
    }
}
