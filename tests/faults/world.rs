//! A cluster of one API server, one kubelet's writings and some operators, which all share one time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hookaudit::api::{HookAudit, HookStatus};
use hookaudit::audit::snapshot::Snapshot;
use hookaudit_testkit::api_server::{ApiServer, Faults, Write};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::node::{Action, Life, Workload};
use crate::replica::{LEASE_NAMESPACE, Replica};

/// The world moves on in steps of this; within one, operators do not see each other.
const STEP: Duration = Duration::from_millis(100);

/// Requests that one stream may send in any minute, whatever happens: 27 tries where nobody answers
/// (0.4, 0.8, 1.6, then 2.5 s apart at least), each with at most two requests.
pub(crate) const REQUESTS_PER_MINUTE_MAX: usize = 54;

const RENEW_DEADLINE: Duration = Duration::from_secs(10);

/// A try every 2 s, and a watch that ends at once every 2 s, with one of each to spare.
const ELECTION_REQUESTS_PER_MINUTE_MAX: usize = 62;
const EVENT_STREAMS: usize = 12;

pub(crate) struct World {
    pub(crate) server: ApiServer,
    pub(crate) elapsed: Duration,
    pub(crate) replicas: BTreeMap<String, Replica>,
    /// What operators watch; `None` for everything.
    namespaces: Option<&'static str>,
    start: Timestamp,
    waiting: VecDeque<Action>,
    lives: Vec<Life>,
    started: u32,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of(None)
    }

    /// One where operators watch these namespaces alone, if any.
    pub(crate) fn of(namespaces: Option<&'static str>) -> Self {
        let server = ApiServer::default();
        for namespace in ["default", "shop", LEASE_NAMESPACE] {
            let object = json!({"status": {"phase": "Active"}});
            server.put(&format!("/api/v1/namespaces/{namespace}"), object);
        }
        let ready = json!([{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-22T11:00:00Z"}]);
        server.put(
            "/api/v1/nodes/node-1",
            json!({"status": {"conditions": ready}}),
        );
        for workload in Workload::ALL {
            let (path, object) = workload.owner();
            server.put(&path, object);
        }
        Self {
            server,
            elapsed: Duration::ZERO,
            replicas: BTreeMap::new(),
            namespaces,
            start: "2026-11-22T12:00:00Z".parse().unwrap(),
            waiting: VecDeque::new(),
            lives: Vec::new(),
            started: 0,
        }
    }

    /// One with a synced operator `a`.
    pub(crate) fn with_operator() -> Self {
        Self::with_operator_of(None)
    }

    /// The same, where operators watch these namespaces alone, if any.
    pub(crate) fn with_operator_of(namespaces: Option<&'static str>) -> Self {
        let mut world = Self::of(namespaces);
        world.start("a");
        world.run(10);
        assert!(world.snapshot("a").synced, "not synced within 10 s");
        world
    }

    pub(crate) fn start(&mut self, name: &str) {
        self.start_where(name, |_| {});
    }

    /// Starts an operator for which this goes wrong.
    pub(crate) fn start_where(&mut self, name: &str, change: impl FnOnce(&mut Faults)) {
        self.started += 1;
        let identity = format!("{name}-{}", self.started);
        self.server.disturb_one(&identity, change);
        let now = self.start + SignedDuration::try_from(self.elapsed).unwrap();
        let replica = Replica::start(&identity, &self.server, self.namespaces, now, self.elapsed);
        self.replicas.insert(name.to_owned(), replica);
    }

    /// Ends it without any warning.
    pub(crate) fn kill(&mut self, name: &str) {
        self.replicas.remove(name);
    }

    /// Starts it anew after a kill, with the same connection.
    pub(crate) fn kill_and_start(&mut self, name: &str, after_seconds: u64) {
        let Some(replica) = self.replicas.remove(name) else {
            return;
        };
        let identity = replica.identity.clone();
        drop(replica);
        self.run(after_seconds);
        let faults = self.server.faults_of(&identity);
        self.start_where(name, |same| *same = faults);
    }

    /// Nothing of it runs, while its clocks go on.
    pub(crate) fn stop(&mut self, name: &str) {
        if let Some(replica) = self.replicas.get_mut(name) {
            replica.stop();
        }
    }

    pub(crate) fn resume(&mut self, name: &str) {
        if let Some(replica) = self.replicas.get_mut(name) {
            replica.resume(self.elapsed);
        }
    }

    pub(crate) fn set_clock_ahead(&self, name: &str, seconds: i64) {
        if let Some(replica) = self.replicas.get(name) {
            replica.set_clock_ahead(seconds);
        }
    }

    /// Changes what goes wrong for one operator.
    pub(crate) fn disturb(&self, name: &str, change: impl FnOnce(&mut Faults)) {
        if let Some(replica) = self.replicas.get(name) {
            self.server.disturb_one(&replica.identity, change);
        }
    }

    /// These pods come and go, from now on.
    pub(crate) fn live(&mut self, lives: impl IntoIterator<Item = Life>) {
        let now = self.elapsed.as_secs_f64();
        for mut life in lives {
            life.begins_seconds += now;
            self.waiting.extend(life.actions(self.start));
            self.lives.push(life);
        }
        let order = |one: &Action, other: &Action| one.at_seconds.total_cmp(&other.at_seconds);
        self.waiting.make_contiguous().sort_by(order);
    }

    pub(crate) fn run(&mut self, seconds: u64) {
        self.run_millis(seconds * 1000);
    }

    pub(crate) fn run_millis(&mut self, milliseconds: u64) {
        let until = self.elapsed + Duration::from_millis(milliseconds);
        while self.elapsed < until {
            self.elapsed += STEP;
            let now = self.elapsed.as_secs_f64();
            while let Some(action) = self.waiting.pop_front_if(|action| action.at_seconds <= now) {
                match action.object {
                    Some(object) => self.server.put(&action.path, object),
                    None => self.server.remove(&action.path),
                }
            }
            for replica in self.replicas.values_mut() {
                replica.run_until(self.elapsed);
            }
        }
    }

    /// The name of who holds the Lease.
    pub(crate) fn holder(&self) -> String {
        let path =
            format!("/apis/coordination.k8s.io/v1/namespaces/{LEASE_NAMESPACE}/leases/hookaudit");
        let lease = self.server.object(&path).unwrap_or_default();
        let identity = lease["spec"]["holderIdentity"].as_str();
        let name = identity.and_then(|identity| identity.split('-').next());
        name.unwrap_or_default().to_owned()
    }

    /// Everything works, and nothing new happens, until all is settled and written.
    pub(crate) fn rest(&mut self) {
        self.server.disturb(|faults| *faults = Faults::default());
        for replica in self.replicas.values_mut() {
            replica.resume(self.elapsed);
        }
        self.run(900);
        assert!(self.waiting.is_empty(), "pods still live");
    }

    pub(crate) fn snapshot(&self, name: &str) -> Arc<Snapshot> {
        self.replicas[name].snapshot()
    }

    /// What the API holds of this workload.
    pub(crate) fn report(&self, workload: Workload) -> HookAudit {
        let object = self.server.object(&workload.report_path());
        serde_json::from_value(object.expect("no HookAudit")).unwrap()
    }

    fn sum(&self, workload: Workload, of: impl Fn(&Life) -> u32) -> i64 {
        let lives = self.lives.iter().filter(|life| life.workload == workload);
        lives.map(of).map(i64::from).sum()
    }

    /// Each failure is counted once. So is each other run, but for one of a pod of which nothing was seen, in a gap that
    /// is told of.
    pub(crate) fn assert_true(&self) {
        for workload in Workload::ALL {
            let runs = self.sum(workload, Life::runs);
            let failed = self.sum(workload, |life| life.failures);
            let hook = self.hook(workload);
            assert_eq!(hook.failed, failed, "{workload:?}: {hook:#?}");
            let counted = hook.succeeded + hook.failed + hook.unknown;
            assert!(
                counted == runs || counted < runs && self.has_gap(workload),
                "{workload:?}: {runs} runs, {hook:#?}"
            );
        }
    }

    /// What the API holds of the workload's hook; nothing where it has none.
    pub(crate) fn hook(&self, workload: Workload) -> HookStatus {
        let report = self.server.object(&workload.report_path());
        let hooks = report.map(|report| report["status"]["hooks"].clone());
        let hooks: Vec<HookStatus> = hooks.map_or_else(Vec::new, |hooks| {
            serde_json::from_value(hooks).unwrap_or_default()
        });
        assert!(hooks.len() <= 1, "{hooks:#?}");
        let nothing = || {
            let names = json!({"container": "", "hook": "", "containerType": "", "handler": ""});
            serde_json::from_value(names).unwrap()
        };
        hooks.into_iter().next().unwrap_or_else(nothing)
    }

    /// A status tells of one, or the metrics of an operator do.
    fn has_gap(&self, workload: Workload) -> bool {
        let report = self
            .server
            .object(&workload.report_path())
            .unwrap_or_default();
        let told = report["status"]["observation"]["gapCount"].as_i64();
        let counted = |replica: &Replica| !replica.snapshot().gaps.is_empty();
        told.is_some_and(|count| count > 0) || self.replicas.values().any(counted)
    }

    /// Writes that are no step of the election.
    pub(crate) fn reports_written(&self) -> usize {
        let writes = self.server.writes();
        writes.iter().filter(|write| !is_election(write)).count()
    }

    /// Whoever wrote held the Lease by then, and had renewed it just before by its own clock.
    pub(crate) fn assert_one_writer(&self) {
        let mut holder = String::new();
        let mut renewed_at = BTreeMap::new();
        for write in self.server.writes() {
            if is_election(&write) {
                if write.code < 300 {
                    let identity = write.body["spec"]["holderIdentity"].as_str();
                    holder = identity.unwrap_or_default().to_owned();
                    renewed_at.insert(write.client.clone(), write.at);
                }
                continue;
            }
            let (writer, uri) = (&*write.client, &write.uri);
            assert_eq!(
                writer, holder,
                "{uri}: {writer} wrote while {holder} held the Lease"
            );
            let since = write.at.duration_since(renewed_at[writer]);
            assert!(
                since <= RENEW_DEADLINE,
                "{uri}: {writer} wrote {since:?} after its last renewal"
            );
        }
    }

    /// No stream of any operator asked all the time.
    pub(crate) fn assert_calm(&self) {
        for identity in self.server.clients() {
            for ((resource, selector), requests) in self.server.calls(&identity).busiest_minutes() {
                let most = match (&*resource, &*selector) {
                    ("leases", _) => ELECTION_REQUESTS_PER_MINUTE_MAX,
                    // How far the API server is, all of them ask without their selectors.
                    ("events", "") => EVENT_STREAMS * REQUESTS_PER_MINUTE_MAX,
                    _ => REQUESTS_PER_MINUTE_MAX,
                };
                assert!(
                    requests <= most,
                    "{identity}: {requests} requests in a minute for {resource} {selector}"
                );
            }
        }
    }
}

fn is_election(write: &Write) -> bool {
    write.uri.contains("/leases")
}
