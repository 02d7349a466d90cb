//! What truly happened to the hooks and the stops of a recorded run, and how far a report of hookaudit agrees with it.
//!
//! Four witnesses speak, none of them through the API: the file that every hook and main process of the pods appends to, the
//! kubelet's log at V(4), the container runtime's events and the API server's audit log. What the API showed of it, in the
//! recording, only says how sure a verdict can be.

mod audit_log;
mod build;
mod cause;
mod grade;
pub(crate) mod kubelet_log;
mod pods;
mod post_start;
mod pre_stop;
mod scene;
mod termination;
mod time;
mod witnesses;

pub use build::build;
pub use grade::{Figures, Grade, Graded, Interval, grade, share};
pub use time::moment;
pub use witnesses::{Action, Witnesses};

use serde::{Deserialize, Serialize};

/// The value of the key `truth` in a file of this version.
pub const VERSION: &str = "truth/v1";

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Truth {
    pub truth: String,
    /// The name of the scenario.
    pub batch: String,
    /// What the scenario does, for the table.
    #[serde(default)]
    pub about: String,
    pub recording: String,
    pub from: String,
    pub to: String,
    pub pods: usize,
    pub runs: Vec<Run>,
    pub terminations: Vec<Termination>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Run {
    pub namespace: String,
    pub pod: String,
    #[serde(rename = "podUID")]
    pub pod_uid: String,
    pub container: String,
    pub container_type: String,
    pub hook: String,
    pub handler: String,
    pub restart: u32,
    pub attempt: u32,
    /// The first digits of the container's id at the runtime.
    #[serde(rename = "cid")]
    pub container_id: String,
    pub started_at: Option<String>,
    pub effective_grace: Option<f64>,
    /// From the hook's begin to the kubelet's own word about its end.
    pub kubelet_seconds: Option<f64>,
    /// By the kubelet's word, or by the hook's own account where that has none.
    pub duration_seconds: Option<f64>,
    /// It was cut: it would have taken longer.
    pub duration_is_minimum: bool,
    /// What happened, even where the API cannot tell.
    #[serde(rename = "true")]
    pub outcome: String,
    pub acceptable: Vec<String>,
    /// Tolerated unless `Confirmed`.
    pub if_inferred: Vec<String>,
    pub wrong_if_confirmed: Vec<String>,
    pub reasons: Vec<String>,
    pub exit_code: Option<i32>,
    /// `Some(false)`: at best `Inferred`.
    pub confirmable: Option<bool>,
    /// Need not be reported.
    pub optional: bool,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Termination {
    pub namespace: String,
    pub pod: String,
    #[serde(rename = "podUID")]
    pub pod_uid: String,
    pub requested_at: String,
    pub ended_at: Option<String>,
    pub grace: Option<f64>,
    pub deadline: Option<String>,
    /// What happened, even where the API cannot tell; none while it lasts.
    #[serde(rename = "true")]
    pub result: Option<String>,
    pub acceptable: Vec<Option<String>>,
    pub acceptable_triggers: Vec<String>,
    pub acceptable_causes: Vec<String>,
    /// Tolerated unless `Confirmed`.
    pub causes_if_inferred: Vec<String>,
    pub wrong_if_confirmed: Vec<String>,
    /// The containers that got SIGKILL from the kubelet.
    pub killed: Vec<String>,
    pub split: Option<Split>,
    /// Need not be reported.
    pub optional: bool,
}

/// Where the time of a termination went, for the container that ended last, in seconds.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Split {
    pub slowest_container: String,
    pub wait_seconds: Option<f64>,
    pub hook_seconds: Option<f64>,
    pub shutdown_seconds: Option<f64>,
    pub teardown_seconds: Option<f64>,
}
