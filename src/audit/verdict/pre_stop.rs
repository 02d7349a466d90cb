//! Did the preStop hook run, and what became of it?

use jiff::Timestamp;

mod failure;
mod silence;

use super::align::{Kill, Life};
use super::grace::{self, Grace};
use super::{View, evidence, request, skipped};
use crate::audit::case::ContainerCase;
use crate::audit::moment::Moment;
use crate::audit::record::{Interval, LineKind, Run, Witness};
use crate::audit::seen::{HookSpec, Note, StatusReason};
use crate::audit::words::{
    AttemptReason, Confidence, ContainerType, Handler, Outcome, Reason, Trigger,
};

/// The exit code of a process that got SIGKILL.
const KILLED: i32 = 137;

pub(super) fn judge(view: &View<'_>, place: usize, runs: &mut Vec<Run>) {
    let container = &view.case.containers[place];
    let Some(spec) = &container.pre_stop else {
        return;
    };
    if container.container_type == ContainerType::Init {
        return;
    }
    for life in &view.lives[place] {
        if life.kills.is_empty() {
            runs.extend(skipped::judge(view, container, spec, life));
        }
        for attempt in 0..life.kills.len() {
            // A stop of an instance that nothing else tells of: whether its hook ran, nobody knows.
            if life.is_unseen && !view.case.is_unseen && life.kills[attempt].failure.is_none() {
                continue;
            }
            let delivery = Delivery {
                view,
                container,
                spec,
                life,
                kill: &life.kills[attempt],
                attempt,
            };
            runs.push(delivery.judge());
        }
    }
}

/// One delivery: a stop that began, of a container with a preStop hook.
struct Delivery<'a> {
    view: &'a View<'a>,
    container: &'a ContainerCase,
    spec: &'a HookSpec,
    life: &'a Life,
    kill: &'a Kill,
    attempt: usize,
}

impl Delivery<'_> {
    fn judge(&self) -> Run {
        let grace = grace::effective(self.view, self.container, self.kill);
        let mut run = skipped::blank(self.container, self.spec, self.life);
        let attempt = u32::try_from(self.attempt).unwrap_or(u32::MAX);
        run.attempt = attempt
            .saturating_add(self.life.told_attempts)
            .saturating_add(1);
        run.attempt_reason = self.repeats();
        run.started_at = Some(self.kill.at.earliest);
        run.grace_seconds = grace.map(|grace| grace.seconds);
        run.trigger = self.trigger();
        run.cascade = self.kill.note == Note::FailedPostStartHook;
        let is_of_stop = |witness: &Witness| matches!(witness.kind, LineKind::Killing(_));
        run.witness = self.kill.witness.filter(is_of_stop);
        if self.kill.event.is_some() {
            run.evidence.push(evidence::event("Killing", self.kill.at));
        }
        self.decide(grace, &mut run);
        if let Some(ended) = &self.life.instance.ended {
            run.evidence.push(evidence::end(ended));
        }
        run
    }

    /// First match wins.
    fn decide(&self, grace: Option<Grace>, run: &mut Run) {
        if self.kill.note == Note::RestartAll {
            run.outcome = Outcome::Skipped;
            run.confidence = Some(Confidence::Confirmed);
            run.duration = Interval::ZERO;
            run.settled = true;
        } else if self.ended_before_it() {
            run.outcome = Outcome::Skipped;
            run.confidence = Some(Confidence::Inferred);
            run.duration = Interval::ZERO;
            run.settled = self.view.absence_settled(self.ended_seen_at());
            run.evidence
                .push("the container had ended before the stop began".into());
        } else if let Some(failure) = self.kill.failure {
            run.witness = failure.witness;
            self.failed(grace, failure.at, run);
        } else if self.view.case.is_unseen {
            self.open_or_unknown(true, run);
        } else if let Some(next) = self.life.kills.get(self.attempt + 1) {
            self.superseded(next, run);
        } else if let (Handler::Sleep, Some(seconds)) = (self.spec.handler, self.spec.sleep_seconds)
        {
            self.slept(grace, seconds, run);
        } else if self.spec.handler == Handler::TCPSocket {
            run.outcome = Outcome::Failed;
            run.confidence = Some(Confidence::Confirmed);
            run.reason = Some(Reason::InvalidHandler);
            run.duration = Interval::between_seconds(0.0, 1.0);
            run.settled = true;
            run.evidence.push("a tcpSocket handler always fails".into());
        } else {
            self.no_failure_seen(grace, run);
        }
    }

    /// `finishedAt` lies in an earlier second than `Killing`: no hook process ever existed.
    fn ended_before_it(&self) -> bool {
        self.life
            .instance
            .finished()
            .is_some_and(|finished| finished.is_before(self.kill.at))
    }

    /// The stop was begun again for the same instance, so this delivery's own end is not known.
    fn superseded(&self, next: &Kill, run: &mut Run) {
        run.settled = true;
        let (_, longest) = next.at.seconds_since(self.kill.at);
        run.duration = Interval::between_seconds(0.0, longest);
        if self
            .life
            .kills
            .get(self.attempt + 1)
            .and_then(|_| self.restart_before(next))
            .is_some()
        {
            run.outcome = Outcome::Unknown;
            run.reason = Some(Reason::KubeletRestarted);
            run.evidence
                .push("its kubelet restarted before the hook was seen to end".into());
        } else {
            run.outcome = Outcome::Succeeded;
            run.confidence = Some(Confidence::Inferred);
            run.evidence
                .push("the stop was begun again, and no failure was seen of this delivery".into());
        }
    }

    fn restart_before(&self, next: &Kill) -> Option<Timestamp> {
        let node = self.view.case.node.as_deref()?;
        self.view
            .world
            .nodes
            .kubelet_start_between(node, self.kill.at, next.at.latest)
    }

    /// Why this delivery is not the first to its instance.
    fn repeats(&self) -> Option<AttemptReason> {
        let Some(before) = self.attempt.checked_sub(1) else {
            return (self.life.told_attempts > 0).then_some(AttemptReason::Retried);
        };
        let node = self.view.case.node.as_deref().unwrap_or_default();
        let restarted = self.view.world.nodes.kubelet_start_between(
            node,
            self.life.kills[before].at,
            self.kill.at.latest,
        );
        Some(if restarted.is_some() {
            AttemptReason::KubeletRestarted
        } else {
            AttemptReason::Retried
        })
    }

    fn kubelet_restarted_before(&self, until: Timestamp) -> bool {
        let node = self.view.case.node.as_deref().unwrap_or_default();
        // One that restarted after the container's end had told a failure before.
        let finished = self
            .life
            .instance
            .finished()
            .map(|finished| finished.latest);
        let until = finished.or(self.ended_seen_at()).unwrap_or(until);
        self.view
            .world
            .nodes
            .kubelet_start_between(node, self.kill.at, until)
            .is_some()
    }

    fn open_or_unknown(&self, over: bool, run: &mut Run) {
        if over || self.view.case.gone_at.is_some() {
            run.outcome = Outcome::Unknown;
            run.reason = Some(request::why_unseen(self.view));
            run.settled = self.view.absence_settled(self.ended_seen_at());
        } else {
            self.running(run);
        }
    }

    fn running(&self, run: &mut Run) {
        run.outcome = Outcome::Running;
        run.duration = Interval::OPEN;
        if self.spec.handler == Handler::Sleep {
            run.duration.min = evidence::interval(Moment::exact(self.view.now), self.kill.at).min;
        }
    }

    fn why_unseen(&self) -> Reason {
        request::why_unseen(self.view)
    }

    fn overrun(&self, grace: Grace) -> Outcome {
        if grace.seconds < self.view.case.grace_seconds {
            Outcome::CutShort
        } else {
            Outcome::Overran
        }
    }

    /// The pod's own stream tells of the stop too: its Events may be anybody's.
    fn stop_is_shown(&self) -> bool {
        let case = self.view.case;
        case.is_deleted()
            || case.gone_at.is_some()
            || case.phase.is_terminal()
            || case.status_reason != StatusReason::None
            || self.life.instance.has_ended()
    }

    /// The object is gone, or shows an end that says nothing.
    fn end_cannot_come(&self) -> bool {
        self.view.case.gone_at.is_some()
            || self.life.instance.end_unknown && self.view.case.stop.all_ended_at.is_some()
    }

    fn ended_seen_at(&self) -> Option<Timestamp> {
        self.life.instance.ended.map(|ended| ended.seen_at)
    }

    fn trigger(&self) -> Option<Trigger> {
        match self.kill.note {
            Note::StoppingContainer => {
                let of_pod = grace::is_of_termination(self.view, self.container, self.kill);
                let restarted = self.view.lives_after(self.container, self.life);
                let alone = restarted.then_some(Trigger::ContainerRestart);
                if of_pod { self.view.trigger() } else { alone }
            }
            Note::None => self.view.trigger(),
            _ => Some(Trigger::ContainerRestart),
        }
    }
}

/// Whether a hook that ended so is known to have ended.
pub(super) fn is_known_to_have_ended(run: &Run) -> bool {
    run.outcome == Outcome::Failed
        || run.outcome == Outcome::Skipped
        || (run.outcome == Outcome::Succeeded && run.handler == Handler::Sleep)
}
