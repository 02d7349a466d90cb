//! The families with one or more series per workload.

use crate::audit::snapshot::{HookLedger, Workload};
use crate::audit::words::{Hook, Outcome, TerminationResult};

use super::births::{Births, Moment, is_born_at_zero};
use super::text::Kind;

/// One family and how a workload fills it.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
    pub(super) fold: Fold,
    /// The workload has a series in this family.
    pub(super) applies: fn(&Workload) -> bool,
    pub(super) fill: fn(&Workload, &mut Births, Moment, &mut Emit<'_>),
}

/// What becomes of workloads beyond the cap, and which labels a series has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fold {
    /// Per workload; the others are added up.
    Sum,
    /// Per workload; a sum would mean nothing.
    LeaveOut,
    /// Per namespace; all workloads are added up.
    Namespace,
}

/// Takes the labels after the workload's own, and the value.
pub(super) type Emit<'a> = dyn FnMut(&[(&'static str, &str)], u64) + 'a;

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "hookaudit_hook_info",
        kind: Kind::Gauge,
        help: "Lifecycle hook declared by a container of a workload, by handler type.",
        fold: Fold::Sum,
        applies: Workload::has_hooks,
        fill: |workload, _, _, emit| {
            for ledger in &workload.hooks {
                let labels = [
                    ("container", &*ledger.container),
                    ("container_type", ledger.container_type.label()),
                    ("hook", hook(ledger)),
                    ("handler", ledger.spec.handler.label()),
                ];
                emit(&labels, 1);
            }
        },
    },
    Family {
        name: "hookaudit_hook_sleep_seconds",
        kind: Kind::Gauge,
        help: "Fixed sleep declared by a lifecycle hook.",
        fold: Fold::LeaveOut,
        applies: |workload| {
            workload
                .hooks
                .iter()
                .any(|ledger| ledger.spec.sleep_seconds.is_some())
        },
        fill: |workload, _, _, emit| {
            for ledger in &workload.hooks {
                if let Some(seconds) = ledger.spec.sleep_seconds {
                    emit(&of_hook(ledger), u64::try_from(seconds).unwrap_or(0));
                }
            }
        },
    },
    Family {
        name: "hookaudit_workload_termination_grace_period_seconds",
        kind: Kind::Gauge,
        help: "Termination grace period of the newest pod of a workload.",
        fold: Fold::LeaveOut,
        applies: |workload| workload.grace_seconds.is_some(),
        fill: |workload, _, _, emit| {
            if let Some(seconds) = workload.grace_seconds {
                emit(&[], u64::try_from(seconds).unwrap_or(0));
            }
        },
    },
    Family {
        name: "hookaudit_hook_runs_total",
        kind: Kind::Counter,
        help: "Observed lifecycle hook runs by outcome.",
        fold: Fold::Sum,
        applies: Workload::has_hooks,
        fill: hook_runs,
    },
    Family {
        name: "hookaudit_hook_duplicate_runs_total",
        kind: Kind::Counter,
        help: "Lifecycle hook runs after the first for one container instance.",
        fold: Fold::Sum,
        applies: |workload| workload.hooks.iter().any(|ledger| ledger.duplicates > 0),
        fill: |workload, births, moment, emit| {
            for ledger in workload.hooks.iter().filter(|ledger| ledger.duplicates > 0) {
                let count = births
                    .hook(ledger)
                    .duplicates
                    .show(ledger.duplicates, moment);
                emit(&of_hook(ledger), count);
            }
        },
    },
    Family {
        name: "hookaudit_hook_runs_amended_total",
        kind: Kind::Counter,
        help: "Lifecycle hook runs that were counted with one outcome and found to have another.",
        fold: Fold::Sum,
        applies: |workload| {
            workload
                .hooks
                .iter()
                .any(|ledger| !ledger.amendments.is_empty())
        },
        fill: amendments,
    },
    Family {
        name: "hookaudit_terminations_total",
        kind: Kind::Counter,
        help: "Completed pod terminations by result.",
        fold: Fold::Sum,
        applies: |_| true,
        fill: |workload, births, moment, emit| {
            for &result in TerminationResult::ALL {
                let count = terminations(workload, result);
                if count > 0 || is_born_at_zero(result) {
                    emit(
                        &[("result", result.label())],
                        births.results[result as usize].show(count, moment),
                    );
                }
            }
        },
    },
    Family {
        name: "hookaudit_workload_termination_seconds_total",
        kind: Kind::Counter,
        help: "Time that pods of a workload spent terminating.",
        fold: Fold::Sum,
        applies: |_| true,
        fill: |workload, births, moment, emit| {
            let written = workload.basis.written.as_ref();
            let seconds = written.map_or(workload.terminations.total_seconds, |written| {
                written.total_seconds
            });
            emit(&[], births.seconds.show(seconds, moment));
        },
    },
    Family {
        name: "hookaudit_pods_terminating",
        kind: Kind::Gauge,
        help: "Pods terminating now, by what holds them.",
        fold: Fold::Namespace,
        applies: |workload| !workload.terminations.terminating.is_empty(),
        fill: |workload, _, _, emit| {
            for (cause, pods) in &workload.terminations.terminating {
                emit(&[("cause", cause.label())], u64::from(*pods));
            }
        },
    },
    Family {
        name: "hookaudit_pods_terminating_overdue",
        kind: Kind::Gauge,
        help: "Pods past their deletion deadline, by what holds them.",
        fold: Fold::Sum,
        applies: |workload| !workload.terminations.overdue.is_empty(),
        fill: |workload, _, _, emit| {
            for (cause, pods) in &workload.terminations.overdue {
                emit(&[("cause", cause.label())], u64::from(*pods));
            }
        },
    },
    Family {
        name: "hookaudit_containers_post_start_stuck",
        kind: Kind::Gauge,
        help: "Started containers whose postStart hook has not returned.",
        fold: Fold::Sum,
        applies: |workload| workload.hooks.iter().any(|ledger| is_stuck(&ledger)),
        fill: |workload, _, _, emit| {
            for ledger in workload.hooks.iter().filter(is_stuck) {
                emit(&[("container", &ledger.container)], u64::from(ledger.stuck));
            }
        },
    },
];

fn hook_runs(workload: &Workload, births: &mut Births, moment: Moment, emit: &mut Emit<'_>) {
    for ledger in &workload.hooks {
        let births = births.hook(ledger);
        // All outcomes of a hook are born together; showing one decides for the others.
        let born = births.outcomes;
        for &outcome in Outcome::ALL {
            let count = ever_counted(workload, ledger, outcome);
            let shown = if is_usual(ledger.hook, outcome) {
                births.outcomes = born;
                births.outcomes.show(count, moment)
            } else if count > 0 {
                births.rare(outcome).show(count, moment)
            } else {
                continue;
            };
            let [container, hook] = of_hook(ledger);
            emit(&[container, hook, ("outcome", outcome.label())], shown);
        }
    }
}

/// A counter only ever adds. It runs ahead of the status by what an Event tells, which the API still holds;
/// what rests on absence nobody could count again, so it is shown once it is written.
fn ever_counted(workload: &Workload, ledger: &HookLedger, outcome: Outcome) -> u64 {
    match &workload.basis.written {
        Some(written) if !outcome.rests_on_event() => {
            written.ever_counted(&ledger.container, ledger.hook, outcome)
        }
        _ => ledger.ever_counted(outcome),
    }
}

/// The same of terminations.
fn terminations(workload: &Workload, result: TerminationResult) -> u64 {
    match &workload.basis.written {
        Some(written) => written.results[result as usize],
        None => workload.terminations.count(result),
    }
}

fn amendments(workload: &Workload, births: &mut Births, moment: Moment, emit: &mut Emit<'_>) {
    for ledger in &workload.hooks {
        for &(from, to, times) in &ledger.amendments {
            let shown = births
                .hook(ledger)
                .amendment((from, to))
                .show(times, moment);
            let [container, hook] = of_hook(ledger);
            emit(
                &[container, hook, ("from", from.label()), ("to", to.label())],
                shown,
            );
        }
    }
}

/// Outcomes that are exported before they occur.
const fn is_usual(hook: Hook, outcome: Outcome) -> bool {
    match outcome {
        Outcome::Succeeded | Outcome::Failed | Outcome::Unknown => true,
        Outcome::Overran | Outcome::CutShort | Outcome::Interrupted | Outcome::Skipped => {
            matches!(hook, Hook::PreStop)
        }
        Outcome::Running => false,
    }
}

fn is_stuck(ledger: &&HookLedger) -> bool {
    ledger.hook == Hook::PostStart && ledger.stuck > 0
}

fn of_hook(ledger: &HookLedger) -> [(&'static str, &str); 2] {
    [("container", &ledger.container), ("hook", hook(ledger))]
}

fn hook(ledger: &HookLedger) -> &'static str {
    ledger.hook.label()
}
