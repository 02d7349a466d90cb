//! The runs and terminations worth telling a person about: the last 20, the worst kept longest.

use std::time::Duration;

use jiff::Timestamp;

use super::kept::Kept;
use super::terminations;
use crate::audit::record::{Incident, Interval, PodRef, Run, Termination};
use crate::audit::snapshot::Active;
use crate::audit::words::{Cause, Hook, IncidentType, Outcome, Reason, TerminationResult};

const LISTED_MAX: usize = 20;
/// The newest of the list stay whatever they are.
const NEWEST_KEPT: usize = 5;
const EVIDENCE_MAX: usize = 4;
const EVIDENCE_BYTES_MAX: usize = 200;

/// The incident of a settled run, if it is one.
pub(super) fn of_run(pod: &PodRef, run: &Run, at: Timestamp) -> Option<Incident> {
    Some(Incident {
        incident_type: run_type(run)?,
        at,
        pod: pod.name.clone(),
        pod_uid: pod.uid,
        node: pod.node.clone(),
        container: Some(run.container.clone()),
        hook: Some(run.hook),
        restart: run.restart,
        outcome: Some(run.outcome),
        reason: run.reason,
        cause: None,
        confidence: run.confidence,
        duration: Some(run.duration),
        grace_seconds: run.grace_seconds,
        exit_code: run.exit_code,
        evidence: limited(&run.evidence),
    })
}

/// The incident of a settled termination, if it is one.
pub(super) fn of_termination(
    pod: &PodRef,
    termination: &Termination,
    at: Timestamp,
) -> Option<Incident> {
    let incident_type = match termination.result? {
        TerminationResult::ForceKilled => IncidentType::PodForceKilled,
        TerminationResult::ForceDeleted => IncidentType::PodForceDeleted,
        TerminationResult::NodeLost => IncidentType::PodLostWithNode,
        TerminationResult::Graceful | TerminationResult::Unknown => return None,
    };
    Some(Incident {
        incident_type,
        at,
        pod: pod.name.clone(),
        pod_uid: pod.uid,
        node: pod.node.clone(),
        container: None,
        hook: None,
        restart: 0,
        outcome: None,
        reason: None,
        cause: Some(termination.cause),
        confidence: termination.confidence,
        duration: terminations::lasted(termination)
            .and_then(|lasted| Duration::try_from(lasted).ok())
            .map(|lasted| Interval {
                min: lasted,
                max: Some(lasted),
            }),
        grace_seconds: termination.grace_seconds,
        exit_code: None,
        evidence: limited(&termination.evidence),
    })
}

/// The incident that a pod now starting or stopping is: a stuck postStart or an overdue termination.
pub(super) fn of_active(active: &Active, now: Timestamp) -> Option<Incident> {
    let incident_type = match active.hook {
        Some(Hook::PostStart) if active.stuck => IncidentType::PostStartStuck,
        None if active.overdue => IncidentType::TerminationOverdue,
        Some(_) | None => return None,
    };
    Some(Incident {
        incident_type,
        at: now,
        pod: active.pod.clone(),
        pod_uid: active.pod_uid,
        node: active.node.clone(),
        container: active.hook.and(active.container.clone()),
        hook: active.hook,
        restart: active.hook.map_or(0, |_| active.restart),
        outcome: active.hook.map(|_| Outcome::Running),
        reason: None,
        cause: (active.cause != Cause::Unknown).then_some(active.cause),
        confidence: active.confidence,
        duration: None,
        grace_seconds: None,
        exit_code: None,
        evidence: limited(std::slice::from_ref(&active.detail)),
    })
}

/// Whether an incident with this one's identity is listed.
pub(super) fn is_listed(listed: &[Kept], incident: &Kept) -> bool {
    listed
        .iter()
        .any(|listed| listed.identity() == incident.identity())
}

/// Lists an incident by its time, in the place of one with the same identity, and drops one of those too many.
///
/// The newest five stay. Of the others the one of the least weight goes, of these the oldest.
pub(super) fn list(listed: &mut Vec<Kept>, incident: Kept) {
    remove(listed, &incident);
    let place = listed.partition_point(|listed| listed.order() <= incident.order());
    listed.reserve_exact(1);
    listed.insert(place, incident);
    if listed.len() > LISTED_MAX {
        let older = &listed[..LISTED_MAX + 1 - NEWEST_KEPT];
        let least = older
            .iter()
            .enumerate()
            .min_by_key(|(_, incident)| weight(incident.incident_type()));
        if let Some((index, _)) = least {
            listed.remove(index);
        }
        listed.shrink_to_fit();
    }
}

/// Puts an amended incident in the place of the one that stood there, if that is still listed.
pub(super) fn replace(listed: &mut Vec<Kept>, before: &Kept, after: Kept) {
    if is_listed(listed, before) {
        remove(listed, before);
        list(listed, after);
    }
}

/// Takes an incident from the list.
pub(super) fn remove(listed: &mut Vec<Kept>, incident: &Kept) {
    listed.retain(|listed| listed.identity() != incident.identity());
}

/// The list of a view in the form in which it is kept.
pub(super) fn kept(view: &[Incident]) -> Vec<Kept> {
    view.iter()
        .map(|incident| {
            let evidence = limited(&incident.evidence);
            Kept::of(&Incident {
                evidence,
                ..incident.clone()
            })
        })
        .collect()
}

fn run_type(run: &Run) -> Option<IncidentType> {
    match (run.hook, run.outcome) {
        _ if run.cascade => None,
        (Hook::PostStart, Outcome::Failed) => Some(IncidentType::PostStartFailed),
        (Hook::PreStop, Outcome::Failed) => Some(IncidentType::PreStopFailed),
        (Hook::PreStop, Outcome::Overran) => Some(IncidentType::PreStopOverran),
        (Hook::PreStop, Outcome::CutShort) => Some(IncidentType::PreStopCutShort),
        (Hook::PreStop, Outcome::Interrupted) if run.reason != Some(Reason::MainExited) => {
            Some(IncidentType::PreStopInterrupted)
        }
        _ => None,
    }
}

fn weight(incident_type: IncidentType) -> u8 {
    match incident_type {
        IncidentType::PodForceKilled | IncidentType::PreStopOverran => 5,
        IncidentType::PostStartFailed
        | IncidentType::PostStartStuck
        | IncidentType::PreStopFailed => 4,
        IncidentType::TerminationOverdue => 3,
        IncidentType::PodLostWithNode => 2,
        IncidentType::PodForceDeleted | IncidentType::PreStopCutShort => 1,
        IncidentType::PreStopInterrupted => 0,
    }
}

/// Short evidence of one line each.
fn limited(evidence: &[Box<str>]) -> Vec<Box<str>> {
    evidence
        .iter()
        .filter_map(|text| text.lines().next())
        .filter(|line| !line.is_empty())
        .take(EVIDENCE_MAX)
        .map(|line| line[..line.floor_char_boundary(EVIDENCE_BYTES_MAX)].into())
        .collect()
}
