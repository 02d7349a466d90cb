//! From a status back to the numbers that a ledger goes on from.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::audit::base::{Base, BaseCondition};
use crate::audit::record::{Gap, GapReason, Incident};
use crate::audit::seen::{HookSpec, Resource};
use crate::audit::snapshot::{HookLedger, Streak, TerminationLedger};
use crate::audit::words::{
    ConditionStatus as ConditionWord, ConditionType, ContainerType, Fault, Handler, Hook, Outcome,
    Reason, Recovery, TerminationResult,
};

use super::account::unpack;
use super::packed::{unpack_amendments, unpack_histogram};
use super::status::{ConditionStatus, GapStatus, HookStatus, StreakStatus, TerminationsStatus};
use super::{HookAudit, HookAuditStatus};

/// Reads a status back. Times are whole seconds, lists as bounded as the status is. One that does not say what of
/// its tallies is counted is nothing to go on from.
#[must_use]
pub fn base(status: &HookAuditStatus) -> Option<Base> {
    let account = unpack(status.account.as_ref()?);
    let observation = status.observation.as_ref();
    Some(Base {
        since: observation.map(|observation| observation.since.0),
        grace_seconds: status.termination_grace_period_seconds,
        hooks: status.hooks.iter().filter_map(hook).collect(),
        terminations: status
            .terminations
            .as_ref()
            .map(terminations)
            .unwrap_or_default(),
        incidents: status
            .incidents
            .iter()
            .filter_map(|status| Incident::try_from(status).ok())
            .collect(),
        incident_count: count(status.incident_count),
        conditions: status.conditions.iter().filter_map(condition).collect(),
        streaks: status.streaks.iter().filter_map(streak).collect(),
        gaps: observation.map_or_else(Vec::new, |seen| seen.gaps.iter().filter_map(gap).collect()),
        gap_count: observation.map_or(0, |observation| count(observation.gap_count)),
        gap_seconds: observation.map_or(0, |observation| count(observation.lost_seconds)),
        account,
    })
}

fn hook(status: &HookStatus) -> Option<HookLedger> {
    let mut outcomes = [0; Outcome::ALL.len()];
    outcomes[Outcome::Succeeded as usize] = count(status.succeeded);
    outcomes[Outcome::Failed as usize] = count(status.failed);
    outcomes[Outcome::Overran as usize] = count(status.overran);
    outcomes[Outcome::CutShort as usize] = count(status.cut_short);
    outcomes[Outcome::Interrupted as usize] = count(status.interrupted);
    outcomes[Outcome::Skipped as usize] = count(status.skipped);
    outcomes[Outcome::Unknown as usize] = count(status.unknown);
    Some(HookLedger {
        container: status.container.as_str().into(),
        container_type: ContainerType::parse(&status.container_type)?,
        hook: Hook::parse(&status.hook)?,
        spec: HookSpec {
            handler: Handler::parse(&status.handler)?,
            sleep_seconds: status.sleep_seconds,
            program: boxed(&status.program),
            digest: boxed(&status.command_digest),
            port: boxed(&status.port),
            scheme: boxed(&status.scheme),
        },
        outcomes,
        duplicates: count(status.duplicates),
        amended: count(status.amended),
        amendments: status
            .amendments
            .as_deref()
            .map(unpack_amendments)
            .unwrap_or_default(),
        stuck: 0,
        last_outcome: status.last_outcome.as_deref().and_then(Outcome::parse),
        last_reason: status.last_reason.as_deref().and_then(Reason::parse),
        last_at: status.last_outcome_time.as_ref().map(at),
        last_failure_at: status.last_failure_time.as_ref().map(at),
        longest_seconds: status.max_duration_seconds.map(count),
        last_exit_code: status.last_exit_code,
    })
}

fn terminations(status: &TerminationsStatus) -> TerminationLedger {
    let mut results = [0; TerminationResult::ALL.len()];
    results[TerminationResult::Graceful as usize] = count(status.graceful);
    results[TerminationResult::ForceKilled as usize] = count(status.force_killed);
    results[TerminationResult::ForceDeleted as usize] = count(status.force_deleted);
    results[TerminationResult::NodeLost as usize] = count(status.node_lost);
    results[TerminationResult::Unknown as usize] = count(status.unknown);
    TerminationLedger {
        results,
        seconds: unpack_histogram(&status.buckets.seconds),
        grace_used_percent: unpack_histogram(&status.buckets.grace_used_percent),
        max_seconds: status.max_seconds.map(count),
        total_seconds: count(status.total_seconds),
        recommended_grace_seconds: status.recommended_grace_seconds.map(count),
        overdue: Vec::new(),
        terminating: Vec::new(),
    }
}

fn condition(status: &ConditionStatus) -> Option<BaseCondition> {
    Some(BaseCondition {
        condition_type: ConditionType::parse(&status.condition_type)?,
        status: ConditionWord::parse(&status.status)?,
        reason: status.reason.as_str().into(),
        last_transition_at: at(&status.last_transition_time),
    })
}

fn streak(status: &StreakStatus) -> Option<Streak> {
    let recovery = match &status.recovery {
        Some(word) => Some(Recovery::parse(word)?),
        None => None,
    };
    Some(Streak {
        condition_type: ConditionType::parse(&status.condition)?,
        fault: Fault::parse(&status.fault)?,
        count: u32::try_from(status.count).ok()?,
        clean: u32::try_from(status.clean).ok()?,
        first_at: at(&status.first_time),
        last_at: at(&status.last_time),
        recovery,
    })
}

/// The gaps that a status lists, oldest first.
#[must_use]
pub fn gaps(audit: &HookAudit) -> Vec<Gap> {
    let observation = audit.status.iter().flat_map(|status| &status.observation);
    observation
        .flat_map(|observation| observation.gaps.iter().filter_map(gap))
        .collect()
}

fn gap(status: &GapStatus) -> Option<Gap> {
    let mut reasons = GapReason::ALL.iter().copied();
    Some(Gap {
        from: at(&status.from),
        to: at(&status.to),
        resource: Resource::parse(&status.resource)?,
        reason: reasons.find(|reason| reason.as_str() == status.reason)?,
    })
}

fn at(time: &Time) -> Timestamp {
    time.0
}

fn boxed(text: &Option<String>) -> Option<Box<str>> {
    text.as_deref().map(Into::into)
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
