//! The contents that the tests of all formats share.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::Contents;
use crate::audit::record::{
    Gap, GapReason, Incident, Interval, PodRef, PodReport, Run, Spent, Termination, WorkloadRef,
};
use crate::audit::seen::{HookSpec, Resource, Thresholds, Uid};
use crate::audit::snapshot::{Basis, Histogram, HookLedger, TerminationLedger, Workload};
use crate::audit::words::{
    Cause, Confidence, ContainerType, Handler, Hook, IncidentType, Outcome, Reason,
    TerminationResult, Trigger,
};

/// One pod force-killed in its preStop, one bare pod whose postStart runs, and a gap; unsorted.
pub(crate) fn contents() -> Contents {
    Contents {
        observed_from: Some(at("2026-11-22T16:00:00Z")),
        observed_to: Some(at("2026-11-22T16:10:00.5Z")),
        gaps: vec![Gap {
            from: at("2026-11-22T16:01:00Z"),
            to: at("2026-11-22T16:01:37Z"),
            resource: Resource::Events,
            reason: GapReason::Relisted,
        }],
        pods: vec![killed_pod(), starting_pod()],
        workloads: vec![Arc::new(workload()), Arc::new(bare_pods())],
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A pod of Deployment `web` with one preStop that overran.
pub(crate) fn killed_pod() -> PodReport {
    PodReport {
        pod: PodRef {
            namespace: "shop".into(),
            name: "web-6d5f8c7b9-x2x7k".into(),
            uid: Uid(0x0000_0000_0000_4000_8000_0000_0000_0002),
            node: Some("node-1".into()),
            workload: web(),
        },
        runs: vec![overran()],
        termination: Some(Termination {
            trigger: Trigger::Deleted,
            requested_at: at("2026-11-22T16:02:00Z"),
            deadline: Some(at("2026-11-22T16:02:30Z")),
            grace_seconds: Some(30),
            containers_ended_at: Some(at("2026-11-22T16:02:32.25Z")),
            ended_at: Some(at("2026-11-22T16:02:33Z")),
            result: Some(TerminationResult::ForceKilled),
            cause: Cause::PreStop,
            confidence: Some(Confidence::Confirmed),
            settled: true,
            overdue: Duration::from_millis(3_000),
            spent: Spent {
                wait: Some(Interval::ZERO),
                hook: Some(Interval::between_seconds(30.0, 31.000_5)),
                shutdown: None,
                teardown: Some(Interval::OPEN),
            },
            finalizers: Vec::new(),
            evidence: vec!["exit code 137 at the end of the grace".into()],
        }),
        signs: Vec::new(),
    }
}

/// A bare pod whose postStart has not returned.
pub(crate) fn starting_pod() -> PodReport {
    PodReport {
        pod: PodRef {
            namespace: "default".into(),
            name: "cache".into(),
            uid: Uid(0x0000_0000_0000_4000_8000_0000_0000_0001),
            node: None,
            workload: WorkloadRef::bare_pods(),
        },
        runs: vec![Run {
            container: "main".into(),
            hook: Hook::PostStart,
            trigger: None,
            outcome: Outcome::Running,
            confidence: None,
            settled: false,
            stuck: true,
            started_at: None,
            duration: Interval::OPEN,
            grace_seconds: None,
            container_exit_code: None,
            evidence: Vec::new(),
            ..overran()
        }],
        termination: None,
        signs: Vec::new(),
    }
}

fn overran() -> Run {
    Run {
        container: "app".into(),
        container_type: ContainerType::Container,
        restart: 0,
        attempt: 1,
        attempt_reason: None,
        hook: Hook::PreStop,
        handler: Handler::Exec,
        trigger: Some(Trigger::Deleted),
        outcome: Outcome::Overran,
        confidence: Some(Confidence::Inferred),
        settled: true,
        reason: None,
        exit_code: None,
        container_exit_code: Some(137),
        stuck: false,
        started_at: Some(at("2026-11-22T16:02:00.364549123Z")),
        duration: Interval::between_seconds(29.635_4, 30.5),
        grace_seconds: Some(30),
        cascade: false,
        evidence: vec!["still running when the grace of 30 s ended".into()],
        witness: None,
    }
}

fn web() -> WorkloadRef {
    WorkloadRef {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        name: "web".into(),
    }
}

fn workload() -> Workload {
    let mut outcomes = [0; Outcome::ALL.len()];
    outcomes[Outcome::Overran as usize] = 1;
    let mut results = [0; TerminationResult::ALL.len()];
    results[TerminationResult::ForceKilled as usize] = 1;
    Workload {
        hooks: vec![HookLedger {
            container: "app".into(),
            container_type: ContainerType::Container,
            hook: Hook::PreStop,
            spec: HookSpec {
                handler: Handler::Exec,
                sleep_seconds: None,
                program: None,
                digest: None,
                port: None,
                scheme: None,
            },
            outcomes,
            duplicates: 0,
            amended: 0,
            amendments: Vec::new(),
            stuck: 0,
            last_outcome: Some(Outcome::Overran),
            last_reason: None,
            last_at: Some(at("2026-11-22T16:02:32Z")),
            last_failure_at: Some(at("2026-11-22T16:02:32Z")),
            longest_seconds: Some(31),
            last_exit_code: None,
        }],
        terminations: TerminationLedger {
            results,
            max_seconds: Some(33),
            total_seconds: 33,
            recommended_grace_seconds: Some(45),
            seconds: Histogram {
                buckets: vec![(2, 1)],
            },
            ..TerminationLedger::default()
        },
        incidents: vec![Incident {
            incident_type: IncidentType::PreStopOverran,
            at: at("2026-11-22T16:02:32Z"),
            pod: "web-6d5f8c7b9-x2x7k".into(),
            pod_uid: Uid(2),
            node: Some("node-1".into()),
            container: Some("app".into()),
            hook: Some(Hook::PreStop),
            restart: 0,
            outcome: Some(Outcome::Overran),
            reason: Some(Reason::Unspecified),
            cause: None,
            confidence: Some(Confidence::Inferred),
            duration: Some(Interval::between_seconds(29.635_4, 30.5)),
            grace_seconds: Some(30),
            exit_code: Some(137),
            evidence: vec!["still running when the grace of 30 s ended".into()],
        }],
        incident_count: 1,
        ..empty_workload("shop", web())
    }
}

fn bare_pods() -> Workload {
    empty_workload("default", WorkloadRef::bare_pods())
}

/// A workload of which nothing was seen.
pub(crate) fn empty_workload(namespace: &str, target: WorkloadRef) -> Workload {
    Workload {
        revision: 1,
        namespace: namespace.into(),
        target,
        uid: None,
        gone: false,
        since: at("2026-11-22T16:00:00Z"),
        grace_seconds: Some(30),
        pods: 1,
        thresholds: Thresholds::default(),
        hooks: Vec::new(),
        terminations: TerminationLedger::default(),
        active: Vec::new(),
        incidents: Vec::new(),
        incident_count: 0,
        conditions: Vec::new(),
        streaks: Vec::new(),
        gaps: Vec::new(),
        gap_count: 0,
        gap_seconds: 0,
        gap_matters: false,
        basis: Basis::default(),
    }
}
