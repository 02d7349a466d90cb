//! What ends a run, in one line that says what to do.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// The operator, or a recording, cannot start or go on.
#[derive(Debug, Error)]
pub enum RunError {
    #[error("cannot read the kubeconfig: {0}; name one by --kubeconfig, or its context by --context")]
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
    #[error("cannot listen on {address}: {source}")]
    Listen { address: String, source: io::Error },
    #[error("cannot write the recording {}: {source}", path.display())]
    Recording { path: PathBuf, source: io::Error },
    #[error("cannot start: {0}")]
    Start(#[source] io::Error),
    #[error("the {0} task ended by itself; this is a defect of hookaudit")]
    Ended(&'static str),
}
