//! Counts of whole numbers in fixed log-spaced buckets.
//!
//! Bucket 0 holds 0, bucket n holds what lies above the bound of n-1 up to its own. Bounds are exact
//! up to 29 and then grow by at most 7 %, so a percentile is never below the true nearest-rank value
//! and at most 7 % above it. The last bucket holds everything above 86,400 and knows no bound but
//! the largest value seen.

use super::snapshot::Histogram;

const LARGEST_BOUND: u32 = 86_400;
const OVERFLOW: usize = UPPER_BOUNDS.len();
const UPPER_BOUNDS: [u32; bound_count()] = upper_bounds();

impl Histogram {
    /// Adds one value.
    pub fn record(&mut self, value: u64) {
        let bucket = bucket_of(value);
        match self.position(bucket) {
            Ok(index) => self.buckets[index].1 = self.buckets[index].1.saturating_add(1),
            Err(index) => {
                self.buckets.reserve_exact(1);
                self.buckets.insert(index, (bucket, 1));
            }
        }
    }

    /// Takes back one value that was recorded.
    pub fn forget(&mut self, value: u64) {
        if let Ok(index) = self.position(bucket_of(value)) {
            self.buckets[index].1 -= 1;
            if self.buckets[index].1 == 0 {
                self.buckets.remove(index);
            }
        }
    }

    /// How many values were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets
            .iter()
            .map(|(_, count)| u64::from(*count))
            .sum()
    }

    /// The nearest-rank percentile: its bucket's upper bound, at most `max`; `None` when empty.
    #[must_use]
    pub fn percentile(&self, percent: u64, max: u64) -> Option<u64> {
        let rank = (self.count() * percent).div_ceil(100).max(1);
        let mut reached = 0;
        for (bucket, count) in &self.buckets {
            reached += u64::from(*count);
            if reached >= rank {
                return Some(upper_bound(*bucket).min(max));
            }
        }
        None
    }

    /// An upper bound of the largest value, at most `max`; `None` when empty.
    #[must_use]
    pub fn largest(&self, max: u64) -> Option<u64> {
        self.buckets
            .last()
            .map(|(bucket, _)| upper_bound(*bucket).min(max))
    }

    fn position(&self, bucket: u8) -> Result<usize, usize> {
        self.buckets
            .binary_search_by_key(&bucket, |(bucket, _)| *bucket)
    }
}

/// The largest value that a bucket holds; `u64::MAX` for the last one.
#[must_use]
pub fn upper_bound(bucket: u8) -> u64 {
    UPPER_BOUNDS
        .get(usize::from(bucket))
        .map_or(u64::MAX, |bound| u64::from(*bound))
}

fn bucket_of(value: u64) -> u8 {
    let bucket = UPPER_BOUNDS.partition_point(|bound| u64::from(*bound) < value);
    u8::try_from(bucket.min(OVERFLOW)).unwrap_or(u8::MAX)
}

const fn next_bound(bound: u32) -> u32 {
    let step = bound * 7 / 100;
    let next = bound + if step > 1 { step } else { 1 };
    if next > LARGEST_BOUND {
        LARGEST_BOUND
    } else {
        next
    }
}

const fn bound_count() -> usize {
    let (mut bound, mut count) = (0, 1);
    while bound < LARGEST_BOUND {
        bound = next_bound(bound);
        count += 1;
    }
    count
}

const fn upper_bounds() -> [u32; bound_count()] {
    let mut bounds = [0; bound_count()];
    let mut index = 1;
    while index < bounds.len() {
        bounds[index] = next_bound(bounds[index - 1]);
        index += 1;
    }
    bounds
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recorded(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        for value in values {
            histogram.record(*value);
        }
        histogram
    }

    #[test]
    fn a_day_fits_in_fewer_than_two_hundred_buckets_of_at_most_seven_percent() {
        assert!(UPPER_BOUNDS.len() < 200);
        assert_eq!(UPPER_BOUNDS.last(), Some(&LARGEST_BOUND));
        for pair in UPPER_BOUNDS.windows(2) {
            assert!(pair[1] - pair[0] == 1 || (pair[1] - pair[0]) * 100 <= pair[0] * 7);
        }
    }

    #[test]
    fn an_empty_histogram_has_no_percentile() {
        assert_eq!(Histogram::default().percentile(95, u64::MAX), None);
        assert_eq!(Histogram::default().largest(u64::MAX), None);
    }

    #[test]
    fn a_percentile_above_a_day_is_the_largest_value_seen() {
        assert_eq!(
            recorded(&[3, 100_000]).percentile(95, 100_000),
            Some(100_000)
        );
    }

    proptest! {
        #[test]
        fn a_percentile_is_at_most_seven_percent_above_the_nearest_rank(
            mut values in prop::collection::vec(0_u64..100_000, 1..200),
            percent in 1_u64..=100,
        ) {
            let histogram = recorded(&values);
            values.sort_unstable();
            let max = *values.last().unwrap();
            let rank = (values.len() as u64 * percent).div_ceil(100) as usize;
            let truth = values[rank - 1];
            let told = histogram.percentile(percent, max).unwrap();
            prop_assert!(told >= truth);
            prop_assert!(truth > u64::from(LARGEST_BOUND) || told * 100 <= truth * 107);
        }

        #[test]
        fn forgetting_undoes_recording_in_any_order(
            kept in prop::collection::vec(0_u64..100_000, 0..50),
            taken_back in prop::collection::vec(0_u64..100_000, 0..50),
        ) {
            let mut histogram = recorded(&[taken_back.clone(), kept.clone()].concat());
            for value in &taken_back {
                histogram.forget(*value);
            }
            prop_assert_eq!(histogram, recorded(&kept));
        }
    }
}
