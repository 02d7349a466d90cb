//! What the core is told: closed enums of plain values, without any Kubernetes type.
//!
//! Two clocks, two names: `seen_at` is ours and comes in as `now`; every time in here was stamped by
//! the cluster, by the API server (`deletion`, `created_at`) or by a kubelet (all others).

mod event;

use jiff::Timestamp;

use super::base::Base;
use super::words::{ContainerType, Handler};
pub use event::{EventReason, EventSeen, Note, SETTLE_SECONDS, Subject};

/// One thing seen, in the order in which it left its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// A pod as it is now: listed, added or modified.
    Pod(Box<PodSeen>),
    /// The last state of a pod whose object is gone.
    PodGone(Box<PodSeen>),
    /// An Event as it is now. The end of an Event is its expiry and is never observed.
    Event(Box<EventSeen>),
    /// An Event that a look-up of its pod found; its own stream may still be behind.
    Found(Box<EventSeen>),
    Node(NodeSeen),
    NodeGone {
        name: Box<str>,
    },
    Namespace {
        name: Box<str>,
        terminating: bool,
    },
    NamespaceGone {
        name: Box<str>,
    },
    Owner(OwnerSeen),
    OwnerGone(OwnerSeen),
    Report(Box<ReportSeen>),
    ReportGone {
        namespace: Box<str>,
        name: Box<str>,
    },
    /// The Lease as it was found at the start: whoever led then, or before.
    Leader {
        renewed_at: Timestamp,
    },
    /// The watch broke; what follows up to [`Observation::Synced`] is everything there is.
    Relist(Stream),
    /// The first, or a repeated, list is complete.
    Synced(Stream),
    /// Only moves time.
    Tick,
    /// Something on a stream that could not be understood; it is counted.
    Defect {
        resource: Resource,
        field: &'static str,
    },
}

/// The resources that are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    Pods,
    Events,
    Nodes,
    Namespaces,
    ReplicaSets,
    Jobs,
    HookAudits,
    Leases,
}

impl Resource {
    /// Every resource, in the order of the first lists (design contract 8).
    pub const ALL: &'static [Self] = &[
        Self::HookAudits,
        Self::Namespaces,
        Self::ReplicaSets,
        Self::Jobs,
        Self::Nodes,
        Self::Pods,
        Self::Events,
        Self::Leases,
    ];

    /// The plural name, as the API, recordings and metrics write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pods => "pods",
            Self::Events => "events",
            Self::Nodes => "nodes",
            Self::Namespaces => "namespaces",
            Self::ReplicaSets => "replicasets",
            Self::Jobs => "jobs",
            Self::HookAudits => "hookaudits",
            Self::Leases => "leases",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|resource| resource.as_str() == text)
    }
}

/// One list and watch: a resource, narrowed by a field selector where several watches share it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream {
    pub resource: Resource,
    /// For example `reason=FailedPreStopHook`.
    pub selector: Option<Box<str>>,
}

impl Stream {
    /// The field by which the Events of one pod are selected.
    pub const OF_ONE_POD: &'static str = "involvedObject.uid=";

    /// What this field is narrowed to, for example `reason`.
    #[must_use]
    pub fn selected(&self, field: &str) -> Option<&str> {
        let terms = self.selector.as_deref()?.split(',');
        let mut pairs = terms.filter_map(|term| term.split_once('='));
        pairs.find_map(|(name, value)| (name == field).then(|| value.trim_start_matches('=')))
    }

    /// No watch, but a look-up of one pod's Events.
    #[must_use]
    pub fn is_look_up(&self) -> bool {
        let selector = self.selector.as_deref();
        selector.is_some_and(|selector| selector.starts_with(Self::OF_ONE_POD))
    }
}

/// The uid of an object: a UUID, or a static pod's config hash, which has as many bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(pub u128);

impl Uid {
    /// Reads 32 hexadecimal digits with or without hyphens.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bits = 0_u128;
        let mut digits = 0;
        for byte in text.bytes() {
            if byte == b'-' {
                continue;
            }
            let digit = char::from(byte).to_digit(16)?;
            bits = (bits << 4) | u128::from(digit);
            digits += 1;
        }
        (digits == 32).then_some(Self(bits))
    }

    /// Half as long, and still different for the pods of one workload.
    #[must_use]
    pub const fn digest(self) -> u64 {
        (self.0 >> 64) as u64 ^ self.0 as u64
    }
}

impl std::fmt::Display for Uid {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bits = self.0;
        write!(
            formatter,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            bits >> 96,
            (bits >> 80) & 0xffff,
            (bits >> 64) & 0xffff,
            (bits >> 48) & 0xffff,
            bits & 0xffff_ffff_ffff
        )
    }
}

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

/// The owner reference with `controller: true`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ControllerRef {
    pub api_version: Box<str>,
    pub kind: Box<str>,
    pub name: Box<str>,
    pub uid: Option<Uid>,
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSeen {
    pub name: Box<str>,
    pub ready: NodeReady,
    /// `lastTransitionTime` of the condition Ready.
    pub ready_since: Option<Timestamp>,
    /// Taint `node.kubernetes.io/unreachable` or `node.kubernetes.io/out-of-service`.
    pub unreachable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeReady {
    True,
    False,
    Unknown,
}

/// A ReplicaSet or a Job, known by its metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerSeen {
    pub resource: Resource,
    pub namespace: Box<str>,
    pub name: Box<str>,
    pub uid: Uid,
    pub controller: Option<ControllerRef>,
}

/// A `HookAudit` as the API holds it, whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportSeen {
    pub namespace: Box<str>,
    pub name: Box<str>,
    pub uid: Option<Uid>,
    pub resource_version: Box<str>,
    /// With the uid of the owner that the object was made for.
    pub target: ControllerRef,
    pub thresholds: Thresholds,
    /// `None` without a status that says what of it is counted.
    pub base: Option<Box<Base>>,
}

/// `spec.thresholds`; what is absent takes the operator's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Thresholds {
    pub post_start_slow_seconds: Option<i64>,
    pub pre_stop_slow_percent: Option<i64>,
    pub overdue_seconds: Option<i64>,
}
