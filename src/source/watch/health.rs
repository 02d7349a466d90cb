use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::failure::Failure;
use super::outage::{Outages, place};
use crate::audit::seen::Stream;

/// The health of one stream, for readiness and metrics.
#[derive(Debug)]
pub struct StreamHealth {
    stream: Stream,
    state: Mutex<StreamState>,
    outages: Arc<Outages>,
    is_listed_or_refused: watch::Sender<bool>,
}

/// How a stream is now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamState {
    /// The first list was complete once.
    pub is_synced: bool,
    /// When the API server last answered or sent something.
    pub active_at: Option<Timestamp>,
    pub failures: u64,
    /// What failed last; `None` since the API server answered again.
    pub failure: Option<Failure>,
    /// Lists after the first.
    pub relists: u64,
}

impl StreamHealth {
    pub(super) fn new(stream: Stream, outages: Arc<Outages>) -> Self {
        Self {
            stream,
            state: Mutex::default(),
            outages,
            is_listed_or_refused: watch::Sender::new(false),
        }
    }

    #[must_use]
    pub const fn stream(&self) -> &Stream {
        &self.stream
    }

    #[must_use]
    pub fn state(&self) -> StreamState {
        *self.lock()
    }

    pub(super) async fn listed_or_refused(&self) {
        let mut receiver = self.is_listed_or_refused.subscribe();
        // The sender lives as long as `self`.
        let _known = receiver.wait_for(|is| *is).await;
    }

    pub(super) fn answered(&self) {
        let mut state = self.lock();
        state.active_at = Some(Timestamp::now());
        state.failure = None;
        drop(state);
        if self.outages.works(&self.stream) {
            tracing::info!(watch = place(&self.stream), "works again");
        }
    }

    pub(super) fn active(&self) {
        self.lock().active_at = Some(Timestamp::now());
    }

    pub(super) fn synced(&self) {
        let mut state = self.lock();
        state.is_synced = true;
        state.active_at = Some(Timestamp::now());
        self.is_listed_or_refused.send_replace(true);
    }

    pub(super) fn relisted(&self) {
        self.lock().relists += 1;
    }

    /// Counts it.
    pub(super) fn failed(&self, failure: Failure) {
        let mut state = self.lock();
        state.failures += 1;
        state.failure = Some(failure);
        if failure.is_lasting() {
            self.is_listed_or_refused.send_replace(true);
        }
    }

    /// Whether to tell everyone of this failure.
    pub(super) fn is_news(&self, failure: Failure) -> bool {
        self.outages.failed(Instant::now(), &self.stream, failure)
    }

    fn lock(&self) -> MutexGuard<'_, StreamState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
