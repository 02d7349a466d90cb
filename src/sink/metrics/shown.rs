//! What was shown of which workload: births of counters, places within the caps, floors of what is added up.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::audit::snapshot::{Workload, Written};

use super::births::{Births, Moment};
use super::families::FAMILIES;

const _: () = assert!(
    FAMILIES.len() <= u16::BITS as usize,
    "a place is one bit per family"
);

/// Namespace, kind and name, in the order of a snapshot.
type Key = (Box<str>, Box<str>, Box<str>);

#[derive(Debug, Default)]
pub(super) struct Shown {
    index: BTreeMap<Key, usize>,
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Workloads with series of their own, per family.
    own: [usize; FAMILIES.len()],
    /// Workloads that were folded, ever, per family.
    capped: [u64; FAMILIES.len()],
    /// What was last shown of counters that are added up, so that they never go down.
    floors: BTreeMap<(usize, String), u64>,
    /// When a snapshot was last seen.
    seen_at: Option<Timestamp>,
}

/// One workload.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) births: Births,
    /// The status of another process that they rest on.
    inherited: Option<Arc<Written>>,
    /// A bit per family in which it has series of its own.
    own: u16,
    /// A bit per family in which it was folded; it stays so, or the sum would go down.
    folded: u16,
}

/// Whether a workload's series are its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Own,
    Folded,
}

impl Shown {
    /// The slot of each workload of a snapshot; slots of workloads that are gone become free.
    /// `None` where two workloads would have the same labels.
    pub(super) fn slots_of(
        &mut self,
        workloads: &[Arc<Workload>],
        moment: Moment,
    ) -> Vec<Option<usize>> {
        let listed_at = self.listed_at(moment);
        let mut slots = Vec::with_capacity(workloads.len());
        let mut new = Vec::new();
        let mut gone = Vec::new();
        let mut known = self.index.iter().peekable();
        let mut previous: Option<&Workload> = None;
        for workload in workloads {
            if previous.is_some_and(|previous| key_order(previous, workload) == Ordering::Equal) {
                slots.push(None);
                continue;
            }
            previous = Some(workload);
            while let Some((key, at)) =
                known.next_if(|(key, _)| order(key, workload) == Ordering::Less)
            {
                gone.push((key.clone(), *at));
            }
            match known.next_if(|(key, _)| order(key, workload) == Ordering::Equal) {
                Some((_, at)) => {
                    self.slots[*at].inherit(workload, listed_at);
                    slots.push(Some(*at));
                }
                None => {
                    new.push((slots.len(), workload));
                    slots.push(None);
                }
            }
        }
        gone.extend(known.map(|(key, at)| (key.clone(), *at)));
        for (key, at) in gone {
            self.release(&key, at);
        }
        for (position, workload) in new {
            slots[position] = Some(self.insert(workload, listed_at));
        }
        slots
    }

    /// Since when a status lists what it was not seen to list before: where nobody looked for long, since long ago.
    fn listed_at(&mut self, moment: Moment) -> Timestamp {
        let seen_at = self.seen_at.replace(moment.now);
        let is_recent = seen_at.is_some_and(|seen_at| !moment.is_long_after(seen_at));
        if is_recent {
            moment.now
        } else {
            Timestamp::MIN
        }
    }

    /// This process leads from now on.
    pub(super) fn take_over(&mut self, moment: Moment) {
        for slot in &mut self.slots {
            slot.births.take_over(moment);
        }
    }

    pub(super) fn slot(&mut self, at: usize) -> &mut Slot {
        &mut self.slots[at]
    }

    /// The place of a workload in a family, kept once it is given.
    pub(super) fn place(&mut self, family: usize, at: usize, workloads_max: usize) -> Place {
        let slot = &mut self.slots[at];
        let bit = 1 << family;
        if slot.own & bit != 0 {
            return Place::Own;
        }
        if slot.folded & bit != 0 {
            return Place::Folded;
        }
        if self.own[family] < workloads_max {
            self.own[family] += 1;
            slot.own |= bit;
            return Place::Own;
        }
        slot.folded |= bit;
        self.capped[family] += 1;
        Place::Folded
    }

    /// The sum to show: never less than before.
    pub(super) fn floor(&mut self, family: usize, labels: &str, sum: u64) -> u64 {
        if let Some(floor) = self.floors.get_mut(&(family, labels.to_owned())) {
            *floor = sum.max(*floor);
            return *floor;
        }
        self.floors.insert((family, labels.to_owned()), sum);
        sum
    }

    /// Workloads folded so far, per family.
    pub(super) const fn capped(&self) -> &[u64; FAMILIES.len()] {
        &self.capped
    }

    fn insert(&mut self, workload: &Workload, listed_at: Timestamp) -> usize {
        let mut slot = Slot::default();
        slot.inherit(workload, listed_at);
        let at = if let Some(free) = self.free.pop() {
            self.slots[free] = slot;
            free
        } else {
            self.slots.push(slot);
            self.slots.len() - 1
        };
        self.index.insert(key_of(workload), at);
        at
    }

    fn release(&mut self, key: &Key, at: usize) {
        let slot = std::mem::take(&mut self.slots[at]);
        for (family, own) in self.own.iter_mut().enumerate() {
            *own -= usize::from(slot.own & (1 << family) != 0);
        }
        self.index.remove(key);
        self.free.push(at);
    }
}

impl Slot {
    fn inherit(&mut self, workload: &Workload, listed_at: Timestamp) {
        let inherited = workload.basis.inherited.as_ref();
        let known = self.inherited.as_ref().map(Arc::as_ptr);
        if let Some(written) = inherited.filter(|written| known != Some(Arc::as_ptr(written))) {
            self.births.inherit(written, listed_at);
            self.inherited = Some(Arc::clone(written));
        }
    }
}

fn key_of(workload: &Workload) -> Key {
    (
        workload.namespace.clone(),
        workload.target.kind.clone(),
        workload.target.name.clone(),
    )
}

fn order(key: &Key, workload: &Workload) -> Ordering {
    let (namespace, kind, name) = key;
    (&**namespace, &**kind, &**name).cmp(&labels(workload))
}

fn key_order(one: &Workload, other: &Workload) -> Ordering {
    labels(one).cmp(&labels(other))
}

fn labels(workload: &Workload) -> (&str, &str, &str) {
    (
        &workload.namespace,
        &workload.target.kind,
        &workload.target.name,
    )
}
