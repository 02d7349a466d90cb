//! `docs/accuracy.md`: every scenario, what happened, and what the operator made of it.

use crate::truth::{Figures, Graded, Truth, share};

use super::scenarios::{NOT_RUN, NotRun};

/// A scenario whose report was compared with the truth.
#[derive(Clone, Debug)]
pub struct Row {
    pub truth: Truth,
    pub graded: Vec<Graded>,
}

pub fn document(rows: &[Row]) -> String {
    let all: Vec<&Graded> = rows.iter().flat_map(|row| &row.graded).collect();
    let runs = Figures::of(all.iter().copied().filter(|graded| graded.is_run));
    let terminations = Figures::of(all.iter().copied().filter(|graded| !graded.is_run));
    let mut text = format!(
        "# Accuracy\n\nWritten by `make accuracy`: {} scenarios on a real kubelet 1.37.2. What happened is told by the pods' own processes, the kubelet's\n\
         log, the container runtime and the audit log, not by the API; see [tests/kubelet](../tests/kubelet/README.md).\n\n",
        rows.len()
    );
    text.push_str("| | total | right | tolerated | overconfident | wrong | confirmed and wrong | missing | extra | right share | Confirmed | Unknown | unsettled |\n");
    text.push_str(
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for (name, figures) in [("hook runs", &runs), ("terminations", &terminations)] {
        push(
            &mut text,
            format_args!(
                "| {name} | {} | {} | {} | {} | {} | {} | {} | {} | {:.1} % | {} | {} | {} |\n",
                figures.total,
                figures.right,
                figures.tolerated,
                figures.overconfident,
                figures.wrong,
                figures.confirmed_and_wrong,
                figures.missing,
                figures.extra,
                figures.right_share() * 100.0,
                figures.confirmed,
                with_share(figures.unknown, figures.total),
                figures.unsettled
            ),
        );
    }
    text.push('\n');
    for (name, figures) in [
        ("Durations of hooks", &runs),
        ("Parts of terminations", &terminations),
    ] {
        push(
            &mut text,
            format_args!(
                "{name}: {} of {} stated intervals hold the true duration (within 0.5 s), {} are open, the median width is {:.2} s.\n",
                figures.intervals_right,
                figures.intervals,
                with_share(figures.intervals_open, figures.intervals),
                figures.median_width_seconds.unwrap_or_default()
            ),
        );
    }
    text.push_str("\nTolerated is a fair guess that is said to be one; durations in seconds, `>` cut short.\n\n");
    text.push_str("| scenario | what happened | verdict | confidence | true duration | interval | |\n| --- | --- | --- | --- | --- | --- | --- |\n");
    for row in rows {
        push_row(&mut text, row);
    }
    text.push_str(
        "\n## Not run\n\nWhat stands for it is no recording of a kubelet: it was written by hand after what one is known to show, in\n\
         `tests/recordings/constructed`, each with the expected verdicts beside it.\n\n\
         | what | why | constructed recordings |\n| --- | --- | --- |\n",
    );
    for NotRun {
        what,
        why,
        constructed,
    } in NOT_RUN
    {
        push(
            &mut text,
            format_args!("| {what} | {why} | {} |\n", constructed.join(", ")),
        );
    }
    text
}

fn with_share(part: usize, whole: usize) -> String {
    format!("{part} ({:.1} %)", share(part, whole) * 100.0)
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.push_str(&line.to_string());
}

fn push_row(text: &mut String, row: &Row) {
    push(
        text,
        format_args!(
            "| **{}** | {} | | | | | |\n",
            row.truth.batch, row.truth.about
        ),
    );
    for graded in &row.graded {
        let place = graded
            .place
            .split_once('/')
            .map_or(graded.place.as_str(), |(_, place)| place);
        let interval = graded
            .intervals
            .iter()
            .find(|interval| interval.name == "hook");
        let duration = interval.map_or_else(String::new, |interval| {
            let sign = if interval.is_minimum { "> " } else { "" };
            format!("{sign}{:.2}", interval.true_seconds)
        });
        let stated = interval.map_or_else(String::new, |interval| {
            let wrong = if interval.is_right() { "" } else { " **off**" };
            let max = interval
                .max_seconds
                .map_or_else(|| "…".to_owned(), |max| format!("{max:.2}"));
            format!("{:.2} to {max}{wrong}", interval.min_seconds)
        });
        let complaint = match graded.complaints.is_empty() {
            true => String::new(),
            false => format!(": {}", graded.complaints.join("; ")),
        };
        push(
            text,
            format_args!(
                "| {place} | {} | {} | {} | {duration} | {stated} | {}{complaint} |\n",
                graded.truth,
                graded.verdict,
                graded.confidence.as_deref().unwrap_or("-"),
                graded.grade.name()
            ),
        );
    }
}
