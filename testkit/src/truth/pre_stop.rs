//! The deliveries of preStop hooks: each `Running preStop hook` of the kubelet's log is one, and an instance that ended without is
//! a skipped one.

use jiff::Timestamp;

use super::Run;
use super::kubelet_log::{LogLine, Said};
use super::pods::{Container, Handler};
use super::scene::{End, Instance, Scene};
use super::time::{moment, same_second, seconds_between, to_milliseconds};

/// Below this a hook and its main process ended together, for all that anybody can tell.
const TOGETHER_SECONDS: f64 = 0.05;

pub(super) fn runs(scene: &Scene<'_>) -> Vec<Run> {
    let mut runs = Vec::new();
    for instance in &scene.instances {
        let Some(container) = scene.pod.container(&instance.container) else {
            continue;
        };
        let Some(handler) = container.pre_stop else {
            continue;
        };
        let deliveries = deliveries(scene, instance);
        if deliveries.is_empty() && instance.end.is_some() {
            runs.push(skipped(scene, instance, handler));
        }
        for (index, delivery) in deliveries.iter().enumerate() {
            let mut run = judged(scene, instance, container, handler, delivery);
            run.attempt = u32::try_from(index + 1).unwrap_or(u32::MAX);
            let next = deliveries.get(index + 1);
            let kubelet_died_at = scene.witnesses.kubelet_death_after(delivery.began_at);
            if next.is_some_and(|next| kubelet_died_at < next.began_at) {
                // A kubelet that comes back delivers again, whatever became of the first one.
                accept_unknown(&mut run);
            }
            runs.push(run);
        }
    }
    runs
}

/// One delivery as the kubelet logged it.
struct Delivery<'a> {
    began_at: Timestamp,
    /// The first word about its end; none if the kubelet was killed before.
    ended: Option<&'a LogLine>,
    /// A failure that came after the grace had ended.
    failed_late: bool,
    /// The grace that the kubelet said to hold for this stop, if it was not the declared one.
    override_seconds: Option<f64>,
}

fn deliveries<'a>(scene: &Scene<'a>, instance: &Instance) -> Vec<Delivery<'a>> {
    let lines: Vec<&LogLine> = scene
        .witnesses
        .log
        .iter()
        .filter(|line| line.container_id == instance.container_id)
        .collect();
    let mut deliveries: Vec<Delivery<'_>> = Vec::new();
    let mut override_seconds = None;
    for line in lines {
        match line.said {
            Said::GraceOverridden => override_seconds = line.grace_seconds,
            Said::HookRuns => deliveries.push(Delivery {
                began_at: line.at,
                ended: None,
                failed_late: false,
                override_seconds: override_seconds.take(),
            }),
            Said::HookCompleted | Said::HookFailed | Said::HookNotCompleted => {
                if let Some(delivery) = deliveries.last_mut() {
                    match delivery.ended {
                        None => delivery.ended = Some(line),
                        Some(_) => delivery.failed_late |= line.said == Said::HookFailed,
                    }
                }
            }
            _ => {}
        }
    }
    deliveries
}

fn skipped(scene: &Scene<'_>, instance: &Instance, handler: Handler) -> Run {
    let mut run = scene.run(instance, "PreStop", handler.name());
    settle(&mut run, "Skipped");
    if !scene.pod.ended.contains(&instance.container_id) {
        run.acceptable.push("Unknown".to_owned());
        run.optional = true;
    }
    run
}

fn judged(
    scene: &Scene<'_>,
    instance: &Instance,
    container: &Container,
    handler: Handler,
    delivery: &Delivery<'_>,
) -> Run {
    let mut run = scene.run(instance, "PreStop", handler.name());
    let own_grace = scene.pod.own_grace_seconds;
    let grace = effective_grace(scene, instance, container, delivery);
    run.started_at = Some(moment(delivery.began_at));
    run.effective_grace = Some(grace);
    let Some(ended) = delivery.ended else {
        cut_with_the_kubelet(scene, &mut run, instance, delivery);
        return run;
    };
    let kubelet_seconds = to_milliseconds(seconds_between(delivery.began_at, ended.at));
    run.kubelet_seconds = Some(kubelet_seconds);
    run.duration_seconds = Some(kubelet_seconds);
    let main_end = instance
        .end
        .as_ref()
        .filter(|end| seconds_between(end.at, ended.at) > TOGETHER_SECONDS);
    match (ended.said, main_end) {
        (_, Some(end)) if end.at < delivery.began_at => ended_before(&mut run),
        (Said::HookCompleted, None) => succeeded(&mut run, handler, instance, delivery, grace),
        (Said::HookNotCompleted, None) if ended_in_time(scene, instance, delivery, grace) => {
            succeeded(&mut run, handler, instance, delivery, grace);
            run.if_inferred = vec!["Overran".to_owned()];
        }
        (Said::HookNotCompleted, None) => {
            run.duration_is_minimum = true;
            settle(
                &mut run,
                if grace < own_grace {
                    "CutShort"
                } else {
                    "Overran"
                },
            );
            // It ends with the grace, and nothing tells which was first.
            if handler == (Handler::Sleep { seconds: grace }) {
                run.if_inferred.push("Succeeded".to_owned());
                run.confirmable = Some(false);
            }
        }
        (Said::HookFailed, _) => failed(scene, &mut run, instance, handler, delivery, ended),
        (_, Some(end)) => interrupted(&mut run, end, ended.at),
        _ => {}
    }
    own_account(scene, &mut run, instance, delivery);
    soften(scene, &mut run, instance, delivery);
    run
}

fn effective_grace(
    scene: &Scene<'_>,
    instance: &Instance,
    container: &Container,
    delivery: &Delivery<'_>,
) -> f64 {
    let own = scene.pod.own_grace_seconds;
    if let Some(seconds) = delivery.override_seconds {
        return seconds;
    }
    let is_probe_kill = scene.pod.events.iter().any(|event| {
        event.reason == "Killing"
            && event.container == instance.container
            && (event.message.contains("liveness probe") || event.message.contains("startup probe"))
            && seconds_between(delivery.began_at, event.seen_at).abs() < 2.0
    });
    container
        .probe_grace_seconds
        .filter(|_| is_probe_kill)
        .unwrap_or(own)
}

fn settle(run: &mut Run, outcome: &str) {
    run.outcome = outcome.to_owned();
    run.acceptable = vec![outcome.to_owned()];
}

/// The kubelet did not log the end because it was not there any more.
fn cut_with_the_kubelet(
    scene: &Scene<'_>,
    run: &mut Run,
    instance: &Instance,
    delivery: &Delivery<'_>,
) {
    let ended_itself = own_end(scene, instance, delivery).is_some();
    settle(run, "Unknown");
    if ended_itself {
        run.outcome = "Succeeded".to_owned();
        run.acceptable.push("Succeeded".to_owned());
        run.confirmable = Some(false);
    } else {
        run.if_inferred = vec!["Interrupted".to_owned(), "Failed".to_owned()];
    }
    run.reasons = vec!["KubeletRestarted".to_owned()];
}

/// The process was gone before the hook was to begin, so nothing was delivered.
fn ended_before(run: &mut Run) {
    settle(run, "Skipped");
    run.if_inferred = vec!["Failed".to_owned(), "Interrupted".to_owned()];
    run.duration_seconds = None;
}

fn succeeded(
    run: &mut Run,
    handler: Handler,
    instance: &Instance,
    delivery: &Delivery<'_>,
    grace: f64,
) {
    settle(run, "Succeeded");
    if !matches!(handler, Handler::Sleep { .. }) {
        run.confirmable = Some(false);
    }
    let is_killed_at_the_end = instance.end.as_ref().is_some_and(|end| {
        end.code == 137 && seconds_between(delivery.began_at, end.at) >= grace - 1.0
    });
    if is_killed_at_the_end && !matches!(handler, Handler::Sleep { .. }) {
        run.if_inferred = vec!["Overran".to_owned()];
    }
}

fn failed(
    scene: &Scene<'_>,
    run: &mut Run,
    instance: &Instance,
    handler: Handler,
    delivery: &Delivery<'_>,
    ended: &LogLine,
) {
    let own_end = own_end(scene, instance, delivery);
    let main_went_first = instance
        .end
        .as_ref()
        .filter(|end| own_end.is_none() && delivery.began_at <= end.at && end.at <= ended.at);
    let in_the_same_second = instance
        .end
        .as_ref()
        .is_some_and(|end| same_second(end.at, ended.at));
    if let Some(end) = main_went_first {
        interrupted(run, end, ended.at);
        return;
    }
    settle(run, "Failed");
    run.reasons = vec!["Unspecified".to_owned()];
    if hook_ran_out_of_memory(scene, instance, delivery, ended.at) {
        run.reasons.insert(0, "OOMKilled".to_owned());
    }
    run.reasons.extend(match handler {
        Handler::Exec => own_end.map(|_| "NonZeroExit".to_owned()),
        Handler::HttpGet => Some("HTTPError".to_owned()),
        Handler::TcpSocket => Some("InvalidHandler".to_owned()),
        Handler::Sleep { .. } => None,
    });
    if in_the_same_second && handler != Handler::TcpSocket {
        run.if_inferred = vec!["Interrupted".to_owned()];
        run.confirmable = Some(false);
    }
    // Told when the grace was over, by a kubelet that had stood still.
    let is_late = run.kubelet_seconds >= run.effective_grace;
    if is_late && scene.witnesses.was_away(delivery.began_at, ended.at) {
        run.if_inferred
            .extend(["Overran", "CutShort"].map(str::to_owned));
    }
}

/// The main process outlived it.
fn hook_ran_out_of_memory(
    scene: &Scene<'_>,
    instance: &Instance,
    delivery: &Delivery<'_>,
    ended_at: Timestamp,
) -> bool {
    scene.witnesses.out_of_memory.iter().any(|event| {
        event.container_id == instance.container_id
            && delivery.began_at <= event.at
            && seconds_between(ended_at, event.at) < 1.0
    })
}

fn interrupted(run: &mut Run, end: &End, hook_ended_at: Timestamp) {
    settle(run, "Interrupted");
    run.reasons = vec![end.reason().to_owned()];
    if same_second(end.at, hook_ended_at) {
        run.if_inferred = vec!["Failed".to_owned()];
        if end.reason() == "MainExited" {
            run.confirmable = Some(false);
        }
    }
    if run.handler == "Sleep" {
        run.if_inferred.push("Succeeded".to_owned());
    }
}

/// A kubelet that stood still finds the hook's end and the grace's end at once.
fn ended_in_time(
    scene: &Scene<'_>,
    instance: &Instance,
    delivery: &Delivery<'_>,
    grace: f64,
) -> bool {
    own_end(scene, instance, delivery)
        .is_some_and(|end| seconds_between(delivery.began_at, end) < grace)
}

/// The last word of the hook's own process, or of the server that it called.
fn own_end(scene: &Scene<'_>, instance: &Instance, delivery: &Delivery<'_>) -> Option<Timestamp> {
    own_line(scene, instance, delivery, "end")
}

fn own_line(
    scene: &Scene<'_>,
    instance: &Instance,
    delivery: &Delivery<'_>,
    event: &str,
) -> Option<Timestamp> {
    let kubelet_died_at = scene.witnesses.kubelet_death_after(delivery.began_at);
    let until = delivery.ended.map_or(kubelet_died_at, |ended| ended.at);
    let entries = scene.witnesses.ledger.iter().filter(|entry| {
        let is_own = entry.container_id == instance.container_id
            && entry.role == "hook"
            && entry.hook == "PreStop";
        let is_served = entry.role == "http"
            && entry.container_id == instance.container_id
            && entry.path.starts_with("/PreStop/");
        entry.event == event && (is_own || is_served)
    });
    entries
        .map(super::witnesses::Entry::at)
        .find(|at| delivery.began_at <= *at && *at <= until)
}

/// The kubelet's word counts, unless it stood still; then the hook's own account does.
fn own_account(scene: &Scene<'_>, run: &mut Run, instance: &Instance, delivery: &Delivery<'_>) {
    let start = own_line(scene, instance, delivery, "start");
    let end = own_line(scene, instance, delivery, "end");
    let stood_still = delivery
        .ended
        .is_some_and(|ended| scene.witnesses.was_away(delivery.began_at, ended.at));
    if let (Some(start), Some(end)) = (start, end)
        && stood_still
        && !run.duration_is_minimum
    {
        run.duration_seconds = Some(to_milliseconds(seconds_between(start, end)));
    }
}

/// Where the API did not show what a verdict needs, not to know is right as well.
fn soften(scene: &Scene<'_>, run: &mut Run, instance: &Instance, delivery: &Delivery<'_>) {
    let shows_failure = scene
        .pod
        .shows_event("FailedPreStopHook", &instance.container);
    let shows_begin = scene.pod.shows_event("Killing", &instance.container);
    let shows_end = scene.pod.ended.contains(&instance.container_id);
    let is_told_by_event = matches!(run.outcome.as_str(), "Failed" | "Interrupted")
        || (matches!(run.outcome.as_str(), "Overran" | "CutShort") && delivery.failed_late);
    // The length of a sleep tells of its overrun.
    let is_silent_overrun = matches!(run.outcome.as_str(), "Overran" | "CutShort")
        && !delivery.failed_late
        && run.handler != "Sleep";
    // What a kubelet had still to send goes with it, and nothing says when it went.
    let kubelet_died_at = scene.witnesses.kubelet_death_after(delivery.began_at);
    let is_end_told_by_another = scene.pod.gone_at.is_some_and(|at| kubelet_died_at < at);
    if is_silent_overrun
        || !shows_begin
        || !shows_end
        || is_end_told_by_another
        || (is_told_by_event && !shows_failure)
    {
        accept_unknown(run);
    }
    if is_silent_overrun || (is_told_by_event && !shows_failure && run.handler != "Sleep") {
        run.if_inferred.push("Succeeded".to_owned());
    }
}

fn accept_unknown(run: &mut Run) {
    let unknown = "Unknown".to_owned();
    if !run.acceptable.contains(&unknown) {
        run.acceptable.push(unknown);
    }
}
