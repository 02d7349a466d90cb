//! Pods of a real kubelet, whose hooks fail; what happened is told by the kubelet's log.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use http::Method;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::api::Api;
use super::stage::{NAMESPACE, Stage};
use super::truth::{Failure, TERMINATIONS, Truth};
use crate::cluster::BUSYBOX_IMAGE;
use crate::truth::kubelet_log::{Said, parse};

/// Deployments at a time, and how long each has pods.
const AT_ONCE: usize = 5;
const LASTS: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_secs(3);
const GONE_WITHIN: Duration = Duration::from_mins(2);

pub struct RealPods {
    ended: Arc<AtomicBool>,
    task: JoinHandle<anyhow::Result<()>>,
}

impl RealPods {
    pub fn start(api: Api) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(churn(api, Arc::clone(&ended)));
        Self { ended, task }
    }

    /// Takes every pod away, and writes down what the kubelet says has happened.
    pub async fn finish(self, stage: &Stage, truth: &Truth) -> anyhow::Result<()> {
        self.ended.store(true, Ordering::Relaxed);
        self.task.await??;
        let dir = stage.cluster.dir().context("a cluster of somebody else")?;
        let log = fs::read_to_string(dir.join("kubelet.log"))?;
        take_truth(&log, truth);
        Ok(())
    }
}

/// Deployments come, lose pods one by one, and are scaled down.
async fn churn(api: Api, ended: Arc<AtomicBool>) -> anyhow::Result<()> {
    let mut standing: Vec<(String, Instant)> = Vec::new();
    let mut made = 0;
    while !ended.load(Ordering::Relaxed) {
        if standing.len() < AT_ONCE {
            let name = format!("real{made}");
            let deployment = deployment(&name, made % 2 == 0);
            api.insist(Method::POST, &path("deployments"), Some(&deployment))
                .await?;
            standing.push((name, Instant::now()));
            made += 1;
        }
        if standing
            .first()
            .is_some_and(|(_, since)| since.elapsed() > LASTS)
        {
            scale_down(&api, &standing.remove(0).0).await?;
        }
        if let Some((name, _)) = fastrand::choice(&standing) {
            delete_one(&api, name).await?;
        }
        sleep(EVERY).await;
    }
    for (name, _) in &standing {
        scale_down(&api, name).await?;
    }
    let began = Instant::now();
    while !pods(&api).await?.is_empty() {
        if began.elapsed() > GONE_WITHIN {
            bail!("pods are left after {} s", GONE_WITHIN.as_secs());
        }
        sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

fn deployment(name: &str, stops_badly: bool) -> Value {
    let hook = json!({"exec": {"command": ["/bin/sh", "-c", "exit 7"]}});
    let lifecycle = match stops_badly {
        true => json!({"preStop": hook}),
        false => json!({"postStart": hook}),
    };
    let command = [
        "/bin/sh",
        "-c",
        "trap 'sleep 2; exit 0' TERM; while :; do sleep 1 & wait; done",
    ];
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": if stops_badly { 2 } else { 1 },
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {
                "terminationGracePeriodSeconds": 10, "dnsPolicy": "Default",
                "automountServiceAccountToken": false, "enableServiceLinks": false,
                "containers": [{"name": "app", "image": BUSYBOX_IMAGE, "imagePullPolicy": "Never",
                    "command": command, "lifecycle": lifecycle}],
            }},
        },
    })
}

async fn scale_down(api: &Api, name: &str) -> anyhow::Result<()> {
    let patch = json!({"spec": {"replicas": 0}});
    api.insist(
        Method::PATCH,
        &format!("{}/{name}", path("deployments")),
        Some(&patch),
    )
    .await?;
    Ok(())
}

async fn delete_one(api: &Api, deployment: &str) -> anyhow::Result<()> {
    let pods = pods(api).await?;
    let own: Vec<&str> = pods
        .iter()
        .filter(|pod| {
            pod["metadata"]["labels"]["app"] == deployment
                && pod["metadata"]["deletionTimestamp"].is_null()
        })
        .filter_map(|pod| pod["metadata"]["name"].as_str())
        .collect();
    if let Some(name) = fastrand::choice(own) {
        api.insist(
            Method::DELETE,
            &format!("/api/v1/namespaces/{NAMESPACE}/pods/{name}"),
            None,
        )
        .await?;
    }
    Ok(())
}

async fn pods(api: &Api) -> anyhow::Result<Vec<Value>> {
    let mut list = api
        .read(&format!("/api/v1/namespaces/{NAMESPACE}/pods"))
        .await?;
    Ok(match list["items"].take() {
        Value::Array(pods) => pods,
        _ => Vec::new(),
    })
}

fn path(plural: &str) -> String {
    format!("/apis/apps/v1/namespaces/{NAMESPACE}/{plural}")
}

fn take_truth(log: &str, truth: &Truth) {
    let year = Timestamp::now().to_zoned(TimeZone::UTC).year();
    let mut stopped = BTreeSet::new();
    for line in parse(log, year) {
        let Some((NAMESPACE, pod)) = line.pod.split_once('/') else {
            continue;
        };
        let deployment = pod.split('-').next().unwrap_or_default();
        let audit = format!("deployment-{deployment}");
        let what = match line.said {
            Said::PostStartFailed => "PostStart failed",
            Said::HookFailed => "PreStop failed",
            Said::PodStops if stopped.insert(line.pod_uid.clone()) => {
                truth.add(NAMESPACE, &audit, TERMINATIONS);
                continue;
            }
            _ => continue,
        };
        truth.add_failure(Failure {
            at: line.at,
            namespace: NAMESPACE.to_owned(),
            audit,
            pod: pod.to_owned(),
            what: what.to_owned(),
            event: String::new(),
            count: 1,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kubelet_s_log_is_the_truth() {
        let line = |message: &str| {
            format!(
                "E1123 16:55:51.672937      58 a.go:794] \"{message}\" err=\"x\" pod=\"shop/real3-abc-def\" podUID=\"b7\" containerName=\"app\"\n"
            )
        };
        let log = [
            "PreStop hook failed",
            "Pod terminating with grace period",
            "Pod terminating with grace period",
            "Failed to execute PostStartHook",
        ];
        let truth = Truth::default();
        take_truth(&log.map(line).concat(), &truth);
        let tallies = truth.taken().tallies;
        let counts = &tallies[&(NAMESPACE.to_owned(), "deployment-real3".to_owned())];
        assert_eq!(counts["PreStop failed"], 1);
        assert_eq!(counts["PostStart failed"], 1);
        assert_eq!(counts[TERMINATIONS], 1);
    }
}
