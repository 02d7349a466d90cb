//! From the witnesses to the truth about every pod of a recording.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;

use super::pods::{Pod, Shown};
use super::termination::Hooks;
use super::time::moment;
use super::witnesses::Witnesses;
use super::{Run, Truth, VERSION, post_start, pre_stop, termination};

/// One life of a container, in the order in which its main processes started.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub container: String,
    pub container_id: String,
    pub restart: u32,
    pub started_at: Timestamp,
    pub end: Option<End>,
}

#[derive(Clone, Debug)]
pub(super) struct End {
    pub at: Timestamp,
    pub code: i32,
    pub is_out_of_memory: bool,
    /// The code says that it died of the signal it was sent.
    pub is_of_its_signal: bool,
}

impl End {
    /// How an ending that nobody asked a hook about reads in the contract.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self {
                is_out_of_memory: true,
                ..
            } => "OOMKilled",
            Self { code: 0, .. }
            | Self {
                is_of_its_signal: true,
                ..
            } => "MainExited",
            _ => "MainFailed",
        }
    }
}

/// Everything about one pod that its chapters need.
pub(super) struct Scene<'a> {
    pub pod: &'a Pod,
    pub witnesses: &'a Witnesses,
    pub instances: Vec<Instance>,
}

impl Scene<'_> {
    /// A run with everything that does not depend on how it went.
    pub(super) fn run(&self, instance: &Instance, hook: &str, handler: &str) -> Run {
        Run {
            namespace: self.pod.namespace.clone(),
            pod: self.pod.name.clone(),
            pod_uid: self.pod.uid.clone(),
            container: instance.container.clone(),
            container_type: self
                .pod
                .container(&instance.container)
                .map_or("Container", |container| container.kind)
                .to_owned(),
            hook: hook.to_owned(),
            handler: handler.to_owned(),
            restart: instance.restart,
            attempt: 1,
            container_id: instance.container_id.chars().take(12).collect(),
            ..Run::default()
        }
    }
}

/// Tells the truth about the pods that `recording` shows; `batch` is the scenario's name, `about` what it does.
///
/// # Errors
///
/// If the recording cannot be read.
pub fn build(
    batch: &str,
    about: &str,
    recording: &Path,
    witnesses: &Witnesses,
) -> anyhow::Result<Truth> {
    let shown = Shown::read(recording)?;
    let mut truth = Truth {
        truth: VERSION.to_owned(),
        batch: batch.to_owned(),
        about: about.to_owned(),
        recording: recording
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        from: shown.from.map(moment).unwrap_or_default(),
        to: shown.to.map(moment).unwrap_or_default(),
        pods: shown.pods.len(),
        ..Truth::default()
    };
    for pod in shown.pods.values() {
        let scene = Scene {
            pod,
            witnesses,
            instances: instances(pod, witnesses),
        };
        let post_start = post_start::runs(&scene);
        let pre_stop = pre_stop::runs(&scene);
        let hooks = Hooks {
            post_start: &post_start,
            pre_stop: &pre_stop,
        };
        truth.terminations.extend(termination::of(&scene, &hooks));
        truth.runs.extend(post_start);
        truth.runs.extend(pre_stop);
    }
    for run in &mut truth.runs {
        complete(run);
    }
    truth.runs.sort_by_cached_key(|run| {
        let place = (
            run.namespace.clone(),
            run.pod.clone(),
            run.pod_uid.clone(),
            run.container.clone(),
        );
        (place, run.hook.clone(), run.restart, run.attempt)
    });
    truth.terminations.sort_by_cached_key(|termination| {
        (
            termination.namespace.clone(),
            termination.pod.clone(),
            termination.pod_uid.clone(),
        )
    });
    Ok(truth)
}

const POST_START: [&str; 4] = ["Succeeded", "Failed", "Running", "Unknown"];
const PRE_STOP: [&str; 8] = [
    "Succeeded",
    "Failed",
    "Overran",
    "Interrupted",
    "CutShort",
    "Skipped",
    "Running",
    "Unknown",
];

/// `Unknown` is never `Confirmed`, so it is no wrong confirmation either.
fn complete(run: &mut Run) {
    let outcomes: &[&str] = if run.hook == "PostStart" {
        &POST_START
    } else {
        &PRE_STOP
    };
    run.wrong_if_confirmed = outcomes
        .iter()
        .filter(|outcome| {
            **outcome != "Unknown" && !run.acceptable.iter().any(|fine| fine == *outcome)
        })
        .map(|outcome| (*outcome).to_owned())
        .collect();
}

fn instances(pod: &Pod, witnesses: &Witnesses) -> Vec<Instance> {
    let starts = witnesses
        .ledger
        .iter()
        .filter(|entry| entry.pod_uid == pod.uid && entry.role == "main" && entry.event == "start");
    let mut restarts: BTreeMap<&str, u32> = BTreeMap::new();
    starts
        .map(|start| {
            let restart = restarts.entry(&start.container).or_default();
            *restart += 1;
            Instance {
                container: start.container.clone(),
                container_id: start.container_id.clone(),
                restart: *restart - 1,
                started_at: start.at(),
                end: end_of(&start.container_id, witnesses),
            }
        })
        .collect()
}

fn end_of(container_id: &str, witnesses: &Witnesses) -> Option<End> {
    let exit = witnesses
        .exits
        .iter()
        .find(|exit| exit.container_id == container_id);
    let own = witnesses.ledger.iter().find(|entry| {
        entry.container_id == container_id && entry.role == "main" && entry.event == "end"
    });
    let (at, code) = match (own, exit) {
        (Some(own), _) => (own.at(), own.code.unwrap_or(-1)),
        (None, Some(exit)) => (exit.at, exit.code),
        (None, None) => return None,
    };
    let is_out_of_memory = own.is_none()
        && code == 137
        && witnesses.out_of_memory.iter().any(|event| {
            event.container_id == container_id
                && (at.duration_since(event.at)).as_secs_f64().abs() < 1.0
        });
    Some(End {
        at,
        code,
        is_out_of_memory,
        is_of_its_signal: own.is_some_and(|own| match own.signal.as_str() {
            "TERM" => code == 143,
            "USR1" => code == 138,
            _ => false,
        }),
    })
}
