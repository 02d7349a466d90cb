//! What took the time of a termination that is over?

use jiff::Timestamp;

use super::align::Life;
use super::{View, grace, pre_stop, request, skew};
use crate::audit::case::{ContainerCase, Shown};
use crate::audit::moment::{Moment, seconds_after};
use crate::audit::nodes::NodeTrouble;
use crate::audit::record::Run;
use crate::audit::seen::{EventReason, Note, TerminatedReason};
use crate::audit::words::{Cause, Confidence, Hook, Outcome, TerminationResult, Trigger};

/// The exit code of a process that got SIGKILL.
pub(super) const KILLED: i32 = 137;

/// A kubelet gives StopContainer at least this long (`minimumGracePeriodInSeconds`).
pub(super) const MINIMUM_STOP_SECONDS: i64 = 2;

/// Volumes and cgroups that take longer than this after the last container hold the pod.
pub(super) const TEARDOWN_SECONDS: i64 = 30;

/// A kubelet that has many stops to begin may be late; one that is later than this is silent.
pub(super) const SILENT_SECONDS: i64 = 10;

/// First match wins.
pub(super) fn of_ended(
    view: &View<'_>,
    runs: &[Run],
    result: TerminationResult,
    deadline: Option<Timestamp>,
    requested: Moment,
) -> (Cause, Option<Confidence>) {
    let case = view.case;
    let confirmed = Some(Confidence::Confirmed);
    let inferred = Some(Confidence::Inferred);
    if !case.stop.finalizers.is_empty() {
        return (Cause::Finalizer, confirmed);
    }
    if result == TerminationResult::NodeLost {
        let gone = view.node_trouble() != Some(NodeTrouble::Unreachable);
        return (
            if gone {
                Cause::NodeGone
            } else {
                Cause::NodeUnreachable
            },
            inferred,
        );
    }
    if case.stop.completed_before && !request::begun_by_kubelet(view) {
        return (Cause::WithinGrace, confirmed);
    }
    let begun = request::stop_begun(view, requested);
    if let Some(confidence) = post_start_held(view, requested, deadline, begun) {
        return (Cause::PostStart, Some(confidence));
    }
    let overrun = |run: &&Run| {
        run.hook == Hook::PreStop
            && matches!(run.outcome, Outcome::Overran | Outcome::CutShort)
            && run.trigger != Some(Trigger::ContainerRestart)
    };
    if let Some(run) = runs.iter().find(overrun) {
        let other_killed = (0..case.containers.len()).any(|place| {
            let name = &case.containers[place].name;
            let overran = runs
                .iter()
                .filter(overrun)
                .any(|run| run.container == *name);
            !overran && killed(view, place).is_some()
        });
        let confidence = if other_killed {
            inferred
        } else {
            run.confidence
        };
        return (Cause::PreStop, confidence);
    }
    if result == TerminationResult::ForceKilled {
        return force_killed(view, runs);
    }
    if result == TerminationResult::Unknown && case.stop.all_ended_at.is_none() {
        return (Cause::Unknown, None);
    }
    let late = late(view, deadline, begun, requested);
    late.filter(|_| result != TerminationResult::ForceDeleted)
        .unwrap_or_else(|| {
            let graceful = result == TerminationResult::Graceful
                && !ended_late(view, deadline)
                && !perhaps_late(view, deadline, begun);
            (
                Cause::WithinGrace,
                if graceful { confirmed } else { inferred },
            )
        })
}

/// The last container's end was shown later than any stop in time can end.
fn ended_late(view: &View<'_>, deadline: Option<Timestamp>) -> bool {
    deadline
        .zip(view.case.stop.all_ended_at)
        .is_some_and(|(deadline, at)| at > seconds_after(deadline, SILENT_SECONDS))
}

/// By the node's stamps the stop, or its begin, lies past the deadline, or the runtime failed meanwhile; two
/// clocks cannot tell whether that took the time.
fn perhaps_late(view: &View<'_>, deadline: Option<Timestamp>, begun: Option<Moment>) -> bool {
    let ended = request::ended_last(view).map(|(_, _, at)| at.plus_seconds(-MINIMUM_STOP_SECONDS));
    let is_after = |at: Moment, deadline: Timestamp| match skew::of(view) {
        Some(_) => skew::by_api_server(view, at).latest > deadline,
        None => at.earliest > deadline,
    };
    let mut moments = begun.into_iter().chain(ended);
    let late = deadline.is_some_and(|deadline| moments.any(|at| is_after(at, deadline)));
    late || runtime_failed(view)
}

/// Whether a running postStart held the stop's begin past the deadline, and how sure that is.
fn post_start_held(
    view: &View<'_>,
    requested: Moment,
    deadline: Option<Timestamp>,
    begun: Option<Moment>,
) -> Option<Confidence> {
    let deadline = deadline?;
    if let Some(confidence) = failed_post_start_held(view, requested, deadline) {
        return Some(confidence);
    }
    let ended = request::ended_last(view).map(|(_, _, at)| at);
    let late = match (begun, ended) {
        (Some(at), _) => at.earliest > deadline,
        // A stop that was over by then had begun before.
        (None, Some(at)) => at.earliest > deadline,
        (None, None) => view.case.gone_at.is_some_and(|gone| gone > deadline),
    };
    if !late || !held_by_post_start(view, requested) {
        return None;
    }
    let known = view
        .lives
        .iter()
        .flatten()
        .any(|life| life.started().is_some());
    let certain = known && (begun.is_some() || !view.case.stop.begun);
    Some(if certain {
        Confidence::Confirmed
    } else {
        Confidence::Inferred
    })
}

/// A postStart that had begun before the request and failed after the deadline.
fn failed_post_start_held(
    view: &View<'_>,
    requested: Moment,
    deadline: Timestamp,
) -> Option<Confidence> {
    let by_api_server = |at| skew::by_api_server(view, at);
    let failed = |life: &Life| {
        let started = by_api_server(life.started()?);
        let failed = life.post_start_failed()?;
        let held = by_api_server(failed).latest > deadline;
        (held && started.earliest <= requested.latest).then_some(failed)
    };
    let last = view.lives.iter().filter_map(|lives| lives.last());
    let failed_at = last.filter_map(failed).max()?;
    let certain = failed_at.earliest > deadline && skew::of(view).is_none();
    Some(if certain {
        Confidence::Confirmed
    } else {
        Confidence::Inferred
    })
}

/// What lasted past the deadline although nobody was killed.
fn late(
    view: &View<'_>,
    deadline: Option<Timestamp>,
    begun: Option<Moment>,
    requested: Moment,
) -> Option<(Cause, Option<Confidence>)> {
    let case = view.case;
    let late_from = seconds_after(deadline?, MINIMUM_STOP_SECONDS);
    if let Some(ended_at) = case.stop.all_ended_at.filter(|at| *at > late_from)
        && runtime_failed(view)
    {
        let certain = ended_at > seconds_after(late_from, grace::CLOCK_TOLERANCE_SECONDS);
        let confidence = if certain {
            Confidence::Confirmed
        } else {
            Confidence::Inferred
        };
        return Some((Cause::ContainerRuntime, Some(confidence)));
    }
    let silent_from = seconds_after(deadline?, SILENT_SECONDS);
    let node = case.node.as_deref().unwrap_or_default();
    let until = case.stop.all_ended_at.or(case.gone_at).unwrap_or(view.now);
    let lost = view
        .world
        .nodes
        .was_unreachable(node, requested.earliest, until);
    let begun_late = begun.is_some_and(|begun| begun.earliest > silent_from);
    if begun_late || lost && ended_late(view, deadline) {
        let cause = if lost {
            Cause::NodeUnreachable
        } else {
            Cause::KubeletSilent
        };
        return Some((cause, Some(Confidence::Inferred)));
    }
    let (ended, gone) = (case.stop.all_ended_at?, case.gone_at?);
    if gone > late_from && gone > seconds_after(ended, TEARDOWN_SECONDS) {
        let seen = case.events.first(EventReason::FailedUnMount).is_some();
        let confidence = if seen {
            Confidence::Confirmed
        } else {
            Confidence::Inferred
        };
        return Some((Cause::Volume, Some(confidence)));
    }
    None
}

pub(super) fn runtime_failed(view: &View<'_>) -> bool {
    let events = &view.case.events;
    events.first(EventReason::FailedKillPod).is_some()
        || events.first(EventReason::ExceededGracePeriod).is_some()
}

/// A postStart that had not returned when the stop was asked for.
pub(super) fn held_by_post_start(view: &View<'_>, requested: Moment) -> bool {
    view.case
        .containers
        .iter()
        .zip(&view.lives)
        .any(|(container, lives)| {
            container.post_start.is_some()
                && lives
                    .last()
                    .is_some_and(|life| holds(view, container, life, requested))
        })
}

/// The postStart of this instance had begun and not ended when the stop was asked for.
fn holds(view: &View<'_>, container: &ContainerCase, life: &Life, requested: Moment) -> bool {
    let instance = &life.instance;
    let failed = life.post_start_failure.is_some()
        || instance.post_start_error
        || life
            .kills
            .iter()
            .any(|kill| kill.note == Note::FailedPostStartHook);
    // The pod's own stream tells what came first, whatever the clocks say.
    let deleted_at = view.case.stop.deletions.first().map(|first| first.seen_at);
    let not_running = instance
        .running_seen_at
        .is_none_or(|running| running > deleted_at.unwrap_or(requested.latest));
    // A container that was never shown to have started, and yet got its stop, began unseen.
    let begun = match life.started() {
        Some(started) => started.earliest <= requested.latest,
        None => container.shown == Shown::NotStarted && !life.kills.is_empty(),
    };
    let ended = instance
        .finished()
        .is_some_and(|end| end.is_before(requested));
    !instance.preexisting && !failed && not_running && begun && !ended
}

fn force_killed(view: &View<'_>, runs: &[Run]) -> (Cause, Option<Confidence>) {
    let open_hook = (0..view.case.containers.len())
        .filter(|place| killed(view, *place).is_some())
        .any(|place| {
            let container = &view.case.containers[place];
            let last = runs
                .iter()
                .rfind(|run| run.hook == Hook::PreStop && run.container == container.name);
            container.pre_stop.is_some() && !last.is_some_and(pre_stop::is_known_to_have_ended)
        });
    if open_hook {
        (Cause::PreStopOrShutdown, Some(Confidence::Inferred))
    } else {
        (Cause::Shutdown, Some(Confidence::Confirmed))
    }
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
