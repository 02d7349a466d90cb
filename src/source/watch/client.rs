use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use tokio::time::timeout;
use tower::{BoxError, service_fn};

use super::health::StreamHealth;
use crate::source::wire::Trimmer;

/// An API server ends a request that is no watch after 60 s by itself.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(65);

/// The API server did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer from the API server within {} s", ANSWER_WITHIN.as_secs())]
pub(super) struct Unanswered;

/// A client that gives up on what is not answered, that tells a stream's health of each answer, and
/// that drops of it what nobody reads.
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
            let mut trimmer = Trimmer::default();
            let trimmed = |body: Body| {
                body.map_frame(move |part| part.map_data(|data| trimmer.trim(&data).into()))
            };
            Ok::<_, BoxError>(response.map(trimmed))
        }
    });
    Client::new(service, namespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::observation::{Resource, Stream};

    #[tokio::test]
    async fn an_answer_comes_without_its_managed_fields() {
        let answer = r#"{"metadata":{"name":"a","managedFields":[{"manager":"m"}]},"spec":{}}"#;
        let service = service_fn(move |_: Request<Body>| async move {
            Ok::<_, BoxError>(Response::new(Body::from(answer.as_bytes().to_vec())))
        });
        let health = StreamHealth::new(Stream {
            resource: Resource::Pods,
            selector: None,
        });
        let client = attended(Client::new(service, "default"), Arc::new(health));
        let text = client.request_text(Request::new(Vec::new())).await;
        assert_eq!(text.unwrap(), r#"{"metadata":{"name":"a"},"spec":{}}"#);
    }
}
