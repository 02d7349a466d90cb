//! The API server of the testkit answers what a real one answers, as far as hookaudit can tell them apart.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::pin::pin;

use futures::{AsyncBufReadExt, StreamExt};
use hookaudit_testkit::api_server::ApiServer;
use hookaudit_testkit::cluster::Cluster;
use hookaudit_testkit::cluster_or_skip;
use http::Request;
use http::header::{ACCEPT, CONTENT_TYPE};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// A client in one namespace, and what it saw.
struct Witness {
    client: Client,
    namespace: String,
    seen: Vec<String>,
}

impl Witness {
    /// Sends, and notes the code of the answer.
    async fn ask(&mut self, what: &str, method: &str, path: &str, body: Value) -> Value {
        let content = if method == "PATCH" {
            "application/apply-patch+yaml"
        } else {
            "application/json"
        };
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        let accept = if path.contains("limit=") {
            METADATA_ONLY
        } else {
            "application/json"
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(CONTENT_TYPE, content)
            .header(ACCEPT, accept)
            .body(Body::from(body))
            .unwrap();
        let answer = self.client.send(request).await.unwrap();
        self.seen
            .push(format!("{what}: {}", answer.status().as_u16()));
        let body = answer.into_body().collect_bytes().await.unwrap();
        serde_json::from_slice(&body).unwrap_or_default()
    }

    fn note(&mut self, what: &str, value: impl std::fmt::Debug) {
        self.seen.push(format!("{what}: {value:?}"));
    }

    fn within(&self, group: &str, rest: &str) -> String {
        format!("{group}/namespaces/{}/{rest}", self.namespace)
    }

    /// So many lines of a watch: the type, the object's name, and whether it ends the first list.
    async fn lines(&mut self, what: &str, path: &str, count: usize) {
        let request = Request::get(path).body(Vec::new()).unwrap();
        let stream = self.client.request_stream(request).await.unwrap();
        let mut lines = pin!(stream.lines().take(count));
        while let Some(line) = lines.next().await {
            let line = line.unwrap();
            self.note("begins with its type", line.starts_with("{\"type\":\""));
            let line: Value = serde_json::from_str(&line).unwrap();
            let metadata = &line["object"]["metadata"];
            let ends_list = metadata["annotations"]["k8s.io/initial-events-end"].clone();
            let has_version = metadata["resourceVersion"].is_string();
            let told = (
                line["type"].clone(),
                metadata["name"].clone(),
                ends_list,
                has_version,
            );
            self.note(what, told);
        }
    }

    async fn see(mut self) -> Vec<String> {
        self.leases().await;
        self.reports().await;
        self.events().await;
        self.seen
    }

    async fn leases(&mut self) {
        let leases = self.within("/apis/coordination.k8s.io/v1", "leases");
        let one = format!("{leases}/one");
        let mut lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "one"}, "spec": {"holderIdentity": "a"}});
        self.ask("no lease", "GET", &one, Value::Null).await;
        let made = self.ask("made", "POST", &leases, lease.clone()).await;
        self.ask("made again", "POST", &leases, lease.clone()).await;
        self.note("holder", &made["spec"]["holderIdentity"]);
        lease["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"].clone();
        lease["spec"]["holderIdentity"] = json!("b");
        let taken = self.ask("replaced", "PUT", &one, lease.clone()).await;
        self.note(
            "version moved",
            taken["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"],
        );
        self.note(
            "uid stays",
            taken["metadata"]["uid"] == made["metadata"]["uid"],
        );
        self.ask("replaced over an old version", "PUT", &one, lease)
            .await;
        let found = self.ask("found", "GET", &one, Value::Null).await;
        self.note("holder", &found["spec"]["holderIdentity"]);
        let version = made["metadata"]["resourceVersion"]
            .as_str()
            .unwrap()
            .to_owned();
        let watch = format!(
            "{leases}?watch=true&fieldSelector=metadata.name%3Done&resourceVersion={version}"
        );
        self.lines("what came after", &watch, 1).await;
        self.ask("deleted", "DELETE", &one, Value::Null).await;
        self.ask("deleted again", "DELETE", &one, Value::Null).await;
        self.lines("what came after", &watch, 2).await;
    }

    async fn reports(&mut self) {
        let path = self.within("/apis/hookaudit.io/v1alpha1", "hookaudits/deployment-web");
        let apply = format!("{path}?fieldManager=hookaudit");
        let status = format!("{path}/status?fieldManager=hookaudit&force=true");
        let head = json!({"apiVersion": "hookaudit.io/v1alpha1", "kind": "HookAudit",
            "metadata": {"name": "deployment-web", "namespace": self.namespace}});
        let mut object = head.clone();
        object["spec"] =
            json!({"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}});
        let mut told = head.clone();
        told["status"] = json!({"incidentCount": 3});
        self.ask("the status of nothing", "PATCH", &status, told.clone())
            .await;
        let made = self.ask("applied", "PATCH", &apply, object).await;
        self.note("generation", &made["metadata"]["generation"]);
        told["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"].clone();
        let written = self.ask("told", "PATCH", &status, told.clone()).await;
        self.note("incidents", &written["status"]["incidentCount"]);
        self.note("target", &written["spec"]["targetRef"]["name"]);
        self.note("generation", &written["metadata"]["generation"]);
        self.ask("told over an old version", "PATCH", &status, told)
            .await;
    }

    async fn events(&mut self) {
        let events = self.within("/api/v1", "events");
        for (name, reason) in [
            ("a", "Killing"),
            ("b", "Started"),
            ("c", "Killing"),
            ("d", "Killing"),
        ] {
            let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": name}, "reason": reason,
                "involvedObject": {"kind": "Pod", "namespace": self.namespace, "name": "p", "uid": "7"}});
            self.ask("event", "POST", &events, event).await;
        }
        let all = self
            .ask("one", "GET", &format!("{events}?limit=1"), Value::Null)
            .await;
        self.note("one", all["items"].as_array().unwrap().len());
        self.note("kind", &all["items"][0]["kind"]);
        self.note("its reason", &all["items"][0]["reason"]);
        self.note(
            "there is more",
            all["metadata"]["continue"]
                .as_str()
                .is_some_and(|token| !token.is_empty()),
        );
        let version = all["metadata"]["resourceVersion"]
            .as_str()
            .unwrap()
            .to_owned();
        self.note("a number", version.parse::<u64>().is_ok());
        self.pages(&events).await;
        let of_pod = format!("{events}?fieldSelector=involvedObject.uid%3D7%2Creason%3DStarted");
        let found = self.ask("of a pod", "GET", &of_pod, Value::Null).await;
        self.note("of a pod", found["items"].as_array().unwrap().len());
        let killing = "watch=true&allowWatchBookmarks=true&fieldSelector=reason%3DKilling";
        let listed = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0";
        self.lines("list and watch", &format!("{events}?{killing}&{listed}"), 4)
            .await;
        self.ask("gone", "DELETE", &format!("{events}/c"), Value::Null)
            .await;
        let after = format!("{events}?{killing}&resourceVersion={version}");
        self.lines("what came after", &after, 1).await;
        // It waits in silence, which is why a watch resumed after a loss asks first.
        self.ask("gone", "DELETE", &format!("{events}/d"), Value::Null)
            .await;
        let beyond = version.parse::<u64>().unwrap() + 1_000_000;
        for resource in ["events", "pods"] {
            let query = "watch=true&allowWatchBookmarks=true&timeoutSeconds=3";
            let watch = self.within("/api/v1", resource);
            let watch = format!("{watch}?{query}&resourceVersion={beyond}");
            self.lines("from where nobody was", &watch, 1).await;
        }
    }

    async fn pages(&mut self, events: &str) {
        let mut token = String::new();
        for _ in 0..3 {
            let path = format!("{events}?limit=2&fieldSelector=reason%3DKilling&continue={token}");
            let page = self.ask("page", "GET", &path, Value::Null).await;
            let items = page["items"].as_array().unwrap();
            let names: Vec<&Value> = items.iter().map(|item| &item["metadata"]["name"]).collect();
            self.note("page", names);
            token = page["metadata"]["continue"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            if token.is_empty() {
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_answer_alike() {
    let cluster = cluster_or_skip!(Cluster::api_server());
    cluster
        .kubectl(&["apply", "-f", "config/crd/hookaudit.io_hookaudits.yaml"])
        .unwrap();
    cluster
        .wait_until_served("hookaudits.hookaudit.io")
        .unwrap();
    let namespace = cluster.namespace("likeness").unwrap();
    let real = Witness {
        client: cluster.client().await.unwrap(),
        namespace: namespace.name().to_owned(),
        seen: Vec::new(),
    };
    let ours = Witness {
        client: ApiServer::default().client(),
        namespace: namespace.name().to_owned(),
        seen: Vec::new(),
    };
    assert_eq!(ours.see().await, real.see().await);
}
