//! The loop on real time: what comes from the watches goes through the core and out to the sinks.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error::RunError;
use crate::admin::Health;
use crate::api::HookAudit;
use crate::audit::auditor::{Auditor, Transition};
use crate::audit::observation::Observation;
use crate::audit::seen::{Resource, Uid};
use crate::audit::snapshot::Snapshot;
use crate::clock::Clock;
use crate::complaints::Complaints;
use crate::sink::events::EventQueue;
use crate::sink::recording::Recorder;
use crate::sink::status::Reports;
use crate::source::watch::{RawObjects, events_of_pod};
use crate::source::{Change, Seen};

/// A snapshot is published at most this often; what happens in between is in the next one.
const PUBLISH_EVERY: Duration = Duration::from_millis(200);
/// The loop says at least this often that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// What the loop hands things to.
pub(super) struct Outlets {
    pub lookups: mpsc::Sender<Lookup>,
    pub recorder: Option<Recorder>,
    /// None where it only records: then the core runs to name its look-ups, and for nothing else.
    pub conclusions: Option<Conclusions>,
    pub clock: Clock,
}

/// Where conclusions go, and who wants to know that the loop is alive.
pub(super) struct Conclusions {
    pub events: EventQueue,
    pub reports: Reports,
    pub snapshots: watch::Sender<Arc<Snapshot>>,
    pub health: Arc<Health>,
}

/// A pod whose Events the core asks for.
pub(super) struct Lookup {
    namespace: Box<str>,
    uid: Uid,
}

/// Look-ups that wait for their turn; the core asks again for what finds no place.
const LOOKUPS_WAITING: usize = 256;
/// Between two look-ups: a rollout of thousands of pods must not become as many lists at once.
const LOOKUP_EVERY: Duration = Duration::from_millis(100);

/// What is found beside the streams, by a look-up or by reading the Lease.
pub(super) fn finds() -> (mpsc::Sender<Seen>, mpsc::Receiver<Seen>) {
    mpsc::channel(LOOKUPS_WAITING)
}

/// Starts the task that lists the Events of pods, one after the other.
pub(super) fn look_ups(
    client: Client,
    raw: RawObjects,
    found: mpsc::Sender<Seen>,
    tasks: &mut JoinSet<()>,
    cancel: &CancellationToken,
) -> mpsc::Sender<Lookup> {
    let (sender, mut asked) = mpsc::channel::<Lookup>(LOOKUPS_WAITING);
    let cancel = cancel.clone();
    tasks.spawn(async move {
        let mut complaints = Complaints::default();
        let look_up = async {
            while let Some(Lookup { namespace, uid }) = asked.recv().await {
                match events_of_pod(&client, &namespace, uid, raw).await {
                    Ok(events) => {
                        complaints.end(&namespace);
                        for event in events {
                            if found.send(event).await.is_err() {
                                return;
                            }
                        }
                    }
                    Err(error) if complaints.is_new(&namespace, ()) => tracing::warn!("{error}"),
                    Err(error) => tracing::debug!("{error}"),
                }
                tokio::time::sleep(LOOKUP_EVERY).await;
            }
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = look_up => {}
        }
    });
    sender
}

/// Runs until cancelled, then closes the recording.
pub(super) async fn run(
    mut auditor: Auditor,
    mut seen: mpsc::Receiver<Seen>,
    mut found: mpsc::Receiver<Seen>,
    mut outlets: Outlets,
    cancel: CancellationToken,
) -> Result<(), RunError> {
    let mut publish_at: Option<Instant> = None;
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    loop {
        let due = auditor.poll_timeout();
        tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            () = sleep_until(publish_at) => {
                publish_at = None;
                outlets.publish(&mut auditor);
                continue;
            }
            () = until(due, &outlets.clock) => {
                let now = outlets.clock.now();
                outlets.record_tick(now)?;
                auditor.handle_timeout(now);
            }
            _ = heartbeat.tick() => {
                outlets.beat()?;
                continue;
            }
            Some(find) = found.recv() => outlets.hand_in(&mut auditor, find)?,
            next = seen.recv() => match next {
                Some(next) => outlets.hand_in(&mut auditor, next)?,
                None => break,
            },
        }
        outlets.tell(&mut auditor);
        publish_at.get_or_insert_with(|| Instant::now() + PUBLISH_EVERY);
    }
    outlets.record_tick(outlets.clock.now())?;
    outlets.publish(&mut auditor);
    Ok(outlets.recorder.map_or(Ok(()), Recorder::finish)?)
}

impl Outlets {
    /// Gives one thing to the core, at the one moment at which its time is taken.
    fn hand_in(&mut self, auditor: &mut Auditor, seen: Seen) -> Result<(), RunError> {
        let now = self.clock.now();
        if let Some(recorder) = &mut self.recorder {
            recorder.write(now, &seen)?;
        }
        if seen.change == Change::Synced {
            tracing::debug!(stream = %super::name(&seen.stream), "listed");
        }
        if let Some(conclusions) = &self.conclusions {
            conclusions.heed(&seen);
        }
        auditor.handle(now, seen.observation);
        Ok(())
    }

    fn record_tick(&mut self, now: Timestamp) -> Result<(), RunError> {
        Ok(self
            .recorder
            .as_mut()
            .map_or(Ok(()), |recorder| recorder.tick(now))?)
    }

    /// Says that the loop is alive, and leaves no line of a quiet recording unwritten.
    fn beat(&mut self) -> Result<(), RunError> {
        if let Some(conclusions) = &self.conclusions {
            conclusions.health.tick(self.clock.now());
        }
        Ok(self.recorder.as_mut().map_or(Ok(()), Recorder::flush)?)
    }

    fn tell(&mut self, auditor: &mut Auditor) {
        while let Some(transition) = auditor.poll_transition() {
            match transition {
                Transition::Incident {
                    namespace,
                    target,
                    incident,
                    ..
                } => {
                    if let Some(conclusions) = &self.conclusions {
                        conclusions.events.offer(namespace, target, incident);
                    }
                }
                Transition::Lookup { namespace, uid, .. } => {
                    // Where many wait already, the core asks again.
                    let _full = self.lookups.try_send(Lookup { namespace, uid });
                }
                Transition::Ended(workload) => tracing::debug!(
                    namespace = %workload.namespace, kind = %workload.target.kind, name = %workload.target.name,
                    "the workload is gone"
                ),
                Transition::Closed(report) => tracing::debug!(
                    namespace = %report.pod.namespace, pod = %report.pod.name, runs = report.runs.len(),
                    "everything about this pod is settled"
                ),
            }
        }
    }

    fn publish(&mut self, auditor: &mut Auditor) {
        if let Some(conclusions) = &self.conclusions {
            conclusions.snapshots.send_replace(auditor.snapshot());
        }
    }
}

impl Conclusions {
    /// What is listed counts for readiness, and the writer of statuses compares with what the API holds.
    fn heed(&self, seen: &Seen) {
        if seen.change == Change::Synced {
            self.health.arrived(&super::name(&seen.stream));
        }
        if seen.stream.resource != Resource::HookAudits {
            return;
        }
        match (&seen.observation, seen.change) {
            (_, Change::Relist) => self.reports.relist(&seen.stream),
            (_, Change::Synced) => self.reports.synced(&seen.stream),
            (Observation::ReportGone { namespace, name }, _) => self.reports.gone(namespace, name),
            (_, Change::Added | Change::Modified) => {
                let raw = seen.raw.as_ref();
                let audit = raw.and_then(|raw| serde_json::from_str::<HookAudit>(raw.get()).ok());
                if let Some(audit) = audit {
                    self.reports.seen(&audit);
                }
            }
            _ => {}
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Sleeps until a time of the wall clock, at most a minute, so that a clock that is set is noticed.
async fn until(due: Option<Timestamp>, clock: &Clock) {
    let Some(due) = due else {
        return std::future::pending().await;
    };
    loop {
        let left = due.duration_since(clock.now());
        let Ok(left) = Duration::try_from(left) else {
            return;
        };
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(Duration::from_secs(60))).await;
    }
}
