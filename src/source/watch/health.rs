use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use kube::core::Status;
use kube::runtime::watcher;
use tokio::sync::watch;
use tokio::time::Instant;

use super::outage::{Outages, place};
use crate::audit::observation::Stream;

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

/// Why a stream does not get what it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    Unauthorized,
    Forbidden,
    /// The resource is not there: its definition is not installed.
    NotFound,
    /// The API server no longer knows the point to go on from.
    Expired,
    TooManyRequests,
    /// The request was refused for another reason.
    Refused,
    ServerError,
    /// No answer in time.
    Timeout,
    /// No connection, or it broke.
    Connection,
    /// The answer could not be decoded.
    Decode,
}

impl Failure {
    /// Every failure.
    pub const ALL: &'static [Self] = &[
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::Expired,
        Self::TooManyRequests,
        Self::Refused,
        Self::ServerError,
        Self::Timeout,
        Self::Connection,
        Self::Decode,
    ];

    /// The failure as a metric label value.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Expired => "expired",
            Self::TooManyRequests => "too_many_requests",
            Self::Refused => "refused",
            Self::ServerError => "server_error",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Decode => "decode",
        }
    }

    pub(super) fn of(error: &watcher::Error) -> Self {
        match error {
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => Self::of_client(error),
            watcher::Error::WatchError(status) => Self::of_status(status),
            watcher::Error::NoResourceVersion => Self::Decode,
        }
    }

    /// What kind of failure it was, without a word of what the API server said.
    pub(crate) fn of_client(error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::of_status(status),
            kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => Self::Decode,
            kube::Error::Service(error) if error.is::<super::client::Unanswered>() => Self::Timeout,
            _ => Self::Connection,
        }
    }

    const fn of_status(status: &Status) -> Self {
        match status.code {
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            410 => Self::Expired,
            429 => Self::TooManyRequests,
            400..=499 => Self::Refused,
            _ => Self::ServerError,
        }
    }

    /// Waiting does not help, somebody has to do something.
    const fn is_lasting(self) -> bool {
        matches!(self, Self::Unauthorized | Self::Forbidden | Self::NotFound)
    }
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
