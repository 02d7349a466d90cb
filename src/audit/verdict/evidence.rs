//! Evidence in words that a person can check with `kubectl`.

use jiff::Timestamp;

use crate::audit::case::instance::Ended;
use crate::audit::moment::Moment;
use crate::audit::record::Interval;
use crate::audit::seen::TerminatedReason;

/// A time to the millisecond where it is exact, to the second where it was cut.
pub(super) fn time(at: Moment) -> String {
    if at.is_exact() {
        format!("{:.3}", at.earliest)
    } else {
        stamp(at.earliest)
    }
}

/// A whole-second stamp.
pub(super) fn stamp(at: Timestamp) -> String {
    format!("{at:.0}")
}

pub(super) fn event(name: &str, at: Moment) -> Box<str> {
    format!("{name} at {}", time(at)).into()
}

pub(super) fn since(name: &str, at: Moment, earlier: Moment, of: &str) -> Box<str> {
    let (min, max) = at.seconds_since(earlier);
    if max - min < 0.001 {
        format!("{name} {max:.3} s after {of}").into()
    } else {
        format!("{name} {:.0} to {max:.0} s after {of}", min.max(0.0)).into()
    }
}

pub(super) fn end(ended: &Ended) -> Box<str> {
    let reason = match ended.reason {
        TerminatedReason::OOMKilled => ", OOMKilled",
        TerminatedReason::RestartingAllContainers => ", RestartingAllContainers",
        _ => "",
    };
    let at = ended.finished_at.map_or_else(
        || "at an unknown time".to_owned(),
        |at| format!("at {}", stamp(at)),
    );
    format!(
        "container finished {at} with exit code {}{reason}",
        ended.exit_code
    )
    .into()
}

/// The interval between two moments, cut at zero.
pub(super) fn interval(at: Moment, earlier: Moment) -> Interval {
    let (min, max) = at.seconds_since(earlier);
    Interval::between_seconds(min, max)
}
