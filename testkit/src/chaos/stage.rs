//! Where a fault is played: a cluster of its own with the operator's rights and resource.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use http::Method;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use super::api::{Api, items, name_of};
use super::http::post;
use crate::cluster::{Cluster, Level};

pub const NAMESPACE: &str = "shop";
/// As the API server's audit log names the operator.
pub const USER: &str = "system:serviceaccount:hookaudit-system:hookaudit-manager";
const MANIFEST: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../manifests/install.yaml"
));
const BINDING: &str = "hookaudit-manager";
const SYSTEM: &str = "hookaudit-system";
const LEASE_ROLE: &str = "hookaudit-leader-election";
const RESOURCE: &str = "hookaudits.hookaudit.io";
const AUDITS: &str = "/apis/hookaudit.io/v1alpha1";
/// Kinds of workloads whose objects the operator does not watch: their pods' names alone tell of them.
pub const UNWATCHED: [&str; 2] = ["statefulset-", "daemonset-"];
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

pub struct Stage {
    pub cluster: Cluster,
    pub api: Api,
    pub kubeconfig: PathBuf,
}

impl Stage {
    pub async fn set(level: Level, flags: &[&str]) -> anyhow::Result<Self> {
        let cluster = block_in_place(|| Cluster::fresh(level, flags)).context("no cluster")?;
        let api = Api::of(&cluster).await?;
        let kubeconfig = block_in_place(|| {
            cluster.apply(&without_the_program())?;
            cluster.wait_until_served(RESOURCE)?;
            cluster.kubectl(&["create", "namespace", NAMESPACE])?;
            cluster.kubeconfig_of(SYSTEM, BINDING)
        })?;
        Ok(Self {
            cluster,
            api,
            kubeconfig,
        })
    }

    pub fn component(&self, action: &str, name: &str) -> anyhow::Result<()> {
        block_in_place(|| self.cluster.component(action, name)).map(drop)
    }

    pub fn withdraw(&self) -> anyhow::Result<()> {
        block_in_place(|| {
            self.cluster
                .kubectl(&["delete", "clusterrolebinding", BINDING])
        })
        .map(drop)
    }

    pub fn grant(&self) -> anyhow::Result<()> {
        block_in_place(|| self.cluster.apply(&without_the_program()))
    }

    pub fn forbid_lease_watch(&self) -> anyhow::Result<()> {
        let verbs = r#"[{"op": "replace", "path": "/rules/1/verbs", "value": ["get", "update"]}]"#;
        let role = [
            "-n",
            SYSTEM,
            "patch",
            "role",
            LEASE_ROLE,
            "--type=json",
            "-p",
            verbs,
        ];
        block_in_place(|| self.cluster.kubectl(&role)).map(drop)
    }

    pub fn remove_resource(&self) -> anyhow::Result<()> {
        block_in_place(|| {
            self.cluster
                .kubectl(&["delete", "crd", RESOURCE, "--timeout=60s"])
        })
        .map(drop)
    }

    pub fn install_resource(&self) -> anyhow::Result<()> {
        block_in_place(|| {
            self.cluster.apply(&without_the_program())?;
            self.cluster.wait_until_served(RESOURCE)
        })
    }

    pub async fn audits(&self) -> anyhow::Result<Value> {
        self.api.read(&format!("{AUDITS}/hookaudits")).await
    }

    /// Those of StatefulSets and DaemonSets once each: without pods, to delete one twice is what a garbage collector does.
    pub async fn delete_audits(&self, deleted: &mut HashSet<String>) -> anyhow::Result<()> {
        let audits = self.audits().await?;
        for audit in items(&audits) {
            let name = name_of(audit);
            let is_unwatched = UNWATCHED.iter().any(|kind| name.starts_with(kind));
            if !is_unwatched || deleted.insert(name.to_owned()) {
                let path = format!("{AUDITS}/namespaces/{NAMESPACE}/hookaudits/{name}");
                self.api.insist(Method::DELETE, &path, None).await?;
            }
        }
        Ok(())
    }

    /// What a user may edit: the spec, and labels.
    pub async fn edit_audits(&self) -> anyhow::Result<()> {
        let audits = self.audits().await?;
        for audit in items(&audits) {
            let name = name_of(audit);
            let path = format!("{AUDITS}/namespaces/{NAMESPACE}/hookaudits/{name}");
            let patch = json!({
                "metadata": {"labels": {"edited": fastrand::u32(..).to_string()}},
                "spec": {"thresholds": {"preStopSlowPercent": fastrand::u32(50..=90)}},
            });
            self.api.insist(Method::PATCH, &path, Some(&patch)).await?;
        }
        Ok(())
    }

    /// The names of the Events that the API holds about failed hooks.
    pub async fn events(&self) -> anyhow::Result<Vec<String>> {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/events");
        let list = self.api.read(&path).await?;
        let names = items(&list).map(name_of);
        Ok(names.map(str::to_owned).collect())
    }

    /// Lets etcd forget everything but what is now.
    pub async fn compact(&self) -> anyhow::Result<()> {
        let dir = self.cluster.dir().context("a cluster of somebody else")?;
        let endpoints = std::fs::read_to_string(dir.join("endpoints"))?;
        let etcd = endpoints
            .lines()
            .find_map(|line| line.strip_prefix("etcd=http://"));
        let address = etcd.context("no etcd among the endpoints")?.parse()?;
        let status = post(address, "/v3/maintenance/status", "{}", ANSWER_WITHIN).await?;
        let status: Value = serde_json::from_str(&status)?;
        let revision = &status["header"]["revision"];
        let request = json!({"revision": revision, "physical": true}).to_string();
        post(address, "/v3/kv/compaction", &request, ANSWER_WITHIN).await?;
        Ok(())
    }

    pub fn audit_log(&self) -> anyhow::Result<PathBuf> {
        match self.cluster.audit_log() {
            Some(path) => Ok(path),
            None => bail!("the API server keeps no audit log"),
        }
    }
}

/// The manifest that users apply, but for what runs the operator in the cluster.
fn without_the_program() -> String {
    let documents = MANIFEST.split("\n---\n");
    let kept: Vec<&str> = documents
        .filter(|document| !document.contains("\nkind: Deployment\n"))
        .collect();
    kept.join("\n---\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_rights_are_applied_without_the_deployment() {
        let text = without_the_program();
        assert!(text.contains("kind: ClusterRoleBinding") && !text.contains("kind: Deployment"));
    }
}
