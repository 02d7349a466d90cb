use std::time::Duration;

use kube::core::Status;
use kube::runtime::watcher;

/// An API server ends a request that is no watch after 60 s by itself.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(65);

/// The API server did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer from the API server within {} s", ANSWER_WITHIN.as_secs())]
pub(super) struct Unanswered;

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
            kube::Error::Service(error) if error.is::<Unanswered>() => Self::Timeout,
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
    pub(super) const fn is_lasting(self) -> bool {
        matches!(self, Self::Unauthorized | Self::Forbidden | Self::NotFound)
    }
}
