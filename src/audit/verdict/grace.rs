//! What time did the kubelet really allow?
//!
//! Source: pkg/kubelet/kuberuntime/kuberuntime_container.go `killContainer`, `setTerminationGracePeriod`;
//! pkg/kubelet/pod_workers.go `calculateEffectiveGracePeriod` (1.28 and later).

use super::View;
use super::align::Kill;
use super::request::begun_by_kubelet;
use crate::audit::case::ContainerCase;
use crate::audit::moment::seconds_after;
use crate::audit::seen::Note;
use crate::audit::words::Trigger;

/// The effective grace of one stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grace {
    /// Whole seconds, at least 1.
    pub seconds: i64,
    /// No other value fits what was seen.
    pub certain: bool,
}

impl Grace {
    fn certain(seconds: i64) -> Option<Self> {
        Some(Self {
            seconds: seconds.max(1),
            certain: true,
        })
    }

    fn likely(seconds: i64) -> Option<Self> {
        Some(Self {
            seconds: seconds.max(1),
            certain: false,
        })
    }
}

/// The grace of a stop, `None` where the API does not show it.
pub(super) fn effective(view: &View<'_>, container: &ContainerCase, kill: &Kill) -> Option<Grace> {
    let own = view.case.grace_seconds;
    match kill.note {
        Note::RestartAll => {
            return Some(Grace {
                seconds: 0,
                certain: true,
            });
        }
        Note::LivenessProbe if !deleted_before(view, container, kill) => {
            return Grace::certain(container.liveness_grace_seconds.unwrap_or(own));
        }
        Note::StartupProbe if !deleted_before(view, container, kill) => {
            return Grace::certain(container.startup_grace_seconds.unwrap_or(own));
        }
        _ => {}
    }
    let of_pod = is_of_termination(view, container, kill);
    if of_pod && begun_by_kubelet(view) {
        return match view.trigger() {
            // A hard eviction and a local-storage limit allow 1 s (1.30), a soft one its own maximum.
            Some(Trigger::NodePressureEvicted) => Grace::likely(1),
            Some(Trigger::NodeShutdown) => None,
            _ => Grace::certain(own),
        };
    }
    if view.case.is_deleted() && (of_pod || deleted_before(view, container, kill)) {
        return of_deletion(view, kill);
    }
    Grace::certain(own)
}

/// How far a kubelet's clock may lag behind the API server's before a stop seems older than its request.
pub(super) const CLOCK_TOLERANCE_SECONDS: i64 = 60;

/// Whether a stop belongs to the pod's termination, and not to a sandbox that died or to a sidecar
/// whose pod had completed: all three say `Stopping container`.
pub(super) fn is_of_termination(view: &View<'_>, container: &ContainerCase, kill: &Kill) -> bool {
    if kill.note != Note::StoppingContainer || view.trigger().is_none() {
        return false;
    }
    let of_last = is_of_last(view, container, kill);
    let requested = view.case.requested().filter(|_| !begun_by_kubelet(view));
    let completed = view.case.stop.completed_before;
    of_last
        && requested.is_none_or(|requested| {
            !completed
                && kill.at.latest >= seconds_after(requested.earliest, -CLOCK_TOLERANCE_SECONDS)
        })
}

/// Whether no instance of the container came after the one that was stopped.
fn is_of_last(view: &View<'_>, container: &ContainerCase, kill: &Kill) -> bool {
    let mut containers = view.case.containers.iter();
    let place = containers.position(|known| known.name == container.name);
    let last = place.and_then(|place| view.lives[place].last());
    last.is_some_and(|life| life.kills.iter().any(|known| known.at == kill.at))
}

/// The deletion's grace replaces the pod's; a later, shorter one counts if the stop had not begun.
fn of_deletion(view: &View<'_>, kill: &Kill) -> Option<Grace> {
    let deletions = &view.case.stop.deletions;
    let first = deletions.first()?;
    let mut grace = Grace {
        seconds: first.grace_seconds,
        certain: true,
    };
    for later in &deletions[1..] {
        if later.grace_seconds >= grace.seconds
            || (later.grace_seconds == 0 && !view.case.stop.zeroed_while_running)
        {
            continue;
        }
        let known_before = match later.after_begin {
            Some(after_begin) => !after_begin && later.seen_at <= kill.at.latest,
            None => {
                grace.certain = false;
                later.seen_at < kill.at.earliest
            }
        };
        if known_before {
            grace.seconds = later.grace_seconds;
        }
    }
    grace.seconds = grace.seconds.max(1);
    Some(grace)
}

/// Of a pod whose containers had all ended, every stop came before its deletion, whatever two clocks say; so did the
/// stop of an instance that another one followed (pkg/kubelet/pod_workers.go: a terminating pod is not synced).
fn deleted_before(view: &View<'_>, container: &ContainerCase, kill: &Kill) -> bool {
    if !is_of_last(view, container, kill) {
        return false;
    }
    let stop = &view.case.stop;
    let deleted_at = stop.deletions.first().map(|first| first.seen_at);
    let completed = stop
        .all_ended_at
        .zip(deleted_at)
        .is_some_and(|(ended_at, deleted_at)| ended_at < deleted_at);
    let requested = view.case.requested();
    !completed && requested.is_some_and(|requested| requested.earliest <= kill.at.latest)
}
