use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, RETRY_AFTER};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use kube::core::Status;
use serde::Deserialize;
use tokio::time::{Instant, sleep, timeout};
use tower::{BoxError, service_fn};

use super::backoff::random;
use super::failure::{ANSWER_WITHIN, Unanswered};
use super::health::StreamHealth;
use super::pace::Pace;
use crate::source::wire::Trimmer;

/// Nothing but metadata is read of an answer to [`Attended::newest`].
const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// A client that gives up on what is not answered, that keeps the pace of watches, that tells a stream's
/// health of each answer, and that drops of it what nobody reads.
/// A quiet watch shows no other sign of life than that it can be started again.
pub(super) fn attended(client: Client, health: Arc<StreamHealth>, pace: Arc<Pace>) -> Client {
    let namespace = client.default_namespace().to_owned();
    let attended = Attended {
        client,
        health,
        pace,
    };
    let service = service_fn(move |request: Request<Body>| {
        let attended = attended.clone();
        async move {
            let pace = Arc::clone(&attended.pace);
            let mut trimmer = Trimmer::default();
            let answer = attended.send(request).await?;
            let is_success = answer.status().is_success();
            let taken = |body: Body| {
                body.map_frame(move |part| {
                    if is_success {
                        pace.delivered(Instant::now());
                    }
                    part.map_data(|data| trimmer.trim(&data).into())
                })
            };
            Ok::<_, BoxError>(answer.map(taken))
        }
    });
    Client::new(service, namespace)
}

#[derive(Clone)]
struct Attended {
    client: Client,
    health: Arc<StreamHealth>,
    pace: Arc<Pace>,
}

/// A request that begins a watch.
struct Beginning {
    lasts: Duration,
    /// What it goes on from; `None` if it begins with everything there is.
    version: Option<u64>,
}

impl Attended {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let beginning = Beginning::of(request.uri());
        if let Some(beginning) = &beginning {
            sleep(self.pace.wait(Instant::now(), random())).await;
            if let Some(refusal) = self.refusal(request.uri(), beginning).await? {
                return Ok(refusal);
            }
        }
        let answer = self.answer(request).await?;
        if answer.status().is_success() {
            self.health.answered();
            match beginning {
                Some(Beginning { lasts, .. }) => self.pace.watch_began(Instant::now(), lasts),
                None => self.pace.listed(Instant::now()),
            }
        }
        Ok(answer)
    }

    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let answer = match timeout(ANSWER_WITHIN, self.client.send(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                self.pace.failed(None);
                return Err(error.into());
            }
            Err(_) => {
                self.pace.failed(None);
                return Err(Unanswered.into());
            }
        };
        if !answer.status().is_success() {
            self.pace.failed(retry_after(answer.headers()));
        }
        Ok(answer)
    }

    /// Why a watch need not be asked to go on: the API server refuses already to say how far it is, or
    /// never came so far as the watch did.
    async fn refusal(
        &self,
        uri: &Uri,
        beginning: &Beginning,
    ) -> Result<Option<Response<Body>>, BoxError> {
        let Some(version) = beginning.version else {
            return Ok(None);
        };
        if !self.pace.is_doubtful(Instant::now()) {
            return Ok(None);
        }
        // One object, and none that a selector would have to be found for.
        let request = Request::get(format!("{}?limit=1", uri.path()))
            .header(ACCEPT, METADATA_ONLY)
            .body(Body::empty())?;
        let answer = self.answer(request).await?;
        if !answer.status().is_success() {
            return Ok(Some(answer));
        }
        let body = timeout(ANSWER_WITHIN, answer.into_body().collect_bytes()).await;
        let body = body.map_err(|_| Unanswered)??;
        let newest: Newest = serde_json::from_slice(&body)?;
        let newest = newest.metadata.resource_version.parse::<u64>();
        if newest.is_ok_and(|newest| newest < version) {
            tracing::warn!(path = uri.path(), "the API server's store was set back");
            return Ok(Some(gone()?));
        }
        Ok(None)
    }
}

impl Beginning {
    /// `None` for a list.
    fn of(uri: &Uri) -> Option<Self> {
        let query = uri.query().unwrap_or_default();
        let value = |wanted: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .filter(|(key, _)| *key == wanted)
                .map(|(_, value)| value)
                .next()
        };
        if value("watch") != Some("true") {
            return None;
        }
        let seconds = value("timeoutSeconds").and_then(|seconds| seconds.parse().ok());
        let has_list = value("sendInitialEvents") == Some("true");
        let version = value("resourceVersion").and_then(|version| version.parse().ok());
        Some(Self {
            lasts: Duration::from_secs(seconds.unwrap_or_default()),
            version: version.filter(|_| !has_list),
        })
    }
}

#[derive(Deserialize)]
struct Newest {
    metadata: ListMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMetadata {
    resource_version: String,
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse();
    seconds.ok().map(Duration::from_secs)
}

/// What an API server answers that no longer knows the point to go on from.
fn gone() -> Result<Response<Body>, BoxError> {
    let status = Status::failure("the store was set back", "Expired").with_code(410);
    let mut answer = Response::new(Body::from(serde_json::to_vec(&status)?));
    *answer.status_mut() = StatusCode::GONE;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::seen::{Resource, Stream};

    #[tokio::test]
    async fn an_answer_comes_without_its_managed_fields() {
        let answer = r#"{"metadata":{"name":"a","managedFields":[{"manager":"m"}]},"spec":{}}"#;
        let service = service_fn(move |_: Request<Body>| async move {
            Ok::<_, BoxError>(Response::new(Body::from(answer.as_bytes().to_vec())))
        });
        let stream = Stream::whole(Resource::Pods);
        let health = StreamHealth::new(stream, Arc::default());
        let client = Client::new(service, "default");
        let client = attended(client, Arc::new(health), Arc::default());
        let text = client.request_text(Request::new(Vec::new())).await;
        assert_eq!(text.unwrap(), r#"{"metadata":{"name":"a"},"spec":{}}"#);
    }

    #[test]
    fn what_a_watch_goes_on_from_is_in_its_query() {
        let of = |text: &str| Beginning::of(&text.parse().unwrap());
        assert!(of("/api/v1/pods?limit=250").is_none());
        let resumed = of("/api/v1/pods?&watch=true&timeoutSeconds=120&resourceVersion=7").unwrap();
        assert_eq!((resumed.version, resumed.lasts.as_secs()), (Some(7), 120));
        let listing = of("/api/v1/pods?&watch=true&sendInitialEvents=true&resourceVersion=0");
        assert_eq!(listing.unwrap().version, None);
    }
}
