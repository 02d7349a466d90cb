//! The headline: what holds the pod, how sure that is, since when and until when.

use jiff::Timestamp;

use super::next::{self, Step};
use super::reading;
use super::standing::{Standing, Tone, running};
use super::time::{span, when};
use super::timeline::{self, Entry};
use super::{Presence, Subject};
use crate::audit::moment::seconds;
use crate::audit::record::{PodRef, Termination};
use crate::audit::words::{Cause, Confidence, Hook, TerminationResult};

pub(super) struct Story {
    pub(super) state: &'static str,
    pub(super) tone: Tone,
    pub(super) headline: String,
    pub(super) cause: Option<Cause>,
    pub(super) confidence: Option<Confidence>,
    pub(super) sure: String,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Until,
    /// What relative times of the timeline count from, and its name.
    pub(super) origin: Option<(Timestamp, &'static str)>,
    pub(super) timeline: Vec<Entry>,
    pub(super) known: Vec<String>,
    pub(super) inferred: Vec<String>,
    /// When something could not be seen.
    pub(super) unseen: Vec<String>,
    pub(super) next: Vec<Step>,
}

/// When it is over.
#[derive(Debug, Clone, Default)]
pub(super) struct Until {
    pub(super) at: Option<Timestamp>,
    pub(super) text: String,
}

impl Story {
    pub(super) fn of(subject: &Subject) -> Self {
        let standing = Standing::of(subject);
        let (cause, confidence) = standing.verdict(subject);
        let origin = timeline::origin(subject, standing);
        Self {
            state: standing.as_str(),
            tone: standing.tone(subject),
            headline: headline(subject, standing),
            cause,
            confidence,
            sure: sure(standing, confidence),
            since: standing.since(subject),
            until: until(subject, standing),
            origin,
            timeline: timeline::of(subject, standing),
            known: reading::known(subject),
            inferred: reading::inferred(subject, standing),
            unseen: reading::unseen(subject),
            next: next::steps(subject, standing),
        }
    }
}

fn sure(standing: Standing<'_>, confidence: Option<Confidence>) -> String {
    match (standing, confidence) {
        (Standing::Calm, _) => "nothing to judge",
        (_, Some(Confidence::Confirmed)) => "Confirmed: no other reading of the evidence exists",
        (_, Some(Confidence::Inferred)) => "Inferred: the likeliest of several readings",
        (_, None) => "Unknown: the evidence does not tell",
    }
    .to_owned()
}

fn headline(subject: &Subject, standing: Standing<'_>) -> String {
    let pod = &subject.report.pod;
    let name = &pod.name;
    match standing {
        Standing::Terminating(termination) => holder(subject, termination),
        Standing::Terminated(termination) => ended(pod, termination),
        Standing::Starting(run) => {
            let stuck = if run.stuck { " and is stuck" } else { "" };
            format!(
                "The postStart hook of {} holds the start of pod {name}: it has not returned{stuck}.",
                run.container
            )
        }
        Standing::Failing(run) => format!(
            "The postStart hook of {} fails, and with it the start of pod {name}.",
            run.container
        ),
        Standing::Remembered => {
            let last = subject.incidents.last();
            let incident = last.map_or("an incident", |incident| incident.incident_type.as_str());
            format!("Pod {name} is gone; the last that is remembered of it is {incident}.")
        }
        Standing::Calm => match subject.presence {
            Presence::Gone => format!("Pod {name} is gone, and nothing was seen of its end."),
            Presence::Here(phase) => {
                format!("Nothing holds pod {name}: it is {phase:?}, and nobody asked it to stop.")
            }
        },
    }
}

/// What holds a pod that terminates.
fn holder(subject: &Subject, termination: &Termination) -> String {
    let pod = &subject.report.pod;
    let name = &pod.name;
    let node = pod.node.as_deref().unwrap_or("its node");
    let hook = |hook| {
        running(subject, hook).map_or_else(
            || "one of its containers".to_owned(),
            |run| run.container.to_string(),
        )
    };
    match termination.cause {
        Cause::WithinGrace if termination.containers_ended_at.is_some() => {
            format!(
                "Nothing holds pod {name}: its containers have ended, its object is about to go."
            )
        }
        Cause::WithinGrace => format!("Nothing holds pod {name} yet: it stops within its grace."),
        Cause::PreStop => format!(
            "The preStop hook of {} holds pod {name}.",
            hook(Hook::PreStop)
        ),
        Cause::PreStopOrShutdown => format!(
            "The preStop hook of {} holds pod {name}, or else its process, slow to stop.",
            hook(Hook::PreStop)
        ),
        Cause::PostStart => format!(
            "The postStart hook of {} holds pod {name}: it has not returned, and the stop waits for it.",
            hook(Hook::PostStart)
        ),
        Cause::Shutdown => {
            format!("A process that has not reacted to its stop signal holds pod {name}.")
        }
        Cause::ContainerRuntime => format!(
            "The container runtime of {node} holds pod {name}: it has not ended the containers in time."
        ),
        Cause::Volume => format!(
            "Volumes or cgroups hold pod {name}: its containers have ended, the rest is not taken down."
        ),
        Cause::Finalizer => format!(
            "Pod {name} is held by {}: its containers have ended, its object has to wait.",
            finalizers(termination)
        ),
        Cause::NodeUnreachable => format!(
            "Node {node} holds pod {name}: it does not answer, so nobody confirms that it stopped."
        ),
        Cause::NodeGone => {
            format!("Pod {name} is held by nothing but its record: node {node} is gone.")
        }
        Cause::KubeletSilent => format!(
            "The kubelet of {node} holds pod {name}: it has not begun the stop, past the deadline."
        ),
        Cause::Unknown => format!("What holds pod {name} cannot be told."),
    }
}

fn ended(pod: &PodRef, termination: &Termination) -> String {
    let result = match termination.result {
        Some(TerminationResult::Graceful) => "stopped by itself",
        Some(TerminationResult::ForceKilled) => "was killed at the end of its grace",
        Some(TerminationResult::ForceDeleted) => "was deleted by force",
        Some(TerminationResult::NodeLost) => "was lost with its node",
        Some(TerminationResult::Unknown) | None => "stopped, how is not known",
    };
    let over_at = termination.ended_at.or(termination.containers_ended_at);
    let took = over_at.map_or_else(String::new, |over_at| {
        format!(
            " after {}",
            span(seconds(termination.requested_at, over_at))
        )
    });
    let cause = match termination.cause {
        Cause::WithinGrace => return format!("Pod {} {result}{took}, within its grace.", pod.name),
        Cause::PreStop => "its preStop hook".to_owned(),
        Cause::PreStopOrShutdown => "its preStop hook or its process, slow to stop".to_owned(),
        Cause::PostStart => "its postStart hook".to_owned(),
        Cause::Shutdown => "its process, which did not react to its stop signal".to_owned(),
        Cause::ContainerRuntime => "the container runtime".to_owned(),
        Cause::Volume => "volumes or cgroups".to_owned(),
        Cause::Finalizer => finalizers(termination),
        Cause::NodeUnreachable => "its node, which did not answer".to_owned(),
        Cause::NodeGone => "its node, which is gone".to_owned(),
        Cause::KubeletSilent => "its kubelet, which was silent".to_owned(),
        Cause::Unknown => "something that cannot be told".to_owned(),
    };
    format!("Pod {} {result}{took}; it was held by {cause}.", pod.name)
}

pub(super) fn finalizers(termination: &Termination) -> String {
    match &*termination.finalizers {
        [] => "a finalizer".to_owned(),
        [one] => format!("finalizer {one}"),
        several => format!("finalizers {}", several.join(", ")),
    }
}

fn until(subject: &Subject, standing: Standing<'_>) -> Until {
    let now = subject.now;
    match standing {
        Standing::Terminating(termination) => until_it_goes(subject, termination),
        Standing::Terminated(termination) => Until {
            at: termination.ended_at,
            text: match termination.ended_at {
                Some(ended_at) => format!("{}: its object was gone", when(ended_at, now)),
                None => "its containers have ended; its object is kept".to_owned(),
            },
        },
        Standing::Starting(_) => Until {
            at: None,
            text: "the hook returns: a postStart hook has no time limit".to_owned(),
        },
        Standing::Failing(_) => Until {
            at: None,
            text: "the hook succeeds: the container starts again and again, up to 5 min apart"
                .to_owned(),
        },
        Standing::Remembered | Standing::Calm => Until::default(),
    }
}

fn until_it_goes(subject: &Subject, termination: &Termination) -> Until {
    let node = subject.report.pod.node.as_deref().unwrap_or("the node");
    let deadline = termination.deadline;
    let limited = matches!(
        termination.cause,
        Cause::WithinGrace | Cause::PreStop | Cause::PreStopOrShutdown | Cause::Shutdown
    );
    if let (true, Some(deadline)) = (
        limited && termination.containers_ended_at.is_none(),
        deadline,
    ) {
        let text = format!(
            "{} at the latest: what runs then is killed",
            when(deadline, subject.now)
        );
        return Until {
            at: Some(deadline),
            text,
        };
    }
    let end = match termination.cause {
        Cause::WithinGrace if termination.containers_ended_at.is_some() => {
            "its object is removed, as a rule within seconds".to_owned()
        }
        Cause::PostStart => {
            "the hook returns, which has no time limit; only then its grace begins".to_owned()
        }
        Cause::Finalizer => "whoever set the finalizer removes it: no time limit".to_owned(),
        Cause::Volume => "the kubelet has taken everything down: no time limit".to_owned(),
        Cause::NodeUnreachable => {
            format!("{node} answers again or is declared out of service: no time limit")
        }
        Cause::NodeGone => "the control plane collects it, as a rule within two minutes".to_owned(),
        Cause::KubeletSilent => format!("the kubelet of {node} takes it up: no time limit"),
        Cause::ContainerRuntime => {
            "the runtime obeys: the kubelet tries again, without a time limit".to_owned()
        }
        _ => "not known: this kind of stop shows no deadline".to_owned(),
    };
    let passed = match deadline {
        Some(deadline) if deadline < subject.now => {
            format!("; the deadline passed at {}", when(deadline, subject.now))
        }
        Some(deadline) => format!("; the deadline is {}", when(deadline, subject.now)),
        None => String::new(),
    };
    Until {
        at: None,
        text: format!("{end}{passed}"),
    }
}
