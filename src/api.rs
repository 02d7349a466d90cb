//! The `HookAudit` resource: what users set, what the operator reports, and how the two are named.

#![allow(
    unreachable_pub,
    reason = "`KubeSchema` copies each struct into a function"
)]

mod account;
mod base;
mod convert;
mod packed;
mod remembered;
mod status;

use kube::{CustomResource, CustomResourceExt, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::audit::record::WorkloadRef;
use crate::audit::seen::{Thresholds, Uid};
use crate::audit::snapshot::Workload;

pub use base::{base, gaps};
pub(crate) use status::cut;
pub use status::{
    AccountStatus, ActiveStatus, BucketsStatus, ConditionStatus, FindingStatus, GapStatus,
    HookAuditStatus, HookStatus, IncidentStatus, ObservationStatus, SecondsInterval, StreakStatus,
    TerminationsStatus,
};

/// The API group of [`HookAudit`].
pub const GROUP: &str = "hookaudit.io";
/// The field manager of everything that the operator writes.
pub const FIELD_MANAGER: &str = "hookaudit";
/// Where container names end when a workload has more hooks than a status lists.
pub const OTHER: &str = "_other";

const NAME_MAX_LENGTH: usize = 253;

/// What a workload's users may set. The operator makes the object and its `targetRef`.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[kube(
    group = "hookaudit.io",
    version = "v1alpha1",
    kind = "HookAudit",
    plural = "hookaudits",
    shortname = "hka",
    category = "hookaudit",
    namespaced,
    status = "HookAuditStatus",
    derive = "PartialEq",
    doc = "What became of the lifecycle hooks and terminations of one workload",
    printcolumn = r#"{"name": "Healthy", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Healthy\")].status", "description": "Whether hooks and terminations go well"}"#,
    printcolumn = r#"{"name": "Reason", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Healthy\")].reason", "description": "Why it is healthy or not"}"#,
    printcolumn = r#"{"name": "Hooks", "type": "integer", "jsonPath": ".status.hookCount", "description": "Declared lifecycle hooks"}"#,
    printcolumn = r#"{"name": "Terminating", "type": "integer", "jsonPath": ".status.terminatingCount", "description": "Pods that terminate now"}"#,
    printcolumn = r#"{"name": "Killed", "type": "integer", "jsonPath": ".status.terminations.forceKilled", "description": "Pods that were killed at the end of their grace"}"#,
    printcolumn = r#"{"name": "P95", "type": "integer", "jsonPath": ".status.terminations.p95Seconds", "description": "95th percentile of the seconds from the request to the last container's end"}"#,
    printcolumn = r#"{"name": "Grace", "type": "integer", "jsonPath": ".status.terminationGracePeriodSeconds", "description": "Termination grace period in seconds"}"#,
    printcolumn = r#"{"name": "Findings", "type": "integer", "jsonPath": ".status.findingCount", "description": "Defects in how hooks are declared"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name": "Kind", "type": "string", "jsonPath": ".spec.targetRef.kind", "description": "Kind of the workload", "priority": 1}"#,
    printcolumn = r#"{"name": "Last-Incident", "type": "date", "jsonPath": ".status.lastIncidentTime", "description": "When something last went wrong", "priority": 1}"#,
    printcolumn = r#"{"name": "Message", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Healthy\")].message", "description": "What is wrong, in a sentence", "priority": 1}"#
)]
#[serde(rename_all = "camelCase")]
pub struct HookAuditSpec {
    /// The workload; set when the object is made, never changed.
    #[x_kube(validation = Rule::new("self == oldSelf").message("targetRef is immutable"))]
    pub target_ref: TargetRef,
    /// When something counts as slow or overdue; what is absent takes the operator's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<ThresholdsSpec>,
    /// Findings that shall stay quiet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub suppressions: Vec<Suppression>,
}

/// The workload that a `HookAudit` reports on; an empty name stands for all bare pods of the namespace.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TargetRef {
    #[schemars(length(max = 317))]
    pub api_version: String,
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    #[schemars(length(max = 253))]
    pub name: String,
}

/// When something counts as slow or overdue.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ThresholdsSpec {
    /// A postStart hook that runs longer is stuck.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86_400))]
    pub post_start_slow_seconds: Option<i64>,
    /// A preStop hook that uses more of the grace is slow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub pre_stop_slow_percent: Option<i64>,
    /// A pod that terminates longer past its deadline is overdue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86_400))]
    pub overdue_seconds: Option<i64>,
}

/// One finding that shall stay quiet, and why.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Suppression {
    /// The rule's id, for example HA201.
    #[schemars(length(min = 1, max = 16))]
    pub rule: String,
    /// All containers where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub container: Option<String>,
    #[schemars(length(min = 1, max = 128))]
    pub reason: String,
    /// From when on it is told again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "status::time_schema")]
    pub expiry_time: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>,
}

impl TargetRef {
    /// The target as the resource writes it.
    #[must_use]
    pub fn of(target: &WorkloadRef) -> Self {
        let name = if *target == WorkloadRef::bare_pods() {
            ""
        } else {
            &target.name
        };
        Self {
            api_version: target.api_version.to_string(),
            kind: target.kind.to_string(),
            name: name.to_owned(),
        }
    }

    /// The target as the core writes it.
    #[must_use]
    pub fn workload(&self) -> WorkloadRef {
        if self.kind == "Pod" && self.api_version == "v1" && self.name.is_empty() {
            return WorkloadRef::bare_pods();
        }
        WorkloadRef {
            api_version: self.api_version.as_str().into(),
            kind: self.kind.as_str().into(),
            name: self.name.as_str().into(),
        }
    }
}

impl From<&ThresholdsSpec> for Thresholds {
    fn from(spec: &ThresholdsSpec) -> Self {
        Self {
            post_start_slow_seconds: spec.post_start_slow_seconds,
            pre_stop_slow_percent: spec.pre_stop_slow_percent,
            overdue_seconds: spec.overdue_seconds,
        }
    }
}

impl HookAudit {
    /// The uids of the owners.
    pub fn owner_uids(&self) -> impl Iterator<Item = Uid> + '_ {
        let owners = self.metadata.owner_references.iter().flatten();
        owners.filter_map(|owner| Uid::parse(&owner.uid))
    }
}

/// The name of a workload's `HookAudit`: `<kind>-<name>`, with a digest where that would be too long or ambiguous.
#[must_use]
pub fn name_for(target: &WorkloadRef) -> String {
    if *target == WorkloadRef::bare_pods() {
        return "barepods".to_owned();
    }
    let kind = target.kind.to_ascii_lowercase();
    let group = target
        .api_version
        .rsplit_once('/')
        .map_or("", |(group, _)| group);
    let plain = format!("{kind}-{}", target.name);
    if matches!(group, "" | "apps" | "batch") && plain.len() <= NAME_MAX_LENGTH {
        return plain;
    }
    let mut digest = Sha256::new();
    for part in [group, &target.kind, &target.name] {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    let digest = hex::encode(&digest.finalize()[..4]);
    let room = NAME_MAX_LENGTH - "-".len() - digest.len();
    let shortened = cut(&plain, room).trim_end_matches(|last: char| !last.is_ascii_alphanumeric());
    format!("{shortened}-{digest}")
}

/// The name of a workload's `HookAudit`, and its namespace.
#[must_use]
pub fn key_of(workload: &Workload) -> (Box<str>, Box<str>) {
    (
        workload.namespace.clone(),
        name_for(&workload.target).into(),
    )
}

/// The CustomResourceDefinition as YAML.
///
/// # Errors
/// The definition cannot be written as YAML.
pub fn crd_yaml() -> Result<String, serde_saphyr::ser::Error> {
    serde_saphyr::to_string(&HookAudit::crd())
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod tests;
