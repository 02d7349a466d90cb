//! Workloads for the tests of everything that shows one.

use jiff::Timestamp;

use crate::audit::record::{Incident, WorkloadRef};
use crate::audit::seen::{HookSpec, Thresholds, Uid};
use crate::audit::snapshot::{Basis, Condition, HookLedger, TerminationLedger, Workload};
use crate::audit::words::{
    Cause, ConditionStatus, ConditionType, Confidence, ContainerType, Handler, Hook, IncidentType,
    Outcome,
};

pub(crate) fn plain_workload() -> Workload {
    Workload {
        revision: 1,
        namespace: "shop".into(),
        target: target("apps/v1", "Deployment", "checkout"),
        uid: Some(Uid(7)),
        gone: false,
        since: Timestamp::from_second(1_763_000_000).unwrap(),
        grace_seconds: Some(30),
        pods: 3,
        thresholds: Thresholds::default(),
        hooks: Vec::new(),
        terminations: TerminationLedger::default(),
        active: Vec::new(),
        incidents: Vec::new(),
        incident_count: 0,
        streaks: Vec::new(),
        conditions: Vec::new(),
        gaps: Vec::new(),
        gap_count: 0,
        gap_seconds: 0,
        gap_matters: false,
        basis: Basis::default(),
    }
}

pub(crate) fn target(api_version: &str, kind: &str, name: &str) -> WorkloadRef {
    WorkloadRef {
        api_version: api_version.into(),
        kind: kind.into(),
        name: name.into(),
    }
}

/// A hook whose runs nobody has seen yet.
pub(crate) fn plain_hook(container: &str, hook: Hook) -> HookLedger {
    HookLedger {
        container: container.into(),
        container_type: ContainerType::Container,
        hook,
        spec: HookSpec {
            handler: Handler::Exec,
            sleep_seconds: None,
            program: None,
            digest: None,
            port: None,
            scheme: None,
        },
        outcomes: [0; Outcome::ALL.len()],
        duplicates: 0,
        amended: 0,
        amendments: Vec::new(),
        stuck: 0,
        last_outcome: None,
        last_reason: None,
        last_at: None,
        last_failure_at: None,
        longest_seconds: None,
        last_exit_code: None,
    }
}

/// A forced kill of one pod, a moment after the epoch of these fixtures.
pub(crate) fn plain_incident(incident_type: IncidentType) -> Incident {
    Incident {
        incident_type,
        at: Timestamp::from_second(1_763_000_100).unwrap(),
        pod: "checkout-7d9f5c6b8-x2x7k".into(),
        pod_uid: Uid(9),
        node: Some("node-17".into()),
        container: Some("app".into()),
        hook: Some(Hook::PreStop),
        restart: 0,
        outcome: Some(Outcome::Overran),
        reason: None,
        cause: Some(Cause::PreStop),
        confidence: Some(Confidence::Confirmed),
        duration: None,
        grace_seconds: Some(30),
        exit_code: None,
        evidence: vec!["FailedPreStopHook 32s after Killing".into()],
    }
}

/// The condition `Healthy`.
pub(crate) fn healthy(status: ConditionStatus, reason: &'static str, message: &str) -> Condition {
    Condition {
        condition_type: ConditionType::Healthy,
        status,
        reason,
        message: message.into(),
        last_transition_at: Timestamp::from_second(1_763_000_000).unwrap(),
    }
}
