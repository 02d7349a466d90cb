//! Facts to verdicts: one question per chapter, each a pure function of a case and `now`.
//!
//! - `align`: which Event tells of which container instance?
//! - `request`: who asked the pod to stop, and when did it begin?
//! - `grace`: what time did the kubelet really allow?
//! - `post_start`, `pre_stop`: did the hook run, and what became of it?
//! - `skipped`: did the container end without its preStop?
//! - `termination`: how did the pod end? `cause`: what took the time?
//! - `skew`: how far do the clocks of the node and the API server differ?
//! - `holding`: what holds the pod now?
//! - `disproved`: what do Events tell that the pod's own status shows not to be so?

pub mod align;
mod cause;
mod disproved;
mod evidence;
mod grace;
mod holding;
mod post_start;
mod pre_stop;
mod request;
mod skew;
mod skipped;
mod termination;

use std::cell::Cell;

use jiff::Timestamp;

use super::case::{Case, ContainerCase};
use super::gap::Gaps;
use super::moment::{Moment, seconds_after};
use super::nodes::{NodeTrouble, Nodes};
use super::record::{Run, Termination};
use super::seen::{EventReason, SETTLE_SECONDS};
use super::snapshot::Active;
use super::words::Trigger;
use align::Life;

/// What a verdict reads beside the case.
#[derive(Debug, Clone, Copy)]
pub struct World<'a> {
    pub nodes: &'a Nodes,
    pub gaps: &'a Gaps,
    pub namespace_terminating: bool,
    /// A watch of Events broke: what it missed comes with its next list.
    pub events_awaited: bool,
    pub limits: Limits,
}

/// Thresholds in whole seconds.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub post_start_slow_seconds: i64,
    pub overdue_seconds: i64,
}

/// Everything there is to say of one pod now.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// Sorted by container, hook, restart and attempt.
    pub runs: Vec<Run>,
    pub termination: Option<Termination>,
    pub active: Vec<Active>,
    /// When a verdict may change by time alone.
    pub next: Option<Timestamp>,
    /// Something would be settled by now if no list of Events were awaited.
    pub awaits_events: bool,
    /// Events taken in that turned out not to be so.
    pub refused: Vec<EventReason>,
}

/// Judges a case.
#[must_use]
pub fn judge(case: &Case, world: World<'_>, now: Timestamp) -> Judgement {
    let mut refused = Vec::new();
    let joined = |container| align::lives(container, case.vanished, &mut refused);
    let lives = case.containers.iter().map(joined).collect();
    let mut view = View {
        case,
        world,
        now,
        lives,
        next: Cell::new(None),
        awaits_events: Cell::new(false),
    };
    refused.extend(disproved::take_out(&mut view));
    let mut runs = Vec::new();
    for place in 0..case.containers.len() {
        post_start::judge(&view, place, &mut runs);
        pre_stop::judge(&view, place, &mut runs);
    }
    let termination = termination::judge(&view, &runs);
    let active = holding::active(&view, &runs, termination.as_ref());
    runs.sort_by(|left, right| {
        let key = |run: &Run| (run.container.clone(), run.hook, run.restart, run.attempt);
        key(left).cmp(&key(right))
    });
    Judgement {
        runs,
        termination,
        active,
        next: view.next.get(),
        awaits_events: view.awaits_events.get(),
        refused,
    }
}

/// A case with its Events joined to instances, at one moment.
struct View<'a> {
    case: &'a Case,
    world: World<'a>,
    now: Timestamp,
    /// Per container, in the order of the case.
    lives: Vec<Vec<Life>>,
    next: Cell<Option<Timestamp>>,
    awaits_events: Cell<bool>,
}

impl View<'_> {
    /// Whether `at` has come; if not, the verdict is asked for again then.
    fn reached(&self, at: Timestamp) -> bool {
        if at <= self.now {
            return true;
        }
        if self.next.get().is_none_or(|next| at < next) {
            self.next.set(Some(at));
        }
        false
    }

    /// Whether Events that could contradict an absence had their time, counted from `end` on our clock.
    fn absence_settled(&self, end: Option<Timestamp>) -> bool {
        let had_their_time = end
            .or(self.case.gone_at)
            .is_some_and(|end| self.reached(seconds_after(end, SETTLE_SECONDS)));
        let awaited = had_their_time && self.world.events_awaited;
        self.awaits_events.set(self.awaits_events.get() || awaited);
        had_their_time && !awaited
    }

    /// Whether the node did not answer between two moments, so that nothing there went at its usual pace.
    fn was_silent(&self, from: Moment, to: Moment) -> bool {
        let node = self.case.node.as_deref().unwrap_or_default();
        self.world
            .nodes
            .was_unreachable(node, from.earliest, to.latest)
    }

    /// What was wrong with the node when the pod went, or is now.
    fn node_trouble(&self) -> Option<NodeTrouble> {
        let node = self.case.node.as_deref()?;
        match self.case.gone_at {
            Some(gone_at) => self.world.nodes.trouble_at(node, gone_at),
            None => self.world.nodes.trouble(node),
        }
    }

    /// Whether the container was started again after this life.
    fn lives_after(&self, container: &ContainerCase, life: &Life) -> bool {
        let place = self
            .case
            .containers
            .iter()
            .position(|known| known.name == container.name);
        let last = place.and_then(|place| self.lives[place].last());
        last.is_some_and(|last| last.instance.restart > life.instance.restart)
    }

    fn trigger(&self) -> Option<Trigger> {
        request::trigger(self)
    }
}
