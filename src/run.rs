//! Wires the rooms together: the operator, the recorder, and the same engine on recorded time.

mod error;
mod lead;
mod operate;
pub mod operator;
mod preflight;
pub mod replay;
pub mod why;

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::error::RunError;
use self::operate::Outlets;
use self::operator::{Operator, Surroundings};
use crate::admin;
use crate::audit::auditor::{Auditor, Settings};
use crate::audit::seen::{Resource, Stream};
use crate::clock::Clock;
use crate::config::{BindAddress, Cluster, OperateConfig, RecordConfig, Redaction};
use crate::leader;
use crate::redact::{DigestKey, Redactor};
use crate::sink::recording::{Contents, Recorder};
use crate::source::translate::Translator;
use crate::source::watch::{self as source, Options, RawObjects};

/// Tasks that have not ended by then are left behind.
const END_WITHIN: Duration = Duration::from_secs(10);

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
    let recorder = config
        .record_path
        .as_ref()
        .map(|path| recording(path, &reached, Redaction::Redacted))
        .transpose()?;
    let surroundings = Surroundings {
        client: reached.client,
        election_client: preflight::client(reached.configuration)?,
        identity: leader::identity(),
        key: reached.key,
        recorder,
        clock: Clock::wall(),
        cancel: cancel.clone(),
    };
    let mut operator = Operator::new(&config, surroundings).await?;
    serve(&config, &mut operator, &cancel).await?;
    tracing::info!(
        server = reached.server,
        version = env!("CARGO_PKG_VERSION"),
        "watching"
    );
    operator.run().await
}

async fn serve(
    config: &OperateConfig,
    operator: &mut Operator,
    cancel: &CancellationToken,
) -> Result<(), RunError> {
    for address in std::iter::once(&config.metrics_address).chain(&config.health_address) {
        let listener = listen(address).await?;
        let (admin, cancel) = (operator.admin(), cancel.clone());
        operator.beside(async move {
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
    let (finds, found) = operate::finds();
    let client = reached.client;
    let lookups = operate::look_ups(client, options.raw, finds, &mut tasks, &cancel);
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
        clock: Clock::wall(),
    };
    let result = operate::run(auditor, seen, found, outlets, cancel.clone()).await;
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
