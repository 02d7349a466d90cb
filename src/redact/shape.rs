//! What is kept of each resource, as tables.

mod status;

use jiff::Timestamp;

use super::texts::{container_of_field_path, note, post_start_failure, post_start_failure_text};
use super::{signal_number, waiting_reason, waiting_reason_text};
use crate::audit::seen::{Resource, Uid, WaitingReason};

/// What is kept of one value.
pub(super) enum Shape {
    /// A name, whatever it says.
    Text,
    Number,
    Flag,
    /// A port by number or by name.
    Port,
    /// A text that has a certain form.
    Checked(fn(&str) -> bool),
    /// A word of a list; any other becomes `Other`.
    Word(&'static [&'static str]),
    Rewritten(fn(&str) -> String),
    Record(&'static [(&'static str, Shape)]),
    List(&'static Shape),
    /// Those elements whose `type` is listed.
    ListOf {
        types: &'static [&'static str],
        element: &'static Shape,
    },
    /// An exec handler: its program, and a digest in place of the command.
    Exec,
}

/// What is kept of an object.
pub(super) const fn shape_of(resource: Resource) -> Shape {
    Shape::Record(match resource {
        Resource::Pods => POD,
        Resource::Events => EVENT,
        Resource::Nodes => NODE,
        Resource::Namespaces => NAMESPACE,
        Resource::HookAudits => HOOK_AUDIT,
        Resource::ReplicaSets | Resource::Jobs => METADATA_ONLY,
        Resource::Leases => LEASE,
    })
}

const TIME: Shape = Shape::Checked(|text| text.parse::<Timestamp>().is_ok());
const UID: Shape = Shape::Checked(|text| Uid::parse(text).is_some());
const SIGNAL: Shape = Shape::Checked(|text| signal_number(text).is_some());

const METADATA: Shape = Shape::Record(&[
    ("name", Shape::Text),
    ("namespace", Shape::Text),
    ("uid", UID),
    ("resourceVersion", Shape::Text),
    ("creationTimestamp", TIME),
    ("generation", Shape::Number),
    ("deletionTimestamp", TIME),
    ("deletionGracePeriodSeconds", Shape::Number),
    ("finalizers", Shape::List(&Shape::Text)),
    (
        "ownerReferences",
        Shape::List(&Shape::Record(&[
            ("apiVersion", Shape::Text),
            ("kind", Shape::Text),
            ("name", Shape::Text),
            ("uid", UID),
            ("controller", Shape::Flag),
        ])),
    ),
    (
        "annotations",
        Shape::Record(&[
            ("kubernetes.io/config.hash", UID),
            ("kubernetes.io/config.mirror", UID),
            ("kubernetes.io/config.seen", TIME),
            (
                "kubernetes.io/config.source",
                Shape::Word(&["api", "file", "http"]),
            ),
            ("hookaudit.io/ignore", Shape::Text),
        ]),
    ),
]);

const METADATA_ONLY: &[(&str, Shape)] = &[
    ("apiVersion", Shape::Text),
    ("kind", Shape::Text),
    ("metadata", METADATA),
];

const POD: &[(&str, Shape)] = &[
    ("apiVersion", Shape::Text),
    ("kind", Shape::Text),
    ("metadata", METADATA),
    (
        "spec",
        Shape::Record(&[
            ("nodeName", Shape::Text),
            ("terminationGracePeriodSeconds", Shape::Number),
            ("restartPolicy", RESTART_POLICY),
            ("initContainers", Shape::List(&CONTAINER)),
            ("containers", Shape::List(&CONTAINER)),
            ("ephemeralContainers", Shape::List(&CONTAINER)),
        ]),
    ),
    (
        "status",
        Shape::Record(&[
            (
                "phase",
                Shape::Word(&["Pending", "Running", "Succeeded", "Failed", "Unknown"]),
            ),
            (
                "reason",
                Shape::Word(&[
                    "",
                    "Evicted",
                    "Preempting",
                    "Terminated",
                    "NodeShutdown",
                    "DeadlineExceeded",
                    "NodeLost",
                ]),
            ),
            ("observedGeneration", Shape::Number),
            (
                "conditions",
                Shape::ListOf {
                    types: &["Ready", "DisruptionTarget"],
                    element: &POD_CONDITION,
                },
            ),
            ("initContainerStatuses", Shape::List(&CONTAINER_STATUS)),
            ("containerStatuses", Shape::List(&CONTAINER_STATUS)),
            ("ephemeralContainerStatuses", Shape::List(&CONTAINER_STATUS)),
        ]),
    ),
];

const RESTART_POLICY: Shape = Shape::Word(&["Always", "OnFailure", "Never"]);

const CONTAINER: Shape = Shape::Record(&[
    ("name", Shape::Text),
    ("restartPolicy", RESTART_POLICY),
    (
        "lifecycle",
        Shape::Record(&[
            ("postStart", HANDLER),
            ("preStop", HANDLER),
            ("stopSignal", SIGNAL),
        ]),
    ),
    ("livenessProbe", PROBE),
    ("startupProbe", PROBE),
]);

const PROBE: Shape = Shape::Record(&[("terminationGracePeriodSeconds", Shape::Number)]);

const HANDLER: Shape = Shape::Record(&[
    ("exec", Shape::Exec),
    (
        "httpGet",
        Shape::Record(&[
            ("port", Shape::Port),
            ("scheme", Shape::Word(&["HTTP", "HTTPS"])),
        ]),
    ),
    ("tcpSocket", Shape::Record(&[("port", Shape::Port)])),
    ("sleep", Shape::Record(&[("seconds", Shape::Number)])),
]);

const CONDITION_STATUS: Shape = Shape::Word(&["True", "False", "Unknown"]);

const POD_CONDITION: Shape = Shape::Record(&[
    ("type", Shape::Text),
    ("status", CONDITION_STATUS),
    (
        "reason",
        Shape::Word(&[
            "EvictionByEvictionAPI",
            "PreemptionByScheduler",
            "DeletionByTaintManager",
            "TerminationByKubelet",
            "DeletionByPodGC",
        ]),
    ),
]);

const CONTAINER_STATUS: Shape = Shape::Record(&[
    ("name", Shape::Text),
    ("restartCount", Shape::Number),
    ("containerID", Shape::Text),
    ("state", CONTAINER_STATE),
    ("lastState", CONTAINER_STATE),
    ("stopSignal", SIGNAL),
]);

const CONTAINER_STATE: Shape = Shape::Record(&[
    (
        "waiting",
        Shape::Record(&[
            ("reason", Shape::Rewritten(kept_waiting_reason)),
            ("message", Shape::Rewritten(kept_waiting_message)),
        ]),
    ),
    ("running", Shape::Record(&[("startedAt", TIME)])),
    (
        "terminated",
        Shape::Record(&[
            ("exitCode", Shape::Number),
            (
                "reason",
                Shape::Word(&[
                    "Completed",
                    "Error",
                    "OOMKilled",
                    "ContainerStatusUnknown",
                    "RestartingAllContainers",
                ]),
            ),
            ("startedAt", TIME),
            ("finishedAt", TIME),
            ("containerID", Shape::Text),
        ]),
    ),
]);

const EVENT: &[(&str, Shape)] = &[
    ("apiVersion", Shape::Text),
    ("kind", Shape::Text),
    ("metadata", METADATA),
    ("involvedObject", OBJECT_REFERENCE),
    ("regarding", OBJECT_REFERENCE),
    (
        "reason",
        Shape::Word(&[
            "FailedPostStartHook",
            "FailedPreStopHook",
            "Killing",
            "FailedKillPod",
            "ExceededGracePeriod",
            "Evicted",
            "Preempting",
            "Preempted",
            "TaintManagerEviction",
            "FailedUnMount",
            "Starting",
            "Shutdown",
            "Started",
            "Created",
            "Pulling",
            "Pulled",
        ]),
    ),
    ("message", Shape::Rewritten(kept_event_message)),
    ("note", Shape::Rewritten(kept_event_message)),
    ("source", EVENT_SOURCE),
    ("deprecatedSource", EVENT_SOURCE),
    ("firstTimestamp", TIME),
    ("deprecatedFirstTimestamp", TIME),
    ("lastTimestamp", TIME),
    ("deprecatedLastTimestamp", TIME),
    ("count", Shape::Number),
    ("deprecatedCount", Shape::Number),
    ("type", Shape::Word(&["Normal", "Warning"])),
    ("eventTime", TIME),
    (
        "series",
        Shape::Record(&[("count", Shape::Number), ("lastObservedTime", TIME)]),
    ),
    ("reportingComponent", Shape::Text),
    ("reportingController", Shape::Text),
    ("reportingInstance", Shape::Text),
];

const OBJECT_REFERENCE: Shape = Shape::Record(&[
    ("kind", Shape::Text),
    ("namespace", Shape::Text),
    ("name", Shape::Text),
    ("uid", Shape::Text),
    ("fieldPath", Shape::Rewritten(kept_field_path)),
]);

const EVENT_SOURCE: Shape = Shape::Record(&[("component", Shape::Text), ("host", Shape::Text)]);

const NODE: &[(&str, Shape)] = &[
    ("apiVersion", Shape::Text),
    ("kind", Shape::Text),
    ("metadata", METADATA),
    (
        "spec",
        Shape::Record(&[(
            "taints",
            Shape::List(&Shape::Record(&[(
                "key",
                Shape::Word(&[
                    "node.kubernetes.io/unreachable",
                    "node.kubernetes.io/out-of-service",
                ]),
            )])),
        )]),
    ),
    (
        "status",
        Shape::Record(&[(
            "conditions",
            Shape::ListOf {
                types: &["Ready"],
                element: &Shape::Record(&[
                    ("type", Shape::Text),
                    ("status", CONDITION_STATUS),
                    ("lastTransitionTime", TIME),
                ]),
            },
        )]),
    ),
];

const LEASE: &[(&str, Shape)] = &[
    ("apiVersion", Shape::Text),
    ("kind", Shape::Text),
    ("metadata", METADATA),
    ("spec", Shape::Record(&[("renewTime", TIME)])),
];

const NAMESPACE: &[(&str, Shape)] = &[
    ("apiVersion", Shape::Text),
    ("kind", Shape::Text),
    ("metadata", METADATA),
    (
        "status",
        Shape::Record(&[("phase", Shape::Word(&["Active", "Terminating"]))]),
    ),
];

const HOOK_AUDIT: &[(&str, Shape)] = &[
    ("apiVersion", Shape::Text),
    ("kind", Shape::Text),
    ("metadata", METADATA),
    (
        "spec",
        Shape::Record(&[
            (
                "targetRef",
                Shape::Record(&[
                    ("apiVersion", Shape::Text),
                    ("kind", Shape::Text),
                    ("name", Shape::Text),
                ]),
            ),
            (
                "thresholds",
                Shape::Record(&[
                    ("postStartSlowSeconds", Shape::Number),
                    ("preStopSlowPercent", Shape::Number),
                    ("overdueSeconds", Shape::Number),
                ]),
            ),
        ]),
    ),
    ("status", status::STATUS),
];

fn kept_waiting_reason(text: &str) -> String {
    let reason = waiting_reason(text);
    let word = waiting_reason_text(reason);
    match post_start_failure(text) {
        Some(failure) if reason == WaitingReason::PostStartHookError => {
            format!("{word}: {}", post_start_failure_text(failure))
        }
        _ => word.to_owned(),
    }
}

fn kept_waiting_message(text: &str) -> String {
    post_start_failure(text).map_or_else(String::new, post_start_failure_text)
}

fn kept_event_message(text: &str) -> String {
    note(text).map_or_else(String::new, |_| text.to_owned())
}

fn kept_field_path(text: &str) -> String {
    container_of_field_path(text).map_or_else(String::new, |_| text.to_owned())
}
