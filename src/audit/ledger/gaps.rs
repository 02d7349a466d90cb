//! Stretches of time in which something of a workload could not be seen.

use jiff::Timestamp;

use super::Ledger;
use crate::audit::record::Gap;

const SHOWN_MAX: usize = 5;

impl Ledger {
    /// Counts a gap, cut at `now`; one that overlaps a shown gap of the same kind only lengthens it.
    pub fn add_gap(&mut self, now: Timestamp, mut gap: Gap) {
        self.handle_timeout(now);
        gap.to = gap.to.min(now).max(gap.from);
        let unrest = self.unrest_mut();
        let overlapped = unrest.gaps.iter().position(|shown| {
            shown.resource == gap.resource
                && shown.reason == gap.reason
                && shown.from <= gap.to
                && gap.from <= shown.to
        });
        let seconds_before = match overlapped {
            Some(index) => {
                let shown = unrest.gaps.remove(index);
                gap.from = gap.from.min(shown.from);
                gap.to = gap.to.max(shown.to);
                if gap == shown {
                    unrest.gaps.insert(index, gap);
                    return;
                }
                seconds(&shown)
            }
            None => {
                unrest.gap_count += 1;
                0
            }
        };
        unrest.gap_seconds += seconds(&gap).saturating_sub(seconds_before);
        unrest.gaps.reserve_exact(1);
        let place = unrest.gaps.partition_point(|shown| *shown <= gap);
        unrest.gaps.insert(place, gap);
        if unrest.gaps.len() > SHOWN_MAX {
            unrest.gaps.remove(0);
        }
        self.weigh(now);
    }

    /// Pods were starting or stopping in its gaps: they are told without waiting for other news.
    pub fn gaps_matter(&mut self) {
        let unrest = self.unrest_mut();
        if !std::mem::replace(&mut unrest.gap_matters, true) {
            self.dirty = true;
        }
    }
}

fn seconds(gap: &Gap) -> u64 {
    u64::try_from(gap.to.duration_since(gap.from).as_secs()).unwrap_or_default()
}
