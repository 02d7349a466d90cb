//! What ends a run, in one line that says what to do.

use std::io;

use thiserror::Error;

use crate::sink::recording::RecorderError;

/// The operator, or a recording, cannot start or go on.
#[derive(Debug, Error)]
pub enum RunError {
    #[error(
        "cannot read the kubeconfig: {0}; name one by --kubeconfig, or its context by --context"
    )]
    Kubeconfig(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("cannot reach the API server at {server}: {reason}; check --kubeconfig and --context")]
    Unreachable { server: String, reason: String },
    #[error(
        "the cluster has no HookAudit resource; install it: hookaudit crd | kubectl apply -f -"
    )]
    MissingResource,
    #[error(
        "not allowed to {0}; grant the rights of manifests/install.yaml to this user: \
         kubectl auth can-i --list shows what it has"
    )]
    Forbidden(String),
    #[error(
        "there is no namespace {namespace} for the Lease of the leader election; make it, name another by \
         --leader-election-namespace, or run alone by --leader-elect=false"
    )]
    NoElectionNamespace { namespace: String },
    #[error(
        "not allowed to {0}; grant the rights of manifests/install.yaml to this user, or run alone by \
         --leader-elect=false"
    )]
    NoElectionRights(String),
    #[error("cannot read {what}: {reason}; check --context and the rights of this user")]
    Unread { what: String, reason: &'static str },
    #[error("cannot listen on {address}: {source}")]
    Listen { address: String, source: io::Error },
    #[error(transparent)]
    Recording(#[from] RecorderError),
    #[error("cannot start: {0}")]
    Start(#[source] io::Error),
}
