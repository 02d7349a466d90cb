//! Times, seconds and names as the report writes them.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::audit::record::{Interval, WorkloadRef};

/// A time: UTC, RFC 3339, always nine digits.
#[derive(Clone, Copy)]
pub(in crate::report) struct Time(pub(in crate::report) Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.9}", self.0))
    }
}

/// An interval in seconds, each bound with at most three decimals, rounded outwards.
#[derive(Serialize)]
pub(in crate::report) struct Bounds {
    min: f64,
    max: Option<f64>,
}

impl From<Interval> for Bounds {
    fn from(interval: Interval) -> Self {
        Self {
            min: seconds(interval.min),
            max: interval.max.map(seconds_rounded_up),
        }
    }
}

#[derive(Serialize)]
pub(in crate::report) struct Owner<'a> {
    kind: &'a str,
    name: &'a str,
}

impl<'a> From<&'a WorkloadRef> for Owner<'a> {
    fn from(workload: &'a WorkloadRef) -> Self {
        Self {
            kind: &workload.kind,
            name: &workload.name,
        }
    }
}

/// Seconds, cut after the third decimal.
pub(in crate::report) fn seconds(duration: Duration) -> f64 {
    thousandths(duration.as_millis())
}

fn seconds_rounded_up(duration: Duration) -> f64 {
    thousandths(duration.as_nanos().div_ceil(1_000_000))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact for spans below 285,000 years"
)]
fn thousandths(milliseconds: u128) -> f64 {
    milliseconds as f64 / 1_000.0
}

/// The text, or nothing where it is empty: unknown is null, never `""`.
pub(in crate::report) fn known(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}
