//! Writes the status of every `HookAudit`: on change, within a budget, the worst news first.

mod bucket;
mod counters;
mod digest;
mod plan;
mod reports;
mod write;

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::audit::snapshot::{Snapshot, Workload};
use crate::complaints::Complaints;
use crate::leader::Mandate;

use bucket::TokenBucket;
pub use counters::{StatusCounters, WriteResult};
use plan::{Key, Plan};
pub use reports::Reports;
use write::{Api, Refused, Written};

/// Workloads handled between two looks at what else there is to do.
const CHUNK: usize = 256;
const INVALID_DELAY: Duration = Duration::from_mins(15);
/// An API server that has just started, or rights that have just come back, refuse for a moment.
const FORBIDDEN_DELAY_MAX: Duration = Duration::from_mins(1);
const FAILURE_DELAY: Duration = Duration::from_secs(1);
const FAILURE_DELAY_MAX: Duration = Duration::from_mins(1);
const CONFLICT_DELAY: Duration = Duration::from_millis(100);
/// A write under way is waited for so long when the program ends: the next leader writes as soon as this one has let go.
const LAST_WRITE: Duration = Duration::from_millis(500);

/// For which workloads an object is made. One that a user made is reported on in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReportScope {
    /// It has a hook or has had an incident.
    #[default]
    Hooks,
    /// It has had an incident, or something is active.
    Problems,
    All,
}

impl ReportScope {
    fn includes(self, workload: &Workload) -> bool {
        match self {
            Self::All => true,
            Self::Hooks => workload.has_hooks() || workload.incident_count > 0,
            Self::Problems => workload.incident_count > 0 || !workload.active.is_empty(),
        }
    }
}

/// When, and how often, something is written.
#[derive(Debug, Clone)]
pub struct StatusSettings {
    pub scope: ReportScope,
    /// A changed condition waits so long for what comes with it.
    pub debounce: Duration,
    /// Between two writes of one object for counters, or for what is active.
    pub coalesce: Duration,
    /// What waits longer goes first.
    pub wait_max: Duration,
    pub writes_per_second: u32,
    pub writes_burst: u32,
    pub call_timeout: Duration,
}

impl Default for StatusSettings {
    fn default() -> Self {
        Self {
            scope: ReportScope::default(),
            debounce: Duration::from_secs(2),
            coalesce: Duration::from_secs(30),
            wait_max: Duration::from_mins(15),
            writes_per_second: 10,
            writes_burst: 50,
            call_timeout: Duration::from_secs(10),
        }
    }
}

/// The one writer of statuses. Its client must not retry (`Config::default_retry = false`).
pub struct StatusWriter {
    api: Api,
    mandate: Mandate,
    plan: Plan,
    bucket: TokenBucket,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    reports: Reports,
    counters: Arc<StatusCounters>,
    complaints: Complaints<WriteResult>,
    revision: u64,
    reports_synced: bool,
    snapshot_synced: bool,
    /// The API server asked to wait, or cannot be reached.
    paused_until: Option<Instant>,
    failures: u32,
}

impl StatusWriter {
    #[must_use]
    pub fn new(
        client: Client,
        mandate: Mandate,
        settings: StatusSettings,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        reports: Reports,
        counters: Arc<StatusCounters>,
    ) -> Self {
        Self {
            api: Api::new(client, mandate.clone(), settings.call_timeout),
            mandate,
            bucket: TokenBucket::new(
                settings.writes_per_second,
                settings.writes_burst,
                Instant::now(),
            ),
            plan: Plan::new(settings),
            snapshots,
            reports,
            counters,
            complaints: Complaints::default(),
            revision: 0,
            reports_synced: false,
            snapshot_synced: false,
            paused_until: None,
            failures: 0,
        }
    }

    /// Writes while this replica leads, until cancelled, or until nobody makes snapshots any longer. Without a term
    /// what changed waits.
    pub async fn run(mut self, cancel: CancellationToken) {
        let reports = self.reports.clone();
        let mut mandate = self.mandate.clone();
        self.snapshots.mark_changed();
        loop {
            self.counters.set_queue_length(self.plan.queue_length());
            let wake = self.wake(Instant::now());
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                () = reports.changed() => self.take_reports().await,
                changed = self.snapshots.changed() => match changed {
                    Ok(()) => self.take_snapshot().await,
                    Err(_) => return,
                },
                () = mandate.changed() => {}
                () = sleep_until(wake) => {
                    tokio::select! {
                        biased;
                        () = cut_off(&cancel) => return,
                        () = self.write_one() => {}
                    }
                }
            }
        }
    }

    fn wake(&self, now: Instant) -> Option<Instant> {
        if !self.reports_synced || !self.snapshot_synced || self.mandate.term().is_none() {
            return None;
        }
        let due = self.plan.next_due(now)?.max(self.bucket.ready_at(now));
        Some(
            self.paused_until
                .map_or(due, |paused_until| due.max(paused_until)),
        )
    }

    async fn take_reports(&mut self) {
        let news = self.reports.take();
        let now = Instant::now();
        for (number, (key, seen)) in news.objects.into_iter().enumerate() {
            match seen {
                Some(seen) => self.plan.saw(key, seen, now),
                None => self.plan.lost(key, now),
            }
            breathe(number).await;
        }
        for list in &news.complete {
            self.plan.listed(list, now);
            self.reports_synced = true;
        }
    }

    async fn take_snapshot(&mut self) {
        let snapshot = Arc::clone(&self.snapshots.borrow_and_update());
        let now = Instant::now();
        for (number, workload) in snapshot.changed_since(self.revision).enumerate() {
            self.plan.want(workload, now);
            breathe(number).await;
        }
        self.revision = snapshot.revision;
        self.snapshot_synced = snapshot.synced;
        if self.plan.workloads() > snapshot.workloads.len() {
            self.plan.keep_only(&snapshot.workloads, now);
        }
    }

    async fn write_one(&mut self) {
        let Some(key) = self.plan.take(Instant::now()) else {
            return;
        };
        let Some((workload, seen)) = self.plan.task(&key) else {
            return;
        };
        let epoch = self.reports.epoch();
        self.bucket.take(Instant::now());
        let outcome = self.api.write(&key, &workload, seen, epoch).await;
        match outcome {
            Ok(Written {
                seen,
                results,
                account_bytes,
            }) => {
                self.counters.wrote_account(account_bytes);
                results
                    .into_iter()
                    .for_each(|result| self.counters.count(result));
                self.failures = 0;
                if self.complaints.end(&key.namespace) {
                    tracing::info!(namespace = &*key.namespace, "hookaudits are written again");
                }
                self.plan.wrote(&key, seen, Instant::now());
            }
            Err(refused) => self.refused(&key, refused),
        }
    }

    fn refused(&mut self, key: &Arc<Key>, refused: Refused) {
        self.counters.count(refused.result);
        report(&mut self.complaints, key, &refused);
        let now = Instant::now();
        let (delay, delay_max) = match refused.result {
            WriteResult::Conflict => (CONFLICT_DELAY, FAILURE_DELAY_MAX),
            WriteResult::Forbidden => (FAILURE_DELAY, FORBIDDEN_DELAY_MAX),
            WriteResult::Invalid => (INVALID_DELAY, INVALID_DELAY),
            _ => (FAILURE_DELAY, FAILURE_DELAY_MAX),
        };
        match refused.result {
            WriteResult::NotLeading => {
                self.plan.failed(key, Duration::ZERO, Duration::ZERO, now);
            }
            WriteResult::Throttled => {
                self.paused_until = Some(now + refused.retry_after.unwrap_or(FAILURE_DELAY));
                self.plan.failed(key, Duration::ZERO, Duration::ZERO, now);
            }
            WriteResult::TimedOut | WriteResult::Failed => {
                let pause =
                    FAILURE_DELAY.saturating_mul(2_u32.saturating_pow(self.failures.min(16)));
                self.failures += 1;
                self.paused_until = Some(now + pause.min(FAILURE_DELAY_MAX));
                self.plan.failed(key, delay, delay_max, now);
            }
            WriteResult::Missing => {
                self.plan.lost(
                    Key {
                        namespace: key.namespace.clone(),
                        name: key.name.clone(),
                    },
                    now,
                );
                self.plan.failed(key, delay, delay_max, now);
            }
            _ => self.plan.failed(key, delay, delay_max, now),
        }
        if let Some(seen) = refused.seen {
            self.plan.saw(
                Key {
                    namespace: key.namespace.clone(),
                    name: key.name.clone(),
                },
                *seen,
                now,
            );
        }
    }
}

/// What heals by itself is told to those who ask; what does not, to everyone: of an object what is wrong with it, and once
/// of a namespace what is wrong with all.
fn report(complaints: &mut Complaints<WriteResult>, key: &Key, refused: &Refused) {
    let (namespace, name, result) = (&*key.namespace, &*key.name, refused.result.label());
    let is_told = match refused.result {
        WriteResult::Conflict | WriteResult::Missing | WriteResult::NotLeading => false,
        WriteResult::Invalid => true,
        result => complaints.is_new(namespace, result),
    };
    let why = &refused.why;
    if is_told {
        tracing::warn!(namespace, name, result, "hookaudit not written: {why}");
    } else {
        tracing::debug!(namespace, name, result, "hookaudit not written: {why}");
    }
}

async fn cut_off(cancel: &CancellationToken) {
    cancel.cancelled().await;
    tokio::time::sleep(LAST_WRITE).await;
}

async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => std::future::pending().await,
    }
}

async fn breathe(number: usize) {
    if number % CHUNK == CHUNK - 1 {
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests;
