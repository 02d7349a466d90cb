//! The API's objects, decoded no further than a verdict needs.
//!
//! A field of the wrong type becomes [`Field::Wrong`] and never a failed decode: one undecodable pod
//! in a page would be listed again for ever.

mod lenient;
mod trim;
mod words;

use self::lenient::records;
pub use self::lenient::{Elements, Field, Fields, Lenient, List, Object, Record, Slot};
pub use self::trim::Trimmer;
pub use self::words::{
    Command, Component, ConditionStatus, ConditionType, ContainerId, ContainerName, Digest,
    EventType, Message, PodStatusReason, Port, Scheme, Signal, TaintKey, WaitingMessage,
    WaitingText,
};
use crate::audit::seen::{Disruption, EventReason, Phase, RestartPolicy, TerminatedReason, Uid};
use jiff::Timestamp;

records! {
    /// `metadata` of any object.
    Metadata {
        name: Field<Box<str>> = "name",
        namespace: Field<Box<str>> = "namespace",
        uid: Field<Uid> = "uid",
        resource_version: Field<Box<str>> = "resourceVersion",
        creation_timestamp: Field<Timestamp> = "creationTimestamp",
        generation: Field<i64> = "generation",
        deletion_timestamp: Field<Timestamp> = "deletionTimestamp",
        deletion_grace_period_seconds: Field<i64> = "deletionGracePeriodSeconds",
        finalizers: Field<List<Field<Box<str>>>> = "finalizers",
        owner_references: Field<List<Record<OwnerReference>>> = "ownerReferences",
        annotations: Record<Annotations> = "annotations",
    }

    OwnerReference {
        api_version: Field<Box<str>> = "apiVersion",
        kind: Field<Box<str>> = "kind",
        name: Field<Box<str>> = "name",
        uid: Field<Uid> = "uid",
        controller: Field<bool> = "controller",
    }

    Annotations {
        /// Set by a kubelet on the mirror of a static pod.
        config_hash: Field<Uid> = "kubernetes.io/config.hash",
    }

    /// `v1/Pod`.
    Pod {
        metadata: Record<Metadata> = "metadata",
        spec: Record<PodSpec> = "spec",
        status: Record<PodStatus> = "status",
    }

    PodSpec {
        node_name: Field<Box<str>> = "nodeName",
        termination_grace_period_seconds: Field<i64> = "terminationGracePeriodSeconds",
        restart_policy: Field<RestartPolicy> = "restartPolicy",
        init_containers: Field<List<Record<Container>>> = "initContainers",
        containers: Field<List<Record<Container>>> = "containers",
        ephemeral_containers: Field<List<Record<Container>>> = "ephemeralContainers",
    }

    Container {
        name: Field<Box<str>> = "name",
        restart_policy: Field<RestartPolicy> = "restartPolicy",
        lifecycle: Record<Lifecycle> = "lifecycle",
        liveness_probe: Record<Probe> = "livenessProbe",
        startup_probe: Record<Probe> = "startupProbe",
    }

    Probe {
        termination_grace_period_seconds: Field<i64> = "terminationGracePeriodSeconds",
    }

    Lifecycle {
        post_start: Field<LifecycleHandler> = "postStart",
        pre_stop: Field<LifecycleHandler> = "preStop",
        stop_signal: Field<Signal> = "stopSignal",
    }

    LifecycleHandler {
        exec: Field<Exec> = "exec",
        http_get: Field<HttpGet> = "httpGet",
        sleep: Field<Sleep> = "sleep",
        tcp_socket: Field<TcpSocket> = "tcpSocket",
    }

    Exec {
        command: Field<Command> = "command",
        /// Left by a redaction in place of the command.
        digest: Field<Digest> = "hookaudit.io/digest",
    }

    HttpGet {
        port: Field<Port> = "port",
        scheme: Field<Scheme> = "scheme",
    }

    TcpSocket {
        port: Field<Port> = "port",
    }

    Sleep {
        seconds: Field<i64> = "seconds",
    }

    PodStatus {
        phase: Field<Phase> = "phase",
        reason: Field<PodStatusReason> = "reason",
        observed_generation: Field<i64> = "observedGeneration",
        conditions: Field<List<Record<PodCondition>>> = "conditions",
        init_container_statuses: Field<List<Record<ContainerStatus>>> = "initContainerStatuses",
        container_statuses: Field<List<Record<ContainerStatus>>> = "containerStatuses",
        ephemeral_container_statuses: Field<List<Record<ContainerStatus>>> = "ephemeralContainerStatuses",
    }

    PodCondition {
        condition_type: Field<ConditionType> = "type",
        status: Field<ConditionStatus> = "status",
        reason: Field<Disruption> = "reason",
    }

    ContainerStatus {
        name: Field<Box<str>> = "name",
        restart_count: Field<u32> = "restartCount",
        container_id: Field<ContainerId> = "containerID",
        state: Record<ContainerState> = "state",
        last_state: Record<ContainerState> = "lastState",
        stop_signal: Field<Signal> = "stopSignal",
    }

    ContainerState {
        waiting: Field<Waiting> = "waiting",
        running: Field<Running> = "running",
        terminated: Field<Terminated> = "terminated",
    }

    Waiting {
        reason: Field<WaitingText> = "reason",
        message: Field<WaitingMessage> = "message",
    }

    Running {
        started_at: Field<Timestamp> = "startedAt",
    }

    Terminated {
        exit_code: Field<i32> = "exitCode",
        reason: Field<TerminatedReason> = "reason",
        started_at: Field<Timestamp> = "startedAt",
        finished_at: Field<Timestamp> = "finishedAt",
        container_id: Field<ContainerId> = "containerID",
    }

    /// `v1/Event`; the names of `events.k8s.io/v1` are read as well.
    Event {
        metadata: Record<Metadata> = "metadata",
        involved_object: Record<ObjectReference> = "involvedObject" | "regarding",
        reason: Field<EventReason> = "reason",
        message: Field<Message> = "message" | "note",
        source: Record<EventSource> = "source" | "deprecatedSource",
        first_timestamp: Field<Timestamp> = "firstTimestamp" | "deprecatedFirstTimestamp",
        last_timestamp: Field<Timestamp> = "lastTimestamp" | "deprecatedLastTimestamp",
        count: Field<u32> = "count" | "deprecatedCount",
        event_type: Field<EventType> = "type",
        event_time: Field<Timestamp> = "eventTime",
        series: Record<EventSeries> = "series",
        reporting_component: Field<Component> = "reportingComponent" | "reportingController",
        reporting_instance: Field<Box<str>> = "reportingInstance",
    }

    ObjectReference {
        kind: Field<Box<str>> = "kind",
        namespace: Field<Box<str>> = "namespace",
        name: Field<Box<str>> = "name",
        /// A text, not a uid: that of a Node is its name.
        uid: Field<Box<str>> = "uid",
        field_path: Field<ContainerName> = "fieldPath",
    }

    EventSource {
        component: Field<Component> = "component",
        host: Field<Box<str>> = "host",
    }

    EventSeries {
        count: Field<u32> = "count",
        last_observed_time: Field<Timestamp> = "lastObservedTime",
    }

    /// `v1/Node`.
    Node {
        metadata: Record<Metadata> = "metadata",
        spec: Record<NodeSpec> = "spec",
        status: Record<NodeStatus> = "status",
    }

    NodeSpec {
        taints: Field<List<Record<Taint>>> = "taints",
    }

    Taint {
        key: Field<TaintKey> = "key",
    }

    NodeStatus {
        conditions: Field<List<Record<NodeCondition>>> = "conditions",
    }

    NodeCondition {
        condition_type: Field<ConditionType> = "type",
        status: Field<ConditionStatus> = "status",
        last_transition_time: Field<Timestamp> = "lastTransitionTime",
    }

    /// `v1/Namespace`.
    Namespace {
        metadata: Record<Metadata> = "metadata",
        status: Record<NamespaceStatus> = "status",
    }

    NamespaceStatus {
        phase: Field<Box<str>> = "phase",
    }

    /// A ReplicaSet or a Job: metadata only.
    Owner {
        metadata: Record<Metadata> = "metadata",
    }

    /// `coordination.k8s.io/v1` `Lease`.
    Lease {
        spec: Record<LeaseSpec> = "spec",
    }

    LeaseSpec {
        renew_time: Field<Timestamp> = "renewTime",
    }

    /// `hookaudit.io/v1alpha1` `HookAudit`.
    HookAudit {
        metadata: Record<Metadata> = "metadata",
        spec: Record<HookAuditSpec> = "spec",
    }

    HookAuditSpec {
        target_ref: Field<TargetRef> = "targetRef",
        thresholds: Record<ThresholdsSpec> = "thresholds",
    }

    TargetRef {
        api_version: Field<Box<str>> = "apiVersion",
        kind: Field<Box<str>> = "kind",
        name: Field<Box<str>> = "name",
    }

    ThresholdsSpec {
        post_start_slow_seconds: Field<i64> = "postStartSlowSeconds",
        pre_stop_slow_percent: Field<i64> = "preStopSlowPercent",
        overdue_seconds: Field<i64> = "overdueSeconds",
    }
}
