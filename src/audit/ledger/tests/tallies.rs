use std::sync::Arc;

use super::*;
use crate::audit::record::GapReason;
use crate::audit::seen::Resource;

#[test]
fn a_declared_hook_has_a_row_of_zeroes_before_its_first_run() {
    let mut ledger = ledger();
    ledger.declare("app", ContainerType::Container, Hook::PreStop, &spec());
    let view = ledger.view(at(1), 1, Basis::default());
    assert_eq!(view.hooks[0].outcomes, [0; 8]);
    assert_eq!(view.hooks[0].spec, spec());
    assert!(view.has_hooks());
}

#[test]
fn a_changed_declaration_changes_the_spec_and_keeps_the_tallies() {
    let mut ledger = ledger();
    ledger.settle_run(at(10), &pod(1), &pre_stop(Outcome::Succeeded, 1));
    ledger.declare("app", ContainerType::Sidecar, Hook::PreStop, &spec());
    let view = ledger.view(at(11), 1, Basis::default());
    assert_eq!(view.hooks.len(), 1);
    assert_eq!(view.hooks[0].spec, spec());
    assert_eq!(view.hooks[0].container_type, ContainerType::Sidecar);
    assert_eq!(view.hooks[0].count(Outcome::Succeeded), 1);
}

#[test]
fn a_status_never_holds_more_than_forty_rows_and_the_rest_folds() {
    let mut ledger = ledger();
    for number in 0..60 {
        let mut run = pre_stop(Outcome::Succeeded, 1);
        run.container = format!("c{number:02}").into();
        ledger.settle_run(at(10), &pod(1), &run);
        run.hook = Hook::PostStart;
        ledger.settle_run(at(10), &pod(1), &run);
    }
    let view = ledger.view(at(11), 1, Basis::default());
    assert_eq!(view.hooks.len(), 40);
    let all: u64 = view
        .hooks
        .iter()
        .map(|row| row.count(Outcome::Succeeded))
        .sum();
    assert_eq!(all, 120);
    let folded = view
        .hooks
        .iter()
        .filter(|row| &*row.container == OTHER_CONTAINER);
    assert_eq!(folded.count(), 2);
    assert!(
        view.hooks
            .is_sorted_by_key(|row| (&row.container, row.hook))
    );
}

#[test]
fn an_amendment_moves_the_tally_and_is_counted_by_its_two_outcomes() {
    let mut ledger = ledger();
    let before = pre_stop(Outcome::Succeeded, 1);
    let after = pre_stop(Outcome::Failed, 1);
    ledger.settle_run(at(10), &pod(1), &before);
    ledger.amend_run(at(20), &pod(1), &before, &after);
    let view = ledger.view(at(21), 1, Basis::default());
    let row = &view.hooks[0];
    assert_eq!(row.count(Outcome::Succeeded), 0);
    assert_eq!(row.count(Outcome::Failed), 1);
    assert_eq!(row.amended, 1);
    assert_eq!(row.amendments, [(Outcome::Succeeded, Outcome::Failed, 1)]);
    assert_eq!(row.last_outcome, Some(Outcome::Failed));
    assert_eq!(row.last_failure_at, Some(at(3)));
}

#[test]
fn an_amendment_of_the_reason_alone_moves_no_tally() {
    let mut ledger = ledger();
    let before = pre_stop(Outcome::Failed, 1);
    let mut after = before.clone();
    after.reason = Some(Reason::HTTPError);
    ledger.settle_run(at(10), &pod(1), &before);
    ledger.amend_run(at(20), &pod(1), &before, &after);
    let view = ledger.view(at(21), 1, Basis::default());
    assert_eq!(view.hooks[0].count(Outcome::Failed), 1);
    assert_eq!(view.hooks[0].amended, 0);
    assert_eq!(view.hooks[0].last_reason, Some(Reason::HTTPError));
    assert_eq!(view.incidents[0].reason, Some(Reason::HTTPError));
}

#[test]
fn a_running_run_is_not_counted_and_a_second_attempt_is_a_duplicate() {
    let mut ledger = ledger();
    ledger.settle_run(at(10), &pod(1), &pre_stop(Outcome::Running, 1));
    assert!(ledger.view(at(10), 1, Basis::default()).hooks.is_empty());
    let mut again = pre_stop(Outcome::Succeeded, 1);
    again.attempt = 2;
    ledger.settle_run(at(11), &pod(1), &again);
    assert_eq!(
        ledger.view(at(11), 2, Basis::default()).hooks[0].duplicates,
        1
    );
}

#[test]
fn the_longest_run_is_rounded_up_and_ignores_runs_that_did_not_take_place() {
    let mut ledger = ledger();
    let mut run = pre_stop(Outcome::Succeeded, 1);
    run.duration = Interval::between_seconds(0.0, 2.1);
    ledger.settle_run(at(10), &pod(1), &run);
    let mut skipped = pre_stop(Outcome::Skipped, 1);
    skipped.duration = Interval::between_seconds(0.0, 50.0);
    ledger.settle_run(at(10), &pod(2), &skipped);
    assert_eq!(
        ledger.view(at(11), 1, Basis::default()).hooks[0].longest_seconds,
        Some(3)
    );
}

#[test]
fn a_grace_is_recommended_from_twenty_terminations_with_a_quarter_of_margin() {
    let mut ledger = ledger();
    for number in 0..19 {
        let graceful = termination(TerminationResult::Graceful, 1, 8);
        ledger.settle_termination(at(60), &pod(number), &graceful);
    }
    let view = ledger.view(at(61), 1, Basis::default());
    assert_eq!(view.terminations.recommended_grace_seconds, None);
    assert_eq!(view.terminations.measured(), 19);
    let graceful = termination(TerminationResult::Graceful, 1, 8);
    ledger.settle_termination(at(60), &pod(20), &graceful);
    let view = ledger.view(at(62), 2, Basis::default());
    assert_eq!(view.terminations.recommended_grace_seconds, Some(10));
    assert_eq!(view.terminations.p50_seconds(), Some(8));
    assert_eq!(view.terminations.p95_seconds(), Some(8));
    assert_eq!(view.terminations.grace_used_p95_percent(), Some(26));
    assert_eq!(view.terminations.total_seconds, 160);
}

#[test]
fn a_killed_process_needs_a_wider_margin_because_its_true_time_is_not_known() {
    let mut ledger = ledger();
    for number in 0..18 {
        let graceful = termination(TerminationResult::Graceful, 1, 8);
        ledger.settle_termination(at(60), &pod(number), &graceful);
    }
    for number in 18..20 {
        let killed = termination(TerminationResult::ForceKilled, 1, 32);
        ledger.settle_termination(at(60), &pod(number), &killed);
    }
    let view = ledger.view(at(61), 1, Basis::default());
    assert_eq!(view.terminations.p95_seconds(), Some(32));
    assert_eq!(view.terminations.recommended_grace_seconds, Some(45));
}

#[test]
fn a_termination_without_a_known_end_is_counted_but_not_measured() {
    let mut ledger = ledger();
    let mut lost = termination(TerminationResult::NodeLost, 1, 8);
    lost.containers_ended_at = None;
    ledger.settle_termination(at(60), &pod(1), &lost);
    let view = ledger.view(at(61), 1, Basis::default());
    assert_eq!(view.terminations.total(), 1);
    assert_eq!(view.terminations.measured(), 0);
    assert_eq!(view.terminations.max_seconds, None);
    assert_eq!(view.terminations.p95_seconds(), None);
}

#[test]
fn an_amended_termination_moves_result_and_time() {
    let mut ledger = ledger();
    let before = termination(TerminationResult::Graceful, 1, 40);
    let after = termination(TerminationResult::ForceKilled, 1, 32);
    ledger.settle_termination(at(60), &pod(1), &before);
    let told = ledger.amend_termination(at(70), &pod(1), &before, &after);
    assert_eq!(
        told.map(|incident| incident.incident_type),
        Some(IncidentType::PodForceKilled)
    );
    let view = ledger.view(at(71), 1, Basis::default());
    assert_eq!(view.terminations.count(TerminationResult::Graceful), 0);
    assert_eq!(view.terminations.count(TerminationResult::ForceKilled), 1);
    assert_eq!(view.terminations.max_seconds, Some(32));
    assert_eq!(view.terminations.total_seconds, 32);
    assert_eq!(view.terminations.measured(), 1);
}

#[test]
fn the_view_is_the_same_one_until_something_changes() {
    let mut ledger = ledger();
    ledger.declare("app", ContainerType::Container, Hook::PreStop, &spec());
    ledger.set_grace(30);
    ledger.set_pods(3);
    ledger.set_active(at(5), vec![terminating(1, Cause::PreStop)]);
    let first = ledger.view(at(6), 4, Basis::default());
    ledger.declare("app", ContainerType::Container, Hook::PreStop, &spec());
    ledger.set_grace(30);
    ledger.set_pods(3);
    ledger.set_thresholds(Thresholds::default());
    ledger.set_active(at(7), vec![terminating(1, Cause::PreStop)]);
    ledger.handle_timeout(at(8));
    assert!(!ledger.is_dirty());
    assert!(Arc::ptr_eq(
        &first,
        &ledger.view(at(9), 5, Basis::default())
    ));
    ledger.set_pods(4);
    let second = ledger.view(at(10), 6, Basis::default());
    assert_eq!((first.revision, second.revision), (4, 6));
}

#[test]
fn a_view_that_its_readers_dropped_is_made_again_alike() {
    let mut ledger = ledger();
    ledger.settle_run(at(10), &pod(1), &pre_stop(Outcome::Overran, 1));
    let first = (*ledger.view(at(11), 4, Basis::default())).clone();
    assert_eq!(*ledger.view(at(12), 9, Basis::default()), first);
}

#[test]
fn active_pods_are_counted_from_the_whole_list_and_shown_by_urgency() {
    let mut ledger = ledger();
    ledger.declare("app", ContainerType::Container, Hook::PostStart, &spec());
    let mut active: Vec<Active> = (0..30)
        .map(|uid| terminating(uid, Cause::WithinGrace))
        .collect();
    active.push(overdue(40, Cause::Finalizer));
    active.push(stuck(41, 0));
    ledger.set_active(at(100), active);
    let view = ledger.view(at(101), 1, Basis::default());
    assert_eq!(view.active.len(), 10);
    assert!(view.active[0].overdue && view.active[1].stuck);
    assert_eq!(view.terminations.overdue, [(Cause::Finalizer, 1)]);
    assert_eq!(
        view.terminations.terminating,
        [(Cause::WithinGrace, 30), (Cause::Finalizer, 1)]
    );
    assert_eq!(view.hooks[0].stuck, 1);
}

#[test]
fn gaps_are_counted_and_an_overlapping_one_only_lengthens() {
    let mut ledger = ledger();
    let gap = |from, to| Gap {
        from: at(from),
        to: at(to),
        resource: Resource::Events,
        reason: GapReason::Relisted,
    };
    ledger.add_gap(at(500), gap(0, 10));
    ledger.add_gap(at(500), gap(5, 20));
    ledger.add_gap(at(500), gap(5, 20));
    let view = ledger.view(at(500), 1, Basis::default());
    assert_eq!((view.gap_count, view.gap_seconds), (1, 20));
    for number in 1..8 {
        ledger.add_gap(at(500), gap(number * 50, number * 50 + 1));
    }
    let view = ledger.view(at(500), 2, Basis::default());
    assert_eq!(view.gaps.len(), 5);
    assert_eq!((view.gap_count, view.gap_seconds), (8, 27));
    assert_eq!(view.gaps[4], gap(350, 351));
}

#[test]
fn a_gap_never_ends_after_now() {
    let mut ledger = ledger();
    let gap = Gap {
        from: at(10),
        to: at(90),
        resource: Resource::Pods,
        reason: GapReason::Relisted,
    };
    ledger.add_gap(at(30), gap);
    let view = ledger.view(at(31), 1, Basis::default());
    assert_eq!(view.gaps[0].to, at(30));
    assert_eq!(view.gap_seconds, 20);
}
