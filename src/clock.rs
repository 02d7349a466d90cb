//! The wall clock, which goes on whatever is done to it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// While a clock that was set back catches up, it goes so many times slower than time.
const SLOWER: u32 = 2;

/// What says how late it is: the machine, or a test. It follows a clock that is set ahead at once. One that is set
/// back it does not follow back: deadlines lie ahead of it, and would not come for as long.
#[derive(Clone)]
pub struct Clock {
    read: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    told: Arc<Mutex<Option<(Timestamp, Instant)>>>,
}

impl Clock {
    #[must_use]
    pub fn new(read: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            read: Arc::new(read),
            told: Arc::default(),
        }
    }

    /// The machine's.
    #[must_use]
    pub fn wall() -> Self {
        Self::new(Timestamp::now)
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let (wall, at) = ((self.read)(), Instant::now());
        let least = told.map(|(told, told_at)| after(told, (at - told_at) / SLOWER));
        let now = least.map_or(wall, |least| wall.max(least));
        *told = Some((now, at));
        now
    }
}

fn after(at: Timestamp, passed: Duration) -> Timestamp {
    let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
    at.saturating_add(passed).unwrap_or(at)
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_clock_set_back_goes_on_slower_until_it_is_right_again() {
        let ahead_seconds = Arc::new(AtomicI64::new(0));
        let (ahead, began) = (Arc::clone(&ahead_seconds), Instant::now());
        let start = Timestamp::UNIX_EPOCH;
        let clock = Clock::new(move || {
            let ahead = SignedDuration::from_secs(ahead.load(Ordering::Relaxed));
            after(start, began.elapsed()) + ahead
        });
        let told = |clock: &Clock| clock.now().duration_since(start).as_secs();
        let pass = async |seconds| tokio::time::advance(Duration::from_secs(seconds)).await;
        pass(100).await;
        assert_eq!(told(&clock), 100);
        ahead_seconds.store(3_600, Ordering::Relaxed);
        assert_eq!(told(&clock), 3_700);
        ahead_seconds.store(0, Ordering::Relaxed);
        assert_eq!(told(&clock), 3_700);
        pass(1_000).await;
        assert_eq!(told(&clock), 4_200);
        pass(10_000).await;
        assert_eq!(told(&clock), 11_100);
    }
}
