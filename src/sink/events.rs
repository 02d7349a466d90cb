//! Tells incidents as Kubernetes Events on their workloads, each once.
//!
//! As `events.k8s.io/v1`, because only there the API server insists on who reports and what is related; it stores and
//! serves the same object under core/v1, so `kubectl describe` finds it.

mod compose;
mod limit;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use kube::Client;
use kube::api::PostParams;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::audit::record::{Incident, WorkloadRef};
use crate::audit::snapshot::{Snapshot, Workload};
use crate::complaints::Complaints;
use crate::leader::Mandate;
use crate::sink::call::{Answer, CallError, call};

use compose::{Regarding, compose};
use limit::Limit;

const ATTEMPTS_MAX: u32 = 5;
const RETRY_DELAY: Duration = Duration::from_secs(1);
const RETRY_DELAY_MAX: Duration = Duration::from_mins(1);
/// An Event under way is waited for so long when the program ends: the next leader tells as soon as this one has let go.
const LAST_EVENT: Duration = Duration::from_millis(500);

/// Who tells, and how much.
#[derive(Debug, Clone)]
pub struct EventSettings {
    /// The name of this replica, at most 128 characters.
    pub reporting_instance: String,
    /// Between two Events with one reason on one workload. A replica that does not lead keeps incidents for so long: what
    /// is older was told by the leader of then.
    pub interval: Duration,
    /// Incidents that may wait to be told; more are dropped and counted.
    pub queue_max: usize,
    pub call_timeout: Duration,
}

impl Default for EventSettings {
    fn default() -> Self {
        Self {
            reporting_instance: "hookaudit".to_owned(),
            interval: Duration::from_mins(10),
            queue_max: 1_000,
            call_timeout: Duration::from_secs(10),
        }
    }
}

/// What became of an incident that was to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventResult {
    Told,
    /// An Event of that name existed: it was told before a restart.
    AlreadyTold,
    /// Another one with this reason was told of this workload just before.
    Limited,
    /// The queue was full.
    Dropped,
    /// Another replica led, and had its time to tell it.
    LeftToLeader,
    /// The API server refused it, or could not be reached several times.
    Failed,
}

impl EventResult {
    pub const ALL: &'static [Self] = &[
        Self::Told,
        Self::AlreadyTold,
        Self::Limited,
        Self::Dropped,
        Self::LeftToLeader,
        Self::Failed,
    ];

    /// The word as a metric label value.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::AlreadyTold => "already_told",
            Self::Limited => "limited",
            Self::Dropped => "dropped",
            Self::LeftToLeader => "left_to_leader",
            Self::Failed => "failed",
        }
    }
}

/// Incidents by what became of them.
#[derive(Debug, Default)]
pub struct EventCounters {
    results: [AtomicU64; EventResult::ALL.len()],
}

impl EventCounters {
    #[must_use]
    pub fn events(&self, result: EventResult) -> u64 {
        self.results[result as usize].load(Ordering::Relaxed)
    }

    fn count(&self, result: EventResult) {
        self.results[result as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// Takes incidents without waiting.
#[derive(Debug, Clone)]
pub struct EventQueue {
    sender: mpsc::Sender<Told>,
    counters: Arc<EventCounters>,
}

#[derive(Debug)]
struct Told {
    namespace: Box<str>,
    target: WorkloadRef,
    incident: Box<Incident>,
}

impl EventQueue {
    /// Queues one incident; drops and counts it if too many wait.
    pub fn offer(&self, namespace: Box<str>, target: WorkloadRef, incident: Box<Incident>) {
        if self
            .sender
            .try_send(Told {
                namespace,
                target,
                incident,
            })
            .is_err()
        {
            self.counters.count(EventResult::Dropped);
        }
    }
}

/// Sends the queued incidents. Its client must not retry.
pub struct EventSink {
    client: Client,
    mandate: Mandate,
    settings: EventSettings,
    queue: mpsc::Receiver<Told>,
    /// Incidents from before a term, with when they were queued.
    kept: VecDeque<(Instant, Told)>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    counters: Arc<EventCounters>,
    /// By the code of an answer.
    complaints: Complaints<u16>,
    limit: Limit,
}

/// In place of the code of an answer that did not come.
const UNANSWERED: u16 = 0;

impl EventSink {
    /// The two ends. Snapshots tell the uid of a workload, without which `kubectl describe` does not find its Events.
    #[must_use]
    pub fn new(
        client: Client,
        mandate: Mandate,
        settings: EventSettings,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        counters: Arc<EventCounters>,
    ) -> (EventQueue, Self) {
        let (sender, queue) = mpsc::channel(settings.queue_max.max(1));
        let limit = Limit::new(settings.interval);
        let sink = Self {
            client,
            mandate,
            settings,
            queue,
            kept: VecDeque::new(),
            snapshots,
            counters: Arc::clone(&counters),
            complaints: Complaints::default(),
            limit,
        };
        (EventQueue { sender, counters }, sink)
    }

    /// Sends while this replica leads, until cancelled, or until every queue end is dropped and all is told.
    pub async fn run(mut self, cancel: CancellationToken) {
        while let Some(told) = self.next(&cancel).await {
            let result = tokio::select! {
                biased;
                () = cut_off(&cancel) => return,
                result = self.tell(&told) => result,
            };
            match result {
                Some(result) => self.counters.count(result),
                None => self.kept.push_front((Instant::now(), told)),
            }
        }
    }

    /// The next incident to tell in a term of ours. `None` at the end.
    async fn next(&mut self, cancel: &CancellationToken) -> Option<Told> {
        let mut mandate = self.mandate.clone();
        loop {
            if mandate.term().is_some() {
                if let Some((_, told)) = self.kept.pop_front() {
                    return Some(told);
                }
                return tokio::select! {
                    biased;
                    () = cancel.cancelled() => None,
                    told = self.queue.recv() => told,
                };
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => return None,
                () = mandate.changed() => {}
                told = self.queue.recv() => self.kept.push_back((Instant::now(), told?)),
            }
            self.forget();
        }
    }

    /// What the leader of then has told, and beyond the length of the queue what it may have.
    fn forget(&mut self) {
        let now = Instant::now();
        while let Some((since, _)) = self.kept.front()
            && (now.duration_since(*since) >= self.settings.interval
                || self.kept.len() > self.settings.queue_max)
        {
            self.kept.pop_front();
            self.counters.count(EventResult::LeftToLeader);
        }
    }

    /// `None` where the term ended before it was told.
    async fn tell(&mut self, told: &Told) -> Option<EventResult> {
        let reason = compose::reason(told.incident.incident_type);
        let now = Instant::now();
        if !self
            .limit
            .allows(&told.namespace, &told.target, reason, now)
        {
            return Some(EventResult::Limited);
        }
        let regarding = self.regarding(told);
        let event = compose(
            &told.namespace,
            &regarding,
            &told.incident,
            &self.settings.reporting_instance,
        );
        let mut wait = Duration::ZERO;
        for attempt in 0..ATTEMPTS_MAX {
            tokio::time::sleep(wait).await;
            match self.send(&told.namespace, &event).await {
                Sent::Done(result) => {
                    if matches!(result, EventResult::Told | EventResult::AlreadyTold) {
                        self.limit.told(&told.namespace, &told.target, reason, now);
                    }
                    return Some(result);
                }
                Sent::NotLeading => return None,
                Sent::Later(asked) => {
                    let delay = RETRY_DELAY.saturating_mul(2_u32.saturating_pow(attempt));
                    wait = asked.unwrap_or(delay).min(RETRY_DELAY_MAX);
                }
            }
        }
        Some(EventResult::Failed)
    }

    async fn send(&mut self, namespace: &str, event: &k8s_openapi::api::events::v1::Event) -> Sent {
        let path = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events");
        let Ok(body) = serde_json::to_vec(event) else {
            return Sent::Done(EventResult::Failed);
        };
        let Ok(request) = kube::core::Request::new(path).create(&PostParams::default(), body)
        else {
            return Sent::Done(EventResult::Failed);
        };
        match call(
            &self.client,
            &self.mandate,
            request,
            self.settings.call_timeout,
        )
        .await
        {
            Ok(answer) => self.sent(namespace, &answer),
            Err(CallError::NotLeading) => Sent::NotLeading,
            Err(error) => {
                if self.complaints.is_new(namespace, UNANSWERED) {
                    tracing::warn!(namespace, "an event is not told yet: {error}");
                }
                Sent::Later(None)
            }
        }
    }

    fn sent(&mut self, namespace: &str, answer: &Answer) -> Sent {
        match answer.code {
            code if code.is_success() => {
                if self.complaints.end(namespace) {
                    tracing::info!(namespace, "events are told again");
                }
                Sent::Done(EventResult::Told)
            }
            StatusCode::CONFLICT => Sent::Done(EventResult::AlreadyTold),
            StatusCode::TOO_MANY_REQUESTS => Sent::Later(answer.retry_after),
            code if code.is_server_error() => Sent::Later(answer.retry_after),
            code => {
                if self.complaints.is_new(namespace, code.as_u16()) {
                    tracing::warn!(namespace, "the API server refused an event with {code}");
                }
                Sent::Done(EventResult::Failed)
            }
        }
    }

    /// The workload; the pod itself where there is none, or it is gone, or lives in no namespace.
    fn regarding(&self, told: &Told) -> Regarding {
        if told.target == WorkloadRef::bare_pods() || &*told.target.kind == "Node" {
            return Regarding::Pod;
        }
        let snapshot = self.snapshots.borrow();
        let order = |workload: &Workload| {
            (
                &*workload.namespace,
                &*workload.target.kind,
                &*workload.target.name,
            )
                .cmp(&(&*told.namespace, &*told.target.kind, &*told.target.name))
        };
        let found = snapshot
            .workloads
            .binary_search_by(|workload| order(workload));
        match found.map(|at| &snapshot.workloads[at]) {
            Ok(workload) if workload.gone => Regarding::Pod,
            Ok(workload) => Regarding::Workload(told.target.clone(), workload.uid),
            Err(_) => Regarding::Workload(told.target.clone(), None),
        }
    }
}

enum Sent {
    Done(EventResult),
    /// After so long, if the API server said so.
    Later(Option<Duration>),
    NotLeading,
}

async fn cut_off(cancel: &CancellationToken) {
    cancel.cancelled().await;
    tokio::time::sleep(LAST_EVENT).await;
}

#[cfg(test)]
mod tests;
