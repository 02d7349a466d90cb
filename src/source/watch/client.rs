use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use tokio::time::timeout;
use tower::{BoxError, service_fn};

use super::health::StreamHealth;

/// An API server ends a request that is no watch after 60 s by itself.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(65);

/// The API server did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer from the API server within {} s", ANSWER_WITHIN.as_secs())]
pub(super) struct Unanswered;

/// A client that gives up on what is not answered, and that tells a stream's health of each answer.
/// A quiet watch shows no other sign of life than that it can be started again.
pub(super) fn attended(client: Client, health: Arc<StreamHealth>) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = service_fn(move |request: Request<Body>| {
        let client = client.clone();
        let health = Arc::clone(&health);
        async move {
            let answer = timeout(ANSWER_WITHIN, client.send(request));
            let response: Response<Body> = answer.await.map_err(|_| Unanswered)??;
            if response.status().is_success() {
                health.answered();
            }
            Ok::<_, BoxError>(response)
        }
    });
    Client::new(service, namespace)
}
