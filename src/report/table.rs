//! Tables for people: runs, terminations, workloads and gaps, a block each.

use std::io;

use super::Contents;
use crate::audit::record::{Gap, PodRef, Run, Termination};
use crate::audit::snapshot::{HookLedger, Workload};
use crate::audit::words::{Outcome, TerminationResult};

use self::block::Block;
use self::cell::{Cell, bounds, list, optional, time};

mod block;
mod cell;

#[cfg(test)]
mod tests;

/// How tables are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    pub detail: Detail,
    pub headers: Headers,
    pub colour: Colour,
    /// Columns of the terminal, to which evidence is cut; `None` where the output is no terminal.
    pub width: Option<usize>,
}

/// How many columns are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    Normal,
    Wide,
}

/// Whether each block opens with the names of its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Headers {
    Shown,
    Hidden,
}

/// Whether bad outcomes are red.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    On,
    Off,
}

/// Writes every block that has a row, an empty line between two.
///
/// # Errors
///
/// Those of the writer.
pub fn write(contents: &Contents, style: Style, out: &mut impl io::Write) -> io::Result<()> {
    let blocks = [
        runs(&contents.runs(), style.detail),
        terminations(&contents.terminations(), style.detail),
        workloads(&contents.workloads(), style.detail),
        gaps(&contents.gaps()),
    ];
    let mut filled = blocks.iter().filter(|block| !block.rows.is_empty());
    let Some(first) = filled.next() else {
        return match style.headers {
            Headers::Shown => writeln!(out, "No hook run, termination or gap was seen."),
            Headers::Hidden => Ok(()),
        };
    };
    first.write(style, out)?;
    for block in filled {
        writeln!(out)?;
        block.write(style, out)?;
    }
    Ok(())
}

fn runs(runs: &[(&PodRef, &Run)], detail: Detail) -> Block {
    let columns = "NAMESPACE POD CONTAINER HOOK OUTCOME REASON DURATION CONFIDENCE";
    let wide = "HANDLER TRIGGER RESTART ATTEMPT EXIT GRACE STARTED SETTLED EVIDENCE";
    let mut block = Block::new(columns, wide, detail);
    for (pod, run) in runs {
        let mut row = vec![
            Cell::plain(&*pod.namespace),
            Cell::plain(&*pod.name),
            Cell::plain(&*run.container),
            Cell::plain(run.hook.as_str()),
            outcome(run),
            optional(run.reason),
            bounds(Some(run.duration)),
            optional(run.confidence),
        ];
        if detail == Detail::Wide {
            row.extend([
                Cell::plain(run.handler.as_str()),
                optional(run.trigger),
                Cell::plain(run.restart.to_string()),
                Cell::plain(run.attempt.to_string()),
                optional(run.exit_code.or(run.container_exit_code)),
                optional(run.grace_seconds.map(|seconds| format!("{seconds}s"))),
                time(run.started_at),
                Cell::plain(run.settled.to_string()),
                list(&run.evidence, "; "),
            ]);
        }
        block.rows.push(row);
    }
    block
}

fn terminations(terminations: &[(&PodRef, &Termination)], detail: Detail) -> Block {
    let columns = "NAMESPACE POD TRIGGER RESULT CAUSE TOOK OVERDUE CONFIDENCE";
    let wide =
        "NODE REQUESTED DEADLINE ENDED WAIT HOOK SHUTDOWN TEARDOWN FINALIZERS SETTLED EVIDENCE";
    let mut block = Block::new(columns, wide, detail);
    for (pod, termination) in terminations {
        let spent = termination.spent;
        let mut row = vec![
            Cell::plain(&*pod.namespace),
            Cell::plain(&*pod.name),
            Cell::plain(termination.trigger.as_str()),
            result(termination.result),
            Cell::plain(termination.cause.as_str()),
            optional(took(termination)),
            Cell::plain(cell::seconds(termination.overdue) + "s"),
            optional(termination.confidence),
        ];
        if detail == Detail::Wide {
            row.extend([
                optional(pod.node.as_deref()),
                time(Some(termination.requested_at)),
                time(termination.deadline),
                time(termination.ended_at),
                bounds(spent.wait),
                bounds(spent.hook),
                bounds(spent.shutdown),
                bounds(spent.teardown),
                list(&termination.finalizers, ","),
                Cell::plain(termination.settled.to_string()),
                list(&termination.evidence, "; "),
            ]);
        }
        block.rows.push(row);
    }
    block
}

fn workloads(workloads: &[&Workload], detail: Detail) -> Block {
    let columns = "NAMESPACE WORKLOAD HOOKS RUNS FAILED OVERRAN TERMINATIONS KILLED P95 INCIDENTS";
    let wide = "CUT-SHORT INTERRUPTED SKIPPED UNKNOWN MAX RECOMMENDED-GRACE";
    let mut block = Block::new(columns, wide, detail);
    for workload in workloads {
        let ledger = &workload.terminations;
        let count = |outcome| tally(&workload.hooks, outcome);
        let target = &workload.target;
        let mut row = vec![
            Cell::plain(&*workload.namespace),
            Cell::plain(format!("{}/{}", target.kind.to_lowercase(), target.name)),
            Cell::plain(workload.hooks.len().to_string()),
            Cell::plain(run_count(&workload.hooks).to_string()),
            Cell::count_of_bad(count(Outcome::Failed)),
            Cell::count_of_bad(count(Outcome::Overran)),
            Cell::plain(ledger.total().to_string()),
            Cell::count_of_bad(ledger.count(TerminationResult::ForceKilled)),
            optional(ledger.p95_seconds().map(|seconds| format!("{seconds}s"))),
            Cell::count_of_bad(workload.incident_count),
        ];
        if detail == Detail::Wide {
            let recommended = ledger.recommended_grace_seconds;
            row.extend([
                Cell::count_of_bad(count(Outcome::CutShort)),
                Cell::count_of_bad(count(Outcome::Interrupted)),
                Cell::plain(count(Outcome::Skipped).to_string()),
                Cell::plain(count(Outcome::Unknown).to_string()),
                optional(ledger.max_seconds.map(|seconds| format!("{seconds}s"))),
                optional(recommended.map(|seconds| format!("{seconds}s"))),
            ]);
        }
        block.rows.push(row);
    }
    block
}

fn gaps(gaps: &[&Gap]) -> Block {
    let mut block = Block::new("GAP-FROM GAP-TO RESOURCE REASON", "", Detail::Normal);
    for gap in gaps {
        block.rows.push(vec![
            time(Some(gap.from)),
            time(Some(gap.to)),
            Cell::plain(gap.resource.as_str()),
            Cell::plain(gap.reason.as_str()),
        ]);
    }
    block
}

fn outcome(run: &Run) -> Cell {
    let text = run.outcome.as_str();
    match run.outcome {
        Outcome::Running if run.stuck => Cell::bad("Running,stuck"),
        Outcome::Failed | Outcome::Overran | Outcome::CutShort | Outcome::Interrupted => {
            Cell::bad(text)
        }
        Outcome::Succeeded | Outcome::Skipped | Outcome::Running | Outcome::Unknown => {
            Cell::plain(text)
        }
    }
}

fn result(result: Option<TerminationResult>) -> Cell {
    match result {
        None => Cell::plain("Terminating"),
        Some(killed @ TerminationResult::ForceKilled) => Cell::bad(killed.as_str()),
        Some(other) => Cell::plain(other.as_str()),
    }
}

/// From the request to the end of the object.
fn took(termination: &Termination) -> Option<String> {
    let lasted = termination
        .ended_at?
        .duration_since(termination.requested_at);
    Some(cell::seconds(lasted.unsigned_abs()) + "s")
}

fn tally(hooks: &[HookLedger], outcome: Outcome) -> u64 {
    hooks.iter().map(|hook| hook.count(outcome)).sum()
}

fn run_count(hooks: &[HookLedger]) -> u64 {
    hooks.iter().flat_map(|hook| hook.outcomes).sum()
}
