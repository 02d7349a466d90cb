//! 100,000 series: the hand-written exposition beside a `prometheus` collector that is filled at each scrape.

#![allow(clippy::print_stdout, reason = "a benchmark tells its figures")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use hookaudit::audit::record::WorkloadRef;
use hookaudit::audit::seen::{HookSpec, Thresholds, Uid};
use hookaudit::audit::snapshot::{Basis, HookLedger, Snapshot, TerminationLedger, Workload};
use hookaudit::audit::words::{ContainerType, Handler, Hook, Outcome};
use hookaudit::sink::metrics::{Format, Gzip, MetricsSettings, Renderer};
use jiff::Timestamp;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Encoder, IntGaugeVec, Opts, Registry, TextEncoder};

const WORKLOADS: usize = 8_000;
const ROUNDS: u32 = 5;

fn main() {
    let snapshot = snapshot();
    let renderer = Renderer::new(MetricsSettings::default(), Arc::default(), Arc::default());
    let exposition =
        || renderer.exposition(Arc::clone(&snapshot), Timestamp::UNIX_EPOCH, Format::Text);
    let text: String = exposition().collect();
    let series = text.lines().filter(|line| !line.starts_with('#')).count();

    let (own, bytes) = best_of(|| exposition().map(|chunk| chunk.len()).sum());
    let (packed, packed_bytes) = best_of(|| Gzip::new(exposition()).map(|chunk| chunk.len()).sum());
    let registry = Registry::new();
    let collector = FilledAtScrape {
        snapshot: Arc::clone(&snapshot),
        series,
    };
    registry
        .register(Box::new(collector))
        .expect("one collector can be registered");
    let (other, other_bytes) = best_of(|| {
        let mut buffer = Vec::new();
        TextEncoder::new()
            .encode(&registry.gather(), &mut buffer)
            .expect("memory takes the text");
        buffer.len()
    });

    println!("series                    {series}");
    println!("hand-written              {own:>12.2?}  {bytes} bytes");
    println!("hand-written, gzip        {packed:>12.2?}  {packed_bytes} bytes");
    println!("prometheus collector      {other:>12.2?}  {other_bytes} bytes");
    println!(
        "ratio                     {:.1}",
        other.as_secs_f64() / own.as_secs_f64()
    );
}

fn best_of(mut scrape: impl FnMut() -> usize) -> (Duration, usize) {
    let rounds = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        let bytes = scrape();
        (start.elapsed(), bytes)
    });
    rounds.min().unwrap_or_default()
}

/// As many series with as many labels, from the same workloads.
struct FilledAtScrape {
    snapshot: Arc<Snapshot>,
    series: usize,
}

impl FilledAtScrape {
    fn family() -> IntGaugeVec {
        let labels = [
            "namespace",
            "workload",
            "workload_type",
            "container",
            "hook",
            "outcome",
        ];
        IntGaugeVec::new(Opts::new("hook_runs", "Observed hook runs"), &labels)
            .expect("the labels are valid")
    }
}

impl Collector for FilledAtScrape {
    fn desc(&self) -> Vec<&Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let family = Self::family();
        for number in 0..self.series {
            let workload = &self.snapshot.workloads[number % WORKLOADS];
            let outcome = format!("outcome-{}", number / WORKLOADS);
            let labels = [
                &*workload.namespace,
                &*workload.target.name,
                "deployment",
                "app",
                "preStop",
                &outcome,
            ];
            family.with_label_values(&labels).set(1);
        }
        family.collect()
    }
}

fn snapshot() -> Arc<Snapshot> {
    let mut workloads: Vec<_> = (0..WORKLOADS).map(workload).map(Arc::new).collect();
    workloads.sort_by(|a, b| {
        (&a.namespace, &a.target.kind, &a.target.name).cmp(&(
            &b.namespace,
            &b.target.kind,
            &b.target.name,
        ))
    });
    Arc::new(Snapshot {
        revision: 1,
        synced: true,
        workloads,
        ..Snapshot::default()
    })
}

fn workload(number: usize) -> Workload {
    let hook = HookLedger {
        container: "app".into(),
        container_type: ContainerType::Container,
        hook: Hook::PreStop,
        spec: HookSpec {
            handler: Handler::Exec,
            sleep_seconds: Some(5),
            program: None,
            digest: None,
            port: None,
            scheme: None,
        },
        outcomes: [1_000; Outcome::ALL.len()],
        duplicates: 0,
        amended: 0,
        amendments: Vec::new(),
        stuck: 0,
        last_outcome: None,
        last_reason: None,
        last_at: None,
        last_failure_at: None,
        longest_seconds: None,
        last_exit_code: None,
    };
    Workload {
        revision: 1,
        namespace: format!("namespace-{:03}", number % 400).into(),
        target: WorkloadRef {
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            name: format!("workload-with-a-name-{number:05}").into(),
        },
        uid: Some(Uid(1)),
        gone: false,
        since: Timestamp::UNIX_EPOCH,
        grace_seconds: Some(30),
        pods: 3,
        thresholds: Thresholds::default(),
        hooks: vec![hook],
        terminations: TerminationLedger::default(),
        active: Vec::new(),
        incidents: Vec::new(),
        incident_count: 0,
        streaks: Vec::new(),
        conditions: Vec::new(),
        gaps: Vec::new(),
        gap_count: 0,
        gap_seconds: 0,
        gap_matters: false,
        basis: Basis::default(),
    }
}
