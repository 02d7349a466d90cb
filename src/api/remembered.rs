//! Incidents of a status, as the core writes them.

use std::time::Duration;

use super::status::{IncidentStatus, SecondsInterval};
use crate::audit::record::{Incident, Interval};
use crate::audit::seen::Uid;
use crate::audit::words::{Cause, Confidence, Hook, IncidentType, Outcome, Reason};

/// An incident of a kind that this version does not know, or of no pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an incident of another version of hookaudit")]
pub struct UnknownIncident;

impl TryFrom<&IncidentStatus> for Incident {
    type Error = UnknownIncident;

    /// A word that is not known is left out; without its type or pod it is no incident.
    fn try_from(status: &IncidentStatus) -> Result<Self, UnknownIncident> {
        let incident_type = IncidentType::parse(&status.incident_type).ok_or(UnknownIncident)?;
        Ok(Self {
            incident_type,
            at: status.time.0,
            pod: status.pod.as_str().into(),
            pod_uid: Uid::parse(&status.pod_uid).ok_or(UnknownIncident)?,
            node: status.node.as_deref().map(Into::into),
            container: status.container.as_deref().map(Into::into),
            hook: status.hook.as_deref().and_then(Hook::parse),
            restart: u32::try_from(status.restart).unwrap_or_default(),
            outcome: status.outcome.as_deref().and_then(Outcome::parse),
            reason: status.reason.as_deref().and_then(Reason::parse),
            cause: status.cause.as_deref().and_then(Cause::parse),
            confidence: status.confidence.as_deref().and_then(Confidence::parse),
            duration: status.duration_seconds.map(interval),
            grace_seconds: status.grace_seconds,
            exit_code: status.exit_code,
            evidence: status
                .evidence
                .iter()
                .map(|text| text.as_str().into())
                .collect(),
        })
    }
}

fn interval(interval: SecondsInterval) -> Interval {
    Interval {
        min: Duration::from_secs(interval.min.unsigned_abs()),
        max: interval
            .max
            .map(|max| Duration::from_secs(max.unsigned_abs())),
    }
}
