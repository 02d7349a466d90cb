//! The stop of a pod: who asked for it, how it ended, what it waited for.

use jiff::Timestamp;

use super::audit_log::Request;
use super::cause::Circumstances;
use super::kubelet_log::Said;
use super::scene::{End, Hooks, Instance, Scene, last_delivery};
use super::time::{moment, seconds_between, to_milliseconds};
use super::{Run, Split, Termination};

pub(super) fn of(scene: &Scene<'_>, hooks: &Hooks<'_>) -> Option<Termination> {
    let (trigger, requested_at) = trigger(scene)?;
    let pod = scene.pod;
    let last: Vec<&Instance> = last_instances(scene);
    let alive: Vec<&Instance> = last
        .iter()
        .copied()
        .filter(|instance| {
            instance
                .end
                .as_ref()
                .is_none_or(|end| end.at >= requested_at)
        })
        .collect();
    let mut termination = Termination {
        namespace: pod.namespace.clone(),
        pod: pod.name.clone(),
        pod_uid: pod.uid.clone(),
        requested_at: moment(requested_at),
        ended_at: pod.gone_at.map(moment),
        grace: pod.deletion.as_ref().map(|deletion| deletion.grace_seconds),
        deadline: pod
            .deletion
            .as_ref()
            .map(|deletion| moment(deletion.deadline)),
        acceptable_triggers: vec![trigger.to_owned()],
        killed: killed(scene, &alive),
        optional: alive.is_empty(),
        ..Termination::default()
    };
    let slowest = alive
        .iter()
        .copied()
        .max_by_key(|instance| instance.end.as_ref().map(|end| end.at));
    let result = result(scene, &alive, &termination.killed);
    termination.result = Some(result.to_owned());
    termination.acceptable = vec![Some(result.to_owned())];
    // An object that went before its containers says so itself; of any other, the end must have been shown.
    let is_end_hidden = matches!(result, "Graceful" | "ForceKilled")
        && !alive
            .iter()
            .all(|instance| pod.ended.contains(&instance.container_id));
    if is_end_hidden {
        termination.acceptable.push(Some("Unknown".to_owned()));
    }
    let circumstances =
        Circumstances::of(scene, &termination, &alive, slowest, hooks, requested_at);
    termination.acceptable_causes =
        texts(&[&[circumstances.true_cause()], circumstances.other_causes()].concat());
    let unknown = "Unknown".to_owned();
    if is_end_hidden {
        termination.acceptable_causes.push(unknown);
    }
    termination.causes_if_inferred = texts(circumstances.guesses());
    termination.split =
        slowest.and_then(|instance| split(scene, instance, hooks.pre_stop, requested_at));
    termination.wrong_if_confirmed = ["Graceful", "ForceKilled", "ForceDeleted", "NodeLost"]
        .into_iter()
        .map(str::to_owned)
        .filter(|wrong| !termination.acceptable.contains(&Some(wrong.clone())))
        .collect();
    Some(termination)
}

fn last_instances<'a>(scene: &'a Scene<'_>) -> Vec<&'a Instance> {
    let is_last = |instance: &&Instance| {
        !scene
            .instances
            .iter()
            .any(|other| other.container == instance.container && other.restart > instance.restart)
    };
    scene.instances.iter().filter(is_last).collect()
}

fn trigger(scene: &Scene<'_>) -> Option<(&'static str, Timestamp)> {
    let pod = scene.pod;
    let name = format!("{}/{}", pod.namespace, pod.name);
    let by_kubelet = scene.witnesses.log.iter().find_map(|line| {
        let trigger = match line.said {
            Said::Evicted => "NodePressureEvicted",
            Said::ActiveDeadlinePassed => "ActiveDeadline",
            Said::Preempts => "PreemptedByKubelet",
            _ => return None,
        };
        let is_meant = line.pod_uid == pod.uid || (line.pod_uid.is_empty() && line.pod == name);
        is_meant.then_some((trigger, line.at))
    });
    let deletion = pod.deletion.as_ref();
    let request = deletion.and_then(|deletion| {
        let about_it = scene.witnesses.requests.iter().filter(|request| {
            request.namespace == pod.namespace
                && (request.pod == pod.name || request.pod.is_empty())
                && (-1.0..3.0).contains(&seconds_between(request.at, deletion.seen_at))
        });
        // Another pod of the name may have been deleted just before.
        about_it.min_by_key(|request| request.at.duration_since(deletion.seen_at).abs())
    });
    let by_request = deletion.map(|deletion| {
        (
            request.map_or("Deleted", trigger_of),
            request.map_or(deletion.seen_at, |request| request.at),
        )
    });
    match (by_kubelet, by_request) {
        (Some(kubelet), Some(request)) => Some(if kubelet.1 < request.1 {
            kubelet
        } else {
            request
        }),
        (kubelet, request) => kubelet.or(request),
    }
}

fn trigger_of(request: &Request) -> &'static str {
    if request.is_eviction {
        return "APIEvicted";
    }
    match request.user.as_str() {
        "system:kube-scheduler" => "PreemptedByScheduler",
        user if user.contains("taint-eviction") || user.ends_with(":node-controller") => {
            "TaintEvicted"
        }
        _ => "Deleted",
    }
}

/// SIGKILL came from the kubelet if it had announced the stop and no memory ran out.
fn killed(scene: &Scene<'_>, alive: &[&Instance]) -> Vec<String> {
    let is_killed = |instance: &&&Instance| {
        let Some(end) = &instance.end else {
            return false;
        };
        let announced = scene.witnesses.log.iter().find(|line| {
            line.said == Said::ContainerKilled
                && line.container_id == instance.container_id
                && line.at <= end.at
        });
        end.code == 137
            && !end.is_out_of_memory
            && announced.is_some()
            && !ended_itself(scene, instance)
    };
    alive
        .iter()
        .filter(is_killed)
        .map(|instance| instance.container.clone())
        .collect()
}

fn ended_itself(scene: &Scene<'_>, instance: &Instance) -> bool {
    scene.witnesses.ledger.iter().any(|entry| {
        entry.container_id == instance.container_id && entry.role == "main" && entry.event == "end"
    })
}

fn result(scene: &Scene<'_>, alive: &[&Instance], killed: &[String]) -> &'static str {
    let gone_at = scene.pod.gone_at.unwrap_or(Timestamp::MAX);
    let outlives = |instance: &&Instance| instance.end.as_ref().is_none_or(|end| end.at > gone_at);
    if alive.iter().copied().any(|instance| outlives(&instance)) {
        let by_garbage_collector = scene.witnesses.requests.iter().any(|request| {
            request.namespace == scene.pod.namespace
                && request.pod == scene.pod.name
                && request.user.ends_with(":pod-garbage-collector")
        });
        return if by_garbage_collector {
            "NodeLost"
        } else {
            "ForceDeleted"
        };
    }
    if killed.is_empty() {
        "Graceful"
    } else {
        "ForceKilled"
    }
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The kubelet's own word that it began, after the request.
fn stop_began_at(scene: &Scene<'_>, requested_at: Timestamp) -> Option<Timestamp> {
    let began = scene.witnesses.log.iter().find(|line| {
        line.said == Said::PodStops && line.pod_uid == scene.pod.uid && line.at >= requested_at
    });
    began.map(|line| line.at)
}

fn split(
    scene: &Scene<'_>,
    instance: &Instance,
    stops: &[Run],
    requested_at: Timestamp,
) -> Option<Split> {
    let end: &End = instance.end.as_ref()?;
    let hook = last_delivery(stops, instance);
    let first = stops
        .iter()
        .find(|run| run.container == instance.container && run.restart == instance.restart);
    let first_began_at = first
        .and_then(|run| run.started_at.as_ref()?.parse().ok())
        .or_else(|| stop_began_at(scene, requested_at))?;
    let began_at = hook
        .and_then(|run| run.started_at.as_ref()?.parse().ok())
        .or_else(|| stop_began_at(scene, requested_at))?;
    let hook_seconds = match hook {
        // A kubelet that stood still notices late.
        Some(run) if scene.witnesses.was_away(began_at, end.at) => run.duration_seconds?,
        Some(run) if run.outcome != "Skipped" => run.kubelet_seconds?,
        _ => 0.0,
    };
    let until_the_end = seconds_between(began_at, end.at);
    // Only a deletion has a moment from which to wait.
    let is_by_request = scene
        .pod
        .deletion
        .as_ref()
        .is_some_and(|deletion| deletion.seen_at <= end.at);
    // A sleep or a remote server goes on when its container is gone; what came after is not the container's then.
    let outlives = hook_seconds > until_the_end + 0.5;
    let rest = |seconds: f64| Some(to_milliseconds(seconds.max(0.0))).filter(|_| !outlives);
    Some(Split {
        slowest_container: instance.container.clone(),
        wait_seconds: Some(to_milliseconds(
            seconds_between(requested_at, first_began_at).max(0.0),
        ))
        .filter(|_| is_by_request),
        hook_seconds: Some(hook_seconds),
        shutdown_seconds: rest(until_the_end - hook_seconds),
        teardown_seconds: scene
            .pod
            .gone_at
            .and_then(|gone_at| rest(seconds_between(end.at, gone_at))),
    })
}
