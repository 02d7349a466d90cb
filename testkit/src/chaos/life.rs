//! A pod's life, told to the API server as a kubelet tells it: what it writes, in its order, with its stamps.
//!
//! Nothing counts as having happened before the API server has it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::api::{Answer, Api};
use super::truth::{Failure, TERMINATIONS, Truth};
use super::workload::{Flavour, NODE, Workload};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    PreStopFails,
    /// Its Event comes when the pod is gone, as after an outage of the API server.
    PreStopFailsLate,
    PreStopInterrupted,
    PreStopOverruns,
    PreStopSucceeds,
    /// So many times, each Event counted up.
    PostStartFails(u64),
    PostStartSucceeds,
}

impl Life {
    /// One that suits the pods of a workload.
    pub fn any(flavour: Flavour) -> Self {
        let percent = fastrand::u32(..100);
        match (flavour, percent) {
            (Flavour::Stopping, 0..55) => Self::PreStopFails,
            (Flavour::Stopping, 55..65) => Self::PreStopFailsLate,
            (Flavour::Stopping, 65..75) => Self::PreStopInterrupted,
            (Flavour::Overrunning, 0..70) => Self::PreStopOverruns,
            (Flavour::Stopping | Flavour::Overrunning, _) => Self::PreStopSucceeds,
            (Flavour::Starting, 0..75) => Self::PostStartFails(fastrand::u64(1..=7)),
            (Flavour::Starting, _) => Self::PostStartSucceeds,
        }
    }
}

pub struct Kubelet {
    pub api: Api,
    pub truth: Arc<Truth>,
}

/// A pod as the kubelet knows it.
struct Pod<'a> {
    workload: &'a Workload,
    name: String,
    uid: String,
    started: Timestamp,
    restarts: u64,
}

/// An Event that is counted up.
struct Told {
    name: String,
    reason: &'static str,
    message: &'static str,
    first: Timestamp,
    count: u64,
}

impl Kubelet {
    pub async fn play(&self, workload: &Workload, life: Life) -> anyhow::Result<()> {
        let mut pod = self.create(workload).await?;
        sleep(between(100, 400)).await;
        self.show(
            &pod,
            "Pending",
            &waiting("ContainerCreating", ""),
            &json!({}),
        )
        .await?;
        sleep(between(200, 900)).await;
        match life {
            Life::PostStartFails(times) => self.crash(&mut pod, times).await?,
            _ => self.live(&mut pod, life).await?,
        }
        workload.release(&pod.name);
        Ok(())
    }

    async fn live(&self, pod: &mut Pod<'_>, life: Life) -> anyhow::Result<()> {
        pod.started = Timestamp::now();
        let running = json!({"running": {"startedAt": whole(pod.started)}});
        self.show(pod, "Running", &running, &json!({})).await?;
        if life == Life::PostStartSucceeds {
            self.happened(pod, "PostStart succeeded");
        }
        sleep(between(500, 2500)).await;
        self.delete(pod).await?;
        sleep(between(10, 200)).await;
        let killing = self.tell(pod, "Killing", "Stopping container app").await?;
        let finished = self.stop(pod, life, killing.first).await?;
        let ended = terminated(pod, finished);
        self.show(pod, "Succeeded", &ended, &json!({})).await?;
        self.finish(pod).await?;
        match life {
            Life::PreStopSucceeds => self.happened(pod, "PreStop succeeded"),
            Life::PreStopFailsLate => {
                sleep(between(1000, 8000)).await;
                self.fail(pod, finished, "PreStop failed").await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What the hook does; gives the end of the container.
    async fn stop(&self, pod: &Pod<'_>, life: Life, began: Timestamp) -> anyhow::Result<Timestamp> {
        match life {
            Life::PreStopFails => {
                sleep(between(100, 700)).await;
                self.fail(pod, Timestamp::now(), "PreStop failed").await?;
                sleep(between(1200, 1800)).await;
            }
            Life::PreStopFailsLate => sleep(between(1200, 1800)).await,
            Life::PreStopInterrupted => {
                let finished = Timestamp::now();
                sleep(between(1100, 1300)).await;
                self.fail(pod, Timestamp::now(), "PreStop interrupted")
                    .await?;
                return Ok(finished);
            }
            Life::PreStopOverruns => {
                sleep_until(began, Duration::from_millis(2200)).await;
                self.fail(pod, Timestamp::now(), "PreStop overran").await?;
            }
            Life::PreStopSucceeds | Life::PostStartSucceeds | Life::PostStartFails(_) => {
                sleep(between(300, 900)).await;
            }
        }
        Ok(Timestamp::now())
    }

    /// A postStart hook that fails again and again, until somebody deletes the pod in its back-off.
    async fn crash(&self, pod: &mut Pod<'_>, times: u64) -> anyhow::Result<()> {
        pod.started = Timestamp::now();
        let mut failed = self.fail(pod, pod.started, "PostStart failed").await?;
        let mut killing = self.tell(pod, "Killing", "FailedPostStartHook").await?;
        self.show_crashed(pod).await?;
        for restart in 1..times {
            sleep(between(1200, 2800)).await;
            pod.restarts = restart;
            pod.started = Timestamp::now();
            sleep(between(100, 400)).await;
            self.count_up(pod, &mut failed).await?;
            self.failed(pod, Timestamp::now(), "PostStart failed", &failed);
            self.count_up(pod, &mut killing).await?;
            self.show_crashed(pod).await?;
        }
        sleep(between(500, 2500)).await;
        self.delete(pod).await?;
        let ended = terminated(pod, pod.started);
        self.show(pod, "Succeeded", &ended, &json!({})).await?;
        self.finish(pod).await
    }

    async fn show_crashed(&self, pod: &Pod<'_>) -> anyhow::Result<()> {
        sleep(between(50, 600)).await;
        let message = format!(
            "Exec lifecycle hook ([/bin/sh -c exit 7]) for Container \"app\" in Pod \"{}_{}({})\" failed - error: \
             command '/bin/sh -c exit 7' exited with 7: , message: \"\"",
            pod.name, pod.workload.namespace, pod.uid
        );
        let last = terminated(pod, Timestamp::now());
        self.show(
            pod,
            "Running",
            &waiting("PostStartHookError", &message),
            &last,
        )
        .await
    }

    async fn create<'a>(&self, workload: &'a Workload) -> anyhow::Result<Pod<'a>> {
        let name = workload.take_pod_name();
        let path = pods(&workload.namespace);
        let made = match self
            .api
            .insist(Method::POST, &path, Some(&workload.pod(&name)))
            .await?
        {
            Answer::Refused(409) => {
                self.api
                    .insist(Method::GET, &format!("{path}/{name}"), None)
                    .await?
            }
            answer => answer,
        };
        let Answer::Done(made) = made else {
            bail!("{name} was not made: {made:?}");
        };
        Ok(Pod {
            workload,
            name,
            uid: made["metadata"]["uid"]
                .as_str()
                .context("a pod without a uid")?
                .to_owned(),
            started: Timestamp::now(),
            restarts: 0,
        })
    }

    async fn show(
        &self,
        pod: &Pod<'_>,
        phase: &str,
        state: &Value,
        last: &Value,
    ) -> anyhow::Result<()> {
        let path = format!("{}/{}", pods(&pod.workload.namespace), pod.name);
        let Answer::Done(object) = self.api.insist(Method::GET, &path, None).await? else {
            bail!("{} is gone too early", pod.name);
        };
        let is_running = state["running"].is_object();
        let mut status = json!({
            "name": "app", "image": "local/made-up", "imageID": "", "ready": is_running, "started": is_running,
            "restartCount": pod.restarts, "state": state, "lastState": last,
        });
        if state["waiting"]["reason"] != "ContainerCreating" {
            status["containerID"] = json!(container_id(pod));
        }
        let ready = json!({"type": "Ready", "status": if is_running { "True" } else { "False" },
            "lastTransitionTime": whole(Timestamp::now())});
        let patch = json!({"status": {
            "observedGeneration": object["metadata"]["generation"],
            "phase": phase,
            "conditions": [ready],
            "containerStatuses": [status],
        }});
        let answer = self
            .api
            .insist(Method::PATCH, &format!("{path}/status"), Some(&patch))
            .await?;
        done(&answer, "a status was not taken")
    }

    async fn delete(&self, pod: &Pod<'_>) -> anyhow::Result<()> {
        let path = format!("{}/{}", pods(&pod.workload.namespace), pod.name);
        let answer = self
            .api
            .insist(Method::DELETE, &path, Some(&json!({})))
            .await?;
        done(&answer, "a pod was not deleted")
    }

    /// The kubelet's own, final delete.
    async fn finish(&self, pod: &Pod<'_>) -> anyhow::Result<()> {
        sleep(between(50, 600)).await;
        let path = format!("{}/{}", pods(&pod.workload.namespace), pod.name);
        let options = json!({"gracePeriodSeconds": 0, "preconditions": {"uid": pod.uid}});
        match self
            .api
            .insist(Method::DELETE, &path, Some(&options))
            .await?
        {
            Answer::Done(_) | Answer::Refused(404) => {}
            refused @ Answer::Refused(_) => bail!("{} was not removed: {refused:?}", pod.name),
        }
        self.happened(pod, TERMINATIONS);
        Ok(())
    }

    /// Tells the Event of a failure, which has happened when the API server has it.
    async fn fail(&self, pod: &Pod<'_>, at: Timestamp, what: &str) -> anyhow::Result<Told> {
        let (reason, message) = match what {
            "PostStart failed" => ("FailedPostStartHook", "PostStartHook failed"),
            _ => ("FailedPreStopHook", "PreStopHook failed"),
        };
        let told = self.tell_at(pod, at, reason, message).await?;
        self.failed(pod, at, what, &told);
        Ok(told)
    }

    fn failed(&self, pod: &Pod<'_>, at: Timestamp, what: &str, told: &Told) {
        let failure = Failure {
            at,
            namespace: pod.workload.namespace.clone(),
            audit: pod.workload.audit.clone(),
            pod: pod.name.clone(),
            what: what.to_owned(),
            event: told.name.clone(),
            count: told.count,
        };
        self.truth.add_failure(failure);
    }

    fn happened(&self, pod: &Pod<'_>, what: &str) {
        self.truth
            .add(&pod.workload.namespace, &pod.workload.audit, what);
    }

    async fn tell(
        &self,
        pod: &Pod<'_>,
        reason: &'static str,
        message: &'static str,
    ) -> anyhow::Result<Told> {
        self.tell_at(pod, Timestamp::now(), reason, message).await
    }

    async fn tell_at(
        &self,
        pod: &Pod<'_>,
        at: Timestamp,
        reason: &'static str,
        message: &'static str,
    ) -> anyhow::Result<Told> {
        let told = Told {
            name: format!("{}.{:x}", pod.name, at.as_nanosecond()),
            reason,
            message,
            first: at,
            count: 1,
        };
        match self.post(pod, &told, at).await? {
            Answer::Refused(409) => {}
            answer => done(&answer, "an Event was not taken")?,
        }
        Ok(told)
    }

    async fn post(&self, pod: &Pod<'_>, told: &Told, last: Timestamp) -> anyhow::Result<Answer> {
        let namespace = &pod.workload.namespace;
        let event = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": told.name, "namespace": namespace},
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": pod.name, "uid": pod.uid,
                "fieldPath": "spec.containers{app}"},
            "reason": told.reason, "message": told.message,
            "type": if told.reason == "Killing" { "Normal" } else { "Warning" },
            "source": {"component": "kubelet", "host": NODE},
            "reportingComponent": "kubelet", "reportingInstance": NODE,
            "firstTimestamp": whole(told.first), "lastTimestamp": whole(last), "count": told.count,
        });
        self.api
            .insist(Method::POST, &events(namespace), Some(&event))
            .await
    }

    /// An Event that has expired meanwhile is made again under its name, with its count going on.
    async fn count_up(&self, pod: &Pod<'_>, told: &mut Told) -> anyhow::Result<()> {
        told.count += 1;
        let now = Timestamp::now();
        let path = format!("{}/{}", events(&pod.workload.namespace), told.name);
        let patch = json!({"count": told.count, "lastTimestamp": whole(now)});
        let answer = match self.api.insist(Method::PATCH, &path, Some(&patch)).await? {
            Answer::Refused(404) => self.post(pod, told, now).await?,
            answer => answer,
        };
        done(&answer, "an Event was not counted up")
    }
}

fn done(answer: &Answer, otherwise: &str) -> anyhow::Result<()> {
    match answer {
        Answer::Done(_) => Ok(()),
        Answer::Refused(code) => bail!("{otherwise}: {code}"),
    }
}

fn pods(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/pods")
}

fn events(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/events")
}

fn waiting(reason: &str, message: &str) -> Value {
    json!({"waiting": {"reason": reason, "message": message}})
}

fn terminated(pod: &Pod<'_>, finished: Timestamp) -> Value {
    json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": whole(pod.started),
        "finishedAt": whole(finished), "containerID": container_id(pod)}})
}

fn container_id(pod: &Pod<'_>) -> String {
    let pod_part = pod.uid.replace('-', "");
    format!(
        "containerd://{:08x}{pod_part}{}",
        pod.restarts,
        &pod_part[..24]
    )
}

/// Most of the API's stamps have whole seconds.
fn whole(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn between(least: u64, most: u64) -> Duration {
    Duration::from_millis(fastrand::u64(least..=most))
}

async fn sleep_until(since: Timestamp, after: Duration) {
    let passed = Duration::try_from(Timestamp::now().duration_since(since)).unwrap_or_default();
    sleep(after.saturating_sub(passed)).await;
}
