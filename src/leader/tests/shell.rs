//! The elector in paused time, against a Lease store in this process.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Method, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::Clock;

/// One Lease; its watch is refused.
#[derive(Clone, Default)]
struct Store {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    lease: Option<Value>,
    version: u64,
    hangs: bool,
    requests: Vec<String>,
}

impl Store {
    fn client(&self) -> Client {
        let store = self.clone();
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let store = store.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await.unwrap();
                if store.state.lock().unwrap().hangs {
                    std::future::pending().await
                }
                let (code, answer) = store.answer(&parts, &body);
                let answer = Body::from(answer.to_string().into_bytes());
                let mut response = Response::new(answer);
                *response.status_mut() = code;
                Ok::<_, Infallible>(response)
            }
        });
        Client::new(service, "default")
    }

    fn answer(&self, parts: &http::request::Parts, body: &[u8]) -> (StatusCode, Value) {
        let mut state = self.state.lock().unwrap();
        state
            .requests
            .push(format!("{} {}", parts.method, parts.uri));
        let refusal = |code: StatusCode, reason: &str| {
            let status = json!({"kind": "Status", "status": "Failure", "reason": reason, "code": code.as_u16()});
            (code, status)
        };
        let watch = parts
            .uri
            .query()
            .is_some_and(|query| query.contains("watch=true"));
        let sent: Value = serde_json::from_slice(body).unwrap_or_default();
        let version = |lease: &Value| lease["metadata"]["resourceVersion"].clone();
        match (&parts.method, &state.lease) {
            _ if watch => return refusal(StatusCode::FORBIDDEN, "Forbidden"),
            (&Method::GET, Some(lease)) => return (StatusCode::OK, lease.clone()),
            (&Method::POST, None) => {}
            (&Method::PUT, Some(lease)) if version(lease) == version(&sent) => {}
            (&Method::GET | &Method::PUT, None) => {
                return refusal(StatusCode::NOT_FOUND, "NotFound");
            }
            _ => return refusal(StatusCode::CONFLICT, "Conflict"),
        }
        state.version += 1;
        let mut lease = sent;
        lease["metadata"]["resourceVersion"] = state.version.to_string().into();
        state.lease = Some(lease.clone());
        (StatusCode::OK, lease)
    }

    fn hang(&self, hangs: bool) {
        self.state.lock().unwrap().hangs = hangs;
    }

    fn holder(&self) -> Value {
        let state = self.state.lock().unwrap();
        state
            .lease
            .as_ref()
            .map_or(Value::Null, |lease| lease["spec"]["holderIdentity"].clone())
    }

    /// Starts a candidate of its own.
    fn candidate(
        &self,
        identity: &str,
    ) -> (Mandate, CancellationToken, tokio::task::JoinHandle<()>) {
        let (mandate, elector) = Elector::new(self.client(), settings(identity), Clock::wall());
        let release = CancellationToken::new();
        let running = tokio::spawn(elector.run(release.clone()));
        (mandate, release, running)
    }
}

async fn begun(mandate: &mut Mandate) -> Term {
    let begun = tokio::time::timeout(Duration::from_mins(2), mandate.begun());
    begun.await.expect("no term within two minutes")
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_leader_renews_and_a_follower_follows() {
    let store = Store::default();
    let (first, ..) = store.candidate("a");
    pass(1).await;
    let (second, ..) = store.candidate("b");
    for _ in 0..60 {
        pass(1).await;
        assert!(first.term().is_some());
        assert!(second.term().is_none());
    }
    let requests = store.state.lock().unwrap().requests.len();
    assert!(requests < 90, "{requests} requests in a minute");
}

#[tokio::test(start_paused = true)]
async fn a_release_is_taken_over_by_who_only_polls_and_counts_from_then() {
    let store = Store::default();
    let (first, release, running) = store.candidate("a");
    let (mut second, ..) = store.candidate("b");
    pass(20).await;
    assert!(first.term().is_some());
    release.cancel();
    running.await.unwrap();
    assert!(first.term().is_none());
    assert_eq!(store.holder(), "");
    let released = Instant::now();
    let term = begun(&mut second).await;
    assert!(released.elapsed() < Duration::from_secs(5));
    assert!(term.previous_renewed_at.is_some());
    assert_eq!(store.holder(), "b");
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_calls_hang_leads_no_longer_and_goes_on_when_they_do() {
    let store = Store::default();
    let (mut mandate, ..) = store.candidate("a");
    let term = begun(&mut mandate).await;
    store.hang(true);
    tokio::time::sleep_until(term.deadline).await;
    assert!(mandate.term().is_none());
    // It is published too, for those who wait for a change.
    mandate.changed().await;
    pass(60).await;
    assert!(mandate.term().is_none());
    store.hang(false);
    begun(&mut mandate).await;
    assert_eq!(store.holder(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_release_that_nobody_answers_ends_all_the_same() {
    let store = Store::default();
    let (mut mandate, release, running) = store.candidate("a");
    begun(&mut mandate).await;
    store.hang(true);
    release.cancel();
    running.await.unwrap();
    assert!(mandate.term().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_unlimited_mandate_has_a_term_and_never_changes() {
    let mut mandate = Mandate::unlimited();
    begun(&mut mandate).await;
    let changed = tokio::time::timeout(Duration::from_secs(3_600), mandate.changed());
    assert!(changed.await.is_err());
    assert!(mandate.term().is_some());
}
