//! One Event per workload and reason in a while, because each costs a write to etcd.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::audit::record::WorkloadRef;

/// Beyond so many, those whose time has passed are forgotten.
const KNOWN_MAX: usize = 10_000;

#[derive(Debug)]
pub(super) struct Limit {
    interval: Duration,
    told_at: BTreeMap<(Box<str>, WorkloadRef, &'static str), Instant>,
}

impl Limit {
    pub(super) const fn new(interval: Duration) -> Self {
        Self {
            interval,
            told_at: BTreeMap::new(),
        }
    }

    /// Whether one may be told now. With too many told within the interval, of none that is new.
    pub(super) fn allows(
        &mut self,
        namespace: &str,
        target: &WorkloadRef,
        reason: &'static str,
        now: Instant,
    ) -> bool {
        let interval = self.interval;
        if self.told_at.len() >= KNOWN_MAX {
            self.told_at
                .retain(|_, told_at| now.duration_since(*told_at) < interval);
        }
        match self
            .told_at
            .get(&(namespace.into(), target.clone(), reason))
        {
            Some(told_at) => now.duration_since(*told_at) >= interval,
            None => self.told_at.len() < KNOWN_MAX,
        }
    }

    pub(super) fn told(
        &mut self,
        namespace: &str,
        target: &WorkloadRef,
        reason: &'static str,
        now: Instant,
    ) {
        self.told_at
            .insert((namespace.into(), target.clone(), reason), now);
    }
}
