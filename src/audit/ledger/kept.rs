//! An incident in the form in which a ledger keeps it, an eighth smaller than the one that is told.

use jiff::Timestamp;

use crate::audit::record::{Incident, Interval};
use crate::audit::seen::Uid;
use crate::audit::words::{Cause, Confidence, Hook, IncidentType, Outcome, Reason};

/// What makes two incidents one: type, pod uid, container, restart and hook.
pub(super) type Identity<'a> = (IncidentType, Uid, Option<&'a str>, u32, Option<Hook>);

/// An incident with its evidence in one string and its uid in a form that needs no alignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    at: Timestamp,
    pod: Box<str>,
    pod_uid: [u8; 16],
    node: Option<Box<str>>,
    container: Option<Box<str>>,
    duration: Option<Interval>,
    grace_seconds: Option<i64>,
    exit_code: Option<i32>,
    evidence: Box<str>,
    restart: u32,
    incident_type: IncidentType,
    hook: Option<Hook>,
    outcome: Option<Outcome>,
    reason: Option<Reason>,
    cause: Option<Cause>,
    confidence: Option<Confidence>,
}

impl Kept {
    /// The evidence must hold no line breaks, as [`super::incidents`] makes it.
    pub(super) fn of(incident: &Incident) -> Self {
        Self {
            at: incident.at,
            pod: incident.pod.clone(),
            pod_uid: incident.pod_uid.0.to_ne_bytes(),
            node: incident.node.clone(),
            container: incident.container.clone(),
            duration: incident.duration,
            grace_seconds: incident.grace_seconds,
            exit_code: incident.exit_code,
            evidence: incident.evidence.join("\n").into(),
            restart: incident.restart,
            incident_type: incident.incident_type,
            hook: incident.hook,
            outcome: incident.outcome,
            reason: incident.reason,
            cause: incident.cause,
            confidence: incident.confidence,
        }
    }

    /// The incident as it was told.
    pub(super) fn told(&self) -> Incident {
        Incident {
            incident_type: self.incident_type,
            at: self.at,
            pod: self.pod.clone(),
            pod_uid: self.pod_uid(),
            node: self.node.clone(),
            container: self.container.clone(),
            hook: self.hook,
            restart: self.restart,
            outcome: self.outcome,
            reason: self.reason,
            cause: self.cause,
            confidence: self.confidence,
            duration: self.duration,
            grace_seconds: self.grace_seconds,
            exit_code: self.exit_code,
            evidence: self.evidence.lines().map(Into::into).collect(),
        }
    }

    pub(super) fn incident_type(&self) -> IncidentType {
        self.incident_type
    }

    pub(super) fn identity(&self) -> Identity<'_> {
        (
            self.incident_type,
            self.pod_uid(),
            self.container.as_deref(),
            self.restart,
            self.hook,
        )
    }

    /// By time, and by identity at the same time.
    pub(super) fn order(&self) -> (Timestamp, Identity<'_>) {
        (self.at, self.identity())
    }

    /// Bytes on the heap.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        let node = self.node.as_deref().map_or(0, str::len);
        let container = self.container.as_deref().map_or(0, str::len);
        self.pod.len() + node + container + self.evidence.len()
    }

    fn pod_uid(&self) -> Uid {
        Uid(u128::from_ne_bytes(self.pod_uid))
    }
}
