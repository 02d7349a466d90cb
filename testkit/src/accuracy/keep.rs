//! One scenario's part of a recording that many shared.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::run::Played;

/// After that no Event is to be expected any more: 150 s, and some for the end of the instance to be shown.
pub const SETTLE_SECONDS: i64 = 160;
const BEFORE_SECONDS: i64 = 2;
/// What happens to others still shows that time went on.
const TICK_SECONDS: i64 = 5;

/// Keeps what concerns the namespace, the nodes and the streams themselves, from the scenario's begin until all is settled.
///
/// # Errors
///
/// If the whole recording cannot be read or the part not be written.
pub fn keep(whole: &Path, namespace: &str, played: Played, part: &Path) -> anyhow::Result<()> {
    let from = played.from - SignedDuration::from_secs(BEFORE_SECONDS);
    let to = played.to + SignedDuration::from_secs(SETTLE_SECONDS);
    let whole_lines = BufReader::new(
        File::open(whole).with_context(|| format!("{} cannot be read", whole.display()))?,
    )
    .lines();
    let mut part = GzEncoder::new(File::create(part)?, Compression::best());
    let mut told_at = from;
    let mut last_at = None;
    for (index, line) in whole_lines.enumerate() {
        let line = line?;
        let parsed: Value = serde_json::from_str(&line)
            .with_context(|| format!("{}:{}", whole.display(), index + 1))?;
        last_at = time_of(&parsed).or(last_at);
        if index == 0 || is_kept(&parsed, namespace, from, to) {
            writeln!(part, "{line}")?;
        } else if let Some(at) = time_of(&parsed).filter(|at| *at <= to)
            && at.duration_since(told_at).as_secs() >= TICK_SECONDS
        {
            let tick = json!({"at": parsed["at"], "resource": "clock", "type": "TICK"});
            writeln!(part, "{tick}")?;
            told_at = at;
        }
    }
    // Nothing came up to here, which is what a verdict that rests on absence waits for.
    if let Some(until) = last_at.map(|last_at| last_at.min(to)) {
        let tick = json!({"at": until, "resource": "clock", "type": "TICK"});
        writeln!(part, "{tick}")?;
    }
    part.finish()?;
    Ok(())
}

fn is_kept(line: &Value, namespace: &str, from: Timestamp, to: Timestamp) -> bool {
    let Some(at) = time_of(line) else {
        return false;
    };
    let object = &line["object"];
    let of_namespace =
        object["metadata"]["namespace"] == namespace || object["metadata"]["name"] == namespace;
    let of_node = match line["resource"].as_str() {
        Some("nodes") => object.is_object(),
        Some("events") => at >= from && object["involvedObject"]["kind"] == "Node",
        _ => false,
    };
    let is_of_streams = matches!(line["type"].as_str(), Some("SYNCED" | "RELIST"));
    at <= to && (of_namespace || of_node || is_of_streams || (line["type"] == "TICK" && at >= from))
}

fn time_of(line: &Value) -> Option<Timestamp> {
    line["at"].as_str()?.parse().ok()
}
