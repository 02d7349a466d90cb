//! Wires the rooms together: the operator, the recorder, and the same engine on recorded time.

mod error;
mod lead;
mod operate;
mod preflight;
pub mod replay;
pub mod why;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::error::RunError;
use self::lead::Lead;
use self::operate::{Conclusions, Outlets};
use crate::admin::{self, Admin, Health};
use crate::audit::auditor::{Auditor, Settings};
use crate::audit::observation::{Resource, Stream};
use crate::audit::snapshot::Snapshot;
use crate::config::{BindAddress, Cluster, OperateConfig, RecordConfig, Redaction, ReportScope};
use crate::leader::{self, Mandate};
use crate::redact::{DigestKey, Redactor};

use crate::sink::events::{EventCounters, EventQueue, EventSettings, EventSink};
use crate::sink::metrics::{MetricsSettings, Renderer, WatchActivity, Watches};
use crate::sink::recording::{Contents, Recorder};
use crate::sink::status::{self, Reports, StatusCounters, StatusSettings, StatusWriter};
use crate::source::translate::Translator;
use crate::source::watch::{self as source, Options, RawObjects, StreamHealth};

/// The loop that says nothing for so long is taken to be stuck.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Tasks that have not ended by then are left behind.
const END_WITHIN: Duration = Duration::from_secs(10);
/// The same of those that write, which another replica waits for.
const WRITERS_END_WITHIN: Duration = Duration::from_secs(1);

/// Runs the operator until SIGTERM or SIGINT.
///
/// # Errors
/// The cluster cannot be used, or an address or file cannot.
pub fn operate(config: OperateConfig) -> Result<(), RunError> {
    runtime()?.block_on(operator(config))
}

/// Records what the operator would see until SIGTERM or SIGINT.
///
/// # Errors
/// The cluster cannot be used, or the file cannot be written.
pub fn record(config: RecordConfig) -> Result<(), RunError> {
    runtime()?.block_on(recorder(config))
}

fn runtime() -> Result<tokio::runtime::Runtime, RunError> {
    // Another provider may have been installed by a test in the same process.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(RunError::Start)
}

/// A cluster that answers.
struct Reached {
    configuration: kube::Config,
    client: Client,
    server: String,
    key: DigestKey,
}

async fn reach(cluster: &Cluster) -> Result<Reached, RunError> {
    let configuration = preflight::configuration(cluster).await?;
    let address = configuration.cluster_url.to_string();
    let client = preflight::client(configuration.clone())?;
    let server = preflight::server_version(&client, &address).await?;
    let key = digest_key(&client).await;
    Ok(Reached {
        configuration,
        client,
        server,
        key,
    })
}

/// Digests of commands are keyed by what only this cluster's users can see, so that they stay the same
/// over restarts and tell nothing elsewhere.
async fn digest_key(client: &Client) -> DigestKey {
    let namespaces = Api::<Namespace>::all(client.clone());
    match namespaces
        .get_metadata("kube-system")
        .await
        .map(|namespace| namespace.uid())
    {
        Ok(Some(uid)) => DigestKey::new(uid.as_bytes()),
        _ => DigestKey::default(),
    }
}

/// The resource and the rights that the operator needs are there.
async fn check(reached: &Reached, cluster: &Cluster) -> Result<(), RunError> {
    if !preflight::has_resource(&reached.client).await? {
        return Err(RunError::MissingResource);
    }
    let rights = [preflight::READS, preflight::WRITES].concat();
    preflight::check_rights(&reached.client, cluster, &rights).await
}

async fn operator(config: OperateConfig) -> Result<(), RunError> {
    let cancel = ended_by_signal()?;
    let reached = reach(&config.cluster).await?;
    check(&reached, &config.cluster).await?;
    let identity = leader::identity();
    let mut lead = Lead::prepare(&config, &identity, reached.configuration.clone()).await?;
    let recorder = config
        .record_path
        .as_ref()
        .map(|path| recording(path, &reached, Redaction::Redacted))
        .transpose()?;
    let options = Options {
        namespaces: config.cluster.namespaces.clone(),
        resources: Resource::ALL.to_vec(),
        raw: match recorder {
            Some(_) => RawObjects::Kept,
            None => RawObjects::Dropped,
        },
    };
    let streams = source::streams(&options);
    let (snapshots, latest) = watch::channel(Arc::new(Snapshot::default()));
    let writing = Writing {
        client: reached.client.clone(),
        mandate: lead.mandate.clone(),
        identity,
        snapshots: latest.clone(),
    };
    let sinks = Sinks::start(&config, writing, &cancel);
    let health = Arc::new(Health::new(
        Timestamp::now(),
        SILENCE_MAX,
        streams.iter().map(name),
    ));
    let admin = Admin {
        health: Arc::clone(&health),
        renderer: sinks.renderer.clone(),
        snapshots: latest,
        clock: Timestamp::now,
    };
    let mut tasks = JoinSet::new();
    serve(&config, admin, &mut tasks, &cancel).await?;
    lead.stand(&sinks.renderer);

    let translator = Translator::new(reached.key.clone());
    let (seen, handles) = source::start(&reached.client, &options, &translator, cancel.clone());
    let (lookups, answers) =
        operate::look_ups(reached.client.clone(), options.raw, &mut tasks, &cancel);
    export_health(&sinks.renderer, handles.health());
    tracing::info!(
        server = reached.server,
        version = env!("CARGO_PKG_VERSION"),
        "watching"
    );
    let auditor = auditor(&config, streams);
    let outlets = Outlets {
        lookups,
        recorder,
        conclusions: Some(sinks.conclusions(snapshots, health)),
    };
    let found = std::mem::take(&mut lead.found);
    let result = operate::run(auditor, found, seen, answers, outlets, cancel.clone()).await;
    cancel.cancel();
    all_ended(sinks.writers, WRITERS_END_WITHIN).await;
    lead.release().await;
    end(tasks, handles).await;
    result
}

fn auditor(config: &OperateConfig, streams: Vec<Stream>) -> Auditor {
    Auditor::new(Settings {
        thresholds: config.thresholds,
        writer: seed(),
        seed: seed(),
        streams,
    })
}

/// Where conclusions go, each in a task of its own.
struct Sinks {
    reports: Reports,
    events: EventQueue,
    renderer: Renderer,
    writers: JoinSet<()>,
}

/// What writers write with.
struct Writing {
    client: Client,
    mandate: Mandate,
    identity: String,
    snapshots: watch::Receiver<Arc<Snapshot>>,
}

impl Sinks {
    fn start(config: &OperateConfig, with: Writing, cancel: &CancellationToken) -> Self {
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
            with.client.clone(),
            with.mandate.clone(),
            settings,
            with.snapshots.clone(),
            reports.clone(),
            written,
        );
        let settings = EventSettings {
            reporting_instance: with.identity,
            ..EventSettings::default()
        };
        let (events, sink) =
            EventSink::new(with.client, with.mandate, settings, with.snapshots, told);
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

    fn conclusions(
        &self,
        snapshots: watch::Sender<Arc<Snapshot>>,
        health: Arc<Health>,
    ) -> Conclusions {
        Conclusions {
            events: self.events.clone(),
            reports: self.reports.clone(),
            snapshots,
            health,
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

async fn serve(
    config: &OperateConfig,
    admin: Admin,
    tasks: &mut JoinSet<()>,
    cancel: &CancellationToken,
) -> Result<(), RunError> {
    for address in std::iter::once(&config.metrics_address).chain(&config.health_address) {
        let listener = listen(address).await?;
        let (admin, cancel) = (admin.clone(), cancel.clone());
        tasks.spawn(async move {
            if let Err(error) = admin::serve(listener, admin, cancel).await {
                tracing::error!("the admin port failed: {error}");
            }
        });
    }
    Ok(())
}

async fn recorder(config: RecordConfig) -> Result<(), RunError> {
    let cancel = ended_by_signal()?;
    let reached = reach(&config.cluster).await?;
    preflight::check_rights(&reached.client, &config.cluster, preflight::READS).await?;
    let mut resources = Resource::ALL.to_vec();
    if !preflight::has_resource(&reached.client).await? {
        resources.retain(|resource| *resource != Resource::HookAudits);
    }
    let recorder = Some(recording(&config.path, &reached, config.redaction)?);
    let options = Options {
        namespaces: config.cluster.namespaces.clone(),
        resources,
        raw: RawObjects::Kept,
    };
    let translator = Translator::new(reached.key);
    let (seen, handles) = source::start(&reached.client, &options, &translator, cancel.clone());
    let mut tasks = JoinSet::new();
    let (lookups, answers) = operate::look_ups(reached.client, options.raw, &mut tasks, &cancel);
    tracing::info!(server = reached.server, file = %config.path.display(), "recording until Ctrl-C");
    let streams = source::streams(&options);
    let auditor = Auditor::new(Settings {
        streams,
        seed: seed(),
        ..Settings::default()
    });
    let outlets = Outlets {
        lookups,
        recorder,
        conclusions: None,
    };
    let result = operate::run(auditor, Vec::new(), seen, answers, outlets, cancel.clone()).await;
    cancel.cancel();
    end(tasks, handles).await;
    result
}

fn recording(
    path: &std::path::Path,
    reached: &Reached,
    redaction: Redaction,
) -> Result<Recorder, RunError> {
    let contents = match redaction {
        Redaction::Redacted => Contents::Redacted(Redactor::new(reached.key.clone())),
        Redaction::Raw => Contents::Raw,
    };
    Ok(Recorder::create(path, Some(&reached.server), contents)?)
}

fn scope(scope: ReportScope) -> status::ReportScope {
    match scope {
        ReportScope::Hooks => status::ReportScope::Hooks,
        ReportScope::Problems => status::ReportScope::Problems,
        ReportScope::All => status::ReportScope::All,
    }
}

/// The name of a stream in `/readyz`.
pub(crate) fn name(stream: &Stream) -> Box<str> {
    match &stream.selector {
        None => stream.resource.as_str().into(),
        Some(selector) => format!("{} {selector}", stream.resource.as_str()).into(),
    }
}

/// Names are chosen by users, so the indexes over them are seeded differently in each process.
fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

async fn listen(address: &BindAddress) -> Result<TcpListener, RunError> {
    let candidates = address.candidates();
    TcpListener::bind(candidates)
        .await
        .map_err(|source| RunError::Listen {
            address: candidates
                .first()
                .map(ToString::to_string)
                .unwrap_or_default(),
            source,
        })
}

/// A token that SIGTERM and SIGINT cancel.
fn ended_by_signal() -> Result<CancellationToken, RunError> {
    let cancel = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Start)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Start)?;
    let ended = cancel.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        ended.cancel();
    });
    Ok(cancel)
}

async fn end(mut tasks: JoinSet<()>, handles: source::Handles) {
    tasks.spawn(handles.ended());
    all_ended(tasks, END_WITHIN).await;
}

async fn all_ended(mut tasks: JoinSet<()>, limit: Duration) {
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(limit, all).await.is_err() {
        tracing::warn!("not everything ended within {} s", limit.as_secs());
    }
}
