//! From the core's ledger to the bounded status.

use std::collections::BTreeMap;

use crate::audit::record::{Gap, Incident, Interval};
use crate::audit::snapshot::{Active, Condition, HookLedger, Streak, TerminationLedger, Workload};
use crate::audit::words::{Cause, Hook, Outcome, TerminationResult};

use super::OTHER;
use super::account::pack;
use super::packed::{pack_amendments, pack_histogram};
use super::status::{
    ACTIVE_MAX, ActiveStatus, BucketsStatus, ConditionStatus, DETAIL_LENGTH, EVIDENCE_LENGTH,
    EVIDENCE_MAX, GAPS_MAX, GapStatus, HOOKS_MAX, HookAuditStatus, HookStatus, INCIDENTS_MAX,
    IncidentStatus, MESSAGE_LENGTH, ObservationStatus, STREAKS_MAX, SecondsInterval, StreakStatus,
    TerminationsStatus, cut, whole_seconds,
};

impl From<&Workload> for HookAuditStatus {
    /// Bounds every list and text. The generation is the API's and is set by [`HookAuditStatus::observe`].
    fn from(workload: &Workload) -> Self {
        let incidents_left_out = workload.incidents.len().saturating_sub(INCIDENTS_MAX);
        let terminating: u64 = pods(&workload.terminations.terminating);
        Self {
            observed_generation: None,
            termination_grace_period_seconds: workload.grace_seconds,
            observation: Some(observation(workload)),
            conditions: workload.conditions.iter().map(condition).collect(),
            streaks: workload
                .streaks
                .iter()
                .take(STREAKS_MAX)
                .map(streak)
                .collect(),
            hook_count: length(workload.hooks.len()),
            hooks: hooks(&workload.hooks),
            terminations: Some(terminations(&workload.terminations)),
            terminating_count: whole(terminating),
            active_count: length(workload.active.len()),
            active: workload
                .active
                .iter()
                .take(ACTIVE_MAX)
                .map(active)
                .collect(),
            finding_count: None,
            findings: Vec::new(),
            incident_count: whole(workload.incident_count),
            last_incident_time: workload.incidents.last().map(|last| whole_seconds(last.at)),
            incidents: workload
                .incidents
                .iter()
                .skip(incidents_left_out)
                .map(incident)
                .collect(),
            account: Some(pack(&workload.basis.account)),
        }
    }
}

fn observation(workload: &Workload) -> ObservationStatus {
    let left_out = workload.gaps.len().saturating_sub(GAPS_MAX);
    ObservationStatus {
        since: whole_seconds(workload.since),
        gap_count: whole(workload.gap_count),
        lost_seconds: whole(workload.gap_seconds),
        gaps: workload.gaps.iter().skip(left_out).map(gap).collect(),
    }
}

fn gap(gap: &Gap) -> GapStatus {
    GapStatus {
        from: whole_seconds(gap.from),
        to: whole_seconds(gap.to),
        resource: gap.resource.as_str().to_owned(),
        reason: gap.reason.as_str().to_owned(),
    }
}

fn condition(condition: &Condition) -> ConditionStatus {
    ConditionStatus {
        condition_type: condition.condition_type.as_str().to_owned(),
        status: condition.status.as_str().to_owned(),
        reason: condition.reason.to_owned(),
        message: cut(&condition.message, MESSAGE_LENGTH).to_owned(),
        observed_generation: None,
        last_transition_time: whole_seconds(condition.last_transition_at),
    }
}

fn streak(streak: &Streak) -> StreakStatus {
    StreakStatus {
        condition: streak.condition_type.to_string(),
        fault: streak.fault.to_string(),
        count: i64::from(streak.count),
        clean: i64::from(streak.clean),
        first_time: whole_seconds(streak.first_at),
        last_time: whole_seconds(streak.last_at),
        recovery: streak.recovery.map(|recovery| recovery.to_string()),
    }
}

/// All hooks, or so many that two entries are left for the sums of the others, one per kind of hook.
fn hooks(ledgers: &[HookLedger]) -> Vec<HookStatus> {
    if ledgers.len() <= HOOKS_MAX {
        return ledgers.iter().map(hook).collect();
    }
    let (listed, others) = ledgers.split_at(HOOKS_MAX - Hook::ALL.len());
    let mut folded: BTreeMap<Hook, HookLedger> = BTreeMap::new();
    for ledger in others {
        match folded.get_mut(&ledger.hook) {
            Some(sum) => add(sum, ledger),
            None => {
                let first = HookLedger {
                    container: OTHER.into(),
                    ..ledger.clone()
                };
                folded.insert(ledger.hook, first);
            }
        }
    }
    listed.iter().chain(folded.values()).map(hook).collect()
}

fn add(sum: &mut HookLedger, ledger: &HookLedger) {
    for (total, count) in sum.outcomes.iter_mut().zip(ledger.outcomes) {
        *total = total.saturating_add(count);
    }
    sum.duplicates = sum.duplicates.saturating_add(ledger.duplicates);
    sum.amended = sum.amended.saturating_add(ledger.amended);
    for &(from, to, times) in &ledger.amendments {
        match sum
            .amendments
            .iter_mut()
            .find(|known| known.0 == from && known.1 == to)
        {
            Some(known) => known.2 = known.2.saturating_add(times),
            None => sum.amendments.push((from, to, times)),
        }
    }
    sum.stuck = sum.stuck.saturating_add(ledger.stuck);
    if ledger.last_at > sum.last_at {
        sum.last_at = ledger.last_at;
        sum.last_outcome = ledger.last_outcome;
        sum.last_reason = ledger.last_reason;
        sum.last_exit_code = ledger.last_exit_code;
    }
    sum.last_failure_at = sum.last_failure_at.max(ledger.last_failure_at);
    sum.longest_seconds = sum.longest_seconds.max(ledger.longest_seconds);
}

fn hook(ledger: &HookLedger) -> HookStatus {
    let count = |outcome| whole(ledger.count(outcome));
    let text =
        |text: &Option<Box<str>>, bound| text.as_deref().map(|text| cut(text, bound).to_owned());
    HookStatus {
        container: ledger.container.to_string(),
        hook: ledger.hook.to_string(),
        container_type: ledger.container_type.to_string(),
        handler: ledger.spec.handler.to_string(),
        sleep_seconds: ledger.spec.sleep_seconds,
        program: text(&ledger.spec.program, 32),
        command_digest: text(&ledger.spec.digest, 16),
        port: text(&ledger.spec.port, 16),
        scheme: text(&ledger.spec.scheme, 8),
        succeeded: count(Outcome::Succeeded),
        failed: count(Outcome::Failed),
        overran: count(Outcome::Overran),
        cut_short: count(Outcome::CutShort),
        interrupted: count(Outcome::Interrupted),
        skipped: count(Outcome::Skipped),
        unknown: count(Outcome::Unknown),
        duplicates: whole(ledger.duplicates),
        amended: whole(ledger.amended),
        amendments: pack_amendments(&ledger.amendments),
        stuck: i64::from(ledger.stuck),
        last_outcome: ledger.last_outcome.map(|outcome| outcome.to_string()),
        last_reason: ledger.last_reason.map(|reason| reason.to_string()),
        last_outcome_time: ledger.last_at.map(whole_seconds),
        last_failure_time: ledger.last_failure_at.map(whole_seconds),
        max_duration_seconds: ledger.longest_seconds.map(whole),
        last_exit_code: ledger.last_exit_code,
    }
}

fn terminations(ledger: &TerminationLedger) -> TerminationsStatus {
    let count = |result| whole(ledger.count(result));
    TerminationsStatus {
        total: whole(ledger.total()),
        graceful: count(TerminationResult::Graceful),
        force_killed: count(TerminationResult::ForceKilled),
        force_deleted: count(TerminationResult::ForceDeleted),
        node_lost: count(TerminationResult::NodeLost),
        unknown: count(TerminationResult::Unknown),
        p50_seconds: ledger.p50_seconds().map(whole),
        p95_seconds: ledger.p95_seconds().map(whole),
        max_seconds: ledger.max_seconds.map(whole),
        total_seconds: whole(ledger.total_seconds),
        grace_used_p95_percent: ledger.grace_used_p95_percent().map(whole),
        recommended_grace_seconds: ledger.recommended_grace_seconds.map(whole),
        measured: whole(ledger.seconds.count()),
        buckets: BucketsStatus {
            seconds: pack_histogram(&ledger.seconds),
            grace_used_percent: pack_histogram(&ledger.grace_used_percent),
        },
    }
}

fn active(active: &Active) -> ActiveStatus {
    ActiveStatus {
        pod: active.pod.to_string(),
        node: active.node.as_deref().map(str::to_owned),
        container: active.container.as_deref().map(str::to_owned),
        hook: active.hook.map(|hook| hook.to_string()),
        since: whole_seconds(active.since),
        deadline: active.deadline.map(whole_seconds),
        cause: active.cause.to_string(),
        confidence: active.confidence.map(|confidence| confidence.to_string()),
        detail: cut(&active.detail, DETAIL_LENGTH).to_owned(),
    }
}

fn incident(incident: &Incident) -> IncidentStatus {
    let evidence = incident.evidence.iter().take(EVIDENCE_MAX);
    IncidentStatus {
        time: whole_seconds(incident.at),
        incident_type: incident.incident_type.to_string(),
        pod: incident.pod.to_string(),
        pod_uid: incident.pod_uid.to_string(),
        node: incident.node.as_deref().map(str::to_owned),
        container: incident.container.as_deref().map(str::to_owned),
        hook: incident.hook.map(|hook| hook.to_string()),
        restart: i64::from(incident.restart),
        outcome: incident.outcome.map(|outcome| outcome.to_string()),
        reason: incident.reason.map(|reason| reason.to_string()),
        cause: incident.cause.map(|cause| cause.to_string()),
        confidence: incident.confidence.map(|confidence| confidence.to_string()),
        duration_seconds: incident.duration.map(interval),
        grace_seconds: incident.grace_seconds,
        exit_code: incident.exit_code,
        evidence: evidence
            .map(|line| cut(line, EVIDENCE_LENGTH).to_owned())
            .collect(),
    }
}

fn interval(interval: Interval) -> SecondsInterval {
    SecondsInterval {
        min: whole(interval.min.as_secs()),
        max: interval
            .max
            .map(|max| whole(max.as_secs() + u64::from(max.subsec_nanos() > 0))),
    }
}

fn pods(per_cause: &[(Cause, u32)]) -> u64 {
    per_cause.iter().map(|&(_, pods)| u64::from(pods)).sum()
}

fn length(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
