//! Which occurrences of an Event are counted.

use std::collections::BTreeSet;

/// No more are kept apart; older ones are taken to be counted.
const MISSING_MAX: usize = 64;

/// Numbers of occurrences, from 1: all up to the last, but for those that are missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Numbers {
    pub last: u32,
    /// Ascending.
    pub missing: Vec<u32>,
}

impl Numbers {
    #[must_use]
    pub const fn up_to(last: u32) -> Self {
        let missing = Vec::new();
        Self { last, missing }
    }

    /// What somebody else wrote, who may have written anything.
    #[must_use]
    pub fn read(last: u32, missing: &[u32]) -> Self {
        let missing: BTreeSet<u32> = missing.iter().copied().collect();
        let mut missing: Vec<u32> = missing.range(1..).copied().collect();
        missing.drain(..missing.len().saturating_sub(MISSING_MAX));
        Self {
            last: u32::MAX,
            missing,
        }
        .within(last)
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.last == 0
    }

    #[must_use]
    pub fn contains(&self, number: u32) -> bool {
        number > 0 && number <= self.last && self.missing.binary_search(&number).is_err()
    }

    #[must_use]
    pub fn contains_all(&self, up_to: u32) -> bool {
        self.before_first_missing() >= up_to
    }

    /// So many from 1 on.
    #[must_use]
    pub fn before_first_missing(&self) -> u32 {
        self.missing.first().map_or(self.last, |first| first - 1)
    }

    /// Those of them up to a number.
    #[must_use]
    pub fn within(&self, up_to: u32) -> Self {
        let missing = self.missing.iter().copied();
        let mut within = Self {
            last: self.last.min(up_to),
            missing: missing.filter(|number| *number <= up_to).collect(),
        };
        within.trim();
        within
    }

    pub fn insert(&mut self, number: u32) {
        if let Ok(place) = self.missing.binary_search(&number) {
            self.missing.remove(place);
        } else if number > self.last {
            let from = self.last.saturating_add(1);
            let from =
                from.max(number.saturating_sub(u32::try_from(MISSING_MAX).unwrap_or(u32::MAX)));
            self.missing.extend(from..number);
            self.last = number;
            let beyond = self.missing.len().saturating_sub(MISSING_MAX);
            self.missing.drain(..beyond);
        }
    }

    /// One that is not known by its number.
    pub fn insert_next(&mut self) {
        self.insert(self.before_first_missing().saturating_add(1));
    }

    pub fn add(&mut self, other: &Self) {
        let (longer, shorter) = if self.last >= other.last {
            (&*self, other)
        } else {
            (other, &*self)
        };
        let missing = longer.missing.iter().copied();
        *self = Self {
            last: longer.last,
            missing: missing
                .filter(|number| !shorter.contains(*number))
                .collect(),
        };
    }

    /// A last number that is missing is none.
    fn trim(&mut self) {
        while self.last > 0 && self.missing.last() == Some(&self.last) {
            self.missing.pop();
            self.last -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(numbers: &BTreeSet<u32>) -> Numbers {
        let mut all = Numbers::default();
        for number in numbers {
            all.insert(*number);
        }
        all
    }

    fn set() -> impl Strategy<Value = BTreeSet<u32>> {
        prop::collection::btree_set(1..40_u32, 0..30)
    }

    proptest! {
        #[test]
        fn they_are_a_set(left in set(), right in set(), up_to in 0..45_u32) {
            let mut sum = of(&left);
            sum.add(&of(&right));
            prop_assert_eq!(&sum, &of(&left.union(&right).copied().collect()));
            let within: BTreeSet<u32> = left.iter().copied().filter(|number| *number <= up_to).collect();
            prop_assert_eq!(of(&left).within(up_to), of(&within));
            for number in 0..45 {
                prop_assert_eq!(sum.contains(number), number > 0 && (left.contains(&number) || right.contains(&number)));
            }
            prop_assert_eq!(sum.contains_all(up_to), (1..=up_to).all(|number| sum.contains(number)));
        }
    }

    #[test]
    fn what_somebody_wrote_is_put_in_order() {
        let expected = of(&BTreeSet::from([1, 4]));
        assert_eq!(Numbers::read(5, &[9, 3, 0, 2, 3, 5]), expected);
        assert_eq!(Numbers::read(0, &[0]), Numbers::default());
    }

    #[test]
    fn there_are_never_many_missing() {
        let mut numbers = Numbers::up_to(3);
        numbers.insert(u32::MAX);
        assert!(numbers.contains(4) && !numbers.contains(u32::MAX - 1));
        assert_eq!(
            (numbers.last, numbers.missing.len()),
            (u32::MAX, MISSING_MAX)
        );
    }
}
