//! Plays the scenarios of the accuracy suite, compares the operator's verdicts with the truth, and writes the table.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Parser;
use hookaudit_testkit::accuracy::keep::{SETTLE_SECONDS, Whole};
use hookaudit_testkit::accuracy::play::{dir_of, outcomes, play};
use hookaudit_testkit::accuracy::run::Played;
use hookaudit_testkit::accuracy::scenario::Scenario;
use hookaudit_testkit::accuracy::scenarios;
use hookaudit_testkit::accuracy::table::{Row, document};
use hookaudit_testkit::truth::{Figures, Grade, Interval, Truth, Witnesses, build, grade};

/// Plays the scenarios of the accuracy suite, compares verdicts with the truth, and writes the table
#[derive(Parser)]
struct Options {
    /// The program
    hookaudit: PathBuf,
    #[arg(long, value_name = "DIR", default_value = "target/accuracy")]
    out: PathBuf,
    /// Where recordings are kept as tests
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// The document that is written
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// Seconds until everything is settled
    #[arg(long, value_name = "SECONDS", default_value_t = SETTLE_SECONDS.unsigned_abs())]
    settle: u64,
    /// Play nothing, and judge anew what an earlier run left
    #[arg(long, conflicts_with = "kept")]
    again: bool,
    /// Play nothing, and judge what was kept
    #[arg(long)]
    kept: bool,
    /// Phases, or parts of scenarios' names; all of them without
    names: Vec<String>,
}

fn main() -> anyhow::Result<ExitCode> {
    let mut options = Options::parse();
    options.out = std::path::absolute(&options.out)?;
    let mut chosen = scenarios::all();
    chosen.retain(|scenario| is_chosen(scenario, &options.names));
    chosen.sort_by_key(|scenario| scenario.phase);
    let mut spent = None;
    if !options.kept && !options.again {
        let runtime = tokio::runtime::Runtime::new()?;
        let play = play(
            &chosen,
            &options.hookaudit,
            &options.out,
            Duration::from_secs(options.settle),
            tell,
        );
        spent = Some(runtime.block_on(play)?);
    }
    let began = Instant::now();
    let mut failures = Vec::new();
    let rows = if options.kept {
        kept_rows(&options, &chosen)?
    } else {
        judge_all(&options, &chosen, &mut failures)?
    };
    let table = document(&rows);
    if let Some(path) = &options.table {
        fs::write(path, &table).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    stdout().write_all(table.as_bytes())?;
    for failure in &failures {
        tell(&format!("not made: {failure}"));
    }
    if let Some(mut spent) = spent {
        spent.add("judging", began);
        tell(&format!("played in {}", spent.told()));
    }
    let figures = Figures::of(rows.iter().flat_map(|row| &row.graded));
    let is_good =
        failures.is_empty() && figures.confirmed_and_wrong == 0 && figures.right_share() >= 0.98;
    Ok(ExitCode::from(u8::from(!is_good)))
}

fn is_chosen(scenario: &Scenario, names: &[String]) -> bool {
    names.is_empty()
        || names
            .iter()
            .any(|name| scenario.phase.name() == name || scenario.name.contains(name.as_str()))
}

/// The rows of what was played, in the order of the suite.
fn judge_all(
    options: &Options,
    chosen: &[Scenario],
    failures: &mut Vec<String>,
) -> anyhow::Result<Vec<Row>> {
    let mut venues = BTreeMap::new();
    let mut rows = Vec::new();
    for scenario in chosen {
        let venue = scenario.phase.venue();
        let dir = dir_of(&options.out, venue);
        if let Entry::Vacant(place) = venues.entry(venue) {
            let whole = Whole::read(&dir.join("recording.jsonl"))?;
            place.insert((whole, Witnesses::read(&dir)?, outcomes(&dir)?));
        }
        let (whole, witnesses, played) = &venues[&venue];
        match played.get(scenario.name) {
            None => failures.push(format!("{}: not played", scenario.name)),
            Some(Err(error)) => failures.push(error.clone()),
            Some(Ok(span)) => {
                let row = judge(options, scenario, *span, &dir, whole, witnesses)?;
                failures.extend(not_shown(scenario, &row.truth));
                tell_row(&row);
                tell_intervals(&row);
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

fn judge(
    options: &Options,
    scenario: &Scenario,
    span: Played,
    dir: &Path,
    whole: &Whole,
    witnesses: &Witnesses,
) -> anyhow::Result<Row> {
    let dir = options.keep.as_deref().unwrap_or(dir);
    let part = dir.join(format!("{}.jsonl.gz", scenario.name));
    whole.keep(&scenario.namespace(), span, &part)?;
    let truth = build(scenario.name, scenario.about, &part, witnesses)?;
    let text = serde_json::to_string_pretty(&truth)?;
    fs::write(truth_file(dir, scenario), text + "\n")?;
    replayed(options, truth, &part)
}

fn kept_rows(options: &Options, chosen: &[Scenario]) -> anyhow::Result<Vec<Row>> {
    let dir = options.keep.as_deref().context("--kept needs --keep")?;
    let kept = chosen
        .iter()
        .filter(|scenario| truth_file(dir, scenario).exists());
    kept.map(|scenario| {
        let truth: Truth = serde_json::from_slice(&fs::read(truth_file(dir, scenario))?)?;
        let recording = dir.join(&truth.recording);
        let row = replayed(options, truth, &recording)?;
        tell_row(&row);
        tell_intervals(&row);
        Ok(row)
    })
    .collect()
}

fn truth_file(dir: &Path, scenario: &Scenario) -> PathBuf {
    dir.join(format!("{}.truth.json", scenario.name))
}

fn replayed(options: &Options, truth: Truth, part: &Path) -> anyhow::Result<Row> {
    let replay = Command::new(&options.hookaudit)
        .args(["replay", "-o", "json"])
        .arg(part)
        .output()?;
    if replay.stdout.is_empty() {
        bail!(
            "{}: {}",
            part.display(),
            String::from_utf8_lossy(&replay.stderr).trim()
        );
    }
    let report = serde_json::from_slice(&replay.stdout)?;
    let graded = grade(&truth, &report)?;
    Ok(Row { truth, graded })
}

/// What a scenario was made for must have come about, or it says nothing.
fn not_shown(scenario: &Scenario, truth: &Truth) -> Vec<String> {
    let happened = |wanted: &str| {
        let (hook, outcome) = wanted.split_once(' ').unwrap_or((wanted, ""));
        let is_run = truth
            .runs
            .iter()
            .any(|run| run.hook == hook && run.outcome.contains(outcome));
        let results = truth
            .terminations
            .iter()
            .map(|termination| termination.result.as_deref().unwrap_or_default());
        is_run
            || (hook == "Termination" && results.into_iter().any(|result| result.contains(outcome)))
    };
    scenario
        .shows
        .iter()
        .filter(|wanted| !happened(wanted))
        .map(|wanted| format!("{}: no {wanted} came about", scenario.name))
        .collect()
}

fn tell_row(row: &Row) {
    for graded in row
        .graded
        .iter()
        .filter(|graded| graded.grade > Grade::Tolerated)
    {
        let said = format!(
            "{}: {} was {}, said to be {}",
            graded.grade.name(),
            graded.place,
            graded.truth,
            graded.verdict
        );
        tell(&format!(
            "{said} {:?}: {}",
            graded.confidence,
            graded.complaints.join("; ")
        ));
    }
}

fn tell_intervals(row: &Row) {
    for graded in &row.graded {
        for interval in graded
            .intervals
            .iter()
            .filter(|interval| !interval.is_right())
        {
            let Interval {
                name,
                true_seconds,
                min_seconds,
                max_seconds,
                ..
            } = interval;
            tell(&format!(
                "off: {} {name} was {true_seconds} s, said to be {min_seconds} to {max_seconds:?}",
                graded.place
            ));
        }
    }
}

fn tell(line: &str) {
    drop(writeln!(stderr(), "{line}"));
}
