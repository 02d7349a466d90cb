//! Lists and watches everything that matters, one stream per resource and selector.

mod backoff;
mod client;
mod failure;
mod health;
mod lookup;
mod object;
mod outage;
mod pace;
mod plan;
mod single;
mod stream;

use std::sync::Arc;

use kube::Client;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

pub use self::failure::Failure;
pub use self::health::{StreamHealth, StreamState};
pub use self::lookup::{LookupError, events_of_pod};
use self::object::{Event, HookAudit, Job, Namespace, Node, Pod, ReplicaSet, Watchable};
use self::outage::Outages;
use self::plan::Planned;
pub use self::single::{json, object};
use self::stream::Watch;
use super::Seen;
use super::translate::Translator;
use crate::audit::seen::{Resource, Stream};

/// As many observations wait for the core before the streams have to.
const CHANNEL_CAPACITY: usize = 1024;

/// What is watched.
#[derive(Debug, Clone)]
pub struct Options {
    /// Namespaced resources of these namespaces only; of all where it is empty.
    pub namespaces: Vec<String>,
    /// Left out is what the caller cannot or need not see; Leases are never watched here.
    pub resources: Vec<Resource>,
    pub raw: RawObjects,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            namespaces: Vec::new(),
            resources: Resource::ALL.to_vec(),
            raw: RawObjects::Dropped,
        }
    }
}

/// Whether the API's own JSON comes along with each observation, as a recording wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawObjects {
    Dropped,
    Kept,
}

/// The running watches.
#[derive(Debug)]
pub struct Handles {
    health: Arc<[Arc<StreamHealth>]>,
    coordinator: JoinHandle<()>,
}

impl Handles {
    /// The health of every stream, in the order in which they are started.
    #[must_use]
    pub fn health(&self) -> Arc<[Arc<StreamHealth>]> {
        Arc::clone(&self.health)
    }

    /// Waits until all watches have ended, which they do when they are cancelled or nobody receives.
    pub async fn ended(self) {
        // The coordinator is never aborted, and a panic of it was already told.
        let _ended = self.coordinator.await;
    }
}

/// The streams that these options give, in the order in which they are started.
#[must_use]
pub fn streams(options: &Options) -> Vec<Stream> {
    plan::stages(options)
        .into_iter()
        .flatten()
        .map(|planned| planned.stream)
        .collect()
}

/// Starts to watch. The first lists come in the order of design contract 8: a stream is started once
/// all of the stages before it are listed, or are not allowed or not there.
#[must_use]
pub fn start(
    client: &Client,
    options: &Options,
    translator: &Translator,
    cancel: CancellationToken,
) -> (mpsc::Receiver<Seen>, Handles) {
    let (sender, receiver) = mpsc::channel(CHANNEL_CAPACITY);
    let outages: Arc<Outages> = Arc::default();
    let stages: Vec<Vec<(Planned, Arc<StreamHealth>)>> = plan::stages(options)
        .into_iter()
        .map(|stage| {
            let with_health = |planned: Planned| {
                let health = StreamHealth::new(planned.stream.clone(), Arc::clone(&outages));
                (planned, Arc::new(health))
            };
            stage.into_iter().map(with_health).collect()
        })
        .collect();
    let health = stages
        .iter()
        .flatten()
        .map(|(_, health)| Arc::clone(health))
        .collect();
    let starter = Starter {
        client: client.clone(),
        raw: options.raw,
        translator: translator.clone(),
        sender,
        cancel,
    };
    let coordinator = tokio::spawn(starter.run(stages));
    (
        receiver,
        Handles {
            health,
            coordinator,
        },
    )
}

struct Starter {
    client: Client,
    raw: RawObjects,
    translator: Translator,
    sender: mpsc::Sender<Seen>,
    cancel: CancellationToken,
}

impl Starter {
    async fn run(self, stages: Vec<Vec<(Planned, Arc<StreamHealth>)>>) {
        let mut running = JoinSet::new();
        for stage in stages {
            let health: Vec<_> = stage.iter().map(|(_, health)| Arc::clone(health)).collect();
            for (planned, health) in stage {
                self.spawn(&mut running, planned, health);
            }
            for health in health {
                tokio::select! {
                    () = self.cancel.cancelled() => break,
                    () = health.listed_or_refused() => {}
                }
            }
        }
        drop(self);
        while running.join_next().await.is_some() {}
    }

    fn spawn(&self, running: &mut JoinSet<()>, planned: Planned, health: Arc<StreamHealth>) {
        match planned.stream.resource {
            // There are few of them, and the writer of statuses compares with the whole object.
            Resource::HookAudits => {
                self.spawn_kind::<HookAudit>(running, planned, health, RawObjects::Kept)
            }
            Resource::Namespaces => {
                self.spawn_kind::<Namespace>(running, planned, health, self.raw)
            }
            Resource::ReplicaSets => {
                self.spawn_kind::<ReplicaSet>(running, planned, health, self.raw)
            }
            Resource::Jobs => self.spawn_kind::<Job>(running, planned, health, self.raw),
            Resource::Nodes => self.spawn_kind::<Node>(running, planned, health, self.raw),
            Resource::Pods => self.spawn_kind::<Pod>(running, planned, health, self.raw),
            Resource::Events => self.spawn_kind::<Event>(running, planned, health, self.raw),
            Resource::Leases => {}
        }
    }

    fn spawn_kind<K: Watchable>(
        &self,
        running: &mut JoinSet<()>,
        planned: Planned,
        health: Arc<StreamHealth>,
        raw: RawObjects,
    ) {
        let watch = Watch::new(
            planned,
            health,
            self.translator.clone(),
            self.sender.clone(),
        );
        let client = self.client.clone();
        let cancel = self.cancel.clone();
        match raw {
            RawObjects::Dropped => running.spawn(watch.run::<K, false>(client, cancel)),
            RawObjects::Kept => running.spawn(watch.run::<K, true>(client, cancel)),
        };
    }
}
