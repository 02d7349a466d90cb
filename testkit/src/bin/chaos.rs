//! Tries faults on the operator, compares its tallies with what happened, and writes the table.
//!
//! `chaos HOOKAUDIT [--short] [--record] [--rounds NUMBER] [--at-once NUMBER] [--flag FLAG]... [--out DIR] [--table FILE] [NAME...]`; a NAME is a part of a fault's name,
//! a FLAG one more for the operator.

use std::fs;
use std::io::{Write, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use hookaudit_testkit::chaos::fault::Fault;
use hookaudit_testkit::chaos::faults;
use hookaudit_testkit::chaos::play::{Options, Places, play};
use hookaudit_testkit::chaos::table::{Row, document, table};
use hookaudit_testkit::cluster::{Unavailable, skipped};
use tokio::signal::unix::{SignalKind, signal};

/// Each has a cluster of its own.
const AT_ONCE: usize = 2;

struct Arguments {
    options: Options,
    at_once: usize,
    table: Option<PathBuf>,
    names: Vec<String>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = arguments()?;
    let names = &arguments.names;
    let is_chosen = |fault: &Fault| match names.is_empty() {
        true => !arguments.options.short || fault.short_rounds.is_some(),
        false => names.iter().any(|name| fault.name.contains(name.as_str())),
    };
    let chosen: Vec<Fault> = faults::all().into_iter().filter(is_chosen).collect();
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
            played = play_all(&chosen, &arguments) => Ok(played),
            _ = terminated.recv() => bail!("terminated"),
            _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        }
    })?;
    let made = table(&rows);
    stdout().write_all(made.as_bytes())?;
    if let Some(path) = &arguments.table {
        let text = fs::read_to_string(path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        let text = document(&text, &made)
            .with_context(|| format!("{} has no place for the table", path.display()))?;
        fs::write(path, text)?;
    }
    let is_good = failures == 0 && rows.iter().all(|row| row.problems.is_empty());
    Ok(ExitCode::from(u8::from(!is_good)))
}

fn arguments() -> anyhow::Result<Arguments> {
    let mut words = std::env::args().skip(1);
    let program = words
        .next()
        .context("the first argument is the hookaudit program")?;
    let mut arguments = Arguments {
        options: Options {
            program: std::path::absolute(program)?,
            out: std::path::absolute("target/chaos")?,
            flags: Vec::new(),
            records: false,
            short: false,
            rounds: None,
        },
        at_once: AT_ONCE,
        table: None,
        names: Vec::new(),
    };
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .with_context(|| format!("{word} needs a value"))
        };
        match word.as_str() {
            "--short" => arguments.options.short = true,
            "--record" => arguments.options.records = true,
            "--rounds" => arguments.options.rounds = Some(value()?.parse()?),
            "--at-once" => arguments.at_once = value()?.parse()?,
            "--flag" => arguments.options.flags.push(value()?),
            "--out" => arguments.options.out = std::path::absolute(value()?)?,
            "--table" => arguments.table = Some(value()?.into()),
            flag if flag.starts_with('-') => bail!("unknown: {flag}"),
            _ => arguments.names.push(word),
        }
    }
    Ok(arguments)
}

/// The rows of those that could be played, and how many could not.
async fn play_all(chosen: &[Fault], arguments: &Arguments) -> (Vec<Row>, usize) {
    let places = Places::new(arguments.at_once);
    let one = async |fault: &Fault| {
        let played = play(fault, &arguments.options, &places).await;
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
