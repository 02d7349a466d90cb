use std::time::Duration;

use jiff::SignedDuration;

use super::*;
use crate::audit::base::{Base, BaseCondition};
use crate::audit::record::Interval;
use crate::audit::words::{
    Cause, Confidence, Handler, IncidentType, Reason, TerminationResult, Trigger,
};

mod conditions;
mod incidents;
mod memory;
mod properties;
mod tallies;

const DAY_SECONDS: i64 = 86_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn ledger() -> Ledger {
    let target = WorkloadRef {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        name: "checkout".into(),
    };
    Ledger::new("shop".into(), target, Some(Uid(7)), at(0))
}

/// What a status of this view tells a later process.
fn base(view: &Workload) -> Base {
    let conditions = view.conditions.iter().map(|condition| BaseCondition {
        condition_type: condition.condition_type,
        status: condition.status,
        reason: condition.reason.into(),
        last_transition_at: condition.last_transition_at,
    });
    Base {
        since: Some(view.since),
        grace_seconds: view.grace_seconds,
        hooks: view.hooks.clone(),
        terminations: view.terminations.clone(),
        incidents: view.incidents.clone(),
        incident_count: view.incident_count,
        conditions: conditions.collect(),
        streaks: view.streaks.clone(),
        gaps: view.gaps.clone(),
        gap_count: view.gap_count,
        gap_seconds: view.gap_seconds,
        account: view.basis.account.clone(),
    }
}

/// The ledger of a process that finds a status of this view.
fn continued(view: &Workload) -> Ledger {
    ledger().onto(at(0), &base(view))
}

fn pod(uid: u128) -> PodRef {
    PodRef {
        namespace: "shop".into(),
        name: format!("checkout-7d9f5c6b8-{uid:05}").into(),
        uid: Uid(uid),
        node: Some("node-17".into()),
        workload: ledger().target,
    }
}

fn spec() -> HookSpec {
    HookSpec {
        handler: Handler::Exec,
        sleep_seconds: None,
        program: Some("sh".into()),
        digest: Some("9f2c41d07ab3".into()),
        port: None,
        scheme: None,
    }
}

/// A settled run of container `app` that started at a second and lasted two.
fn run(hook: Hook, outcome: Outcome, started_second: i64) -> Run {
    Run {
        container: "app".into(),
        container_type: ContainerType::Container,
        restart: 0,
        attempt: 1,
        attempt_reason: None,
        hook,
        handler: Handler::Exec,
        trigger: Some(Trigger::Deleted),
        outcome,
        confidence: Some(Confidence::Inferred),
        settled: true,
        reason: None,
        exit_code: None,
        container_exit_code: None,
        stuck: false,
        started_at: Some(at(started_second)),
        duration: Interval::between_seconds(2.0, 2.0),
        grace_seconds: Some(30),
        cascade: false,
        evidence: vec!["FailedPreStopHook 2s after Killing".into()],
        witness: None,
    }
}

fn pre_stop(outcome: Outcome, started_second: i64) -> Run {
    run(Hook::PreStop, outcome, started_second)
}

/// A settled termination requested at a second.
fn termination(
    result: TerminationResult,
    requested_second: i64,
    lasted_seconds: i64,
) -> Termination {
    let ended_at = at(requested_second + lasted_seconds);
    Termination {
        trigger: Trigger::Deleted,
        requested_at: at(requested_second),
        deadline: Some(at(requested_second + 30)),
        grace_seconds: Some(30),
        containers_ended_at: Some(ended_at),
        ended_at: Some(ended_at),
        result: Some(result),
        cause: Cause::WithinGrace,
        confidence: Some(Confidence::Confirmed),
        settled: true,
        overdue: Duration::ZERO,
        spent: crate::audit::record::Spent::default(),
        finalizers: Vec::new(),
        evidence: vec!["containers ended by exit code 137".into()],
    }
}

fn terminating(uid: u128, cause: Cause) -> Active {
    Active {
        pod: pod(uid).name,
        pod_uid: Uid(uid),
        node: Some("node-17".into()),
        container: Some("app".into()),
        restart: 0,
        hook: None,
        since: at(10),
        deadline: Some(at(40)),
        overdue: false,
        stuck: false,
        cause,
        confidence: Some(Confidence::Inferred),
        detail: "app is still running".into(),
    }
}

fn overdue(uid: u128, cause: Cause) -> Active {
    Active {
        overdue: true,
        ..terminating(uid, cause)
    }
}

fn stuck(uid: u128, restart: u32) -> Active {
    Active {
        hook: Some(Hook::PostStart),
        restart,
        deadline: None,
        stuck: true,
        ..terminating(uid, Cause::PostStart)
    }
}

/// The status, reason and last transition of a condition.
fn condition(
    ledger: &mut Ledger,
    now: Timestamp,
    condition_type: ConditionType,
) -> (ConditionStatus, &'static str, Timestamp) {
    let view = ledger.view(now, 1, Basis::default());
    let condition = view.condition(condition_type).unwrap();
    (
        condition.status,
        condition.reason,
        condition.last_transition_at,
    )
}

fn message(ledger: &mut Ledger, now: Timestamp, condition_type: ConditionType) -> String {
    let view = ledger.view(now, 1, Basis::default());
    view.condition(condition_type).unwrap().message.to_string()
}

fn after(now: Timestamp, seconds: i64) -> Timestamp {
    now + SignedDuration::from_secs(seconds)
}
