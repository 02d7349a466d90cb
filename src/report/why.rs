//! One pod's story: what holds it, since when, until when, how sure that is, and what to do.
//!
//! - `standing`: how the pod stands. `story`: the headline and its limits. `timeline`: what happened when.
//! - `reading`: what is known, and what is only inferred. `next`: what a person can do.
//! - `text` and `json` print it.

use std::io;

use jiff::Timestamp;

use super::table::Colour;
use crate::audit::record::{Gap, Incident, PodReport};
use crate::audit::seen::Phase;

mod json;
mod next;
mod reading;
mod standing;
mod story;
mod text;
mod time;
mod timeline;

#[cfg(test)]
mod tests;

pub use self::json::API_VERSION;
use self::story::Story;

/// Everything that is known of one pod.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The moment at which it is told; relative times count from here.
    pub now: Timestamp,
    pub source: Source,
    pub presence: Presence,
    pub report: PodReport,
    /// What its workload's `HookAudit` remembers of it, oldest first.
    pub incidents: Vec<Incident>,
    /// When something about its workload could not be seen.
    pub gaps: Vec<Gap>,
    /// What could not be read, and why.
    pub unread: Vec<Box<str>>,
}

/// Where the facts come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Live,
    Recording,
    /// The pod is gone; only incidents of its workload are left.
    Incidents,
}

impl Source {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "Live",
            Self::Recording => "Recording",
            Self::Incidents => "Incidents",
        }
    }
}

/// Whether the pod's object is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Here(Phase),
    Gone,
}

/// The formats of a story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `width` in columns.
    Text {
        colour: Colour,
        width: usize,
    },
    Json,
}

/// Writes the story in one format.
///
/// # Errors
///
/// Those of the writer.
pub fn write(subject: &Subject, format: Format, out: &mut impl io::Write) -> io::Result<()> {
    let story = Story::of(subject);
    match format {
        Format::Text { colour, width } => text::write(subject, &story, colour, width, out),
        Format::Json => json::write(subject, &story, out),
    }
}
