//! One way in: objects of an API server or of a recording become observations.

pub mod recording;
pub mod translate;
pub mod watch;
pub mod wire;

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::audit::observation::Observation;
use crate::audit::seen::Stream;

/// One thing seen on a stream, on its way to the core and to a recording.
#[derive(Debug)]
pub struct Seen {
    pub stream: Arc<Stream>,
    pub change: Change,
    /// The API's own JSON, where a recording wants it. Of several observations that one object gives
    /// only the first has it.
    pub raw: Option<Box<RawValue>>,
    pub observation: Observation,
}

/// What happened to an object or to its stream: the `type` of a recording's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Added,
    Modified,
    Deleted,
    Bookmark,
    /// The first, or a repeated, list is complete.
    Synced,
    /// The watch broke; what follows up to `Synced` is everything there is.
    Relist,
    /// Only time moved.
    Tick,
}

impl Change {
    const ALL: [Self; 7] = [
        Self::Added,
        Self::Modified,
        Self::Deleted,
        Self::Bookmark,
        Self::Synced,
        Self::Relist,
        Self::Tick,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
            Self::Bookmark => "BOOKMARK",
            Self::Synced => "SYNCED",
            Self::Relist => "RELIST",
            Self::Tick => "TICK",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.as_str() == text)
    }
}
