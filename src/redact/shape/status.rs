//! What is kept of a `HookAudit`'s status: the tallies that the next process goes on from. They hold nothing of a
//! pod but names and numbers.

use super::{Shape, TIME, UID};

const INTERVAL: Shape = Shape::Record(&[("min", Shape::Number), ("max", Shape::Number)]);

const CONDITION: Shape = Shape::Record(&[
    ("type", Shape::Text),
    ("status", Shape::Text),
    ("reason", Shape::Text),
    ("lastTransitionTime", TIME),
]);

const STREAK: Shape = Shape::Record(&[
    ("condition", Shape::Text),
    ("fault", Shape::Text),
    ("count", Shape::Number),
    ("clean", Shape::Number),
    ("firstTime", TIME),
    ("lastTime", TIME),
    ("recovery", Shape::Text),
]);

const HOOK: Shape = Shape::Record(&[
    ("container", Shape::Text),
    ("hook", Shape::Text),
    ("containerType", Shape::Text),
    ("handler", Shape::Text),
    ("sleepSeconds", Shape::Number),
    ("program", Shape::Text),
    ("commandDigest", Shape::Text),
    ("port", Shape::Text),
    ("scheme", Shape::Text),
    ("succeeded", Shape::Number),
    ("failed", Shape::Number),
    ("overran", Shape::Number),
    ("cutShort", Shape::Number),
    ("interrupted", Shape::Number),
    ("skipped", Shape::Number),
    ("unknown", Shape::Number),
    ("duplicates", Shape::Number),
    ("amended", Shape::Number),
    ("amendments", Shape::Text),
    ("stuck", Shape::Number),
    ("lastOutcome", Shape::Text),
    ("lastReason", Shape::Text),
    ("lastOutcomeTime", TIME),
    ("lastFailureTime", TIME),
    ("maxDurationSeconds", Shape::Number),
    ("lastExitCode", Shape::Number),
]);

const TERMINATIONS: Shape = Shape::Record(&[
    ("total", Shape::Number),
    ("graceful", Shape::Number),
    ("forceKilled", Shape::Number),
    ("forceDeleted", Shape::Number),
    ("nodeLost", Shape::Number),
    ("unknown", Shape::Number),
    ("maxSeconds", Shape::Number),
    ("totalSeconds", Shape::Number),
    ("recommendedGraceSeconds", Shape::Number),
    (
        "buckets",
        Shape::Record(&[("seconds", Shape::Text), ("graceUsedPercent", Shape::Text)]),
    ),
]);

const INCIDENT: Shape = Shape::Record(&[
    ("time", TIME),
    ("type", Shape::Text),
    ("pod", Shape::Text),
    ("podUID", UID),
    ("node", Shape::Text),
    ("container", Shape::Text),
    ("hook", Shape::Text),
    ("restart", Shape::Number),
    ("outcome", Shape::Text),
    ("reason", Shape::Text),
    ("cause", Shape::Text),
    ("confidence", Shape::Text),
    ("durationSeconds", INTERVAL),
    ("graceSeconds", Shape::Number),
    ("exitCode", Shape::Number),
    ("evidence", Shape::List(&Shape::Text)),
]);

const OBSERVATION: Shape = Shape::Record(&[
    ("since", TIME),
    ("gapCount", Shape::Number),
    ("lostSeconds", Shape::Number),
    (
        "gaps",
        Shape::List(&Shape::Record(&[
            ("from", TIME),
            ("to", TIME),
            ("resource", Shape::Text),
            ("reason", Shape::Text),
        ])),
    ),
]);

const ACCOUNT: Shape = Shape::Record(&[
    ("writer", Shape::Text),
    ("sequence", Shape::Number),
    ("time", TIME),
    ("marks", Shape::Text),
    ("living", Shape::Text),
    ("open", Shape::Text),
    ("counted", Shape::Text),
]);

pub(super) const STATUS: Shape = Shape::Record(&[
    ("terminationGracePeriodSeconds", Shape::Number),
    ("observation", OBSERVATION),
    ("conditions", Shape::List(&CONDITION)),
    ("streaks", Shape::List(&STREAK)),
    ("hooks", Shape::List(&HOOK)),
    ("terminations", TERMINATIONS),
    ("incidentCount", Shape::Number),
    ("incidents", Shape::List(&INCIDENT)),
    ("account", ACCOUNT),
]);

#[cfg(test)]
mod tests {
    use kube::CustomResourceExt;
    use serde_json::Value;

    use super::{STATUS, Shape};
    use crate::api::HookAudit;

    /// What is made anew from the rest.
    const LEFT_OUT: &[&str] = &[
        "status.conditions.message",
        "status.conditions.observedGeneration",
        "status.terminations.graceUsedP95Percent",
        "status.terminations.measured",
        "status.terminations.p50Seconds",
        "status.terminations.p95Seconds",
        "status.active",
        "status.activeCount",
        "status.findingCount",
        "status.findings",
        "status.hookCount",
        "status.lastIncidentTime",
        "status.observedGeneration",
        "status.terminatingCount",
    ];

    /// The fields that one of the two has and the other has not.
    fn differences(shape: &Shape, schema: &Value, path: &str, differences: &mut Vec<String>) {
        match shape {
            Shape::Record(fields) => {
                let properties = schema["properties"].as_object().expect("an object");
                for (name, inner) in *fields {
                    match properties.get(*name) {
                        Some(schema) => {
                            self::differences(
                                inner,
                                schema,
                                &format!("{path}.{name}"),
                                differences,
                            );
                        }
                        None => differences.push(format!("{path}.{name} is no field")),
                    }
                }
                let kept = |name: &str| fields.iter().any(|(known, _)| *known == name);
                let left_out = properties.keys().filter(|name| !kept(name));
                differences.extend(left_out.map(|name| format!("{path}.{name}")));
            }
            Shape::List(element) => {
                self::differences(element, &schema["items"], path, differences);
            }
            _ => {}
        }
    }

    #[test]
    fn all_that_a_process_goes_on_from_is_kept() {
        let definition = serde_json::to_value(HookAudit::crd()).unwrap();
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let mut found = Vec::new();
        differences(
            &STATUS,
            &schema["properties"]["status"],
            "status",
            &mut found,
        );
        assert_eq!(found, LEFT_OUT);
    }
}
