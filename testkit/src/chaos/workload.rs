//! Workloads whose pods the harness plays: their owners as the API holds them, and how their pods are called.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use anyhow::bail;
use http::Method;
use serde_json::{Value, json};

use super::api::{Answer, Api};

/// The node that every pod is on.
pub const NODE: &str = "node-1";

/// What a workload's pods declare, and so what can happen to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// A preStop hook within a grace that is long enough.
    Stopping,
    /// A preStop hook that may take longer than its grace.
    Overrunning,
    /// A postStart hook.
    Starting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
    Job,
    /// Pods of nobody.
    Bare,
}

#[derive(Debug)]
pub struct Workload {
    pub namespace: String,
    /// The name of its `HookAudit`.
    pub audit: String,
    pub flavour: Flavour,
    kind: Kind,
    name: String,
    /// The ownerReference of its pods, and what their names begin with.
    owner: Option<Value>,
    prefix: String,
    ordinals: Mutex<BTreeSet<u64>>,
}

/// Letters of generated names.
const SAFE: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

impl Flavour {
    pub fn of(number: usize) -> Self {
        [
            Self::Stopping,
            Self::Starting,
            Self::Overrunning,
            Self::Starting,
        ][number % 4]
    }

    pub fn grace_seconds(self) -> i64 {
        match self {
            Self::Overrunning => 2,
            Self::Stopping | Self::Starting => 10,
        }
    }

    fn lifecycle(self) -> Value {
        let hook = json!({"exec": {"command": ["/bin/sh", "-c", "exit 7"]}});
        match self {
            Self::Starting => json!({"postStart": hook}),
            Self::Stopping | Self::Overrunning => json!({"preStop": hook}),
        }
    }
}

impl Kind {
    pub fn of(number: usize) -> Self {
        [
            Self::Deployment,
            Self::StatefulSet,
            Self::Deployment,
            Self::DaemonSet,
            Self::Deployment,
            Self::Job,
        ][number % 6]
    }
}

impl Workload {
    /// Bare pods declare what they like, so there is one such workload per namespace and flavour.
    pub fn bare(namespace: &str, flavour: Flavour) -> Self {
        Self {
            namespace: namespace.to_owned(),
            audit: "barepods".to_owned(),
            flavour,
            kind: Kind::Bare,
            name: "chore".to_owned(),
            owner: None,
            prefix: format!("chore{flavour:?}").to_lowercase(),
            ordinals: Mutex::default(),
        }
    }

    /// Makes the owners.
    pub async fn create(api: &Api, namespace: &str, number: usize) -> anyhow::Result<Self> {
        let (kind, flavour) = (Kind::of(number), Flavour::of(number));
        let name = format!("shop{number}");
        let mut owner = make_owner(api, namespace, kind, &name, flavour).await?;
        let mut prefix = name.clone();
        if kind == Kind::Deployment {
            let (set, reference) = make_replica_set(api, namespace, &name, owner, flavour).await?;
            (prefix, owner) = (set, reference);
        }
        Ok(Self {
            namespace: namespace.to_owned(),
            audit: format!("{kind:?}-{name}").to_lowercase(),
            flavour,
            kind,
            name,
            owner: Some(owner),
            prefix,
            ordinals: Mutex::default(),
        })
    }

    /// A pod's name is given back by [`Self::release`] when its object is gone.
    pub fn take_pod_name(&self) -> String {
        match self.kind {
            Kind::Bare => format!("{}{}", self.prefix, safe(4)),
            Kind::StatefulSet => {
                let mut taken = self.ordinals.lock().unwrap_or_else(PoisonError::into_inner);
                let free = (0..)
                    .find(|ordinal| !taken.contains(ordinal))
                    .unwrap_or_default();
                taken.insert(free);
                format!("{}-{free}", self.name)
            }
            Kind::Deployment | Kind::DaemonSet | Kind::Job => {
                format!("{}-{}", self.prefix, safe(5))
            }
        }
    }

    pub fn release(&self, pod: &str) {
        let ordinal = pod.rsplit('-').next().and_then(|last| last.parse().ok());
        if let (Kind::StatefulSet, Some(ordinal)) = (self.kind, ordinal) {
            let mut taken = self.ordinals.lock().unwrap_or_else(PoisonError::into_inner);
            taken.remove(&ordinal);
        }
    }

    pub fn pod(&self, name: &str) -> Value {
        let mut metadata =
            json!({"name": name, "namespace": self.namespace, "labels": {"app": self.name}});
        if let Some(owner) = &self.owner {
            metadata["ownerReferences"] = json!([owner]);
        }
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec(self.flavour)})
    }
}

fn spec(flavour: Flavour) -> Value {
    json!({
        "nodeName": NODE,
        "terminationGracePeriodSeconds": flavour.grace_seconds(),
        "automountServiceAccountToken": false,
        "containers": [{"name": "app", "image": "local/made-up", "lifecycle": flavour.lifecycle()}],
    })
}

fn safe(length: usize) -> String {
    (0..length)
        .filter_map(|_| fastrand::choice(SAFE))
        .map(|byte| char::from(*byte))
        .collect()
}

async fn make_owner(
    api: &Api,
    namespace: &str,
    kind: Kind,
    name: &str,
    flavour: Flavour,
) -> anyhow::Result<Value> {
    let (group, plural) = match kind {
        Kind::Job => ("batch/v1", "jobs"),
        _ => ("apps/v1", &*format!("{kind:?}s").to_lowercase()),
    };
    let mut template = json!({"metadata": {"labels": {"app": name}}, "spec": spec(flavour)});
    if kind == Kind::Job {
        template["spec"]["restartPolicy"] = json!("OnFailure");
    }
    let mut object = json!({
        "apiVersion": group,
        "kind": format!("{kind:?}"),
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"template": template},
    });
    if kind != Kind::Job {
        object["spec"]["selector"] = json!({"matchLabels": {"app": name}});
    }
    if kind == Kind::StatefulSet {
        object["spec"]["serviceName"] = json!(name);
    }
    make(
        api,
        &format!("/apis/{group}/namespaces/{namespace}/{plural}"),
        &object,
    )
    .await
}

/// The name of the set, and the reference to it.
async fn make_replica_set(
    api: &Api,
    namespace: &str,
    name: &str,
    owner: Value,
    flavour: Flavour,
) -> anyhow::Result<(String, Value)> {
    let hash = safe(9);
    let set = format!("{name}-{hash}");
    let labels = json!({"app": name, "pod-template-hash": hash});
    let object = json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": set, "namespace": namespace, "labels": labels, "ownerReferences": [owner]},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec(flavour)}},
    });
    let path = format!("/apis/apps/v1/namespaces/{namespace}/replicasets");
    Ok((set, make(api, &path, &object).await?))
}

/// Creates an owner and gives the reference to it.
async fn make(api: &Api, path: &str, object: &Value) -> anyhow::Result<Value> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let made = match api.insist(Method::POST, path, Some(object)).await? {
        Answer::Refused(409) => {
            api.insist(Method::GET, &format!("{path}/{name}"), None)
                .await?
        }
        answer => answer,
    };
    let Answer::Done(made) = made else {
        bail!("{path}: {name} was not made: {made:?}");
    };
    Ok(json!({
        "apiVersion": object["apiVersion"],
        "kind": object["kind"],
        "name": name,
        "uid": made["metadata"]["uid"],
        "controller": true,
        "blockOwnerDeletion": true,
    }))
}
