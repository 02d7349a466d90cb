//! Quantiles of the ledger's histograms.

use crate::audit::snapshot::{Histogram, TerminationLedger};

/// Half of the terminations took at most this long.
pub(super) fn p50_seconds(ledger: &TerminationLedger) -> Option<u64> {
    quantile(&ledger.seconds, 50, bucket_upper_bound)
}

/// 95 of 100 terminations took at most this long.
pub(super) fn p95_seconds(ledger: &TerminationLedger) -> Option<u64> {
    quantile(&ledger.seconds, 95, bucket_upper_bound)
}

/// 95 of 100 terminations used at most this share of their grace.
pub(super) fn grace_used_p95_percent(ledger: &TerminationLedger) -> Option<u64> {
    quantile(&ledger.grace_used_percent, 95, bucket_upper_bound)
}

/// The nearest-rank quantile: the upper bound of the bucket that holds it; `None` without counts.
fn quantile(histogram: &Histogram, percent: u64, bucket_upper_bound: fn(u8) -> u64) -> Option<u64> {
    let rank = (count(histogram) * percent).div_ceil(100).max(1);
    let mut seen = 0;
    histogram.buckets.iter().find_map(|&(bucket, count)| {
        seen += u64::from(count);
        (seen >= rank).then(|| bucket_upper_bound(bucket))
    })
}

/// All counts of a histogram.
pub(super) fn count(histogram: &Histogram) -> u64 {
    histogram
        .buckets
        .iter()
        .map(|&(_, count)| u64::from(count))
        .sum()
}

/// The upper bound of one of the ledger's buckets, in the unit of the histogram.
fn bucket_upper_bound(bucket: u8) -> u64 {
    2_u64.saturating_pow(u32::from(bucket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantile_is_the_bound_of_the_bucket_with_its_rank() {
        let histogram = Histogram {
            buckets: vec![(1, 19), (3, 1)],
        };
        let bound = |bucket: u8| u64::from(bucket) * 10;
        assert_eq!(quantile(&histogram, 50, bound), Some(10));
        assert_eq!(quantile(&histogram, 95, bound), Some(10));
        assert_eq!(quantile(&histogram, 96, bound), Some(30));
        assert_eq!(quantile(&histogram, 100, bound), Some(30));
    }

    #[test]
    fn an_empty_histogram_has_no_quantile() {
        assert_eq!(
            quantile(&Histogram::default(), 95, bucket_upper_bound),
            None
        );
    }
}
