//! What happened when.

use jiff::Timestamp;

use super::standing::Standing;
use super::{Presence, Subject};
use crate::audit::moment::Moment;
use crate::audit::record::{Incident, PodReport, Run, Sign, SignKind, Termination};
use crate::audit::seen::EventReason;
use crate::audit::words::{Hook, Outcome};

const STARTED: &str = "started";

/// One line of the timeline.
pub(super) struct Entry {
    pub(super) at: Moment,
    pub(super) container: Option<Box<str>>,
    pub(super) text: String,
    pub(super) mark: Mark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Plain,
    Bad,
    /// The moment of telling, and what is still to come.
    Now,
}

/// What relative times count from.
pub(super) fn origin(
    subject: &Subject,
    standing: Standing<'_>,
) -> Option<(Timestamp, &'static str)> {
    match standing {
        Standing::Terminating(termination) | Standing::Terminated(termination) => {
            Some((termination.requested_at, "the request"))
        }
        Standing::Starting(run) | Standing::Failing(run) => {
            run.started_at.map(|at| (at, "the hook began"))
        }
        Standing::Remembered => {
            let first = subject.incidents.first()?;
            Some((first.at, "the first incident"))
        }
        Standing::Calm => {
            let first = subject.report.signs.first()?;
            Some((first.at.earliest, "the first sign"))
        }
    }
}

/// Everything with a time, earliest first, the moment of telling included.
pub(super) fn of(subject: &Subject, standing: Standing<'_>) -> Vec<Entry> {
    let report = &subject.report;
    let mut entries: Vec<Entry> = report.signs.iter().map(sign).collect();
    entries.extend(report.runs.iter().filter_map(post_start_began));
    if let Some(termination) = &report.termination {
        terminated(subject, termination, &mut entries);
    }
    if matches!(standing, Standing::Remembered) {
        entries.extend(subject.incidents.iter().map(remembered));
    }
    if subject.presence != Presence::Gone {
        let at = Moment::exact(subject.now);
        entries.push(Entry::new(at, None, "now".to_owned(), Mark::Now));
    }
    let order: Vec<Timestamp> = entries.iter().map(|entry| place(entry, report)).collect();
    let mut ordered: Vec<(Timestamp, Entry)> = order.into_iter().zip(entries).collect();
    ordered.sort_by_key(|(place, entry)| (*place, entry.at.earliest));
    ordered.into_iter().map(|(_, entry)| entry).collect()
}

/// A whole second stands at its end; but a start comes before all else of its second, unless an
/// instance ended in it.
fn place(entry: &Entry, report: &PodReport) -> Timestamp {
    let ended = |sign: &Sign| {
        matches!(sign.kind, SignKind::Ended { .. })
            && sign.at.earliest == entry.at.earliest
            && sign.container == entry.container
    };
    if entry.text == STARTED && !report.signs.iter().any(ended) {
        entry.at.earliest
    } else {
        entry.at.latest
    }
}

impl Entry {
    fn new(at: Moment, container: Option<&str>, text: String, mark: Mark) -> Self {
        Self {
            at,
            container: container.map(Into::into),
            text,
            mark,
        }
    }
}

fn sign(sign: &Sign) -> Entry {
    let (text, mark) = match sign.kind {
        SignKind::Started => (STARTED.to_owned(), Mark::Plain),
        SignKind::Ended {
            exit_code,
            out_of_memory,
        } => {
            let memory = if out_of_memory { ", out of memory" } else { "" };
            let mark = if exit_code == 137 || out_of_memory {
                Mark::Bad
            } else {
                Mark::Plain
            };
            (format!("ended with exit code {exit_code}{memory}"), mark)
        }
        SignKind::GraceSet {
            grace_seconds: 0, ..
        } => (
            "its grace was set to 0 s: last step or forced".to_owned(),
            Mark::Plain,
        ),
        SignKind::GraceSet { grace_seconds, .. } => (
            format!("its grace was set to {grace_seconds} s"),
            Mark::Plain,
        ),
        SignKind::Event(reason) => event(reason),
    };
    Entry::new(sign.at, sign.container.as_deref(), text, mark)
}

fn event(reason: EventReason) -> (String, Mark) {
    let (meaning, mark) = match reason {
        EventReason::Killing => ("its stop began", Mark::Plain),
        EventReason::FailedPostStartHook => ("the postStart hook failed", Mark::Bad),
        EventReason::FailedPreStopHook => ("the preStop hook failed", Mark::Bad),
        EventReason::FailedKillPod => ("the runtime could not end it", Mark::Bad),
        EventReason::ExceededGracePeriod => ("it did not stop within its grace", Mark::Bad),
        EventReason::Evicted => ("the kubelet evicted it", Mark::Bad),
        EventReason::Preempting | EventReason::Preempted => {
            ("it made room for another", Mark::Plain)
        }
        EventReason::TaintManagerEviction => ("a taint evicted it", Mark::Plain),
        EventReason::FailedUnMount => ("a volume was not unmounted", Mark::Bad),
        _ => ("an Event was seen", Mark::Plain),
    };
    (format!("{meaning} ({})", reason.as_str()), mark)
}

/// A preStop hook begins with `Killing`, which is a sign of its own.
fn post_start_began(run: &Run) -> Option<Entry> {
    let at = run.started_at.filter(|_| run.hook == Hook::PostStart)?;
    let state = match run.outcome {
        Outcome::Running => "; it has not returned",
        _ => "",
    };
    let text = format!("its postStart hook began{state}");
    let mark = if run.stuck { Mark::Bad } else { Mark::Plain };
    Some(Entry::new(
        Moment::exact(at),
        Some(&run.container),
        text,
        mark,
    ))
}

fn terminated(subject: &Subject, termination: &Termination, entries: &mut Vec<Entry>) {
    // A whole second, but earlier than all that follows from it.
    let mut push = |at, text, mark| entries.push(Entry::new(Moment::exact(at), None, text, mark));
    let grace = termination
        .grace_seconds
        .map_or_else(String::new, |grace| format!(", grace {grace} s"));
    push(
        termination.requested_at,
        format!("the stop was requested ({}{grace})", termination.trigger),
        Mark::Plain,
    );
    let over_at = termination.ended_at.or(termination.containers_ended_at);
    if let Some(deadline) = termination.deadline {
        let passed = over_at.is_none_or(|over_at| over_at > deadline);
        if deadline > subject.now {
            push(deadline, "its grace will end".to_owned(), Mark::Now);
        } else if passed {
            push(deadline, "its grace ended".to_owned(), Mark::Bad);
        }
    }
    if let Some(at) = termination.containers_ended_at
        && !termination.finalizers.is_empty()
    {
        // Behind the ends themselves, which bear the same stamp.
        let text = format!(
            "from here on it waits for {}",
            termination.finalizers.join(", ")
        );
        entries.push(Entry::new(Moment::second(at), None, text, Mark::Bad));
    }
    if let Some(at) = termination.ended_at {
        let at = Moment::exact(at);
        entries.push(Entry::new(
            at,
            None,
            "the pod was gone".to_owned(),
            Mark::Plain,
        ));
    }
}

fn remembered(incident: &Incident) -> Entry {
    let reason = incident
        .reason
        .map_or_else(String::new, |reason| format!(", {reason}"));
    let cause = incident
        .cause
        .map_or_else(String::new, |cause| format!(", cause {cause}"));
    let sure = incident
        .confidence
        .map_or_else(String::new, |confidence| format!(" ({confidence})"));
    let text = format!("{}{reason}{cause}{sure}", incident.incident_type);
    Entry::new(
        Moment::second(incident.at),
        incident.container.as_deref(),
        text,
        Mark::Bad,
    )
}
