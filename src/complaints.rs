//! What fails again and again is said once, until it works again.

use std::collections::{BTreeMap, BTreeSet};

/// Failures that were told, by the place where something fails.
#[derive(Debug)]
pub struct Complaints<T> {
    told: BTreeMap<Box<str>, BTreeSet<T>>,
}

impl<T> Default for Complaints<T> {
    fn default() -> Self {
        Self {
            told: BTreeMap::new(),
        }
    }
}

impl<T: Ord> Complaints<T> {
    /// Whether to tell this failure: since it worked last, it was not.
    pub fn is_new(&mut self, place: &str, failure: T) -> bool {
        if let Some(told) = self.told.get_mut(place) {
            return told.insert(failure);
        }
        self.told.insert(place.into(), BTreeSet::from([failure]));
        true
    }

    /// It works again; whether a failure was told.
    pub fn end(&mut self, place: &str) -> bool {
        self.told.remove(place).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_is_told_once_until_it_works_again() {
        let mut complaints = Complaints::default();
        assert!(complaints.is_new("shop", 403));
        assert!(!complaints.is_new("shop", 403));
        assert!(complaints.is_new("shop", 500));
        assert!(complaints.is_new("web", 403));
        assert!(complaints.end("shop"));
        assert!(!complaints.end("shop"));
        assert!(complaints.is_new("shop", 403));
        assert!(!complaints.is_new("web", 403));
    }
}
