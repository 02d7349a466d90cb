//! Whether this replica may write, and how it lets go.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::error::RunError;
use super::preflight;
use crate::audit::observation::Observation;
use crate::audit::seen::{Resource, Stream};
use crate::clock::Clock;
use crate::config::{Cluster, Election, OperateConfig, TakesPart};
use crate::leader::{ElectionSettings, Elector, Mandate};
use crate::sink::metrics::Renderer;
use crate::source::translate::{Presence, Translator};
use crate::source::{Change, Seen, watch as source};

/// Where the kubelet tells a pod its namespace.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
/// Where `config/default` installs.
const NAMESPACE_OF_MANIFESTS: &str = "hookaudit-system";

/// The election, if there is one, as long as it runs.
pub(super) struct Lead {
    pub(super) mandate: Mandate,
    release: CancellationToken,
    candidate: Option<(Lease, Elector)>,
    standing: Option<Standing>,
}

struct Standing {
    elector: JoinHandle<()>,
    renderer: Renderer,
}

impl Lead {
    /// Makes sure that an election can be had, if one is wanted.
    pub(super) async fn prepare(
        config: &OperateConfig,
        identity: &str,
        client: Client,
        clock: &Clock,
    ) -> Result<Self, RunError> {
        let election = &config.election;
        let namespace = namespace(election, &config.cluster, &client).await?;
        let (mandate, candidate) = match namespace {
            None => (Mandate::unlimited(), None),
            Some(namespace) => {
                preflight::check_lease(&client, &namespace, &election.name).await?;
                let settings = ElectionSettings {
                    namespace,
                    name: election.name.clone(),
                    identity: identity.to_owned(),
                    timing: election.timing,
                };
                let lease = Lease {
                    client: client.clone(),
                    namespace: settings.namespace.clone(),
                    name: settings.name.clone(),
                    again_after: settings.timing.retry,
                };
                let (mandate, elector) = Elector::new(client, settings, clock.clone());
                (mandate, Some((lease, elector)))
            }
        };
        Ok(Self {
            mandate,
            release: CancellationToken::new(),
            candidate,
            standing: None,
        })
    }

    /// Names the Lease among what is read before anything settles.
    pub(super) fn stream(&self) -> Option<Stream> {
        self.candidate.as_ref().map(|_| LEASES)
    }

    /// Tells who led before, then stands for election, and lets the metrics tell who leads.
    pub(super) fn stand(&mut self, renderer: &Renderer, finds: mpsc::Sender<Seen>) {
        if let Some((lease, elector)) = self.candidate.take() {
            renderer.stand(self.mandate.clone());
            let release = self.release.clone();
            let taking_part = async move {
                // Read before this replica renews it.
                tokio::select! {
                    () = release.cancelled() => {}
                    () = lease.tell(finds) => {}
                }
                elector.run(release).await;
            };
            self.standing = Some(Standing {
                elector: tokio::spawn(taking_part),
                renderer: renderer.clone(),
            });
        }
    }

    /// Gives the Lease up. To be called when every writer has ended.
    pub(super) async fn release(self) {
        let Some(standing) = self.standing else {
            return;
        };
        // The next leader exports the workload families from now on.
        standing.renderer.resign();
        self.release.cancel();
        // It ends by itself, and a panic of it was already told.
        let _ended = standing.elector.await;
    }
}

/// Where the Lease is; `None` where nobody stands for election.
async fn namespace(
    election: &Election,
    cluster: &Cluster,
    client: &Client,
) -> Result<Option<String>, RunError> {
    if election.takes_part == TakesPart::Never {
        return Ok(None);
    }
    let own = own_namespace(cluster);
    let in_pod = own.is_some();
    let named = election.namespace.clone().or(own);
    let namespace = named.unwrap_or_else(|| NAMESPACE_OF_MANIFESTS.to_owned());
    if preflight::has_namespace(client, &namespace).await {
        return Ok(Some(namespace));
    }
    if in_pod || election.takes_part == TakesPart::Always {
        return Err(RunError::NoElectionNamespace { namespace });
    }
    tracing::info!(
        "no leader election, because there is no namespace {namespace}: this is to be the only hookaudit that writes; \
         else name a namespace by --leader-election-namespace"
    );
    Ok(None)
}

/// The namespace of the pod that this is, if it is one and runs for its own cluster.
fn own_namespace(cluster: &Cluster) -> Option<String> {
    if cluster.kubeconfig.is_some() || cluster.context.is_some() {
        return None;
    }
    let namespace = std::fs::read_to_string(NAMESPACE_FILE).ok()?;
    let namespace = namespace.trim();
    (!namespace.is_empty()).then(|| namespace.to_owned())
}

/// What of the election is seen like a list of anything else.
const LEASES: Stream = Stream::whole(Resource::Leases);

/// The Lease as it was when this replica came: who led before, or leads now, renewed it last then.
struct Lease {
    client: Client,
    namespace: String,
    name: String,
    again_after: Duration,
}

impl Lease {
    /// Tells of it, as soon as the API server does.
    async fn tell(&self, finds: mpsc::Sender<Seen>) {
        let json = self.read().await;
        let stream = Arc::new(LEASES);
        let seen = |change, raw, observation| Seen {
            stream: Arc::clone(&stream),
            change,
            raw,
            observation,
        };
        if let Some(json) = json {
            let translator = Translator::default();
            let translation = translator.object(Resource::Leases, Presence::Present, &json);
            let mut raw = RawValue::from_string(json).ok();
            for observation in translation.into_observations() {
                let _ended = finds
                    .send(seen(Change::Added, raw.take(), observation))
                    .await;
            }
        }
        let synced = Observation::Synced(LEASES);
        let _ended = finds.send(seen(Change::Synced, None, synced)).await;
    }

    /// `None` where nobody led before.
    async fn read(&self) -> Option<String> {
        let (namespace, name) = (&self.namespace, &self.name);
        let mut in_trouble = false;
        loop {
            match source::json(&self.client, Resource::Leases, namespace, name).await {
                Ok(json) => return json,
                Err(failure) if !std::mem::replace(&mut in_trouble, true) => {
                    tracing::warn!(
                        "the lease {namespace}/{name} cannot be read: {}",
                        failure.label()
                    );
                }
                Err(_) => {}
            }
            tokio::time::sleep(self.again_after).await;
        }
    }
}
