//! One pod, the lives of its containers, and the deliveries to it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Run;
use super::pods::Pod;
use super::witnesses::Witnesses;

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

impl<'a> Scene<'a> {
    pub(super) fn of(pod: &'a Pod, witnesses: &'a Witnesses) -> Self {
        Self {
            pod,
            witnesses,
            instances: instances(pod, witnesses),
        }
    }

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

/// The deliveries to a pod.
pub(super) struct Hooks<'a> {
    pub post_start: &'a [Run],
    pub pre_stop: &'a [Run],
}

pub(super) fn last_delivery<'a>(runs: &'a [Run], instance: &Instance) -> Option<&'a Run> {
    runs.iter()
        .rev()
        .find(|run| run.container == instance.container && run.restart == instance.restart)
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
