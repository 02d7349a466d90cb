//! The API's objects, decoded no further than a verdict needs.
//!
//! A field of the wrong type becomes [`Field::Wrong`] and never a failed decode: one undecodable pod
//! in a page would be listed again for ever.

mod lenient;
mod words;

use serde::Deserialize;

use self::lenient::lenient_records;
pub use self::lenient::{Field, Lenient, List, Record};
pub use self::words::{
    Command, Component, ConditionStatus, ConditionType, ContainerId, ContainerName, Digest,
    EventType, Message, PodStatusReason, Port, Scheme, Signal, TaintKey, WaitingMessage,
    WaitingText,
};
use crate::audit::observation::{
    Disruption, EventReason, Phase, RestartPolicy, TerminatedReason, Uid,
};
use jiff::Timestamp;

/// `metadata` of any object.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    pub name: Field<Box<str>>,
    pub namespace: Field<Box<str>>,
    pub uid: Field<Uid>,
    pub resource_version: Field<Box<str>>,
    pub creation_timestamp: Field<Timestamp>,
    pub generation: Field<i64>,
    pub deletion_timestamp: Field<Timestamp>,
    pub deletion_grace_period_seconds: Field<i64>,
    pub finalizers: Field<List<Box<str>>>,
    pub owner_references: Field<List<OwnerReference>>,
    pub annotations: Record<Annotations>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnerReference {
    pub api_version: Field<Box<str>>,
    pub kind: Field<Box<str>>,
    pub name: Field<Box<str>>,
    pub uid: Field<Uid>,
    pub controller: Field<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Annotations {
    /// Set by a kubelet on the mirror of a static pod.
    #[serde(rename = "kubernetes.io/config.hash")]
    pub config_hash: Field<Uid>,
}

/// `v1/Pod`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Pod {
    pub metadata: Record<Metadata>,
    pub spec: Record<PodSpec>,
    pub status: Record<PodStatus>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    pub node_name: Field<Box<str>>,
    pub termination_grace_period_seconds: Field<i64>,
    pub restart_policy: Field<RestartPolicy>,
    pub init_containers: Field<List<Container>>,
    pub containers: Field<List<Container>>,
    pub ephemeral_containers: Field<List<Container>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    pub name: Field<Box<str>>,
    pub restart_policy: Field<RestartPolicy>,
    pub lifecycle: Record<Lifecycle>,
    pub liveness_probe: Record<Probe>,
    pub startup_probe: Record<Probe>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Probe {
    pub termination_grace_period_seconds: Field<i64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Lifecycle {
    pub post_start: Field<LifecycleHandler>,
    pub pre_stop: Field<LifecycleHandler>,
    pub stop_signal: Field<Signal>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LifecycleHandler {
    pub exec: Field<Exec>,
    pub http_get: Field<HttpGet>,
    pub sleep: Field<Sleep>,
    pub tcp_socket: Field<TcpSocket>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Exec {
    pub command: Field<Command>,
    /// Left by a redaction in place of the command.
    #[serde(rename = "hookaudit.io/digest")]
    pub digest: Field<Digest>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct HttpGet {
    pub port: Field<Port>,
    pub scheme: Field<Scheme>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct TcpSocket {
    pub port: Field<Port>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Sleep {
    pub seconds: Field<i64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    pub phase: Field<Phase>,
    pub reason: Field<PodStatusReason>,
    pub observed_generation: Field<i64>,
    pub conditions: Field<List<PodCondition>>,
    pub init_container_statuses: Field<List<ContainerStatus>>,
    pub container_statuses: Field<List<ContainerStatus>>,
    pub ephemeral_container_statuses: Field<List<ContainerStatus>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PodCondition {
    #[serde(rename = "type")]
    pub condition_type: Field<ConditionType>,
    pub status: Field<ConditionStatus>,
    pub reason: Field<Disruption>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStatus {
    pub name: Field<Box<str>>,
    pub restart_count: Field<u32>,
    #[serde(rename = "containerID")]
    pub container_id: Field<ContainerId>,
    pub state: Record<ContainerState>,
    pub last_state: Record<ContainerState>,
    pub stop_signal: Field<Signal>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ContainerState {
    pub waiting: Field<Waiting>,
    pub running: Field<Running>,
    pub terminated: Field<Terminated>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Waiting {
    pub reason: Field<WaitingText>,
    pub message: Field<WaitingMessage>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Running {
    pub started_at: Field<Timestamp>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Terminated {
    pub exit_code: Field<i32>,
    pub reason: Field<TerminatedReason>,
    pub started_at: Field<Timestamp>,
    pub finished_at: Field<Timestamp>,
    #[serde(rename = "containerID")]
    pub container_id: Field<ContainerId>,
}

/// `v1/Event`; the names of `events.k8s.io/v1` are read as well.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    pub metadata: Record<Metadata>,
    #[serde(alias = "regarding")]
    pub involved_object: Record<ObjectReference>,
    pub reason: Field<EventReason>,
    #[serde(alias = "note")]
    pub message: Field<Message>,
    #[serde(alias = "deprecatedSource")]
    pub source: Record<EventSource>,
    #[serde(alias = "deprecatedFirstTimestamp")]
    pub first_timestamp: Field<Timestamp>,
    #[serde(alias = "deprecatedLastTimestamp")]
    pub last_timestamp: Field<Timestamp>,
    #[serde(alias = "deprecatedCount")]
    pub count: Field<u32>,
    #[serde(rename = "type")]
    pub event_type: Field<EventType>,
    pub event_time: Field<Timestamp>,
    pub series: Record<EventSeries>,
    #[serde(alias = "reportingController")]
    pub reporting_component: Field<Component>,
    pub reporting_instance: Field<Box<str>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectReference {
    pub kind: Field<Box<str>>,
    pub namespace: Field<Box<str>>,
    pub name: Field<Box<str>>,
    /// A text, not a uid: that of a Node is its name.
    pub uid: Field<Box<str>>,
    pub field_path: Field<ContainerName>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct EventSource {
    pub component: Field<Component>,
    pub host: Field<Box<str>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventSeries {
    pub count: Field<u32>,
    pub last_observed_time: Field<Timestamp>,
}

/// `v1/Node`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Node {
    pub metadata: Record<Metadata>,
    pub spec: Record<NodeSpec>,
    pub status: Record<NodeStatus>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NodeSpec {
    pub taints: Field<List<Taint>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Taint {
    pub key: Field<TaintKey>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NodeStatus {
    pub conditions: Field<List<NodeCondition>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeCondition {
    #[serde(rename = "type")]
    pub condition_type: Field<ConditionType>,
    pub status: Field<ConditionStatus>,
    pub last_transition_time: Field<Timestamp>,
}

/// `v1/Namespace`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Namespace {
    pub metadata: Record<Metadata>,
    pub status: Record<NamespaceStatus>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NamespaceStatus {
    pub phase: Field<Box<str>>,
}

/// A ReplicaSet or a Job: metadata only.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Owner {
    pub metadata: Record<Metadata>,
}

/// `hookaudit.io/v1alpha1` `HookAudit`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct HookAudit {
    pub metadata: Record<Metadata>,
    pub spec: Record<HookAuditSpec>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HookAuditSpec {
    pub target_ref: Field<TargetRef>,
    pub thresholds: Record<ThresholdsSpec>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TargetRef {
    pub api_version: Field<Box<str>>,
    pub kind: Field<Box<str>>,
    pub name: Field<Box<str>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ThresholdsSpec {
    pub post_start_slow_seconds: Field<i64>,
    pub pre_stop_slow_percent: Field<i64>,
    pub overdue_seconds: Field<i64>,
}

lenient_records!(
    Metadata,
    OwnerReference,
    Annotations,
    PodSpec,
    Container,
    Probe,
    Lifecycle,
    LifecycleHandler,
    Exec,
    HttpGet,
    TcpSocket,
    Sleep,
    PodStatus,
    PodCondition,
    ContainerStatus,
    ContainerState,
    Waiting,
    Running,
    Terminated,
    ObjectReference,
    EventSource,
    EventSeries,
    NodeSpec,
    Taint,
    NodeStatus,
    NodeCondition,
    NamespaceStatus,
    HookAuditSpec,
    TargetRef,
    ThresholdsSpec,
);
