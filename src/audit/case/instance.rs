//! One container instance: what its pod's status told of it.

use jiff::Timestamp;

use crate::audit::moment::{Moment, seconds_after};
use crate::audit::seen::{
    ContainerStatusSeen, PostStartFailure, SETTLE_SECONDS, StateSeen, TerminatedReason,
    TerminatedSeen, WaitingReason,
};

/// Facts of one instance of one container; each is set once and kept.
#[derive(Debug, Clone)]
pub struct Instance {
    pub restart: u32,
    pub container_id: Option<u64>,
    /// `startedAt`: when the runtime started the process, before any hook.
    pub started_at: Option<Timestamp>,
    /// When this instance was first shown as running, on our clock.
    pub running_seen_at: Option<Timestamp>,
    /// It ran, or had ended, before anything was watched: its postStart was not observed.
    pub preexisting: bool,
    /// Its postStart was told before the case was folded.
    pub post_start_told: bool,
    /// `PostStartHookError` was shown for it.
    pub post_start_error: bool,
    pub post_start_failure: Option<PostStartFailure>,
    pub ended: Option<Ended>,
    /// A state that says nothing (`ContainerStatusUnknown`) took the place of its end.
    pub end_unknown: bool,
}

/// How an instance ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    pub exit_code: i32,
    pub reason: TerminatedReason,
    pub finished_at: Option<Timestamp>,
    /// When the end was first shown, on our clock.
    pub seen_at: Timestamp,
}

impl Ended {
    /// `finishedAt`, a whole second on the node's clock.
    #[must_use]
    pub fn moment(&self) -> Option<Moment> {
        self.finished_at.map(Moment::second)
    }
}

/// Where in an observation something was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// In the first list: it may be long past.
    Listed,
    Live,
}

/// Instances kept per container. Older ones go once nothing can change what was told of them: a crash loop
/// may last as long as its pod.
const INSTANCES_KEPT: usize = 32;
/// Instances kept whatever is open about them; at one restart per second all of these are.
const INSTANCES_MAX: usize = 256;

/// The instances of one container, ascending by restart.
#[derive(Debug, Clone, Default)]
pub struct Instances {
    pub all: Vec<Instance>,
    /// The lowest restart that is still taken: older instances were forgotten.
    pub first_kept: u32,
    /// The latest status showed fewer restarts than one before it.
    pub went_back: bool,
}

impl Instances {
    /// Takes what one status shows.
    ///
    /// The kubelet shows the latest container's count (pkg/kubelet/kubelet_pods.go
    /// `convertToAPIContainerStatuses`): while one waits to be restarted, `lastState` is that same
    /// instance; while one runs or has ended for good, `lastState` is the one before.
    pub fn absorb(&mut self, now: Timestamp, seen: Seen, status: &ContainerStatusSeen) {
        let restart = status.restart_count;
        let latest = self.all.last().map_or(0, |latest| latest.restart);
        self.went_back = restart < latest.max(self.first_kept);
        if restart < self.first_kept {
            return;
        }
        self.unread(seen, status);
        match &status.state {
            StateSeen::None => {}
            StateSeen::Running { started_at } => {
                self.previous(now, seen, status);
                let instance = self.instance(restart);
                instance.started_at = instance.started_at.or(*started_at);
                instance.container_id = instance.container_id.or(status.container_id);
                instance.preexisting |= seen == Seen::Listed && instance.running_seen_at.is_none();
                instance.running_seen_at.get_or_insert(now);
            }
            StateSeen::Terminated(terminated) => {
                // A pod deleted while its container waits to be restarted shows the same end twice.
                let last = status.last.as_ref().and_then(|last| last.container_id);
                if last.is_none() || last != terminated.container_id {
                    self.previous(now, seen, status);
                }
                self.end(now, seen, restart, terminated);
            }
            StateSeen::Waiting { reason, failure } => {
                let Some(last) = &status.last else { return };
                let restart = self.by_container_id(last.container_id).unwrap_or(restart);
                self.end(now, seen, restart, last);
                if *reason == WaitingReason::PostStartHookError {
                    let instance = self.instance(restart);
                    instance.post_start_error = true;
                    instance.post_start_failure = instance.post_start_failure.or(*failure);
                }
            }
        }
        self.forget_old(now);
    }

    fn forget_old(&mut self, now: Timestamp) {
        let is_over = |instance: &Instance| {
            let ended = instance.ended.map(|ended| ended.seen_at);
            ended.is_some_and(|at| seconds_after(at, 2 * SETTLE_SECONDS) <= now)
        };
        while self.all.len() > INSTANCES_MAX
            || self.all.len() > INSTANCES_KEPT && is_over(&self.all[0])
        {
            self.first_kept = self.all.remove(0).restart.saturating_add(1);
        }
    }

    /// A kubelet that cannot read an end counts a restart that never was; what never started is shown
    /// likewise, but has no `lastState`.
    fn unread(&mut self, seen: Seen, status: &ContainerStatusSeen) {
        let unread = status.last.as_ref().is_some_and(|last| {
            last.reason == TerminatedReason::ContainerStatusUnknown && status.restart_count > 0
        });
        if unread && self.all.is_empty() {
            self.instance(status.restart_count - 1).preexisting = seen == Seen::Listed;
        }
    }

    fn previous(&mut self, now: Timestamp, seen: Seen, status: &ContainerStatusSeen) {
        if let (Some(last), Some(restart)) = (&status.last, status.restart_count.checked_sub(1))
            && restart >= self.first_kept
        {
            self.end(now, seen, restart, last);
        }
    }

    fn end(&mut self, now: Timestamp, seen: Seen, restart: u32, terminated: &TerminatedSeen) {
        if terminated.reason == TerminatedReason::ContainerStatusUnknown {
            if let Some(latest) = self.all.last_mut() {
                latest.end_unknown = true;
            }
            return;
        }
        let known = self.all.iter().any(|instance| instance.restart == restart);
        let instance = self.instance(restart);
        instance.preexisting |= seen == Seen::Listed && !known;
        instance.started_at = instance.started_at.or(terminated.started_at);
        instance.container_id = instance.container_id.or(terminated.container_id);
        instance.ended.get_or_insert(Ended {
            exit_code: terminated.exit_code,
            reason: terminated.reason,
            finished_at: terminated.finished_at,
            seen_at: now,
        });
    }

    fn by_container_id(&self, container_id: Option<u64>) -> Option<u32> {
        let container_id = container_id?;
        self.all
            .iter()
            .rev()
            .find(|known| known.container_id == Some(container_id))
            .map(|known| known.restart)
    }

    fn instance(&mut self, restart: u32) -> &mut Instance {
        let place = self.all.partition_point(|known| known.restart < restart);
        if self
            .all
            .get(place)
            .is_none_or(|known| known.restart != restart)
        {
            self.all.insert(place, Instance::new(restart));
        }
        &mut self.all[place]
    }
}

impl Instance {
    #[must_use]
    pub const fn new(restart: u32) -> Self {
        Self {
            restart,
            container_id: None,
            started_at: None,
            running_seen_at: None,
            preexisting: false,
            post_start_told: false,
            post_start_error: false,
            post_start_failure: None,
            ended: None,
            end_unknown: false,
        }
    }

    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.is_some() || self.end_unknown
    }

    /// The first moment at which this instance can have existed.
    #[must_use]
    pub fn started(&self) -> Option<Moment> {
        self.started_at.map(Moment::second)
    }

    /// `finishedAt` of its end.
    #[must_use]
    pub fn finished(&self) -> Option<Moment> {
        self.ended.and_then(|ended| ended.moment())
    }
}
