use std::sync::Arc;
use std::time::Duration;

use kube::api::ListParams;
use kube::{Api, Client};
use tokio::time::timeout;

use super::RawObjects;
use super::failure::Failure;
use super::object::{Event, Watched};
use crate::audit::observation::Observation;
use crate::audit::seen::{Resource, Stream, Uid};
use crate::source::translate::{Presence, Translator};
use crate::source::{Change, Seen};

const ANSWER_WITHIN: Duration = Duration::from_secs(15);
const PAGE_SIZE: u32 = 250;

/// A pod's event budgets allow far fewer in the hour that Events live.
const EVENTS_MAX: usize = 1000;

/// Why the Events of a pod could not be listed.
#[derive(Debug, thiserror::Error)]
#[error("list the events of pod {uid} in {namespace}: {}", failure.label())]
pub struct LookupError {
    namespace: Box<str>,
    uid: Uid,
    failure: Failure,
}

/// Lists the Events of one pod, whatever their reason, as observations like any other.
///
/// # Errors
/// The API server does not answer in time, or refuses.
pub async fn events_of_pod(
    client: &Client,
    namespace: &str,
    uid: Uid,
    raw: RawObjects,
) -> Result<Vec<Seen>, LookupError> {
    let selector = format!("{}{uid}", Stream::OF_ONE_POD);
    let list = async {
        match raw {
            RawObjects::Dropped => list::<false>(client, namespace, &selector).await,
            RawObjects::Kept => list::<true>(client, namespace, &selector).await,
        }
    };
    let failed = |failure| LookupError {
        namespace: namespace.into(),
        uid,
        failure,
    };
    match timeout(ANSWER_WITHIN, list).await {
        Ok(listed) => listed.map_err(|error| failed(Failure::of_client(&error))),
        Err(_) => Err(failed(Failure::Timeout)),
    }
}

async fn list<const RAW: bool>(
    client: &Client,
    namespace: &str,
    selector: &str,
) -> kube::Result<Vec<Seen>> {
    let api: Api<Watched<Event, RAW>> = Api::namespaced_with(client.clone(), namespace, &());
    let stream = Arc::new(Stream {
        resource: Resource::Events,
        selector: Some(selector.into()),
    });
    // No digest is taken of an Event.
    let translator = Translator::default();
    let mut parameters = ListParams::default().fields(selector).limit(PAGE_SIZE);
    let mut all = Vec::new();
    loop {
        let page = api.list(&parameters).await?;
        for watched in page.items {
            let translation = watched.translation(&translator, Presence::Present);
            let mut raw = watched.raw;
            all.extend(translation.into_observations().map(|observation| Seen {
                stream: Arc::clone(&stream),
                change: Change::Added,
                raw: raw.take(),
                observation: found(observation),
            }));
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) if all.len() < EVENTS_MAX => parameters.continue_token = Some(token),
            _ => return Ok(all),
        }
    }
}

fn found(observation: Observation) -> Observation {
    match observation {
        Observation::Event(event) => Observation::Found(event),
        other => other,
    }
}
