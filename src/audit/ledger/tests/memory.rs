use std::mem::size_of;

use super::*;

fn text(text: &str) -> usize {
    text.len()
}

fn optional(text: Option<&str>) -> usize {
    text.map_or(0, str::len)
}

fn slots<T>(vec: &Vec<T>) -> usize {
    vec.capacity() * size_of::<T>()
}

fn of_target(target: &WorkloadRef) -> usize {
    text(&target.api_version) + text(&target.kind) + text(&target.name)
}

fn of_rows(rows: &Vec<HookLedger>) -> usize {
    let strings: usize = rows
        .iter()
        .map(|row| {
            text(&row.container)
                + slots(&row.amendments)
                + optional(row.spec.program.as_deref())
                + optional(row.spec.digest.as_deref())
                + optional(row.spec.port.as_deref())
                + optional(row.spec.scheme.as_deref())
        })
        .sum();
    slots(rows) + strings
}

fn of_terminations(terminations: &TerminationLedger) -> usize {
    slots(&terminations.seconds.buckets)
        + slots(&terminations.grace_used_percent.buckets)
        + slots(&terminations.overdue)
        + slots(&terminations.terminating)
}

fn of_incidents(incidents: &Vec<Incident>) -> usize {
    let strings: usize = incidents
        .iter()
        .map(|incident| {
            let evidence: usize = incident.evidence.iter().map(|text| text.len()).sum();
            text(&incident.pod)
                + optional(incident.node.as_deref())
                + optional(incident.container.as_deref())
                + slots(&incident.evidence)
                + evidence
        })
        .sum();
    slots(incidents) + strings
}

/// What a ledger owns when nothing starts or stops.
fn of_ledger(ledger: &Ledger) -> usize {
    let unrest = ledger.unrest.as_deref().map_or(0, |unrest| {
        assert!(unrest.active.is_empty() && unrest.told.is_empty());
        size_of::<Unrest>()
            + slots(&unrest.incidents)
            + unrest.incidents.iter().map(Kept::heap_bytes).sum::<usize>()
            + slots(&unrest.active)
            + slots(&unrest.told)
            + slots(&unrest.streaks)
            + slots(&unrest.gaps)
            + slots(&unrest.flips)
    });
    size_of::<Ledger>()
        + text(&ledger.namespace)
        + of_target(&ledger.target)
        + of_rows(&ledger.hooks)
        + of_terminations(&ledger.terminations)
        + unrest
}

/// What a view costs its readers, the counts of its `Arc` included.
fn of_view(view: &Workload) -> usize {
    let messages: usize = view
        .conditions
        .iter()
        .map(|condition| condition.message.len())
        .sum();
    2 * size_of::<usize>()
        + size_of::<Workload>()
        + text(&view.namespace)
        + of_target(&view.target)
        + of_rows(&view.hooks)
        + of_terminations(&view.terminations)
        + of_incidents(&view.incidents)
        + slots(&view.conditions)
        + messages
        + slots(&view.streaks)
        + slots(&view.gaps)
}

/// A workload with one preStop whose pods were stopped 200 times, most within seconds.
fn quiet() -> Ledger {
    let mut ledger = ledger();
    ledger.declare("app", ContainerType::Container, Hook::PreStop, &spec());
    ledger.set_grace(30);
    ledger.set_pods(5);
    for number in 0..200 {
        let pod = pod(number.try_into().unwrap());
        ledger.set_active(at(number * 10), vec![terminating(1, Cause::WithinGrace)]);
        ledger.settle_run(
            at(number * 10 + 9),
            &pod,
            &pre_stop(Outcome::Succeeded, number * 10),
        );
        let graceful = termination(TerminationResult::Graceful, number * 10, 3 + number % 8);
        ledger.settle_termination(at(number * 10 + 20), &pod, &graceful);
        ledger.set_active(at(number * 10), Vec::new());
    }
    ledger
}

#[test]
fn a_ledger_without_incidents_fits_in_a_kibibyte() {
    let mut ledger = quiet();
    let bytes = of_ledger(&ledger);
    let view_bytes = of_view(&ledger.view(at(5_000), 1, Basis::default()));
    println!("quiet: ledger {bytes}, view {view_bytes}");
    assert!(bytes <= 1_024, "{bytes}");
    assert!(view_bytes <= 2_048, "{view_bytes}");
}

#[test]
fn a_ledger_with_incidents_fits_in_four_kibibytes_on_average() {
    let mut total_bytes = 0;
    for incident_count in 1..=20 {
        let mut ledger = quiet();
        for number in 0..incident_count {
            let mut run = pre_stop(Outcome::Overran, 3_000 + number);
            run.evidence = vec!["FailedPreStopHook 30s after Killing".into(); 2];
            ledger.settle_run(at(4_000), &pod(number.try_into().unwrap()), &run);
        }
        let bytes = of_ledger(&ledger);
        println!("{incident_count} incidents: ledger {bytes}");
        total_bytes += bytes;
    }
    assert!(total_bytes / 20 <= 4_096, "{}", total_bytes / 20);
}
