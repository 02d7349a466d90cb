//! What is to happen: pods whose hooks fail, overrun or end well, and processes that are killed.

use proptest::prelude::*;

/// The Events that tell of hooks, each on a watch of its own.
pub(crate) const REASONS: [&str; 3] = ["FailedPostStartHook", "FailedPreStopHook", "Killing"];

/// One pod of one container with both hooks.
#[derive(Debug, Clone)]
pub(crate) struct PodPlan {
    pub(crate) owner: Owner,
    pub(crate) starts: u32,
    /// How often its postStart fails before it does not, each failure a restart later.
    pub(crate) post_start_failures: u32,
    /// Whether the preStop that comes of it fails too.
    pub(crate) fails_twice: bool,
    /// How often its liveness probe kills it, with a preStop that fails.
    pub(crate) probe_kills: u32,
    /// Seconds between two of these.
    pub(crate) pace: u32,
    /// When it is deleted after its last restart; it lives on without.
    pub(crate) deleted_after: Option<u32>,
    pub(crate) pre_stop: PreStop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Deployment,
    /// No watch tells of it: only its pods and its `HookAudit` do.
    DaemonSet,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PreStop {
    Succeeds,
    Fails,
    Overruns,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Disturbance {
    pub(crate) at: u32,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// The leader is killed, and a process that knows nothing starts so many seconds later.
    Restart { after: u32 },
    /// The leader is killed, and a follower that watched all the time leads.
    Takeover,
    /// A follower starts.
    Follow,
    /// The leader's watches of Events break, and are listed again.
    Relist,
    /// One of the leader's watches of Events tells nothing for so many seconds.
    Silence { of: usize, seconds: u32 },
    /// Somebody writes the objects' metadata.
    Touch,
}

pub(crate) fn pods() -> impl Strategy<Value = Vec<PodPlan>> {
    let pre_stop = prop::sample::select(vec![PreStop::Succeeds, PreStop::Fails, PreStop::Overruns]);
    let owner = prop::sample::select(vec![
        Owner::Deployment,
        Owner::Deployment,
        Owner::DaemonSet,
        Owner::None,
    ]);
    let pod = (
        owner,
        5_u32..150,
        (prop_oneof![3 => Just(0), 2 => 1_u32..6], any::<bool>()),
        prop_oneof![3 => Just(0), 1 => 1_u32..4],
        3_u32..25,
        prop::option::weighted(0.8, 1_u32..40),
        pre_stop,
    );
    let pod = pod.prop_map(
        |(
            owner,
            starts,
            (post_start_failures, fails_twice),
            probe_kills,
            pace,
            deleted_after,
            pre_stop,
        )| PodPlan {
            owner,
            starts,
            post_start_failures,
            fails_twice,
            probe_kills,
            pace,
            deleted_after,
            pre_stop,
        },
    );
    prop::collection::vec(pod, 1..8)
}

pub(crate) fn disturbances(duration: u32) -> impl Strategy<Value = Vec<Disturbance>> {
    let kind = prop_oneof![
        4 => (0_u32..90).prop_map(|after| Kind::Restart { after }),
        2 => Just(Kind::Takeover),
        2 => Just(Kind::Follow),
        1 => Just(Kind::Relist),
        2 => (0..REASONS.len(), 10_u32..600).prop_map(|(of, seconds)| Kind::Silence { of, seconds }),
        1 => Just(Kind::Touch),
    ];
    let one = (1..duration, kind).prop_map(|(at, kind)| Disturbance { at, kind });
    prop::collection::vec(one, 0..8)
}

/// How many seconds streams are behind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lags {
    pub(crate) streams: [u32; 4],
    /// Those of Events, beyond that: a connection fell silent.
    pub(crate) events: [u32; 3],
}

impl From<[u32; 4]> for Lags {
    fn from(streams: [u32; 4]) -> Self {
        Self {
            streams,
            events: [0; 3],
        }
    }
}

pub(crate) fn lags() -> impl Strategy<Value = Lags> {
    let streams = prop::array::uniform4(0_u32..6);
    streams.prop_map(Lags::from)
}

pub(crate) fn silences(longest: u32) -> impl Strategy<Value = Lags> {
    let events = prop::array::uniform3(prop_oneof![3 => Just(0), 1 => 30..longest]);
    (lags(), events).prop_map(|(lags, events)| Lags { events, ..lags })
}
