//! From the witnesses to the truth about every pod of a recording.

#[cfg(test)]
mod tests;

use std::path::Path;

use super::pods::Shown;
use super::scene::{Hooks, Scene};
use super::time::moment;
use super::witnesses::Witnesses;
use super::{Run, Truth, VERSION, post_start, pre_stop, termination};

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
        let scene = Scene::of(pod, witnesses);
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
