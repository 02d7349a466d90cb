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
/// A watch that broke shows an end later than it came.
const AFTER_SECONDS: i64 = SETTLE_SECONDS + 60;
const BEFORE_SECONDS: i64 = 2;
/// What happens to others still shows that time went on.
const TICK_SECONDS: i64 = 5;

/// A recording with what its parts are chosen by.
#[derive(Debug)]
pub struct Whole {
    header: String,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    text: String,
    at: Timestamp,
    belonging: Belonging,
}

#[derive(Debug)]
enum Belonging {
    /// Of the streams themselves, or of a node: to every part.
    Everyone,
    /// The same, but only while the scenario is played.
    EveryoneMeanwhile,
    /// To whoever has a namespace of one of these names.
    Namespaces([String; 2]),
}

impl Whole {
    /// # Errors
    ///
    /// If it cannot be read, or a line is none of a recording.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let file =
            File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let mut texts = BufReader::new(file).lines();
        let header = texts.next().context("the recording is empty")??;
        let lines = texts.enumerate().map(|(index, text)| {
            let place = || format!("{}:{}", path.display(), index + 2);
            let text = text.with_context(place)?;
            let value: Value = serde_json::from_str(&text).with_context(place)?;
            let at = value["at"].as_str().unwrap_or_default();
            anyhow::Ok(Line {
                at: at.parse().with_context(place)?,
                belonging: Belonging::of(&value),
                text,
            })
        });
        let lines = lines.collect::<anyhow::Result<_>>()?;
        Ok(Self { header, lines })
    }

    /// Writes what concerns the namespace, the nodes and the streams themselves, from the scenario's begin until all is settled.
    ///
    /// # Errors
    ///
    /// If the part cannot be written.
    pub fn keep(&self, namespace: &str, played: Played, part: &Path) -> anyhow::Result<()> {
        let from = played.from - SignedDuration::from_secs(BEFORE_SECONDS);
        let to = played.to + SignedDuration::from_secs(AFTER_SECONDS);
        let mut part = GzEncoder::new(File::create(part)?, Compression::best());
        writeln!(part, "{}", self.header)?;
        let tick = |at: Timestamp| json!({"at": at, "resource": "clock", "type": "TICK"});
        let mut told_at = from;
        for line in self.lines.iter().take_while(|line| line.at <= to) {
            let is_kept = match &line.belonging {
                Belonging::Everyone => true,
                Belonging::EveryoneMeanwhile => line.at >= from,
                Belonging::Namespaces(names) => names.iter().any(|name| name == namespace),
            };
            if is_kept {
                writeln!(part, "{}", line.text)?;
            } else if line.at.duration_since(told_at).as_secs() >= TICK_SECONDS {
                writeln!(part, "{}", tick(line.at))?;
                told_at = line.at;
            }
        }
        // Nothing came up to here, which is what a verdict that rests on absence waits for.
        if let Some(last) = self.lines.last() {
            writeln!(part, "{}", tick(last.at.min(to)))?;
        }
        part.finish()?;
        Ok(())
    }
}

impl Belonging {
    fn of(line: &Value) -> Self {
        let object = &line["object"];
        let name = |key: &str| {
            let name = object["metadata"][key].as_str();
            name.unwrap_or_default().to_owned()
        };
        match (line["resource"].as_str(), line["type"].as_str()) {
            (_, Some("SYNCED" | "RELIST")) => Self::Everyone,
            (Some("nodes"), _) if object.is_object() => Self::Everyone,
            (Some("events"), _) if object["involvedObject"]["kind"] == "Node" => {
                Self::EveryoneMeanwhile
            }
            (_, Some("TICK")) => Self::EveryoneMeanwhile,
            _ => Self::Namespaces([name("namespace"), name("name")]),
        }
    }
}
