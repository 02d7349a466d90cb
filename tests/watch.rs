//! The watches against a real API server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use hookaudit::audit::observation::Observation;
use hookaudit::audit::seen::{EventReason, Note, PodSeen, Resource, Stream, Subject, Uid};
use hookaudit::source::translate::Translator;
use hookaudit::source::watch::{self, Failure, Handles, Options, RawObjects, StreamHealth};
use hookaudit::source::{Change, Seen};
use hookaudit_testkit::cluster::{Cluster, Level, Namespace};
use hookaudit_testkit::cluster_or_skip;
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const CRD: &str = "config/crd/hookaudit.io_hookaudits.yaml";
const PATIENCE: Duration = Duration::from_secs(60);

struct Watching {
    receiver: Receiver<Seen>,
    handles: Handles,
    cancel: CancellationToken,
    first: Vec<Seen>,
}

impl Watching {
    fn start(client: &Client, options: &Options) -> Self {
        let cancel = CancellationToken::new();
        let translator = Translator::default();
        let (receiver, handles) = watch::start(client, options, &translator, cancel.clone());
        Self {
            receiver,
            handles,
            cancel,
            first: Vec::new(),
        }
    }

    /// Reads until all streams are synced.
    async fn synced(client: &Client, options: &Options) -> Self {
        let mut watching = Self::start(client, options);
        let mut missing = watch::streams(options);
        while !missing.is_empty() {
            let seen = watching.next().await;
            if let Observation::Synced(stream) = &seen.observation {
                assert_eq!(stream, seen.stream.as_ref());
                missing.retain(|other| other != stream);
            }
            watching.first.push(seen);
        }
        watching
    }

    async fn next(&mut self) -> Seen {
        timeout(PATIENCE, self.receiver.recv())
            .await
            .unwrap()
            .unwrap()
    }

    /// Reads until something is seen.
    async fn find<T>(&mut self, mut wanted: impl FnMut(&Seen) -> Option<T>) -> (Vec<Seen>, T) {
        let mut before = Vec::new();
        loop {
            let seen = self.next().await;
            if let Some(found) = wanted(&seen) {
                return (before, found);
            }
            before.push(seen);
        }
    }

    fn health_of(&self, resource: Resource) -> std::sync::Arc<StreamHealth> {
        let health = self.handles.health();
        let found = health
            .iter()
            .find(|health| health.stream().resource == resource);
        std::sync::Arc::clone(found.unwrap())
    }

    async fn end(self) {
        self.cancel.cancel();
        timeout(PATIENCE, self.handles.ended()).await.unwrap();
    }
}

fn present(name: &str) -> impl FnMut(&Seen) -> Option<PodSeen> {
    let name = name.to_owned();
    move |seen| match &seen.observation {
        Observation::Pod(pod) if pod.name.as_ref() == name => Some(pod.as_ref().clone()),
        _ => None,
    }
}

fn make_pod(namespace: &Namespace<'_>, name: &str) {
    // Without controllers nobody makes it; with them it is there already.
    let _made = namespace.kubectl(&["create", "serviceaccount", "default"]);
    namespace
        .apply(&format!(
            r#"{{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "{name}"}}, "spec": {{
                "automountServiceAccountToken": false, "terminationGracePeriodSeconds": 7,
                "containers": [{{"name": "app", "image": "none",
                    "lifecycle": {{"preStop": {{"exec": {{"command": ["sh", "-c", "hunter2"]}}}}}}}}]}}}}"#
        ))
        .unwrap();
}

fn make_event(namespace: &Namespace<'_>, pod: &PodSeen, reason: &str, message: &str) {
    let name = format!("{}.{reason}", pod.name).to_lowercase();
    namespace
        .apply(&format!(
            r#"{{"apiVersion": "v1", "kind": "Event", "metadata": {{"name": "{name}"}},
                "involvedObject": {{"apiVersion": "v1", "kind": "Pod", "namespace": "{}", "name": "{}", "uid": "{}",
                    "fieldPath": "spec.containers{{app}}"}},
                "reason": "{reason}", "message": "{message}", "type": "Normal", "count": 1,
                "source": {{"component": "kubelet", "host": "node-1"}},
                "firstTimestamp": "2026-11-22T10:00:00Z", "lastTimestamp": "2026-11-22T10:00:00Z"}}"#,
            pod.namespace, pod.name, pod.uid
        ))
        .unwrap();
}

fn recorded() -> Options {
    Options {
        raw: RawObjects::Kept,
        ..Options::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stream_lists_in_order_and_then_follows() {
    let cluster = cluster_or_skip!(Cluster::api_server());
    cluster.kubectl(&["apply", "-f", CRD]).unwrap();
    let client = cluster.client().await.unwrap();
    let namespace = cluster.namespace("watch").unwrap();
    make_pod(&namespace, "early");
    let mut watching = Watching::synced(&client, &recorded()).await;

    let synced: Vec<Resource> = watching
        .first
        .iter()
        .filter(|seen| seen.change == Change::Synced)
        .map(|seen| seen.stream.resource)
        .collect();
    assert_eq!(synced[..2], [Resource::HookAudits, Resource::Namespaces]);
    assert_eq!(
        synced[5..],
        [[Resource::Pods; 1].as_slice(), &[Resource::Events; 12]].concat()
    );
    let early = watching
        .first
        .iter()
        .find(|seen| present("early")(seen).is_some())
        .unwrap();
    assert_eq!(early.change, Change::Added);
    let raw: serde_json::Value = serde_json::from_str(early.raw.as_ref().unwrap().get()).unwrap();
    assert_eq!(raw["metadata"]["name"], "early");
    let defect = watching
        .first
        .iter()
        .find(|seen| matches!(seen.observation, Observation::Defect { .. }));
    assert!(defect.is_none(), "{defect:?}");

    make_pod(&namespace, "late");
    let (_, late) = watching.find(present("late")).await;
    assert_eq!(late.grace_seconds, 7);
    let pre_stop = late.containers[0].pre_stop.clone().unwrap();
    assert_eq!(pre_stop.program.as_deref(), Some("sh"));

    make_event(&namespace, &late, "Killing", "Stopping container app");
    let is_killing = |seen: &Seen| match &seen.observation {
        Observation::Event(event) if event.reason == EventReason::Killing => {
            Some((event.clone(), seen.stream.selector.clone().unwrap()))
        }
        _ => None,
    };
    let (_, (event, selector)) = watching.find(is_killing).await;
    assert_eq!(event.note, Note::StoppingContainer);
    assert_eq!(selector.as_ref(), "reason=Killing");
    let uid_of = |subject: &Subject| match subject {
        Subject::Pod { uid, .. } => *uid,
        _ => None,
    };
    assert_eq!(uid_of(&event.subject), Some(late.uid));

    namespace
        .kubectl(&["delete", "pod", "late", "--grace-period=0", "--force"])
        .unwrap();
    let is_gone = |seen: &Seen| match &seen.observation {
        Observation::PodGone(pod) if pod.uid == late.uid => Some(seen.change),
        _ => None,
    };
    let (_, change) = watching.find(is_gone).await;
    assert_eq!(change, Change::Deleted);
    let health = watching.handles.health();
    for health in health.iter() {
        let state = health.state();
        assert!(state.is_synced && state.active_at.is_some(), "{health:?}");
        assert_eq!(
            (state.failures, state.failure, state.relists),
            (0, None, 0),
            "{health:?}"
        );
    }
    watching.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_finds_the_events_of_one_pod_whatever_their_reason() {
    let cluster = cluster_or_skip!(Cluster::api_server());
    let client = cluster.client().await.unwrap();
    let namespace = cluster.namespace("lookup").unwrap();
    make_pod(&namespace, "late");
    let options = Options {
        resources: vec![Resource::Pods],
        ..Options::default()
    };
    let mut watching = Watching::start(&client, &options);
    let (_, late) = watching.find(present("late")).await;
    watching.end().await;
    make_event(&namespace, &late, "Killing", "Stopping container app");
    make_event(&namespace, &late, "Started", "Container started");
    let found = watch::events_of_pod(&client, namespace.name(), late.uid, RawObjects::Kept)
        .await
        .unwrap();
    let mut reasons: Vec<EventReason> = found
        .iter()
        .map(|seen| match &seen.observation {
            Observation::Found(event) => event.reason,
            other => panic!("{other:?}"),
        })
        .collect();
    reasons.sort();
    assert_eq!(reasons, [EventReason::Killing, EventReason::Started]);
    assert!(found.iter().all(|seen| seen.raw.is_some()));
    let none = watch::events_of_pod(&client, namespace.name(), Uid(7), RawObjects::Dropped)
        .await
        .unwrap();
    assert!(none.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn chosen_namespaces_are_all_that_is_seen() {
    let cluster = cluster_or_skip!(Cluster::api_server());
    let client = cluster.client().await.unwrap();
    let [one, other] = ["one", "other"].map(|name| cluster.namespace(name).unwrap());
    make_pod(&one, "in");
    make_pod(&other, "out");
    let options = Options {
        namespaces: vec![one.name().to_owned()],
        resources: vec![Resource::Namespaces, Resource::Pods, Resource::Events],
        raw: RawObjects::Dropped,
    };
    let watching = Watching::synced(&client, &options).await;
    for seen in &watching.first {
        assert!(seen.raw.is_none());
        match &seen.observation {
            Observation::Pod(pod) => assert_eq!(pod.name.as_ref(), "in"),
            Observation::Namespace { name, .. } => assert_eq!(name.as_ref(), one.name()),
            _ => {}
        }
    }
    assert!(
        watching
            .first
            .iter()
            .any(|seen| present("in")(seen).is_some())
    );
    watching.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forbidden_shows_in_the_health_and_holds_nothing_up() {
    let cluster = cluster_or_skip!(Cluster::api_server());
    let namespace = cluster.namespace("forbidden").unwrap();
    namespace
        .kubectl(&["create", "serviceaccount", "auditor"])
        .unwrap();
    let path = cluster.kubeconfig_of(namespace.name(), "auditor").unwrap();
    let kubeconfig = Kubeconfig::read_from(path).unwrap();
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .unwrap();
    let client = Client::try_from(config).unwrap();
    let role = format!("{}:auditor", namespace.name());
    let options = Options {
        namespaces: vec![namespace.name().to_owned()],
        resources: vec![Resource::Namespaces, Resource::Nodes, Resource::Pods],
        raw: RawObjects::Dropped,
    };
    namespace
        .kubectl(&[
            "create",
            "role",
            "auditor",
            "--verb=list,watch",
            "--resource=pods",
        ])
        .unwrap();
    namespace
        .kubectl(&[
            "create",
            "rolebinding",
            "auditor",
            "--role=auditor",
            &format!("--serviceaccount={role}"),
        ])
        .unwrap();
    let mut watching = Watching::start(&client, &options);
    let is_synced = |seen: &Seen| (seen.change == Change::Synced).then(|| seen.stream.resource);
    let (_, synced) = watching.find(is_synced).await;
    assert_eq!(synced, Resource::Pods);
    for resource in [Resource::Namespaces, Resource::Nodes] {
        let state = watching.health_of(resource).state();
        assert_eq!(state.failure, Some(Failure::Forbidden), "{resource:?}");
        assert!(!state.is_synced && state.failures > 0, "{resource:?}");
    }
    assert_eq!(watching.health_of(Resource::Pods).state().failure, None);

    // Rights that are granted later count at once.
    namespace
        .kubectl(&[
            "create",
            "clusterrole",
            &role,
            "--verb=list,watch",
            "--resource=nodes,namespaces",
        ])
        .unwrap();
    let account = format!("--serviceaccount={role}");
    let binding = [
        "create",
        "clusterrolebinding",
        &role,
        "--clusterrole",
        &role,
        &account,
    ];
    namespace.kubectl(&binding).unwrap();
    watching
        .find(|seen| (is_synced(seen)? == Resource::Nodes).then_some(()))
        .await;
    assert_eq!(watching.health_of(Resource::Nodes).state().failure, None);
    watching.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_that_is_not_installed_shows_in_the_health_and_holds_nothing_up() {
    let cluster = cluster_or_skip!(Cluster::fresh(Level::Api, &[]));
    let client = cluster.client().await.unwrap();
    let options = Options {
        resources: vec![Resource::HookAudits, Resource::Pods],
        ..Options::default()
    };
    let mut watching = Watching::start(&client, &options);
    let is_synced = |seen: &Seen| (seen.change == Change::Synced).then(|| seen.stream.resource);
    assert_eq!(watching.find(is_synced).await.1, Resource::Pods);
    let state = watching.health_of(Resource::HookAudits).state();
    assert_eq!(state.failure, Some(Failure::NotFound));
    cluster.kubectl(&["apply", "-f", CRD]).unwrap();
    assert_eq!(watching.find(is_synced).await.1, Resource::HookAudits);
    watching.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_by_pages_where_streaming_is_refused() {
    let flags = ["--feature-gates", "WatchList=false"];
    let cluster = cluster_or_skip!(Cluster::fresh(Level::Api, &flags));
    cluster.kubectl(&["apply", "-f", CRD]).unwrap();
    let client = cluster.client().await.unwrap();
    let namespace = cluster.namespace("pages").unwrap();
    make_pod(&namespace, "early");
    let mut watching = Watching::synced(&client, &recorded()).await;
    assert!(
        watching
            .first
            .iter()
            .any(|seen| present("early")(seen).is_some())
    );
    for health in watching.handles.health().iter() {
        let state = health.state();
        assert_eq!((state.failures, state.failure), (1, None), "{health:?}");
    }
    make_pod(&namespace, "late");
    watching.find(present("late")).await;
    watching.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_come_back_with_the_api_server_and_miss_nothing() {
    let cluster = cluster_or_skip!(Cluster::fresh(Level::Api, &[]));
    cluster.kubectl(&["apply", "-f", CRD]).unwrap();
    let client = cluster.client().await.unwrap();
    let namespace = cluster.namespace("restart").unwrap();
    make_pod(&namespace, "kept");
    make_pod(&namespace, "lost");
    let mut watching = Watching::synced(&client, &recorded()).await;

    cluster.component("kill", "kube-apiserver").unwrap();
    let nodes = watching.health_of(Resource::Nodes);
    while nodes.state().failure.is_none() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(nodes.state().failure, Some(Failure::Connection));
    cluster.component("start", "kube-apiserver").unwrap();
    let up = async {
        while cluster.kubectl(&["get", "--raw", "/readyz"]).is_err() {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    timeout(PATIENCE, up).await.unwrap();
    namespace
        .kubectl(&["delete", "pod", "lost", "--grace-period=0", "--force"])
        .unwrap();
    make_pod(&namespace, "new");
    let (before, _) = watching.find(present("new")).await;

    // Either the watch went on where it was, or everything was listed again and says so.
    let is_lost = |seen: &&Seen| matches!(&seen.observation, Observation::PodGone(pod) if pod.name.as_ref() == "lost");
    let pods = Stream::whole(Resource::Pods);
    let is_relist = |seen: &&Seen| seen.observation == Observation::Relist(pods.clone());
    let told_gone = before.iter().find(is_lost).is_some();
    let told_relist = before.iter().find(is_relist).is_some();
    assert!(told_gone || told_relist, "{before:?}");
    while watching
        .handles
        .health()
        .iter()
        .any(|health| health.state().failure.is_some())
    {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    watching.end().await;
}
