//! How the pod stands: what of all that is known of it decides.

use jiff::Timestamp;

use super::{Presence, Subject};
use crate::audit::record::{Run, Termination};
use crate::audit::words::{Cause, Confidence, Hook, Outcome, TerminationResult};

/// How the pod stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Standing<'a> {
    Terminating(&'a Termination),
    Terminated(&'a Termination),
    /// A postStart hook has not returned.
    Starting(&'a Run),
    /// The last postStart hook failed.
    Failing(&'a Run),
    /// Only incidents are left of it.
    Remembered,
    Calm,
}

/// Whether a person has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Open,
    Bad,
}

impl<'a> Standing<'a> {
    pub(super) fn of(subject: &'a Subject) -> Self {
        let report = &subject.report;
        if let Some(termination) = &report.termination {
            return match termination.result {
                None => Self::Terminating(termination),
                Some(_) => Self::Terminated(termination),
            };
        }
        let post_starts = || report.runs.iter().filter(|run| run.hook == Hook::PostStart);
        let running = post_starts().find(|run| run.outcome == Outcome::Running);
        let latest = |name: &str| post_starts().rfind(|run| *run.container == *name);
        let failing = post_starts()
            .filter_map(|run| latest(&run.container))
            .find(|run| run.outcome == Outcome::Failed);
        match (running, failing) {
            (Some(run), _) => Self::Starting(run),
            (None, Some(run)) => Self::Failing(run),
            (None, None) if subject.incidents.is_empty() => Self::Calm,
            (None, None) if subject.presence == Presence::Gone => Self::Remembered,
            (None, None) => Self::Calm,
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Terminating(_) => "Terminating",
            Self::Terminated(_) => "Terminated",
            Self::Starting(_) => "Starting",
            Self::Failing(_) => "Failing",
            Self::Remembered => "Gone",
            Self::Calm => "Calm",
        }
    }

    pub(super) fn tone(self, subject: &Subject) -> Tone {
        let failed = |run: &Run| matches!(run.outcome, Outcome::Failed | Outcome::Interrupted);
        match self {
            Self::Terminating(termination) => match termination.deadline {
                Some(deadline) if deadline < subject.now => Tone::Bad,
                _ => Tone::Open,
            },
            Self::Terminated(termination) => match termination.result {
                Some(TerminationResult::Graceful)
                    if termination.cause == Cause::WithinGrace
                        && !subject.report.runs.iter().any(failed) =>
                {
                    Tone::Good
                }
                Some(TerminationResult::Graceful) => Tone::Open,
                _ => Tone::Bad,
            },
            Self::Starting(run) if run.stuck => Tone::Bad,
            Self::Starting(_) => Tone::Open,
            Self::Failing(_) | Self::Remembered => Tone::Bad,
            Self::Calm => Tone::Good,
        }
    }

    pub(super) fn verdict(self, subject: &Subject) -> (Option<Cause>, Option<Confidence>) {
        match self {
            Self::Terminating(termination) | Self::Terminated(termination) => {
                (Some(termination.cause), termination.confidence)
            }
            // That it has not returned is what the API shows; a running hook has no outcome yet.
            Self::Starting(_) => (Some(Cause::PostStart), Some(Confidence::Confirmed)),
            Self::Failing(run) => (Some(Cause::PostStart), run.confidence),
            Self::Remembered => {
                let last = subject.incidents.last();
                let cause = last.and_then(|incident| incident.cause);
                (cause, last.and_then(|incident| incident.confidence))
            }
            Self::Calm => (None, None),
        }
    }

    pub(super) fn since(self, subject: &Subject) -> Option<Timestamp> {
        match self {
            Self::Terminating(termination) | Self::Terminated(termination) => {
                Some(termination.requested_at)
            }
            Self::Starting(run) | Self::Failing(run) => run.started_at,
            Self::Remembered => subject.incidents.first().map(|incident| incident.at),
            Self::Calm => None,
        }
    }
}

/// The run of this hook that has not ended.
pub(super) fn running(subject: &Subject, hook: Hook) -> Option<&Run> {
    let mut runs = subject.report.runs.iter();
    runs.find(|run| run.hook == hook && run.outcome == Outcome::Running)
}
