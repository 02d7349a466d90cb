use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(800);
/// Where the API server answers and cannot help.
pub(super) const ANSWERED_LONGEST: Duration = Duration::from_secs(30);
/// Where nobody answers: trying again costs nobody anything, and each second of blindness loses ends of pods.
pub(super) const UNREACHABLE_LONGEST: Duration = Duration::from_secs(5);
const HEALTHY_AFTER: Duration = Duration::from_secs(60);

/// How long to wait after a failure: twice as long each time, forgotten only after a complete list
/// and a minute without another failure. That a request was begun proves nothing.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    fine_since: Option<Instant>,
}

impl Backoff {
    /// A list begins.
    pub(super) const fn listing(&mut self) {
        self.fine_since = None;
    }

    /// A list is complete.
    pub(super) const fn listed(&mut self, now: Instant) {
        self.fine_since = Some(now);
    }

    /// The wait after a failure now, at most `longest`; `random` spreads those who failed together.
    pub(super) fn failed(&mut self, now: Instant, random: u64, longest: Duration) -> Duration {
        if let Some(since) = &mut self.fine_since {
            if now.duration_since(*since) >= HEALTHY_AFTER {
                self.failures = 0;
            }
            *since = now;
        }
        let wait = FIRST
            .saturating_mul(1 << self.failures.min(10))
            .min(longest);
        self.failures = self.failures.saturating_add(1);
        spread(wait, random)
    }
}

/// Between half of it and all of it.
pub(super) fn spread(wait: Duration, random: u64) -> Duration {
    let half = wait / 2;
    let nanoseconds = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
    half + Duration::from_nanos(random % nanoseconds.max(1))
}

pub(super) fn random() -> u64 {
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(backoff: &mut Backoff, now: Instant, times: usize) -> Vec<u128> {
        let wait = |_| backoff.failed(now, 0, ANSWERED_LONGEST).as_millis();
        (0..times).map(wait).collect()
    }

    #[test]
    fn waits_double_up_to_half_a_minute_and_stay_apart() {
        let now = Instant::now();
        let waited = waits(&mut Backoff::default(), now, 8);
        assert_eq!(waited, [400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000]);
        for (random, expected) in [(0, 400), (399_999_999, 799)] {
            let wait = Backoff::default()
                .failed(now, random, ANSWERED_LONGEST)
                .as_millis();
            assert_eq!(wait, expected);
        }
    }

    #[test]
    fn a_list_that_only_begins_forgets_nothing() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        waits(&mut backoff, now, 6);
        backoff.listing();
        let later = now + Duration::from_secs(3600);
        assert!(backoff.failed(later, 0, ANSWERED_LONGEST) >= Duration::from_secs(15));
    }

    #[test]
    fn a_complete_list_forgets_after_a_minute_without_failure() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        waits(&mut backoff, now, 6);
        backoff.listed(now);
        let soon = now + Duration::from_secs(59);
        assert!(backoff.failed(soon, 0, ANSWERED_LONGEST) >= Duration::from_secs(15));
        assert!(
            backoff.failed(soon + Duration::from_secs(59), 0, ANSWERED_LONGEST)
                >= Duration::from_secs(15)
        );
        assert!(
            backoff.failed(soon + Duration::from_secs(119), 0, ANSWERED_LONGEST)
                < Duration::from_secs(1)
        );
    }
}
