//! Two operators, one of which writes, on a real API server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
#![allow(clippy::print_stdout, reason = "it tells how long takeovers took")]

mod proxy;
mod replica;

use std::process::Command;
use std::time::{Duration, Instant};

use hookaudit_testkit::cluster::Cluster;
use hookaudit_testkit::cluster_or_skip;
use hookaudit_testkit::wait::wait_for;
use jiff::Timestamp;
use proxy::Proxy;
use replica::{PROGRAM, Stage, end};
use serde_json::json;

/// A lease that expires soon: 4 s, of which the leader uses 3.
const SHORT: &[&str] = &[
    "--leader-election-lease-seconds=4",
    "--leader-election-renew-seconds=3",
    "--leader-election-retry-seconds=1",
];
const SHORT_LEASE: Duration = Duration::from_secs(4);
const DEFAULT_LEASE: Duration = Duration::from_secs(15);
/// What is promised beyond the lease, and as much again for a busy machine.
const TAKEOVER: Duration = Duration::from_secs(4);

/// One after the other: there is one Lease, because the shipped Role allows no other.
#[test]
fn one_of_two_replicas_writes_and_the_other_takes_over() {
    let cluster = cluster_or_skip!(Cluster::api_server());
    let stage = Stage::set(&cluster);
    only_the_leader_writes_and_exports(&stage);
    a_leader_that_ends_is_succeeded_at_once(&stage);
    a_leader_that_was_killed_is_succeeded_when_its_lease_expires(&stage);
    a_leader_that_was_stopped_writes_nothing_when_it_goes_on(&stage);
    a_leader_that_is_cut_off_leads_no_longer(&stage);
    a_follower_that_may_not_watch_takes_over_too(&stage);
    stage.every_right_on_the_lease_was_used();
}

fn only_the_leader_writes_and_exports(stage: &Stage<'_>) {
    let began = Timestamp::now();
    let (first, second) = stage.pair(SHORT);
    stage.declare("alone");
    stage.wait_for_report("alone");
    assert!(!stage.writes(&first, began).is_empty());
    assert!(stage.writes(&second, began).is_empty());
    assert!(first.metrics().contains("\nhookaudit_hook_info{"));
    assert!(!second.metrics().contains("\nhookaudit_hook_info{"));
    assert!(second.metrics().contains("\nhookaudit_tracked_pods "));
    end([first, second]);
}

fn a_leader_that_ends_is_succeeded_at_once(stage: &Stage<'_>) {
    let (first, second) = stage.pair(&[]);
    stage.declare("before-the-end");
    first.operator.signal("TERM").unwrap();
    second.leads_within("after SIGTERM", Duration::from_secs(2));
    stage.wait_for_report("before-the-end");
    assert!(first.operator.log().contains("releasing the lease"));
    end([first, second]);
}

fn a_leader_that_was_killed_is_succeeded_when_its_lease_expires(stage: &Stage<'_>) {
    let (first, second) = stage.pair(&[]);
    first.operator.signal("KILL").unwrap();
    second.leads_within("after SIGKILL", DEFAULT_LEASE + TAKEOVER);
    end([second]);
}

fn a_leader_that_was_stopped_writes_nothing_when_it_goes_on(stage: &Stage<'_>) {
    let (first, second) = stage.pair(SHORT);
    stage.declare("in-mid-write");
    stage.wait_for_report("in-mid-write");
    // In the middle of the wait for what comes with it, so that the write is due when the leader goes on.
    stage.declare_in("in-mid-write", "two");
    first.waits_to_write();
    first.operator.signal("STOP").unwrap();
    let stopped = Timestamp::now();
    second.leads_within("after SIGSTOP", SHORT_LEASE + TAKEOVER);
    stage.wait_for_report_of("in-mid-write", "app two");
    stage.declare("while-stopped");
    stage.wait_for_report("while-stopped");
    first.operator.signal("CONT").unwrap();
    wait_for(20, || first.follows());
    stage.declare("after-it-went-on");
    stage.wait_for_report("after-it-went-on");
    assert_eq!(stage.writes(&first, stopped), Vec::<String>::new());
    assert!(stage.writes(&second, stopped).len() >= 3);
    end([first, second]);
}

fn a_leader_that_is_cut_off_leads_no_longer(stage: &Stage<'_>) {
    let proxy = Proxy::start(&stage.server());
    let first = stage.replica(0, Some(proxy.address()), SHORT);
    first.leads_within("alone", SHORT_LEASE + TAKEOVER);
    let second = stage.replica(1, None, SHORT);
    assert!(second.follows());
    proxy.cut();
    let cut = Timestamp::now();
    stage.declare("while-cut-off");
    let since = Instant::now();
    second.leads_within("after the cut", SHORT_LEASE + TAKEOVER);
    assert!(
        first.follows(),
        "two lead {:?} after the cut",
        since.elapsed()
    );
    stage.wait_for_report("while-cut-off");
    proxy.mend();
    stage.declare("in-one-piece");
    stage.wait_for_report("in-one-piece");
    wait_for(30, || {
        first
            .operator
            .log()
            .contains("can be read and written again")
    });
    assert!(first.follows());
    assert_eq!(stage.writes(&first, cut), Vec::<String>::new());
    end([first, second]);
}

fn a_follower_that_may_not_watch_takes_over_too(stage: &Stage<'_>) {
    let polls = |first: &str| {
        let patch =
            json!([{"op": "replace", "path": "/rules/1/verbs", "value": ["get", "update", first]}]);
        let role = [
            "patch",
            "role",
            "hookaudit-leader-election",
            "-n",
            replica::NAMESPACE,
        ];
        let patch = patch.to_string();
        stage
            .cluster
            .kubectl(&[&role[..], &["--type=json", "-p", &patch]].concat())
            .unwrap();
    };
    polls("patch");
    let (first, second) = stage.pair(&[]);
    assert!(
        second
            .operator
            .log()
            .contains("not allowed to watch leases")
    );
    first.operator.signal("TERM").unwrap();
    second.leads_within(
        "after SIGTERM, by polling",
        Duration::from_secs(5) + TAKEOVER,
    );
    end([first, second]);
    polls("watch");
}

#[test]
fn an_election_without_its_namespace_is_refused_with_the_ways_out() {
    let cluster = cluster_or_skip!(Cluster::api_server());
    replica::install(&cluster);
    let kubeconfig = cluster.kubeconfig().to_str().unwrap();
    let output = Command::new("timeout")
        .args(["60", PROGRAM, "run", "--kubeconfig", kubeconfig])
        .arg("--leader-election-namespace=nowhere")
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{words}");
    for part in [
        "nowhere",
        "--leader-election-namespace",
        "--leader-elect=false",
    ] {
        assert!(words.contains(part), "{part} is not in {words}");
    }
}
