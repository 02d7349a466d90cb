//! Did the preStop hook run, and what became of it?

use jiff::Timestamp;

use super::align::{Kill, Life};
use super::grace::{self, Grace};
use super::{View, evidence, skipped, termination};
use crate::audit::case::ContainerCase;
use crate::audit::case::instance::Ended;
use crate::audit::moment::Moment;
use crate::audit::observation::{EventReason, HookSpec, Note, Resource, TerminatedReason};
use crate::audit::record::{Interval, Run};
use crate::audit::words::{
    AttemptReason, Confidence, ContainerType, Handler, Hook, Outcome, Reason, Trigger,
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
        let mut run = blank(self.container, self.spec, self.life);
        run.attempt = u32::try_from(self.attempt + 1).unwrap_or(u32::MAX);
        run.attempt_reason = self.repeats();
        run.started_at = Some(self.kill.at.earliest);
        run.grace_seconds = grace.map(|grace| grace.seconds);
        run.trigger = self.trigger();
        run.cascade = self.kill.note == Note::FailedPostStartHook;
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
            self.failed(grace, failure, run);
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

    /// `FailedPreStopHook`: a late one tells of an overrun, an early one of a failure or of a main
    /// process that left first.
    fn failed(&self, grace: Option<Grace>, failure: Moment, run: &mut Run) {
        let (shortest, longest) = failure.seconds_since(self.kill.at);
        run.duration = evidence::interval(failure, self.kill.at);
        run.evidence.push(if self.kill.event.is_some() {
            evidence::since("FailedPreStopHook", failure, self.kill.at, "Killing")
        } else {
            evidence::event("FailedPreStopHook without a Killing", failure)
        });
        if self.spec.handler == Handler::TCPSocket {
            run.outcome = Outcome::Failed;
            run.reason = Some(Reason::InvalidHandler);
            run.confidence = Some(Confidence::Confirmed);
            run.settled = true;
            return;
        }
        if let Some(grace) = grace {
            let limit = grace.seconds as f64;
            let stop_known = self.kill.event.is_some();
            if shortest >= limit || (longest >= limit && self.ended_at_limit(limit)) {
                run.outcome = self.overrun(grace);
                let certain = shortest >= limit && grace.certain && stop_known;
                run.confidence = Some(if certain {
                    Confidence::Confirmed
                } else {
                    Confidence::Inferred
                });
                run.duration = Interval::between_seconds(limit, longest);
                run.settled = true;
                run.evidence
                    .push(format!("the grace was {} s", grace.seconds).into());
                return;
            }
        }
        if grace.is_none() && shortest >= self.view.case.grace_seconds as f64 {
            run.outcome = Outcome::Overran;
            run.confidence = Some(Confidence::Inferred);
            run.settled = true;
            return;
        }
        self.failed_early(failure, run);
    }

    /// With whole-second stamps on both sides: the container went at or after the end of the grace.
    fn ended_at_limit(&self, limit: f64) -> bool {
        self.life
            .instance
            .finished()
            .is_some_and(|finished| finished.seconds_since(self.kill.at).1 >= limit)
    }

    fn overrun(&self, grace: Grace) -> Outcome {
        if grace.seconds < self.view.case.grace_seconds {
            Outcome::CutShort
        } else {
            Outcome::Overran
        }
    }

    fn failed_early(&self, failure: Moment, run: &mut Run) {
        run.outcome = Outcome::Failed;
        run.confidence = Some(Confidence::Inferred);
        run.reason = Some(Reason::Unspecified);
        let Some(ended) = self.life.instance.ended else {
            run.settled = self.end_cannot_come() && self.view.absence_settled(None);
            return;
        };
        run.settled = true;
        let by_itself =
            ended.exit_code == 0 || ended.exit_code == 128 + i32::from(self.container.stop_signal);
        let Some(finished) = ended.moment() else {
            return;
        };
        if finished.is_before(failure) {
            run.outcome = Outcome::Interrupted;
            run.confidence = Some(Confidence::Confirmed);
            run.reason = Some(self.interruption(&ended, by_itself));
        } else if finished.earliest <= failure.latest {
            let oom = ended.reason == TerminatedReason::OOMKilled;
            if !by_itself && (oom || ended.exit_code != KILLED) {
                run.outcome = Outcome::Interrupted;
                run.reason = Some(self.interruption(&ended, by_itself));
                run.evidence.push(
                    "the other reading: the hook failed first, within the same second".into(),
                );
            } else {
                run.reason = Some(if oom {
                    Reason::OOMKilled
                } else {
                    Reason::Unspecified
                });
                run.evidence.push(
                    "the other reading: the main process left first, within the same second".into(),
                );
            }
        } else {
            let outlived = finished.seconds_since(failure).0 >= 1.0;
            run.confidence = Some(if outlived {
                Confidence::Confirmed
            } else {
                Confidence::Inferred
            });
            if ended.reason == TerminatedReason::OOMKilled && by_itself {
                run.reason = Some(Reason::OOMKilled);
            }
        }
    }

    fn interruption(&self, ended: &Ended, by_itself: bool) -> Reason {
        match ended.reason {
            _ if by_itself => Reason::MainExited,
            TerminatedReason::OOMKilled => Reason::OOMKilled,
            _ => Reason::MainFailed,
        }
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
        let before = self.attempt.checked_sub(1)?;
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

    /// A `sleep` is a timer in the kubelet: its length is known, its failure is not possible.
    fn slept(&self, grace: Option<Grace>, seconds: i64, run: &mut Run) {
        let over_at = self.kill.at.plus_seconds(seconds);
        let ended = self.life.instance.finished();
        let over = ended.is_some() || self.view.reached(over_at.latest);
        let Some(grace) = grace.filter(|_| over) else {
            return self.open_or_unknown(over, run);
        };
        let restarted = self.kubelet_restarted_before(over_at.latest.max(self.view.now));
        if restarted {
            run.outcome = Outcome::Unknown;
            run.reason = Some(Reason::KubeletRestarted);
            run.settled = self.life.instance.has_ended();
            return;
        }
        if seconds < grace.seconds {
            run.outcome = Outcome::Succeeded;
            let outlived = ended.is_some_and(|ended| ended.latest >= over_at.earliest);
            let certain = outlived && grace.certain && self.kill.event.is_some();
            run.confidence = Some(if certain {
                Confidence::Confirmed
            } else {
                Confidence::Inferred
            });
            run.duration = Interval::between_seconds(seconds as f64, seconds as f64);
        } else {
            run.outcome = self.overrun(grace);
            let certain = seconds > grace.seconds && grace.certain && ended.is_some();
            run.confidence = Some(if certain {
                Confidence::Confirmed
            } else {
                Confidence::Inferred
            });
            run.duration = Interval {
                min: std::time::Duration::from_secs(grace.seconds.unsigned_abs()),
                max: None,
            };
        }
        run.evidence.push(
            format!(
                "the hook sleeps {seconds} s, the grace was {} s",
                grace.seconds
            )
            .into(),
        );
        run.settled =
            ended.is_some() || self.view.case.gone_at.is_some() && self.view.absence_settled(None);
        if ended.is_none() && self.view.case.gone_at.is_some() && seconds < grace.seconds {
            run.outcome = Outcome::Unknown;
            run.confidence = None;
            run.reason = Some(termination::why_unseen(self.view));
            run.duration = Interval::OPEN;
        }
    }

    fn kubelet_restarted_before(&self, until: Timestamp) -> bool {
        let node = self.view.case.node.as_deref().unwrap_or_default();
        let until = self.ended_seen_at().unwrap_or(until);
        self.view
            .world
            .nodes
            .kubelet_start_between(node, self.kill.at, until)
            .is_some()
    }

    fn open_or_unknown(&self, over: bool, run: &mut Run) {
        if over || self.view.case.gone_at.is_some() {
            run.outcome = Outcome::Unknown;
            run.reason = Some(termination::why_unseen(self.view));
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

    /// An exec or httpGet whose failure was not seen: at best "no failure seen while watching".
    fn no_failure_seen(&self, grace: Option<Grace>, run: &mut Run) {
        let instance = &self.life.instance;
        let Some(ended) = instance.ended else {
            if self.end_cannot_come() {
                run.outcome = Outcome::Unknown;
                run.reason = Some(self.why_unseen());
                run.duration = Interval::OPEN;
                run.settled = self.view.absence_settled(self.view.case.stop.all_ended_at);
            } else {
                self.running(run);
            }
            return;
        };
        run.settled = self.view.absence_settled(Some(ended.seen_at));
        let longest = ended
            .moment()
            .map(|finished| finished.seconds_since(self.kill.at).1);
        let limit = grace.map(|grace| grace.seconds as f64);
        run.duration = match (longest, limit) {
            (Some(longest), Some(limit)) => Interval::between_seconds(0.0, longest.min(limit)),
            (Some(longest), None) => Interval::between_seconds(0.0, longest),
            _ => Interval::OPEN,
        };
        if let Some(reason) = self.blind(&ended) {
            run.outcome = Outcome::Unknown;
            run.reason = Some(reason);
            return;
        }
        run.confidence = Some(Confidence::Inferred);
        let shortest = ended
            .moment()
            .map_or(0.0, |finished| finished.seconds_since(self.kill.at).0);
        let grace_and_two = grace.filter(|grace| shortest > grace.seconds as f64 + 1.0);
        if let Some(grace) = grace_and_two.filter(|_| ended.exit_code == KILLED && self.alone()) {
            run.outcome = self.overrun(grace);
            run.duration =
                Interval::between_seconds(grace.seconds as f64, longest.unwrap_or_default());
            run.evidence.push(
                format!(
                    "it was killed 2 s after its grace of {} s, as after a hook that overran",
                    grace.seconds
                )
                .into(),
            );
            run.evidence.push(
                "the other reading: the hook ended in time and the process ignored its signal"
                    .into(),
            );
        } else {
            run.outcome = Outcome::Succeeded;
            run.evidence
                .push("no FailedPreStopHook was seen while watching".into());
        }
    }

    /// A sidecar's end includes the shutdown of the containers it serves.
    fn alone(&self) -> bool {
        self.container.container_type != ContainerType::Sidecar
    }

    /// Events of this time could not arrive, so that their absence says nothing.
    fn blind(&self, ended: &Ended) -> Option<Reason> {
        if self.view.world.namespace_terminating {
            return Some(Reason::EventsRefused);
        }
        if self.kubelet_restarted_before(ended.seen_at) {
            return Some(Reason::KubeletRestarted);
        }
        let lost = self.view.world.gaps.covers(
            Resource::Events,
            Some(EventReason::FailedPreStopHook),
            self.kill.at.earliest,
            ended.seen_at,
        );
        lost.then_some(Reason::NotObserved)
    }

    fn why_unseen(&self) -> Reason {
        termination::why_unseen(self.view)
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
            Note::StoppingContainer | Note::None => self.view.trigger(),
            _ => Some(Trigger::ContainerRestart),
        }
    }
}

pub(super) fn blank(container: &ContainerCase, spec: &HookSpec, life: &Life) -> Run {
    Run {
        container: container.name.clone(),
        container_type: container.container_type,
        restart: life.instance.restart,
        attempt: 1,
        attempt_reason: None,
        hook: Hook::PreStop,
        handler: spec.handler,
        trigger: None,
        outcome: Outcome::Unknown,
        confidence: None,
        settled: false,
        reason: None,
        exit_code: None,
        container_exit_code: life.instance.ended.map(|ended| ended.exit_code),
        stuck: false,
        started_at: None,
        duration: Interval::OPEN,
        grace_seconds: None,
        cascade: false,
        evidence: Vec::new(),
    }
}

/// Whether a hook that ended so is known to have ended.
pub(super) fn is_known_to_have_ended(run: &Run) -> bool {
    run.outcome == Outcome::Failed
        || run.outcome == Outcome::Skipped
        || (run.outcome == Outcome::Succeeded && run.handler == Handler::Sleep)
}
