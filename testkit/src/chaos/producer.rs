//! Lives one after another, on workloads that come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use http::Method;
use jiff::Timestamp;
use serde_json::json;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::interval;

use super::api::Api;
use super::life::{Kubelet, Life};
use super::truth::Truth;
use super::workload::{Flavour, NODE, Workload};

/// Pods of a workload before another takes its place: few, so that one failure too many cannot hide one too few.
const PODS_PER_WORKLOAD: usize = 6;
/// Workloads that have pods at a time.
const AT_ONCE: usize = 6;
/// So often a pod is nobody's.
const BARE_PERCENT: u32 = 8;

/// Makes pods until it is told to end.
pub struct Producer {
    ended: Arc<AtomicBool>,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Producer {
    pub async fn start(
        api: Api,
        truth: Arc<Truth>,
        namespace: &str,
        every: Duration,
    ) -> anyhow::Result<Self> {
        make_node(&api).await?;
        let ended = Arc::new(AtomicBool::new(false));
        let kubelet = Arc::new(Kubelet { api, truth });
        let task = tokio::spawn(produce(
            kubelet,
            namespace.to_owned(),
            every,
            Arc::clone(&ended),
        ));
        Ok(Self { ended, task })
    }

    /// Makes no more pods, and waits until those that live have come to their end.
    pub async fn finish(self) -> anyhow::Result<()> {
        self.ended.store(true, Ordering::Relaxed);
        self.task.await?
    }
}

async fn produce(
    kubelet: Arc<Kubelet>,
    namespace: String,
    every: Duration,
    ended: Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let mut lives = JoinSet::new();
    let mut ticks = interval(every);
    let bare: Vec<_> = [Flavour::Stopping, Flavour::Overrunning, Flavour::Starting]
        .map(|flavour| Arc::new(Workload::bare(&namespace, flavour)))
        .into();
    let mut places: Vec<(Arc<Workload>, usize)> = Vec::new();
    let mut made = 0;
    while !ended.load(Ordering::Relaxed) {
        ticks.tick().await;
        let workload = if fastrand::u32(..100) < BARE_PERCENT {
            fastrand::choice(&bare).cloned().context("no bare pods")?
        } else if places.len() < AT_ONCE {
            let workload = Arc::new(Workload::create(&kubelet.api, &namespace, made).await?);
            made += 1;
            places.push((Arc::clone(&workload), 1));
            workload
        } else {
            let place = fastrand::usize(..places.len());
            places[place].1 += 1;
            let workload = Arc::clone(&places[place].0);
            if places[place].1 >= PODS_PER_WORKLOAD {
                places.swap_remove(place);
            }
            workload
        };
        let kubelet = Arc::clone(&kubelet);
        lives.spawn(async move { kubelet.play(&workload, Life::any(workload.flavour)).await });
        while let Some(lived) = lives.try_join_next() {
            lived??;
        }
    }
    while let Some(lived) = lives.join_next().await {
        lived??;
    }
    Ok(())
}

async fn make_node(api: &Api) -> anyhow::Result<()> {
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}});
    api.insist(Method::POST, "/api/v1/nodes", Some(&node))
        .await?;
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady",
        "lastHeartbeatTime": now, "lastTransitionTime": now}]}});
    api.insist(
        Method::PATCH,
        &format!("/api/v1/nodes/{NODE}/status"),
        Some(&ready),
    )
    .await?;
    Ok(())
}
