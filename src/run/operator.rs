//! The operator on a cluster that answers: watches, core and sinks, with the loop between them.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::error::RunError;
use super::lead::Lead;
use super::operate::{self, Conclusions, Outlets};
use super::{all_ended, end, name, seed};
use crate::admin::{Admin, Health};
use crate::audit::auditor::{Auditor, Settings};
use crate::audit::seen::{Resource, Stream, Thresholds};
use crate::audit::snapshot::Snapshot;
use crate::clock::Clock;
use crate::config::{OperateConfig, ReportScope};
use crate::leader::Mandate;
use crate::redact::DigestKey;
use crate::sink::events::{EventCounters, EventQueue, EventSettings, EventSink};
use crate::sink::metrics::{MetricsSettings, Renderer, WatchActivity, Watches};
use crate::sink::recording::Recorder;
use crate::sink::status::{self, Reports, StatusCounters, StatusSettings, StatusWriter};
use crate::source::translate::Translator;
use crate::source::watch::{self as source, Options, RawObjects, StreamHealth};

/// The loop that says nothing for so long is taken to be stuck.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Writers that have not ended by then are left behind: another replica waits for them.
const WRITERS_END_WITHIN: Duration = Duration::from_secs(1);

/// What an operator is given beside its configuration.
pub struct Surroundings {
    /// It must not retry by itself.
    pub client: Client,
    /// Of the election alone, so that its calls do not wait behind those of others.
    pub election_client: Client,
    /// Of this process alone.
    pub identity: String,
    pub key: DigestKey,
    pub recorder: Option<Recorder>,
    pub clock: Clock,
    pub cancel: CancellationToken,
}

/// An operator whose sinks wait for what it concludes.
pub struct Operator {
    surroundings: Surroundings,
    options: Options,
    /// Whose first lists are awaited.
    streams: Vec<Stream>,
    thresholds: Thresholds,
    event_ttl_seconds: i64,
    snapshots: watch::Sender<Arc<Snapshot>>,
    health: Arc<Health>,
    lead: Lead,
    sinks: Sinks,
    tasks: JoinSet<()>,
}

impl Operator {
    /// Starts the sinks, in tasks of their own.
    ///
    /// # Errors
    /// The election that is wanted cannot be had.
    pub async fn new(config: &OperateConfig, surroundings: Surroundings) -> Result<Self, RunError> {
        let election_client = surroundings.election_client.clone();
        let clock = &surroundings.clock;
        let lead = Lead::prepare(config, &surroundings.identity, election_client, clock).await?;
        let options = Options {
            namespaces: config.cluster.namespaces.clone(),
            resources: Resource::ALL.to_vec(),
            raw: if surroundings.recorder.is_some() {
                RawObjects::Kept
            } else {
                RawObjects::Dropped
            },
        };
        let (snapshots, latest) = watch::channel(Arc::new(Snapshot::default()));
        let sinks = Sinks::start(config, &surroundings, &lead.mandate, &latest);
        let mut streams = source::streams(&options);
        streams.extend(lead.stream());
        let health = Health::new(
            surroundings.clock.now(),
            SILENCE_MAX,
            streams.iter().map(name),
        );
        Ok(Self {
            surroundings,
            options,
            streams,
            thresholds: config.thresholds,
            event_ttl_seconds: config.event_ttl_seconds,
            snapshots,
            health: Arc::new(health),
            lead,
            sinks,
            tasks: JoinSet::new(),
        })
    }

    /// What the admin port shows of this operator.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin {
            health: Arc::clone(&self.health),
            renderer: self.sinks.renderer.clone(),
            snapshots: self.snapshots.subscribe(),
            clock: self.surroundings.clock.clone(),
        }
    }

    /// Something that runs beside the operator and ends with it.
    pub(super) fn beside(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Watches, concludes and tells until cancelled.
    ///
    /// # Errors
    /// The recording cannot be written.
    pub async fn run(self) -> Result<(), RunError> {
        let Self {
            surroundings,
            options,
            streams,
            thresholds,
            event_ttl_seconds,
            snapshots,
            health,
            mut lead,
            sinks,
            mut tasks,
        } = self;
        let Surroundings {
            client,
            key,
            recorder,
            clock,
            cancel,
            ..
        } = surroundings;
        let (finds, found) = operate::finds();
        lead.stand(&sinks.renderer, finds.clone());
        let translator = Translator::new(key);
        let (seen, handles) = source::start(&client, &options, &translator, cancel.clone());
        let lookups = operate::look_ups(client, options.raw, finds, &mut tasks, &cancel);
        export_health(&sinks.renderer, handles.health());
        let auditor = Auditor::new(Settings {
            thresholds,
            event_ttl_seconds,
            writer: seed(),
            seed: seed(),
            streams,
        });
        let conclusions = Some(Conclusions {
            events: sinks.events,
            reports: sinks.reports,
            snapshots,
            health,
        });
        let outlets = Outlets {
            lookups,
            recorder,
            conclusions,
            clock,
        };
        let result = operate::run(auditor, seen, found, outlets, cancel.clone()).await;
        cancel.cancel();
        all_ended(sinks.writers, WRITERS_END_WITHIN).await;
        lead.release().await;
        end(tasks, handles).await;
        result
    }
}

/// Where conclusions go, each in a task of its own.
struct Sinks {
    reports: Reports,
    events: EventQueue,
    renderer: Renderer,
    writers: JoinSet<()>,
}

impl Sinks {
    fn start(
        config: &OperateConfig,
        surroundings: &Surroundings,
        mandate: &Mandate,
        latest: &watch::Receiver<Arc<Snapshot>>,
    ) -> Self {
        let (client, cancel) = (&surroundings.client, &surroundings.cancel);
        let written = Arc::new(StatusCounters::default());
        let told = Arc::new(EventCounters::default());
        let renderer = Renderer::new(
            MetricsSettings::default(),
            Arc::clone(&written),
            Arc::clone(&told),
        );
        let reports = Reports::default();
        let settings = StatusSettings {
            scope: scope(config.report_scope),
            ..StatusSettings::default()
        };
        let writer = StatusWriter::new(
            client.clone(),
            mandate.clone(),
            settings,
            latest.clone(),
            reports.clone(),
            written,
        );
        let settings = EventSettings {
            reporting_instance: surroundings.identity.clone(),
            ..EventSettings::default()
        };
        let (events, sink) = EventSink::new(
            client.clone(),
            mandate.clone(),
            settings,
            latest.clone(),
            told,
        );
        let mut writers = JoinSet::new();
        writers.spawn(writer.run(cancel.clone()));
        writers.spawn(sink.run(cancel.clone()));
        Self {
            reports,
            events,
            renderer,
            writers,
        }
    }
}

fn export_health(renderer: &Renderer, streams: Arc<[Arc<StreamHealth>]>) {
    let activities = move || {
        let activity = |health: &Arc<StreamHealth>| WatchActivity {
            resource: health.stream().resource.as_str(),
            failures: health.state().failures,
            active_at: health.state().active_at,
        };
        streams.iter().map(activity).collect()
    };
    let registered = Watches::new(Box::new(activities))
        .and_then(|watches| renderer.registry().register(Box::new(watches)));
    if let Err(error) = registered {
        tracing::warn!("the health of the watches is not exported: {error}");
    }
}

fn scope(scope: ReportScope) -> status::ReportScope {
    match scope {
        ReportScope::Hooks => status::ReportScope::Hooks,
        ReportScope::Problems => status::ReportScope::Problems,
        ReportScope::All => status::ReportScope::All,
    }
}
