//! How far do the clocks of a pod's node and of the API server differ?
//!
//! An Event carries both: its name is the node's time in nanoseconds, its creation the API server's, cut to a second
//! (client-go tools/record). It cannot be created before it happened, but late it can.

use jiff::SignedDuration;

use super::View;
use crate::audit::moment::{Moment, shifted};
use crate::audit::record::Interval;

/// What an Event takes to the API server and back into a whole second, on a busy node.
const LATENCY_SECONDS: f64 = 3.0;

/// Less than this does not matter beside stamps of whole seconds.
const MATTERS_SECONDS: f64 = 1.0;

/// What the API server's clock shows more than the node's, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Skew {
    /// The node's clock is ahead by at least this.
    Ahead(f64),
    /// The node's clock is behind by at most this, or its Events came late.
    BehindOrLate(f64),
}

/// None where the clocks agree as far as can be told.
pub(super) fn of(view: &View<'_>) -> Option<Skew> {
    let lag = view.case.event_lag?.as_secs_f64();
    let most = lag + 1.0;
    if most < -MATTERS_SECONDS {
        return Some(Skew::Ahead(-most));
    }
    (lag - LATENCY_SECONDS > MATTERS_SECONDS).then_some(Skew::BehindOrLate(most))
}

/// A moment of the node by the API server's clock.
pub(super) fn by_api_server(view: &View<'_>, at: Moment) -> Moment {
    let (least, most) = of(view).map_or((0.0, 0.0), Skew::bounds);
    let by = |seconds| SignedDuration::from_secs_f64(seconds);
    Moment::between(
        shifted(at.earliest, by(least)),
        shifted(at.latest, by(most)),
    )
}

/// From a moment of the API server to one of the node.
pub(super) fn interval(view: &View<'_>, at: Moment, earlier: Moment) -> Interval {
    let (shortest, longest) = by_api_server(view, at).seconds_since(earlier);
    Interval::between_seconds(shortest, longest)
}

impl Skew {
    fn bounds(self) -> (f64, f64) {
        match self {
            Self::Ahead(seconds) => (-seconds - LATENCY_SECONDS - 1.0, -seconds),
            Self::BehindOrLate(seconds) => (0.0, seconds),
        }
    }

    pub(super) fn told(self) -> String {
        match self {
            Self::Ahead(seconds) => format!(
                "the node's clock is ahead of the API server's by {seconds:.0} s or more: its Events were created that long before their own time"
            ),
            Self::BehindOrLate(seconds) => format!(
                "the node's clock is behind the API server's by up to {seconds:.0} s, or its Events came late"
            ),
        }
    }
}
