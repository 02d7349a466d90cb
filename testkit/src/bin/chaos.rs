//! Tries faults on the operator, compares its tallies with what happened, and writes the table.

use std::fs;
use std::io::{Write, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Parser;
use hookaudit_testkit::chaos::fault::Fault;
use hookaudit_testkit::chaos::faults;
use hookaudit_testkit::chaos::play::{Options, Places, play};
use hookaudit_testkit::chaos::table::{Row, document, table};
use hookaudit_testkit::cluster::{Unavailable, skipped};
use tokio::signal::unix::{SignalKind, signal};

/// Tries faults on the operator, compares its tallies with what happened, and writes the table
#[derive(Parser)]
struct Arguments {
    /// The program
    hookaudit: PathBuf,
    /// Fewer rounds, and failures alone
    #[arg(long)]
    short: bool,
    /// Keep what the operator is given
    #[arg(long)]
    record: bool,
    /// Rounds of each fault, other than it says
    #[arg(long, value_name = "NUMBER")]
    rounds: Option<u32>,
    /// Faults at a time, each with a cluster of its own
    #[arg(long, value_name = "NUMBER", default_value_t = 2)]
    at_once: usize,
    /// One more flag of the operator, as often as needed
    #[arg(long = "flag", value_name = "FLAG", allow_hyphen_values = true)]
    flags: Vec<String>,
    /// What a loss is looked for in
    #[arg(long, value_name = "DIR", default_value = "target/chaos")]
    out: PathBuf,
    /// The document whose rows of these faults are written
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// Parts of faults' names; all of them without
    names: Vec<String>,
}

impl Arguments {
    fn options(&self) -> anyhow::Result<Options> {
        Ok(Options {
            program: std::path::absolute(&self.hookaudit)?,
            out: std::path::absolute(&self.out)?,
            flags: self.flags.clone(),
            records: self.record,
            short: self.short,
            rounds: self.rounds,
        })
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let options = arguments.options()?;
    let names = &arguments.names;
    let is_chosen = |fault: &Fault| match names.is_empty() {
        true => !arguments.short || fault.short_rounds.is_some(),
        false => names.iter().any(|name| fault.name.contains(name.as_str())),
    };
    let known = faults::all();
    let chosen: Vec<Fault> = known
        .iter()
        .filter(|fault| is_chosen(fault))
        .cloned()
        .collect();
    if chosen.is_empty() {
        bail!("no fault is called like {names:?}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()?;
    let (rows, failures) = runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        // What was started ends with what started it.
        tokio::select! {
            played = play_all(&chosen, &options, arguments.at_once) => Ok(played),
            _ = terminated.recv() => bail!("terminated"),
            _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        }
    })?;
    stdout().write_all(table(&rows).as_bytes())?;
    if let Some(path) = &arguments.table {
        let text = fs::read_to_string(path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        let known: Vec<&str> = known.iter().map(|fault| fault.name).collect();
        let text = document(&text, &rows, &known)
            .with_context(|| format!("{} has no place for the table", path.display()))?;
        fs::write(path, text)?;
    }
    let is_good = failures == 0 && rows.iter().all(|row| row.problems.is_empty());
    Ok(ExitCode::from(u8::from(!is_good)))
}

/// The rows of those that could be played, and how many could not.
async fn play_all(chosen: &[Fault], options: &Options, at_once: usize) -> (Vec<Row>, usize) {
    let places = Places::new(at_once);
    let one = async |fault: &Fault| {
        let played = play(fault, options, &places).await;
        match played {
            Ok(row) => {
                tell(&format!("{}: {}", fault.name, row.verdict()));
                let problems = row.problems.iter();
                problems.for_each(|problem| tell(&format!("{}: {problem}", fault.name)));
                Ok(row)
            }
            Err(error) => Err(not_played(fault, &error)),
        }
    };
    let played = futures::future::join_all(chosen.iter().map(one)).await;
    let mut rows = Vec::new();
    let mut failures = 0;
    let mut missing = None;
    for played in played {
        match played {
            Ok(row) => rows.push(row),
            Err(NotPlayed::Failed) => failures += 1,
            Err(NotPlayed::Skipped(reason)) => missing = Some(reason),
        }
    }
    // One line, because the whole suite counts as one test.
    if let Some(reason) = missing {
        skipped("chaos", &reason);
    }
    (rows, failures)
}

enum NotPlayed {
    Skipped(String),
    Failed,
}

/// Without what a cluster needs a fault is skipped, as any test is.
fn not_played(fault: &Fault, error: &anyhow::Error) -> NotPlayed {
    let required = std::env::var("REQUIRE_CLUSTER").is_ok_and(|value| value == "1");
    if let (Some(Unavailable::Missing(reason)), false) = (error.downcast_ref(), required) {
        return NotPlayed::Skipped(reason.clone());
    }
    tell(&format!("{}: not played: {error:#}", fault.name));
    NotPlayed::Failed
}

fn tell(line: &str) {
    drop(writeln!(stderr(), "{line}"));
}
