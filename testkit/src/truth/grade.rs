//! How far a report of hookaudit (contract §7) agrees with the truth.

mod figures;
#[cfg(test)]
mod tests;

pub use figures::{Figures, share};

use std::collections::BTreeSet;

use anyhow::Context;
use serde_json::Value;

use super::time::seconds_between;
use super::{Run, Termination, Truth};

/// What the truth and the report may differ by, in seconds.
const TOLERANCE_SECONDS: f64 = 0.5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    Right,
    /// Not what happened, but a fair guess, and said to be one.
    Tolerated,
    /// Right, but `Confirmed` though the evidence allows another reading.
    Overconfident,
    Wrong,
    ConfirmedAndWrong,
    Missing,
    Extra,
}

impl Grade {
    pub fn is_right(self) -> bool {
        matches!(self, Self::Right | Self::Tolerated)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Tolerated => "tolerated",
            Self::Overconfident => "overconfident",
            Self::Wrong => "wrong",
            Self::ConfirmedAndWrong => "confirmed and wrong",
            Self::Missing => "missing",
            Self::Extra => "extra",
        }
    }
}

/// A stretch of time that the report states, beside the true one.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    pub name: &'static str,
    pub true_seconds: f64,
    pub is_minimum: bool,
    pub min_seconds: f64,
    pub max_seconds: Option<f64>,
}

impl Interval {
    pub fn is_right(&self) -> bool {
        let reaches = self
            .max_seconds
            .is_none_or(|max| max >= self.true_seconds - TOLERANCE_SECONDS);
        reaches && self.min_seconds <= self.true_seconds + TOLERANCE_SECONDS
    }

    pub fn width_seconds(&self) -> Option<f64> {
        self.max_seconds.map(|max| max - self.min_seconds)
    }
}

/// One run or termination, compared.
#[derive(Clone, Debug)]
pub struct Graded {
    pub is_run: bool,
    /// `namespace/pod container hook#restart.attempt`, or `namespace/pod`.
    pub place: String,
    pub truth: String,
    pub verdict: String,
    pub confidence: Option<String>,
    pub is_settled: bool,
    pub grade: Grade,
    /// What is wrong with it, in words.
    pub complaints: Vec<String>,
    pub intervals: Vec<Interval>,
}

/// Compares every run and termination of the truth with the report, and finds what the report has too many.
///
/// # Errors
///
/// If the report has not the shape of `hookaudit replay -o json`.
pub fn grade(truth: &Truth, report: &Value) -> anyhow::Result<Vec<Graded>> {
    let runs = report["runs"]
        .as_array()
        .context("the report has no runs")?;
    let terminations = report["terminations"]
        .as_array()
        .context("the report has no terminations")?;
    let mut graded = Vec::new();
    let mut known = BTreeSet::new();
    for run in &truth.runs {
        let key = key_of_run(run);
        let reported = runs
            .iter()
            .find(|reported| key_of_reported_run(reported) == key);
        known.insert(key);
        match reported {
            Some(reported) => graded.push(grade_run(run, reported)),
            None if run.optional => {}
            None => graded.push(missing(true, place_of_run(run), run.outcome.clone())),
        }
    }
    let extra_runs = runs
        .iter()
        .filter(|run| !known.contains(&key_of_reported_run(run)));
    graded.extend(extra_runs.map(|run| extra(true, run)));
    for termination in &truth.terminations {
        let reported = terminations
            .iter()
            .find(|reported| reported["podUID"] == *termination.pod_uid);
        match reported {
            Some(reported) => graded.push(grade_termination(termination, reported)),
            None if termination.optional => {}
            None => graded.push(missing(
                false,
                place_of_termination(termination),
                text_of(termination.result.as_ref()),
            )),
        }
    }
    let is_extra = |reported: &&Value| {
        !truth
            .terminations
            .iter()
            .any(|known| reported["podUID"] == *known.pod_uid)
    };
    graded.extend(
        terminations
            .iter()
            .filter(is_extra)
            .map(|termination| extra(false, termination)),
    );
    Ok(graded)
}

type RunKey = (String, String, String, u64, u64);

fn key_of_run(run: &Run) -> RunKey {
    (
        run.pod_uid.clone(),
        run.container.clone(),
        run.hook.clone(),
        u64::from(run.restart),
        u64::from(run.attempt),
    )
}

fn key_of_reported_run(run: &Value) -> RunKey {
    let text = |key: &str| run[key].as_str().unwrap_or_default().to_owned();
    let number = |key: &str| run[key].as_u64().unwrap_or(u64::MAX);
    (
        text("podUID"),
        text("container"),
        text("hook"),
        number("restart"),
        number("attempt"),
    )
}

fn place_of_run(run: &Run) -> String {
    let Run {
        namespace,
        pod,
        container,
        hook,
        restart,
        attempt,
        ..
    } = run;
    format!("{namespace}/{pod} {container} {hook}#{restart}.{attempt}")
}

fn place_of_termination(termination: &Termination) -> String {
    format!("{}/{}", termination.namespace, termination.pod)
}

fn text_of(value: Option<&String>) -> String {
    value.cloned().unwrap_or_else(|| "open".to_owned())
}

fn missing(is_run: bool, place: String, truth: String) -> Graded {
    Graded {
        is_run,
        place,
        truth,
        verdict: "-".to_owned(),
        confidence: None,
        is_settled: false,
        grade: Grade::Missing,
        complaints: vec!["not reported".to_owned()],
        intervals: Vec::new(),
    }
}

fn extra(is_run: bool, reported: &Value) -> Graded {
    let text = |key: &str| reported[key].as_str().unwrap_or("-").to_owned();
    let mut place = format!("{}/{}", text("namespace"), text("pod"));
    if is_run {
        place = format!(
            "{place} {} {}#{}.{}",
            text("container"),
            text("hook"),
            reported["restart"],
            reported["attempt"]
        );
    }
    Graded {
        is_run,
        place,
        truth: "-".to_owned(),
        verdict: text(if is_run { "outcome" } else { "result" }),
        confidence: reported["confidence"].as_str().map(str::to_owned),
        is_settled: reported["settled"] == true,
        grade: Grade::Extra,
        complaints: vec!["it did not take place".to_owned()],
        intervals: Vec::new(),
    }
}

fn grade_run(run: &Run, reported: &Value) -> Graded {
    let outcome = reported["outcome"].as_str().unwrap_or_default();
    let is_confirmed = reported["confidence"] == "Confirmed";
    let mut complaints = Vec::new();
    let is_acceptable = run.acceptable.iter().any(|fine| fine == outcome);
    let is_guess = run.if_inferred.iter().any(|fine| fine == outcome);
    if !is_acceptable && !is_guess {
        complaints.push(format!("the outcome is {}", run.outcome));
    }
    if outcome == "Unknown" && reported["reason"].is_null() {
        complaints.push("Unknown has no reason".to_owned());
    }
    if is_acceptable && outcome == run.outcome {
        complaints.extend(wrong_details(run, reported));
    }
    if reported["handler"] != *run.handler {
        complaints.push(format!("the handler is {}", run.handler));
    }
    if reported["containerType"] != *run.container_type {
        complaints.push(format!("the container is a {}", run.container_type));
    }
    if is_guess && is_confirmed {
        complaints.push(format!("{outcome} is but a guess"));
    }
    let grade = match (
        is_acceptable && complaints.is_empty(),
        is_guess && complaints.is_empty(),
        is_confirmed,
    ) {
        (true, _, true) if run.confirmable == Some(false) => Grade::Overconfident,
        (true, _, _) => Grade::Right,
        (false, true, false) => Grade::Tolerated,
        (false, _, true) => Grade::ConfirmedAndWrong,
        (false, false, false) => Grade::Wrong,
    };
    let interval = run
        .duration_seconds
        .filter(|_| outcome == run.outcome && outcome != "Skipped")
        .and_then(|seconds| {
            interval(
                "hook",
                seconds,
                run.duration_is_minimum,
                &reported["durationSeconds"],
            )
        });
    Graded {
        is_run: true,
        place: place_of_run(run),
        truth: with_reason(&run.outcome, run.reasons.first().map(String::as_str)),
        verdict: with_reason(outcome, reported["reason"].as_str()),
        confidence: reported["confidence"].as_str().map(str::to_owned),
        is_settled: reported["settled"] == true,
        grade,
        complaints,
        intervals: interval.into_iter().collect(),
    }
}

fn wrong_details(run: &Run, reported: &Value) -> Vec<String> {
    let mut complaints = Vec::new();
    let reason = reported["reason"].as_str();
    if !run.reasons.is_empty() && !run.reasons.iter().any(|fine| reason == Some(fine)) {
        complaints.push(format!("the reason is {}", run.reasons.join(" or ")));
    }
    if let (Some(exit_code), Some(told)) = (run.exit_code, reported["exitCode"].as_i64())
        && i64::from(exit_code) != told
    {
        complaints.push(format!("the exit code is {exit_code}"));
    }
    complaints
}

fn with_reason(outcome: &str, reason: Option<&str>) -> String {
    reason.map_or_else(
        || outcome.to_owned(),
        |reason| format!("{outcome}/{reason}"),
    )
}

fn interval(
    name: &'static str,
    true_seconds: f64,
    is_minimum: bool,
    reported: &Value,
) -> Option<Interval> {
    Some(Interval {
        name,
        true_seconds,
        is_minimum,
        min_seconds: reported["min"].as_f64()?,
        max_seconds: reported["max"].as_f64(),
    })
}

fn grade_termination(termination: &Termination, reported: &Value) -> Graded {
    let result = reported["result"].as_str().map(str::to_owned);
    let is_confirmed = reported["confidence"] == "Confirmed";
    let cause = reported["cause"].as_str().unwrap_or_default().to_owned();
    let trigger = reported["trigger"].as_str().unwrap_or_default().to_owned();
    let mut complaints = Vec::new();
    if !termination.acceptable.contains(&result) {
        complaints.push(format!(
            "the result is {}",
            text_of(termination.result.as_ref())
        ));
    }
    if !termination.acceptable_triggers.contains(&trigger) {
        complaints.push(format!(
            "the trigger is {}",
            termination.acceptable_triggers.join(" or ")
        ));
    }
    let is_acceptable_cause = termination.acceptable_causes.contains(&cause);
    let is_guessed_cause = termination.causes_if_inferred.contains(&cause);
    if !is_acceptable_cause && !is_guessed_cause {
        complaints.push(format!(
            "the cause is {}",
            termination.acceptable_causes.join(" or ")
        ));
    }
    if is_guessed_cause && is_confirmed {
        complaints.push(format!("the cause {cause} is but a guess"));
    }
    complaints.extend(late_or_early(termination, reported));
    let grade = match (complaints.is_empty(), is_acceptable_cause, is_confirmed) {
        (true, true, _) => Grade::Right,
        (true, false, false) => Grade::Tolerated,
        (_, _, true) => Grade::ConfirmedAndWrong,
        (false, _, false) => Grade::Wrong,
    };
    Graded {
        is_run: false,
        place: place_of_termination(termination),
        truth: format!(
            "{} {}/{}",
            termination
                .acceptable_triggers
                .first()
                .map_or("", String::as_str),
            text_of(termination.result.as_ref()),
            termination
                .acceptable_causes
                .first()
                .map_or("", String::as_str)
        ),
        verdict: format!("{trigger} {}/{cause}", text_of(result.as_ref())),
        confidence: reported["confidence"].as_str().map(str::to_owned),
        is_settled: reported["settled"] == true,
        grade,
        complaints,
        intervals: split_intervals(termination, &reported["spent"]),
    }
}

/// A deletion's times have whole seconds at the API.
fn late_or_early(termination: &Termination, reported: &Value) -> Vec<String> {
    let pairs = [
        ("requestedAt", Some(&termination.requested_at)),
        ("deadline", termination.deadline.as_ref()),
        ("endedAt", termination.ended_at.as_ref()),
    ];
    let differ = pairs.into_iter().filter_map(|(name, truth)| {
        let told = reported[name].as_str()?.parse().ok()?;
        let truth_at = truth?.parse().ok()?;
        let seconds = seconds_between(truth_at, told);
        (seconds.abs() > 1.0 + TOLERANCE_SECONDS).then(|| format!("{name} is {seconds:+.1} s off"))
    });
    differ.collect()
}

fn split_intervals(termination: &Termination, spent: &Value) -> Vec<Interval> {
    let Some(split) = &termination.split else {
        return Vec::new();
    };
    let parts = [
        ("waitSeconds", split.wait_seconds),
        ("hookSeconds", split.hook_seconds),
        ("shutdownSeconds", split.shutdown_seconds),
        ("teardownSeconds", split.teardown_seconds),
    ];
    parts
        .into_iter()
        .filter_map(|(name, seconds)| interval(name, seconds?, false, &spent[name]))
        .collect()
}
