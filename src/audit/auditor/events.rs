//! Which case an Event belongs to, and which Events wait for theirs.

use jiff::Timestamp;

use super::{Auditor, Timer, pod_uid};
use crate::audit::account::Resumed;
use crate::audit::case::Refusal;
use crate::audit::case::events::Absorbed;
use crate::audit::moment::seconds_after;
use crate::audit::observation::{EventReason, EventSeen, Note, Resource, Subject, Uid};
use crate::audit::owners::WorkloadId;
use crate::audit::record::{Gap, GapReason};
use crate::audit::roster::Hooks;
use crate::audit::verdict::SETTLE_SECONDS;
use crate::audit::words::Hook;

/// Events that wait for a pod, over all pods.
const EARLY_MAX: usize = 10_000;
/// Events that wait for one pod.
const EARLY_PER_POD_MAX: usize = 64;

/// Events of a pod that has no case yet: its own stream will tell what they are about.
#[derive(Debug)]
pub(super) struct Early {
    until: Timestamp,
    events: Vec<EventSeen>,
}

impl Auditor {
    pub(super) fn event(&mut self, event: EventSeen) {
        match &event.subject {
            Subject::Node { name } => {
                let name = name.clone();
                self.node_event(&name, &event);
                self.count_event(&event, "matched");
            }
            Subject::Pod { .. } => match pod_uid(&event) {
                Some(uid) => self.pod_event(self.mirrors.get(&uid).copied().unwrap_or(uid), event),
                None => self.count_event(&event, "unmatched"),
            },
            Subject::Other => self.count_event(&event, "unmatched"),
        }
    }

    /// An Event that was asked for; where its case is closed by now nobody needs it.
    pub(super) fn found(&mut self, event: &EventSeen) {
        let uid = pod_uid(event).map(|uid| self.mirrors.get(&uid).copied().unwrap_or(uid));
        let Some((uid, open)) = uid.and_then(|uid| Some((uid, self.cases.get_mut(&uid)?))) else {
            return self.count_event(event, "unmatched");
        };
        let absorbed = open.absorb_found(event);
        self.count_absorbed(event, absorbed);
        if absorbed == Ok(Absorbed::Matched) {
            self.touch(uid);
        }
    }

    fn pod_event(&mut self, uid: Uid, event: EventSeen) {
        if let Some(open) = self.cases.get_mut(&uid) {
            let absorbed = open.absorb_event(&event);
            self.count_absorbed(&event, absorbed);
            if absorbed == Ok(Absorbed::Matched) {
                self.touch(uid);
            }
            return;
        }
        let known = self.roster.get(uid).map(|row| row.hooks);
        if known == Some(Hooks::None) && !stops_a_pod(&event) {
            return self.count_event(&event, "unmatched");
        }
        self.keep_early(uid, event);
    }

    /// An Event may come before the pod's own stream tells what it is about.
    fn keep_early(&mut self, uid: Uid, event: EventSeen) {
        let now = self.now;
        let workload = self.workload_of_event(uid, &event);
        if workload.is_some_and(|workload| self.is_counted(workload, uid, &event)) {
            return self.count_event(&event, "repeated");
        }
        if self.early_count >= EARLY_MAX {
            return self.drop_early(&event);
        }
        let until = seconds_after(now, SETTLE_SECONDS);
        let early = self.early.entry(uid).or_insert_with(|| Early {
            until,
            events: Vec::new(),
        });
        if early
            .events
            .iter()
            .any(|known| known.name == event.name && known.count >= event.count)
        {
            return self.count_event(&event, "repeated");
        }
        if early.events.len() >= EARLY_PER_POD_MAX {
            return self.drop_early(&event);
        }
        early.events.push(event);
        self.early_count += 1;
        self.timers.insert((early.until, Timer::Early(uid)));
        if let Some(workload) = workload {
            self.list_pod(workload, uid);
        }
    }

    fn drop_early(&mut self, event: &EventSeen) {
        self.gaps.record(Gap {
            from: self.now,
            to: self.now,
            resource: Resource::Events,
            reason: GapReason::BoundReached,
        });
        self.count_event(event, "dropped");
    }

    /// Whether an Event of a pod without a case is in the tallies: it was taken in by this process, or the
    /// status that the ledger rests on counts it; or it tells of no hook.
    fn is_counted(&self, workload: WorkloadId, uid: Uid, event: &EventSeen) -> bool {
        let Some(kept) = self.ledgers.kept.get(&workload) else {
            return false;
        };
        // A watch tells nothing twice; a list does.
        let relists = self
            .relisting
            .get(&event.reason)
            .is_some_and(|lists| *lists > 0);
        if self.was_synced && !relists {
            return false;
        }
        if self.was_synced && kept.marks.cover(event) {
            return true;
        }
        let Subject::Pod {
            container: Some(container),
            ..
        } = &event.subject
        else {
            return false;
        };
        let hookless = event.reason == EventReason::Killing
            && event.note != Note::FailedPostStartHook
            && kept.ledger.declared(container, Hook::PreStop).is_none();
        if hookless && self.roster.get(uid).is_none() {
            return true;
        }
        kept.written.is_some()
            && Resumed::new(uid, &kept.account).told(event, container) >= event.count
    }

    /// Hands a pod's early Events to its case.
    pub(super) fn take_early(&mut self, uid: Uid) {
        let Some(early) = self.early.remove(&uid) else {
            return;
        };
        self.timers.remove(&(early.until, Timer::Early(uid)));
        self.early_count -= early.events.len();
        for event in early.events {
            let Some(open) = self.cases.get_mut(&uid) else {
                return;
            };
            let absorbed = open.absorb_event(&event);
            self.count_absorbed(&event, absorbed);
        }
    }

    /// Lets a pod's early Events wait no longer than this from now on.
    pub(super) fn shorten_wait(&mut self, uid: Uid, wait_seconds: i64) {
        let until = seconds_after(self.now, wait_seconds);
        if let Some(early) = self.early.get_mut(&uid).filter(|early| until < early.until) {
            self.timers.remove(&(early.until, Timer::Early(uid)));
            early.until = until;
            self.timers.insert((until, Timer::Early(uid)));
        }
    }

    pub(super) fn early_expired(&mut self, uid: Uid) {
        let Some(early) = self.early.remove(&uid) else {
            return;
        };
        self.timers.remove(&(early.until, Timer::Early(uid)));
        self.early_count -= early.events.len();
        let events = if self.roster.get(uid).is_none() {
            self.open_unseen(uid, early.events)
        } else {
            early.events
        };
        for event in events {
            self.count_event(&event, "unmatched");
        }
    }

    pub(super) fn count_absorbed(
        &mut self,
        event: &EventSeen,
        absorbed: Result<Absorbed, Refusal>,
    ) {
        let result = match absorbed {
            Ok(Absorbed::Matched) => "matched",
            Ok(Absorbed::Repeated) => "repeated",
            Err(_) => "refused",
        };
        self.count_event(event, result);
    }

    fn count_event(&mut self, event: &EventSeen, result: &'static str) {
        *self
            .counts
            .events
            .entry((event.reason.as_str(), result))
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
