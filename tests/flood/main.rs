//! A flood of Events, and of pods that fail at once: what it costs, in which order it is told, and whether the
//! tallies are right in the end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
#![allow(clippy::print_stdout, reason = "figures are for people")]

mod api;
mod pods;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::{Api, Told};
use hookaudit::audit::auditor::{Auditor, Settings};
use hookaudit::audit::observation::Observation;
use hookaudit::audit::seen::{EventReason, Note, Resource, Stream};
use hookaudit::audit::snapshot::Snapshot;
use hookaudit::audit::words::{Hook, Outcome};
use hookaudit::leader::Mandate;
use hookaudit::sink::status::{Reports, StatusCounters, StatusSettings, StatusWriter};
use hookaudit::source::translate::{Presence, Translator};
use jiff::Timestamp;
use peak_alloc::PeakAlloc;
use pods::{Pod, moment};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The allocator counts for the whole process, so one test measures at a time.
static ALONE: Mutex<()> = Mutex::new(());

const FAILING: u32 = 10_000;
const QUIET_WORKLOADS: u32 = 2_000;
/// What one failing pod may cost at the peak: its case, its verdicts, its incident and its place in lists.
const PEAK_BYTES_PER_POD_MAX: usize = 12 << 10;
/// As the resource's schema has it: marks, pods that are open, and pods of which something is counted.
const ACCOUNT_BYTES_MAX: usize = 1_024 + 11_000 + 40_000;
const EVENTS: u32 = 100_000;
const PEAK_BYTES_OF_EVENTS_MAX: usize = 1 << 20;

/// Runs a test on paused time; all that it held is given back before the next one begins.
fn alone(test: impl Future<Output = ()>) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(test);
}

/// The core, the writer of statuses and an API server, on paused time.
struct Bench {
    auditor: Auditor,
    api: Api,
    snapshots: watch::Sender<Arc<Snapshot>>,
    counters: Arc<StatusCounters>,
    reports: Reports,
    started_at: Instant,
    cancel: CancellationToken,
}

impl Bench {
    fn start() -> Self {
        let (snapshots, latest) = watch::channel(Arc::new(Snapshot::default()));
        let (api, reports) = (Api::default(), Reports::default());
        let (counters, cancel) = (Arc::<StatusCounters>::default(), CancellationToken::new());
        reports.synced(&Stream::whole(Resource::HookAudits));
        let settings = StatusSettings::default();
        let counted = Arc::clone(&counters);
        let seen = reports.clone();
        let writer = StatusWriter::new(
            api.client(),
            Mandate::unlimited(),
            settings,
            latest,
            seen,
            counted,
        );
        tokio::spawn(writer.run(cancel.clone()));
        let mut auditor = Auditor::new(Settings::default());
        let pods = Stream::whole(Resource::Pods);
        auditor.handle(moment(0), Observation::Synced(pods));
        Self {
            auditor,
            api,
            snapshots,
            counters,
            reports,
            started_at: Instant::now(),
            cancel,
        }
    }

    fn now(&self) -> Timestamp {
        let passed = self.started_at.elapsed();
        moment(0).checked_add(passed).unwrap()
    }

    fn hand_in(&mut self, observation: Observation) {
        self.auditor.handle(self.now(), observation);
        while self.auditor.poll_transition().is_some() {}
    }

    /// Lets time pass, publishing as often as the operator does where something changed.
    async fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.auditor.handle_timeout(self.now());
            while self.auditor.poll_transition().is_some() {}
            self.snapshots.send_replace(self.auditor.snapshot());
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.see_what_was_written();
        }
    }

    /// HookAudits are observations like any other, whoever wrote them.
    fn see_what_was_written(&mut self) {
        for audit in self.api.take_news() {
            let text = audit.to_string();
            let translator = Translator::default();
            let seen = translator.object(Resource::HookAudits, Presence::Present, &text);
            for observation in seen.into_observations() {
                self.hand_in(observation);
            }
            let audit = serde_json::from_value(audit);
            self.reports
                .seen(&audit.unwrap_or_else(|error| panic!("{error}: {text}")));
        }
    }

    fn tallied(&self, namespace: &str, workload: &str, outcome: &str) -> i64 {
        let audit = self.api.audit(namespace, workload).unwrap();
        let hooks = audit["status"]["hooks"].as_array().unwrap();
        let told = hooks.iter().filter_map(|hook| hook[outcome].as_i64());
        told.sum()
    }
}

/// Ten thousand pods are deleted in the same second and all overrun their preStop, beside workloads whose pods
/// start well.
async fn fail_at_once(bench: &mut Bench, workloads: u32) -> Instant {
    let all = || (0..FAILING).map(|number| Pod::new(number, &failing(number % workloads)));
    for number in 0..workloads {
        bench.hand_in(pods::owner(&failing(number)));
    }
    for pod in all() {
        bench.hand_in(pod.running());
    }
    bench.pass(2).await;
    let asked_at = bench.now();
    for pod in all() {
        bench.hand_in(pod.deleted(asked_at));
        let begun = pod.event(EventReason::Killing, Note::StoppingContainer, bench.now());
        bench.hand_in(begun);
    }
    bench.pass(31).await;
    for number in 0..QUIET_WORKLOADS {
        bench.hand_in(pods::owner(&quiet(number)));
        bench.hand_in(Pod::new(FAILING + number, &quiet(number)).starting());
        bench.hand_in(Pod::new(FAILING + number, &quiet(number)).running());
    }
    for pod in all() {
        bench.hand_in(pod.event(EventReason::FailedPreStopHook, Note::None, bench.now()));
    }
    let failed_at = Instant::now();
    bench.pass(2).await;
    for pod in all() {
        bench.hand_in(pod.gone(asked_at, bench.now()));
    }
    failed_at
}

fn failing(number: u32) -> String {
    format!("failing-{number}")
}

fn quiet(number: u32) -> String {
    format!("quiet-{number}")
}

/// Peak bytes per pod, and when they had failed.
async fn flood(workloads: u32) -> (Bench, usize, Instant) {
    let before = ALLOCATOR.current_usage();
    let mut bench = Bench::start();
    ALLOCATOR.reset_peak_usage();
    let begun = std::time::Instant::now();
    let failed_at = fail_at_once(&mut bench, workloads).await;
    let taken = begun.elapsed();
    bench.pass(900).await;
    let peak = ALLOCATOR.peak_usage() - before;
    let per_pod = peak / (FAILING + QUIET_WORKLOADS) as usize;
    println!(
        "{FAILING} pods of {workloads} workloads failed at once beside {QUIET_WORKLOADS} that did not: \
         taken in within {taken:.1?}, peak {:.1} MiB, {per_pod} bytes per pod",
        peak as f64 / f64::from(1 << 20),
    );
    (bench, per_pod, failed_at)
}

fn assert_within_budget(bench: &Bench) {
    let settings = StatusSettings::default();
    let statuses = bench.api.status_writes();
    for (number, from) in statuses.iter().enumerate() {
        for (later, to) in statuses.iter().enumerate().skip(number) {
            let seconds = u32::try_from(to.at.duration_since(from.at).as_secs()).unwrap() + 1;
            let allowed = settings.writes_burst + settings.writes_per_second * seconds;
            let written = later - number + 1;
            assert!(
                written <= allowed as usize,
                "{written} writes within {seconds} s"
            );
        }
    }
    let (written, left) = (statuses.len(), bench.counters.queue_length());
    println!("{written} statuses written, {left} objects left waiting");
    assert_eq!(left, 0);
}

/// Every workload that failed was told before any that only had to be made.
fn assert_worst_first(bench: &Bench, workloads: u32, failed_at: Instant) {
    let statuses = bench.api.status_writes();
    let first_of = |told: &Told| {
        let same = |other: &Told| other.path == told.path && other.is_bad;
        statuses.iter().position(same)
    };
    let mut bad: Vec<usize> = statuses.iter().filter_map(first_of).collect();
    bad.sort_unstable();
    bad.dedup();
    assert_eq!(bad.len(), workloads as usize);
    let last = *bad.last().unwrap();
    let is_quiet = |told: &Told| told.path.contains("quiet-");
    let first_quiet = statuses.iter().position(is_quiet).unwrap();
    let waited = statuses[last].at.duration_since(failed_at);
    println!("all {workloads} failed workloads were told within {waited:.1?}, before the others");
    assert!(last < first_quiet, "{last} {first_quiet}");
    assert!(waited <= Duration::from_secs(10), "{waited:?}");
}

#[test]
fn ten_thousand_pods_of_twenty_workloads_fail_at_once() {
    alone(twenty_workloads());
}

async fn twenty_workloads() {
    let (bench, per_pod, failed_at) = flood(20).await;
    assert!(per_pod <= PEAK_BYTES_PER_POD_MAX, "{per_pod} bytes per pod");
    assert_within_budget(&bench);
    assert_worst_first(&bench, 20, failed_at);
    for number in 0..20 {
        let failed = bench.tallied("flood", &failing(number), "overran");
        assert_eq!(failed, i64::from(FAILING / 20), "{}", failing(number));
    }
    for number in 0..QUIET_WORKLOADS {
        assert_eq!(bench.tallied("flood", &quiet(number), "succeeded"), 1);
    }
    bench.cancel.cancel();
}

#[test]
fn ten_thousand_pods_of_one_workload_fail_at_once() {
    alone(one_workload());
}

async fn one_workload() {
    let (bench, per_pod, failed_at) = flood(1).await;
    assert!(per_pod <= PEAK_BYTES_PER_POD_MAX, "{per_pod} bytes per pod");
    assert_within_budget(&bench);
    assert_worst_first(&bench, 1, failed_at);
    let failed = bench.tallied("flood", &failing(0), "overran");
    assert_eq!(failed, i64::from(FAILING));
    let audit = bench.api.audit("flood", &failing(0)).unwrap();
    let observation = &audit["status"]["observation"];
    println!("its observation: {observation}");
    let gaps = observation["gapCount"].as_i64().unwrap();
    assert!(
        gaps >= 1,
        "an entry pushed out is a counted gap: {observation}"
    );
    println!("its object: {} bytes", audit.to_string().len());
    assert!(audit.to_string().len() < 128 << 10);
    let account_bytes = bench.counters.largest_account_bytes();
    println!("the largest account: {account_bytes} bytes");
    assert!((10_000..=ACCOUNT_BYTES_MAX).contains(&account_bytes));
    bench.cancel.cancel();
}

#[test]
fn a_hundred_thousand_events_on_one_pod() {
    alone(events_on_one_pod());
}

async fn events_on_one_pod() {
    for names in [1, EVENTS] {
        let mut bench = Bench::start();
        bench.hand_in(pods::owner("one"));
        let pod = Pod::new(1, "one");
        bench.hand_in(pod.starting());
        bench.pass(1).await;
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let begun = std::time::Instant::now();
        for number in 0..EVENTS {
            let at = bench.now();
            let event = pod.event_named(
                EventReason::FailedPostStartHook,
                number % names,
                number / names + 1,
                at,
            );
            bench.hand_in(event);
        }
        let taken = begun.elapsed();
        let peak = ALLOCATOR.peak_usage() - before;
        println!("{EVENTS} Events of {names} names on one pod: {taken:.1?}, peak {peak} bytes");
        assert!(peak <= PEAK_BYTES_OF_EVENTS_MAX, "{peak} bytes");
        bench.hand_in(pod.failed(bench.now()));
        bench.pass(900).await;
        assert_eq!(bench.tallied("flood", "one", "failed"), 1);
        let statuses = bench.api.status_writes();
        assert!(
            statuses.len() <= 4,
            "{} writes of one status",
            statuses.len()
        );
        let snapshot = bench.auditor.snapshot();
        let hook = snapshot.workloads[0]
            .hooks
            .iter()
            .find(|hook| hook.hook == Hook::PostStart);
        assert_eq!(hook.unwrap().count(Outcome::Failed), 1);
        bench.cancel.cancel();
    }
}
