//! What the evidence says outright, and what is only the likeliest reading of it.

use super::Subject;
use super::standing::Standing;
use super::time::span;
use crate::audit::moment::seconds;
use crate::audit::record::{Gap, Run, Termination};
use crate::audit::words::{Cause, Confidence, Outcome};

/// How evidence begins that names another reading (`audit::verdict`).
const OTHER_READING: &str = "the other reading: ";

/// When nobody saw what became of the pod, as far as its own time is known.
pub(super) fn unseen(subject: &Subject) -> Vec<String> {
    let signs = subject.report.signs.iter().map(|sign| sign.at.earliest);
    let incidents = subject.incidents.iter().map(|incident| incident.at);
    let first = signs.chain(incidents).min();
    let since = |gap: &&Gap| first.is_none_or(|first| gap.to >= first);
    let told = |gap: &Gap| {
        let Gap {
            from,
            to,
            resource,
            reason,
        } = gap;
        let (resource, reason) = (resource.as_str(), reason.as_str());
        let ago = span(seconds(*to, subject.now));
        format!("{resource} from {from:.0} to {to:.0} ({ago} ago): {reason}")
    };
    subject.gaps.iter().filter(since).map(told).collect()
}

/// Evidence of the termination, of each run, and of what is remembered.
pub(super) fn known(subject: &Subject) -> Vec<String> {
    let report = &subject.report;
    let mut known: Vec<String> = Vec::new();
    let ends = report
        .termination
        .as_ref()
        .map_or(&[][..], |termination| &termination.evidence);
    for run in &report.runs {
        // What became of the container is told with the termination.
        let is_said = |text: &str| ends.iter().any(|end| end.ends_with(text));
        for evidence in run
            .evidence
            .iter()
            .filter(|text| is_known(text) && !is_said(text))
        {
            known.push(format!("{} of {}: {evidence}", run.hook, run.container));
        }
    }
    known.extend(ends.iter().map(ToString::to_string));
    if known.is_empty() {
        let remembered = subject
            .incidents
            .iter()
            .flat_map(|incident| &incident.evidence);
        known.extend(
            remembered
                .filter(|text| is_known(text))
                .map(ToString::to_string),
        );
    }
    known.dedup();
    known
}

fn is_known(text: &str) -> bool {
    !text.starts_with(OTHER_READING)
}

/// One sentence per verdict that has another reading, with that reading.
pub(super) fn inferred(subject: &Subject, standing: Standing<'_>) -> Vec<String> {
    let mut inferred: Vec<String> = Vec::new();
    match standing {
        Standing::Terminating(termination) => inferred.extend(of_holder(termination)),
        Standing::Terminated(termination) => inferred.extend(of_ended(termination)),
        _ => {}
    }
    inferred.extend(subject.report.runs.iter().filter_map(of_run));
    if matches!(standing, Standing::Remembered) {
        let incidents = subject.incidents.iter();
        inferred.extend(
            incidents
                .filter(|incident| incident.confidence == Some(Confidence::Inferred))
                .map(|incident| {
                    let other = other_reading(&incident.evidence);
                    format!(
                        "{} is the likeliest of several readings{other}",
                        incident.incident_type
                    )
                }),
        );
    }
    inferred.extend(
        subject
            .unread
            .iter()
            .map(|what| format!("Not read: {what}.")),
    );
    inferred
}

fn of_run(run: &Run) -> Option<String> {
    let name = format!("{} of {}", run.hook, run.container);
    if run.outcome == Outcome::Unknown {
        let reason = run.reason.map_or("NotObserved", |reason| reason.as_str());
        return Some(format!("What became of {name} is not known ({reason})."));
    }
    if run.confidence != Some(Confidence::Inferred) {
        return None;
    }
    let other = other_reading(&run.evidence);
    let settled = if run.settled {
        ""
    } else {
        " A later Event may still change it."
    };
    Some(format!(
        "{name} {} is the likeliest reading{other}{settled}",
        run.outcome
    ))
}

fn other_reading(evidence: &[Box<str>]) -> String {
    let other = evidence
        .iter()
        .find_map(|text| text.strip_prefix(OTHER_READING));
    other.map_or_else(|| ".".to_owned(), |other| format!("; the other: {other}."))
}

fn of_holder(termination: &Termination) -> Option<String> {
    if termination.confidence != Some(Confidence::Inferred) {
        return None;
    }
    let text = match termination.cause {
        Cause::PreStopOrShutdown => {
            "From outside, a preStop hook that runs and a process that is slow to stop look \
             alike; no Event tells which of the two it is."
        }
        Cause::Shutdown => {
            "That the process ignores its signal is read from the time it takes; the other \
             reading: it is busy coming to an end in good order."
        }
        Cause::Volume => {
            "No Event names a volume: it is read from containers that have ended while no \
             finalizer is left; the other reading: the kubelet is slow to report."
        }
        Cause::KubeletSilent => {
            "No sign shows that the stop began; the other readings: its Event was lost, or \
             the kubelet waits for something of this pod, say the pull of an image."
        }
        Cause::ContainerRuntime => {
            "No Event blames the runtime: it is read from a stop that began and a deadline \
             that passed; the other reading: the kubelet restarted and began a new grace."
        }
        Cause::PostStart => {
            "No sign shows that the hook returned; the other reading: the stop has begun, \
             and its Event was lost."
        }
        Cause::WithinGrace => "No sign of trouble was seen so far; its absence proves nothing.",
        _ => "No single sign proves it.",
    };
    Some(text.to_owned())
}

fn of_ended(termination: &Termination) -> Option<String> {
    (termination.confidence == Some(Confidence::Inferred)).then(|| {
        let result = termination
            .result
            .map_or("Unknown", |result| result.as_str());
        format!(
            "{result} by {} is the likeliest reading; no single sign proves it.",
            termination.cause
        )
    })
}
