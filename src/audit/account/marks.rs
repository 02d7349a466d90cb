//! How far the streams of Events were taken in.

use std::collections::BTreeMap;

use crate::audit::seen::{EventReason, EventSeen};

/// The highest resourceVersion taken in, per reason; never compared with that of another reason.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks {
    /// Sorted by reason.
    marks: Vec<(EventReason, u64)>,
}

impl Marks {
    #[must_use]
    pub fn from_pairs(mut marks: Vec<(EventReason, u64)>) -> Self {
        marks.sort_unstable();
        marks.dedup_by_key(|(reason, _)| *reason);
        Self { marks }
    }

    /// That of one Event.
    #[must_use]
    pub fn of(event: &EventSeen) -> Self {
        let mut marks = Self::default();
        marks.raise(event.reason, event.resource_version);
        marks
    }

    #[must_use]
    pub fn pairs(&self) -> &[(EventReason, u64)] {
        &self.marks
    }

    pub fn raise(&mut self, reason: EventReason, version: u64) {
        if version == 0 {
            return;
        }
        match self
            .marks
            .binary_search_by_key(&reason, |(reason, _)| *reason)
        {
            Ok(place) => self.marks[place].1 = self.marks[place].1.max(version),
            Err(place) => {
                self.marks.reserve_exact(1);
                self.marks.insert(place, (reason, version));
            }
        }
    }

    /// These marks, each lowered so far that it does not cover the version of its reason.
    #[must_use]
    pub fn below(&self, versions: &BTreeMap<EventReason, u64>) -> Self {
        let mut marks = Self::default();
        for (reason, version) in &self.marks {
            let limit = versions
                .get(reason)
                .map_or(u64::MAX, |least| least.saturating_sub(1));
            marks.raise(*reason, limit.min(*version));
        }
        marks
    }

    /// Raises these marks to those of `other`, but for reasons that `is_held`; gives back what it held.
    pub fn raise_to(&mut self, other: &Self, is_held: impl Fn(EventReason) -> bool) -> Self {
        let mut held = Self::default();
        for (reason, version) in &other.marks {
            let marks = if is_held(*reason) {
                &mut held
            } else {
                &mut *self
            };
            marks.raise(*reason, *version);
        }
        held
    }

    /// The Event, as it is, was taken in by whoever holds these marks.
    #[must_use]
    pub fn cover(&self, event: &EventSeen) -> bool {
        self.covers(event.reason, event.resource_version)
    }

    /// All that `other` tells was taken in by whoever holds these marks.
    #[must_use]
    pub fn cover_all(&self, other: &Self) -> bool {
        other
            .marks
            .iter()
            .all(|(reason, version)| self.covers(*reason, *version))
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    fn covers(&self, reason: EventReason, version: u64) -> bool {
        let mark = self
            .marks
            .binary_search_by_key(&reason, |(reason, _)| *reason);
        version > 0 && mark.is_ok_and(|place| version <= self.marks[place].1)
    }
}
