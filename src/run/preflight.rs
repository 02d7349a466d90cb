//! What must be there before anything is watched: an API server, the resource, the rights.

use std::time::Duration;

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::PostParams;
use kube::config::KubeConfigOptions;
use kube::{Api, Client, Config};
use tokio::time::timeout;

use super::error::RunError;
use crate::config::Cluster;

/// For the first answer of an API server.
const FIRST_ANSWER: Duration = Duration::from_secs(15);

/// How to reach the cluster: the flags, else `KUBECONFIG`, else the pod's own ServiceAccount.
pub(super) async fn configuration(cluster: &Cluster) -> Result<Config, RunError> {
    let options = KubeConfigOptions {
        context: cluster.context.clone(),
        ..KubeConfigOptions::default()
    };
    let unreadable = |error: kube::config::KubeconfigError| RunError::Kubeconfig(error.into());
    if let Some(path) = &cluster.kubeconfig {
        let kubeconfig = kube::config::Kubeconfig::read_from(path).map_err(unreadable)?;
        return Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .map_err(unreadable);
    }
    if cluster.context.is_some() {
        return Config::from_kubeconfig(&options).await.map_err(unreadable);
    }
    Config::infer()
        .await
        .map_err(|error| RunError::Kubeconfig(error.into()))
}

/// A client that tries each call once: who calls decides what a failure means.
pub(super) fn client(mut config: Config) -> Result<Client, RunError> {
    config.default_retry = false;
    Client::try_from(config).map_err(|error| RunError::Kubeconfig(error.into()))
}

/// The API server's version, which shows that it answers.
pub(super) async fn server_version(client: &Client, server: &str) -> Result<String, RunError> {
    let unreachable = |reason: String| RunError::Unreachable {
        server: server.to_owned(),
        reason,
    };
    match timeout(FIRST_ANSWER, client.apiserver_version()).await {
        Ok(Ok(version)) => Ok(version.git_version),
        Ok(Err(error)) => Err(unreachable(error.to_string())),
        Err(_) => Err(unreachable(format!(
            "no answer within {} s",
            FIRST_ANSWER.as_secs()
        ))),
    }
}

/// Whether the cluster serves the `HookAudit` resource.
pub(super) async fn has_resource(client: &Client) -> Result<bool, RunError> {
    let group_version = format!("{}/v1alpha1", crate::api::GROUP);
    match timeout(
        FIRST_ANSWER,
        client.list_api_group_resources(&group_version),
    )
    .await
    {
        Ok(Ok(resources)) => Ok(resources
            .resources
            .iter()
            .any(|resource| resource.name == "hookaudits")),
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => Ok(false),
        Ok(Err(error)) => Err(RunError::Unreachable {
            server: group_version,
            reason: error.to_string(),
        }),
        Err(_) => Err(RunError::Unreachable {
            server: group_version,
            reason: "no answer".to_owned(),
        }),
    }
}

/// A right that is needed: verb, API group, resource, subresource.
type Right = (&'static str, &'static str, &'static str, &'static str);

/// What every observer reads.
pub(super) const READS: &[Right] = &[
    ("list", "", "pods", ""),
    ("watch", "", "pods", ""),
    ("list", "", "events", ""),
    ("watch", "", "events", ""),
    ("list", "", "nodes", ""),
    ("watch", "", "nodes", ""),
    ("list", "", "namespaces", ""),
    ("watch", "", "namespaces", ""),
    ("list", "apps", "replicasets", ""),
    ("watch", "apps", "replicasets", ""),
    ("list", "batch", "jobs", ""),
    ("watch", "batch", "jobs", ""),
];

/// What the operator reads and writes beside that.
pub(super) const WRITES: &[Right] = &[
    ("list", "hookaudit.io", "hookaudits", ""),
    ("watch", "hookaudit.io", "hookaudits", ""),
    ("create", "hookaudit.io", "hookaudits", ""),
    ("patch", "hookaudit.io", "hookaudits", ""),
    ("patch", "hookaudit.io", "hookaudits", "status"),
    ("create", "events.k8s.io", "events", ""),
];

/// Asks the API server for every right, and names all that are missing.
pub(super) async fn check_rights(
    client: &Client,
    cluster: &Cluster,
    rights: &[Right],
) -> Result<(), RunError> {
    let namespaces: Vec<Option<&str>> = if cluster.namespaces.is_empty() {
        vec![None]
    } else {
        cluster
            .namespaces
            .iter()
            .map(|namespace| Some(namespace.as_str()))
            .collect()
    };
    let mut missing = Vec::new();
    for right in rights {
        let (verb, _, resource, subresource) = *right;
        let cluster_wide = matches!(resource, "nodes" | "namespaces");
        for namespace in if cluster_wide {
            &[None][..]
        } else {
            &namespaces[..]
        } {
            if !is_allowed(client, right, *namespace).await {
                let slash = if subresource.is_empty() { "" } else { "/" };
                let place =
                    namespace.map_or_else(String::new, |name| format!(" in namespace {name}"));
                missing.push(format!("{verb} {resource}{slash}{subresource}{place}"));
            }
        }
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(RunError::Forbidden(missing.join(", ")))
    }
}

/// Whether a namespace exists; one that may not be looked at does.
pub(super) async fn has_namespace(client: &Client, name: &str) -> bool {
    let namespaces = Api::<Namespace>::all(client.clone());
    let found = timeout(FIRST_ANSWER, namespaces.get_metadata_opt(name)).await;
    !matches!(found, Ok(Ok(None)))
}

/// Asks for the rights on the Lease of the election.
pub(super) async fn check_lease(
    client: &Client,
    namespace: &str,
    name: &str,
) -> Result<(), RunError> {
    let mut missing = Vec::new();
    for verb in ["create", "get", "update", "watch"] {
        let attributes = ResourceAttributes {
            verb: Some(verb.to_owned()),
            group: Some("coordination.k8s.io".to_owned()),
            resource: Some("leases".to_owned()),
            namespace: Some(namespace.to_owned()),
            // What is created has no name yet.
            name: (verb != "create").then(|| name.to_owned()),
            ..ResourceAttributes::default()
        };
        if !is_granted(client, attributes).await {
            missing.push(verb);
        }
    }
    match missing[..] {
        [] => Ok(()),
        ["watch"] => {
            tracing::warn!(
                "not allowed to watch leases in namespace {namespace}: a takeover takes some seconds longer"
            );
            Ok(())
        }
        _ => Err(RunError::NoElectionRights(format!(
            "{} leases in namespace {namespace}",
            missing.join(", ")
        ))),
    }
}

async fn is_allowed(client: &Client, right: &Right, namespace: Option<&str>) -> bool {
    let (verb, group, resource, subresource) = *right;
    let attributes = ResourceAttributes {
        verb: Some(verb.to_owned()),
        group: Some(group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource: (!subresource.is_empty()).then(|| subresource.to_owned()),
        namespace: namespace.map(ToOwned::to_owned),
        ..ResourceAttributes::default()
    };
    is_granted(client, attributes).await
}

/// A review that cannot be had is no verdict: the call itself will tell.
async fn is_granted(client: &Client, attributes: ResourceAttributes) -> bool {
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..Default::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let reviews = Api::<SelfSubjectAccessReview>::all(client.clone());
    match timeout(
        FIRST_ANSWER,
        reviews.create(&PostParams::default(), &review),
    )
    .await
    {
        Ok(Ok(answer)) => answer.status.is_none_or(|status| status.allowed),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use hookaudit_testkit::api_server::ApiServer;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_cluster_that_has_and_allows_everything_will_do() {
        let client = ApiServer::default().client();
        assert_eq!(server_version(&client, "here").await.unwrap(), "v1.37.2");
        assert!(has_resource(&client).await.unwrap());
        let rights = [READS, WRITES].concat();
        let checked = check_rights(&client, &Cluster::default(), &rights).await;
        assert!(checked.is_ok());
    }
}
