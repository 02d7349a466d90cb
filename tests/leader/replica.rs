//! What the replicas have in common, and one of them.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hookaudit_testkit::cluster::{Cluster, Namespace};
use hookaudit_testkit::operator::Operator;
use hookaudit_testkit::wait::wait_for;
use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_hookaudit");
pub(crate) const NAMESPACE: &str = "hookaudit-system";
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// So that the audit log tells them apart; the second has the rights of the first.
const ACCOUNTS: [&str; 2] = ["hookaudit-manager", "hookaudit-standby"];

/// Everything that users apply. There are no controllers here, so that the Deployment makes no pods.
pub(crate) fn install(cluster: &Cluster) {
    let manifests = format!("{ROOT}/manifests/install.yaml");
    cluster
        .kubectl(&["apply", "--server-side", "-f", &manifests])
        .unwrap();
    cluster
        .wait_until_served("hookaudits.hookaudit.io")
        .unwrap();
}

pub(crate) struct Stage<'a> {
    pub(crate) cluster: &'a Cluster,
    namespace: Namespace<'a>,
    kubeconfigs: Vec<PathBuf>,
    began: Timestamp,
    started: Cell<u32>,
}

impl<'a> Stage<'a> {
    pub(crate) fn set(cluster: &'a Cluster) -> Self {
        install(cluster);
        let account = ACCOUNTS[1];
        let subject = format!("--serviceaccount={NAMESPACE}:{account}");
        for line in [
            ["create", "serviceaccount", account, "-n", NAMESPACE].as_slice(),
            &[
                "create",
                "clusterrolebinding",
                account,
                "--clusterrole=hookaudit-manager",
                &subject,
            ],
            &[
                "create",
                "rolebinding",
                account,
                "-n",
                NAMESPACE,
                "--role=hookaudit-leader-election",
                &subject,
            ],
        ] {
            cluster.kubectl(line).unwrap();
        }
        let kubeconfig = |account: &&str| cluster.kubeconfig_of(NAMESPACE, account).unwrap();
        Self {
            cluster,
            namespace: cluster.namespace("leader").unwrap(),
            kubeconfigs: ACCOUNTS.iter().map(kubeconfig).collect(),
            began: Timestamp::now(),
            started: Cell::new(0),
        }
    }

    /// The first leads, the second follows, both are warm.
    pub(crate) fn pair(&self, flags: &[&str]) -> (Replica, Replica) {
        let first = self.replica(0, None, flags);
        first.leads_within("alone", Duration::from_secs(5));
        let second = self.replica(1, None, flags);
        assert!(second.follows());
        (first, second)
    }

    pub(crate) fn replica(
        &self,
        number: usize,
        way: Option<SocketAddr>,
        flags: &[&str],
    ) -> Replica {
        let mut kubeconfig = self.kubeconfigs[number].clone();
        if let Some(way) = way {
            let text = std::fs::read_to_string(&kubeconfig).unwrap();
            let text = text.replace(&self.server(), &way.to_string());
            kubeconfig = kubeconfig.with_extension("proxied");
            std::fs::write(&kubeconfig, text).unwrap();
        }
        self.started.set(self.started.get() + 1);
        let folder = Path::new(ROOT).join("target/test");
        std::fs::create_dir_all(&folder).unwrap();
        let log = folder.join(format!("leader-{}.log", self.started.get()));
        let mut operator = Operator::start(Path::new(PROGRAM), &kubeconfig, &log, flags).unwrap();
        operator.wait_until_ready(Duration::from_secs(60)).unwrap();
        Replica {
            operator,
            user: format!("system:serviceaccount:{NAMESPACE}:{}", ACCOUNTS[number]),
        }
    }

    /// HOST:PORT of the API server.
    pub(crate) fn server(&self) -> String {
        let text = std::fs::read_to_string(&self.kubeconfigs[0]).unwrap();
        let (_, rest) = text.split_once("https://").unwrap();
        let end =
            rest.find(|letter: char| !letter.is_ascii_alphanumeric() && !".:".contains(letter));
        rest[..end.unwrap_or(rest.len())].to_owned()
    }

    /// Makes a pod with a hook, for which the leader has to make a report.
    pub(crate) fn declare(&self, workload: &str) {
        self.declare_in(workload, "app");
    }

    /// The same with the hook in this container; one report tells of all containers of a workload.
    pub(crate) fn declare_in(&self, workload: &str, container: &str) {
        let owner = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": workload,
            "uid": uid(workload), "controller": true});
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("{workload}-{container}"), "ownerReferences": [owner]},
            "spec": {
                "nodeName": "node-1", "automountServiceAccountToken": false,
                "containers": [{"name": container, "image": "none", "lifecycle": {"preStop": {
                    "exec": {"command": ["true"]}}}}],
            },
        });
        self.namespace.apply(&pod.to_string()).unwrap();
    }

    pub(crate) fn wait_for_report(&self, workload: &str) {
        self.wait_for_report_of(workload, "app");
    }

    pub(crate) fn wait_for_report_of(&self, workload: &str, containers: &str) {
        let name = format!("statefulset-{workload}");
        let told = [
            "get",
            "hookaudit",
            &name,
            "-o",
            "jsonpath={.status.hooks[*].container}",
        ];
        wait_for(60, || {
            self.namespace
                .kubectl(&told)
                .is_ok_and(|told| told == containers)
        });
    }

    /// What a replica asked the API server to change since then, but for its Lease and what changes nothing.
    pub(crate) fn writes(&self, replica: &Replica, since: Timestamp) -> Vec<String> {
        let requests = self.requests(since).into_iter();
        let writes = requests.filter(|line| {
            let verb = line["verb"].as_str().unwrap();
            line["user"]["username"] == *replica.user
                && !["get", "list", "watch"].contains(&verb)
                && line["objectRef"]["resource"] != "leases"
                && line["objectRef"]["apiGroup"] != "authorization.k8s.io"
        });
        writes
            .map(|line| {
                format!(
                    "{} {} at {}",
                    line["verb"], line["objectRef"], line["requestReceivedTimestamp"]
                )
            })
            .collect()
    }

    fn requests(&self, since: Timestamp) -> Vec<Value> {
        let log = self
            .cluster
            .audit_log()
            .expect("the cluster has an audit log");
        let log = std::fs::read_to_string(log).unwrap();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let at = |line: &Value| {
            line["requestReceivedTimestamp"]
                .as_str()
                .unwrap()
                .parse::<Timestamp>()
        };
        lines.filter(|line| at(line).unwrap() >= since).collect()
    }

    pub(crate) fn every_right_on_the_lease_was_used(&self) {
        let requests = self.requests(self.began);
        for verb in ["create", "get", "update", "watch"] {
            let used = requests.iter().any(|line| {
                line["objectRef"]["resource"] == "leases"
                    && line["verb"] == verb
                    && line["user"]["username"]
                        .as_str()
                        .unwrap()
                        .contains(NAMESPACE)
                    && line["responseStatus"]["code"].as_i64().unwrap() < 300
            });
            assert!(used, "nobody needed to {verb} leases");
        }
    }
}

/// One that says which workload it is of.
fn uid(workload: &str) -> String {
    let sum: u64 = workload.bytes().fold(7, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    });
    format!("00000000-0000-4000-8000-{:012x}", sum & 0xffff_ffff_ffff)
}

/// Ends them in order, so that none leaves a lease behind that has to expire.
pub(crate) fn end(replicas: impl IntoIterator<Item = Replica>) {
    for replica in replicas {
        replica.operator.stop().unwrap();
    }
}

pub(crate) struct Replica {
    pub(crate) operator: Operator,
    user: String,
}

impl Replica {
    pub(crate) fn metrics(&self) -> String {
        self.operator
            .get("/metrics")
            .map(|(_, body)| body)
            .unwrap_or_default()
    }

    fn is(&self, status: u8) -> bool {
        let line = format!("leader_election_master_status{{name=\"hookaudit\"}} {status}\n");
        self.metrics().contains(&line)
    }

    pub(crate) fn follows(&self) -> bool {
        self.is(0)
    }

    /// Prints how long it took.
    pub(crate) fn leads_within(&self, what: &str, limit: Duration) {
        let since = Instant::now();
        while !self.is(1) {
            assert!(
                since.elapsed() < limit,
                "{what}: no takeover in {limit:?}: {}",
                self.operator.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        println!("{what}: leads after {:.2} s", since.elapsed().as_secs_f64());
    }

    pub(crate) fn waits_to_write(&self) {
        wait_for(10, || {
            let metrics = self.metrics();
            let mut lines = metrics.lines();
            lines.any(|line| {
                line.strip_prefix("hookaudit_status_write_queue_length ")
                    .is_some_and(|length| length != "0")
            })
        });
    }
}
