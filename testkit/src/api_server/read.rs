//! Single objects, lists and pages.

use std::io;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::request::Asked;
use super::{Answer, ApiServer, Faults, answer};

/// Objects of a page that has to have a successor.
const SHORT_PAGE: usize = 2;

impl ApiServer {
    pub(super) fn read(&self, asked: &Asked, faults: &Faults) -> Answer {
        if let Some(key) = asked.key() {
            return match self.state().store.get(&key) {
                Some(object) => answer::json(StatusCode::OK, &shown(asked, &object)),
                None => answer::not_found(),
            };
        }
        let Some(list) = self.list(asked, faults) else {
            let message = "The provided continue parameter is too old";
            return answer::failure(StatusCode::GONE, message);
        };
        if faults.cut_lines {
            let text = list.to_string();
            let half = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
            let broken = io::Error::from(io::ErrorKind::ConnectionReset);
            return answer::stream(futures::stream::iter([Ok(half), Err(broken)]));
        }
        answer::json(StatusCode::OK, &list)
    }

    /// One page, or all; `None` if the token to go on from has expired.
    fn list(&self, asked: &Asked, faults: &Faults) -> Option<Value> {
        let state = self.state();
        let token = asked.continue_token.as_deref().and_then(position);
        if token.is_some() && faults.expired_lists {
            return None;
        }
        let (version, skip) = token.unwrap_or((state.store.version(), 0));
        if version < state.store.compacted() {
            return None;
        }
        let limit = match asked.limit {
            0 => usize::MAX,
            limit if faults.expired_lists => limit.min(SHORT_PAGE),
            limit => limit,
        };
        let all: Vec<Value> = state
            .store
            .all_at(&asked.plural, version)
            .iter()
            .filter(|(key, object)| asked.selects(key, object))
            .map(|(_, object)| shown(asked, object))
            .collect();
        let page: Vec<Value> = all.iter().skip(skip).take(limit).cloned().collect();
        let next = skip + page.len();
        let is_last = next >= all.len();
        let token = if is_last {
            String::new()
        } else {
            format!("{version}.{next}")
        };
        Some(json!({"kind": "List", "apiVersion": "v1",
            "metadata": {"resourceVersion": version.to_string(), "continue": token}, "items": page}))
    }
}

/// Version and number of objects already told.
fn position(token: &str) -> Option<(u64, usize)> {
    let (version, skip) = token.split_once('.')?;
    Some((version.parse().ok()?, skip.parse().ok()?))
}

/// The object, or what of it was asked for.
pub(super) fn shown(asked: &Asked, object: &Value) -> Value {
    if asked.metadata_only {
        json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"]})
    } else {
        object.clone()
    }
}
