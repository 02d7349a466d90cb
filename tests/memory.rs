//! What a large cluster costs, by a counting allocator: the whole core, snapshot included.

mod fleet;

use std::sync::{Arc, Mutex, PoisonError};

use hookaudit::audit::auditor::{Auditor, Settings};
use hookaudit::audit::observation::Observation;
use hookaudit::audit::seen::{
    Deletion, HookSpec, PodSeen, Resource, StateSeen, Stream, TerminatedReason, TerminatedSeen,
};
use hookaudit::audit::snapshot::Snapshot;
use hookaudit::audit::words::Handler;
use jiff::Timestamp;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The allocator counts for the whole process, so one test measures at a time.
static ALONE: Mutex<()> = Mutex::new(());

const WORKLOADS: u64 = 6_000;
const PODS: usize = 150_000;
const BYTES_PER_POD_MAX: usize = 200;
const CASES: usize = 10_000;
/// Of many cases that are closed some thousand are kept, for Events that come late.
const BYTES_OF_CLOSED_CASES_MAX: usize = 20 << 20;
/// A case is a pod that stops: two containers' worth of facts, its last verdicts and its timers.
const BYTES_PER_CASE_MAX: usize = 4_096;

/// Events come last: until then nothing settles.
const LISTED: [Resource; 4] = [
    Resource::ReplicaSets,
    Resource::Jobs,
    Resource::Pods,
    Resource::Events,
];

/// A synced core that knows the fleet's owners and has taken these pods in, in the order of first lists.
fn core_with(pods: impl Iterator<Item = PodSeen>) -> (Auditor, Arc<Snapshot>) {
    let now = moment(0);
    let mut auditor = Auditor::new(Settings {
        seed: 7,
        streams: LISTED.map(Stream::whole).into(),
        ..Settings::default()
    });
    for owner in fleet::owners(WORKLOADS) {
        auditor.handle(now, Observation::Owner(owner));
    }
    for pod in pods {
        auditor.handle(now, Observation::Pod(Box::new(pod)));
    }
    for resource in LISTED {
        auditor.handle(now, Observation::Synced(Stream::whole(resource)));
    }
    assert!(auditor.is_synced());
    let snapshot = auditor.snapshot();
    (auditor, snapshot)
}

fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_100_000 + seconds).expect("a time within range")
}

#[test]
fn a_pod_without_hooks_costs_at_most_200_bytes_and_a_case_at_most_4_kib() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let empty = ALLOCATOR.current_usage();
    let (mut auditor, snapshot) = core_with(fleet::pods(WORKLOADS, 0));
    assert_eq!((snapshot.tracked_pods, snapshot.open_cases), (PODS, 0));
    let per_pod = (ALLOCATOR.current_usage() - empty) / PODS;
    println!(
        "{per_pod} live heap bytes per pod without hooks; owners, ledgers and snapshot included"
    );
    assert!(per_pod <= BYTES_PER_POD_MAX, "{per_pod} bytes per pod");
    drop(snapshot);

    let before = ALLOCATOR.current_usage();
    for pod in fleet::pods(WORKLOADS, 0).take(CASES) {
        auditor.handle(moment(60), Observation::Pod(Box::new(stopping(pod))));
    }
    assert_eq!(auditor.snapshot().open_cases, CASES);
    while auditor.poll_transition().is_some() {}
    let per_case = (ALLOCATOR.current_usage() - before) / CASES;
    println!("{per_case} live heap bytes per case of a stopping pod, its workload's news included");
    assert!(per_case <= BYTES_PER_CASE_MAX, "{per_case} bytes per case");

    for pod in fleet::pods(WORKLOADS, 0).take(CASES) {
        auditor.handle(moment(61), Observation::PodGone(Box::new(stopping(pod))));
    }
    auditor.handle_timeout(moment(61 + 150));
    assert_eq!(auditor.snapshot().open_cases, 0);
    while auditor.poll_transition().is_some() {}
    let closed = ALLOCATOR.current_usage().saturating_sub(before);
    println!("{closed} live heap bytes of {CASES} closed cases, their workloads' news included");
    assert!(closed <= BYTES_OF_CLOSED_CASES_MAX, "{closed} bytes");
}

#[test]
fn a_pod_with_hooks_that_rests_costs_little_more_than_one_without() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let empty = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let hooked = fleet::pods(WORKLOADS, 0).map(|mut pod| {
        pod.containers[0].pre_stop = Some(exec());
        pod
    });
    let (auditor, snapshot) = core_with(hooked);
    assert_eq!((snapshot.tracked_pods, snapshot.open_cases), (PODS, 0));
    let per_pod = (ALLOCATOR.current_usage() - empty) / PODS;
    let while_listed = (ALLOCATOR.peak_usage() - empty) / PODS;
    println!("{per_pod} live heap bytes per pod with a hook, {while_listed} until all is listed");
    assert!(per_pod <= 2 * BYTES_PER_POD_MAX, "{per_pod} bytes per pod");
    assert!(
        while_listed <= 3 * BYTES_PER_POD_MAX,
        "{while_listed} bytes per pod until all is listed"
    );
    drop(auditor);
}

fn exec() -> HookSpec {
    HookSpec {
        handler: Handler::Exec,
        sleep_seconds: None,
        program: None,
        digest: None,
        port: None,
        scheme: None,
    }
}

/// The pod while it is deleted, its container ended.
fn stopping(mut pod: PodSeen) -> PodSeen {
    pod.deletion = Some(Deletion {
        deadline: moment(90),
        grace_seconds: 30,
    });
    if let Some(status) = &mut pod.containers[0].status {
        status.state = StateSeen::Terminated(TerminatedSeen {
            exit_code: 0,
            reason: TerminatedReason::Completed,
            started_at: Some(moment(-1_000)),
            finished_at: Some(moment(59)),
            container_id: None,
        });
    }
    pod
}
