//! Events that wait for their pod, shared out so that no namespace can take the place of another's.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::audit::seen::{EventReason, EventSeen, Uid};

/// Events that wait, over all pods.
const WAITING_MAX: usize = 10_000;
/// Events that wait for one pod.
const PER_POD_MAX: usize = 64;

/// Events of a pod that has no case yet: its own stream will tell what they are about.
#[derive(Debug)]
struct Waiting {
    until: Timestamp,
    events: Vec<EventSeen>,
    /// The status of its workload will list the pod.
    is_listed: bool,
}

/// By namespace and reason.
pub(super) type OldestUnlisted = BTreeMap<Box<str>, BTreeMap<EventReason, u64>>;

/// All Events that wait, by their own namespace and the uid that they name.
#[derive(Debug, Default)]
pub(super) struct EarlyEvents {
    waiting: BTreeMap<(Box<str>, Uid), Waiting>,
    per_namespace: BTreeMap<Box<str>, usize>,
    count: usize,
}

/// What became of an Event that was to wait.
#[derive(Debug)]
pub(super) enum Kept {
    /// It waits until then.
    Until(Timestamp),
    Repeated,
    /// There is no room for it.
    Dropped,
}

impl EarlyEvents {
    /// Namespace and uid of every pod that Events wait for.
    pub(super) fn pods(&self) -> Vec<(Box<str>, Uid)> {
        self.waiting.keys().cloned().collect()
    }

    pub(super) fn is_awaited(&self, namespace: &str, uid: Uid) -> bool {
        self.waiting.contains_key(&(namespace.into(), uid))
    }

    /// The Events that wait for this pod in this namespace.
    pub(super) fn of(&self, namespace: &str, uid: Uid) -> &[EventSeen] {
        let waiting = self.waiting.get(&(namespace.into(), uid));
        waiting.map_or(&[], |waiting| &waiting.events)
    }

    /// The status of the pod's workload will list it.
    pub(super) fn listed(&mut self, namespace: &str, uid: Uid) {
        if let Some(waiting) = self.waiting.get_mut(&(namespace.into(), uid)) {
            waiting.is_listed = true;
        }
    }

    /// The oldest resourceVersion of those whose pods no status will list, by namespace and reason.
    pub(super) fn oldest_unlisted(&self) -> OldestUnlisted {
        let mut oldest = OldestUnlisted::new();
        let unlisted = self.waiting.values().filter(|waiting| !waiting.is_listed);
        for event in unlisted.flat_map(|waiting| &waiting.events) {
            let of_namespace = oldest.entry(event.namespace.clone()).or_default();
            let version = of_namespace.entry(event.reason).or_insert(u64::MAX);
            *version = event.resource_version.min(*version);
        }
        oldest
    }

    /// Keeps an Event, at most until `until`. Where there is no room, the namespace with most of them
    /// gives some up: those come back second.
    pub(super) fn keep(
        &mut self,
        uid: Uid,
        until: Timestamp,
        event: EventSeen,
    ) -> (Kept, Vec<EventSeen>) {
        let key = (event.namespace.clone(), uid);
        let known = self.waiting.get(&key).map_or(&[][..], |own| &own.events);
        if known
            .iter()
            .any(|known| known.name == event.name && known.count >= event.count)
        {
            return (Kept::Repeated, Vec::new());
        }
        if known.len() >= PER_POD_MAX {
            return (Kept::Dropped, Vec::new());
        }
        let mut given_up = Vec::new();
        if self.count >= WAITING_MAX {
            match self.most_crowded() {
                Some(namespace) if namespace != event.namespace => {
                    given_up = self.give_up_one_of(&namespace);
                }
                _ => return (Kept::Dropped, Vec::new()),
            }
        }
        self.count += 1;
        *self
            .per_namespace
            .entry(event.namespace.clone())
            .or_default() += 1;
        let waiting = self.waiting.entry(key).or_insert_with(|| Waiting {
            until,
            events: Vec::new(),
            is_listed: false,
        });
        waiting.events.push(event);
        (Kept::Until(waiting.until), given_up)
    }

    /// The Events that waited for this pod in this namespace, and until when they would have.
    pub(super) fn take(
        &mut self,
        namespace: &str,
        uid: Uid,
    ) -> Option<(Timestamp, Vec<EventSeen>)> {
        let Waiting { until, events, .. } = self.waiting.remove(&(namespace.into(), uid))?;
        self.count -= events.len();
        if let Some(left) = self.per_namespace.get_mut(namespace) {
            *left -= events.len();
            if *left == 0 {
                self.per_namespace.remove(namespace);
            }
        }
        Some((until, events))
    }

    /// Lets the Events of this pod wait no longer than `until`; gives back until when they would have.
    pub(super) fn shorten(
        &mut self,
        namespace: &str,
        uid: Uid,
        until: Timestamp,
    ) -> Option<Timestamp> {
        let waiting = self.waiting.get_mut(&(namespace.into(), uid))?;
        (until < waiting.until).then(|| std::mem::replace(&mut waiting.until, until))
    }

    fn most_crowded(&self) -> Option<Box<str>> {
        let most = self.per_namespace.iter().max_by_key(|(_, count)| **count);
        most.map(|(namespace, _)| namespace.clone())
    }

    fn give_up_one_of(&mut self, namespace: &str) -> Vec<EventSeen> {
        let from = (Box::from(namespace), Uid(0));
        let first = self.waiting.range(from..).next().map(|((_, uid), _)| *uid);
        let taken = first.and_then(|uid| self.take(namespace, uid));
        taken.map_or_else(Vec::new, |(_, events)| events)
    }
}
