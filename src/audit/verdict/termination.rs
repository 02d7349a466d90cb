//! Who asked the pod to stop, how did it end, and what took the time?

use std::time::Duration;

use super::align::Life;
use super::{View, cause, evidence, grace, holding, request, skew};
use crate::audit::moment::{Moment, seconds, seconds_after};
use crate::audit::record::{Interval, Run, Spent, Termination};
use crate::audit::seen::TerminatedReason;
use crate::audit::words::{Confidence, Handler, Hook, Outcome, TerminationResult};

pub(super) fn judge(view: &View<'_>, runs: &[Run]) -> Option<Termination> {
    let case = view.case;
    let trigger = request::trigger(view)?;
    let requested = request::requested(view, trigger)?;
    let deletion = case
        .stop
        .deletions
        .first()
        .filter(|_| !request::begun_by_kubelet(view));
    let deadline = deletion.map(|deletion| deletion.deadline);
    let ended = request::ended_last(view);
    let over = case.gone_at.is_some()
        || (request::begun_by_kubelet(view) && case.stop.all_ended_at.is_some());
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

fn result(view: &View<'_>) -> (TerminationResult, Option<Confidence>) {
    let case = view.case;
    if case.node.is_none() {
        return (TerminationResult::Graceful, Some(Confidence::Confirmed));
    }
    if case.stop.zeroed_while_running {
        return match (case.is_static, request::lost_with_node(view)) {
            (true, _) => (TerminationResult::Unknown, None),
            (_, true) => (TerminationResult::NodeLost, Some(Confidence::Confirmed)),
            _ => (TerminationResult::ForceDeleted, Some(Confidence::Confirmed)),
        };
    }
    if case.stop.all_ended_at.is_none() {
        return (TerminationResult::Unknown, None);
    }
    let kills: Vec<Confidence> = (0..case.containers.len())
        .filter_map(|place| cause::killed(view, place))
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
        .any(|life| perhaps_killed(view, life));
    (
        TerminationResult::Graceful,
        Some(if odd {
            Confidence::Inferred
        } else {
            Confidence::Confirmed
        }),
    )
}

/// It got a SIGKILL: after a stop that was seen to begin, or near enough to the deadline that its node's
/// clock decides whether the end of the grace sent it.
fn perhaps_killed(view: &View<'_>, life: &Life) -> bool {
    let Some(ended) = life.instance.ended else {
        return false;
    };
    let near_deadline = || {
        let deletion = view.case.stop.deletions.first();
        let from = deletion
            .map(|deletion| seconds_after(deletion.deadline, -grace::CLOCK_TOLERANCE_SECONDS));
        let finished = ended.moment().zip(from);
        ended.reason != TerminatedReason::OOMKilled
            && !view.case.stop.completed_before
            && finished.is_some_and(|(finished, from)| finished.latest >= from)
    };
    ended.exit_code == cause::KILLED && (!life.kills.is_empty() || near_deadline())
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

/// Where the time went, for the container that ended last, or for whichever of those it was.
fn spent(view: &View<'_>, runs: &[Run], requested: Moment) -> Spent {
    let each = request::all_ended_last(view)
        .map(|(place, life, finished)| spent_of(view, runs, requested, place, life, finished));
    each.reduce(Spent::or).unwrap_or_default()
}

fn spent_of(
    view: &View<'_>,
    runs: &[Run],
    requested: Moment,
    place: usize,
    life: &Life,
    finished: Moment,
) -> Spent {
    let teardown = view
        .case
        .gone_at
        .map(|gone| evidence::interval(Moment::exact(gone), finished));
    let begun = life
        .kills
        .iter()
        .find(|kill| skew::by_api_server(view, kill.at).latest >= requested.earliest)
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
    // With several deliveries the process got its signal after the last of them.
    let last = life.kills.last().map_or(begun, |kill| kill.at);
    let whole = evidence::interval(finished, last);
    let silent = view.was_silent(last, finished);
    let shutdown = Interval {
        min: if silent {
            Duration::ZERO
        } else {
            whole.min.saturating_sub(hook.max.unwrap_or(whole.min))
        },
        max: whole.max.map(|max| max.saturating_sub(hook.min)),
    };
    Spent {
        wait: Some(skew::interval(view, begun, requested)),
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
    if let Some(skew) = skew::of(view) {
        say(skew.told());
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
