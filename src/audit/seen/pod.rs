//! What is seen of a pod.

use jiff::Timestamp;

use super::{ControllerRef, Uid};
use crate::audit::words::{ContainerType, Handler};

/// What of a pod can matter to a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodSeen {
    pub namespace: Box<str>,
    pub name: Box<str>,
    pub uid: Uid,
    pub created_at: Option<Timestamp>,
    /// `metadata.generation`; deletion bumps it (Kubernetes 1.33).
    pub generation: Option<i64>,
    /// `status.observedGeneration`, set by the kubelet on each status write (1.34).
    pub observed_generation: Option<i64>,
    pub deletion: Option<Deletion>,
    pub finalizers: Vec<Box<str>>,
    pub controller: Option<ControllerRef>,
    pub node: Option<Box<str>>,
    /// `spec.terminationGracePeriodSeconds`.
    pub grace_seconds: i64,
    pub restart_policy: RestartPolicy,
    pub phase: Phase,
    pub status_reason: StatusReason,
    /// The reason of the condition `DisruptionTarget`, while that is True.
    pub disruption: Option<Disruption>,
    /// The condition `Ready` is True.
    pub ready: bool,
    /// The uid that the kubelet's Events carry for a static pod: annotation `kubernetes.io/config.hash`.
    pub static_pod_uid: Option<Uid>,
    /// In the order in which a kubelet starts them: ephemeral, init, regular.
    pub containers: Vec<ContainerSeen>,
}

/// `metadata.deletionTimestamp` with `metadata.deletionGracePeriodSeconds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deletion {
    pub deadline: Timestamp,
    pub grace_seconds: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartPolicy {
    Always,
    OnFailure,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Pending,
    Running,
    Succeeded,
    Failed,
    Unknown,
}

impl Phase {
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// The values of `status.reason` that name a stop without a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusReason {
    None,
    Evicted,
    Preempting,
    /// `Terminated`: the kubelet's reason for a graceful node shutdown.
    NodeShutdown,
    DeadlineExceeded,
    NodeLost,
    Other,
}

/// Reasons of the condition `DisruptionTarget`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disruption {
    EvictionByEvictionApi,
    PreemptionByScheduler,
    DeletionByTaintManager,
    TerminationByKubelet,
    DeletionByPodGc,
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSeen {
    pub name: Box<str>,
    pub container_type: ContainerType,
    pub post_start: Option<HookSpec>,
    pub pre_stop: Option<HookSpec>,
    /// The number of `lifecycle.stopSignal`, else of the signal the runtime reports; 15 where neither is set.
    pub stop_signal: u8,
    pub liveness_grace_seconds: Option<i64>,
    pub startup_grace_seconds: Option<i64>,
    pub status: Option<ContainerStatusSeen>,
}

impl ContainerSeen {
    /// Without hooks, ended by SIGTERM, and not yet reported on.
    pub fn plain(name: &str, container_type: ContainerType) -> Self {
        Self {
            name: name.into(),
            container_type,
            post_start: None,
            pre_stop: None,
            stop_signal: 15,
            liveness_grace_seconds: None,
            startup_grace_seconds: None,
            status: None,
        }
    }
}

/// One declared hook, without anything that may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HookSpec {
    pub handler: Handler,
    pub sleep_seconds: Option<i64>,
    /// Base name of the command, if it is on the allow-list.
    pub program: Option<Box<str>>,
    /// Twelve hexadecimal digits of a keyed digest of the command.
    pub digest: Option<Box<str>>,
    pub port: Option<Box<str>>,
    pub scheme: Option<Box<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerStatusSeen {
    pub restart_count: u32,
    /// A digest of the container id, enough to tell two apart.
    pub container_id: Option<u64>,
    pub state: StateSeen,
    /// `lastState.terminated`.
    pub last: Option<TerminatedSeen>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateSeen {
    /// No state is published yet.
    None,
    Waiting {
        reason: WaitingReason,
        failure: Option<PostStartFailure>,
    },
    Running {
        started_at: Option<Timestamp>,
    },
    Terminated(TerminatedSeen),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitingReason {
    ContainerCreating,
    PodInitializing,
    CrashLoopBackOff,
    PostStartHookError,
    Other,
}

/// What `state.waiting.message` tells of a failed postStart, and may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostStartFailure {
    /// `exited with N`.
    Exit(i32),
    HTTPError,
    InvalidHandler,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerminatedSeen {
    pub exit_code: i32,
    pub reason: TerminatedReason,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub container_id: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TerminatedReason {
    Completed,
    Error,
    OOMKilled,
    /// The kubelet could not read the state, or the container never started: no evidence.
    ContainerStatusUnknown,
    RestartingAllContainers,
    Other,
}
