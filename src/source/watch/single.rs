use std::time::Duration;

use http::Request;
use kube::Client;
use tokio::time::timeout;

use super::failure::Failure;
use crate::audit::observation::Observation;
use crate::audit::seen::Resource;
use crate::source::translate::{Presence, Translator};

const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Gets one object as the API's own JSON; `None` where it is not there. The names are part of a path and
/// have to be names as the API takes them.
///
/// # Errors
/// The API server does not answer in time, or refuses.
pub async fn json(
    client: &Client,
    resource: Resource,
    namespace: &str,
    name: &str,
) -> Result<Option<String>, Failure> {
    let request = Request::get(path(resource, namespace, name))
        .body(Vec::new())
        .map_err(|_| Failure::Refused)?;
    match timeout(ANSWER_WITHIN, client.request_text(request)).await {
        Ok(Ok(json)) => Ok(Some(json)),
        Ok(Err(error)) => match Failure::of_client(&error) {
            Failure::NotFound => Ok(None),
            failure => Err(failure),
        },
        Err(_) => Err(Failure::Timeout),
    }
}

/// Gets one object as observations, like [`json`].
///
/// # Errors
/// The API server does not answer in time, or refuses.
pub async fn object(
    client: &Client,
    translator: &Translator,
    resource: Resource,
    namespace: &str,
    name: &str,
) -> Result<Option<Vec<Observation>>, Failure> {
    let json = json(client, resource, namespace, name).await?;
    Ok(json.map(|json| {
        let translation = translator.object(resource, Presence::Present, &json);
        translation.into_observations().collect()
    }))
}

fn path(resource: Resource, namespace: &str, name: &str) -> String {
    let plural = resource.as_str();
    let group = match resource {
        Resource::ReplicaSets => "/apis/apps/v1",
        Resource::Jobs => "/apis/batch/v1",
        Resource::HookAudits => "/apis/hookaudit.io/v1alpha1",
        Resource::Leases => "/apis/coordination.k8s.io/v1",
        _ => "/api/v1",
    };
    match resource {
        Resource::Nodes | Resource::Namespaces => format!("{group}/{plural}/{name}"),
        _ => format!("{group}/namespaces/{namespace}/{plural}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_and_namespaces_are_in_no_namespace() {
        assert_eq!(path(Resource::Nodes, "shop", "n1"), "/api/v1/nodes/n1");
        assert_eq!(
            path(Resource::Jobs, "shop", "once"),
            "/apis/batch/v1/namespaces/shop/jobs/once"
        );
    }
}
