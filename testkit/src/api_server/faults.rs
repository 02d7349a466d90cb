//! What goes wrong.

use std::time::Duration;

use http::StatusCode;

/// Switches, all off at first. What is under way when one is switched meets it at its next step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// Only this resource is concerned, by its plural; every one where it is `None`.
    pub only: Option<&'static str>,
    /// A watch whose list is complete is told 410 instead of anything else.
    pub expired_watches: bool,
    /// A list is told 410 in its middle. Pages hold two objects then, so that there is a middle.
    pub expired_lists: bool,
    /// Each line of a watch, and each list, ends in its half with the connection.
    pub cut_lines: bool,
    /// A watch is ended, as if it were its time, right after it began.
    pub closed_watches: bool,
    /// Nothing comes on watches, not even their end. One that fell silent stays so.
    pub silent_watches: bool,
    /// 429 with `Retry-After`.
    pub throttled_seconds: Option<u64>,
    /// 500 for everything. Of the writes every second one is done all the same.
    pub errors: bool,
    /// What is asked is done at once and answered so much later.
    pub delay: Option<Duration>,
    /// A watch that wants to begin with everything there is is invalid.
    pub no_streaming_lists: bool,
    /// What comes on a watch comes twice.
    pub repeats: bool,
    /// Each watch is late by its own part of this, so that watches overtake each other.
    pub lateness: Option<Duration>,
    /// Between two bookmarks of a watch; a minute where it is `None`.
    pub bookmarks_every: Option<Duration>,
    /// Watches and what they begin with show nothing after this resourceVersion: another API server,
    /// whose cache is behind.
    pub stale_since: Option<u64>,
    /// No connection; those there were break.
    pub unreachable: bool,
}

impl Faults {
    pub(super) fn on(&self, plural: &str) -> Self {
        match self.only {
            Some(only) if only != plural => Self::default(),
            _ => self.clone(),
        }
    }
}

/// How one request that changes something fails.
#[derive(Debug, Clone)]
pub enum Refusal {
    /// This code, with `Retry-After` in seconds.
    Code(StatusCode, Option<u64>),
    /// This code with this message.
    Said(StatusCode, &'static str),
    /// No answer ever.
    Hang,
    /// Somebody writes the object just before.
    Overtaken,
}
