//! Times beside each other: absolute in UTC, and relative.

use jiff::Timestamp;

use crate::audit::moment::{Moment, seconds};

/// `2026-11-22T16:02:30Z (12s ago)`, or `(in 12s)`.
pub(super) fn when(at: Timestamp, now: Timestamp) -> String {
    let away = seconds(at, now);
    if away < 0.0 {
        format!("{at:.0} (in {})", span(-away))
    } else {
        format!("{at:.0} ({} ago)", span(away))
    }
}

/// `+12.3s` or `-5s` from an origin.
pub(super) fn offset(origin: Timestamp, at: Timestamp) -> String {
    let away = seconds(origin, at);
    let sign = if away < 0.0 { '-' } else { '+' };
    format!("{sign}{}", span(away.abs()))
}

/// A length of time in at most two units.
pub(super) fn span(seconds: f64) -> String {
    if seconds < 99.95 {
        let text = format!("{seconds:.1}");
        return format!("{}s", text.strip_suffix(".0").unwrap_or(&text));
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a timestamp's range fits by far"
    )]
    let whole = seconds.round() as i64;
    let (minutes, hours, days) = (whole / 60, whole / 3_600, whole / 86_400);
    if hours == 0 {
        format!("{minutes}m{:02}s", whole % 60)
    } else if days == 0 {
        format!("{hours}h{:02}m", minutes % 60)
    } else {
        format!("{days}d{:02}h", hours % 24)
    }
}

/// The time of day, to the millisecond where it is exact, else to the second.
pub(super) fn clock(at: Moment) -> String {
    let text = if at.is_exact() && at.earliest.subsec_nanosecond() != 0 {
        format!("{:.3}", at.earliest)
    } else {
        format!("{:.0}", at.earliest)
    };
    text.split_once('T')
        .map_or_else(|| text.clone(), |(_, clock)| clock.to_owned())
}

/// The day of a time.
pub(super) fn day(at: Timestamp) -> String {
    let text = at.to_string();
    text.split_once('T')
        .map_or_else(|| text.clone(), |(day, _)| day.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_at_most_two_units() {
        for (seconds, expected) in [
            (0.0, "0s"),
            (12.34, "12.3s"),
            (99.96, "1m40s"),
            (160.97, "2m41s"),
            (3_600.0, "1h00m"),
            (90_000.0, "1d01h"),
        ] {
            assert_eq!(span(seconds), expected);
        }
    }
}
