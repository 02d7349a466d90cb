//! An API server in this process: objects, lists, watches and writes as far as hookaudit asks for them,
//! and failures on demand.
//!
//! There are no sockets, so it also runs under tokio's paused time, and it may be shared by several runtimes.
//!
//! - `request`: what a request asks for.
//! - `store`: the objects, and every change of them under one growing resourceVersion.
//! - `read`: single objects, lists and pages; `watching`: streams of changes; `write`: what changes objects.
//! - `faults`: what goes wrong. `calls`: what was asked, and how often.

mod answer;
mod calls;
mod faults;
mod read;
mod request;
mod store;
mod watching;
mod write;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

pub use self::calls::{Call, Calls, Write};
pub use self::faults::{Faults, Refusal};
use self::request::Asked;
use self::store::{Key, Store};

type Answer = Response<UnsyncBoxBody<Bytes, io::Error>>;

/// A handle on the server; clones are the same server.
#[derive(Clone, Default)]
pub struct ApiServer {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    store: Store,
    /// By resource: its watches look again after each change of its objects, or of faults.
    news: BTreeMap<String, watch::Sender<()>>,
    faults: BTreeMap<Box<str>, Faults>,
    calls: BTreeMap<Box<str>, Calls>,
    writes: Vec<Write>,
    refusals: VecDeque<Refusal>,
    /// Watches of an earlier generation are cut.
    generation: u64,
    streams: u64,
    errors: u64,
}

impl ApiServer {
    /// A client that nobody needs to tell from another.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client_of("")
    }

    /// A client whose calls, writes and faults are kept apart under this name.
    #[must_use]
    pub fn client_of(&self, name: &str) -> Client {
        let (server, name) = (self.clone(), Box::<str>::from(name));
        self.state().faults.entry(name.clone()).or_default();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (server, name) = (server.clone(), name.clone());
            async move { server.serve(&name, request).await }
        });
        Client::new(service, "default")
    }

    /// Changes what goes wrong for every client there is so far.
    pub fn disturb(&self, mut change: impl FnMut(&mut Faults)) {
        self.state().faults.values_mut().for_each(&mut change);
        self.all_changed();
    }

    /// Changes what goes wrong for the clients of this name.
    pub fn disturb_one(&self, client: &str, change: impl FnOnce(&mut Faults)) {
        change(self.state().faults.entry(client.into()).or_default());
        self.all_changed();
    }

    /// What goes wrong for the clients of this name.
    #[must_use]
    pub fn faults_of(&self, client: &str) -> Faults {
        self.state().faults.get(client).cloned().unwrap_or_default()
    }

    /// The next requests that change something fail like this, whoever sends them.
    pub fn refuse(&self, refusals: impl IntoIterator<Item = Refusal>) {
        self.state().refusals.extend(refusals);
    }

    /// Ends the connections of all watches.
    pub fn cut_watches(&self) {
        self.state().generation += 1;
        self.all_changed();
    }

    /// Forgets the changes up to now: a watch cannot go on from before, a list not from its token.
    pub fn compact(&self) {
        self.state().store.compact();
        self.all_changed();
    }

    /// The store is set back to how it was at this resourceVersion, as from a backup.
    pub fn restore(&self, version: u64) {
        self.state().store.restore(version);
        self.cut_watches();
    }

    /// The newest resourceVersion.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.state().store.version()
    }

    /// Makes or replaces the object at this path.
    ///
    /// # Panics
    /// The path is not one of an object.
    pub fn put(&self, path: &str, object: Value) {
        let key = key(path);
        let plural = key.plural.clone();
        self.state().store.put(key, object);
        self.changed(&plural);
    }

    /// Removes the object at this path, if it is there.
    ///
    /// # Panics
    /// The path is not one of an object.
    pub fn remove(&self, path: &str) {
        let key = key(path);
        self.state().store.remove(&key);
        self.changed(&key.plural);
    }

    /// The object at this path.
    ///
    /// # Panics
    /// The path is not one of an object.
    #[must_use]
    pub fn object(&self, path: &str) -> Option<Value> {
        let object = self.state().store.get(&key(path))?;
        Some(Value::clone(&object))
    }

    /// Every object of a resource, by its plural name.
    #[must_use]
    pub fn objects(&self, plural: &str) -> Vec<Value> {
        let all = self.state().store.all(plural);
        all.iter().map(|(_, object)| Value::clone(object)).collect()
    }

    /// The requests so far that wanted to change something.
    #[must_use]
    pub fn writes(&self) -> Vec<Write> {
        self.state().writes.clone()
    }

    /// The names of those who asked anything.
    #[must_use]
    pub fn clients(&self) -> Vec<Box<str>> {
        self.state().calls.keys().cloned().collect()
    }

    /// What clients of this name asked so far.
    #[must_use]
    pub fn calls(&self, client: &str) -> Calls {
        self.state().calls.get(client).cloned().unwrap_or_default()
    }

    fn changed(&self, plural: &str) {
        if let Some(news) = self.state().news.get(plural) {
            news.send_replace(());
        }
    }

    fn all_changed(&self) {
        for news in self.state().news.values() {
            news.send_replace(());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self, client: &str, plural: &str) -> Faults {
        let state = self.state();
        let faults = state.faults.get(client);
        faults.map_or_else(Faults::default, |faults| faults.on(plural))
    }

    async fn serve(&self, client: &str, request: Request<Body>) -> Result<Answer, io::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await.map_err(io::Error::other)?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if let Some(answer) = fixed(&parts.method, parts.uri.path(), &body) {
            return Ok(answer);
        }
        let Some(asked) = Asked::read(&parts) else {
            return Ok(answer::not_found());
        };
        self.state()
            .calls
            .entry(client.into())
            .or_default()
            .count(asked.call(), Instant::now());
        let faults = self.faults(client, &asked.plural);
        if faults.unreachable {
            return Err(io::Error::from(io::ErrorKind::ConnectionRefused));
        }
        if let Some(seconds) = faults.throttled_seconds {
            return Ok(answer::throttled(seconds));
        }
        let is_write = parts.method != Method::GET;
        let answer = if faults.errors && !(is_write && self.is_done_all_the_same()) {
            answer::failure(StatusCode::INTERNAL_SERVER_ERROR, "on demand")
        } else if is_write {
            let uri = parts.uri.to_string();
            self.change(client, &asked, &parts.method, uri, &body).await
        } else if asked.watch {
            self.watch(client, &asked, &faults)
        } else {
            self.read(&asked, &faults)
        };
        if let Some(delay) = faults.delay {
            tokio::time::sleep(delay).await;
        }
        if faults.errors {
            return Ok(answer::failure(
                StatusCode::INTERNAL_SERVER_ERROR,
                "on demand",
            ));
        }
        Ok(answer)
    }

    /// Of the writes that are told to have failed, every second one was done.
    fn is_done_all_the_same(&self) -> bool {
        let mut state = self.state();
        state.errors += 1;
        state.errors.is_multiple_of(2)
    }
}

fn key(path: &str) -> Key {
    let key = Asked::of_path(path).and_then(|asked| asked.key());
    key.unwrap_or_else(|| panic!("{path} is no path of an object"))
}

/// What does not depend on any object.
fn fixed(method: &Method, path: &str, body: &Value) -> Option<Answer> {
    let answer = match path {
        "/version" => {
            json!({"major": "1", "minor": "37", "gitVersion": "v1.37.2", "gitCommit": "0",
            "gitTreeState": "clean", "buildDate": "2026-11-01T00:00:00Z", "goVersion": "go1.26",
            "compiler": "gc", "platform": "linux/amd64"})
        }
        "/apis/hookaudit.io/v1alpha1" => json!({"kind": "APIResourceList", "apiVersion": "v1",
            "groupVersion": "hookaudit.io/v1alpha1", "resources": [{"name": "hookaudits", "singularName": "hookaudit",
                "namespaced": true, "kind": "HookAudit", "verbs": ["get", "list", "watch", "create", "patch"]}]}),
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" if *method == Method::POST => {
            let mut review = body.clone();
            review["status"] = json!({"allowed": true});
            review
        }
        _ => return None,
    };
    Some(answer::json(StatusCode::OK, &answer))
}
