//! Which case an Event belongs to, and which Events wait for theirs.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::early::Kept;
use super::{Auditor, Timer, pod_uid};
use crate::audit::account::{LineAccount, Marks, Resumed};
use crate::audit::case::events::Absorbed;
use crate::audit::case::{AHEAD_SECONDS, Refusal};
use crate::audit::moment::seconds_after;
use crate::audit::owners::WorkloadId;
use crate::audit::record::{Gap, GapReason};
use crate::audit::roster::Hooks;
use crate::audit::seen::{EventReason, EventSeen, Note, Resource, SETTLE_SECONDS, Subject, Uid};
use crate::audit::words::Hook;

/// How long an Event waits for a change of a pod that is known and at rest: a kubelet shows nothing of a
/// container while its preStop runs. A pod that runs on so long shows that it was not so.
const HELD_SECONDS: i64 = 3600;

/// Where Events about objects without a namespace stand.
const NODE_EVENTS_NAMESPACE: &str = "default";

/// Pods that are gone, of which counted Events were listed.
const COUNTED_GONE_MAX: usize = 10_000;

/// Counted Events of a pod that is gone, as they were listed.
#[derive(Debug, Default)]
pub(super) struct CountedGone {
    pub(super) lines: Vec<LineAccount>,
    pub(super) marks: Marks,
    /// As in [`Resumed`].
    pub(super) failed_until: BTreeMap<Box<str>, Timestamp>,
}

impl Auditor {
    pub(super) fn event(&mut self, event: EventSeen) {
        match &event.subject {
            Subject::Node { name } => {
                let name = name.clone();
                let result = self.node_event(&name, &event);
                self.count_event(&event, result);
            }
            Subject::Pod { .. } => match pod_uid(&event) {
                Some(uid) => self.pod_event(self.subject(uid, &event.namespace), event),
                None => self.count_event(&event, "unmatched"),
            },
            Subject::Other => self.count_event(&event, "unmatched"),
        }
    }

    /// The pod that an Event means. Any pod may say that it is the mirror of some manifest, also one that gives
    /// the uid of another pod.
    fn subject(&self, uid: Uid, namespace: &str) -> Uid {
        if self.roster.get(uid).is_some() || self.cases.contains_key(&uid) {
            return uid;
        }
        let mirror = self.mirrors.get(&(namespace.into(), uid));
        mirror.copied().unwrap_or(uid)
    }

    /// An Event that was asked for; where its case is closed by now nobody needs it.
    pub(super) fn found(&mut self, event: &EventSeen) {
        let now = self.now;
        let uid = pod_uid(event).map(|uid| self.subject(uid, &event.namespace));
        let Some((uid, open)) = uid.and_then(|uid| Some((uid, self.cases.get_mut(&uid)?))) else {
            return self.count_event(event, "unmatched");
        };
        let absorbed = open.absorb_found(now, event);
        self.count_absorbed(event, absorbed);
        if matches!(absorbed, Ok(Absorbed::Matched | Absorbed::Capped)) {
            self.touch(uid);
        }
    }

    fn pod_event(&mut self, uid: Uid, event: EventSeen) {
        self.unfold(uid);
        if self.cases.contains_key(&uid) {
            if self.absorb(uid, &event) {
                self.touch(uid);
            }
            return;
        }
        if self.closed.is_late(uid, &event) {
            return self.late_event(uid, &event);
        }
        if self.is_elsewhere(uid, &event) {
            return self.count_event(&event, "refused");
        }
        let known = self.roster.get(uid).map(|row| row.hooks);
        if known == Some(Hooks::None) && !stops_a_pod(&event) {
            return self.count_event(&event, "unmatched");
        }
        self.keep_early(uid, event);
    }

    /// Hands an Event to the case of its pod; whether that can change anything.
    pub(super) fn absorb(&mut self, uid: Uid, event: &EventSeen) -> bool {
        self.widen_unseen(uid, event);
        let Some(open) = self.cases.get_mut(&uid) else {
            return false;
        };
        let absorbed = open.absorb_event(self.now, event);
        self.count_absorbed(event, absorbed);
        matches!(absorbed, Ok(Absorbed::Matched | Absorbed::Capped))
    }

    /// The pod's case is closed: what the Event adds is judged with all the rest.
    fn late_event(&mut self, uid: Uid, event: &EventSeen) {
        let Some(open) = self.closed.reopen(self.now, uid) else {
            return;
        };
        let workload = open.workload;
        self.cases.insert(uid, open);
        if self.absorb(uid, event) {
            if let Some(workload) = workload {
                self.list_pod(workload, uid);
            }
            return self.touch(uid);
        }
        let Some(open) = self.cases.remove(&uid) else {
            return;
        };
        if let Some(workload) = workload {
            self.raise_marks(workload, &open.case.streamed);
            self.keep_closed(uid, workload, open);
        }
    }

    /// The pod is known, and in another namespace than an Event that names its uid.
    fn is_elsewhere(&self, uid: Uid, event: &EventSeen) -> bool {
        let workload = self.roster.get(uid).map(|row| row.workload);
        let owner = workload.and_then(|id| self.owners.workloads().resolve(id));
        owner.is_some_and(|owner| *owner.namespace != *event.namespace)
    }

    /// An Event may come before the pod's own stream tells what it is about.
    fn keep_early(&mut self, uid: Uid, event: EventSeen) {
        let workload = self.workload_of_event(uid, &event);
        if let Some(workload) = workload
            && self.is_counted(workload, uid, &event)
        {
            self.remember_counted(uid, &event);
            self.raise_marks(workload, &Marks::of(&event));
            return self.count_event(&event, "repeated");
        }
        let namespace = event.namespace.clone();
        let is_known = self.roster.get(uid).is_some();
        let wait_seconds = if is_known {
            HELD_SECONDS
        } else {
            SETTLE_SECONDS
        };
        let (reason, until) = (event.reason, seconds_after(self.now, wait_seconds));
        let (kept, given_up) = self.early.keep(uid, until, event);
        for event in given_up {
            let workload = pod_uid(&event).and_then(|uid| self.workload_of_event(uid, &event));
            self.drop_early(workload, event.reason);
        }
        match kept {
            Kept::Until(until) => {
                let kept = workload.filter(|workload| self.ledgers.kept.contains_key(workload));
                if let Some(workload) = kept {
                    self.list_pod(workload, uid);
                    self.early.listed(&namespace, uid);
                }
                self.timers.insert((until, Timer::Early(namespace, uid)));
            }
            Kept::Repeated => self.count_reason(reason, "repeated"),
            Kept::Dropped => self.drop_early(workload, reason),
        }
    }

    /// The gap is its workload's alone: a flood in one namespace takes nothing from another's Events.
    fn drop_early(&mut self, workload: Option<WorkloadId>, reason: EventReason) {
        let now = self.now;
        if let Some(kept) = workload.and_then(|workload| self.ledgers.kept.get_mut(&workload)) {
            let gap = Gap {
                from: now,
                to: now,
                resource: Resource::Events,
                reason: GapReason::BoundReached,
            };
            kept.add_gap(now, gap);
        }
        self.ledgers.dirty.extend(workload);
        self.count_reason(reason, "dropped");
    }

    /// Whether an Event of a pod without a case is in the tallies: it was taken in by this process, or the
    /// status that the ledger rests on counts it; or it tells of no hook.
    fn is_counted(&self, workload: WorkloadId, uid: Uid, event: &EventSeen) -> bool {
        let Some(kept) = self.ledgers.kept.get(&workload) else {
            return false;
        };
        let container = match &event.subject {
            Subject::Pod { container, .. } => container.as_deref(),
            _ => None,
        };
        let closed = self.closed.get(uid).zip(container);
        let told = closed.and_then(|(closed, of)| LineAccount::told(&closed.lines, event, of));
        if told.is_some_and(|told| told.contains_all(event.count)) {
            return true;
        }
        // A watch tells nothing twice; a list does.
        let relists = self.broken.tells_of(event.reason);
        if self.was_synced && !relists {
            return false;
        }
        if self.was_synced && kept.marks.cover(event) {
            return true;
        }
        let Some(container) = container else {
            return false;
        };
        let hooks_are_known = kept.pods > 0 || kept.written.is_some();
        let hookless = event.reason == EventReason::Killing
            && event.note != Note::FailedPostStartHook
            && hooks_are_known
            && kept.ledger.declared(container, Hook::PreStop).is_none();
        if hookless && self.roster.get(uid).is_none() {
            return true;
        }
        Resumed::new(uid, &kept.others)
            .told(event, container)
            .contains_all(event.count)
    }

    /// An Event of a pod that is gone, and counted: where another one opens its case again, the next status
    /// must not tell that nothing of it is.
    fn remember_counted(&mut self, uid: Uid, event: &EventSeen) {
        let Subject::Pod {
            container: Some(container),
            ..
        } = &event.subject
        else {
            return;
        };
        if self.counted_gone.len() >= COUNTED_GONE_MAX && !self.counted_gone.contains_key(&uid) {
            return self.count_event(event, "forgotten");
        }
        if let Some(line) = LineAccount::of(event, container) {
            let counted = self.counted_gone.entry(uid).or_default();
            LineAccount::add(&mut counted.lines, &[line]);
            counted.marks.raise(event.reason, event.resource_version);
            let failed_at = event.last_at;
            if let Some(at) = failed_at.filter(|_| event.reason == EventReason::FailedPreStopHook) {
                counted.failed_until.insert(container.clone(), at);
            }
        }
    }

    /// Hands a pod's early Events to its case.
    pub(super) fn take_early(&mut self, uid: Uid) {
        let Some(namespace) = self.cases.get(&uid).map(|open| open.case.namespace.clone()) else {
            return;
        };
        let Some((until, events)) = self.early.take(&namespace, uid) else {
            return;
        };
        self.timers.remove(&(until, Timer::Early(namespace, uid)));
        for event in events {
            self.absorb(uid, &event);
        }
    }

    /// Lets a pod's early Events wait no longer than this from now on.
    pub(super) fn shorten_wait(&mut self, namespace: &str, uid: Uid, wait_seconds: i64) {
        let until = seconds_after(self.now, wait_seconds);
        if let Some(before) = self.early.shorten(namespace, uid, until) {
            let timer = |until| (until, Timer::Early(namespace.into(), uid));
            self.timers.remove(&timer(before));
            self.timers.insert(timer(until));
        }
    }

    pub(super) fn early_expired(&mut self, namespace: &str, uid: Uid) {
        let result = if self.roster.get(uid).is_some() {
            "refused"
        } else {
            "unmatched"
        };
        let Some((until, events)) = self.early.take(namespace, uid) else {
            return;
        };
        self.timers
            .remove(&(until, Timer::Early(namespace.into(), uid)));
        let events = if result == "refused" {
            events
        } else {
            self.open_unseen(uid, events)
        };
        for event in events {
            self.count_event(&event, result);
        }
    }

    /// Only who may create Events in `default` can tell of nodes, and nobody of one that is not there.
    fn node_event(&mut self, name: &str, event: &EventSeen) -> &'static str {
        let at = event
            .named_at
            .filter(|_| event.count == 1)
            .or(event.last_at)
            .or(event.first_at);
        let Some(at) = at else { return "unmatched" };
        let from_kubelet =
            event.from_kubelet && event.host.as_deref().is_none_or(|host| host == name);
        if &*event.namespace != NODE_EVENTS_NAMESPACE
            || !from_kubelet
            || at > seconds_after(self.now, AHEAD_SECONDS)
            || !self.nodes.may_exist(name)
        {
            return "refused";
        }
        let starts = event.reason == EventReason::Starting && event.note == Note::StartingKubelet;
        if starts && self.nodes.kubelet_started(name, at) {
            self.touch_node(name);
        } else if event.reason == EventReason::Shutdown {
            self.nodes.shutdown(name, at);
        }
        "matched"
    }

    pub(super) fn count_absorbed(
        &mut self,
        event: &EventSeen,
        absorbed: Result<Absorbed, Refusal>,
    ) {
        let result = match absorbed {
            Ok(Absorbed::Matched) => "matched",
            Ok(Absorbed::Capped) => "capped",
            Ok(Absorbed::Repeated) => "repeated",
            Err(_) => "refused",
        };
        self.count_event(event, result);
    }

    fn count_event(&mut self, event: &EventSeen, result: &'static str) {
        self.count_reason(event.reason, result);
    }

    pub(super) fn count_reason(&mut self, reason: EventReason, result: &'static str) {
        *self
            .counts
            .events
            .entry((reason.as_str(), result))
            .or_default() += 1;
    }
}

/// Whether an Event can be about the stop of a whole pod, so that it matters without any hook.
fn stops_a_pod(event: &EventSeen) -> bool {
    match event.reason {
        EventReason::Killing => event.note == Note::StoppingContainer,
        EventReason::FailedKillPod
        | EventReason::ExceededGracePeriod
        | EventReason::Evicted
        | EventReason::Preempting
        | EventReason::TaintManagerEviction
        | EventReason::FailedUnMount => true,
        _ => false,
    }
}
