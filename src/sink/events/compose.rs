//! The Event of an incident: closed words, names and numbers, nothing else.

use std::fmt::Write;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use sha2::{Digest, Sha256};

use crate::api::cut;
use crate::audit::record::{Incident, WorkloadRef};
use crate::audit::seen::Uid;
use crate::audit::words::IncidentType;

const NOTE_MAX_BYTES: usize = 1024;
const NAME_MAX_LENGTH: usize = 253;
const INSTANCE_MAX_LENGTH: usize = 128;

/// What the Event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Regarding {
    Pod,
    Workload(WorkloadRef, Option<Uid>),
}

/// The reason under which an incident is told.
pub(super) const fn reason(incident_type: IncidentType) -> &'static str {
    match incident_type {
        IncidentType::PostStartFailed => "PostStartHookFailing",
        IncidentType::PostStartStuck => "PostStartHookStuck",
        IncidentType::PreStopFailed => "PreStopHookFailing",
        IncidentType::PreStopOverran => "PreStopHookOverran",
        IncidentType::PreStopCutShort => "PreStopHookCutShort",
        IncidentType::PreStopInterrupted => "PreStopHookInterrupted",
        IncidentType::PodForceKilled => "PodForceKilled",
        IncidentType::PodForceDeleted => "PodForceDeleted",
        IncidentType::PodLostWithNode => "PodLostWithNode",
        IncidentType::TerminationOverdue => "PodTerminationOverdue",
    }
}

pub(super) fn compose(
    namespace: &str,
    regarding: &Regarding,
    incident: &Incident,
    reporting_instance: &str,
) -> Event {
    let pod = ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        namespace: Some(namespace.to_owned()),
        name: Some(incident.pod.to_string()),
        uid: Some(incident.pod_uid.to_string()),
        ..ObjectReference::default()
    };
    let (regarding, related) = match regarding {
        Regarding::Pod => (pod, None),
        Regarding::Workload(target, uid) => (workload(namespace, target, *uid), Some(pod)),
    };
    let instance = cut(reporting_instance, INSTANCE_MAX_LENGTH);
    Event {
        metadata: ObjectMeta {
            namespace: Some(namespace.to_owned()),
            name: Some(name(
                regarding.name.as_deref().unwrap_or_default(),
                incident,
            )),
            ..ObjectMeta::default()
        },
        action: Some("Audit".to_owned()),
        event_time: Some(MicroTime(incident.at)),
        note: Some(note(incident)),
        reason: Some(reason(incident.incident_type).to_owned()),
        regarding: Some(regarding),
        related,
        reporting_controller: Some("hookaudit.io/controller".to_owned()),
        reporting_instance: Some(
            if instance.is_empty() {
                "hookaudit"
            } else {
                instance
            }
            .to_owned(),
        ),
        type_: Some("Warning".to_owned()),
        ..Event::default()
    }
}

fn workload(namespace: &str, target: &WorkloadRef, uid: Option<Uid>) -> ObjectReference {
    ObjectReference {
        api_version: Some(target.api_version.to_string()),
        kind: Some(target.kind.to_string()),
        namespace: Some(namespace.to_owned()),
        name: Some(target.name.to_string()),
        uid: uid.map(|uid| uid.to_string()),
        ..ObjectReference::default()
    }
}

/// The same for the same incident, so that what was told is refused as existing.
fn name(stem: &str, incident: &Incident) -> String {
    let mut digest = Sha256::new();
    digest.update(incident.pod_uid.0.to_be_bytes());
    digest.update(incident.restart.to_be_bytes());
    digest.update(incident.incident_type.as_str());
    digest.update([0]);
    digest.update(incident.container.as_deref().unwrap_or_default());
    let digest = hex::encode(&digest.finalize()[..8]);
    let stem = cut(stem, NAME_MAX_LENGTH - ".".len() - digest.len());
    let stem = stem.trim_end_matches(|last: char| !last.is_ascii_alphanumeric());
    format!("{stem}.{digest}")
}

fn note(incident: &Incident) -> String {
    let what = match incident.incident_type {
        IncidentType::PostStartFailed => "postStart hook failed",
        IncidentType::PostStartStuck => "postStart hook does not return",
        IncidentType::PreStopFailed => "preStop hook failed",
        IncidentType::PreStopOverran => {
            "preStop hook was still running when the grace period ended"
        }
        IncidentType::PreStopCutShort => {
            "preStop hook was cut short by a grace period shorter than the pod's own"
        }
        IncidentType::PreStopInterrupted => {
            "preStop hook was interrupted by the end of the main process"
        }
        IncidentType::PodForceKilled => "killed at the end of the grace period",
        IncidentType::PodForceDeleted => "deleted by force",
        IncidentType::PodLostWithNode => "lost with its node",
        IncidentType::TerminationOverdue => "still terminating past its deadline",
    };
    let mut note = format!("Pod {}", incident.pod);
    // Writing to a `String` cannot fail.
    if let Some(container) = &incident.container {
        let _ = write!(note, ", container {container}");
    }
    if let Some(node) = &incident.node {
        let _ = write!(note, ", on {node}");
    }
    let _ = write!(note, ": {what}");
    if let Some(reason) = incident.reason {
        let _ = write!(note, " ({reason})");
    }
    if let Some(code) = incident.exit_code {
        let _ = write!(note, ", exit code {code}");
    }
    if let Some(grace) = incident.grace_seconds {
        let _ = write!(note, ", grace {grace}s");
    }
    if let Some(cause) = incident.cause {
        let _ = write!(note, ", cause {cause}");
    }
    if let Some(confidence) = incident.confidence {
        let _ = write!(note, ". {confidence}");
    }
    for (number, line) in incident.evidence.iter().enumerate() {
        note.push_str(if number == 0 { ": " } else { "; " });
        note.push_str(line);
    }
    note.truncate(note.floor_char_boundary(NOTE_MAX_BYTES));
    note
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::fixture::{plain_incident, target};

    #[test]
    fn the_note_says_what_happened_in_closed_words() {
        let incident = plain_incident(IncidentType::PreStopOverran);
        assert_eq!(
            note(&incident),
            "Pod checkout-7d9f5c6b8-x2x7k, container app, on node-17: preStop hook was still running when the grace \
             period ended, grace 30s, cause PreStop. Confirmed: FailedPreStopHook 32s after Killing"
        );
    }

    #[test]
    fn a_long_note_ends_between_two_characters() {
        let incident = Incident {
            evidence: vec!["é".repeat(2_000).into()],
            ..plain_incident(IncidentType::PodForceKilled)
        };
        let note = note(&incident);
        assert!((1_020..=1_024).contains(&note.len()));
        assert!(note.ends_with('é'));
    }

    #[test]
    fn an_incident_is_named_by_pod_container_restart_and_type() {
        let incident = plain_incident(IncidentType::PreStopOverran);
        let of = |incident: &Incident| name("checkout", incident);
        let told_again = Incident {
            evidence: Vec::new(),
            node: None,
            ..incident.clone()
        };
        assert_eq!(of(&incident), of(&told_again));
        assert_eq!(of(&incident).len(), "checkout.".len() + 16);
        for other in [
            Incident {
                pod_uid: Uid(10),
                ..incident.clone()
            },
            Incident {
                container: Some("other".into()),
                ..incident.clone()
            },
            Incident {
                restart: 1,
                ..incident.clone()
            },
            Incident {
                incident_type: IncidentType::PreStopFailed,
                ..incident.clone()
            },
        ] {
            assert_ne!(of(&incident), of(&other), "{other:?}");
        }
        assert_eq!(name(&"a.".repeat(200), &incident).len(), 252);
    }

    #[test]
    fn the_workload_is_told_and_the_pod_is_related() {
        let incident = plain_incident(IncidentType::PodForceKilled);
        let deployment = target("apps/v1", "Deployment", "checkout");
        let event = compose(
            "shop",
            &Regarding::Workload(deployment, Some(Uid(7))),
            &incident,
            "",
        );
        let regarding = event.regarding.unwrap();
        assert_eq!(regarding.kind.as_deref(), Some("Deployment"));
        assert_eq!(regarding.uid, Some(Uid(7).to_string()));
        assert_eq!(event.related.unwrap().name.as_deref(), Some(&*incident.pod));
        assert_eq!(event.reporting_instance.as_deref(), Some("hookaudit"));

        let event = compose("shop", &Regarding::Pod, &incident, "replica-1");
        assert_eq!(event.regarding.unwrap().kind.as_deref(), Some("Pod"));
        assert_eq!(event.related, None);
    }
}
