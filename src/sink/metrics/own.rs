//! Families about the cluster as a whole and about the operator itself.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use jiff::Timestamp;
use prometheus::proto::MetricType;

use crate::audit::record::{Gap, GapReason, WorkloadRef};
use crate::audit::seen::Resource;
use crate::audit::snapshot::{Active, Snapshot, Workload};
use crate::sink::events::{EventCounters, EventResult};
use crate::sink::status::{StatusCounters, WriteResult};

use super::families::{FAMILIES, Fold};
use super::text::{Kind, Text};
use super::{Leadership, Shared};

/// Series by pod name are few and the oldest.
const OVERDUE_PODS_MAX: usize = 500;

/// Gaps counted so far. A snapshot lists the latest only, and the last of them may still grow.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    counted: BTreeMap<(Timestamp, Resource, GapReason), Timestamp>,
    totals: BTreeMap<(Resource, GapReason), u64>,
    seconds: BTreeMap<Resource, f64>,
}

impl Gaps {
    fn count(&mut self, gaps: &[Gap]) {
        let known = std::mem::take(&mut self.counted);
        for gap in gaps {
            let key = (gap.from, gap.resource, gap.reason);
            let counted_to = known.get(&key).or(self.counted.get(&key)).copied();
            if counted_to.is_none() {
                *self.totals.entry((gap.resource, gap.reason)).or_default() += 1;
            }
            let counted_to = counted_to.unwrap_or(gap.from);
            let added = gap.to.duration_since(counted_to).as_secs_f64().max(0.0);
            *self.seconds.entry(gap.resource).or_default() += added;
            self.counted.insert(key, gap.to.max(counted_to));
        }
    }
}

/// Overdue pods by node, and the oldest of them by name.
pub(super) fn overdue(text: &mut Text, snapshot: &Snapshot) {
    let mut nodes: BTreeMap<&str, BTreeSet<u128>> = BTreeMap::new();
    let mut named = BTreeSet::new();
    let mut oldest = BinaryHeap::new();
    for (number, workload) in snapshot.workloads.iter().enumerate() {
        let overdue = |active: &&Active| active.overdue && active.hook.is_none();
        for active in workload.active.iter().filter(overdue) {
            if let Some(node) = active.node.as_deref() {
                nodes.entry(node).or_default().insert(active.pod_uid.0);
            }
            if named.insert((&*workload.namespace, &*active.pod)) {
                oldest.push((
                    active.since,
                    number,
                    &*active.pod,
                    active.node.as_deref(),
                    active.cause,
                ));
            }
            if oldest.len() > OVERDUE_PODS_MAX {
                oldest.pop();
            }
        }
    }
    let name = "hookaudit_node_pods_terminating_overdue";
    text.head(
        name,
        Kind::Gauge,
        "Pods past their deletion deadline on a node.",
    );
    for (node, pods) in nodes {
        text.sample(name, &[("node", node)], pods.len());
    }
    let name = "hookaudit_pod_termination_requested_timestamp_seconds";
    text.head(
        name,
        Kind::Gauge,
        "When the deletion of the oldest overdue pods was requested.",
    );
    for (since, number, pod, node, cause) in oldest.into_sorted_vec() {
        let workload = &snapshot.workloads[number];
        let labels = [
            ("namespace", &*workload.namespace),
            ("workload", &*workload.target.name),
            ("workload_type", &workload_type(workload)),
            ("pod", pod),
            ("node", node.unwrap_or_default()),
            ("cause", cause.label()),
        ];
        text.sample(name, &labels, since.as_second());
    }
}

/// The lower-case kind, or `barepod`.
pub(super) fn workload_type(workload: &Workload) -> String {
    if workload.target == WorkloadRef::bare_pods() {
        return "barepod".to_owned();
    }
    workload.target.kind.to_ascii_lowercase()
}

/// What the core has seen, and what it could not see.
pub(super) fn observation(text: &mut Text, snapshot: &Snapshot, gaps: &mut Gaps) {
    gaps.count(&snapshot.gaps);
    let gauge = |text: &mut Text, name: &str, help: &str, value: i64| {
        text.head(name, Kind::Gauge, help);
        text.sample(name, &[], value);
    };
    if let Some(from) = snapshot.observed_from {
        let name = "hookaudit_observation_start_timestamp_seconds";
        gauge(
            text,
            name,
            "Since when the cluster is watched.",
            from.as_second(),
        );
    }
    let length = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    gauge(
        text,
        "hookaudit_tracked_pods",
        "Pods known.",
        length(snapshot.tracked_pods),
    );
    gauge(
        text,
        "hookaudit_tracked_workloads",
        "Workloads known.",
        length(snapshot.workloads.len()),
    );
    let counters = &snapshot.counters;
    let help = "Kubernetes Events handled.";
    pairs(
        text,
        "hookaudit_kube_events_total",
        help,
        ["reason", "result"],
        &counters.events,
    );
    let help = "Settled runs and terminations by confidence of their verdict.";
    pairs(
        text,
        "hookaudit_correlations_total",
        help,
        ["kind", "confidence"],
        &counters.verdicts,
    );
    let help = "Input that could not be used.";
    pairs(
        text,
        "hookaudit_input_defects_total",
        help,
        ["resource", "field"],
        &counters.defects,
    );
    gaps_counted(text, gaps);
}

fn gaps_counted(text: &mut Text, gaps: &Gaps) {
    let name = "hookaudit_observation_gaps_total";
    text.head(
        name,
        Kind::Counter,
        "Stretches of time in which something could not be seen.",
    );
    for ((resource, reason), count) in &gaps.totals {
        text.sample(
            name,
            &[
                ("resource", resource.as_str()),
                ("reason", &snake_case(reason.as_str())),
            ],
            count,
        );
    }
    let name = "hookaudit_observation_gap_seconds_total";
    text.head(
        name,
        Kind::Counter,
        "Time in which something could not be seen.",
    );
    for (resource, seconds) in &gaps.seconds {
        text.sample(name, &[("resource", resource.as_str())], seconds);
    }
}

/// What the sinks did.
pub(super) fn writes(text: &mut Text, status: &StatusCounters, events: &EventCounters) {
    let name = "hookaudit_status_writes_total";
    text.head(name, Kind::Counter, "Writes of HookAudits by result.");
    for &result in WriteResult::ALL {
        text.sample(name, &[("result", result.label())], status.writes(result));
    }
    let name = "hookaudit_status_write_queue_length";
    text.head(name, Kind::Gauge, "HookAudits that wait to be written.");
    text.sample(name, &[], status.queue_length());
    let name = "hookaudit_status_account_bytes";
    text.head(
        name,
        Kind::Gauge,
        "What the largest status written carries to go on counting from.",
    );
    text.sample(name, &[], status.largest_account_bytes());
    let name = "hookaudit_event_writes_total";
    text.head(
        name,
        Kind::Counter,
        "Kubernetes Events told about incidents by result.",
    );
    for &result in EventResult::ALL {
        text.sample(name, &[("result", result.label())], events.events(result));
    }
}

/// How often the cap bit.
pub(super) fn capped(text: &mut Text, capped: &[u64; FAMILIES.len()]) {
    let name = "hookaudit_metric_series_capped_total";
    text.head(
        name,
        Kind::Counter,
        "Workloads added up as _other because a family reached its limit.",
    );
    for (family, count) in FAMILIES
        .iter()
        .zip(capped)
        .filter(|(family, _)| family.fold != Fold::Namespace)
    {
        text.sample(name, &[("metric", family.name)], count);
    }
}

/// The program, its part in the election, and its process.
pub(super) fn process(text: &mut Text, shared: &Shared, leadership: Option<Leadership>) {
    let name = "hookaudit_build_info";
    text.head(name, Kind::Gauge, "Version of the operator.");
    text.sample(
        name,
        &[
            ("version", shared.settings.version),
            ("revision", shared.settings.revision),
        ],
        1,
    );
    if let Some(leadership) = leadership {
        let name = "leader_election_master_status";
        text.head(name, Kind::Gauge, "Whether this replica holds the lease.");
        text.sample(
            name,
            &[("name", "hookaudit")],
            u8::from(leadership == Leadership::Leader),
        );
    }
    for family in shared.registry.gather() {
        gathered(text, &family);
    }
}

fn snake_case(word: &str) -> String {
    let mut label = String::with_capacity(word.len() + 4);
    for (at, letter) in word.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            label.push('_');
        }
        label.push(letter.to_ascii_lowercase());
    }
    label
}

fn pairs(
    text: &mut Text,
    name: &str,
    help: &str,
    labels: [&str; 2],
    counts: &[(&'static str, &'static str, u64)],
) {
    text.head(name, Kind::Counter, help);
    for (first, second, count) in counts {
        text.sample(name, &[(labels[0], first), (labels[1], second)], count);
    }
}

fn gathered(text: &mut Text, family: &prometheus::proto::MetricFamily) {
    let name = family.name();
    let kind = match family.get_field_type() {
        MetricType::COUNTER => Kind::Counter,
        MetricType::GAUGE => Kind::Gauge,
        MetricType::HISTOGRAM => Kind::Histogram,
        MetricType::SUMMARY | MetricType::UNTYPED => return,
    };
    text.head(name, kind, family.help());
    for metric in family.get_metric() {
        let labels: Vec<_> = metric
            .get_label()
            .iter()
            .map(|label| (label.name(), label.value()))
            .collect();
        match kind {
            Kind::Counter => text.sample(name, &labels, metric.get_counter().get_value()),
            Kind::Gauge => text.sample(name, &labels, metric.get_gauge().get_value()),
            Kind::Histogram => histogram(text, name, &labels, metric.get_histogram()),
        }
    }
}

fn histogram(
    text: &mut Text,
    name: &str,
    labels: &[(&str, &str)],
    histogram: &prometheus::proto::Histogram,
) {
    let bucket = format!("{name}_bucket");
    let mut bucket_of = |bound: &str, count: u64| {
        let labels: Vec<_> = labels.iter().copied().chain([("le", bound)]).collect();
        text.sample(&bucket, &labels, count);
    };
    for counted in histogram.get_bucket() {
        // OpenMetrics wants a floating point number here, and text does not mind.
        bucket_of(
            &format!("{:?}", counted.upper_bound()),
            counted.cumulative_count(),
        );
    }
    bucket_of("+Inf", histogram.get_sample_count());
    text.sample(&format!("{name}_sum"), labels, histogram.get_sample_sum());
    text.sample(
        &format!("{name}_count"),
        labels,
        histogram.get_sample_count(),
    );
}
