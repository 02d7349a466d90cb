//! The story as `hookaudit.io/why/v1`: every key is always present, unknown is null.

use std::io;

use serde::Serialize;

use super::Subject;
use super::story::Story;
use super::timeline::Entry;
use crate::audit::moment::seconds;
use crate::audit::record::Incident;
use crate::report::json::ObservationGap;
use crate::report::json::run::Run;
use crate::report::json::termination::Termination;
use crate::report::json::value::{Owner, Time};

/// The version of the format.
pub const API_VERSION: &str = "hookaudit.io/why/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    api_version: &'static str,
    now: Time,
    source: &'static str,
    pod: Pod<'a>,
    state: &'static str,
    headline: &'a str,
    cause: Option<&'static str>,
    confidence: Option<&'static str>,
    since: Option<Time>,
    until: Option<Time>,
    until_text: Option<&'a str>,
    timeline: Vec<Line<'a>>,
    runs: Vec<Run<'a>>,
    termination: Option<Termination<'a>>,
    known: &'a [String],
    inferred: &'a [String],
    gaps: Vec<ObservationGap>,
    next: Vec<Step<'a>>,
    incidents: Vec<Remembered<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pod<'a> {
    namespace: &'a str,
    name: &'a str,
    uid: String,
    node: Option<&'a str>,
    workload: Owner<'a>,
}

/// `at` and `latest` differ where a time is only known to lie between them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    at: Time,
    latest: Time,
    since_seconds: Option<f64>,
    container: Option<&'a str>,
    text: &'a str,
}

#[derive(Serialize)]
struct Step<'a> {
    text: Option<&'a str>,
    command: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Remembered<'a> {
    time: Time,
    #[serde(rename = "type")]
    incident_type: &'static str,
    container: Option<&'a str>,
    hook: Option<&'static str>,
    outcome: Option<&'static str>,
    reason: Option<&'static str>,
    cause: Option<&'static str>,
    confidence: Option<&'static str>,
    evidence: &'a [Box<str>],
}

/// Writes the story as indented JSON with a newline at its end.
pub(super) fn write(subject: &Subject, story: &Story, out: &mut impl io::Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &Document::new(subject, story))?;
    writeln!(out)
}

impl<'a> Document<'a> {
    fn new(subject: &'a Subject, story: &'a Story) -> Self {
        let report = &subject.report;
        let pod = &report.pod;
        let termination = report.termination.as_ref();
        Self {
            api_version: API_VERSION,
            now: Time(subject.now),
            source: subject.source.as_str(),
            pod: Pod {
                namespace: &pod.namespace,
                name: &pod.name,
                uid: pod.uid.to_string(),
                node: pod.node.as_deref(),
                workload: Owner::from(&pod.workload),
            },
            state: story.state,
            headline: &story.headline,
            cause: story.cause.map(|cause| cause.as_str()),
            confidence: story.confidence.map(|confidence| confidence.as_str()),
            since: story.since.map(Time),
            until: story.until.at.map(Time),
            until_text: known(&story.until.text),
            timeline: story
                .timeline
                .iter()
                .map(|entry| Line::new(story, entry))
                .collect(),
            runs: report.runs.iter().map(|run| Run::new(pod, run)).collect(),
            termination: termination.map(|termination| Termination::new(pod, termination)),
            known: &story.known,
            inferred: &story.inferred,
            gaps: subject.gaps.iter().map(ObservationGap::new).collect(),
            next: story
                .next
                .iter()
                .map(|step| Step {
                    text: known(&step.text),
                    command: step.command.as_deref(),
                })
                .collect(),
            incidents: subject.incidents.iter().map(Remembered::new).collect(),
        }
    }
}

impl<'a> Line<'a> {
    fn new(story: &Story, entry: &'a Entry) -> Self {
        let since = story
            .origin
            .map(|(origin, _)| seconds(origin, entry.at.earliest));
        Self {
            at: Time(entry.at.earliest),
            latest: Time(entry.at.latest),
            since_seconds: since.map(|since| (since * 1_000.0).trunc() / 1_000.0),
            container: entry.container.as_deref(),
            text: &entry.text,
        }
    }
}

impl<'a> Remembered<'a> {
    fn new(incident: &'a Incident) -> Self {
        Self {
            time: Time(incident.at),
            incident_type: incident.incident_type.as_str(),
            container: incident.container.as_deref(),
            hook: incident.hook.map(|hook| hook.as_str()),
            outcome: incident.outcome.map(|outcome| outcome.as_str()),
            reason: incident.reason.map(|reason| reason.as_str()),
            cause: incident.cause.map(|cause| cause.as_str()),
            confidence: incident.confidence.map(|confidence| confidence.as_str()),
            evidence: &incident.evidence,
        }
    }
}

fn known(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
