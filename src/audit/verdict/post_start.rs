//! Did the postStart hook run, and what became of it?

use jiff::Timestamp;

use super::View;
use super::align::Life;
use super::evidence;
use super::grace::CLOCK_TOLERANCE_SECONDS;
use crate::audit::case::ContainerCase;
use crate::audit::moment::{Moment, seconds, seconds_after};
use crate::audit::record::{Interval, Run};
use crate::audit::seen::{
    EventReason, HookSpec, Note, PostStartFailure, SETTLE_SECONDS, TerminatedReason,
};
use crate::audit::words::{Confidence, ContainerType, Handler, Hook, Outcome, Reason};

/// The exit code of a process that was killed, and of an exec whose container went away.
const KILLED: i32 = 137;

/// How long a kubelet takes at most from the end of the start pass to the published status, on a busy
/// node; below 2 s as a rule (pleg relists every second).
const PUBLISH_SECONDS: f64 = 5.0;

pub(super) fn judge(view: &View<'_>, place: usize, runs: &mut Vec<Run>) {
    let container = &view.case.containers[place];
    let Some(spec) = &container.post_start else {
        return;
    };
    if container.container_type == ContainerType::Init {
        return;
    }
    for life in &view.lives[place] {
        let question = Question {
            view,
            place,
            container,
            spec,
            life,
        };
        runs.extend(question.answer());
    }
}

struct Question<'a> {
    view: &'a View<'a>,
    place: usize,
    container: &'a ContainerCase,
    spec: &'a HookSpec,
    life: &'a Life,
}

impl Question<'_> {
    /// First match wins; a witness of failure outweighs every other reading.
    fn answer(&self) -> Option<Run> {
        if let Some(failed_at) = self.failed_at() {
            return Some(self.failed(failed_at));
        }
        let instance = &self.life.instance;
        if instance.preexisting || instance.post_start_told {
            return None;
        }
        if let Some(restarted_at) = self.kubelet_restarted() {
            return Some(self.kubelet_lost_it(restarted_at));
        }
        if let Some(returned) = self.returned() {
            return Some(self.succeeded(returned));
        }
        if self.view.case.gone_at.is_some() {
            return self.life.started().map(|started| self.unknown(started));
        }
        self.running()
    }

    /// The earliest of the three witnesses: two Events, and the waiting reason, which carries no time.
    fn failed_at(&self) -> Option<Option<Moment>> {
        let exact = self.life.post_start_failed();
        (exact.is_some() || self.life.instance.post_start_error).then_some(exact)
    }

    fn failed(&self, failed_at: Option<Moment>) -> Run {
        let (reason, exit_code) = self.failure_reason(failed_at);
        let instance = &self.life.instance;
        let mut run = self.run(Outcome::Failed, Some(Confidence::Confirmed));
        run.reason = Some(reason);
        run.exit_code = exit_code;
        run.witness = self.life.post_start_witness;
        run.settled = instance.post_start_error
            || instance.has_ended()
            || self.view.lives_after(self.container, self.life)
            || self.view.case.gone_at.is_some()
            || failed_at
                .is_some_and(|at| self.view.reached(seconds_after(at.latest, SETTLE_SECONDS)));
        run.duration = match (failed_at, self.life.started()) {
            (Some(failed_at), Some(started)) => evidence::interval(failed_at, started),
            _ => Interval::OPEN,
        };
        if let (Some(at), Some(started)) = (self.life.post_start_failure, self.life.started()) {
            run.evidence.push(evidence::since(
                "FailedPostStartHook",
                at,
                started,
                "the container started",
            ));
        } else if let Some(at) = self.life.post_start_failure {
            run.evidence
                .push(evidence::event("FailedPostStartHook", at));
        }
        if let Some(kill) = self
            .life
            .kills
            .iter()
            .find(|kill| kill.note == Note::FailedPostStartHook)
        {
            run.evidence.push(evidence::event(
                "Killing with message FailedPostStartHook",
                kill.at,
            ));
        }
        if instance.post_start_error {
            run.evidence
                .push("state.waiting.reason was PostStartHookError".into());
        }
        self.add_end(&mut run);
        run
    }

    /// Why it failed, and the hook's exit code where `waiting.message` told it.
    fn failure_reason(&self, failed_at: Option<Moment>) -> (Reason, Option<i32>) {
        let instance = &self.life.instance;
        let exit_code = match instance.post_start_failure {
            Some(PostStartFailure::Exit(code)) => Some(code),
            _ => None,
        };
        if self.spec.handler == Handler::TCPSocket
            || instance.post_start_failure == Some(PostStartFailure::InvalidHandler)
        {
            return (Reason::InvalidHandler, None);
        }
        let ended_first = instance.ended.filter(|ended| {
            let finished = ended.moment();
            finished
                .zip(failed_at)
                .is_some_and(|(finished, failed)| finished.earliest <= failed.latest)
        });
        let certainly_first = ended_first
            .and_then(|ended| ended.moment())
            .zip(failed_at)
            .is_some_and(|(finished, failed)| finished.is_before(failed));
        let out_of_memory = instance
            .ended
            .is_some_and(|ended| ended.reason == TerminatedReason::OOMKilled);
        if self.spec.handler == Handler::HTTPGet {
            // A server that is gone cannot answer; one in its last second may have refused before.
            return match (certainly_first, out_of_memory) {
                (true, true) => (Reason::OOMKilled, None),
                (true, false) => (Reason::ContainerDied, None),
                _ => (Reason::HTTPError, None),
            };
        }
        if out_of_memory && exit_code.is_none_or(|code| code == KILLED) {
            return (Reason::OOMKilled, exit_code);
        }
        match exit_code {
            Some(code) if code != KILLED && !certainly_first => (Reason::NonZeroExit, exit_code),
            Some(_) if ended_first.is_some() => (Reason::ContainerDied, exit_code),
            Some(_) => (Reason::NonZeroExit, exit_code),
            None if certainly_first => (Reason::ContainerDied, None),
            None => (Reason::Unspecified, None),
        }
    }

    /// A kubelet that started while the hook ran lost it: the container is then shown as running and
    /// nothing is repeated.
    fn kubelet_restarted(&self) -> Option<Timestamp> {
        let started = self.life.started()?;
        let node = self.view.case.node.as_deref()?;
        let until = match (
            self.life.instance.running_seen_at,
            self.first_stop(),
            self.life.instance.ended,
        ) {
            (Some(running), _, _) => running,
            (None, Some(stop), _) => stop.latest,
            (None, None, Some(ended)) => ended.seen_at,
            (None, None, None) => self.view.case.gone_at.unwrap_or(self.view.now),
        };
        self.view
            .world
            .nodes
            .kubelet_start_between(node, started, until)
    }

    fn kubelet_lost_it(&self, restarted_at: Timestamp) -> Run {
        let mut run = self.run(Outcome::Unknown, None);
        run.reason = Some(Reason::KubeletRestarted);
        run.duration = Interval::OPEN;
        run.settled =
            self.life.instance.running_seen_at.is_some() || self.life.instance.has_ended();
        run.evidence.push(
            format!(
                "kubelet started at {} before the container was shown as running",
                evidence::stamp(restarted_at)
            )
            .into(),
        );
        run
    }

    /// The first sign that the start pass went on, which it does only when the hook has returned.
    fn returned(&self) -> Option<Returned> {
        let instance = &self.life.instance;
        let started = self.life.started();
        let next = self.next_container_began();
        let stop = self.first_stop();
        let signs = [
            next.map(|(at, lag_seconds)| Returned {
                at,
                lag_seconds,
                sign: Sign::NextContainer,
            }),
            stop.map(|at| Returned {
                at,
                lag_seconds: PUBLISH_SECONDS,
                sign: Sign::Stop,
            }),
            // Shown on our clock, which may be behind the node's; what it shows holds all the same.
            instance.running_seen_at.map(|at| Returned {
                at: Moment::exact(started.map_or(at, |started| at.max(started.latest))),
                lag_seconds: PUBLISH_SECONDS,
                sign: Sign::Running,
            }),
            instance.finished().map(|at| Returned {
                at,
                lag_seconds: f64::INFINITY,
                sign: Sign::Ended,
            }),
        ];
        let follows =
            |sign: &Returned| started.is_none_or(|started| sign.at.latest >= started.earliest);
        signs
            .into_iter()
            .flatten()
            .filter(follows)
            .min_by_key(|sign| (sign.at.latest, sign.sign))
    }

    /// The next container of the same pass begins right after this one's postStart returned.
    fn next_container_began(&self) -> Option<(Moment, f64)> {
        let started = self.life.started()?;
        if self.life.instance.restart > 0 {
            return None;
        }
        let same_pass = self.container.container_type == ContainerType::Container;
        let next = self.view.case.containers.get(self.place + 1)?;
        let at = next.events.occurrences(|reason, _| {
            matches!(
                reason,
                EventReason::Pulling
                    | EventReason::Pulled
                    | EventReason::Created
                    | EventReason::Started
            )
        });
        let at = at.first()?.at;
        (at.latest >= started.earliest)
            .then_some((at, if same_pass { 1.0 } else { PUBLISH_SECONDS }))
    }

    fn first_stop(&self) -> Option<Moment> {
        self.life.kills.first().map(|kill| kill.at)
    }

    fn succeeded(&self, returned: Returned) -> Run {
        let confirmed = self.life.instance.running_seen_at.is_some();
        let confidence = if confirmed && !self.restart_if_our_clock_is_behind() {
            Confidence::Confirmed
        } else {
            Confidence::Inferred
        };
        let mut run = self.run(Outcome::Succeeded, Some(confidence));
        run.settled = self.no_restart_can_be_told();
        run.duration = self.life.started().map_or(Interval::OPEN, |started| {
            let (shortest, longest) = returned.at.seconds_since(started);
            // A kubelet that did not answer may have told much later.
            let lag_seconds = match self.view.was_silent(started, returned.at) {
                true => f64::INFINITY,
                false => returned.lag_seconds,
            };
            Interval::between_seconds(shortest - lag_seconds, longest)
        });
        if let (Handler::Sleep, Some(seconds)) = (self.spec.handler, self.spec.sleep_seconds) {
            let seconds = seconds as f64;
            run.duration = Interval::between_seconds(seconds, seconds);
        }
        run.evidence.push(match returned.sign {
            Sign::NextContainer => evidence::event("the next container began", returned.at),
            Sign::Stop => evidence::event("Killing", returned.at),
            Sign::Running => "the container was shown as running, which a kubelet does only after postStart returned".into(),
            Sign::Ended => "the container ended by itself and no failure was seen".into(),
        });
        if confirmed {
            run.container_exit_code = None;
        } else {
            self.add_end(&mut run);
        }
        run
    }

    /// Its kubelet restarted soon after our clock says that the container was shown as running.
    fn restart_if_our_clock_is_behind(&self) -> bool {
        let node = self.view.case.node.as_deref();
        let found = node
            .zip(self.life.started())
            .zip(self.life.instance.running_seen_at)
            .and_then(|((node, started), running_at)| {
                let until = seconds_after(running_at, CLOCK_TOLERANCE_SECONDS);
                let nodes = self.view.world.nodes;
                nodes.kubelet_start_between(node, started, until)
            });
        found.is_some()
    }

    /// A kubelet that restarted during a long hook may tell so after it showed the container as running.
    fn no_restart_can_be_told(&self) -> bool {
        let instance = &self.life.instance;
        let Some(running_at) = instance.running_seen_at else {
            return self
                .view
                .absence_settled(instance.ended.map(|ended| ended.seen_at));
        };
        let started = self.life.started();
        let in_one_go =
            started.is_none_or(|started| seconds(started.latest, running_at) <= PUBLISH_SECONDS);
        let behind = started.is_some_and(|started| running_at < started.earliest);
        in_one_go && !behind || self.view.absence_settled(Some(running_at))
    }

    /// Still running: it has started and nothing shows that the pass went on.
    fn running(&self) -> Option<Run> {
        let started = self.life.started_event?;
        let mut run = self.run(Outcome::Running, None);
        let slow_at = seconds_after(
            started.latest,
            self.view.world.limits.post_start_slow_seconds,
        );
        run.stuck = self.view.reached(slow_at);
        let so_far = evidence::interval(Moment::exact(self.view.now), started);
        run.duration = Interval {
            min: so_far.min,
            max: None,
        };
        run.evidence.push(evidence::event("Started", started));
        run.evidence
            .push("the container is not shown as running yet".into());
        let blocked: Vec<&str> = self.blocked().collect();
        if !blocked.is_empty() {
            run.evidence
                .push(format!("containers waiting behind it: {}", blocked.join(", ")).into());
        }
        Some(run)
    }

    /// Containers that cannot start before this one's postStart returns.
    fn blocked(&self) -> impl Iterator<Item = &str> {
        let behind = self
            .view
            .case
            .containers
            .iter()
            .enumerate()
            .skip(self.place + 1);
        behind
            .filter(|(place, _)| self.view.lives[*place].is_empty())
            .map(|(_, container)| &*container.name)
    }

    fn unknown(&self, started: Moment) -> Run {
        let mut run = self.run(Outcome::Unknown, None);
        run.reason = Some(super::request::why_unseen(self.view));
        run.settled = self.view.absence_settled(None);
        run.duration = Interval::OPEN;
        run.evidence.push(evidence::event("Started", started));
        run.evidence
            .push("the pod's object went before the container was shown as running".into());
        run
    }

    fn run(&self, outcome: Outcome, confidence: Option<Confidence>) -> Run {
        let (name, container_type) = (&self.container.name, self.container.container_type);
        let instance = &self.life.instance;
        let handler = self.spec.handler;
        let mut run = Run::new(
            name,
            container_type,
            instance.restart,
            Hook::PostStart,
            handler,
        );
        run.outcome = outcome;
        run.confidence = confidence;
        run.container_exit_code = instance.ended.map(|ended| ended.exit_code);
        run.started_at = self.life.started().map(|started| started.earliest);
        run
    }

    fn add_end(&self, run: &mut Run) {
        if let Some(ended) = &self.life.instance.ended {
            run.evidence.push(evidence::end(ended));
        }
    }
}

/// What shows that a hook returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    NextContainer,
    Running,
    Stop,
    Ended,
}

#[derive(Debug, Clone, Copy)]
struct Returned {
    at: Moment,
    /// How long before `at` the hook may have returned, unless it ran shorter than that.
    lag_seconds: f64,
    sign: Sign,
}
