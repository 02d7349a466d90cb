//! One workload: the lists of its status, unbounded.

use jiff::Timestamp;
use serde::Serialize;

use super::value::{Bounds, Time, known};
use crate::audit::record;
use crate::audit::seen::Uid;
use crate::audit::snapshot::{self, HookLedger, TerminationLedger};
use crate::audit::words::{Outcome, TerminationResult};

#[derive(Serialize)]
pub(super) struct Workload<'a> {
    namespace: &'a str,
    kind: &'a str,
    name: &'a str,
    hooks: Vec<Hook<'a>>,
    terminations: Terminations,
    incidents: Vec<Incident<'a>>,
    findings: [Finding; 0],
}

/// A defect in how a hook is declared. No rule exists yet, so there is no value of it.
#[derive(Serialize)]
enum Finding {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Hook<'a> {
    container: &'a str,
    container_type: &'static str,
    hook: &'static str,
    handler: &'static str,
    succeeded: u64,
    failed: u64,
    overran: u64,
    interrupted: u64,
    cut_short: u64,
    skipped: u64,
    unknown: u64,
    duplicates: u64,
    amended: u64,
    last_outcome: Option<&'static str>,
    last_outcome_time: Option<Time>,
    max_duration_seconds: Option<u64>,
    last_exit_code: Option<i32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Terminations {
    total: u64,
    graceful: u64,
    force_killed: u64,
    force_deleted: u64,
    node_lost: u64,
    unknown: u64,
    p50_seconds: Option<u64>,
    p95_seconds: Option<u64>,
    max_seconds: Option<u64>,
    grace_used_p95_percent: Option<u64>,
    recommended_grace_seconds: Option<u64>,
    recommended_from: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Incident<'a> {
    time: Time,
    r#type: &'static str,
    pod: &'a str,
    container: Option<&'a str>,
    hook: Option<&'static str>,
    cause: Option<&'static str>,
    reason: Option<&'static str>,
    confidence: Option<&'static str>,
    duration_seconds: Option<Bounds>,
    grace_seconds: Option<i64>,
    exit_code: Option<i32>,
    evidence: &'a [Box<str>],
}

impl<'a> Workload<'a> {
    pub(super) fn new(workload: &'a snapshot::Workload) -> Self {
        let mut incidents: Vec<&record::Incident> = workload.incidents.iter().collect();
        incidents.sort_by(|left, right| incident_key(left).cmp(&incident_key(right)));
        Self {
            namespace: &workload.namespace,
            kind: &workload.target.kind,
            name: &workload.target.name,
            hooks: workload.hooks.iter().map(Hook::new).collect(),
            terminations: Terminations::new(&workload.terminations),
            incidents: incidents.into_iter().map(Incident::new).collect(),
            findings: [],
        }
    }
}

impl<'a> Hook<'a> {
    fn new(ledger: &'a HookLedger) -> Self {
        Self {
            container: &ledger.container,
            container_type: ledger.container_type.as_str(),
            hook: ledger.hook.as_str(),
            handler: ledger.spec.handler.as_str(),
            succeeded: ledger.count(Outcome::Succeeded),
            failed: ledger.count(Outcome::Failed),
            overran: ledger.count(Outcome::Overran),
            interrupted: ledger.count(Outcome::Interrupted),
            cut_short: ledger.count(Outcome::CutShort),
            skipped: ledger.count(Outcome::Skipped),
            unknown: ledger.count(Outcome::Unknown),
            duplicates: ledger.duplicates,
            amended: ledger.amended,
            last_outcome: ledger.last_outcome.map(|outcome| outcome.as_str()),
            last_outcome_time: ledger.last_at.map(Time),
            max_duration_seconds: ledger.longest_seconds,
            last_exit_code: ledger.last_exit_code,
        }
    }
}

impl Terminations {
    fn new(ledger: &TerminationLedger) -> Self {
        Self {
            total: ledger.total(),
            graceful: ledger.count(TerminationResult::Graceful),
            force_killed: ledger.count(TerminationResult::ForceKilled),
            force_deleted: ledger.count(TerminationResult::ForceDeleted),
            node_lost: ledger.count(TerminationResult::NodeLost),
            unknown: ledger.count(TerminationResult::Unknown),
            p50_seconds: ledger.p50_seconds(),
            p95_seconds: ledger.p95_seconds(),
            max_seconds: ledger.max_seconds,
            grace_used_p95_percent: ledger.grace_used_p95_percent(),
            recommended_grace_seconds: ledger.recommended_grace_seconds,
            recommended_from: ledger.recommended_grace_seconds.map(|_| ledger.measured()),
        }
    }
}

impl<'a> Incident<'a> {
    fn new(incident: &'a record::Incident) -> Self {
        Self {
            time: Time(incident.at),
            r#type: incident.incident_type.as_str(),
            pod: &incident.pod,
            container: known(incident.container.as_deref()),
            hook: incident.hook.map(|hook| hook.as_str()),
            cause: incident.cause.map(|cause| cause.as_str()),
            reason: incident.reason.map(|reason| reason.as_str()),
            confidence: incident.confidence.map(|confidence| confidence.as_str()),
            duration_seconds: incident.duration.map(Bounds::from),
            grace_seconds: incident.grace_seconds,
            exit_code: incident.exit_code,
            evidence: &incident.evidence,
        }
    }
}

type IncidentKey<'a> = (Timestamp, &'a str, Option<&'a str>, &'static str, Uid, u32);

fn incident_key(incident: &record::Incident) -> IncidentKey<'_> {
    (
        incident.at,
        &incident.pod,
        incident.container.as_deref(),
        incident.incident_type.as_str(),
        incident.pod_uid,
        incident.restart,
    )
}
