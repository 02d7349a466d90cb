//! A `FailedPreStopHook` was seen: did the hook fail, overrun, or lose its main process?

use super::super::cause::MINIMUM_STOP_SECONDS;
use super::super::evidence;
use super::super::grace::Grace;
use super::{Delivery, KILLED};
use crate::audit::case::instance::Ended;
use crate::audit::moment::Moment;
use crate::audit::record::{Interval, Run};
use crate::audit::seen::TerminatedReason;
use crate::audit::words::{Confidence, Handler, Outcome, Reason};

/// The call of a hook that overran returns when its container is dead: within the minimum that
/// StopContainer gives, and what a busy runtime takes on top.
const LATENCY_SECONDS: i64 = 3;

impl Delivery<'_> {
    /// `FailedPreStopHook`: a late one tells of an overrun, an early one of a failure or of a main
    /// process that left first.
    pub(super) fn failed(&self, grace: Option<Grace>, failure: Moment, run: &mut Run) {
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
            run.settled = self.stop_is_shown();
            return;
        }
        if let Some(grace) = grace {
            let limit = grace.seconds as f64;
            let stop_known = self.kill.event.is_some();
            if shortest >= limit || (longest >= limit && self.ended_at_limit(limit)) {
                run.outcome = self.overrun(grace);
                let in_time = longest < limit + (MINIMUM_STOP_SECONDS + LATENCY_SECONDS) as f64;
                let certain = shortest >= limit && grace.certain && stop_known && in_time;
                run.confidence = Some(if certain {
                    Confidence::Confirmed
                } else {
                    Confidence::Inferred
                });
                run.duration = Interval::between_seconds(limit, longest);
                run.settled = self.stop_is_shown();
                run.evidence
                    .push(format!("the grace was {} s", grace.seconds).into());
                if !in_time {
                    run.evidence.push(
                        "the other reading: it failed in time, and a kubelet that stood still told it late"
                            .into(),
                    );
                }
                return;
            }
        }
        if grace.is_none() && shortest >= self.view.case.grace_seconds as f64 {
            run.outcome = Outcome::Overran;
            run.confidence = Some(Confidence::Inferred);
            run.settled = self.stop_is_shown();
            return;
        }
        self.failed_early(failure, run);
    }

    /// With whole-second stamps on both sides: the container went at or after the end of the grace.
    /// Where no end was seen, that second is taken to be the last of a hook that overran.
    fn ended_at_limit(&self, limit: f64) -> bool {
        self.view.case.is_unseen
            || self
                .life
                .instance
                .finished()
                .is_some_and(|finished| finished.seconds_since(self.kill.at).1 >= limit)
    }

    fn failed_early(&self, failure: Moment, run: &mut Run) {
        run.outcome = Outcome::Failed;
        run.confidence = Some(Confidence::Inferred);
        run.reason = Some(Reason::Unspecified);
        let Some(ended) = self.life.instance.ended else {
            let was_followed = self.view.lives_after(self.container, self.life);
            run.settled = self.view.case.is_unseen
                || was_followed
                || self.end_cannot_come() && self.view.absence_settled(None);
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
}
