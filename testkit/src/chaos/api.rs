//! Requests that go on until the API server has said yes or no, as a kubelet's do.

use std::time::{Duration, Instant};

use anyhow::bail;
use http::{Method, Request};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::cluster::Cluster;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const TRY_AGAIN: Duration = Duration::from_millis(300);
const GIVE_UP: Duration = Duration::from_mins(3);

#[derive(Clone)]
pub struct Api(kube::Client);

#[derive(Debug)]
pub enum Answer {
    Done(Value),
    /// With the code of its refusal.
    Refused(u16),
}

impl Api {
    pub async fn of(cluster: &Cluster) -> anyhow::Result<Self> {
        Ok(Self(cluster.client().await?))
    }

    /// What a read gives in the end.
    pub async fn read(&self, path: &str) -> anyhow::Result<Value> {
        match self.insist(Method::GET, path, None).await? {
            Answer::Done(value) => Ok(value),
            Answer::Refused(code) => bail!("GET {path}: {code}"),
        }
    }

    /// Tries until it is answered. What was done although its answer was lost is refused as done the next time.
    pub async fn insist(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let began = Instant::now();
        loop {
            let error = match timeout(ANSWER_WITHIN, self.send(method.clone(), path, body)).await {
                Ok(Ok(value)) => return Ok(Answer::Done(value)),
                Ok(Err(kube::Error::Api(status))) if is_definite(status.code) => {
                    return Ok(Answer::Refused(status.code));
                }
                Ok(Err(error)) => error.to_string(),
                Err(late) => late.to_string(),
            };
            if began.elapsed() > GIVE_UP {
                bail!("{method} {path}: {error}");
            }
            sleep(TRY_AGAIN).await;
        }
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> kube::Result<Value> {
        let kind = match method {
            Method::PATCH => "application/merge-patch+json",
            _ => "application/json",
        };
        let body = body.map(Value::to_string).unwrap_or_default().into_bytes();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", kind);
        self.0
            .request(request.body(body).map_err(kube::Error::HttpError)?)
            .await
    }
}

fn is_definite(code: u16) -> bool {
    (400..500).contains(&code) && code != 429 && code != 401
}

/// The objects of a list.
pub fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().into_iter().flatten()
}

/// Empty where it has none.
pub fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}
