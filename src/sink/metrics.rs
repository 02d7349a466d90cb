//! The exposition: per-workload families written by hand from a snapshot, the process's own from a registry.

mod births;
mod exposition;
mod families;
mod gzip;
mod negotiate;
mod own;
mod shown;
mod text;
mod watches;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use prometheus::Registry;

use crate::audit::snapshot::Snapshot;
use crate::leader::Mandate;
use crate::sink::events::EventCounters;
use crate::sink::status::StatusCounters;

pub use exposition::Exposition;
pub use gzip::Gzip;
pub use negotiate::{Encoding, encoding, format};
use shown::Shown;
pub use text::Format;
pub use watches::{Activities, WatchActivity, Watches};

/// Bounds and names of the exposition.
#[derive(Debug, Clone)]
pub struct MetricsSettings {
    /// Workloads with series of their own, per family; the rest is added up as `_other`.
    pub workloads_max: usize,
    /// A new counter stays at 0 for so long after its first exposition, and at least for that one.
    pub zero_for: Duration,
    pub version: &'static str,
    pub revision: &'static str,
}

impl Default for MetricsSettings {
    fn default() -> Self {
        Self {
            workloads_max: 20_000,
            zero_for: Duration::from_mins(1),
            version: env!("CARGO_PKG_VERSION"),
            revision: option_env!("HOOKAUDIT_REVISION").unwrap_or("unknown"),
        }
    }
}

/// Whether this replica holds the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leadership {
    Leader,
    /// Exports no workload family: its leader does.
    Follower,
}

/// Renders expositions, and remembers which counters were shown. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Renderer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: MetricsSettings,
    registry: Registry,
    status: Arc<StatusCounters>,
    events: Arc<EventCounters>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    shown: Shown,
    gaps: own::Gaps,
    mandate: Option<Mandate>,
    has_resigned: bool,
    /// What the term in which workload families were exported last came after.
    exported_after: Option<Option<Timestamp>>,
}

impl Renderer {
    #[must_use]
    pub fn new(
        settings: MetricsSettings,
        status: Arc<StatusCounters>,
        events: Arc<EventCounters>,
    ) -> Self {
        let registry = Registry::new();
        #[cfg(target_os = "linux")]
        if let Err(error) = registry.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        )) {
            tracing::warn!("the process's own metrics are missing: {error}");
        }
        Self {
            shared: Arc::new(Shared {
                settings,
                registry,
                status,
                events,
                state: Mutex::default(),
            }),
        }
    }

    /// Where the rest of the process registers its own, small, families.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.shared.registry
    }

    /// Exports the workload families only while this mandate lasts, asked at each exposition. Until it is told,
    /// `leader_election_master_status` is left out and everything else exported.
    pub fn stand(&self, mandate: Mandate) {
        self.shared.state().mandate = Some(mandate);
    }

    /// Exports no workload family any longer, although the mandate may last: another replica is about to.
    pub fn resign(&self) {
        self.shared.state().has_resigned = true;
    }

    /// The exposition of a snapshot, made as it is read.
    #[must_use]
    pub fn exposition(
        &self,
        snapshot: Arc<Snapshot>,
        now: Timestamp,
        format: Format,
    ) -> Exposition {
        Exposition::new(Arc::clone(&self.shared), snapshot, now, format)
    }
}

impl State {
    /// Whether workload families are exported in this term for the first time.
    fn begins_term(&mut self) -> bool {
        let term = self.mandate.as_ref().and_then(Mandate::term);
        let after = term.and_then(|term| term.previous_renewed_at);
        self.exported_after.replace(after) != Some(after)
    }

    fn leadership(&self) -> Option<Leadership> {
        let leads = self.mandate.as_ref()?.term().is_some() && !self.has_resigned;
        Some(if leads {
            Leadership::Leader
        } else {
            Leadership::Follower
        })
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
