//! An API server in this process that takes every HookAudit, and remembers when it took its status.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::Instant;

#[derive(Clone, Default)]
pub(crate) struct Api {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    audits: BTreeMap<String, Value>,
    version: u64,
    statuses: Vec<Told>,
    /// Objects as they were written, not yet seen by a watch.
    news: Vec<Value>,
}

/// One write of a status.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) at: Instant,
    pub(crate) path: String,
    /// Its condition `Healthy` is False.
    pub(crate) is_bad: bool,
}

impl Api {
    pub(crate) fn client(&self) -> Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move { Ok::<_, Infallible>(api.answer(request).await) }
        });
        Client::new(service, "default")
    }

    pub(crate) fn audit(&self, namespace: &str, deployment: &str) -> Option<Value> {
        let path = format!(
            "/apis/hookaudit.io/v1alpha1/namespaces/{namespace}/hookaudits/deployment-{deployment}"
        );
        self.state.lock().unwrap().audits.get(&path).cloned()
    }

    /// Every write of a status, in their order.
    pub(crate) fn status_writes(&self) -> Vec<Told> {
        self.state.lock().unwrap().statuses.clone()
    }

    /// What a watch would tell by now.
    pub(crate) fn take_news(&self) -> Vec<Value> {
        std::mem::take(&mut self.state.lock().unwrap().news)
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let mut state = self.state.lock().unwrap();
        let path = parts.uri.path();
        let (path, part) = match path.strip_suffix("/status") {
            Some(path) => (path, "status"),
            None => (path, "spec"),
        };
        if parts.method == Method::GET {
            return match state.audits.get(path) {
                Some(audit) => respond(StatusCode::OK, audit),
                None => respond(StatusCode::NOT_FOUND, &json!({"code": 404})),
            };
        }
        if part == "status" {
            let conditions = body["status"]["conditions"].as_array();
            let is_bad = conditions
                .into_iter()
                .flatten()
                .any(|condition| condition["type"] == "Healthy" && condition["status"] == "False");
            state.statuses.push(Told {
                at: Instant::now(),
                path: path.to_owned(),
                is_bad,
            });
        }
        state.version += 1;
        let version = state.version.to_string();
        let audit = state.audits.entry(path.to_owned()).or_insert_with(|| {
            json!({"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": body["metadata"]})
        });
        audit[part] = body[part].clone();
        audit["metadata"]["resourceVersion"] = json!(version);
        audit["metadata"]["generation"] = json!(1);
        let written = audit.clone();
        state.news.push(written.clone());
        respond(StatusCode::OK, &written)
    }
}

fn respond(code: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(serde_json::to_vec(body).unwrap()));
    *response.status_mut() = code;
    response
}
