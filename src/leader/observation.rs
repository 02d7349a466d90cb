//! What is known of the Lease, and since when.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use tokio::time::Instant;

/// The Lease as it was last seen.
#[derive(Debug, Clone)]
pub(super) struct Observation {
    /// `None`: there is none.
    lease: Option<Lease>,
    /// Until when whoever held it last may still write.
    held_until: Instant,
}

impl Observation {
    /// The first look.
    pub(super) fn new(lease: Option<Lease>, default: Duration, now: Instant) -> Self {
        let held_until = held_until(lease.as_ref(), default, now);
        Self { lease, held_until }
    }

    /// A later look. A record that changed says that its holder is alive; one that is gone, that it may have been renewed
    /// unseen before that.
    pub(super) fn update(&mut self, lease: Option<Lease>, default: Duration, now: Instant) {
        match (&self.lease, &lease) {
            (Some(old), Some(new)) if spec(old) == spec(new) => {}
            (_, Some(new)) => self.held_until = held_until(Some(new), default, now),
            (Some(old), None) => self.held_until = held_until(Some(old), default, now),
            (None, None) => {}
        }
        self.lease = lease;
    }

    pub(super) const fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    /// `None` where nobody holds it.
    pub(super) fn holder(&self) -> Option<&str> {
        self.lease.as_ref().and_then(holder)
    }

    /// From then on anybody may take it.
    pub(super) fn free_at(&self) -> Instant {
        self.held_until
    }

    pub(super) fn renewed_at(&self) -> Option<Timestamp> {
        let renewed_at = self.lease.as_ref()?.spec.as_ref()?.renew_time.as_ref()?;
        Some(renewed_at.0)
    }
}

pub(super) fn spec(lease: &Lease) -> LeaseSpec {
    lease.spec.clone().unwrap_or_default()
}

fn holder(lease: &Lease) -> Option<&str> {
    let holder = lease.spec.as_ref()?.holder_identity.as_deref()?;
    (!holder.is_empty()).then_some(holder)
}

fn held_until(lease: Option<&Lease>, default: Duration, now: Instant) -> Instant {
    let Some(lease) = lease.filter(|lease| holder(lease).is_some()) else {
        return now;
    };
    let seconds = lease
        .spec
        .as_ref()
        .and_then(|spec| spec.lease_duration_seconds);
    let duration = seconds.map_or(default, |seconds| {
        Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
    });
    now + duration
}
