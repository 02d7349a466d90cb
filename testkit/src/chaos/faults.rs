//! Every fault.

#![expect(clippy::too_many_lines, reason = "a table is as long as it has rows")]

use super::fault::{Fault, Pods, Step, Whom};
use super::proxy::Way;
use Step::{
    AwaitFailures, AwaitReady, AwaitTakeover, Compact, Component, Cut, DeleteAudits, EditAudits,
    ForbidLeaseWatch, Grant, InstallResource, Kill, Mend, NoteExpired, Pause, RemoveResource,
    Resume, Sleep, Start, Terminate, Withdraw,
};
use Whom::{All, Leader};

/// The operator's own.
const LEASE_SECONDS: f64 = 15.0;
/// Within which another leads after the Lease has expired, after it was released, and where it cannot be watched.
const AFTER_LEASE: f64 = 2.0;
const AFTER_RELEASE: f64 = 2.0;
const AFTER_LEASE_POLLING: f64 = 10.0;
const AFTER_RELEASE_POLLING: f64 = 5.0;

const ALONE: &[&str] = &["--leader-elect=false"];
const ALONE_WITH_SHORT_EVENTS: &[&str] = &["--leader-elect=false", "--event-ttl-seconds=12"];
const ELECTED: &[&str] = &["--leader-elect=true"];
/// So that a replica that is killed every few seconds comes to lead.
const ELECTED_SOON: &[&str] = &[
    "--leader-elect=true",
    "--leader-election-lease-seconds=3",
    "--leader-election-renew-seconds=2",
    "--leader-election-retry-seconds=1",
];

pub fn all() -> Vec<Fault> {
    [operator(), cluster(), leaders(), user()].concat()
}

const PLAIN: Fault = Fault {
    name: "",
    about: "",
    cluster_flags: &[],
    replicas: 1,
    operator_flags: ALONE,
    scraped: false,
    pods: Pods::MadeUp(4.0),
    round: Vec::new(),
    rounds: 3,
    short_rounds: None,
    may_end: false,
};

fn operator() -> Vec<Fault> {
    vec![
        Fault {
            name: "calm",
            about: "nothing is done: what the others are measured by",
            round: vec![Start, AwaitReady, Sleep(20.0, 20.0)],
            short_rounds: Some(1),
            ..PLAIN
        },
        Fault {
            name: "operator-killed",
            about: "kill -9 at random points, pods failing and vanishing while it is down",
            round: vec![
                Start,
                Sleep(0.3, 6.0),
                AwaitFailures(1),
                Sleep(0.0, 0.6),
                Kill(All),
                Sleep(0.0, 2.5),
            ],
            operator_flags: ELECTED_SOON,
            rounds: 100,
            short_rounds: Some(8),
            ..PLAIN
        },
        Fault {
            name: "operator-killed-real",
            about: "kill -9 at random points, failures of a real kubelet",
            pods: Pods::Real,
            round: vec![Start, Sleep(0.3, 4.0), Kill(All), Sleep(0.0, 2.5)],
            rounds: 200,
            ..PLAIN
        },
        Fault {
            name: "operator-down-long",
            about: "kill -9, and down for 30 s in which whole workloads come, fail and lose their pods",
            round: vec![
                Start,
                AwaitReady,
                Sleep(3.0, 6.0),
                Kill(All),
                Sleep(30.0, 30.0),
            ],
            ..PLAIN
        },
        Fault {
            name: "operator-upgraded",
            about: "SIGTERM and started again",
            round: vec![
                Start,
                AwaitReady,
                Sleep(1.0, 4.0),
                Terminate(All),
                Sleep(0.0, 1.0),
            ],
            rounds: 10,
            short_rounds: Some(2),
            ..PLAIN
        },
    ]
}

fn cluster() -> Vec<Fault> {
    vec![
        Fault {
            name: "apiserver-killed",
            about: "kill -9 of kube-apiserver, back after seconds",
            round: vec![
                Start,
                AwaitReady,
                Sleep(3.0, 6.0),
                Component("kill", "kube-apiserver"),
                Sleep(1.0, 6.0),
                Component("start", "kube-apiserver"),
                Sleep(8.0, 12.0),
            ],
            short_rounds: Some(1),
            ..PLAIN
        },
        Fault {
            name: "etcd-killed",
            about: "kill -9 of etcd, back after seconds",
            round: vec![
                Start,
                AwaitReady,
                Sleep(3.0, 6.0),
                Component("kill", "etcd"),
                Sleep(2.0, 8.0),
                Component("start", "etcd"),
                Sleep(8.0, 12.0),
            ],
            ..PLAIN
        },
        Fault {
            name: "etcd-compacted",
            about: "etcd compacted while watches are cut, so that none can go on where it was",
            round: vec![
                Start,
                AwaitReady,
                Sleep(3.0, 6.0),
                Cut(All, Way::Closed),
                AwaitFailures(6),
                Compact,
                Mend,
                Sleep(4.0, 6.0),
                Compact,
                Sleep(2.0, 4.0),
            ],
            rounds: 5,
            ..PLAIN
        },
        Fault {
            name: "events-expired",
            about: "Events live 12 s, the operator is down for 40 s",
            cluster_flags: &["--event-ttl", "12s"],
            operator_flags: ALONE_WITH_SHORT_EVENTS,
            round: vec![
                Start,
                AwaitReady,
                NoteExpired,
                Sleep(6.0, 9.0),
                Kill(All),
                Sleep(40.0, 40.0),
                Start,
                AwaitReady,
                NoteExpired,
                Sleep(6.0, 9.0),
            ],
            rounds: 2,
            ..PLAIN
        },
        Fault {
            name: "no-streaming-lists",
            about: "an API server without streaming lists, the operator killed",
            cluster_flags: &["--feature-gates", "WatchList=false"],
            round: vec![
                Start,
                AwaitReady,
                Sleep(1.0, 4.0),
                Kill(All),
                Sleep(0.0, 2.0),
            ],
            rounds: 10,
            ..PLAIN
        },
    ]
}

fn leaders() -> Vec<Fault> {
    let two = Fault {
        replicas: 2,
        operator_flags: ELECTED,
        pods: Pods::MadeUp(3.0),
        ..PLAIN
    };
    let scraped_round = vec![
        Start,
        AwaitReady,
        Sleep(8.0, 12.0),
        Kill(Leader),
        AwaitTakeover(LEASE_SECONDS + AFTER_LEASE),
        Start,
        AwaitReady,
        Sleep(8.0, 12.0),
        Terminate(Leader),
        AwaitTakeover(AFTER_RELEASE),
    ];
    vec![
        Fault {
            name: "leader-scraped",
            about: "kill -9, then SIGTERM of the leader, under a real Prometheus with the shipped scrape configuration",
            scraped: true,
            round: scraped_round,
            rounds: 2,
            ..two.clone()
        },
        Fault {
            name: "leader-killed-polling",
            about: "kill -9 and SIGTERM of the leader where followers may not watch the Lease",
            round: vec![
                ForbidLeaseWatch,
                Start,
                AwaitReady,
                Sleep(2.0, 5.0),
                Kill(Leader),
                AwaitTakeover(LEASE_SECONDS + AFTER_LEASE_POLLING),
                Start,
                AwaitReady,
                Sleep(2.0, 5.0),
                Terminate(Leader),
                AwaitTakeover(AFTER_RELEASE_POLLING),
            ],
            rounds: 2,
            ..two.clone()
        },
        Fault {
            name: "leader-killed",
            about: "kill -9 of the leader",
            round: vec![
                Start,
                AwaitReady,
                Sleep(2.0, 5.0),
                Kill(Leader),
                AwaitTakeover(LEASE_SECONDS + AFTER_LEASE),
                Sleep(1.0, 4.0),
            ],
            short_rounds: Some(1),
            ..two.clone()
        },
        Fault {
            name: "leader-terminated",
            about: "SIGTERM to the leader",
            round: vec![
                Start,
                AwaitReady,
                Sleep(2.0, 5.0),
                Terminate(Leader),
                AwaitTakeover(AFTER_RELEASE),
                Sleep(1.0, 4.0),
            ],
            rounds: 6,
            short_rounds: Some(2),
            ..two.clone()
        },
        Fault {
            name: "leader-paused",
            about: "SIGSTOP to the leader, SIGCONT when another leads, scraped as well",
            scraped: true,
            round: vec![
                Start,
                AwaitReady,
                Sleep(2.0, 5.0),
                Pause(Leader),
                AwaitTakeover(LEASE_SECONDS + AFTER_LEASE),
                Sleep(1.0, 4.0),
                Resume,
                Sleep(4.0, 6.0),
            ],
            ..two.clone()
        },
        Fault {
            name: "leader-cut-off",
            about: "the leader's connections to the API server go silent, then come back",
            round: vec![
                Start,
                AwaitReady,
                Sleep(2.0, 5.0),
                Cut(Leader, Way::Silent),
                AwaitTakeover(LEASE_SECONDS + AFTER_LEASE),
                Sleep(1.0, 4.0),
                Mend,
                Sleep(6.0, 8.0),
            ],
            ..two.clone()
        },
        Fault {
            name: "leader-refused",
            about: "the leader's connections to the API server are refused, then come back",
            round: vec![
                Start,
                AwaitReady,
                Sleep(2.0, 5.0),
                Cut(Leader, Way::Closed),
                AwaitTakeover(LEASE_SECONDS + AFTER_LEASE),
                Sleep(1.0, 4.0),
                Mend,
                Sleep(6.0, 8.0),
            ],
            ..two
        },
    ]
}

fn user() -> Vec<Fault> {
    vec![
        Fault {
            name: "rights-withdrawn",
            about: "the role binding is deleted, watches are cut, the binding comes back",
            round: vec![
                Start,
                AwaitReady,
                Sleep(2.0, 4.0),
                Withdraw,
                Cut(All, Way::Closed),
                Mend,
                Sleep(10.0, 15.0),
                Grant,
                Sleep(12.0, 15.0),
            ],
            rounds: 2,
            may_end: true,
            ..PLAIN
        },
        Fault {
            name: "resource-removed",
            about: "the CustomResourceDefinition is deleted with every HookAudit, and installed again",
            round: vec![
                Start,
                AwaitReady,
                Sleep(6.0, 9.0),
                RemoveResource,
                Sleep(5.0, 8.0),
                InstallResource,
                Sleep(12.0, 15.0),
            ],
            rounds: 2,
            may_end: true,
            ..PLAIN
        },
        Fault {
            name: "audits-deleted",
            about: "a user deletes every HookAudit while their workloads go on",
            round: vec![
                Start,
                AwaitReady,
                Sleep(3.0, 5.0),
                DeleteAudits,
                Sleep(2.0, 4.0),
            ],
            rounds: 6,
            short_rounds: Some(2),
            ..PLAIN
        },
        Fault {
            name: "audits-edited",
            about: "a user edits specs and labels of every HookAudit while it is written",
            round: vec![Start, AwaitReady, EditAudits, Sleep(1.0, 2.0)],
            rounds: 10,
            ..PLAIN
        },
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_faults_have_one_name_and_each_says_what_it_is() {
        let faults = all();
        let names: BTreeSet<&str> = faults.iter().map(|fault| fault.name).collect();
        assert_eq!(names.len(), faults.len());
        assert!(
            faults
                .iter()
                .all(|fault| !fault.about.is_empty() && !fault.round.is_empty())
        );
    }

    #[test]
    fn some_are_short() {
        assert!(all().iter().any(|fault| fault.short_rounds.is_some()));
    }
}
