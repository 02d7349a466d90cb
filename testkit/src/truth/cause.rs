//! What took the time of a stop.

use jiff::Timestamp;

use super::scene::{Hooks, Instance, Scene, last_delivery};
use super::time::seconds_between;
use super::{Run, Termination};

/// A kubelet that is later than this is silent; below it is merely busy.
const SILENT_SECONDS: f64 = 10.0;
/// From then on the node controller calls it unreachable: its grace of 50 s, less the age of the last heartbeat.
const UNREACHABLE_SECONDS: f64 = 40.0;

/// What the causes of an end are chosen by.
pub(super) struct Circumstances {
    is_finalizer_left: bool,
    /// How long the kubelet was away, of the times that reached past the deadline.
    silent_seconds: f64,
    /// How long a postStart held the stop past the deadline.
    held_seconds: f64,
    is_runtime_away: bool,
    is_volume_held: bool,
    hook_overran: bool,
    /// By the evidence alone.
    perhaps_overran: bool,
    /// A container whose own hook did not overrun was killed beside.
    is_other_killed: bool,
    has_hook: bool,
    is_overrun_told: bool,
    /// The API told of each container that was killed how its hook ended, or it had none.
    is_hook_known: bool,
    is_killed: bool,
    is_force_deleted: bool,
    is_node_lost: bool,
}

impl Circumstances {
    pub(super) fn of(
        scene: &Scene<'_>,
        termination: &Termination,
        alive: &[&Instance],
        slowest: Option<&Instance>,
        hooks: &Hooks<'_>,
        requested_at: Timestamp,
    ) -> Self {
        let pod = scene.pod;
        let deletion = pod.deletion.as_ref();
        let deadline = deletion.map_or(Timestamp::MAX, |deletion| deletion.deadline);
        let ended_at = slowest
            .and_then(|instance| instance.end.as_ref())
            .map(|end| end.at);
        let gone_at = pod.gone_at.or(ended_at).unwrap_or(Timestamp::MAX);
        let stops: Vec<&Run> = alive
            .iter()
            .filter_map(|instance| last_delivery(hooks.pre_stop, instance))
            .collect();
        let is_killed = |stop: &&&Run| termination.killed.contains(&stop.container);
        let mut killed = stops.iter().filter(is_killed).peekable();
        let result = termination.result.as_deref();
        let is_force_deleted = result == Some("ForceDeleted");
        let held_from = match is_force_deleted {
            true => requested_at,
            false => deadline,
        };
        let is_told = |stop: &Run| pod.shows_event("FailedPreStopHook", &stop.container);
        Self {
            is_finalizer_left: pod.has_finalizers_at_end && pod.gone_at > ended_at,
            silent_seconds: away_seconds(scene, "kubelet", deadline, gone_at),
            held_seconds: held_seconds(hooks.post_start, held_from),
            is_runtime_away: away_seconds(scene, "containerd", deadline, gone_at) > 0.0,
            is_volume_held: scene.witnesses.is_held(&pod.namespace, "volume"),
            hook_overran: stops.iter().any(|stop| is_overrun(stop)),
            perhaps_overran: stops.iter().any(|stop| {
                let mut guesses = stop.if_inferred.iter();
                guesses.any(|guess| guess == "Overran" || guess == "CutShort")
            }),
            is_other_killed: termination.killed.iter().any(|killed| {
                let is_its_own = |stop: &&Run| stop.container == *killed && is_overrun(stop);
                !stops.iter().any(is_its_own)
            }),
            has_hook: killed.peek().is_some(),
            is_overrun_told: stops
                .iter()
                .any(|stop| is_overrun(stop) && (is_told(stop) || stop.handler == "Sleep")),
            is_hook_known: killed.all(|stop| is_known(stop)),
            // What became of the containers of an object that had gone is not what took its time.
            is_killed: result == Some("ForceKilled"),
            is_force_deleted,
            is_node_lost: result == Some("NodeLost"),
        }
    }

    /// The first that matches, as the contract says.
    pub(super) fn true_cause(&self) -> &'static str {
        match self {
            Self {
                is_node_lost: true, ..
            } => "NodeGone",
            Self {
                is_finalizer_left: true,
                ..
            } => "Finalizer",
            Self { held_seconds, .. } if *held_seconds > 0.0 => "PostStart",
            Self {
                hook_overran: true, ..
            } => "PreStop",
            Self {
                is_killed: true,
                is_hook_known: true,
                ..
            } => "Shutdown",
            Self {
                is_killed: true, ..
            } => "PreStopOrShutdown",
            Self {
                is_runtime_away: true,
                ..
            } => "ContainerRuntime",
            Self { silent_seconds, .. } if *silent_seconds >= UNREACHABLE_SECONDS => {
                "NodeUnreachable"
            }
            Self { silent_seconds, .. } if *silent_seconds >= SILENT_SECONDS => "KubeletSilent",
            Self {
                is_volume_held: true,
                ..
            } => "Volume",
            _ => "WithinGrace",
        }
    }

    /// What is as true.
    pub(super) fn other_causes(&self) -> &'static [&'static str] {
        match self.true_cause() {
            // The node controller's word for a kubelet that is silent for long; the node itself went on.
            "NodeUnreachable" => &["KubeletSilent"],
            // The API tells a deadline to the second.
            "PostStart" if self.held_seconds < 1.0 && !self.is_force_deleted => &["WithinGrace"],
            "PreStop" if self.is_killed && self.is_other_killed => &["Shutdown"],
            _ => &[],
        }
    }

    /// What the API's evidence fits as well.
    pub(super) fn guesses(&self) -> &'static [&'static str] {
        match self.true_cause() {
            "KubeletSilent" if self.perhaps_overran => &["NodeUnreachable", "PreStop"],
            // It began in time, and that it told the end late may be anybody's delay.
            "KubeletSilent" => &["NodeUnreachable", "WithinGrace"],
            // The object went at once, whatever its containers did.
            "PostStart" if self.is_force_deleted => &["WithinGrace"],
            "Shutdown" if self.has_hook => &["PreStopOrShutdown"],
            "PreStopOrShutdown" => &["PreStop", "Shutdown"],
            "PreStop" if self.is_overrun_told => &[],
            "PreStop" if self.is_killed => &["PreStopOrShutdown"],
            "PreStop" => &["WithinGrace"],
            _ => &[],
        }
    }
}

fn is_overrun(stop: &Run) -> bool {
    matches!(stop.outcome.as_str(), "Overran" | "CutShort")
}

/// The API tells how it ended, if not by its silence alone.
fn is_known(stop: &Run) -> bool {
    let is_told = matches!(stop.outcome.as_str(), "Failed" | "Interrupted" | "Skipped");
    is_told || (stop.handler == "Sleep" && stop.outcome == "Succeeded")
}

/// How long a component was away, of the times that reached past the deadline and not past the pod.
fn away_seconds(
    scene: &Scene<'_>,
    component: &str,
    deadline: Timestamp,
    gone_at: Timestamp,
) -> f64 {
    let absences = scene.witnesses.absences(component);
    let seconds = absences.iter().filter_map(|(from, until)| {
        let until = until.unwrap_or(Timestamp::MAX).min(gone_at);
        (until > deadline && *from < gone_at).then(|| seconds_between(*from, until))
    });
    seconds.fold(0.0, f64::max)
}

/// How long past that moment the longest postStart went on.
fn held_seconds(starts: &[Run], from: Timestamp) -> f64 {
    let seconds = starts.iter().filter_map(|start| {
        let began_at: Timestamp = start.started_at.as_ref()?.parse().ok()?;
        Some(start.duration_seconds? - seconds_between(began_at, from))
    });
    seconds.fold(0.0, f64::max)
}
