//! What the core is told, one thing after the other.
//!
//! Two clocks, two names: `seen_at` is ours and comes in as `now`; all that is [`seen`](super::seen) was stamped by
//! the cluster.

use jiff::Timestamp;

use super::base::Base;
use super::seen::{
    ControllerRef, EventSeen, NodeSeen, OwnerSeen, PodSeen, Resource, Stream, Thresholds, Uid,
};

/// One thing seen, in the order in which it left its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// A pod as it is now: listed, added or modified.
    Pod(Box<PodSeen>),
    /// The last state of a pod whose object is gone.
    PodGone(Box<PodSeen>),
    /// An Event as it is now. The end of an Event is its expiry and is never observed.
    Event(Box<EventSeen>),
    /// An Event that a look-up of its pod found; its own stream may still be behind.
    Found(Box<EventSeen>),
    Node(NodeSeen),
    NodeGone {
        name: Box<str>,
    },
    Namespace {
        name: Box<str>,
        terminating: bool,
    },
    NamespaceGone {
        name: Box<str>,
    },
    Owner(OwnerSeen),
    OwnerGone(OwnerSeen),
    Report(Box<ReportSeen>),
    ReportGone {
        namespace: Box<str>,
        name: Box<str>,
    },
    /// The Lease as it was found at the start: whoever led then, or before.
    Leader {
        renewed_at: Timestamp,
    },
    /// The watch broke; what follows up to [`Observation::Synced`] is everything there is.
    Relist(Stream),
    /// The first, or a repeated, list is complete.
    Synced(Stream),
    /// Only moves time.
    Tick,
    /// Something on a stream that could not be understood; it is counted.
    Defect {
        resource: Resource,
        field: &'static str,
    },
}

/// A `HookAudit` as the API holds it, whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportSeen {
    pub namespace: Box<str>,
    pub name: Box<str>,
    pub uid: Option<Uid>,
    pub resource_version: Box<str>,
    /// With the uid of the owner that the object was made for.
    pub target: ControllerRef,
    pub thresholds: Thresholds,
    /// `None` without a status that says what of it is counted.
    pub base: Option<Box<Base>>,
}
