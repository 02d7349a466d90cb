//! The state machine: observations in, transitions and snapshots out.
//!
//! - `attribution`: whose pod it is.
//! - `tally`: what was counted of a pod. `accounts`: what a status says of that. `rebase`: a ledger made
//!   again from a status, whoever wrote it. `resume`: what happened while nothing watched.
//! - `pods`: what a pod's own stream does to the roster and to cases.
//! - `events`: which case an Event belongs to. `early`: those that wait for theirs.
//! - `cases`: a case judged, settled, amended, closed. `closed`: what is kept of it then.
//! - `reports`: what `HookAudit`s on the API tell.
//! - `ledgers`: what stays per workload, and the snapshot of it.

mod accounts;
mod attribution;
mod broken;
mod cases;
mod closed;
mod early;
mod events;
mod folded;
mod kept;
mod ledgers;
mod pods;
mod rebase;
mod reports;
mod resume;
#[cfg(test)]
mod script;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use super::account::Marks;
use super::gap::Gaps;
use super::moment::seconds_after;
use super::nodes::Nodes;
use super::observation::Observation;
use super::owners::{Owners, WorkloadId};
use super::record::{Gap, Incident, PodReport, WorkloadRef};
use super::roster::Roster;
use super::seen::{EventSeen, PodSeen, Resource, SETTLE_SECONDS, Stream, Subject, Thresholds, Uid};
use super::snapshot::{Snapshot, Workload};
use broken::Broken;
use cases::Open;
use closed::Closed;
use early::EarlyEvents;
use events::CountedGone;
use folded::Folded;
use ledgers::Ledgers;
use pods::Resting;

/// The API server keeps Events for an hour where it is not told otherwise.
pub const EVENT_TTL_SECONDS: i64 = 3600;

/// Five minutes of an hour less leave time to list them.
const EVENT_LIFE_SHARE: f64 = 11.0 / 12.0;

/// So long may a case wait to be written, at most: the writer lets nothing wait longer.
const OPEN_CASE_SECONDS: i64 = 900;

/// What the core is told once, at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The operator's defaults; a `HookAudit` may say otherwise for its workload.
    pub thresholds: Thresholds,
    /// How long the API server keeps Events (kube-apiserver `--event-ttl`).
    pub event_ttl_seconds: i64,
    /// Names this process in the statuses it writes, as no other is named; 0 where it writes none.
    pub writer: u64,
    /// Seed of the indexes by uid and name, whose keys are chosen by users.
    pub seed: u64,
    /// The streams whose first lists have to be complete before anything settles.
    pub streams: Vec<Stream>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            thresholds: Thresholds::default(),
            event_ttl_seconds: EVENT_TTL_SECONDS,
            writer: 0,
            seed: 0,
            streams: Vec::new(),
        }
    }
}

/// Something that happened once and is told once.
#[derive(Debug, Clone, PartialEq)]
pub enum Transition {
    /// Tell it as a Kubernetes Event on the workload.
    Incident {
        namespace: Box<str>,
        target: WorkloadRef,
        workload_uid: Option<Uid>,
        incident: Box<Incident>,
    },
    /// List the Events of this pod, and hand each of them in as an observation.
    Lookup {
        namespace: Box<str>,
        pod: Box<str>,
        uid: Uid,
    },
    /// Everything about this pod is settled and nothing of it is kept but tallies.
    Closed(Box<PodReport>),
    /// The workload is gone and its ledger with it; this is how it stood.
    Ended(Arc<Workload>),
}

/// The core.
#[derive(Debug)]
pub struct Auditor {
    thresholds: Thresholds,
    /// Who heard nothing for longer may have lost Events.
    event_life_seconds: f64,
    writer: u64,
    /// Of the verdict that was counted last.
    sequence: u64,
    now: Timestamp,
    observed_from: Option<Timestamp>,
    /// When anything was last seen on any stream.
    heard_at: Option<Timestamp>,
    roster: Roster,
    owners: Owners,
    nodes: Nodes,
    gaps: Gaps,
    /// Namespaces that end or have ended, and when they were seen to be gone.
    terminating_namespaces: BTreeMap<Box<str>, Option<Timestamp>>,
    cases: BTreeMap<Uid, Open>,
    resting: BTreeMap<Uid, Resting>,
    folded: Folded,
    closed: Closed,
    counted_gone: BTreeMap<Uid, CountedGone>,
    broken: Broken,
    /// What marks are raised to when lists are complete.
    held: BTreeMap<WorkloadId, Marks>,
    early: EarlyEvents,
    /// A static pod's Events carry the uid of its manifest, in the namespace of its mirror.
    mirrors: BTreeMap<(Box<str>, Uid), Uid>,
    ledgers: Ledgers,
    /// Pods whose ReplicaSet or Job was not seen yet, and until when they wait.
    pending: BTreeMap<Uid, (Timestamp, Box<PodSeen>)>,
    timers: BTreeSet<(Timestamp, Timer)>,
    transitions: VecDeque<Transition>,
    counts: Counts,
    was_synced: bool,
    synced_at: Timestamp,
    /// When whoever led before this process was synced last renewed the Lease.
    renewed_at: Option<Timestamp>,
    /// A status was seen that an earlier process wrote.
    has_predecessor: bool,
    /// From when an earlier process was last heard of to the first lists of this one.
    not_watched: Option<Gap>,
}

/// What a timer fires for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Case(Uid),
    /// Events of this namespace about this pod waited long enough.
    Early(Box<str>, Uid),
    /// A pod's owner was not seen in time.
    Pending(Uid),
    Ledger(WorkloadId),
    /// Many pods of it start or stop: they are weighed together.
    Active(WorkloadId),
}

/// What the core counts about its own work.
#[derive(Debug, Default)]
struct Counts {
    events: BTreeMap<(&'static str, &'static str), u64>,
    verdicts: BTreeMap<(&'static str, &'static str), u64>,
    defects: BTreeMap<(&'static str, &'static str), u64>,
}

impl Auditor {
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let mut gaps = Gaps::default();
        let awaited = !settings.streams.is_empty();
        for stream in settings.streams {
            gaps.expect(stream);
        }
        Self {
            thresholds: settings.thresholds,
            event_life_seconds: settings.event_ttl_seconds as f64 * EVENT_LIFE_SHARE,
            writer: settings.writer,
            sequence: 0,
            now: Timestamp::MIN,
            observed_from: None,
            heard_at: None,
            roster: Roster::new(settings.seed),
            owners: Owners::new(settings.seed),
            nodes: Nodes::default(),
            gaps,
            terminating_namespaces: BTreeMap::new(),
            cases: BTreeMap::new(),
            resting: BTreeMap::new(),
            folded: Folded::default(),
            closed: Closed::default(),
            counted_gone: BTreeMap::new(),
            broken: Broken::default(),
            held: BTreeMap::new(),
            early: EarlyEvents::default(),
            mirrors: BTreeMap::new(),
            ledgers: Ledgers::default(),
            pending: BTreeMap::new(),
            timers: BTreeSet::new(),
            transitions: VecDeque::new(),
            counts: Counts::default(),
            was_synced: !awaited,
            synced_at: Timestamp::MIN,
            renewed_at: None,
            has_predecessor: false,
            not_watched: None,
        }
    }

    /// Takes one observation. Every deadline due by `now` fires first, each at its own time.
    pub fn handle(&mut self, now: Timestamp, observation: Observation) {
        self.handle_timeout(now);
        self.ledgers.outdate();
        let now = self.now;
        self.observed_from.get_or_insert(now);
        let stream = stream_of(&observation);
        let is_heard = stream.is_some();
        if let Some((stream, namespace)) = stream {
            self.gaps.activity(now, stream, namespace);
        }
        match observation {
            Observation::Pod(pod) => self.pod(&pod),
            Observation::PodGone(pod) => self.pod_gone(&pod),
            Observation::Event(event) => self.event(*event),
            Observation::Found(event) => self.found(&event),
            Observation::Node(node) => self.nodes.observe(now, &node),
            Observation::NodeGone { name } => {
                self.nodes.forget(now, &name);
                self.touch_node(&name);
            }
            Observation::Namespace { name, terminating } => self.namespace(name, terminating),
            Observation::NamespaceGone { name } => self.namespace_gone(name),
            Observation::Owner(owner) => {
                self.owners.seen(&owner);
                self.attribute_pending();
            }
            Observation::OwnerGone(owner) => self.owners.gone(&owner),
            Observation::Report(report) => self.report_seen(&report),
            Observation::ReportGone { namespace, name } => self.report_gone(namespace, name),
            Observation::Leader { renewed_at } => self.leader_heard(renewed_at),
            Observation::Tick => {}
            Observation::Relist(stream) => self.relist(&stream),
            Observation::Synced(stream) => self.synced(&stream),
            Observation::Defect { resource, field } => {
                *self
                    .counts
                    .defects
                    .entry((resource.as_str(), field))
                    .or_default() += 1;
            }
        }
        if is_heard {
            self.heard_at = Some(now);
        }
    }

    /// Fires every deadline due by `now`.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while self.timers.first().is_some_and(|(due, _)| *due <= now) {
            let Some((due, timer)) = self.timers.pop_first() else {
                break;
            };
            self.ledgers.outdate();
            self.now = self.now.max(due);
            match timer {
                Timer::Case(uid) => self.touch(uid),
                Timer::Early(namespace, uid) => self.early_expired(&namespace, uid),
                Timer::Pending(uid) => self.attribute_now(uid),
                Timer::Ledger(id) => self.ledger_timeout(id),
                Timer::Active(id) => self.weigh_active(id),
            }
        }
        self.now = self.now.max(now);
    }

    /// When [`Self::handle_timeout`] wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// The next transition; drain after every call that changes something.
    pub fn poll_transition(&mut self) -> Option<Transition> {
        self.transitions.pop_front()
    }

    /// All first lists are complete.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.was_synced || self.gaps.is_synced()
    }

    /// What was lost so far: closed gaps, and those still open.
    #[must_use]
    pub fn gaps(&self) -> Vec<Gap> {
        let mut gaps = self.gaps.list();
        gaps.extend(self.gaps.open(self.now));
        gaps
    }

    /// The state of every workload, a cheap handle.
    pub fn snapshot(&mut self) -> Arc<Snapshot> {
        self.build_snapshot()
    }

    fn relist(&mut self, stream: &Stream) {
        if stream.resource == Resource::Events {
            return self.events_broke(stream);
        }
        self.gaps.relist(self.now, stream);
        match stream.resource {
            Resource::Pods => self.roster.list_begins(stream),
            Resource::ReplicaSets | Resource::Jobs => self.owners.list_begins(stream),
            _ => {}
        }
    }

    fn synced(&mut self, stream: &Stream) {
        if stream.resource == Resource::Events {
            self.events_listed(stream);
        }
        let gap = self.gaps.synced(self.now, stream);
        match stream.resource {
            Resource::Pods => self.pods_listed(stream),
            Resource::ReplicaSets | Resource::Jobs => {
                self.owners.listed(stream);
            }
            Resource::Nodes => self.nodes.listed(),
            _ => {}
        }
        if let Some(gap) = gap {
            self.gap_closed(&gap, stream.namespace());
        }
        if self.was_synced && stream.resource == Resource::Events {
            self.go_on();
        }
        if !self.was_synced && self.gaps.is_synced() {
            self.was_synced = true;
            self.synced_at = self.now;
            self.all_synced();
            self.take_up();
            self.folded = Folded::default();
            self.raise_held();
            let uids: Vec<Uid> = self.cases.keys().copied().collect();
            for uid in uids {
                self.touch(uid);
            }
        }
    }

    fn namespace(&mut self, name: Box<str>, terminating: bool) {
        if !terminating {
            self.terminating_namespaces.remove(&name);
        } else if !self.terminating_namespaces.contains_key(&name) {
            self.terminating_namespaces.insert(name.clone(), None);
            let uids: Vec<Uid> = self
                .cases
                .iter()
                .filter(|(_, open)| open.case.namespace == name)
                .map(|(uid, _)| *uid)
                .collect();
            for uid in uids {
                self.touch(uid);
            }
        }
    }

    /// The stream of its pods may still be behind: their ends were not told by Events either.
    fn namespace_gone(&mut self, name: Box<str>) {
        let now = self.now;
        self.terminating_namespaces
            .retain(|_, gone_at| gone_at.is_none_or(|at| seconds_after(at, SETTLE_SECONDS) > now));
        self.terminating_namespaces.insert(name, Some(now));
    }

    fn touch_node(&mut self, name: &str) {
        let on_node = |open: &Open| open.case.node.as_deref() == Some(name);
        let uids: Vec<Uid> = self
            .cases
            .iter()
            .filter(|(_, open)| on_node(open))
            .map(|(uid, _)| *uid)
            .collect();
        for uid in uids {
            self.touch(uid);
        }
    }
}

/// The stream on which an observation came, as far as it shows, and the namespace of its object.
fn stream_of(observation: &Observation) -> Option<(Stream, Option<&str>)> {
    let (resource, namespace) = match observation {
        Observation::Pod(pod) | Observation::PodGone(pod) => (Resource::Pods, Some(&pod.namespace)),
        Observation::Event(event) => {
            let stream = Stream {
                resource: Resource::Events,
                selector: Some(format!("reason={}", event.reason.as_str()).into()),
            };
            // Those of nodes have a stream of their own.
            let is_of_node = matches!(event.subject, Subject::Node { .. });
            return Some((stream, (!is_of_node).then_some(&*event.namespace)));
        }
        Observation::Node(_) | Observation::NodeGone { .. } => (Resource::Nodes, None),
        Observation::Namespace { .. } | Observation::NamespaceGone { .. } => {
            (Resource::Namespaces, None)
        }
        Observation::Owner(owner) | Observation::OwnerGone(owner) => {
            (owner.resource, Some(&owner.namespace))
        }
        Observation::Report(report) => (Resource::HookAudits, Some(&report.namespace)),
        Observation::ReportGone { namespace, .. } => (Resource::HookAudits, Some(namespace)),
        _ => return None,
    };
    Some((
        Stream::whole(resource),
        namespace.map(|namespace| &**namespace),
    ))
}

/// The subject of an Event, if it is a pod with a uid.
fn pod_uid(event: &EventSeen) -> Option<Uid> {
    match &event.subject {
        Subject::Pod { uid, .. } => *uid,
        _ => None,
    }
}
