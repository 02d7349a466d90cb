//! An API server in this process: objects by path, server-side apply as far as the sinks use it, and failures on demand.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

#[derive(Clone, Default)]
pub(super) struct FakeApi {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    version: u64,
    /// Requests that change something: method, path with query, body.
    writes: Vec<(Method, String, Value)>,
    failures: VecDeque<Failure>,
}

pub(super) enum Failure {
    /// This code, with `Retry-After` in seconds.
    Code(StatusCode, Option<u64>),
    /// This code with this message.
    Said(StatusCode, &'static str),
    /// No answer ever.
    Hang,
    /// Somebody writes the object just before.
    Overtaken,
}

impl FakeApi {
    pub(super) fn client(&self) -> Client {
        let fake = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let fake = fake.clone();
            async move { Ok::<_, Infallible>(fake.answer(request).await) }
        });
        Client::new(service, "default")
    }

    /// The next requests that change something fail like this.
    pub(super) fn fail(&self, failures: impl IntoIterator<Item = Failure>) {
        self.state.lock().unwrap().failures.extend(failures);
    }

    pub(super) fn writes(&self) -> Vec<(Method, String, Value)> {
        self.state.lock().unwrap().writes.clone()
    }

    pub(super) fn object(&self, path: &str) -> Option<Value> {
        self.state.lock().unwrap().objects.get(path).cloned()
    }

    pub(super) fn put(&self, path: &str, mut object: Value) {
        let mut state = self.state.lock().unwrap();
        state.stamp(&mut object);
        state.objects.insert(path.to_owned(), object);
    }

    pub(super) fn remove(&self, path: &str) {
        self.state.lock().unwrap().objects.remove(path);
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let path = parts.uri.path().to_owned();
        if parts.method == Method::GET {
            return match self.object(&path) {
                Some(object) => respond(StatusCode::OK, &object),
                None => respond(StatusCode::NOT_FOUND, &json!({"code": 404})),
            };
        }
        let failure = {
            let mut state = self.state.lock().unwrap();
            state
                .writes
                .push((parts.method.clone(), parts.uri.to_string(), body.clone()));
            state.failures.pop_front()
        };
        match failure {
            Some(Failure::Hang) => std::future::pending().await,
            Some(Failure::Code(code, retry_after)) => {
                let mut response = respond(
                    code,
                    &json!({"code": code.as_u16(), "message": "on demand"}),
                );
                if let Some(seconds) = retry_after {
                    response.headers_mut().insert("retry-after", seconds.into());
                }
                return response;
            }
            Some(Failure::Said(code, message)) => {
                return respond(code, &json!({"code": code.as_u16(), "message": message}));
            }
            Some(Failure::Overtaken) => {
                let path = path.trim_end_matches("/status");
                let object = self.object(path).unwrap();
                self.put(path, object);
            }
            None => {}
        }
        let mut state = self.state.lock().unwrap();
        if parts.method == Method::POST {
            state.create(&path, body)
        } else {
            state.apply(&path, &body)
        }
    }
}

impl State {
    fn stamp(&mut self, object: &mut Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
    }

    fn create(&mut self, path: &str, mut body: Value) -> Response<Body> {
        let path = format!("{path}/{}", body["metadata"]["name"].as_str().unwrap());
        if self.objects.contains_key(&path) {
            return respond(
                StatusCode::CONFLICT,
                &json!({"code": 409, "reason": "AlreadyExists"}),
            );
        }
        self.stamp(&mut body);
        self.objects.insert(path, body.clone());
        respond(StatusCode::CREATED, &body)
    }

    fn apply(&mut self, path: &str, body: &Value) -> Response<Body> {
        let (path, subresource) = match path.strip_suffix("/status") {
            Some(path) => (path, "status"),
            None => (path, "spec"),
        };
        let expected = body["metadata"]["resourceVersion"].as_str();
        let mut object = match self.objects.get(path) {
            Some(object) => object.clone(),
            None if subresource == "status" || expected.is_some() => {
                return respond(StatusCode::NOT_FOUND, &json!({"code": 404}));
            }
            None => json!({"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": {
                "name": body["metadata"]["name"], "namespace": body["metadata"]["namespace"], "generation": 1}}),
        };
        if expected.is_some_and(|expected| object["metadata"]["resourceVersion"] != expected) {
            return respond(
                StatusCode::CONFLICT,
                &json!({"code": 409, "reason": "Conflict"}),
            );
        }
        if body[subresource].is_object() {
            object[subresource] = body[subresource].clone();
        }
        if subresource == "spec" {
            object["metadata"]["ownerReferences"] = body["metadata"]["ownerReferences"].clone();
        }
        self.stamp(&mut object);
        self.objects.insert(path.to_owned(), object.clone());
        respond(StatusCode::OK, &object)
    }
}

fn respond(code: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(serde_json::to_vec(body).unwrap()));
    *response.status_mut() = code;
    response
}
