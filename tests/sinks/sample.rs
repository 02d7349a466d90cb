//! A workload with something to tell.

use hookaudit::audit::record::{Incident, WorkloadRef};
use hookaudit::audit::seen::{HookSpec, Thresholds, Uid};
use hookaudit::audit::snapshot::{Basis, Condition, HookLedger, TerminationLedger, Workload};
use hookaudit::audit::words::{
    Cause, ConditionStatus, ConditionType, Confidence, ContainerType, Handler, Hook, IncidentType,
    Outcome, TerminationResult,
};
use jiff::Timestamp;

/// A Deployment with one preStop hook that overran three times in twelve.
pub(crate) fn unhealthy(namespace: &str, owner: Uid) -> Workload {
    let at = Timestamp::from_second(1_763_000_100).unwrap();
    let mut terminations = TerminationLedger {
        max_seconds: Some(32),
        total_seconds: 170,
        ..Default::default()
    };
    terminations.results[TerminationResult::Graceful as usize] = 9;
    terminations.results[TerminationResult::ForceKilled as usize] = 3;
    for seconds in [8, 8, 8, 8, 8, 8, 8, 9, 9, 32, 32, 32] {
        terminations.seconds.record(seconds);
        terminations.grace_used_percent.record(seconds * 100 / 30);
    }
    Workload {
        revision: 1,
        namespace: namespace.into(),
        target: WorkloadRef {
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            name: "checkout".into(),
        },
        uid: Some(owner),
        gone: false,
        since: at,
        grace_seconds: Some(30),
        pods: 3,
        thresholds: Thresholds::default(),
        hooks: vec![hook(at)],
        terminations,
        active: Vec::new(),
        incidents: vec![incident(at)],
        incident_count: 3,
        streaks: Vec::new(),
        conditions: vec![Condition {
            condition_type: ConditionType::Healthy,
            status: ConditionStatus::False,
            reason: "PreStopOverran",
            message: "preStop of app used the whole 30s grace".into(),
            last_transition_at: at,
        }],
        gaps: Vec::new(),
        gap_count: 0,
        gap_seconds: 0,
        gap_matters: false,
        basis: Basis::default(),
    }
}

fn hook(at: Timestamp) -> HookLedger {
    let mut outcomes = [0; Outcome::ALL.len()];
    outcomes[Outcome::Succeeded as usize] = 9;
    outcomes[Outcome::Overran as usize] = 3;
    HookLedger {
        container: "app".into(),
        container_type: ContainerType::Container,
        hook: Hook::PreStop,
        spec: HookSpec {
            handler: Handler::Exec,
            sleep_seconds: None,
            program: Some("sh".into()),
            digest: Some("9f2c41d07ab3".into()),
            port: None,
            scheme: None,
        },
        outcomes,
        duplicates: 1,
        amended: 1,
        amendments: vec![(Outcome::Succeeded, Outcome::Overran, 1)],
        stuck: 0,
        last_outcome: Some(Outcome::Overran),
        last_reason: None,
        last_at: Some(at),
        last_failure_at: Some(at),
        longest_seconds: Some(32),
        last_exit_code: None,
    }
}

fn incident(at: Timestamp) -> Incident {
    Incident {
        incident_type: IncidentType::PreStopOverran,
        at,
        pod: "checkout-7d9f5c6b8-q9w2z".into(),
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
