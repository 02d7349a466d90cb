use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::backoff::{ANSWERED_LONGEST, spread};

/// Between two watches that end early, at first; twice as much each time.
const APART: Duration = Duration::from_millis(800);
/// A watch that lasts so long is no sign of trouble.
const LASTING: Duration = Duration::from_secs(60);
/// An API server that asks for more patience does not get it.
const RETRY_AFTER_LONGEST: Duration = Duration::from_secs(300);

/// How the requests of one stream follow each other. kube's watcher begins a watch anew as soon as the
/// one before has ended without an error, however short it was.
#[derive(Debug, Default)]
pub(super) struct Pace {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    last: Last,
    /// When the last watch began.
    began: Option<Instant>,
    /// When the API server last answered what was asked, or sent something.
    heard: Option<Instant>,
    /// Watches in a row that ended early.
    short: u32,
    retry_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, Default)]
enum Last {
    /// A list tells from where to go on.
    #[default]
    Listed,
    Watch {
        ends_at: Instant,
        has_delivered: bool,
    },
    Failed,
}

impl Pace {
    /// How long a watch that is to begin now has to wait; `random` spreads those that ended together.
    pub(super) fn wait(&self, now: Instant, random: u64) -> Duration {
        let mut inner = self.lock();
        let Some(began) = inner.began else {
            return Duration::ZERO;
        };
        if now.duration_since(began) >= LASTING {
            inner.short = 0;
            return Duration::ZERO;
        }
        let apart = APART
            .saturating_mul(1 << inner.short.min(10))
            .min(ANSWERED_LONGEST);
        inner.short += 1;
        (began + spread(apart, random)).saturating_duration_since(now)
    }

    /// Whether it has to be asked if what a watch goes on from was reached at all. A store that was set
    /// back to a backup lets it wait, silently, until it is there again.
    pub(super) fn is_doubtful(&self, now: Instant) -> bool {
        match self.lock().last {
            Last::Listed => false,
            Last::Failed => true,
            Last::Watch {
                ends_at,
                has_delivered,
            } => !has_delivered || now < ends_at,
        }
    }

    pub(super) fn listed(&self, now: Instant) {
        let mut inner = self.lock();
        inner.heard = Some(now);
        inner.last = Last::Listed;
    }

    pub(super) fn watch_began(&self, now: Instant, lasts: Duration) {
        let mut inner = self.lock();
        inner.began = Some(now);
        inner.heard = Some(now);
        inner.last = Last::Watch {
            ends_at: now + lasts,
            has_delivered: false,
        };
    }

    /// Something came on the watch, or of the list.
    pub(super) fn delivered(&self, now: Instant) {
        let mut inner = self.lock();
        inner.heard = Some(now);
        if let Last::Watch { has_delivered, .. } = &mut inner.last {
            *has_delivered = true;
        }
    }

    pub(super) fn heard(&self) -> Option<Instant> {
        self.lock().heard
    }

    pub(super) fn failed(&self, retry_after: Option<Duration>) {
        let mut inner = self.lock();
        inner.last = Last::Failed;
        inner.retry_after = retry_after.map(|wait| wait.min(RETRY_AFTER_LONGEST));
    }

    /// What the API server asked for with its last refusal; told once.
    pub(super) fn take_retry_after(&self) -> Duration {
        self.lock().retry_after.take().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(120);

    #[test]
    fn watches_that_end_at_once_begin_ever_more_rarely() {
        let pace = Pace::default();
        let mut now = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..8 {
            let wait = pace.wait(now, 0);
            waits.push(wait.as_millis());
            now += wait;
            pace.watch_began(now, TIMEOUT);
        }
        assert_eq!(waits, [0, 400, 800, 1600, 3200, 6400, 12_800, 15_000]);
    }

    #[test]
    fn a_watch_that_lasted_is_followed_at_once() {
        let pace = Pace::default();
        let now = Instant::now();
        pace.watch_began(now, TIMEOUT);
        assert_eq!(pace.wait(now + Duration::from_secs(5), 0), Duration::ZERO);
        pace.watch_began(now, TIMEOUT);
        assert!(pace.wait(now, 0) > Duration::ZERO);
        pace.watch_began(now, TIMEOUT);
        let later = now + LASTING;
        assert_eq!(pace.wait(later, 0), Duration::ZERO);
        pace.watch_began(later, TIMEOUT);
        assert_eq!(pace.wait(later, 0).as_millis(), 400);
    }

    #[test]
    fn only_a_watch_that_told_something_and_ended_in_time_is_beyond_doubt() {
        let pace = Pace::default();
        let now = Instant::now();
        assert!(!pace.is_doubtful(now));
        pace.watch_began(now, TIMEOUT);
        assert!(pace.is_doubtful(now + TIMEOUT), "it was silent");
        pace.delivered(now);
        assert!(pace.is_doubtful(now), "it ended early");
        assert!(!pace.is_doubtful(now + TIMEOUT));
        pace.failed(None);
        assert!(pace.is_doubtful(now + TIMEOUT));
        pace.listed(now);
        assert!(!pace.is_doubtful(now));
    }

    #[test]
    fn the_api_server_is_given_the_time_it_asks_for_once_and_within_bounds() {
        let pace = Pace::default();
        pace.failed(Some(Duration::from_secs(20)));
        assert_eq!(pace.take_retry_after(), Duration::from_secs(20));
        assert_eq!(pace.take_retry_after(), Duration::ZERO);
        pace.failed(Some(Duration::from_secs(100_000)));
        assert_eq!(pace.take_retry_after(), RETRY_AFTER_LONGEST);
    }
}
