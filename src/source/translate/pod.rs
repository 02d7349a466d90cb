use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Reading, controller};
use crate::audit::seen::{
    ContainerSeen, ContainerStatusSeen, Deletion, Disruption, HookSpec, Phase, PodSeen,
    RestartPolicy, StateSeen, StatusReason, TerminatedReason, TerminatedSeen, WaitingReason,
};
use crate::audit::words::{ContainerType, Handler};
use crate::redact::{self, DigestKey};
use crate::source::wire::{
    self, ConditionStatus, ConditionType, Container, ContainerState, ContainerStatus, Field,
    LifecycleHandler, Pod, PodStatus, Probe, Record, Signal,
};

/// An object of 1.5 MiB has room for thousands of containers and finalizers; no node runs so many.
const CONTAINERS_MAX: usize = 500;
const FINALIZERS_MAX: usize = 50;

const DEFAULT_GRACE_SECONDS: i64 = 30;
const SIGTERM: u8 = 15;

pub(super) fn seen(pod: &Pod, key: &DigestKey, reading: &mut Reading) -> Option<PodSeen> {
    let metadata = reading.record(&pod.metadata, "metadata");
    let spec = reading.record(&pod.spec, "spec");
    let status = reading.record(&pod.status, "status");
    let grace = &spec.termination_grace_period_seconds;
    let grace_seconds = reading
        .seconds(grace, "spec.terminationGracePeriodSeconds")
        .unwrap_or(DEFAULT_GRACE_SECONDS);
    let (ready, disruption) = conditions(status, reading);
    let annotations = reading.record(&metadata.annotations, "metadata.annotations");
    let observed = &status.observed_generation;
    let reason = reading.copied(&status.reason, "status.reason");
    Some(PodSeen {
        namespace: reading.name(&metadata.namespace, "metadata.namespace")?,
        name: reading.name(&metadata.name, "metadata.name")?,
        uid: reading.required(&metadata.uid, "metadata.uid")?,
        created_at: reading.copied(&metadata.creation_timestamp, "metadata.creationTimestamp"),
        generation: reading.copied(&metadata.generation, "metadata.generation"),
        observed_generation: reading.copied(observed, "status.observedGeneration"),
        deletion: deletion(metadata, grace_seconds, reading),
        finalizers: finalizers(metadata, reading),
        controller: controller(metadata, reading),
        node: node(&spec.node_name, reading),
        grace_seconds,
        restart_policy: reading
            .copied(&spec.restart_policy, "spec.restartPolicy")
            .unwrap_or(RestartPolicy::Always),
        phase: reading
            .copied(&status.phase, "status.phase")
            .unwrap_or(Phase::Unknown),
        status_reason: reason.map_or(StatusReason::None, |reason| reason.0),
        disruption,
        ready,
        static_pod_uid: reading.copied(&annotations.config_hash, "metadata.annotations"),
        containers: containers(pod, key, reading),
    })
}

fn finalizers(metadata: &wire::Metadata, reading: &mut Reading) -> Vec<Box<str>> {
    const FIELD: &str = "metadata.finalizers";
    let Some(list) = reading.value(&metadata.finalizers, FIELD) else {
        return Vec::new();
    };
    if list.items.len() > FINALIZERS_MAX {
        reading.defects.push(FIELD);
    }
    let texts = list.items.iter().take(FINALIZERS_MAX);
    texts.filter_map(|item| reading.name(item, FIELD)).collect()
}

fn node(name: &Field<Box<str>>, reading: &mut Reading) -> Option<Box<str>> {
    let is_set = name.get().is_some_and(|name| !name.is_empty());
    if is_set || matches!(name, Field::Wrong) {
        return reading.name(name, "spec.nodeName");
    }
    None
}

fn deletion(
    metadata: &wire::Metadata,
    pod_grace_seconds: i64,
    reading: &mut Reading,
) -> Option<Deletion> {
    let deadline = reading.copied(&metadata.deletion_timestamp, "metadata.deletionTimestamp");
    let grace = &metadata.deletion_grace_period_seconds;
    let grace = reading.seconds(grace, "metadata.deletionGracePeriodSeconds");
    Some(Deletion {
        deadline: deadline?,
        grace_seconds: grace.unwrap_or(pod_grace_seconds),
    })
}

fn conditions(status: &PodStatus, reading: &mut Reading) -> (bool, Option<Disruption>) {
    let mut ready = false;
    let mut disruption = None;
    for condition in reading.items(&status.conditions, "status.conditions") {
        match reading.copied(&condition.condition_type, "status.conditions.type") {
            Some(ConditionType::Ready) => ready = is_true(&condition.status, reading),
            Some(ConditionType::DisruptionTarget) if is_true(&condition.status, reading) => {
                let reason = reading.copied(&condition.reason, "status.conditions.reason");
                disruption = Some(reason.unwrap_or(Disruption::Other));
            }
            Some(ConditionType::DisruptionTarget | ConditionType::Other) | None => {}
        }
    }
    (ready, disruption)
}

fn is_true(status: &Field<ConditionStatus>, reading: &mut Reading) -> bool {
    reading.copied(status, "status.conditions.status") == Some(ConditionStatus::True)
}

/// In the order in which a kubelet starts them: ephemeral, init, regular.
fn containers(pod: &Pod, key: &DigestKey, reading: &mut Reading) -> Vec<ContainerSeen> {
    let spec = &pod.spec.value;
    let status = &pod.status.value;
    let lists = [
        (
            ContainerType::Ephemeral,
            (&spec.ephemeral_containers, "spec.ephemeralContainers"),
            (
                &status.ephemeral_container_statuses,
                "status.ephemeralContainerStatuses",
            ),
        ),
        (
            ContainerType::Init,
            (&spec.init_containers, "spec.initContainers"),
            (
                &status.init_container_statuses,
                "status.initContainerStatuses",
            ),
        ),
        (
            ContainerType::Container,
            (&spec.containers, "spec.containers"),
            (&status.container_statuses, "status.containerStatuses"),
        ),
    ];
    let mut seen = Vec::new();
    let mut names = BTreeSet::new();
    for (container_type, (declared, declared_field), (statuses, statuses_field)) in lists {
        let statuses = reading.items(statuses, statuses_field);
        for declared in reading.items(declared, declared_field) {
            let name = declared.name.get();
            if names.len() == CONTAINERS_MAX {
                reading.defects.push(declared_field);
                break;
            }
            // The API server refuses a second one of a name.
            if !names.insert(name) {
                reading.defects.push(declared_field);
                continue;
            }
            let status = statuses
                .clone()
                .find(|status| name.is_some() && status.name.get() == name);
            seen.extend(container(container_type, declared, status, key, reading));
        }
    }
    seen
}

fn container(
    container_type: ContainerType,
    declared: &Container,
    status: Option<&ContainerStatus>,
    key: &DigestKey,
    reading: &mut Reading,
) -> Option<ContainerSeen> {
    let name = reading.name(&declared.name, "spec.containers.name")?;
    let policy = reading.copied(&declared.restart_policy, "spec.containers.restartPolicy");
    let container_type = match (container_type, policy) {
        (ContainerType::Init, Some(RestartPolicy::Always)) => ContainerType::Sidecar,
        (other, _) => other,
    };
    let lifecycle = reading.record(&declared.lifecycle, "spec.containers.lifecycle");
    let declared_signal = reading.copied(&lifecycle.stop_signal, "spec.containers.lifecycle");
    let reported_signal = status.and_then(|status| {
        reading.copied(&status.stop_signal, "status.containerStatuses.stopSignal")
    });
    Some(ContainerSeen {
        name,
        container_type,
        post_start: hook(&lifecycle.post_start, key, reading),
        pre_stop: hook(&lifecycle.pre_stop, key, reading),
        stop_signal: declared_signal
            .or(reported_signal)
            .map_or(SIGTERM, |Signal(number)| number),
        liveness_grace_seconds: probe_grace_seconds(&declared.liveness_probe, reading),
        startup_grace_seconds: probe_grace_seconds(&declared.startup_probe, reading),
        status: status.map(|status| container_status(status, reading)),
    })
}

fn probe_grace_seconds(probe: &Record<Probe>, reading: &mut Reading) -> Option<i64> {
    let probe = reading.record(probe, "spec.containers.probe");
    let grace = &probe.termination_grace_period_seconds;
    reading.seconds(grace, "spec.containers.probe")
}

fn hook(
    handler: &Field<LifecycleHandler>,
    key: &DigestKey,
    reading: &mut Reading,
) -> Option<HookSpec> {
    const FIELD: &str = "spec.containers.lifecycle";
    let handler = reading.value(handler, FIELD)?;
    let mut spec = HookSpec {
        handler: Handler::Exec,
        sleep_seconds: None,
        program: None,
        digest: None,
        port: None,
        scheme: None,
    };
    if let Some(exec) = reading.value(&handler.exec, FIELD) {
        command(exec, key, &mut spec, reading);
    } else if let Some(request) = reading.value(&handler.http_get, FIELD) {
        spec.handler = Handler::HTTPGet;
        spec.port = reading
            .value(&request.port, FIELD)
            .map(|port| port.0.clone());
        let scheme = reading.copied(&request.scheme, FIELD);
        spec.scheme = scheme.map(|scheme| scheme.as_str().into());
    } else if let Some(socket) = reading.value(&handler.tcp_socket, FIELD) {
        spec.handler = Handler::TCPSocket;
        spec.port = reading
            .value(&socket.port, FIELD)
            .map(|port| port.0.clone());
    } else if let Some(sleep) = reading.value(&handler.sleep, FIELD) {
        spec.handler = Handler::Sleep;
        spec.sleep_seconds = reading.seconds(&sleep.seconds, FIELD);
    } else {
        reading.defects.push(FIELD);
        return None;
    }
    Some(spec)
}

/// A redacted command is known by its digest, which a raw one is given here.
fn command(exec: &wire::Exec, key: &DigestKey, spec: &mut HookSpec, reading: &mut Reading) {
    const FIELD: &str = "spec.containers.lifecycle.exec.command";
    let command = reading.value(&exec.command, FIELD);
    if command.is_some_and(wire::Command::has_wrong) {
        reading.defects.push(FIELD);
    }
    let first_word = command.and_then(|command| command.words().next());
    spec.program = first_word.and_then(redact::program).map(Into::into);
    spec.digest = match exec.digest.get() {
        Some(digest) => Some(digest.0.clone()),
        None => command.map(|command| key.digest(command.words()).into()),
    };
}

fn container_status(status: &ContainerStatus, reading: &mut Reading) -> ContainerStatusSeen {
    let restarts = &status.restart_count;
    let last = reading.record(&status.last_state, "status.containerStatuses.lastState");
    ContainerStatusSeen {
        restart_count: reading
            .copied(restarts, "status.containerStatuses.restartCount")
            .unwrap_or_default(),
        container_id: reading
            .copied(&status.container_id, "status.containerStatuses.containerID")
            .and_then(|id| id.0),
        state: state(&status.state, reading),
        last: terminated(last, reading),
    }
}

fn state(state: &Record<ContainerState>, reading: &mut Reading) -> StateSeen {
    const FIELD: &str = "status.containerStatuses.state";
    let state = reading.record(state, FIELD);
    if let Some(terminated) = terminated(state, reading) {
        StateSeen::Terminated(terminated)
    } else if let Some(running) = reading.value(&state.running, FIELD) {
        let started_at = reading.copied(&running.started_at, FIELD);
        StateSeen::Running { started_at }
    } else if let Some(waiting) = reading.value(&state.waiting, FIELD) {
        let told = reading.copied(&waiting.reason, FIELD);
        let reason = told.map_or(WaitingReason::Other, |told| told.reason);
        let message = reading.copied(&waiting.message, FIELD);
        let failure = message
            .and_then(|message| message.0)
            .or(told.and_then(|told| told.failure))
            .filter(|_| reason == WaitingReason::PostStartHookError);
        StateSeen::Waiting { reason, failure }
    } else {
        StateSeen::None
    }
}

fn terminated(state: &ContainerState, reading: &mut Reading) -> Option<TerminatedSeen> {
    const FIELD: &str = "status.containerStatuses.terminated";
    let terminated = reading.value(&state.terminated, FIELD)?;
    Some(TerminatedSeen {
        exit_code: reading
            .copied(&terminated.exit_code, FIELD)
            .unwrap_or_default(),
        reason: reading
            .copied(&terminated.reason, FIELD)
            .unwrap_or(TerminatedReason::Other),
        started_at: time(&terminated.started_at, reading),
        finished_at: time(&terminated.finished_at, reading),
        container_id: reading
            .copied(&terminated.container_id, FIELD)
            .and_then(|id| id.0),
    })
}

fn time(field: &Field<Timestamp>, reading: &mut Reading) -> Option<Timestamp> {
    reading.copied(field, "status.containerStatuses.terminated")
}
