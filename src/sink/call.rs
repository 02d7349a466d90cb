//! One request to the API server, with a time limit and without any retry.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{Request, StatusCode};
use kube::Client;
use kube::client::Body;

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
    #[error("the API server did not answer within {0:?}")]
    TimedOut(Duration),
    #[error("the API server cannot be reached: {0}")]
    Unreachable(#[from] kube::Error),
}

/// Sends one request. The limit covers the whole answer.
///
/// # Errors
/// No complete answer came within the limit; what was asked for may have happened all the same.
pub(super) async fn call(
    client: &Client,
    request: Request<Vec<u8>>,
    limit: Duration,
) -> Result<Answer, CallError> {
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
    match tokio::time::timeout(limit, exchange).await {
        Ok(answer) => answer,
        Err(_) => Err(CallError::TimedOut(limit)),
    }
}
