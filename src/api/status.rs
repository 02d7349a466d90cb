//! The status as the API holds it: whole seconds and percents, bounded lists and texts, words as plain strings.
//!
//! Unknown fields are preserved, because server-side apply refuses a status with a field that the installed definition
//! does not declare: a newer operator would otherwise be mute until its definition is installed too.

#![allow(
    unreachable_pub,
    reason = "`KubeSchema` copies each struct into a function"
)]

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

pub(super) const HOOKS_MAX: usize = 40;
pub(super) const ACTIVE_MAX: usize = 10;
pub(super) const INCIDENTS_MAX: usize = 20;
pub(super) const STREAKS_MAX: usize = 20;
pub(super) const GAPS_MAX: usize = 5;
pub(super) const EVIDENCE_MAX: usize = 4;
pub(super) const EVIDENCE_LENGTH: usize = 80;
pub(super) const MESSAGE_LENGTH: usize = 256;
pub(super) const DETAIL_LENGTH: usize = 192;
pub(super) const AMENDMENTS_LENGTH: usize = 128;
pub(super) const BUCKETS_LENGTH: usize = 768;

/// What the operator saw. No text in it holds a number that moves by itself.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct HookAuditStatus {
    /// The `metadata.generation` of the spec that this was judged by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `terminationGracePeriodSeconds` of the newest pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub termination_grace_period_seconds: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observation: Option<ObservationStatus>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<ConditionStatus>,
    /// What the conditions rest on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub streaks: Vec<StreakStatus>,
    /// Declared hooks, those not listed included.
    #[serde(default)]
    pub hook_count: i64,
    /// Tallies per hook; those of the last hooks are added up under the container `_other`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 40))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["container".into(), "hook".into()]))]
    pub hooks: Vec<HookStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminations: Option<TerminationsStatus>,
    /// Pods that terminate now.
    #[serde(default)]
    pub terminating_count: i64,
    /// What starts or stops now and is worth showing, those not listed included.
    #[serde(default)]
    pub active_count: i64,
    /// Most urgent first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub active: Vec<ActiveStatus>,
    /// Absent while declared hooks are not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding_count: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["rule".into(), "container".into(), "hook".into()]))]
    pub findings: Vec<FindingStatus>,
    /// Incidents so far, those no longer listed included.
    #[serde(default)]
    pub incident_count: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time_schema")]
    pub last_incident_time: Option<Time>,
    /// Newest last; the worst are kept longest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub incidents: Vec<IncidentStatus>,
    /// What of these tallies is counted. It is for the operator: with it nothing is lost, and nothing counted
    /// twice, over restarts and failovers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountStatus>,
}

/// What of a status's tallies is counted, written together with them.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct AccountStatus {
    /// Names the process that wrote it.
    #[schemars(length(max = 16))]
    pub writer: String,
    /// Verdicts that this process had counted.
    pub sequence: i64,
    /// When the tallies were read.
    #[schemars(schema_with = "time_schema")]
    pub time: Time,
    /// The newest Events taken in, packed as `reason:resourceVersion`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub marks: String,
    /// All pods that lived, as one number.
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub living: String,
    /// Pods that are not counted yet, packed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 11_000))]
    pub open: String,
    /// Pods of which something is counted, packed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 40_000))]
    pub counted: String,
}

impl AccountStatus {
    /// Its length, as far as that grows with the workload.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.marks.len() + self.open.len() + self.counted.len()
    }
}

/// Since when the workload is watched, and what of that time could not be seen.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct ObservationStatus {
    #[schemars(schema_with = "time_schema")]
    pub since: Time,
    #[serde(default)]
    pub gap_count: i64,
    #[serde(default)]
    pub lost_seconds: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub gaps: Vec<GapStatus>,
}

/// A stretch of time in which something could not be seen.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct GapStatus {
    #[schemars(schema_with = "time_schema")]
    pub from: Time,
    #[schemars(schema_with = "time_schema")]
    pub to: Time,
    #[schemars(length(max = 32))]
    pub resource: String,
    #[schemars(length(max = 32))]
    pub reason: String,
}

/// One condition, all of positive polarity.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct ConditionStatus {
    #[serde(rename = "type")]
    #[schemars(length(max = 64))]
    pub condition_type: String,
    /// True, False or Unknown.
    #[schemars(length(max = 16))]
    pub status: String,
    #[schemars(length(max = 64))]
    pub reason: String,
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    #[schemars(schema_with = "time_schema")]
    pub last_transition_time: Time,
}

/// Verdicts with one fault since a condition was last free of it, and the clean ones after them.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct StreakStatus {
    #[schemars(length(max = 64))]
    pub condition: String,
    #[schemars(length(max = 16))]
    pub fault: String,
    pub count: i64,
    pub clean: i64,
    #[schemars(schema_with = "time_schema")]
    pub first_time: Time,
    #[schemars(schema_with = "time_schema")]
    pub last_time: Time,
    /// Absent while the fault still counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub recovery: Option<String>,
}

/// Tallies of one hook of one container.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct HookStatus {
    #[schemars(length(max = 63))]
    pub container: String,
    /// `PostStart` or `PreStop`.
    #[schemars(length(max = 16))]
    pub hook: String,
    #[schemars(length(max = 16))]
    pub container_type: String,
    #[schemars(length(max = 16))]
    pub handler: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sleep_seconds: Option<i64>,
    /// Base name of the command, if it is a well known one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub program: Option<String>,
    /// A keyed digest: tells a changed command, not the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub command_digest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub port: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    pub scheme: Option<String>,
    #[serde(default)]
    pub succeeded: i64,
    #[serde(default)]
    pub failed: i64,
    #[serde(default)]
    pub overran: i64,
    #[serde(default)]
    pub cut_short: i64,
    #[serde(default)]
    pub interrupted: i64,
    #[serde(default)]
    pub skipped: i64,
    #[serde(default)]
    pub unknown: i64,
    /// Deliveries after the first to one container instance.
    #[serde(default)]
    pub duplicates: i64,
    /// Runs whose outcome a later Event changed.
    #[serde(default)]
    pub amended: i64,
    /// Which, packed: `Succeeded>Failed:3 Unknown>Failed:1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub amendments: Option<String>,
    /// Containers whose hook is stuck now.
    #[serde(default)]
    pub stuck: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub last_outcome: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub last_reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time_schema")]
    pub last_outcome_time: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time_schema")]
    pub last_failure_time: Option<Time>,
    /// Upper bound of the longest run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration_seconds: Option<i64>,
    /// The hook's own; the API never shows it for preStop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_exit_code: Option<i32>,
}

/// Tallies of terminations, measured from the request to the last container's end.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct TerminationsStatus {
    #[serde(default)]
    pub total: i64,
    #[serde(default)]
    pub graceful: i64,
    #[serde(default)]
    pub force_killed: i64,
    #[serde(default)]
    pub force_deleted: i64,
    #[serde(default)]
    pub node_lost: i64,
    #[serde(default)]
    pub unknown: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_seconds: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_seconds: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_seconds: Option<i64>,
    #[serde(default)]
    pub total_seconds: i64,
    /// 95th percentile of the share of the effective grace that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_used_p95_percent: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommended_grace_seconds: Option<i64>,
    /// Terminations whose length is known: what the percentiles and the recommendation rest on.
    #[serde(default)]
    pub measured: i64,
    #[serde(default)]
    pub buckets: BucketsStatus,
}

/// The counts behind the percentiles, packed as `bucket:count` with a space between two.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct BucketsStatus {
    #[serde(default)]
    #[schemars(length(max = 768))]
    pub seconds: String,
    #[serde(default)]
    #[schemars(length(max = 768))]
    pub grace_used_percent: String,
}

/// A pod that starts or stops now.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct ActiveStatus {
    #[schemars(length(max = 253))]
    pub pod: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub node: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub container: Option<String>,
    /// Absent for a termination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub hook: Option<String>,
    #[schemars(schema_with = "time_schema")]
    pub since: Time,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time_schema")]
    pub deadline: Option<Time>,
    #[schemars(length(max = 32))]
    pub cause: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub confidence: Option<String>,
    #[serde(default)]
    #[schemars(length(max = 192))]
    pub detail: String,
}

/// A defect in how a hook is declared.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct FindingStatus {
    #[schemars(length(max = 16))]
    pub rule: String,
    /// Empty for a finding on the whole pod.
    #[serde(default)]
    #[schemars(length(max = 63))]
    pub container: String,
    /// Empty for a finding on the whole container.
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub hook: String,
    #[schemars(length(max = 16))]
    pub severity: String,
    #[serde(default)]
    #[schemars(length(max = 192))]
    pub message: String,
    /// Runs or terminations in which it did harm.
    #[serde(default)]
    pub seen_in_practice: i64,
}

/// A run or termination worth telling a person about.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct IncidentStatus {
    #[schemars(schema_with = "time_schema")]
    pub time: Time,
    #[serde(rename = "type")]
    #[schemars(length(max = 32))]
    pub incident_type: String,
    #[schemars(length(max = 253))]
    pub pod: String,
    #[serde(rename = "podUID")]
    #[schemars(length(max = 36))]
    pub pod_uid: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub node: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub container: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub hook: Option<String>,
    /// How often the container had been restarted.
    #[serde(default)]
    pub restart: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub outcome: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub cause: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub confidence: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<SecondsInterval>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_seconds: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4), inner(length(max = 80)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub evidence: Vec<String>,
}

/// A duration known to lie between two bounds; `min` is rounded down, `max` up, an open end has none.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct SecondsInterval {
    pub min: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
}

impl HookAuditStatus {
    /// Marks the whole status as judged by this generation of the spec.
    pub fn observe(&mut self, generation: Option<i64>) {
        self.observed_generation = generation;
        for condition in &mut self.conditions {
            condition.observed_generation = generation;
        }
    }

    /// The condition of this type.
    #[must_use]
    pub fn condition(&self, condition_type: &str) -> Option<&ConditionStatus> {
        let mut conditions = self.conditions.iter();
        conditions.find(|condition| condition.condition_type == condition_type)
    }
}

pub(super) fn time_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time"})
}

/// The text up to `length` bytes, cut between two characters.
pub(crate) fn cut(text: &str, length: usize) -> &str {
    &text[..text.floor_char_boundary(length)]
}

pub(super) fn whole_seconds(at: Timestamp) -> Time {
    Time(Timestamp::from_second(at.as_second()).unwrap_or(at))
}
