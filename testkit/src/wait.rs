//! Waiting for what another process does.

use std::time::{Duration, Instant};

const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// # Panics
/// It is not so within this many seconds.
pub fn wait_for(seconds: u64, is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(seconds);
    while !is_so() {
        assert!(
            Instant::now() < until,
            "it did not come to be within {seconds} s"
        );
        std::thread::sleep(LOOK_AGAIN);
    }
}
