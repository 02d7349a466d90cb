//! What was asked, and how often.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use serde_json::Value;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// One kind of request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// `get`, `list`, `watch`, `create`, `update`, `patch` or `delete`.
    pub verb: &'static str,
    /// The resource's plural, with `/status` where only that is meant.
    pub resource: String,
    /// The field selector; empty without one.
    pub selector: String,
}

/// A request that wanted to change something.
#[derive(Debug, Clone)]
pub struct Write {
    pub client: Box<str>,
    /// By the clock of the client's runtime.
    pub at: Instant,
    pub method: Method,
    /// Path and query.
    pub uri: String,
    pub body: Value,
    pub code: u16,
}

/// The requests of one client.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    times: BTreeMap<Call, Vec<Instant>>,
}

impl Calls {
    pub(super) fn count(&mut self, call: Call, now: Instant) {
        self.times.entry(call).or_default().push(now);
    }

    /// Requests so far for which this holds.
    #[must_use]
    pub fn total(&self, wanted: impl Fn(&Call) -> bool) -> usize {
        let times = self.times.iter().filter(|(call, _)| wanted(call));
        times.map(|(_, times)| times.len()).sum()
    }

    /// The most requests within any minute per resource and selector, whatever their verbs.
    #[must_use]
    pub fn busiest_minutes(&self) -> BTreeMap<(String, String), usize> {
        let mut merged: BTreeMap<(String, String), Vec<Instant>> = BTreeMap::new();
        for (call, times) in &self.times {
            let stream = (call.resource.clone(), call.selector.clone());
            merged.entry(stream).or_default().extend(times);
        }
        let busiest = |times: Vec<Instant>| busiest_minute(times);
        merged
            .into_iter()
            .map(|(of, times)| (of, busiest(times)))
            .collect()
    }
}

fn busiest_minute(mut times: Vec<Instant>) -> usize {
    times.sort_unstable();
    let mut first = 0;
    let mut most = 0;
    for (index, time) in times.iter().enumerate() {
        while time.duration_since(times[first]) >= MINUTE {
            first += 1;
        }
        most = most.max(index + 1 - first);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_minute_may_begin_anywhere() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let times = [0, 50, 70, 80, 109, 110, 300].map(after);
        assert_eq!(busiest_minute(times.to_vec()), 4);
        assert_eq!(busiest_minute(Vec::new()), 0);
    }
}
