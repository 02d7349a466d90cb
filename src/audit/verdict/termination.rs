//! Who asked the pod to stop, how did it end, and what took the time?

use std::time::Duration;

use super::align::{Kill, Life};
use super::{View, cause, evidence, grace, holding};
use crate::audit::case::Case;
use crate::audit::moment::{Moment, seconds};
use crate::audit::nodes::NodeTrouble;
use crate::audit::observation::{Disruption, EventReason, Note, StatusReason, TerminatedReason};
use crate::audit::record::{Interval, Run, Spent, Termination};
use crate::audit::words::{Confidence, Handler, Hook, Outcome, Reason, TerminationResult, Trigger};

/// The exit code of a process that got SIGKILL.
const KILLED: i32 = 137;

/// A kubelet gives StopContainer at least this long (`minimumGracePeriodInSeconds`).
pub(super) const MINIMUM_STOP_SECONDS: i64 = 2;

/// A stop that lasts longer than this past its deadline is late: the minimum above, and nothing else.
pub(super) const MINIMUM_OVERDUE_SECONDS: i64 = MINIMUM_STOP_SECONDS;

/// Volumes and cgroups that take longer than this after the last container hold the pod.
pub(super) const TEARDOWN_SECONDS: i64 = 30;

/// Who asked the pod to stop; the first of several wins.
pub(super) fn trigger(case: &Case) -> Option<Trigger> {
    let by_kubelet = kubelet_trigger(case);
    let Some(requested) = case.requested() else {
        return by_kubelet.map(|(trigger, _)| trigger);
    };
    if let Some((trigger, at)) = by_kubelet {
        let before = match at {
            Some(at) => at.latest < requested.earliest,
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
fn kubelet_trigger(case: &Case) -> Option<(Trigger, Option<Moment>)> {
    if let Some(at) = case.events.first(EventReason::Evicted) {
        return Some((Trigger::NodePressureEvicted, Some(at)));
    }
    if let Some(at) = case.events.first(EventReason::Preempting) {
        return Some((Trigger::PreemptedByKubelet, Some(at)));
    }
    match case.status_reason {
        StatusReason::Evicted => Some((Trigger::NodePressureEvicted, None)),
        StatusReason::Preempting => Some((Trigger::PreemptedByKubelet, None)),
        StatusReason::NodeShutdown => Some((Trigger::NodeShutdown, None)),
        StatusReason::DeadlineExceeded => Some((Trigger::ActiveDeadline, None)),
        _ => None,
    }
}

/// The stop did not come through the API.
pub(super) fn begun_by_kubelet(case: &Case) -> bool {
    matches!(
        trigger(case),
        Some(
            Trigger::NodePressureEvicted
                | Trigger::PreemptedByKubelet
                | Trigger::NodeShutdown
                | Trigger::ActiveDeadline
        )
    )
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

fn lost_with_node(view: &View<'_>) -> bool {
    let collected =
        |disruption: Option<Disruption>| disruption == Some(Disruption::DeletionByPodGc);
    collected(view.case.disruption)
        || collected(view.case.stop.disruption_at_request)
        || node_trouble(view).is_some()
}

pub(super) fn node_trouble(view: &View<'_>) -> Option<NodeTrouble> {
    view.world.nodes.trouble(view.case.node.as_deref()?)
}

pub(super) fn judge(view: &View<'_>, runs: &[Run]) -> Option<Termination> {
    let case = view.case;
    let trigger = trigger(case)?;
    let requested = requested(view, trigger)?;
    let deletion = case
        .stop
        .deletions
        .first()
        .filter(|_| !begun_by_kubelet(case));
    let deadline = deletion.map(|deletion| deletion.deadline);
    let ended = ended_last(view);
    let over =
        case.gone_at.is_some() || (begun_by_kubelet(case) && case.stop.all_ended_at.is_some());
    let (result, result_confidence) = if over {
        result(view)
    } else {
        (TerminationResult::Unknown, None)
    };
    let (cause, cause_confidence) = if over {
        cause::of_ended(view, runs, result, deadline, requested)
    } else {
        holding::cause(view, runs, requested, deadline)
    };
    let until = case.gone_at.unwrap_or(view.now);
    let overdue = deadline
        .map_or(0.0, |deadline| seconds(deadline, until))
        .max(0.0);
    let mut termination = Termination {
        trigger,
        requested_at: requested.earliest,
        deadline,
        grace_seconds: deletion.map(|deletion| deletion.grace_seconds),
        containers_ended_at: ended
            .filter(|_| case.stop.all_ended_at.is_some())
            .map(|(_, _, at)| at.earliest),
        ended_at: case.gone_at,
        result: over.then_some(result),
        cause,
        confidence: if over {
            weaker(result_confidence, cause_confidence)
        } else {
            cause_confidence
        },
        settled: over && settled(view, runs, result_confidence),
        overdue: Duration::try_from_secs_f64(overdue).unwrap_or_default(),
        spent: spent(view, runs, requested),
        finalizers: case.stop.finalizers.clone(),
        evidence: Vec::new(),
    };
    explain(view, &mut termination);
    Some(termination)
}

fn requested(view: &View<'_>, trigger: Trigger) -> Option<Moment> {
    if matches!(
        trigger,
        Trigger::Deleted
            | Trigger::APIEvicted
            | Trigger::PreemptedByScheduler
            | Trigger::TaintEvicted
    ) {
        return view.case.requested();
    }
    let said = kubelet_trigger(view.case).and_then(|(_, at)| at);
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

/// Container, instance and end of what ended last.
fn ended_last<'a>(view: &'a View<'_>) -> Option<(usize, &'a Life, Moment)> {
    let ends = view.lives.iter().enumerate().filter_map(|(place, lives)| {
        let life = lives.last()?;
        Some((place, life, life.instance.finished()?))
    });
    ends.max_by_key(|(_, _, at)| *at)
}

fn result(view: &View<'_>) -> (TerminationResult, Option<Confidence>) {
    let case = view.case;
    if case.node.is_none() {
        return (TerminationResult::Graceful, Some(Confidence::Confirmed));
    }
    if case.stop.zeroed_while_running {
        return match (case.is_static, lost_with_node(view)) {
            (true, _) => (TerminationResult::Unknown, None),
            (_, true) => (TerminationResult::NodeLost, Some(Confidence::Confirmed)),
            _ => (TerminationResult::ForceDeleted, Some(Confidence::Confirmed)),
        };
    }
    if case.stop.all_ended_at.is_none() {
        return (TerminationResult::Unknown, None);
    }
    let kills: Vec<Confidence> = (0..case.containers.len())
        .filter_map(|place| killed(view, place))
        .collect();
    if let Some(confidence) = kills.iter().min() {
        return (TerminationResult::ForceKilled, Some(*confidence));
    }
    if case
        .containers
        .iter()
        .any(|container| container.end_unknown() && !container.instances.all.is_empty())
    {
        return (TerminationResult::Unknown, None);
    }
    let odd = view
        .lives
        .iter()
        .filter_map(|lives| lives.last())
        .any(|life| {
            life.instance
                .ended
                .is_some_and(|ended| ended.exit_code == KILLED && !life.kills.is_empty())
        });
    (
        TerminationResult::Graceful,
        Some(if odd {
            Confidence::Inferred
        } else {
            Confidence::Confirmed
        }),
    )
}

/// Whether a container got SIGKILL at the end of the grace, and how sure that is.
pub(super) fn killed(view: &View<'_>, place: usize) -> Option<Confidence> {
    let life = view.lives[place].last()?;
    let ended = life
        .instance
        .ended
        .filter(|ended| ended.exit_code == KILLED && ended.reason != TerminatedReason::OOMKilled)?;
    let finished = ended.moment()?;
    let container = &view.case.containers[place];
    match life.kills.last() {
        Some(kill) => {
            let grace = grace::effective(view, container, kill)?;
            let least = (grace.seconds.max(MINIMUM_STOP_SECONDS) - 1) as f64;
            let (_, longest) = finished.seconds_since(kill.at);
            let certain = grace.certain && kill.at.is_exact();
            (longest - 1.0 >= least).then_some(if certain {
                Confidence::Confirmed
            } else {
                Confidence::Inferred
            })
        }
        None => {
            let deletion = view.case.stop.deletions.first()?;
            let late = finished.latest >= deletion.deadline;
            late.then_some(Confidence::Inferred)
        }
    }
}

fn settled(view: &View<'_>, runs: &[Run], confidence: Option<Confidence>) -> bool {
    let runs_settled = runs
        .iter()
        .filter(|run| run.hook == Hook::PreStop)
        .all(|run| run.settled);
    runs_settled
        && (confidence == Some(Confidence::Confirmed)
            || view.absence_settled(view.case.stop.all_ended_at))
}

fn weaker(left: Option<Confidence>, right: Option<Confidence>) -> Option<Confidence> {
    left.zip(right).map(|(left, right)| left.max(right))
}

/// Where the time went, for the container that ended last.
fn spent(view: &View<'_>, runs: &[Run], requested: Moment) -> Spent {
    let Some((place, life, finished)) = ended_last(view) else {
        return Spent::default();
    };
    let teardown = view
        .case
        .gone_at
        .map(|gone| evidence::interval(Moment::exact(gone), finished));
    let begun = life
        .kills
        .iter()
        .find(|kill| kill.at.latest >= requested.earliest)
        .map(|kill| kill.at);
    let Some(begun) = begun else {
        return Spent {
            teardown,
            ..Spent::default()
        };
    };
    let container = &view.case.containers[place];
    let run = runs
        .iter()
        .rfind(|run| run.hook == Hook::PreStop && run.container == container.name);
    let hook = run.map_or(Interval::ZERO, cut);
    let whole = evidence::interval(finished, begun);
    let shutdown = Interval {
        min: whole.min.saturating_sub(hook.max.unwrap_or(whole.min)),
        max: whole.max.map(|max| max.saturating_sub(hook.min)),
    };
    Spent {
        wait: Some(evidence::interval(begun, requested)),
        hook: Some(hook),
        shutdown: Some(shutdown),
        teardown,
    }
}

/// The part of a hook that the stop waited for: at most the grace.
fn cut(run: &Run) -> Interval {
    let limit = run
        .grace_seconds
        .map(|grace| Duration::from_secs(grace.unsigned_abs()));
    let overran = matches!(run.outcome, Outcome::Overran | Outcome::CutShort);
    match limit {
        Some(limit) if overran => Interval {
            min: limit,
            max: Some(limit),
        },
        Some(limit) if run.handler != Handler::Sleep => Interval {
            min: run.duration.min.min(limit),
            max: run.duration.max.map(|max| max.min(limit)),
        },
        _ => run.duration,
    }
}

fn explain(view: &View<'_>, termination: &mut Termination) {
    let case = view.case;
    let mut say = |text: String| termination.evidence.push(text.into());
    if let Some(deletion) = case.stop.deletions.first() {
        say(format!(
            "deletionTimestamp {} with a grace of {} s",
            evidence::stamp(deletion.deadline),
            deletion.grace_seconds
        ));
    }
    for (container, lives) in case.containers.iter().zip(&view.lives) {
        let Some(ended) = lives.last().and_then(|life| life.instance.ended) else {
            continue;
        };
        say(format!("{}: {}", container.name, evidence::end(&ended)));
    }
    if case.stop.zeroed_while_running {
        say("the grace was set to 0 while containers were not known to have ended".to_owned());
    }
    if !case.stop.finalizers.is_empty() {
        say(format!(
            "finalizers after the last container's end: {}",
            case.stop.finalizers.join(", ")
        ));
    }
}
