//! What the API showed of the pods in a recording: their declarations, and how much of an end could be seen there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context;
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use serde_json::Value;

#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    pub pods: BTreeMap<String, Pod>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Pod {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub own_grace_seconds: f64,
    pub containers: Vec<Container>,
    pub deletion: Option<Deletion>,
    pub has_finalizers_at_end: bool,
    pub gone_at: Option<Timestamp>,
    pub first_finished_at: Option<Timestamp>,
    /// The ids of containers whose end the API showed.
    pub ended: BTreeSet<String>,
    /// The ids of containers of whose postStart failure the API showed the detail.
    pub told_failures: BTreeSet<String>,
    pub events: Vec<Event>,
}

#[derive(Clone, Debug)]
pub(super) struct Deletion {
    pub seen_at: Timestamp,
    pub grace_seconds: f64,
    pub deadline: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct Event {
    pub reason: String,
    pub container: String,
    pub message: String,
    pub seen_at: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct Container {
    pub name: String,
    pub kind: &'static str,
    pub post_start: Option<Handler>,
    pub pre_stop: Option<Handler>,
    pub probe_grace_seconds: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Handler {
    Exec,
    HttpGet,
    TcpSocket,
    Sleep { seconds: f64 },
}

impl Handler {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Exec => "Exec",
            Self::HttpGet => "HTTPGet",
            Self::TcpSocket => "TCPSocket",
            Self::Sleep { .. } => "Sleep",
        }
    }

    fn of(hook: &Value) -> Option<Self> {
        if hook.get("exec").is_some() {
            return Some(Self::Exec);
        }
        if hook.get("httpGet").is_some() {
            return Some(Self::HttpGet);
        }
        if hook.get("tcpSocket").is_some() {
            return Some(Self::TcpSocket);
        }
        hook.get("sleep").map(|sleep| Self::Sleep {
            seconds: sleep["seconds"].as_f64().unwrap_or(0.0),
        })
    }
}

impl Shown {
    pub(super) fn read(recording: &Path) -> anyhow::Result<Self> {
        let mut shown = Self::default();
        let mut events = Vec::new();
        for (index, line) in lines_of(recording)?.enumerate() {
            let place = || format!("{}:{}", recording.display(), index + 1);
            let line: Value =
                serde_json::from_str(&line.with_context(place)?).with_context(place)?;
            let Some(at) = line["at"].as_str() else {
                continue;
            };
            let at: Timestamp = at.parse().with_context(place)?;
            shown.from.get_or_insert(at);
            shown.to = Some(at);
            match line["resource"].as_str() {
                Some("pods") if line["object"].is_object() => shown.see_pod(at, &line),
                Some("events") if line["object"].is_object() && line["type"] != "DELETED" => {
                    events.push((at, line["object"].clone()));
                }
                _ => {}
            }
        }
        for (at, event) in events {
            shown.see_event(at, &event);
        }
        Ok(shown)
    }

    fn see_pod(&mut self, at: Timestamp, line: &Value) {
        let object = &line["object"];
        let metadata = &object["metadata"];
        let Some(uid) = metadata["uid"].as_str() else {
            return;
        };
        let pod = self
            .pods
            .entry(uid.to_owned())
            .or_insert_with(|| Pod::declared(object));
        pod.has_finalizers_at_end = metadata["finalizers"]
            .as_array()
            .is_some_and(|list| !list.is_empty());
        if pod.deletion.is_none()
            && let Some(deadline) = metadata["deletionTimestamp"]
                .as_str()
                .and_then(|at| at.parse().ok())
        {
            let grace_seconds = metadata["deletionGracePeriodSeconds"]
                .as_f64()
                .unwrap_or(0.0);
            pod.deletion = Some(Deletion {
                seen_at: at,
                grace_seconds,
                deadline,
            });
        }
        if line["type"] == "DELETED" {
            pod.gone_at = Some(at);
        }
        if matches!(
            object["status"]["phase"].as_str(),
            Some("Succeeded" | "Failed")
        ) {
            pod.first_finished_at.get_or_insert(at);
        }
        pod.ended.extend(ended_containers(object));
        pod.told_failures.extend(told_failures(object));
    }

    fn see_event(&mut self, at: Timestamp, event: &Value) {
        let about = &event["involvedObject"];
        let Some(pod) = about["uid"].as_str().and_then(|uid| self.pods.get_mut(uid)) else {
            return;
        };
        let path = about["fieldPath"].as_str().unwrap_or_default();
        let container = path
            .split_once('{')
            .map_or("", |(_, name)| name.trim_end_matches('}'));
        pod.events.push(Event {
            reason: event["reason"].as_str().unwrap_or_default().to_owned(),
            container: container.to_owned(),
            message: event["message"].as_str().unwrap_or_default().to_owned(),
            seen_at: at,
        });
    }
}

impl Pod {
    fn declared(object: &Value) -> Self {
        let metadata = &object["metadata"];
        let spec = &object["spec"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let init = spec["initContainers"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|container| {
                let kind = if container["restartPolicy"] == "Always" {
                    "Sidecar"
                } else {
                    "Init"
                };
                Container::declared(container, kind)
            });
        let main = spec["containers"].as_array().into_iter().flatten();
        Self {
            namespace: text(&metadata["namespace"]),
            name: text(&metadata["name"]),
            uid: text(&metadata["uid"]),
            own_grace_seconds: spec["terminationGracePeriodSeconds"]
                .as_f64()
                .unwrap_or(30.0),
            containers: init
                .chain(main.map(|container| Container::declared(container, "Container")))
                .collect(),
            ..Self::default()
        }
    }

    pub(super) fn container(&self, name: &str) -> Option<&Container> {
        self.containers
            .iter()
            .find(|container| container.name == name)
    }

    pub(super) fn shows_event(&self, reason: &str, container: &str) -> bool {
        self.events
            .iter()
            .any(|event| event.reason == reason && event.container == container)
    }
}

impl Container {
    fn declared(container: &Value, kind: &'static str) -> Self {
        let lifecycle = &container["lifecycle"];
        let grace = |probe: &str| container[probe]["terminationGracePeriodSeconds"].as_f64();
        Self {
            name: container["name"].as_str().unwrap_or_default().to_owned(),
            kind,
            post_start: lifecycle.get("postStart").and_then(Handler::of),
            pre_stop: lifecycle.get("preStop").and_then(Handler::of),
            probe_grace_seconds: grace("livenessProbe").or_else(|| grace("startupProbe")),
        }
    }
}

fn ended_containers(object: &Value) -> impl Iterator<Item = String> {
    let status = &object["status"];
    let lists = [
        "containerStatuses",
        "initContainerStatuses",
        "ephemeralContainerStatuses",
    ];
    let lists = lists.map(|list| status[list].as_array());
    lists.into_iter().flatten().flatten().flat_map(|container| {
        ["state", "lastState"].into_iter().filter_map(|state| {
            let identifier = container[state]["terminated"]["containerID"].as_str()?;
            Some(identifier.rsplit('/').next()?.to_owned())
        })
    })
}

fn told_failures(object: &Value) -> impl Iterator<Item = String> {
    let status = &object["status"];
    let lists = ["containerStatuses", "initContainerStatuses"].map(|list| status[list].as_array());
    lists
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|container| {
            let waiting = &container["state"]["waiting"];
            let is_told = waiting["reason"] == "PostStartHookError"
                && waiting["message"]
                    .as_str()
                    .is_some_and(|message| !message.is_empty());
            let identifier = container["lastState"]["terminated"]["containerID"].as_str()?;
            is_told.then(|| identifier.rsplit('/').next().map(str::to_owned))?
        })
}

pub(super) fn lines_of(
    path: &Path,
) -> anyhow::Result<Box<dyn Iterator<Item = std::io::Result<String>>>> {
    let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        return Ok(Box::new(BufReader::new(MultiGzDecoder::new(file)).lines()));
    }
    Ok(Box::new(BufReader::new(file).lines()))
}
