//! The health of the watches, read at each scrape.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, IntGaugeVec, Opts};

/// One watch as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchActivity {
    /// The plural name of what is watched; several watches may share it.
    pub resource: &'static str,
    pub failures: u64,
    /// When the API server last answered or sent something.
    pub active_at: Option<Timestamp>,
}

/// Gives the watches of this process.
pub type Activities = Box<dyn Fn() -> Vec<WatchActivity> + Send + Sync>;

/// Exports failures per resource, and the activity of the watch that is silent for longest.
pub struct Watches {
    activities: Activities,
    errors: Desc,
    last_activity: Desc,
}

impl fmt::Debug for Watches {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watches").finish_non_exhaustive()
    }
}

fn errors() -> Opts {
    Opts::new(
        "hookaudit_watch_errors_total",
        "Failures of watches, by resource.",
    )
}

fn last_activity() -> Opts {
    Opts::new(
        "hookaudit_watch_last_activity_timestamp_seconds",
        "When the most silent watch of a resource last heard from the API server.",
    )
}

impl Watches {
    /// # Errors
    /// Never with the names above; `prometheus` checks them at run time.
    pub fn new(activities: Activities) -> prometheus::Result<Self> {
        let describe = |opts: Opts| {
            Desc::new(
                opts.name,
                opts.help,
                vec!["resource".to_owned()],
                std::collections::HashMap::new(),
            )
        };
        Ok(Self {
            activities,
            errors: describe(errors())?,
            last_activity: describe(last_activity())?,
        })
    }

    fn families(&self) -> prometheus::Result<Vec<MetricFamily>> {
        let counters = IntCounterVec::new(errors(), &["resource"])?;
        let gauges = IntGaugeVec::new(last_activity(), &["resource"])?;
        let mut oldest: BTreeMap<&str, Option<Timestamp>> = BTreeMap::new();
        for watch in (self.activities)() {
            counters
                .with_label_values(&[watch.resource])
                .inc_by(watch.failures);
            let known = oldest.entry(watch.resource).or_insert(watch.active_at);
            *known = (*known).min(watch.active_at);
        }
        for (resource, at) in oldest {
            gauges
                .with_label_values(&[resource])
                .set(at.map_or(0, Timestamp::as_second));
        }
        Ok([counters.collect(), gauges.collect()].concat())
    }
}

impl Collector for Watches {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.errors, &self.last_activity]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.families().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use prometheus::{Registry, TextEncoder};

    use super::*;

    #[test]
    fn failures_add_up_and_the_most_silent_watch_of_a_resource_counts() {
        let at = |seconds| Timestamp::from_second(seconds).ok();
        let watches = move || {
            [
                ("events", 2, at(30)),
                ("events", 1, at(20)),
                ("pods", 0, None),
            ]
            .map(|(resource, failures, active_at)| WatchActivity {
                resource,
                failures,
                active_at,
            })
            .to_vec()
        };
        let registry = Registry::new();
        registry
            .register(Box::new(Watches::new(Box::new(watches)).unwrap()))
            .unwrap();
        let text = TextEncoder::new()
            .encode_to_string(&registry.gather())
            .unwrap();
        for line in [
            "hookaudit_watch_errors_total{resource=\"events\"} 3",
            "hookaudit_watch_last_activity_timestamp_seconds{resource=\"events\"} 20",
            "hookaudit_watch_last_activity_timestamp_seconds{resource=\"pods\"} 0",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
}
