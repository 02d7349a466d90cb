//! Pods whose processes write down what happens to them.

use serde_json::{Value, json};

use crate::cluster::BUSYBOX_IMAGE;

/// Where a pod finds the witness and its file.
pub const WITNESS_DIR: &str = "/witness";
/// Stands for the host's directory, until the scenario is run.
pub const WITNESS_HOST_PATH: &str = "$(witness)";

#[derive(Clone, Debug)]
pub struct Container(Value);

impl Container {
    /// Runs `witness main` with these flags.
    pub fn main(name: &str, flags: &str) -> Self {
        let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
        Self(json!({
            "name": name,
            "image": BUSYBOX_IMAGE,
            "imagePullPolicy": "Never",
            "command": witness("main", flags),
            "env": [
                {"name": "WITNESS_LEDGER", "value": format!("{WITNESS_DIR}/ledger.jsonl")},
                {"name": "WITNESS_CONTAINER", "value": name},
                field("WITNESS_POD", "metadata.name"),
                field("WITNESS_NAMESPACE", "metadata.namespace"),
                field("WITNESS_POD_UID", "metadata.uid"),
            ],
            "volumeMounts": [{"name": "witness", "mountPath": WITNESS_DIR}, {"name": "scratch", "mountPath": "/scratch"}],
        }))
    }

    pub fn pre_stop(mut self, handler: Value) -> Self {
        self.0["lifecycle"]["preStop"] = handler;
        self
    }

    pub fn post_start(mut self, handler: Value) -> Self {
        self.0["lifecycle"]["postStart"] = handler;
        self
    }

    /// Any other field of a container.
    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.0[field] = value;
        self
    }

    /// For the `ephemeralContainers` of a pod.
    pub fn build(self) -> Value {
        self.0
    }

    pub fn memory_limit(self, mebibytes: u32) -> Self {
        self.with(
            "resources",
            json!({"limits": {"memory": format!("{mebibytes}Mi")}}),
        )
    }
}

#[derive(Clone, Debug)]
pub struct Pod {
    name: &'static str,
    spec: Value,
    metadata: Value,
}

impl Pod {
    /// A pod called `pod` with a grace of 10 seconds.
    pub fn of(containers: impl IntoIterator<Item = Container>) -> Self {
        let containers: Vec<Value> = containers
            .into_iter()
            .map(|container| container.0)
            .collect();
        Self {
            name: "pod",
            metadata: json!({"labels": {"app": "witness"}}),
            spec: json!({
                "terminationGracePeriodSeconds": 10,
                "automountServiceAccountToken": false,
                "enableServiceLinks": false,
                "tolerations": [{"operator": "Exists"}],
                "containers": containers,
                "volumes": [
                    {"name": "witness", "hostPath": {"path": WITNESS_HOST_PATH}},
                    {"name": "scratch", "emptyDir": {}},
                ],
            }),
        }
    }

    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    pub fn grace(self, seconds: u32) -> Self {
        self.with("terminationGracePeriodSeconds", json!(seconds))
    }

    pub fn restart_policy(self, policy: &str) -> Self {
        self.with("restartPolicy", json!(policy))
    }

    /// Any other field of a pod's spec.
    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.spec[field] = value;
        self
    }

    pub fn finalizer(mut self, name: &str) -> Self {
        self.metadata["finalizers"] = json!([name]);
        self
    }

    /// A volume with a file system of its own at `/held` of the first container.
    pub fn held_volume(mut self) -> Self {
        let volume = json!({"name": "held", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}});
        push(&mut self.spec["volumes"], volume);
        let mount = json!({"name": "held", "mountPath": "/held"});
        push(&mut self.spec["containers"][0]["volumeMounts"], mount);
        self
    }

    pub fn init(mut self, container: Container) -> Self {
        push(&mut self.spec["initContainers"], container.0);
        self
    }

    pub fn sidecar(self, container: Container) -> Self {
        self.init(container.with("restartPolicy", json!("Always")))
    }

    pub fn build(self) -> Value {
        let mut metadata = self.metadata;
        metadata["name"] = json!(self.name);
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": self.spec})
    }

    /// For the `template` of a workload.
    pub fn template(self) -> Value {
        json!({"metadata": self.metadata, "spec": self.spec})
    }
}

fn push(list: &mut Value, element: Value) {
    if list.is_null() {
        *list = json!([]);
    }
    if let Some(list) = list.as_array_mut() {
        list.push(element);
    }
}

/// `Deployment`, `StatefulSet`, `DaemonSet` or `Job` called `workload`.
pub fn workload(api_version: &str, kind: &str, fields: Value, pod: Pod) -> Value {
    let mut workload = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "workload"}, "spec": fields});
    if kind != "Job" {
        workload["spec"]["selector"] = json!({"matchLabels": {"app": "witness"}});
    }
    workload["spec"]["template"] = pod.template();
    workload
}

pub fn exec(hook: &str, flags: &str) -> Value {
    json!({"exec": {"command": witness("hook", &format!("-of {hook} {flags}"))}})
}

/// Path as in `/PreStop/slow/2`.
pub fn http(path: &str, port: Value) -> Value {
    json!({"httpGet": {"path": path, "port": port}})
}

pub fn sleep(seconds: u32) -> Value {
    json!({"sleep": {"seconds": seconds}})
}

fn witness(role: &str, flags: &str) -> Vec<String> {
    let program = format!("{WITNESS_DIR}/witness");
    [program.as_str(), role]
        .into_iter()
        .chain(flags.split_ascii_whitespace())
        .map(str::to_owned)
        .collect()
}
