//! What changes objects.

use http::header::RETRY_AFTER;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::request::Asked;
use super::store::{Key, Store};
use super::{Answer, ApiServer, Refusal, Write, answer};

impl ApiServer {
    pub(super) async fn change(
        &self,
        client: &str,
        asked: &Asked,
        method: &Method,
        uri: String,
        body: &Value,
    ) -> Answer {
        let refusal = self.state().refusals.pop_front();
        let write = Write {
            client: client.into(),
            at: Instant::now(),
            method: method.clone(),
            uri,
            body: body.clone(),
            code: 0,
        };
        let answer = match refusal {
            Some(Refusal::Hang) => {
                self.state().writes.push(write);
                return std::future::pending().await;
            }
            Some(Refusal::Code(code, retry_after)) => {
                let mut answer = answer::failure(code, "on demand");
                if let Some(seconds) = retry_after {
                    answer.headers_mut().insert(RETRY_AFTER, seconds.into());
                }
                answer
            }
            Some(Refusal::Said(code, message)) => answer::failure(code, message),
            Some(Refusal::Overtaken) => {
                self.overtake(asked);
                self.done(asked, method, body)
            }
            None => self.done(asked, method, body),
        };
        let code = answer.status().as_u16();
        self.state().writes.push(Write { code, ..write });
        answer
    }

    fn overtake(&self, asked: &Asked) {
        let mut state = self.state();
        if let Some(key) = asked.key()
            && let Some(object) = state.store.get(&key)
        {
            state.store.put(key, Value::clone(&object));
        }
    }

    fn done(&self, asked: &Asked, method: &Method, body: &Value) -> Answer {
        let answer = {
            let store = &mut self.state().store;
            match (method, asked.key()) {
                (&Method::POST, None) => create(store, asked, body),
                (&Method::PUT, Some(key)) => replace(store, key, body),
                (&Method::PATCH, Some(key)) => apply(store, asked, key, body),
                (&Method::DELETE, Some(key)) => match store.remove(&key) {
                    Some(object) => answer::json(StatusCode::OK, &object),
                    None => answer::not_found(),
                },
                _ => answer::failure(StatusCode::METHOD_NOT_ALLOWED, "no such write"),
            }
        };
        self.changed(&asked.plural);
        answer
    }
}

fn create(store: &mut Store, asked: &Asked, body: &Value) -> Answer {
    let name = body["metadata"]["name"].as_str().unwrap_or_default();
    let namespace = asked.namespace.as_deref().unwrap_or_default();
    let key = Key::new(&asked.plural, namespace, name);
    if store.get(&key).is_some() {
        return answer::failure(StatusCode::CONFLICT, "it exists already");
    }
    answer::json(StatusCode::CREATED, &store.put(key, body.clone()))
}

fn replace(store: &mut Store, key: Key, body: &Value) -> Answer {
    match store.get(&key) {
        None => answer::not_found(),
        Some(known) if is_outdated(&known, body) => outdated(),
        Some(_) => answer::json(StatusCode::OK, &store.put(key, body.clone())),
    }
}

/// Server-side apply with one manager: what is applied replaces what was applied before. Only what belongs to the
/// subresource changes.
fn apply(store: &mut Store, asked: &Asked, key: Key, body: &Value) -> Answer {
    let is_status = asked.subresource.as_deref() == Some("status");
    let known = store.get(&key);
    let code = if known.is_some() {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let mut object = match known {
        Some(known) if is_outdated(&known, body) => return outdated(),
        Some(known) => Value::clone(&known),
        None if is_status || body["metadata"]["resourceVersion"].is_string() => {
            return answer::not_found();
        }
        None => {
            json!({"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": {"generation": 1}})
        }
    };
    let part = if is_status { "status" } else { "spec" };
    if body[part].is_object() {
        object[part] = body[part].clone();
    }
    if !is_status {
        object["metadata"]["ownerReferences"] = body["metadata"]["ownerReferences"].clone();
    }
    answer::json(code, &store.put(key, object))
}

fn is_outdated(known: &Value, body: &Value) -> bool {
    let expected = body["metadata"]["resourceVersion"].as_str();
    expected.is_some_and(|expected| known["metadata"]["resourceVersion"] != expected)
}

fn outdated() -> Answer {
    answer::failure(StatusCode::CONFLICT, "the object has been modified")
}
