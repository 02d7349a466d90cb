//! The open file on one pod: facts that only grow, never a judgement.
//!
//! A verdict is a pure function of these facts and `now` (`audit::verdict`), so the order in which
//! independent streams arrive leaves no trace in it.

pub mod events;
mod fit;
pub mod instance;
mod signs;

use jiff::{SignedDuration, Timestamp};

use super::account::{Marks, PodAccount};
use super::moment::{Moment, seconds, seconds_after};
use super::seen::{
    ContainerSeen, Disruption, EventReason, HookSpec, Phase, PodSeen, RestartPolicy, StateSeen,
    StatusReason, Uid, WaitingReason,
};
use super::words::{ContainerType, Hook};
use events::EventLines;
pub use fit::{AHEAD_SECONDS, Refusal};
use instance::{Instance, Instances, Seen};

/// Everything known of one pod that matters now.
#[derive(Debug, Clone)]
pub struct Case {
    pub namespace: Box<str>,
    pub name: Box<str>,
    pub uid: Uid,
    pub node: Option<Box<str>>,
    pub created_at: Option<Timestamp>,
    /// When the pod was first seen, on our clock.
    pub first_seen_at: Timestamp,
    /// `spec.terminationGracePeriodSeconds`.
    pub grace_seconds: i64,
    pub restart_policy: RestartPolicy,
    pub phase: Phase,
    pub status_reason: StatusReason,
    pub disruption: Option<Disruption>,
    pub ready: bool,
    pub is_static: bool,
    pub containers: Vec<ContainerCase>,
    /// Events without a container.
    pub events: EventLines,
    /// The smallest time from an Event's name, on the node's clock, to its creation on the API server's.
    pub event_lag: Option<SignedDuration>,
    pub stop: Stop,
    /// When the object was seen to be gone, on our clock.
    pub gone_at: Option<Timestamp>,
    /// It vanished between two lists: its last state is older than its end.
    pub vanished: bool,
    /// Only Events told of it: its object was gone before anything was watched.
    pub is_unseen: bool,
    /// The newest Events of it, per reason.
    pub marks: Marks,
    /// Those that came on their own stream, and with it all before them.
    pub streamed: Marks,
}

/// Facts of one container of a pod.
#[derive(Debug, Clone)]
pub struct ContainerCase {
    pub name: Box<str>,
    pub container_type: ContainerType,
    pub post_start: Option<HookSpec>,
    pub pre_stop: Option<HookSpec>,
    pub stop_signal: u8,
    pub liveness_grace_seconds: Option<i64>,
    pub startup_grace_seconds: Option<i64>,
    pub instances: Instances,
    pub events: EventLines,
    pub shown: Shown,
    /// The last postStart and preStop that were counted before this case was opened: restart and attempt.
    pub told: [Option<(u32, u32)>; Hook::ALL.len()],
    /// Only Events told of it.
    pub is_unseen: bool,
}

/// What the latest status shows of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Nothing, or `ContainerCreating` or `PodInitializing`.
    NotStarted,
    /// Waiting for a restart.
    BackingOff,
    Running,
    Terminated,
}

/// What the pod's own stream told of its stop.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Each deletion deadline seen, in the order of the pod's stream.
    pub deletions: Vec<DeletionFact>,
    /// `DisruptionTarget` as it stood when the deletion was first seen.
    pub disruption_at_request: Option<Disruption>,
    /// `status.reason` as it stood then.
    pub status_reason_at_request: Option<StatusReason>,
    /// The pod ran and was not ready when its deletion was first seen.
    pub unready_at_request: bool,
    /// The phase was terminal before any deletion was seen.
    pub completed_before: bool,
    /// The first object in which no container ran any more, on our clock.
    pub all_ended_at: Option<Timestamp>,
    /// Grace 0 was set while a container was not known to have ended.
    pub zeroed_while_running: bool,
    /// Grace 0 was set after every container had ended: the kubelet's own last step.
    pub finished_at: Option<Timestamp>,
    /// Finalizers that were still there after that step.
    pub finalizers: Vec<Box<str>>,
    /// `metadata.generation` with the first deletion, which bumped it.
    pub generation: Option<i64>,
    /// A kubelet wrote a status for that generation: the first act of a stop (1.34).
    pub begun: bool,
}

/// One deletion deadline as the API showed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeletionFact {
    pub deadline: Timestamp,
    pub grace_seconds: i64,
    pub seen_at: Timestamp,
    /// The kubelet had begun the stop before this deadline was set.
    pub after_begin: Option<bool>,
}

/// Containers of a pod that only Events tell of: whoever may write Events may name any.
const UNSEEN_CONTAINERS_MAX: usize = 32;

/// Deletion deadlines kept of one pod.
const DELETIONS_KEPT: usize = 16;

impl Case {
    #[must_use]
    pub fn new(now: Timestamp, pod: &PodSeen) -> Self {
        Self {
            namespace: pod.namespace.clone(),
            name: pod.name.clone(),
            uid: pod.uid,
            node: None,
            created_at: pod.created_at,
            first_seen_at: now,
            grace_seconds: pod.grace_seconds,
            restart_policy: pod.restart_policy,
            phase: Phase::Pending,
            status_reason: StatusReason::None,
            disruption: None,
            ready: false,
            is_static: pod.static_pod_uid.is_some(),
            containers: Vec::new(),
            events: EventLines::default(),
            event_lag: None,
            stop: Stop::default(),
            gone_at: None,
            vanished: false,
            is_unseen: false,
            marks: Marks::default(),
            streamed: Marks::default(),
        }
    }

    /// The case of a pod that is gone and that only Events tell of.
    #[must_use]
    pub fn unseen(now: Timestamp, pod: &PodSeen) -> Self {
        let unseen = |container| ContainerCase {
            is_unseen: true,
            ..ContainerCase::new(container)
        };
        Self {
            node: pod.node.clone(),
            containers: pod.containers.iter().map(unseen).collect(),
            gone_at: Some(now),
            vanished: true,
            is_unseen: true,
            ..Self::new(now, pod)
        }
    }

    /// Takes the pod as it is now.
    pub fn absorb_pod(&mut self, now: Timestamp, seen: Seen, pod: &PodSeen) {
        if self.is_unseen {
            self.come_into_sight(now, pod);
        }
        self.node = pod.node.clone().or_else(|| self.node.take());
        self.ready = pod.ready;
        for container in &pod.containers {
            self.absorb_container(now, seen, container);
        }
        let was_terminal = self.phase.is_terminal();
        self.phase = pod.phase;
        if pod.status_reason != StatusReason::None {
            self.status_reason = pod.status_reason;
        }
        self.absorb_stop(now, was_terminal, pod);
        self.disruption = pod.disruption.or(self.disruption);
    }

    /// Takes the last state of the pod, whose object is gone.
    pub fn absorb_gone(&mut self, now: Timestamp, pod: &PodSeen) {
        self.absorb_pod(now, Seen::Live, pod);
        self.gone_at.get_or_insert(now);
    }

    /// Takes the containers and hooks of another case on the same pod, which only other Events tell of.
    pub fn widen(&mut self, told: Self) {
        for other in told.containers {
            let place = self
                .containers
                .iter()
                .position(|known| known.name == other.name);
            if let Some(place) = place {
                let known = &mut self.containers[place];
                known.post_start = known.post_start.take().or(other.post_start);
                known.pre_stop = known.pre_stop.take().or(other.pre_stop);
            } else if self.containers.len() < UNSEEN_CONTAINERS_MAX {
                self.containers.push(other);
            }
        }
    }

    /// Only Events had told of the pod, because its own stream was behind: what it declares stands in place of what
    /// they let guess.
    fn come_into_sight(&mut self, now: Timestamp, pod: &PodSeen) {
        let told = std::mem::replace(self, Self::new(now, pod));
        self.containers = pod.containers.iter().map(ContainerCase::new).collect();
        for told in told.containers {
            let mut own = self.containers.iter_mut();
            if let Some(own) = own.find(|own| own.name == told.name) {
                own.events = told.events;
                own.told = told.told;
            }
        }
        self.events = told.events;
        self.event_lag = told.event_lag;
        self.marks = told.marks;
        self.streamed = told.streamed;
    }

    /// The pod was listed once and is not any more.
    pub fn vanish(&mut self, now: Timestamp) {
        self.gone_at.get_or_insert(now);
        self.vanished = true;
    }

    fn absorb_container(&mut self, now: Timestamp, seen: Seen, container: &ContainerSeen) {
        let place = match self
            .containers
            .iter()
            .position(|known| known.name == container.name)
        {
            Some(place) => place,
            None => {
                self.containers.push(ContainerCase::new(container));
                self.containers.len() - 1
            }
        };
        let known = &mut self.containers[place];
        known.stop_signal = container.stop_signal;
        if let Some(status) = &container.status {
            known.instances.absorb(now, seen, status);
            known.shown = Shown::of(&status.state, status.last.is_some());
        }
    }

    fn absorb_stop(&mut self, now: Timestamp, was_terminal: bool, pod: &PodSeen) {
        // In a pod that has come to its end, a container without an instance never started.
        let over = pod.phase.is_terminal();
        let never_began = |container: &ContainerCase| over && container.instances.all.is_empty();
        let stopped = |container: &ContainerCase| container.has_stopped() || never_began(container);
        let ended = self.containers.iter().all(stopped);
        if ended && (pod.phase.is_terminal() || pod.deletion.is_some()) {
            self.stop.all_ended_at.get_or_insert(now);
        }
        let Some(deletion) = pod.deletion else { return };
        if self.stop.deletions.is_empty() {
            self.stop.disruption_at_request = pod.disruption;
            self.stop.status_reason_at_request = Some(self.status_reason);
            self.stop.completed_before = was_terminal;
            self.stop.unready_at_request = !pod.ready && pod.phase == Phase::Running;
        }
        let begun_before = self.stop.begun;
        self.stop.generation = self.stop.generation.or(pod.generation);
        if let (Some(observed), Some(generation)) = (pod.observed_generation, self.stop.generation)
        {
            self.stop.begun |= observed >= generation;
        }
        let latest = self
            .stop
            .deletions
            .last()
            .map(|known| (known.deadline, known.grace_seconds));
        if latest != Some((deletion.deadline, deletion.grace_seconds)) {
            // The first and the latest matter; one who deletes a pod over and over shortens its grace each time.
            if self.stop.deletions.len() == DELETIONS_KEPT {
                self.stop.deletions.remove(1);
            }
            self.stop.deletions.push(DeletionFact {
                deadline: deletion.deadline,
                grace_seconds: deletion.grace_seconds,
                seen_at: now,
                after_begin: pod.observed_generation.map(|_| begun_before),
            });
        }
        if deletion.grace_seconds == 0 {
            if ended || self.node.is_none() {
                self.stop.finished_at.get_or_insert(now);
                if !pod.finalizers.is_empty() {
                    self.stop.finalizers.clone_from(&pod.finalizers);
                }
            } else {
                self.stop.zeroed_while_running = true;
            }
        }
    }

    /// Its latest status shows fewer restarts of a container than one before.
    #[must_use]
    pub fn went_back(&self) -> bool {
        self.containers
            .iter()
            .any(|container| container.instances.went_back)
    }

    /// The runs of these instances were told before; per container, the latest then, and whether it had ended.
    pub fn already_told(&mut self, latest: &[(u32, bool)]) {
        for (container, (told, has_ended)) in self.containers.iter_mut().zip(latest) {
            for instance in &mut container.instances.all {
                instance.post_start_told |= instance.restart <= *told;
                let end_told = instance.restart < *told || *has_ended && instance.restart == *told;
                instance.preexisting |= end_told;
            }
        }
    }

    /// What of this pod was counted before.
    pub fn resume(&mut self, told: &PodAccount) {
        for container in &mut self.containers {
            for hook in Hook::ALL {
                let run = told.run(&container.name, *hook);
                container.told[*hook as usize] = run.map(|run| run.last());
            }
        }
    }

    /// The kubelet's budget for this pod's warnings was spent by then: 25 at once, then one per 300 s
    /// (client-go tools/record/events_cache.go, one bucket per type from 1.32).
    #[must_use]
    pub fn event_budget_spent(&self, at: Timestamp) -> bool {
        const BURST: f64 = 25.0;
        const REFILL_SECONDS: f64 = 300.0;
        let lines = self
            .containers
            .iter()
            .map(|container| &container.events)
            .chain([&self.events]);
        let told: Vec<_> = lines.map(EventLines::warnings).collect();
        let count: u32 = told
            .iter()
            .map(|(count, _)| *count)
            .fold(0, u32::saturating_add);
        let first = told.iter().filter_map(|(_, first)| *first).min();
        let refilled = first.map_or(0.0, |first| {
            seconds(first.earliest, at).max(0.0) / REFILL_SECONDS
        });
        f64::from(count) >= BURST + refilled.floor()
    }

    /// The pod was asked to stop through the API.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        !self.stop.deletions.is_empty()
    }

    /// A container of it declares a hook.
    #[must_use]
    pub fn has_hooks(&self) -> bool {
        self.containers
            .iter()
            .any(|container| container.post_start.is_some() || container.pre_stop.is_some())
    }

    /// When the deletion was asked for: first deadline less its grace, cut to a whole second by the API server.
    #[must_use]
    pub fn requested(&self) -> Option<Moment> {
        let first = self.stop.deletions.first()?;
        Some(Moment::second(seconds_after(
            first.deadline,
            -first.grace_seconds,
        )))
    }
}

impl ContainerCase {
    fn new(seen: &ContainerSeen) -> Self {
        Self {
            name: seen.name.clone(),
            container_type: seen.container_type,
            post_start: seen.post_start.clone(),
            pre_stop: seen.pre_stop.clone(),
            stop_signal: seen.stop_signal,
            liveness_grace_seconds: seen.liveness_grace_seconds,
            startup_grace_seconds: seen.startup_grace_seconds,
            instances: Instances::default(),
            events: EventLines::default(),
            shown: Shown::NotStarted,
            told: [None; Hook::ALL.len()],
            is_unseen: false,
        }
    }

    /// It shows an end, or never was shown to have started anything that could still run.
    fn has_stopped(&self) -> bool {
        matches!(self.shown, Shown::Terminated | Shown::BackingOff)
    }

    /// A hook failed, or a stop began: the Event's count goes on as long as the pod lives.
    #[must_use]
    pub fn hook_events(&self) -> bool {
        let telling = |reason| {
            matches!(
                reason,
                EventReason::FailedPostStartHook
                    | EventReason::FailedPreStopHook
                    | EventReason::Killing
            )
        };
        !self
            .events
            .occurrences(|reason, _| telling(reason))
            .is_empty()
    }

    /// Its latest `Started` is later than every end that was shown.
    #[must_use]
    pub fn started_unseen_end(&self) -> bool {
        let started = self
            .events
            .of(EventReason::Started)
            .last()
            .map(|occurrence| occurrence.at);
        let ended = self
            .instances
            .all
            .iter()
            .filter_map(Instance::finished)
            .max();
        started.is_some_and(|started| ended.is_none_or(|ended| started.latest > ended.earliest))
    }

    /// The end of the latest instance says nothing.
    #[must_use]
    pub fn end_unknown(&self) -> bool {
        self.instances
            .all
            .last()
            .is_some_and(|latest| latest.end_unknown && latest.ended.is_none())
    }
}

impl Shown {
    fn of(state: &StateSeen, has_last: bool) -> Self {
        match state {
            StateSeen::None => Self::NotStarted,
            StateSeen::Running { .. } => Self::Running,
            StateSeen::Terminated(_) => Self::Terminated,
            StateSeen::Waiting { reason, .. } => match reason {
                WaitingReason::CrashLoopBackOff | WaitingReason::PostStartHookError => {
                    Self::BackingOff
                }
                _ if has_last => Self::BackingOff,
                _ => Self::NotStarted,
            },
        }
    }
}
