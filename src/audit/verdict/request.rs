//! Who asked the pod to stop, when, and when did the stop begin?

use std::cmp::Reverse;

use super::align::{Kill, Life};
use super::{View, disproved};
use crate::audit::moment::Moment;
use crate::audit::seen::{Disruption, EventReason, Note, StatusReason};
use crate::audit::words::{ContainerType, Reason, Trigger};

/// Who asked the pod to stop; the first of several wins.
pub(super) fn trigger(view: &View<'_>) -> Option<Trigger> {
    let case = view.case;
    let by_kubelet = kubelet_trigger(view);
    let Some(requested) = case.requested() else {
        return by_kubelet.map(|(trigger, _)| trigger);
    };
    if let Some((trigger, at)) = by_kubelet {
        let before = match at {
            // What had ended cannot be evicted: the pod's own stream knows the order, two clocks may not.
            Some(at) => case.stop.completed_before || at.latest < requested.earliest,
            None => case.stop.status_reason_at_request == Some(case.status_reason),
        };
        if before {
            return Some(trigger);
        }
    }
    Some(match case.stop.disruption_at_request {
        Some(Disruption::EvictionByEvictionApi) => Trigger::APIEvicted,
        Some(Disruption::PreemptionByScheduler) => Trigger::PreemptedByScheduler,
        Some(Disruption::DeletionByTaintManager) => Trigger::TaintEvicted,
        _ => Trigger::Deleted,
    })
}

/// The kubelet's own reason to stop a pod, and when it said so, where an Event tells it.
fn kubelet_trigger(view: &View<'_>) -> Option<(Trigger, Option<Moment>)> {
    let case = view.case;
    if let Some(at) = disproved::first_stop(view, EventReason::Evicted) {
        return Some((Trigger::NodePressureEvicted, Some(at)));
    }
    if let Some(at) = disproved::first_stop(view, EventReason::Preempting) {
        return Some((Trigger::PreemptedByKubelet, Some(at)));
    }
    match case.status_reason {
        StatusReason::Evicted => Some((Trigger::NodePressureEvicted, None)),
        StatusReason::Preempting => Some((Trigger::PreemptedByKubelet, None)),
        StatusReason::NodeShutdown => Some((Trigger::NodeShutdown, None)),
        StatusReason::DeadlineExceeded => Some((Trigger::ActiveDeadline, None)),
        // A pod whose processes all exit 0 ends without a reason; the node's own Event tells.
        _ => {
            let stop = stops(view).map(|kill| kill.at).min()?;
            let node = case.node.as_deref()?;
            let announced = view.world.nodes.shutdown_before(node, stop.latest);
            announced.then_some((Trigger::NodeShutdown, Some(stop)))
        }
    }
}

/// The stop did not come through the API.
pub(super) fn begun_by_kubelet(view: &View<'_>) -> bool {
    matches!(
        trigger(view),
        Some(
            Trigger::NodePressureEvicted
                | Trigger::PreemptedByKubelet
                | Trigger::NodeShutdown
                | Trigger::ActiveDeadline
        )
    )
}

pub(super) fn requested(view: &View<'_>, trigger: Trigger) -> Option<Moment> {
    if matches!(
        trigger,
        Trigger::Deleted
            | Trigger::APIEvicted
            | Trigger::PreemptedByScheduler
            | Trigger::TaintEvicted
    ) {
        return view.case.requested();
    }
    let said = kubelet_trigger(view).and_then(|(_, at)| at);
    let killed = stops(view).map(|kill| kill.at).min();
    said.into_iter()
        .chain(killed)
        .min()
        .or_else(|| ended_last(view).map(|(_, _, at)| at))
        .or(view.case.requested())
}

/// Stops of the pod, of whatever container.
fn stops<'a>(view: &'a View<'_>) -> impl Iterator<Item = &'a Kill> {
    let kills = view.lives.iter().flatten().flat_map(|life| &life.kills);
    kills.filter(|kill| kill.note == Note::StoppingContainer)
}

/// The first `Killing` of the pod's own stop, if it came after the request.
pub(super) fn stop_begun(view: &View<'_>, requested: Moment) -> Option<Moment> {
    stops(view)
        .map(|kill| kill.at)
        .filter(|at| at.latest >= requested.earliest)
        .min()
}

/// Why a run whose pod is gone was not seen to end.
pub(super) fn why_unseen(view: &View<'_>) -> Reason {
    if view.case.stop.zeroed_while_running && !view.case.is_static {
        if lost_with_node(view) {
            Reason::NodeLost
        } else {
            Reason::ForceDeleted
        }
    } else if view.world.namespace_terminating {
        Reason::EventsRefused
    } else {
        Reason::NotObserved
    }
}

pub(super) fn lost_with_node(view: &View<'_>) -> bool {
    let collected =
        |disruption: Option<Disruption>| disruption == Some(Disruption::DeletionByPodGc);
    collected(view.case.disruption)
        || collected(view.case.stop.disruption_at_request)
        || view.node_trouble().is_some()
}

/// Container, instance and end of what ended last.
pub(super) fn ended_last<'a>(view: &'a View<'_>) -> Option<(usize, &'a Life, Moment)> {
    all_ended_last(view).next()
}

/// The same, with all others that ended in the same second and may have been the last.
pub(super) fn all_ended_last<'a>(
    view: &'a View<'_>,
) -> impl Iterator<Item = (usize, &'a Life, Moment)> {
    let ends = || {
        view.lives.iter().enumerate().filter_map(|(place, lives)| {
            let life = lives.last()?;
            Some((place, life, life.instance.finished()?))
        })
    };
    let is_sidecar =
        |place: usize| view.case.containers[place].container_type == ContainerType::Sidecar;
    // On equal seconds a sidecar ended later: its signal waits for the containers it serves, and for
    // the sidecars declared after it, unless the grace is used up.
    let last = ends().max_by_key(|(place, _, at)| (*at, is_sidecar(*place), Reverse(*place)));
    let others = ends().filter(move |(place, _, at)| {
        last.is_some_and(|(last, _, last_at)| {
            *place != last && *at == last_at && is_sidecar(*place) == is_sidecar(last)
        })
    });
    last.into_iter().chain(others)
}
