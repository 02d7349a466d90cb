//! Plays scenarios.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use http::{Method, Request};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::scenario::{Scenario, Step};
use super::stage::Stage;

const PATIENCE: Duration = Duration::from_mins(3);
const LOOK_AGAIN: Duration = Duration::from_millis(150);

/// From when to when a scenario was played.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Played {
    pub from: Timestamp,
    pub to: Timestamp,
}

pub struct Player<'a> {
    stage: &'a Stage,
    scenario: &'a Scenario,
    namespace: String,
    from: Timestamp,
}

impl<'a> Player<'a> {
    pub fn new(stage: &'a Stage, scenario: &'a Scenario) -> Self {
        Self {
            stage,
            scenario,
            namespace: scenario.namespace(),
            from: Timestamp::now(),
        }
    }

    /// Up to the disturbance of its phase.
    pub async fn begin(&mut self) -> anyhow::Result<()> {
        self.from = Timestamp::now();
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}});
        self.ask(Method::POST, "/api/v1/namespaces", Some(&namespace))
            .await?;
        self.until_account().await?;
        self.play(&self.scenario.steps).await
    }

    /// After it; then everything that is left is taken away.
    pub async fn end(&self) -> anyhow::Result<Played> {
        self.play(&self.scenario.afterwards).await?;
        self.take_away().await?;
        Ok(Played {
            from: self.from,
            to: Timestamp::now(),
        })
    }

    pub async fn play(&self, steps: &[Step]) -> anyhow::Result<()> {
        for step in steps {
            self.step(step)
                .await
                .with_context(|| format!("{}: {}", self.scenario.name, shown(step)))?;
        }
        Ok(())
    }

    async fn step(&self, step: &Step) -> anyhow::Result<()> {
        match step {
            Step::Sleep(seconds) => sleep(Duration::from_secs_f64(*seconds)).await,
            Step::Create(object) => self.create(object).await?,
            Step::AwaitRunning(pod) => self.until(pod, is_running).await?,
            Step::AwaitPhase(pod, phase) => {
                self.until(pod, |pod| pod["status"]["phase"] == *phase)
                    .await?
            }
            Step::AwaitReady(count) => self.until_ready(*count).await?,
            Step::AwaitGone(pod) => self.until_gone(pod).await?,
            Step::AwaitEntry(entry, count) => self.until_entry(entry, *count).await?,
            Step::Delete(pod) => self.delete(&format!("pods/{pod}"), json!({})).await?,
            Step::DeleteWithGrace(pod, seconds) => {
                self.delete(
                    &format!("pods/{pod}"),
                    json!({"gracePeriodSeconds": seconds}),
                )
                .await?;
            }
            Step::DeleteAllPods => {
                for pod in self.pods().await? {
                    self.delete(&format!("pods/{}", name_of(&pod)), json!({}))
                        .await?;
                }
            }
            Step::Evict(pod) => {
                self.stage.note(self.scenario.name, "evict", pod)?;
                let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}});
                self.ask(
                    Method::POST,
                    &format!("{}/pods/{pod}/eviction", self.core()),
                    Some(&eviction),
                )
                .await?;
            }
            Step::Patch(path, patch) => drop(
                self.ask(Method::PATCH, &self.path(path)?, Some(patch))
                    .await?,
            ),
            Step::DeleteNamespace => {
                self.stage.note(self.scenario.name, "delete", "namespace")?;
                self.ask(Method::DELETE, &self.core(), None).await?;
            }
            Step::Taint => {
                self.taint(json!([{"key": "hookaudit.io/test", "effect": "NoExecute"}]))
                    .await?
            }
            Step::Untaint => self.taint(json!(null)).await?,
            Step::DeleteNode => {
                self.stage.note(self.scenario.name, "delete", "node")?;
                self.ask(Method::DELETE, "/api/v1/nodes/node-1", None)
                    .await?;
            }
            Step::AwaitNode => self.until_node().await?,
            Step::HoldVolume(pod, volume, seconds) => {
                self.hold_volume(pod, volume, *seconds).await?
            }
            Step::Component(action, name) => {
                self.stage.note(self.scenario.name, action, name)?;
                tokio::task::block_in_place(|| self.stage.cluster.component(action, name))?;
            }
        }
        Ok(())
    }

    async fn create(&self, object: &Value) -> anyhow::Result<()> {
        let mut text = object.to_string();
        text = text.replace("$(witness)", &self.stage.dir.display().to_string());
        if text.contains("$(most-storage)") {
            let node = self.ask(Method::GET, "/api/v1/nodes/node-1", None).await?;
            let bytes = node["status"]["allocatable"]["ephemeral-storage"].as_str();
            let bytes: u64 = bytes.context("the node has no storage")?.parse()?;
            text = text.replace("$(most-storage)", &(bytes / 10 * 6).to_string());
        }
        while let Some((_, rest)) = text.split_once("$(ip:") {
            let name = rest.split(')').next().unwrap_or_default().to_owned();
            let pod = self
                .ask(Method::GET, &format!("{}/pods/{name}", self.core()), None)
                .await?;
            let address = pod["status"]["podIP"]
                .as_str()
                .context("the pod has no address")?;
            text = text.replace(&format!("$(ip:{name})"), address);
        }
        let object: Value = serde_json::from_str(&text)?;
        let plural = match object["kind"].as_str() {
            Some("PriorityClass") => "priorityclasses".to_owned(),
            Some(kind) => format!("{}s", kind.to_lowercase()),
            None => bail!("an object without a kind"),
        };
        match self
            .ask(Method::POST, &self.path(&plural)?, Some(&object))
            .await
        {
            Err(error) if plural == "priorityclasses" && error.to_string().contains("exists") => {
                Ok(())
            }
            answered => answered.map(drop),
        }
    }

    async fn delete(&self, path: &str, options: Value) -> anyhow::Result<()> {
        self.stage.note(self.scenario.name, "delete", path)?;
        self.ask(Method::DELETE, &self.path(path)?, Some(&options))
            .await
            .map(drop)
    }

    async fn taint(&self, taints: Value) -> anyhow::Result<()> {
        let patch = json!({"spec": {"taints": taints}});
        let request = Request::patch("/api/v1/nodes/node-1")
            .header("content-type", "application/merge-patch+json");
        self.stage
            .client
            .request::<Value>(request.body(serde_json::to_vec(&patch)?)?)
            .await?;
        Ok(())
    }

    async fn hold_volume(&self, pod: &str, volume: &str, seconds: u32) -> anyhow::Result<()> {
        self.stage.note(self.scenario.name, "hold", "volume")?;
        let path = format!("{}/pods/{pod}", self.core());
        let pod = self.ask(Method::GET, &path, None).await?;
        let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
        let script = format!(
            "mount=$(cut -d' ' -f2 /proc/mounts | grep '{uid}/.*/{volume}$' | head -n 1) && cd \"$mount\" && exec sleep {seconds}"
        );
        let mut holder = self.stage.on_node(&["sh", "-c", &script])?;
        sleep(Duration::from_secs(1)).await;
        if let Some(status) = holder.try_wait()? {
            bail!("the volume {volume} cannot be held: {status}");
        }
        std::thread::spawn(move || holder.wait());
        Ok(())
    }

    async fn take_away(&self) -> anyhow::Result<()> {
        for path in [
            "deployments",
            "statefulsets",
            "daemonsets",
            "cronjobs",
            "jobs",
        ] {
            let list = self.ask(Method::GET, &self.path(path)?, None).await?;
            for object in list["items"].as_array().into_iter().flatten() {
                let path = self.path(&format!("{path}/{}", name_of(object)))?;
                let background = json!({"propagationPolicy": "Background"});
                // A Job may have gone with its CronJob meanwhile; what is left is seen below.
                drop(self.ask(Method::DELETE, &path, Some(&background)).await);
            }
        }
        let began = Instant::now();
        loop {
            let pods = self.pods().await?;
            for pod in pods
                .iter()
                .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            {
                // One that a controller deleted meanwhile is gone as it should.
                drop(
                    self.delete(&format!("pods/{}", name_of(pod)), json!({}))
                        .await,
                );
            }
            if pods.is_empty() {
                return Ok(());
            }
            patient(began, "pods are left")?;
            sleep(Duration::from_secs(1)).await;
        }
    }

    async fn until(&self, pod: &str, is_so: impl Fn(&Value) -> bool) -> anyhow::Result<()> {
        let began = Instant::now();
        let path = format!("{}/pods/{pod}", self.core());
        while !is_so(&self.ask(Method::GET, &path, None).await?) {
            patient(began, "the pod did not come so far")?;
            sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// Without it no pod is admitted; controllers that come back from an outage take their time.
    async fn until_account(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        let path = format!("{}/serviceaccounts/default", self.core());
        while self.ask(Method::GET, &path, None).await.is_err() {
            patient(began, "the namespace has no default ServiceAccount")?;
            sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    async fn until_node(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        let path = "/api/v1/nodes/node-1";
        while !self
            .ask(Method::GET, path, None)
            .await
            .is_ok_and(|node| has_ready(&node))
        {
            patient(began, "the node is not Ready")?;
            sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    async fn until_ready(&self, count: usize) -> anyhow::Result<()> {
        let began = Instant::now();
        while self
            .pods()
            .await?
            .iter()
            .filter(|pod| is_ready(pod))
            .count()
            < count
        {
            patient(began, "too few pods are ready")?;
            sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    async fn until_gone(&self, pod: &str) -> anyhow::Result<()> {
        let began = Instant::now();
        while self.pods().await?.iter().any(|other| name_of(other) == pod) {
            patient(began, "the pod is still there")?;
            sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    async fn until_entry(&self, entry: &str, count: usize) -> anyhow::Result<()> {
        let began = Instant::now();
        while self.stage.count_entries(&self.namespace, entry)? < count {
            patient(began, "no such entry was written")?;
            sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    async fn pods(&self) -> anyhow::Result<Vec<Value>> {
        let mut list = self
            .ask(Method::GET, &format!("{}/pods", self.core()), None)
            .await?;
        Ok(match list["items"].take() {
            Value::Array(pods) => pods,
            _ => Vec::new(),
        })
    }

    fn core(&self) -> String {
        format!("/api/v1/namespaces/{}", self.namespace)
    }

    fn path(&self, path: &str) -> anyhow::Result<String> {
        let namespace = &self.namespace;
        let plural = path.split('/').next().unwrap_or_default();
        Ok(match plural {
            "pods" => format!("{}/{path}", self.core()),
            "deployments" | "statefulsets" | "daemonsets" => {
                format!("/apis/apps/v1/namespaces/{namespace}/{path}")
            }
            "jobs" | "cronjobs" => format!("/apis/batch/v1/namespaces/{namespace}/{path}"),
            "priorityclasses" => format!("/apis/scheduling.k8s.io/v1/{path}"),
            other => bail!("no scenario uses {other}"),
        })
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let kind = if method == Method::PATCH {
            "application/strategic-merge-patch+json"
        } else {
            "application/json"
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", kind);
        let body = body
            .map(serde_json::to_vec)
            .transpose()?
            .unwrap_or_default();
        Ok(self.stage.client.request(request.body(body)?).await?)
    }
}

fn patient(began: Instant, otherwise: &str) -> anyhow::Result<()> {
    if began.elapsed() > PATIENCE {
        bail!("{otherwise} after {} s", PATIENCE.as_secs());
    }
    Ok(())
}

fn shown(step: &Step) -> String {
    match step {
        Step::Create(object) => format!("create {}", object["kind"]),
        other => format!("{other:?}"),
    }
}

fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn is_running(pod: &Value) -> bool {
    let statuses = pod["status"]["containerStatuses"].as_array();
    pod["status"]["phase"] == "Running"
        && statuses.is_some_and(|statuses| {
            statuses
                .iter()
                .all(|status| status["state"]["running"].is_object())
        })
}

fn is_ready(pod: &Value) -> bool {
    pod["metadata"]["deletionTimestamp"].is_null() && has_ready(pod)
}

fn has_ready(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}
