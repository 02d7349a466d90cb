//! A time as precise as its stamp: exact from an Event's name, else a whole second.

use jiff::{SignedDuration, Timestamp};

/// Everything a whole-second stamp can hide.
const REST_OF_SECOND: SignedDuration = SignedDuration::from_nanos(999_999_999);

/// A time known to lie between two bounds, on the cluster's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    pub earliest: Timestamp,
    pub latest: Timestamp,
}

impl Moment {
    /// A time known to the nanosecond.
    #[must_use]
    pub const fn exact(at: Timestamp) -> Self {
        Self {
            earliest: at,
            latest: at,
        }
    }

    /// A stamp that was cut to whole seconds.
    #[must_use]
    pub fn second(at: Timestamp) -> Self {
        Self {
            earliest: at,
            latest: shifted(at, REST_OF_SECOND),
        }
    }

    /// A time between two stamps.
    #[must_use]
    pub fn between(earliest: Timestamp, latest: Timestamp) -> Self {
        Self {
            earliest,
            latest: latest.max(earliest),
        }
    }

    #[must_use]
    pub fn is_exact(self) -> bool {
        self.earliest == self.latest
    }

    /// Certainly before the other.
    #[must_use]
    pub fn is_before(self, other: Self) -> bool {
        self.latest < other.earliest
    }

    /// Seconds from `earlier` to here, at least and at most; negative where the order is open.
    #[must_use]
    pub fn seconds_since(self, earlier: Self) -> (f64, f64) {
        (
            seconds(earlier.latest, self.earliest),
            seconds(earlier.earliest, self.latest),
        )
    }

    /// This time moved by whole seconds.
    #[must_use]
    pub fn plus_seconds(self, count: i64) -> Self {
        let by = SignedDuration::from_secs(count);
        Self {
            earliest: shifted(self.earliest, by),
            latest: shifted(self.latest, by),
        }
    }
}

/// Seconds from one time to another, negative if the second is earlier.
#[must_use]
pub fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

/// A time moved by a duration, held at the ends of what a timestamp can be.
#[must_use]
pub fn shifted(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(at)
}

/// A time moved by whole seconds.
#[must_use]
pub fn seconds_after(at: Timestamp, count: i64) -> Timestamp {
    shifted(at, SignedDuration::from_secs(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_whole_second_hides_almost_a_second() {
        let finished = Moment::second(at("2026-11-22T17:19:02Z"));
        let event = Moment::exact(at("2026-11-22T17:19:02.5Z"));
        let (min, max) = event.seconds_since(finished);
        assert!(
            (-0.5..-0.49).contains(&min) && (0.5..0.51).contains(&max),
            "{min} {max}"
        );
        assert!(!finished.is_before(event));
        assert!(finished.is_before(Moment::exact(at("2026-11-22T17:19:03Z"))));
    }
}
