//! What is seen of the objects of a cluster: closed enums of plain values, without any Kubernetes type.
//!
//! Every time in here was stamped by the cluster, by the API server (`deletion`, `created_at`) or by a kubelet
//! (all others).

mod event;
mod pod;
mod stream;

use jiff::Timestamp;

pub use event::{EventReason, EventSeen, Note, SETTLE_SECONDS, Subject};
pub use pod::{
    ContainerSeen, ContainerStatusSeen, Deletion, Disruption, HookSpec, Phase, PodSeen,
    PostStartFailure, RestartPolicy, StateSeen, StatusReason, TerminatedReason, TerminatedSeen,
    WaitingReason,
};
pub use stream::{Resource, Stream};

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

/// The owner reference with `controller: true`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ControllerRef {
    pub api_version: Box<str>,
    pub kind: Box<str>,
    pub name: Box<str>,
    pub uid: Option<Uid>,
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

/// `spec.thresholds`; what is absent takes the operator's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Thresholds {
    pub post_start_slow_seconds: Option<i64>,
    pub pre_stop_slow_percent: Option<i64>,
    pub overdue_seconds: Option<i64>,
}
