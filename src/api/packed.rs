//! Small lists packed into one bounded string, because each element of a list costs its field names.

use crate::audit::snapshot::Histogram;
use crate::audit::words::Outcome;

use super::status::{AMENDMENTS_LENGTH, BUCKETS_LENGTH};

/// `bucket:count bucket:count`; beyond the bound the smallest counts are left out.
pub(super) fn pack_histogram(histogram: &Histogram) -> String {
    let mut parts: Vec<_> = histogram
        .buckets
        .iter()
        .map(|&(bucket, count)| (u64::from(count), format!("{bucket}:{count}")))
        .collect();
    fit(&mut parts, BUCKETS_LENGTH);
    join(&parts)
}

/// Reads what [`pack_histogram`] wrote; what it cannot read is left out.
pub(super) fn unpack_histogram(packed: &str) -> Histogram {
    let mut buckets: Vec<(u8, u32)> = packed
        .split_ascii_whitespace()
        .filter_map(|part| {
            let (bucket, count) = part.split_once(':')?;
            Some((bucket.parse().ok()?, count.parse().ok()?))
        })
        .collect();
    buckets.sort_unstable();
    buckets.dedup_by_key(|&mut (bucket, _)| bucket);
    Histogram { buckets }
}

/// `from>to:times from>to:times`; beyond the bound the rarest are left out.
pub(super) fn pack_amendments(amendments: &[(Outcome, Outcome, u64)]) -> Option<String> {
    let mut parts: Vec<_> = amendments
        .iter()
        .map(|(from, to, times)| (*times, format!("{from}>{to}:{times}")))
        .collect();
    fit(&mut parts, AMENDMENTS_LENGTH);
    (!parts.is_empty()).then(|| join(&parts))
}

/// Reads what [`pack_amendments`] wrote; what it cannot read is left out.
pub(super) fn unpack_amendments(packed: &str) -> Vec<(Outcome, Outcome, u64)> {
    packed
        .split_ascii_whitespace()
        .filter_map(|part| {
            let (change, times) = part.split_once(':')?;
            let (from, to) = change.split_once('>')?;
            Some((
                Outcome::parse(from)?,
                Outcome::parse(to)?,
                times.parse().ok()?,
            ))
        })
        .collect()
}

fn fit(parts: &mut Vec<(u64, String)>, length_max: usize) {
    let mut length: usize = parts.iter().map(|(_, text)| text.len() + 1).sum();
    while length > length_max + 1 {
        let Some(rarest) = (0..parts.len()).min_by_key(|&at| parts[at].0) else {
            return;
        };
        length -= parts.remove(rarest).1.len() + 1;
    }
}

fn join(parts: &[(u64, String)]) -> String {
    let texts: Vec<&str> = parts.iter().map(|(_, text)| text.as_str()).collect();
    texts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_bound_the_smallest_counts_are_left_out() {
        let buckets = (0..=255)
            .map(|bucket| (bucket, 100_000 + u32::from(bucket)))
            .collect();
        let packed = pack_histogram(&Histogram { buckets });
        assert!(packed.len() <= BUCKETS_LENGTH);
        let kept = unpack_histogram(&packed).buckets;
        assert!(kept.len() > 60);
        assert_eq!(kept.last(), Some(&(255, 100_255)));
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        assert_eq!(
            unpack_histogram("3:1 x:2 4 5:-1 300:1 1:7").buckets,
            [(1, 7), (3, 1)]
        );
        assert_eq!(
            unpack_amendments("Succeeded>Failed:2 Nothing>Failed:1 Failed"),
            [(Outcome::Succeeded, Outcome::Failed, 2)]
        );
    }
}
