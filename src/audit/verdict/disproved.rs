//! What Events tell and the pod's own status shows not to be so.
//!
//! Whoever may create Events in a namespace can say that a pod there stops. A pod that runs on long after it
//! should have stopped shows that it was not so. Its status is the kubelet's alone.

use super::View;
use super::align::Kill;
use crate::audit::case::Shown;
use crate::audit::moment::{Moment, seconds_after};
use crate::audit::seen::{EventReason, SETTLE_SECONDS, StatusReason};

/// Takes stops out of the lives of containers that run on; tells the reasons of their Events.
pub(super) fn take_out(view: &mut View<'_>) -> Vec<EventReason> {
    let mut refused = Vec::new();
    for place in 0..view.lives.len() {
        let container = &view.case.containers[place];
        let runs_on = container.shown == Shown::Running
            && view.lives[place].last().is_some_and(|life| {
                life.instance.running_seen_at.is_some() && !life.instance.has_ended()
            });
        if !runs_on {
            continue;
        }
        let graces = [
            container.liveness_grace_seconds,
            container.startup_grace_seconds,
        ];
        let grace_seconds = graces.into_iter().flatten().max().unwrap_or_default();
        let Some(life) = view.lives[place].last() else {
            continue;
        };
        let kills: Vec<Kill> = life.kills.clone();
        let (gone, kept): (Vec<Kill>, Vec<Kill>) = kills
            .into_iter()
            .partition(|kill| is_disproved(view, kill.at, grace_seconds));
        for kill in gone {
            refused.extend(kill.event.map(|_| EventReason::Killing));
            refused.extend(kill.failure.map(|_| EventReason::FailedPreStopHook));
        }
        if let Some(life) = view.lives[place].last_mut() {
            life.kills = kept;
        }
    }
    for reason in [EventReason::Evicted, EventReason::Preempting] {
        let told = view.case.events.of(reason);
        let unfit = told.iter().filter(|told| is_of_no_stop(view, told.at));
        refused.extend(unfit.map(|told| told.line.reason));
    }
    refused
}

/// When the kubelet said first that it stops the pod, for this reason, unless the pod ran on.
pub(super) fn first_stop(view: &View<'_>, reason: EventReason) -> Option<Moment> {
    let told = view.case.events.of(reason);
    let fit = told.iter().find(|told| !is_of_no_stop(view, told.at));
    fit.map(|told| told.at)
}

fn is_of_no_stop(view: &View<'_>, at: Moment) -> bool {
    let runs_on = |container: &crate::audit::case::ContainerCase| container.shown == Shown::Running;
    view.case.containers.iter().any(runs_on) && is_disproved(view, at, 0)
}

/// The longest grace and the time of late Events have passed, nothing of the pod's own stream tells of a stop,
/// and its node and kubelet were there all the time.
fn is_disproved(view: &View<'_>, at: Moment, grace_seconds: i64) -> bool {
    let case = view.case;
    let stops = case.is_deleted()
        || case.gone_at.is_some()
        || case.phase.is_terminal()
        || case.status_reason != StatusReason::None;
    let grace_seconds = grace_seconds.max(case.grace_seconds);
    let over_at = seconds_after(seconds_after(at.latest, grace_seconds), SETTLE_SECONDS);
    let node = case.node.as_deref().unwrap_or_default();
    !stops
        && view.reached(over_at)
        && view.node_trouble().is_none()
        && !view.was_silent(at, Moment::exact(view.now))
        && view
            .world
            .nodes
            .kubelet_start_between(node, at, view.now)
            .is_none()
}
