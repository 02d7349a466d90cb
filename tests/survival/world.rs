//! The API server and a kubelet, as far as a pod with hooks shows them, and the processes that watch.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use hookaudit::api::HookAudit;
use hookaudit::audit::observation::Observation;
use hookaudit::audit::record::GapReason;
use hookaudit::audit::seen::{EventReason, Note, Resource, Stream, Subject};
use hookaudit::audit::snapshot::Workload;
use jiff::{SignedDuration, Timestamp};

use crate::plan::{Disturbance, Kind, Lags, Owner, PodPlan, REASONS};
use crate::pods::{self, Step};
use crate::replica::{Events, Log, Replica, seen, stream, written};

/// A view is taken so often, and written a second later.
const WRITE_EVERY_SECONDS: u32 = 3;

/// What became of the hooks and pods of one workload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tallies {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) overran: u64,
    pub(crate) unknown: u64,
    pub(crate) other: u64,
    pub(crate) terminations: u64,
}

pub(crate) struct World {
    steps: Vec<(Timestamp, Step)>,
    log: Log,
    pods: BTreeMap<u128, Observation>,
    events: Events,
    audits: BTreeMap<String, HookAudit>,
    version: u64,
    truth: BTreeMap<String, Tallies>,
    leader: Option<Replica>,
    followers: Vec<Replica>,
    starts_at: Option<u32>,
    led_until: Option<u32>,
    views: Vec<Arc<Workload>>,
    processes: u64,
    lags: Lags,
    /// Somebody did not know whose the Events of a pod are.
    unattributed: bool,
    story: String,
}

pub(crate) fn at(seconds: f64) -> Timestamp {
    let start: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a time");
    start + SignedDuration::from_secs_f64(seconds)
}

impl World {
    pub(crate) fn new(plans: &[PodPlan], lags: Lags) -> Self {
        let mut log = Log::new();
        for resource in [Resource::HookAudits, Resource::ReplicaSets, Resource::Pods] {
            log.insert(stream(resource, None), Vec::new());
        }
        for reason in REASONS {
            log.insert(stream(Resource::Events, Some(reason)), Vec::new());
        }
        let mut world = Self {
            steps: Vec::new(),
            log,
            pods: BTreeMap::new(),
            events: BTreeMap::new(),
            audits: BTreeMap::new(),
            version: 100,
            truth: BTreeMap::new(),
            leader: None,
            followers: Vec::new(),
            starts_at: Some(0),
            led_until: None,
            views: Vec::new(),
            processes: 0,
            lags,
            unattributed: false,
            story: String::new(),
        };
        for (number, plan) in plans.iter().enumerate() {
            let name = match plan.owner {
                Owner::Deployment => "deployment-web",
                Owner::DaemonSet => "daemonset-agent",
                Owner::None => "barepods",
            };
            let truth = world.truth.entry(name.to_owned()).or_default();
            world.steps.extend(pods::steps(number, plan, truth));
        }
        world.steps.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        world
    }

    /// Everything that happens in one second.
    pub(crate) fn tick(&mut self, second: u32) {
        let now = at(f64::from(second));
        while let Some((due, step)) = self.steps.pop_if(|(due, _)| *due <= now) {
            self.step(due, step);
        }
        if self.starts_at.is_some_and(|starts_at| starts_at <= second) {
            self.starts_at = None;
            self.leader = Some(self.start(now));
        }
        for replica in self.leader.iter_mut().chain(&mut self.followers) {
            replica.take(now, &self.log, &self.events);
        }
        let replicas = self.leader.iter().chain(&self.followers);
        let mut gaps = replicas.flat_map(|replica| replica.auditor.gaps());
        self.unattributed |= gaps.any(|gap| gap.reason == GapReason::Unattributed);
        for view in std::mem::take(&mut self.views) {
            self.write(now, &view);
        }
        let Some(leader) = &mut self.leader else {
            return;
        };
        self.led_until = Some(second);
        if second.is_multiple_of(WRITE_EVERY_SECONDS) && leader.auditor.is_synced() {
            self.views.clone_from(&leader.auditor.snapshot().workloads);
        }
    }

    pub(crate) fn disturb(&mut self, disturbance: Disturbance) {
        let now = at(f64::from(disturbance.at));
        let _ = writeln!(self.story, "{}: {:?}", disturbance.at, disturbance.kind);
        match disturbance.kind {
            Kind::Restart { after } => {
                self.leader = None;
                self.followers.clear();
                self.views.clear();
                self.starts_at = Some(disturbance.at + after);
            }
            Kind::Takeover => {
                self.views.clear();
                self.leader = self.followers.pop();
                if self.leader.is_none() {
                    self.starts_at = Some(disturbance.at + 5);
                }
            }
            Kind::Follow => {
                let follower = self.start(now);
                self.followers.push(follower);
            }
            Kind::Relist => {
                if let Some(leader) = &mut self.leader {
                    leader.relist(now, &self.log, &self.events);
                }
            }
            Kind::Silence { of, seconds } => {
                let stream = stream(Resource::Events, Some(REASONS[of]));
                if let Some(leader) = &mut self.leader {
                    leader.silence(now, stream, seconds);
                }
            }
            Kind::Touch => {
                let names: Vec<String> = self.audits.keys().cloned().collect();
                for name in names {
                    let mut audit = self.audits[&name].clone();
                    audit.metadata.resource_version = Some(self.next_version().to_string());
                    self.put(now, audit);
                }
            }
        }
    }

    /// Whoever died is back, so that everything can be written.
    pub(crate) fn recover(&mut self, second: u32) {
        if self.leader.is_none() {
            self.starts_at.get_or_insert(second);
        }
    }

    pub(crate) fn truth(&self) -> impl Iterator<Item = (String, Tallies)> + '_ {
        self.truth
            .iter()
            .map(|(name, truth)| (name.clone(), truth.clone()))
    }

    /// What the API holds.
    pub(crate) fn counted(&self, workload: &str) -> Tallies {
        let Some(status) = self
            .audits
            .get(workload)
            .and_then(|audit| audit.status.as_ref())
        else {
            return Tallies::default();
        };
        let mut tallies = Tallies::default();
        let count = |number: i64| u64::try_from(number).unwrap_or_default();
        for hook in &status.hooks {
            tallies.succeeded += count(hook.succeeded);
            tallies.failed += count(hook.failed);
            tallies.overran += count(hook.overran);
            tallies.unknown += count(hook.unknown);
            tallies.other += count(hook.cut_short) + count(hook.interrupted) + count(hook.skipped);
        }
        tallies.terminations = status
            .terminations
            .as_ref()
            .map_or(0, |ended| count(ended.total));
        tallies
    }

    /// The object tells of a gap; where there is none, no pod of it was ever seen.
    pub(crate) fn has_gap(&self, workload: &str) -> bool {
        self.audits
            .get(workload)
            .is_none_or(|audit| gap_count(audit) > 0)
    }

    /// A list or a watch tells of it also when it has no pods.
    pub(crate) fn is_always_known(workload: &str) -> bool {
        workload != "daemonset-agent"
    }

    /// Somebody saw Events of a pod and did not know whose it was, and told of a gap.
    pub(crate) fn is_unattributed(&self, workload: &str) -> bool {
        self.unattributed && !Self::is_always_known(workload)
    }

    pub(crate) fn story(&self) -> &str {
        &self.story
    }

    fn start(&mut self, now: Timestamp) -> Replica {
        self.processes += 1;
        let state = self.state();
        let renewed_at = self.led_until.map(|second| at(f64::from(second)));
        Replica::start(
            now,
            self.processes,
            renewed_at,
            &self.log,
            &state,
            self.lags,
        )
    }

    fn step(&mut self, due: Timestamp, step: Step) {
        match step {
            Step::Pod(pod) => {
                let observation = Observation::Pod(pod.clone());
                self.pods.insert(pod.uid.0, observation.clone());
                self.append(due, stream(Resource::Pods, None), observation);
            }
            Step::Gone(pod) => {
                self.pods.remove(&pod.uid.0);
                self.append(due, stream(Resource::Pods, None), Observation::PodGone(pod));
            }
            Step::Event { pod, reason, note } => self.event(due, &pod, reason, note),
        }
    }

    /// Makes an Event or counts it up, as a kubelet does.
    fn event(&mut self, due: Timestamp, pod: &pods::Named, reason: EventReason, note: Note) {
        let version = self.next_version();
        let second = Timestamp::from_second(due.as_second()).expect("a second");
        let known = self.events.values_mut().find(|event| {
            let of_pod =
                matches!(&event.subject, Subject::Pod { uid: Some(uid), .. } if *uid == pod.uid);
            of_pod && event.reason == reason && event.note == note
        });
        let event = if let Some(event) = known {
            event.count += 1;
            event.last_at = Some(second);
            event.resource_version = version;
            event.clone()
        } else {
            let event = pods::event(pod, reason, note, due, version);
            self.events.insert(event.name.clone(), event.clone());
            event
        };
        let stream = stream(Resource::Events, Some(reason.as_str()));
        self.append(due, stream, Observation::Event(Box::new(event)));
    }

    fn write(&mut self, now: Timestamp, view: &Workload) {
        let mut audit = written(view, self.version + 1);
        let name = audit.metadata.name.clone().unwrap_or_default();
        if !self.audits.contains_key(&name) {
            if !view.has_hooks() {
                return;
            }
            // It is made first, and written by whoever lives then.
            audit.status = None;
        }
        if let Some(stored) = self.audits.get(&name) {
            let is_old =
                view.basis.report_version.as_deref() != stored.metadata.resource_version.as_deref();
            let untold_gap = view.gap_matters && gap_count(&audit) > gap_count(stored);
            if is_old || told(stored) == told(&audit) && !untold_gap {
                return;
            }
        }
        self.next_version();
        self.put(now, audit);
    }

    fn put(&mut self, now: Timestamp, audit: HookAudit) {
        let name = audit.metadata.name.clone().unwrap_or_default();
        self.append(now, stream(Resource::HookAudits, None), seen(&audit));
        let _ = writeln!(self.story, "{now}: {name} holds {:?}", {
            self.audits.insert(name.clone(), audit);
            self.counted(&name)
        });
    }

    fn append(&mut self, at: Timestamp, stream: Stream, observation: Observation) {
        self.log.entry(stream).or_default().push((at, observation));
    }

    fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    /// What a list tells now; Events by their names, not in the order of their versions.
    fn state(&self) -> BTreeMap<Stream, Vec<Observation>> {
        let mut state = BTreeMap::new();
        state.insert(
            stream(Resource::HookAudits, None),
            self.audits.values().map(seen).collect(),
        );
        state.insert(
            stream(Resource::ReplicaSets, None),
            vec![pods::replica_set()],
        );
        state.insert(
            stream(Resource::Pods, None),
            self.pods.values().cloned().collect(),
        );
        for reason in REASONS {
            let events = self
                .events
                .values()
                .filter(|event| event.reason.as_str() == reason);
            let events = events.map(|event| Observation::Event(Box::new(event.clone())));
            state.insert(stream(Resource::Events, Some(reason)), events.collect());
        }
        state
    }
}

fn gap_count(audit: &HookAudit) -> i64 {
    let observation = audit
        .status
        .as_ref()
        .and_then(|status| status.observation.as_ref());
    observation.map_or(0, |observation| observation.gap_count)
}

/// What of a status is worth a write.
fn told(audit: &HookAudit) -> Option<hookaudit::api::HookAuditStatus> {
    let mut status = audit.status.clone()?;
    status.account = None;
    status.observation = None;
    for condition in &mut status.conditions {
        condition.last_transition_time =
            k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(Timestamp::UNIX_EPOCH);
    }
    Some(status)
}
