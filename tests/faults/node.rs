//! Pods with hooks, and what a kubelet writes about them: the objects of `prestop-exec-fails` and
//! `poststart-exec-fails` among the recordings.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub(crate) const NAMESPACE: &str = "shop";

/// A Deployment of the tests. Its pods have one hook each, so that each run is one of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Workload {
    /// Its pods have a postStart hook.
    Starter,
    /// Its pods have a preStop hook.
    Stopper,
}

impl Workload {
    pub(crate) const ALL: [Self; 2] = [Self::Starter, Self::Stopper];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Starter => "starter",
            Self::Stopper => "stopper",
        }
    }

    pub(crate) fn report_path(self) -> String {
        format!(
            "/apis/hookaudit.io/v1alpha1/namespaces/{NAMESPACE}/hookaudits/deployment-{}",
            self.name()
        )
    }

    const fn hook(self) -> &'static str {
        match self {
            Self::Starter => "postStart",
            Self::Stopper => "preStop",
        }
    }

    fn set(self) -> String {
        format!("{}-5f7d8c9b6", self.name())
    }

    fn uid(self, of: u32) -> String {
        format!("0000000{}-0000-4000-8000-{of:012x}", self as u8 + 1)
    }

    /// Its ReplicaSet.
    pub(crate) fn owner(self) -> (String, Value) {
        let path = format!(
            "/apis/apps/v1/namespaces/{NAMESPACE}/replicasets/{}",
            self.set()
        );
        let owner = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": self.name(),
            "uid": self.uid(1), "controller": true});
        let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"uid": self.uid(2), "ownerReferences": [owner]}});
        (path, set)
    }
}

/// One pod: when it comes and goes, and what its hook does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    pub(crate) workload: Workload,
    /// Names it.
    pub(crate) number: u32,
    pub(crate) begins_seconds: f64,
    pub(crate) lives_seconds: f64,
    /// The preStop hook, or the postStart hook of so many instances of the container.
    pub(crate) failures: u32,
}

/// Something that is written to the API server.
#[derive(Debug, Clone)]
pub(crate) struct Action {
    pub(crate) at_seconds: f64,
    pub(crate) path: String,
    /// `None`: the object is removed.
    pub(crate) object: Option<Value>,
}

impl Life {
    /// Runs of its hook.
    pub(crate) const fn runs(&self) -> u32 {
        match self.workload {
            Workload::Starter => self.failures + 1,
            Workload::Stopper => 1,
        }
    }

    /// Everything that is written about it, in order.
    pub(crate) fn actions(self, start: Timestamp) -> Vec<Action> {
        let mut pod = Pod::new(self, start);
        pod.live();
        pod.actions
    }
}

struct Pod {
    life: Life,
    start: Timestamp,
    object: Value,
    actions: Vec<Action>,
}

impl Pod {
    fn new(life: Life, start: Timestamp) -> Self {
        let workload = life.workload;
        let hook = json!({workload.hook(): {"exec": {"command": ["sh", "-c", "true"]}}});
        let object = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"uid": workload.uid(1000 + life.number), "generation": 1, "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": workload.set(), "uid": workload.uid(2),
                "controller": true}]},
            "spec": {"nodeName": "node-1", "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
                "containers": [{"name": "app", "lifecycle": hook}]},
            "status": {"phase": "Pending", "observedGeneration": 1}});
        Self {
            life,
            start,
            object,
            actions: Vec::new(),
        }
    }

    fn live(&mut self) {
        let began = self.life.begins_seconds;
        self.object["metadata"]["creationTimestamp"] = json!(self.stamp(began));
        self.show(began);
        self.state(
            0,
            json!({"waiting": {"reason": "ContainerCreating"}}),
            json!({}),
        );
        self.show(began + 0.1);
        let mut started = began + 1.0;
        let mut restart = 0;
        if self.life.workload == Workload::Starter {
            for failure in 0..self.life.failures {
                self.fail_post_start(restart, started);
                restart += 1;
                started += if failure == 0 { 3.0 } else { 12.0 };
            }
        }
        let running = json!({"running": {"startedAt": self.stamp(started)}});
        let last = self.object["status"]["containerStatuses"][0]["lastState"].clone();
        self.object["status"]["phase"] = json!("Running");
        self.state(restart, running, last);
        self.show(started + 0.3);
        self.stop(restart, started, started + self.life.lives_seconds);
    }

    fn fail_post_start(&mut self, restart: u32, started: f64) {
        let failed = started + 0.9;
        let count = restart + 1;
        let first = self.life.begins_seconds + 1.9;
        self.event(
            "FailedPostStartHook",
            "PostStartHook failed",
            first,
            failed,
            count,
        );
        self.event(
            "Killing",
            "FailedPostStartHook",
            first + 0.001,
            failed + 0.001,
            count,
        );
        let end = json!({"terminated": self.end(restart, started, failed)});
        let waiting = json!({"waiting": {"reason": "PostStartHookError",
            "message": "Exec lifecycle hook ([sh -c true]) for Container \"app\" in Pod \"p\" failed - error: \
                command 'sh -c true' exited with 7: , message: \"\""}});
        self.object["status"]["phase"] = json!("Running");
        self.state(restart, waiting, end);
        self.show(failed + 1.0);
    }

    fn stop(&mut self, restart: u32, started: f64, asked: f64) {
        let grace_seconds = 30.0;
        self.object["metadata"]["generation"] = json!(2);
        self.object["metadata"]["deletionTimestamp"] = json!(self.stamp(asked + grace_seconds));
        self.object["metadata"]["deletionGracePeriodSeconds"] = json!(30);
        self.show(asked);
        self.event("Killing", "Stopping container app", asked, asked, 1);
        self.object["status"]["observedGeneration"] = json!(2);
        self.show(asked + 0.05);
        let ended = asked + 1.4;
        if self.life.workload == Workload::Stopper && self.life.failures > 0 {
            let failed = asked + 1.0;
            self.event("FailedPreStopHook", "PreStopHook failed", failed, failed, 1);
        }
        self.object["status"]["phase"] = json!("Succeeded");
        let end = json!({"terminated": self.end(restart, started, ended)});
        self.state(restart, end, json!({}));
        self.show(ended + 0.3);
        self.object["metadata"]["deletionTimestamp"] = json!(self.stamp(ended + 1.0));
        self.object["metadata"]["deletionGracePeriodSeconds"] = json!(0);
        self.show(ended + 1.0);
        self.write(ended + 1.01, self.path(), None);
    }

    fn end(&self, restart: u32, started: f64, ended: f64) -> Value {
        json!({"exitCode": 0, "reason": "Completed", "startedAt": self.stamp(started),
            "finishedAt": self.stamp(ended), "containerID": self.container(restart)})
    }

    fn container(&self, restart: u32) -> String {
        format!(
            "containerd://{:08x}{restart:08x}{:048x}",
            self.life.number + 1,
            0
        )
    }

    fn state(&mut self, restart: u32, state: Value, last: Value) {
        let mut status =
            json!({"name": "app", "restartCount": restart, "state": state, "lastState": last});
        if status["state"]["waiting"]["reason"] != "ContainerCreating" {
            status["containerID"] = json!(self.container(restart));
        }
        self.object["status"]["containerStatuses"] = json!([status]);
    }

    fn show(&mut self, at_seconds: f64) {
        self.write(at_seconds, self.path(), Some(self.object.clone()));
    }

    fn event(&mut self, reason: &str, message: &str, first: f64, last: f64, count: u32) {
        let name = format!("{}.{:x}", self.name(), self.at(first).as_nanosecond());
        let object = json!({"apiVersion": "v1", "kind": "Event", "reason": reason, "message": message,
            "metadata": {"creationTimestamp": self.stamp(first)}, "count": count,
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": NAMESPACE, "name": self.name(),
                "uid": self.object["metadata"]["uid"], "fieldPath": "spec.containers{app}"},
            "firstTimestamp": self.stamp(first), "lastTimestamp": self.stamp(last),
            "type": if reason == "Killing" { "Normal" } else { "Warning" },
            "source": {"component": "kubelet", "host": "node-1"},
            "reportingComponent": "kubelet", "reportingInstance": "node-1"});
        let path = format!("/api/v1/namespaces/{NAMESPACE}/events/{name}");
        self.write(last + 0.02, path, Some(object));
    }

    fn write(&mut self, at_seconds: f64, path: String, object: Option<Value>) {
        self.actions.push(Action {
            at_seconds,
            path,
            object,
        });
    }

    fn path(&self) -> String {
        format!("/api/v1/namespaces/{NAMESPACE}/pods/{}", self.name())
    }

    /// As a ReplicaSet names its pods.
    fn name(&self) -> String {
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let mut rest = self.life.number as usize;
        let mut suffix = String::new();
        for _ in 0..5 {
            suffix.push(char::from(LETTERS[rest % LETTERS.len()]));
            rest /= LETTERS.len();
        }
        format!("{}-{suffix}", self.life.workload.set())
    }

    fn at(&self, seconds: f64) -> Timestamp {
        self.start + SignedDuration::from_secs_f64(seconds)
    }

    /// Cut to whole seconds, as the API server stores it.
    fn stamp(&self, seconds: f64) -> String {
        let whole = Timestamp::from_second(self.at(seconds).as_second()).unwrap();
        whole.to_string()
    }
}
