//! Did the container end without its preStop?

use super::align::Life;
use super::{View, evidence, request};
use crate::audit::case::ContainerCase;
use crate::audit::case::instance::Ended;
use crate::audit::record::{Interval, Run};
use crate::audit::seen::{HookSpec, TerminatedReason};
use crate::audit::words::{Confidence, Hook, Outcome, Reason};

/// No stop was seen to begin: the container ended by itself, or its `Killing` was lost.
pub(super) fn judge(
    view: &View<'_>,
    container: &ContainerCase,
    spec: &HookSpec,
    life: &Life,
) -> Option<Run> {
    let instance = &life.instance;
    let mut run = blank(container, spec, life);
    if let Some(ended) = &instance.ended {
        if instance.preexisting {
            return None;
        }
        run.evidence.push(evidence::end(ended));
        if ended_after_request(view, ended) {
            run.outcome = Outcome::Unknown;
            run.reason = Some(why_no_kill(view));
            run.trigger = view.trigger();
            run.evidence
                .push("no Killing was seen for it after the pod was asked to stop".into());
        } else {
            run.outcome = Outcome::Skipped;
            let certain = match ended.reason {
                TerminatedReason::OOMKilled => !view.case.is_deleted(),
                TerminatedReason::RestartingAllContainers => true,
                _ => false,
            };
            run.confidence = Some(if certain {
                Confidence::Confirmed
            } else {
                Confidence::Inferred
            });
            run.settled = certain;
            run.evidence
                .push("no Killing was seen for it: it ended by itself".into());
            run.duration = Interval::ZERO;
        }
        run.settled = run.settled || view.absence_settled(Some(ended.seen_at));
        return Some(run);
    }
    if view.case.gone_at.is_none()
        && !(instance.end_unknown && view.case.stop.all_ended_at.is_some())
    {
        return None;
    }
    life.started()?;
    run.outcome = Outcome::Unknown;
    run.reason = Some(request::why_unseen(view));
    run.trigger = view.trigger();
    run.settled = view.absence_settled(view.case.stop.all_ended_at);
    run.evidence
        .push("its end was not shown, and no Killing was seen for it".into());
    Some(run)
}

/// The container's end lies after the request: two clocks, both cut to a second.
fn ended_after_request(view: &View<'_>, ended: &Ended) -> bool {
    let Some(requested) = view.case.requested() else {
        return false;
    };
    match ended.moment() {
        // Where Events are refused, a missing Killing says nothing.
        Some(finished) if view.world.namespace_terminating => finished.latest >= requested.earliest,
        Some(finished) => finished.earliest > requested.earliest,
        None => true,
    }
}

fn why_no_kill(view: &View<'_>) -> Reason {
    if view.world.namespace_terminating {
        Reason::EventsRefused
    } else {
        Reason::NotObserved
    }
}

/// A preStop run of this instance, without a verdict.
pub(super) fn blank(container: &ContainerCase, spec: &HookSpec, life: &Life) -> Run {
    let (name, container_type) = (&container.name, container.container_type);
    let restart = life.instance.restart;
    let mut run = Run::new(name, container_type, restart, Hook::PreStop, spec.handler);
    run.container_exit_code = life.instance.ended.map(|ended| ended.exit_code);
    run
}
