//! What a condition says to a person: one sentence, without any number that moves by itself.

use super::Ledger;
use super::judgement::{Judgement, Judgements, condition_of};
use super::streaks::{self, CLEAN_RUNS};
use crate::audit::snapshot::HookLedger;
use crate::audit::words::{
    ConditionReason as Because, ConditionStatus, ConditionType, Fault, Hook, Outcome, Recovery,
    TerminationResult,
};

/// The sentence of one condition.
pub(super) fn message(
    ledger: &Ledger,
    condition_type: ConditionType,
    judgements: &Judgements,
) -> String {
    let judgement = judgements[condition_type as usize];
    match condition_type {
        ConditionType::Ready => ready(ledger, judgement.reason),
        ConditionType::ConfigurationValid => "Declared hooks are not linted.".to_owned(),
        _ if judgement.status == ConditionStatus::Unknown => {
            "The first lists are not complete.".to_owned()
        }
        ConditionType::Healthy => healthy(ledger, judgements),
        ConditionType::PostStartHealthy => hook(ledger, Hook::PostStart, judgement.reason),
        ConditionType::PreStopHealthy => hook(ledger, Hook::PreStop, judgement.reason),
        ConditionType::TerminationHealthy => terminations(ledger, judgement.reason),
    }
}

fn ready(ledger: &Ledger, reason: Because) -> String {
    let target = &ledger.target;
    match reason {
        Because::TargetNotFound => format!(
            "{} {} is gone; this report ends when its last pods are settled.",
            target.kind, target.name
        ),
        Because::Syncing => "The first lists are not complete.".to_owned(),
        _ => "All watches are synced.".to_owned(),
    }
}

fn healthy(ledger: &Ledger, judgements: &Judgements) -> String {
    let part = match judgements[ConditionType::Healthy as usize].reason {
        Because::PreStopOverran | Because::PreStopFailing => ConditionType::PreStopHealthy,
        Because::PostStartStuck | Because::PostStartFailing => ConditionType::PostStartHealthy,
        Because::TerminationOverdue | Because::ForceKilled => ConditionType::TerminationHealthy,
        Because::NotObserved => return "No run or termination was judged yet.".to_owned(),
        _ => return "No hook fails and no pod stops badly.".to_owned(),
    };
    let sentence = message(ledger, part, judgements);
    let also: Vec<&str> = [
        ConditionType::PostStartHealthy,
        ConditionType::PreStopHealthy,
        ConditionType::TerminationHealthy,
    ]
    .into_iter()
    .filter(|other| *other != part && is_false(judgements[*other as usize]))
    .map(ConditionType::as_str)
    .collect();
    if also.is_empty() {
        return sentence;
    }
    let sentence = sentence.trim_end_matches('.');
    format!("{sentence}; see also {}.", also.join(" and "))
}

fn hook(ledger: &Ledger, hook: Hook, reason: Because) -> String {
    let name = hook.label();
    match reason {
        Because::Stuck => stuck(ledger, hook),
        Because::Overrunning => with_fault(ledger, hook, Fault::Overran),
        Because::Failing => {
            let streaks = ledger.streaks();
            let fault = [Fault::Failed, Fault::Interrupted]
                .into_iter()
                .find(|fault| streaks::counting(streaks, condition_of(hook), *fault).is_some());
            with_fault(ledger, hook, fault.unwrap_or(Fault::Failed))
        }
        Because::Slow => slow(ledger, hook),
        Because::NoHook => format!("No container declares a {name}."),
        Because::NotObserved => format!("No {name} was judged yet."),
        _ => recovered(ledger, condition_of(hook), name)
            .unwrap_or_else(|| format!("The {name} hooks succeed.")),
    }
}

fn with_fault(ledger: &Ledger, hook: Hook, fault: Fault) -> String {
    let (outcome, became, advice) = match fault {
        Fault::Overran => (
            Outcome::Overran,
            "used up the grace",
            "shorten it or raise terminationGracePeriodSeconds",
        ),
        Fault::Interrupted => (
            Outcome::Interrupted,
            "was interrupted by the end of the main process",
            "look why the process failed",
        ),
        Fault::Failed | Fault::ForceKilled | Fault::Slow => (
            Outcome::Failed,
            "failed",
            "the incidents name pods and evidence",
        ),
    };
    let name = hook.label();
    let worst = rows(ledger, hook)
        .filter(|row| row.count(outcome) > 0)
        .max_by_key(|row| row.last_failure_at);
    match worst {
        Some(row) => format!(
            "{name} of {} {became} in {} of {}; {advice}.",
            row.container,
            row.count(outcome),
            counted(row.due(), "run"),
        ),
        None => format!("{name} {became}; {advice}."),
    }
}

fn stuck(ledger: &Ledger, hook: Hook) -> String {
    let containers: u64 = rows(ledger, hook).map(|row| u64::from(row.stuck)).sum();
    let worst = rows(ledger, hook).max_by_key(|row| row.stuck);
    let container = worst.map_or("", |row| &row.container);
    format!(
        "{} of {container} has not returned in {}; look at what it waits for.",
        hook.label(),
        counted(containers, "container"),
    )
}

fn slow(ledger: &Ledger, hook: Hook) -> String {
    let worst = rows(ledger, hook).max_by_key(|row| row.longest_seconds);
    let container = worst.map_or("", |row| &row.container);
    let seconds = worst.and_then(|row| row.longest_seconds).unwrap_or(0);
    match (hook, ledger.grace_seconds) {
        (Hook::PreStop, Some(grace)) => format!(
            "preStop of {container} took up to {seconds} s of a {grace} s grace; shorten it or raise terminationGracePeriodSeconds."
        ),
        _ => format!(
            "{} of {container} took up to {seconds} s, longer than its threshold.",
            hook.label()
        ),
    }
}

fn terminations(ledger: &Ledger, reason: Because) -> String {
    let terminations = &ledger.terminations;
    match reason {
        Because::Overdue => {
            let pods: u64 = terminations
                .overdue
                .iter()
                .map(|(_, pods)| u64::from(*pods))
                .sum();
            let verb = if pods == 1 { "is" } else { "are" };
            let causes: Vec<String> = terminations
                .overdue
                .iter()
                .map(|(cause, pods)| format!("{cause} ({pods})"))
                .collect();
            let pods = counted(pods, "pod");
            let causes = causes.join(", ");
            format!(
                "{pods} {verb} past the deadline, held by {causes}; the active list names them."
            )
        }
        Because::ForceKilled => format!(
            "{} of {} ended by SIGKILL at the end of the grace; make the process stop sooner or raise terminationGracePeriodSeconds.",
            terminations.count(TerminationResult::ForceKilled),
            counted(terminations.total(), "termination"),
        ),
        Because::NotObserved => "No termination was judged yet.".to_owned(),
        _ => recovered(ledger, ConditionType::TerminationHealthy, "termination")
            .unwrap_or_else(|| "No pod is past its deadline.".to_owned()),
    }
}

fn recovered(ledger: &Ledger, condition_type: ConditionType, subject: &str) -> Option<String> {
    let (fault, recovery) = streaks::last_recovery(ledger.streaks(), condition_type)?;
    let fault = match fault {
        Fault::Failed | Fault::Slow => "failed",
        Fault::Overran => "overran",
        Fault::Interrupted => "was interrupted",
        Fault::ForceKilled => "was force-killed",
    };
    Some(match recovery {
        Recovery::CleanRuns => format!("{CLEAN_RUNS} clean ones since a {subject} last {fault}."),
        Recovery::QuietDay => format!("24 hours passed since a {subject} last {fault}."),
    })
}

fn rows(ledger: &Ledger, hook: Hook) -> impl Iterator<Item = &HookLedger> {
    ledger.hooks.iter().filter(move |row| row.hook == hook)
}

fn is_false(judgement: Judgement) -> bool {
    judgement.status == ConditionStatus::False
}

fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
