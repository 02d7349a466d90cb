//! No failure was seen: what does the container's end tell of the hook?

use std::time::Duration;

use super::super::grace::Grace;
use super::super::request;
use super::{Delivery, KILLED};
use crate::audit::case::instance::Ended;
use crate::audit::record::{Interval, Run};
use crate::audit::seen::{EventReason, Resource};
use crate::audit::words::{Confidence, ContainerType, Handler, Outcome, Reason};

impl Delivery<'_> {
    /// A `sleep` is a timer in the kubelet: its length is known, its failure is not possible.
    pub(super) fn slept(&self, grace: Option<Grace>, seconds: i64, run: &mut Run) {
        let over_at = self.kill.at.plus_seconds(seconds);
        let ended = self.life.instance.finished();
        let over = ended.is_some() || self.view.reached(over_at.latest);
        let Some(grace) = grace.filter(|_| over) else {
            return self.open_or_unknown(over, run);
        };
        let watched_until = self.view.case.gone_at.unwrap_or(self.view.now);
        let restarted = self.kubelet_restarted_before(over_at.latest.max(watched_until));
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
                min: Duration::from_secs(grace.seconds.unsigned_abs()),
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
            run.reason = Some(request::why_unseen(self.view));
            run.duration = Interval::OPEN;
        }
    }

    /// An exec or httpGet whose failure was not seen: at best "no failure seen while watching".
    pub(super) fn no_failure_seen(&self, grace: Option<Grace>, run: &mut Run) {
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
        let silent = ended
            .moment()
            .is_some_and(|finished| self.view.was_silent(self.kill.at, finished));
        match grace.filter(|grace| !silent && self.alone() && shortest >= grace.seconds as f64) {
            Some(grace) if ended.exit_code == KILLED => {
                self.killed_late(grace, shortest, longest, run)
            }
            Some(grace) if ended.exit_code != KILLED => self.ended_late(grace, longest, run),
            _ => self.no_failure(run),
        }
    }

    fn no_failure(&self, run: &mut Run) {
        run.outcome = Outcome::Succeeded;
        run.evidence
            .push("no FailedPreStopHook was seen while watching".into());
    }

    /// SIGKILL comes at the end of the grace, or 2 s after it if the hook took all of it.
    fn killed_late(&self, grace: Grace, shortest: f64, longest: Option<f64>, run: &mut Run) {
        let limit = grace.seconds as f64;
        if shortest <= limit + 1.0 {
            return self.no_failure(run);
        }
        run.outcome = self.overrun(grace);
        run.duration = Interval::between_seconds(limit, longest.unwrap_or(limit));
        let seconds = grace.seconds;
        let seen = format!(
            "it was killed 2 s after its grace of {seconds} s, as after a hook that overran"
        );
        run.evidence.push(seen.into());
        run.evidence.push(
            "the other reading: the hook ended in time and the process ignored its signal".into(),
        );
    }

    /// A process that ended by itself after the grace got its signal less than 2 s before: the hook took
    /// the rest. An exec that overruns is told by a late Event, an httpGet to another host may not be.
    fn ended_late(&self, grace: Grace, longest: Option<f64>, run: &mut Run) {
        let limit = grace.seconds as f64;
        if self.spec.handler == Handler::HTTPGet {
            run.outcome = self.overrun(grace);
            run.duration = Interval::between_seconds(limit, longest.unwrap_or(limit));
            run.evidence.push(
                format!(
                    "the process ended after the grace of {} s, and not by SIGKILL",
                    grace.seconds
                )
                .into(),
            );
            run.evidence
                .push("the other reading: the hook ended within the last 2 s of it".into());
        } else {
            self.no_failure(run);
            run.duration = Interval::between_seconds(limit - 2.0, limit);
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
        // By the node's clock, on which the Events are stamped too.
        let ended_at = ended.moment().map_or(ended.seen_at, |moment| moment.latest);
        if self.view.case.event_budget_spent(ended_at) {
            return Some(Reason::EventBudgetSpent);
        }
        let lost = self.view.world.gaps.covers(
            Resource::Events,
            Some(EventReason::FailedPreStopHook),
            &self.view.case.namespace,
            self.kill.at.earliest,
            ended.seen_at,
        );
        lost.then_some(Reason::NotObserved)
    }
}
