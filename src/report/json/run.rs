//! One hook run.

use serde::Serialize;

use super::value::{Bounds, Owner, Time};
use crate::audit::record::{self, PodRef};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::report) struct Run<'a> {
    namespace: &'a str,
    pod: &'a str,
    #[serde(rename = "podUID")]
    pod_uid: String,
    container: &'a str,
    container_type: &'static str,
    restart: u32,
    attempt: u32,
    attempt_reason: Option<&'static str>,
    workload: Owner<'a>,
    hook: &'static str,
    handler: &'static str,
    trigger: Option<&'static str>,
    outcome: &'static str,
    confidence: Option<&'static str>,
    settled: bool,
    reason: Option<&'static str>,
    exit_code: Option<i32>,
    container_exit_code: Option<i32>,
    stuck: bool,
    started_at: Option<Time>,
    duration_seconds: Bounds,
    grace_seconds: Option<i64>,
    evidence: &'a [Box<str>],
}

impl<'a> Run<'a> {
    pub(in crate::report) fn new(pod: &'a PodRef, run: &'a record::Run) -> Self {
        Self {
            namespace: &pod.namespace,
            pod: &pod.name,
            pod_uid: pod.uid.to_string(),
            container: &run.container,
            container_type: run.container_type.as_str(),
            restart: run.restart,
            attempt: run.attempt,
            attempt_reason: run.attempt_reason.map(|reason| reason.as_str()),
            workload: Owner::from(&pod.workload),
            hook: run.hook.as_str(),
            handler: run.handler.as_str(),
            trigger: run.trigger.map(|trigger| trigger.as_str()),
            outcome: run.outcome.as_str(),
            confidence: run.confidence.map(|confidence| confidence.as_str()),
            settled: run.settled,
            reason: run.reason.map(|reason| reason.as_str()),
            exit_code: run.exit_code,
            container_exit_code: run.container_exit_code,
            stuck: run.stuck,
            started_at: run.started_at.map(Time),
            duration_seconds: Bounds::from(run.duration),
            grace_seconds: run.grace_seconds,
            evidence: &run.evidence,
        }
    }
}
