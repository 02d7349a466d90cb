//! What is known of nodes: readiness, and when their kubelets started.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;

use super::moment::{Moment, seconds_after};
use super::seen::{NodeReady, NodeSeen};

/// Kubelet starts kept per node; older ones touch no open case.
const STARTS_KEPT: usize = 32;

/// Nodes kept after they are gone; a cluster that grows and shrinks never uses a name again.
const GONE_KEPT: usize = 1_000;

/// A graceful node shutdown ends all pods within its configured period, minutes at most.
const SHUTDOWN_SECONDS: i64 = 600;

#[derive(Debug, Default)]
struct Node {
    ready: Option<NodeReady>,
    ready_since: Option<Timestamp>,
    unreachable: bool,
    present: bool,
    /// On the kubelet's clock, ascending.
    kubelet_starts: VecDeque<Timestamp>,
    shutdowns: BTreeSet<Timestamp>,
    /// When it was last seen to be in trouble, and out of it again, on our clock.
    last_trouble: Option<(Timestamp, Option<Timestamp>)>,
    /// When its object went, and came again, on our clock.
    last_absence: Option<(Timestamp, Option<Timestamp>)>,
}

/// Why a node cannot finish a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeTrouble {
    Gone,
    Unreachable,
}

/// All nodes by name.
#[derive(Debug, Default)]
pub struct Nodes {
    nodes: BTreeMap<Box<str>, Node>,
    gone: VecDeque<Box<str>>,
    /// The nodes were listed, so that a missing one is gone.
    listed: bool,
}

impl Nodes {
    pub fn observe(&mut self, now: Timestamp, seen: &NodeSeen) {
        let node = self.nodes.entry(seen.name.clone()).or_default();
        node.ready = Some(seen.ready);
        node.ready_since = seen.ready_since;
        node.unreachable = seen.unreachable;
        node.present = true;
        if let Some((_, until @ None)) = &mut node.last_absence {
            *until = Some(now);
        }
        let troubled = node.unreachable || node.ready == Some(NodeReady::Unknown);
        match &mut node.last_trouble {
            Some((_, until @ None)) if !troubled => *until = Some(now),
            Some((_, None)) => {}
            last if troubled => *last = Some((now, None)),
            _ => {}
        }
    }

    pub fn forget(&mut self, now: Timestamp, name: &str) {
        let Some(node) = self.nodes.get_mut(name) else {
            return;
        };
        node.present = false;
        node.last_absence = Some((now, None));
        self.gone.push_back(name.into());
        if self.gone.len() > GONE_KEPT
            && let Some(oldest) = self.gone.pop_front()
            && self.nodes.get(&oldest).is_some_and(|node| !node.present)
            && !self.gone.contains(&oldest)
        {
            self.nodes.remove(&oldest);
        }
    }

    pub fn listed(&mut self) {
        self.listed = true;
    }

    /// Whether a node of this name is there, or was; before the first list it may be.
    #[must_use]
    pub fn may_exist(&self, name: &str) -> bool {
        !self.listed || self.nodes.contains_key(name)
    }

    /// Takes a Node Event `Starting kubelet.`; true if it was not known.
    pub fn kubelet_started(&mut self, name: &str, at: Timestamp) -> bool {
        let starts = &mut self.nodes.entry(name.into()).or_default().kubelet_starts;
        let place = starts.partition_point(|start| *start < at);
        if starts.get(place) == Some(&at) {
            return false;
        }
        starts.insert(place, at);
        if starts.len() > STARTS_KEPT {
            starts.pop_front();
        }
        true
    }

    /// Takes a Node Event `Shutdown`.
    pub fn shutdown(&mut self, name: &str, at: Timestamp) {
        let shutdowns = &mut self.nodes.entry(name.into()).or_default().shutdowns;
        shutdowns.insert(at);
        if shutdowns.len() > STARTS_KEPT {
            shutdowns.pop_first();
        }
    }

    /// The first start of the node's kubelet after `from` and not after `to`.
    #[must_use]
    pub fn kubelet_start_between(
        &self,
        name: &str,
        from: Moment,
        to: Timestamp,
    ) -> Option<Timestamp> {
        let starts = &self.nodes.get(name)?.kubelet_starts;
        starts
            .iter()
            .copied()
            .find(|start| *start >= from.earliest && *start <= to)
    }

    /// Whether the node's kubelet announced a shutdown within ten minutes before `at`.
    #[must_use]
    pub fn shutdown_before(&self, name: &str, at: Timestamp) -> bool {
        let shutdowns = self.nodes.get(name).map(|node| &node.shutdowns);
        let from = seconds_after(at, -SHUTDOWN_SECONDS);
        shutdowns.is_some_and(|shutdowns| shutdowns.range(from..=at).next().is_some())
    }

    /// Whether the node did not answer at some time between two times of ours.
    #[must_use]
    pub fn was_unreachable(&self, name: &str, from: Timestamp, to: Timestamp) -> bool {
        let trouble = self.nodes.get(name).and_then(|node| node.last_trouble);
        trouble.is_some_and(|(began, ended)| began <= to && ended.is_none_or(|ended| ended >= from))
    }

    /// The node's trouble now, if it is in any.
    #[must_use]
    pub fn trouble(&self, name: &str) -> Option<NodeTrouble> {
        match self.nodes.get(name) {
            Some(node) if node.present => {
                let lost = node.unreachable || node.ready == Some(NodeReady::Unknown);
                lost.then_some(NodeTrouble::Unreachable)
            }
            _ => self.listed.then_some(NodeTrouble::Gone),
        }
    }

    /// The trouble that the node was in at a time of ours; what came later explains nothing.
    #[must_use]
    pub fn trouble_at(&self, name: &str, at: Timestamp) -> Option<NodeTrouble> {
        let Some(node) = self.nodes.get(name) else {
            return self.listed.then_some(NodeTrouble::Gone);
        };
        let held = |(began, ended): (Timestamp, Option<Timestamp>)| {
            began <= at && ended.is_none_or(|ended| ended > at)
        };
        if node.last_absence.is_some_and(held) {
            return Some(NodeTrouble::Gone);
        }
        node.last_trouble
            .is_some_and(held)
            .then_some(NodeTrouble::Unreachable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    fn seen(ready: NodeReady) -> NodeSeen {
        NodeSeen {
            name: "node-1".into(),
            ready,
            ready_since: None,
            unreachable: false,
        }
    }

    #[test]
    fn a_trouble_explains_what_ended_in_it_and_nothing_before_or_after() {
        let mut nodes = Nodes::default();
        nodes.observe(at(0), &seen(NodeReady::True));
        nodes.observe(at(10), &seen(NodeReady::Unknown));
        nodes.observe(at(20), &seen(NodeReady::True));
        nodes.forget(at(30), "node-1");
        nodes.observe(at(40), &seen(NodeReady::True));
        let told = [5, 15, 25, 35, 45].map(|second| nodes.trouble_at("node-1", at(second)));
        let (unreachable, gone) = (Some(NodeTrouble::Unreachable), Some(NodeTrouble::Gone));
        assert_eq!(told, [None, unreachable, None, gone, None]);
    }
}
