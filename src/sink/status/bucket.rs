//! The budget of writes.

use std::time::Duration;

use tokio::time::Instant;

/// So many writes at once, then so many per second.
#[derive(Debug)]
pub(super) struct TokenBucket {
    interval: Duration,
    burst: u32,
    /// When the bucket is full again.
    full_at: Instant,
}

impl TokenBucket {
    pub(super) fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        Self {
            interval: Duration::from_secs(1) / per_second.max(1),
            burst: burst.max(1),
            full_at: now,
        }
    }

    /// From when on a token can be had.
    pub(super) fn ready_at(&self, now: Instant) -> Instant {
        let room = self.interval * (self.burst - 1);
        self.full_at
            .checked_sub(room)
            .map_or(now, |ready| ready.max(now))
    }

    /// Takes one token, also one that is not there yet.
    pub(super) fn take(&mut self, now: Instant) {
        self.full_at = self.full_at.max(now) + self.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_bucket_gives_a_burst_and_then_the_rate() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(10, 50, start);
        for _ in 0..50 {
            assert_eq!(bucket.ready_at(start), start);
            bucket.take(start);
        }
        assert_eq!(bucket.ready_at(start), start + Duration::from_millis(100));
        let later = start + Duration::from_secs(60);
        assert_eq!(bucket.ready_at(later), later);
        for _ in 0..50 {
            bucket.take(later);
        }
        assert_eq!(bucket.ready_at(later), later + Duration::from_millis(100));
    }
}
