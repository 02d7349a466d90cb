//! The text of one cell.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use jiff::Timestamp;

use crate::audit::record::Interval;

pub(super) struct Cell {
    pub(super) text: Cow<'static, str>,
    pub(super) tone: Tone,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Bad,
}

impl Cell {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self {
            text: Cow::Owned(text.into()),
            tone: Tone::Plain,
        }
    }

    pub(super) fn bad(text: &'static str) -> Self {
        Self {
            text: Cow::Borrowed(text),
            tone: Tone::Bad,
        }
    }

    /// A count of which every one above zero is bad.
    pub(super) fn count_of_bad(count: u64) -> Self {
        let tone = if count > 0 { Tone::Bad } else { Tone::Plain };
        Self {
            tone,
            ..Self::plain(count.to_string())
        }
    }
}

/// The value, or `-` where it is unknown.
pub(super) fn optional(value: Option<impl Display>) -> Cell {
    Cell::plain(value.map_or_else(|| "-".to_owned(), |value| value.to_string()))
}

/// The time to the second.
pub(super) fn time(at: Option<Timestamp>) -> Cell {
    optional(at.map(|at| format!("{at:.0}")))
}

/// `3s` where both bounds are alike, `2-3s`, `>2s` without an upper one.
pub(super) fn bounds(interval: Option<Interval>) -> Cell {
    optional(interval.and_then(|interval| {
        let min = seconds(interval.min);
        match interval.max.map(seconds) {
            Some(max) if max == min => Some(format!("{min}s")),
            Some(max) => Some(format!("{min}-{max}s")),
            None if interval.min.is_zero() => None,
            None => Some(format!(">{min}s")),
        }
    }))
}

/// Seconds with one decimal, if that is not zero.
pub(super) fn seconds(duration: Duration) -> String {
    let text = format!("{:.1}", duration.as_secs_f64());
    match text.strip_suffix(".0") {
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

pub(super) fn list(items: &[Box<str>], separator: &str) -> Cell {
    optional((!items.is_empty()).then(|| items.join(separator)))
}
