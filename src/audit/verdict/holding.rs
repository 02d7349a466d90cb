//! What holds the pod now?
//!
//! First match wins; the order is that of certainty: what the API shows outright comes before what
//! only fits (facts: what holds a pod in Terminating, and how to tell).

use jiff::Timestamp;

use super::cause::{self as ended, MINIMUM_STOP_SECONDS, SILENT_SECONDS, TEARDOWN_SECONDS};
use super::{View, evidence, grace, request};
use crate::audit::moment::{Moment, seconds_after};
use crate::audit::nodes::NodeTrouble;
use crate::audit::record::{Run, Termination};
use crate::audit::seen::EventReason;
use crate::audit::snapshot::Active;
use crate::audit::words::{Cause, Confidence, Handler, Hook, Outcome};

/// From this share of the grace on a process without a hook is called slow.
const SLOW_PERCENT: i64 = 80;

/// The cause of a termination that lasts.
pub(super) fn cause(
    view: &View<'_>,
    runs: &[Run],
    requested: Moment,
    deadline: Option<Timestamp>,
) -> (Cause, Option<Confidence>) {
    let confirmed = Some(Confidence::Confirmed);
    let inferred = Some(Confidence::Inferred);
    match view.node_trouble() {
        Some(NodeTrouble::Gone) => return (Cause::NodeGone, confirmed),
        Some(NodeTrouble::Unreachable) => return (Cause::NodeUnreachable, confirmed),
        None => {}
    }
    if let Some(ended_at) = view.case.stop.all_ended_at {
        if !view.case.stop.finalizers.is_empty() {
            return (Cause::Finalizer, confirmed);
        }
        if view.case.events.first(EventReason::FailedUnMount).is_some() {
            return (Cause::Volume, confirmed);
        }
        // Where the pod was first seen long after its containers ended, their own stamps tell.
        let ended_before = request::ended_last(view)
            .is_some_and(|(_, _, at)| seconds_after(at.latest, TEARDOWN_SECONDS) <= ended_at);
        let slow = ended_before || view.reached(seconds_after(ended_at, TEARDOWN_SECONDS));
        return if slow {
            (Cause::Volume, inferred)
        } else {
            (Cause::WithinGrace, inferred)
        };
    }
    if ended::runtime_failed(view) {
        return (Cause::ContainerRuntime, confirmed);
    }
    let begun = request::stop_begun(view, requested);
    if begun.is_none() && ended::held_by_post_start(view, requested) {
        return (
            Cause::PostStart,
            if view.case.stop.begun {
                inferred
            } else {
                confirmed
            },
        );
    }
    let deadline =
        deadline.unwrap_or_else(|| seconds_after(requested.latest, view.case.grace_seconds));
    if begun.is_none() && view.reached(seconds_after(deadline, SILENT_SECONDS)) {
        return (Cause::KubeletSilent, inferred);
    }
    if begun.is_some() && view.reached(seconds_after(deadline, MINIMUM_STOP_SECONDS)) {
        return (Cause::ContainerRuntime, inferred);
    }
    if let Some(held) = held_by_hook(view, runs) {
        return held;
    }
    let grace_seconds = deadline.duration_since(requested.earliest).as_secs();
    let slow_at = seconds_after(requested.latest, grace_seconds * SLOW_PERCENT / 100);
    if view.reached(slow_at) {
        (Cause::Shutdown, inferred)
    } else {
        (Cause::WithinGrace, inferred)
    }
}

/// A `sleep` is known to run; any other hook looks like a slow process from outside.
fn held_by_hook(view: &View<'_>, runs: &[Run]) -> Option<(Cause, Option<Confidence>)> {
    let open = |run: &&Run| run.hook == Hook::PreStop && run.outcome == Outcome::Running;
    if runs
        .iter()
        .filter(open)
        .any(|run| run.handler == Handler::Sleep)
    {
        return Some((Cause::PreStop, Some(Confidence::Confirmed)));
    }
    let within = view
        .case
        .containers
        .iter()
        .zip(&view.lives)
        .any(|(container, lives)| {
            let kill = lives.last().and_then(|life| life.kills.last());
            container.pre_stop.is_some()
                && kill.is_some_and(|kill| {
                    kill.failure.is_none()
                        && grace::effective(view, container, kill).is_none_or(|grace| {
                            !view.reached(seconds_after(kill.at.latest, grace.seconds))
                        })
                })
        });
    let open_hook = runs.iter().any(|run| open(&run));
    (within && open_hook).then_some((Cause::PreStopOrShutdown, Some(Confidence::Inferred)))
}

/// What of this pod is worth showing while it lasts.
pub(super) fn active(
    view: &View<'_>,
    runs: &[Run],
    termination: Option<&Termination>,
) -> Vec<Active> {
    let mut found: Vec<Active> = runs
        .iter()
        .filter(|run| run.hook == Hook::PostStart && run.outcome == Outcome::Running)
        .map(|run| running_post_start(view, run))
        .collect();
    found.extend(
        termination
            .filter(|termination| termination.result.is_none())
            .map(|termination| terminating(view, runs, termination)),
    );
    found
}

fn running_post_start(view: &View<'_>, run: &Run) -> Active {
    Active {
        pod: view.case.name.clone(),
        pod_uid: view.case.uid,
        node: view.case.node.clone(),
        container: Some(run.container.clone()),
        restart: run.restart,
        hook: Some(Hook::PostStart),
        since: run.started_at.unwrap_or(view.now),
        deadline: None,
        overdue: false,
        stuck: run.stuck,
        cause: Cause::PostStart,
        confidence: Some(Confidence::Confirmed),
        detail: run
            .evidence
            .iter()
            .skip(1)
            .fold(
                format!("postStart of {} has not returned", run.container),
                |mut text, evidence| {
                    text.push_str("; ");
                    text.push_str(evidence);
                    text
                },
            )
            .into(),
    }
}

fn terminating(view: &View<'_>, runs: &[Run], termination: &Termination) -> Active {
    let overdue_seconds = view.world.limits.overdue_seconds;
    let overdue = termination
        .deadline
        .is_some_and(|deadline| view.reached(seconds_after(deadline, overdue_seconds)));
    let hook = runs
        .iter()
        .find(|run| run.hook == Hook::PreStop && run.outcome == Outcome::Running);
    Active {
        pod: view.case.name.clone(),
        pod_uid: view.case.uid,
        node: view.case.node.clone(),
        container: hook.map(|run| run.container.clone()),
        restart: hook.map_or(0, |run| run.restart),
        hook: None,
        since: termination.requested_at,
        deadline: termination.deadline,
        overdue,
        stuck: false,
        cause: termination.cause,
        confidence: termination.confidence,
        detail: sentence(view, hook, termination).into(),
    }
}

fn sentence(view: &View<'_>, hook: Option<&Run>, termination: &Termination) -> String {
    let node = view.case.node.as_deref().unwrap_or("its node");
    match termination.cause {
        Cause::Finalizer => format!(
            "all containers have ended; waiting for finalizers {}",
            termination.finalizers.join(", ")
        ),
        Cause::Volume => {
            "all containers have ended; volumes or cgroups are still being taken down".to_owned()
        }
        Cause::NodeGone => format!("node {node} is gone; nothing will end its containers"),
        Cause::NodeUnreachable => {
            format!("node {node} does not answer; nothing is known of its containers")
        }
        Cause::ContainerRuntime => {
            "the container runtime has not ended the containers in time".to_owned()
        }
        Cause::PostStart => {
            "a postStart hook has not returned, and the stop waits for it".to_owned()
        }
        Cause::KubeletSilent => {
            format!("the deadline has passed and the kubelet of {node} has not begun the stop")
        }
        Cause::PreStop | Cause::PreStopOrShutdown => {
            let since = hook
                .and_then(|run| run.started_at)
                .map(evidence::stamp)
                .unwrap_or_default();
            let container = hook.map(|run| &*run.container).unwrap_or_default();
            let also = if termination.cause == Cause::PreStop {
                ""
            } else {
                ", or its process is slow to stop"
            };
            format!("preStop of {container} runs since {since}{also}")
        }
        Cause::Shutdown => {
            "no hook is running; the process has not reacted to its stop signal".to_owned()
        }
        Cause::WithinGrace => "stopping within its grace".to_owned(),
        Cause::Unknown => "what holds it cannot be told".to_owned(),
    }
}
