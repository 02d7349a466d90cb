//! The files that the witnesses of a run leave behind.

use std::fs;
use std::path::Path;

use anyhow::Context;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::audit_log::{self, Request};
use super::kubelet_log::{self, LogLine};
use super::time::from_nanoseconds;

/// What the runner did, one JSON object per line of `actions.jsonl`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Action {
    #[serde(rename = "unixnano")]
    pub unix_nanoseconds: i64,
    pub scenario: String,
    /// A verb: `kill`, `stop`, `cont` or `start` with the component as its target, and whatever else a scenario does.
    pub action: String,
    pub target: String,
}

impl Action {
    pub(super) fn at(&self) -> Timestamp {
        from_nanoseconds(self.unix_nanoseconds)
    }
}

/// One line of what the pods wrote themselves.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "podUID")]
    pub pod_uid: String,
    pub container: String,
    #[serde(rename = "containerID")]
    pub container_id: String,
    pub role: String,
    #[serde(default)]
    pub hook: String,
    pub event: String,
    pub code: Option<i32>,
    #[serde(default)]
    pub signal: String,
    #[serde(default)]
    pub path: String,
    #[serde(rename = "unixnano")]
    unix_nanoseconds: i64,
}

impl Entry {
    pub(super) fn at(&self) -> Timestamp {
        from_nanoseconds(self.unix_nanoseconds)
    }
}

/// The end of a container's first process, by the container runtime.
#[derive(Clone, Debug)]
pub(super) struct Exit {
    pub at: Timestamp,
    pub container_id: String,
    pub code: i32,
}

#[derive(Clone, Debug)]
pub(super) struct OutOfMemory {
    pub at: Timestamp,
    pub container_id: String,
}

/// Everything that the witnesses of one cluster said, in the order of time.
#[derive(Debug, Default)]
pub struct Witnesses {
    pub(super) ledger: Vec<Entry>,
    pub(super) log: Vec<LogLine>,
    pub(super) exits: Vec<Exit>,
    pub(super) out_of_memory: Vec<OutOfMemory>,
    pub(super) requests: Vec<Request>,
    pub(super) actions: Vec<Action>,
}

impl Witnesses {
    /// Reads `ledger.jsonl`, `actions.jsonl`, `runtime.log`, `kubelet.log` and `audit.log` of a run.
    ///
    /// # Errors
    ///
    /// If one of them cannot be read.
    pub fn read(run: &Path) -> anyhow::Result<Self> {
        let kubelet_log = run.join("kubelet.log");
        let ledger: Vec<Entry> = json_lines(&run.join("ledger.jsonl"))?;
        let mut witnesses = Self {
            ledger,
            actions: json_lines(&run.join("actions.jsonl"))?,
            log: kubelet_log::parse(&text(&kubelet_log)?, year_of(&kubelet_log)?),
            requests: audit_log::parse(&text(&run.join("audit.log"))?),
            ..Self::default()
        };
        witnesses.read_runtime(&text(&run.join("runtime.log"))?);
        witnesses.ledger.sort_by_key(Entry::at);
        witnesses.exits.sort_by_key(|exit| exit.at);
        Ok(witnesses)
    }

    /// Lines of `ctr events`: date, time, zone, zone, namespace, topic, JSON.
    fn read_runtime(&mut self, text: &str) {
        for line in text.lines() {
            let mut words = line.splitn(7, ' ');
            let (Some(date), Some(time)) = (words.next(), words.next()) else {
                continue;
            };
            let (Some(topic), Some(json)) = (words.nth(3), words.next()) else {
                continue;
            };
            let Ok(event) = serde_json::from_str::<Value>(json) else {
                continue;
            };
            let container_id = event["container_id"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            match topic {
                "/tasks/exit" if event["id"] == event["container_id"] => {
                    let at = event["exited_at"].as_str().and_then(|at| at.parse().ok());
                    let code = event["exit_status"].as_i64().unwrap_or(0);
                    self.exits.extend(at.map(|at| Exit {
                        at,
                        container_id,
                        code: i32::try_from(code).unwrap_or(-1),
                    }));
                }
                "/tasks/oom" => {
                    let at = format!("{date}T{time}Z").parse().ok();
                    self.out_of_memory
                        .extend(at.map(|at| OutOfMemory { at, container_id }));
                }
                _ => {}
            }
        }
    }

    /// The moments at which a component came back after it was gone or silent, with the moment it went.
    pub(super) fn absences(&self, component: &str) -> Vec<(Timestamp, Option<Timestamp>)> {
        let of_component = |action: &&Action| action.target == component;
        let mut absences: Vec<(Timestamp, Option<Timestamp>)> = Vec::new();
        for action in self.actions.iter().filter(of_component) {
            match action.action.as_str() {
                "kill" | "stop" => absences.push((action.at(), None)),
                "start" | "cont" => {
                    if let Some((_, until @ None)) = absences.last_mut() {
                        *until = Some(action.at());
                    }
                }
                _ => {}
            }
        }
        absences
    }

    /// The kubelet was gone or stood still at some time between.
    pub(super) fn was_away(&self, from: Timestamp, to: Timestamp) -> bool {
        self.absences("kubelet")
            .iter()
            .any(|(away, back)| *away < to && back.is_none_or(|back| back > from))
    }

    /// The suite itself kept something of the scenario with that namespace busy.
    pub(super) fn is_held(&self, namespace: &str, what: &str) -> bool {
        self.actions.iter().any(|action| {
            action.action == "hold"
                && action.target == what
                && namespace.strip_prefix("h-") == Some(action.scenario.as_str())
        })
    }

    /// The kubelet's lives end where it was killed.
    pub(super) fn kubelet_death_after(&self, from: Timestamp) -> Timestamp {
        let kills = self
            .actions
            .iter()
            .filter(|action| action.action == "kill" && action.target == "kubelet");
        kills
            .map(Action::at)
            .find(|at| *at > from)
            .unwrap_or(Timestamp::MAX)
    }
}

fn text(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

fn json_lines<T: for<'a> Deserialize<'a>>(path: &Path) -> anyhow::Result<Vec<T>> {
    let text = text(path)?;
    let lines = text.lines().enumerate().map(|(index, line)| {
        serde_json::from_str(line).with_context(|| format!("{}:{}", path.display(), index + 1))
    });
    lines.collect()
}

/// A line of the kubelet's log has no year.
fn year_of(path: &Path) -> anyhow::Result<i16> {
    let modified = fs::metadata(path)?.modified()?;
    Ok(Timestamp::try_from(modified)?
        .to_zoned(TimeZone::UTC)
        .year())
}
