//! Moments of the witnesses, which all live on one machine and so on one clock.

use jiff::Timestamp;

/// The form that a truth file has a moment in: UTC with microseconds.
pub fn moment(at: Timestamp) -> String {
    format!("{at:.6}")
}

pub(super) fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

pub(super) fn to_milliseconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

pub(super) fn from_nanoseconds(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap_or_default()
}

/// Both fall into the same second, which is all that a container's status tells of its end.
pub(super) fn same_second(one: Timestamp, other: Timestamp) -> bool {
    one.as_second() == other.as_second()
}
