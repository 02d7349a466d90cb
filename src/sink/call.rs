//! One request to the API server, within the term of this replica and a time limit, and without any retry.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{Request, StatusCode};
use kube::Client;
use kube::client::Body;
use tokio::time::Instant;

use crate::leader::Mandate;

/// What the API server answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) code: StatusCode,
    /// Of `Retry-After`, where it is given in seconds.
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("another replica leads")]
    NotLeading,
    #[error("the API server did not answer within {0:?}")]
    TimedOut(Duration),
    #[error("the API server cannot be reached: {0}")]
    Unreachable(#[from] kube::Error),
}

/// Sends one request. The limit covers the whole answer, and so does the term.
///
/// # Errors
/// No complete answer came within the limit; what was asked for may have happened all the same, unless it is
/// [`CallError::NotLeading`].
pub(super) async fn call(
    client: &Client,
    mandate: &Mandate,
    request: Request<Vec<u8>>,
    limit: Duration,
) -> Result<Answer, CallError> {
    let term = mandate.term().ok_or(CallError::NotLeading)?;
    let now = Instant::now();
    let deadline = term.deadline.min(now + limit);
    let limit = deadline - now;
    let exchange = async {
        let response = client.send(request.map(Body::from)).await?;
        let code = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| {
            let seconds: u64 = value.to_str().ok()?.trim().parse().ok()?;
            Some(Duration::from_secs(seconds))
        });
        let body = response.into_body().collect_bytes().await?.to_vec();
        Ok(Answer {
            code,
            retry_after,
            body,
        })
    };
    // A program that was stopped while it waited, say for a connection, finds both ready: the connection and the deadline.
    let mut exchange = pin!(exchange);
    let within_deadline = poll_fn(|context| {
        if Instant::now() < deadline {
            exchange.as_mut().poll(context)
        } else {
            Poll::Ready(Err(CallError::TimedOut(limit)))
        }
    });
    match tokio::time::timeout_at(deadline, within_deadline).await {
        Ok(answer) => answer,
        Err(_) => Err(CallError::TimedOut(limit)),
    }
}
