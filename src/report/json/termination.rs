//! One termination.

use serde::Serialize;

use super::value::{Bounds, Owner, Time, known, seconds};
use crate::audit::record::{self, PodRef};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::report) struct Termination<'a> {
    namespace: &'a str,
    pod: &'a str,
    #[serde(rename = "podUID")]
    pod_uid: String,
    node: Option<&'a str>,
    workload: Owner<'a>,
    trigger: &'static str,
    requested_at: Time,
    deadline: Option<Time>,
    containers_ended_at: Option<Time>,
    ended_at: Option<Time>,
    result: Option<&'static str>,
    cause: &'static str,
    confidence: Option<&'static str>,
    settled: bool,
    overdue_seconds: f64,
    spent: Spent,
    finalizers: &'a [Box<str>],
    evidence: &'a [Box<str>],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spent {
    wait_seconds: Option<Bounds>,
    hook_seconds: Option<Bounds>,
    shutdown_seconds: Option<Bounds>,
    teardown_seconds: Option<Bounds>,
}

impl<'a> Termination<'a> {
    pub(in crate::report) fn new(pod: &'a PodRef, termination: &'a record::Termination) -> Self {
        Self {
            namespace: &pod.namespace,
            pod: &pod.name,
            pod_uid: pod.uid.to_string(),
            node: known(pod.node.as_deref()),
            workload: Owner::from(&pod.workload),
            trigger: termination.trigger.as_str(),
            requested_at: Time(termination.requested_at),
            deadline: termination.deadline.map(Time),
            containers_ended_at: termination.containers_ended_at.map(Time),
            ended_at: termination.ended_at.map(Time),
            result: termination.result.map(|result| result.as_str()),
            cause: termination.cause.as_str(),
            confidence: termination.confidence.map(|confidence| confidence.as_str()),
            settled: termination.settled,
            overdue_seconds: seconds(termination.overdue),
            spent: Spent::from(termination.spent),
            finalizers: &termination.finalizers,
            evidence: &termination.evidence,
        }
    }
}

impl From<record::Spent> for Spent {
    fn from(spent: record::Spent) -> Self {
        Self {
            wait_seconds: spent.wait.map(Bounds::from),
            hook_seconds: spent.hook.map(Bounds::from),
            shutdown_seconds: spent.shutdown.map(Bounds::from),
            teardown_seconds: spent.teardown.map(Bounds::from),
        }
    }
}
