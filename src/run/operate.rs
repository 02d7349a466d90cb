//! The loop on real time: what comes from the watches goes through the core and out to the sinks.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error::RunError;
use crate::admin::Health;
use crate::audit::auditor::{Auditor, Transition};
use crate::audit::observation::Observation;
use crate::audit::snapshot::Snapshot;
use crate::sink::events::EventQueue;
use crate::sink::recording::Recorder;
use crate::sink::status::Reports;
use crate::source::{Change, Seen};

/// A snapshot is published at most this often; what happens in between is in the next one.
const PUBLISH_EVERY: Duration = Duration::from_millis(200);
/// The loop says at least this often that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// What the loop hands things to.
pub(super) struct Outlets {
    pub events: EventQueue,
    pub reports: Reports,
    pub snapshots: watch::Sender<Arc<Snapshot>>,
    pub health: Arc<Health>,
    pub lookups: mpsc::Sender<Transition>,
    pub recorder: Option<Recorder>,
}

/// Runs until cancelled, then closes the recording.
pub(super) async fn run(
    mut auditor: Auditor,
    mut seen: mpsc::Receiver<Seen>,
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
            () = until(due) => {
                let now = Timestamp::now();
                outlets.record_tick(now)?;
                auditor.handle_timeout(now);
            }
            _ = heartbeat.tick() => {
                outlets.health.tick(Timestamp::now());
                continue;
            }
            next = seen.recv() => {
                let Some(next) = next else { break };
                let now = Timestamp::now();
                outlets.take(now, &next)?;
                auditor.handle(now, next.observation);
            }
        }
        outlets.tell(&mut auditor);
        publish_at.get_or_insert_with(|| Instant::now() + PUBLISH_EVERY);
    }
    outlets.record_tick(Timestamp::now())?;
    outlets.recorder.map_or(Ok(()), Recorder::finish)
}

impl Outlets {
    /// Records what the core is about to be given, and passes statuses on to their writer.
    fn take(&mut self, now: Timestamp, seen: &Seen) -> Result<(), RunError> {
        if let Some(recorder) = &mut self.recorder {
            recorder.write(now, seen)?;
        }
        self.reports.observe(seen);
        Ok(())
    }

    fn record_tick(&mut self, now: Timestamp) -> Result<(), RunError> {
        self.recorder.as_mut().map_or(Ok(()), |recorder| recorder.tick(now))
    }

    fn tell(&mut self, auditor: &mut Auditor) {
        while let Some(transition) = auditor.poll_transition() {
            match transition {
                Transition::Incident { namespace, target, incident, .. } => {
                    self.events.offer(namespace, target, incident);
                }
                lookup @ Transition::Lookup { .. } => {
                    // A full queue means that many look-ups run already; the core asks again.
                    let _full = self.lookups.try_send(lookup);
                }
                Transition::Closed(report) => {
                    tracing::debug!(
                        namespace = %report.pod.namespace, pod = %report.pod.name, runs = report.runs.len(),
                        "everything about this pod is settled"
                    );
                }
            }
        }
    }

    fn publish(&mut self, auditor: &mut Auditor) {
        let snapshot = auditor.snapshot();
        self.snapshots.send_replace(snapshot);
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Sleeps until a time of the wall clock, at most a minute, so that a clock that is set is noticed.
async fn until(due: Option<Timestamp>) {
    let Some(due) = due else { return std::future::pending().await };
    loop {
        let left = due.duration_since(Timestamp::now());
        let Ok(left) = Duration::try_from(left) else { return };
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(Duration::from_secs(60))).await;
    }
}
