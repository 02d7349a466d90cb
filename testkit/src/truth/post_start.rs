//! The deliveries of postStart hooks: one per container that started.

use jiff::Timestamp;

use super::Run;
use super::kubelet_log::{LogLine, Said};
use super::pods::Handler;
use super::scene::{Instance, Scene};
use super::time::{moment, same_second, seconds_between, to_milliseconds};

/// The order in which the kubelet and the runtime tell of one death is not that of its causes.
const TOGETHER_SECONDS: f64 = 0.5;

pub(super) fn runs(scene: &Scene<'_>) -> Vec<Run> {
    let with_handler = scene.instances.iter().filter_map(|instance| {
        let container = scene.pod.container(&instance.container)?;
        Some((instance, container.post_start?))
    });
    with_handler
        .map(|(instance, handler)| run(scene, instance, handler))
        .collect()
}

fn run(scene: &Scene<'_>, instance: &Instance, handler: Handler) -> Run {
    let mut run = scene.run(instance, "PostStart", handler.name());
    let began_at = own_line(scene, instance, "start").unwrap_or(instance.started_at);
    run.started_at = Some(moment(began_at));
    let failure = scene.witnesses.log.iter().find(|line| {
        line.said == Said::PostStartFailed && line.container_id == instance.container_id
    });
    if let Some(failure) = failure {
        failed(scene, &mut run, instance, handler, failure, began_at);
    } else {
        ended(scene, &mut run, instance, handler, began_at);
    }
    let gone_before_the_end = scene.pod.gone_at.is_some_and(|gone_at| {
        let seconds = run.duration_seconds.unwrap_or(0.0);
        seconds_between(began_at, gone_at) < seconds
    });
    if gone_before_the_end {
        run.acceptable.push("Unknown".to_owned());
        run.confirmable = Some(false);
    }
    run
}

fn failed(
    scene: &Scene<'_>,
    run: &mut Run,
    instance: &Instance,
    handler: Handler,
    failure: &LogLine,
    began_at: Timestamp,
) {
    run.outcome = "Failed".to_owned();
    run.acceptable = vec!["Failed".to_owned()];
    run.kubelet_seconds = Some(to_milliseconds(seconds_between(
        instance.started_at,
        failure.at,
    )));
    run.duration_seconds = Some(to_milliseconds(seconds_between(began_at, failure.at)));
    let main_end = instance.end.as_ref().filter(|end| {
        end.at <= failure.at
            || (end.is_out_of_memory && seconds_between(failure.at, end.at) < TOGETHER_SECONDS)
    });
    let error = failure.error.as_deref().unwrap_or_default();
    let exit_code = error
        .split_once(" exited with ")
        .and_then(|(_, rest)| rest.split(':').next()?.trim().parse().ok());
    let reason = match (handler, main_end) {
        (_, Some(end)) if end.is_out_of_memory => "OOMKilled",
        (_, Some(_)) => "ContainerDied",
        (Handler::Exec, None) if exit_code.is_some() => "NonZeroExit",
        (Handler::HttpGet, None) => "HTTPError",
        (Handler::TcpSocket, None) => "InvalidHandler",
        _ => "Unspecified",
    };
    run.exit_code = exit_code.filter(|_| main_end.is_none());
    run.reasons = vec![reason.to_owned()];
    if main_end.is_some_and(|end| same_second(end.at, failure.at)) && handler == Handler::HttpGet {
        run.reasons.push("HTTPError".to_owned());
    }
    // The detail is in `waiting.message` alone, and not every failed hook comes to that.
    let is_told = scene.pod.told_failures.contains(&instance.container_id);
    if handler == Handler::Exec && !(is_told && main_end.is_none()) {
        run.reasons.push("Unspecified".to_owned());
    }
}

fn ended(
    scene: &Scene<'_>,
    run: &mut Run,
    instance: &Instance,
    handler: Handler,
    began_at: Timestamp,
) {
    let ended_at = match handler {
        Handler::Sleep { seconds } => Some(began_at + jiff::SignedDuration::from_secs_f64(seconds)),
        _ => own_line(scene, instance, "end"),
    };
    let until = ended_at
        .or(instance.end.as_ref().map(|end| end.at))
        .unwrap_or(Timestamp::MAX);
    if scene.witnesses.kubelet_death_after(began_at) < until {
        run.outcome = "Unknown".to_owned();
        run.acceptable = vec!["Unknown".to_owned()];
        run.if_inferred = vec!["Succeeded".to_owned()];
        run.reasons = vec!["KubeletRestarted".to_owned(), "NotObserved".to_owned()];
        return;
    }
    run.outcome = "Succeeded".to_owned();
    run.acceptable = vec!["Succeeded".to_owned()];
    run.duration_seconds =
        ended_at.map(|ended_at| to_milliseconds(seconds_between(began_at, ended_at)));
}

fn own_line(scene: &Scene<'_>, instance: &Instance, event: &str) -> Option<Timestamp> {
    let found = scene.witnesses.ledger.iter().find(|entry| {
        let is_own = entry.role == "hook" && entry.hook == "PostStart";
        let is_served = entry.role == "http" && entry.path.starts_with("/PostStart/");
        entry.container_id == instance.container_id && entry.event == event && (is_own || is_served)
    });
    found.map(super::witnesses::Entry::at)
}
