use super::*;

fn types(ledger: &mut Ledger) -> Vec<IncidentType> {
    let view = ledger.view(at(1_000), 1, Basis::default());
    view.incidents
        .iter()
        .map(|incident| incident.incident_type)
        .collect()
}

#[test]
fn a_bad_run_is_told_once_with_where_and_how_long() {
    let mut ledger = ledger();
    let run = pre_stop(Outcome::Overran, 1);
    let told = ledger.settle_run(at(10), &pod(1), &run).unwrap();
    assert_eq!(told.incident_type, IncidentType::PreStopOverran);
    assert_eq!(told.at, at(3));
    assert_eq!(told.pod, pod(1).name);
    assert_eq!(told.container.as_deref(), Some("app"));
    assert_eq!(told.duration, Some(run.duration));
    assert_eq!(told.grace_seconds, Some(30));
    assert_eq!(ledger.view(at(11), 1, Basis::default()).incidents, [told]);
    let mut again = run.clone();
    again.attempt = 2;
    assert_eq!(ledger.settle_run(at(12), &pod(1), &again), None);
    assert_eq!(ledger.view(at(13), 1, Basis::default()).incident_count, 1);
}

#[test]
fn a_cascade_a_harmless_interruption_and_a_skipped_hook_are_not_told() {
    let mut ledger = ledger();
    let mut cascade = pre_stop(Outcome::Failed, 1);
    cascade.cascade = true;
    let mut harmless = pre_stop(Outcome::Interrupted, 1);
    harmless.reason = Some(Reason::MainExited);
    for run in [cascade, harmless, pre_stop(Outcome::Skipped, 1)] {
        assert_eq!(ledger.settle_run(at(10), &pod(1), &run), None);
    }
    assert_eq!(types(&mut ledger), []);
}

#[test]
fn an_amended_verdict_takes_the_place_of_its_incident() {
    let mut ledger = ledger();
    let failed = pre_stop(Outcome::Failed, 1);
    let overran = pre_stop(Outcome::Overran, 1);
    ledger.settle_run(at(10), &pod(1), &failed);
    let told = ledger.amend_run(at(20), &pod(1), &failed, &overran);
    assert_eq!(
        told.map(|incident| incident.incident_type),
        Some(IncidentType::PreStopOverran)
    );
    assert_eq!(types(&mut ledger), [IncidentType::PreStopOverran]);
    assert_eq!(ledger.view(at(21), 2, Basis::default()).incident_count, 1);
}

#[test]
fn a_surer_verdict_of_the_same_kind_is_not_told_again() {
    let mut ledger = ledger();
    let inferred = pre_stop(Outcome::Failed, 1);
    let mut confirmed = inferred.clone();
    confirmed.confidence = Some(Confidence::Confirmed);
    ledger.settle_run(at(10), &pod(1), &inferred);
    assert_eq!(
        ledger.amend_run(at(20), &pod(1), &inferred, &confirmed),
        None
    );
    let view = ledger.view(at(21), 2, Basis::default());
    assert_eq!(view.incidents[0].confidence, Some(Confidence::Confirmed));
}

#[test]
fn a_stuck_hook_and_an_overdue_pod_are_told_once_per_instance() {
    let mut ledger = ledger();
    let active = || vec![stuck(1, 0), overdue(2, Cause::Finalizer)];
    let told = ledger.set_active(at(50), active());
    assert_eq!(told.len(), 2);
    assert_eq!(ledger.set_active(at(51), active()), []);
    let mut other_culprit = overdue(2, Cause::Volume);
    other_culprit.container = Some("proxy".into());
    assert_eq!(
        ledger.set_active(at(52), vec![stuck(1, 0), other_culprit]),
        []
    );
    let told = ledger.set_active(at(53), vec![stuck(1, 1)]);
    assert_eq!(told[0].incident_type, IncidentType::PostStartStuck);
    assert_eq!(told[0].restart, 1);
    ledger.set_active(at(54), Vec::new());
    assert_eq!(ledger.set_active(at(55), active()), []);
    assert_eq!(ledger.view(at(56), 1, Basis::default()).incident_count, 3);
}

#[test]
fn what_is_still_stuck_after_a_restart_is_not_told_again() {
    let mut first = ledger();
    first.set_active(at(50), vec![stuck(1, 0)]);
    let mut second = continued(&first.view(at(51), 1, Basis::default()));
    assert_eq!(second.set_active(at(60), vec![stuck(1, 0)]), []);
}

#[test]
fn a_flood_of_overdue_pods_is_told_once_each_although_only_twenty_are_listed() {
    let mut ledger = ledger();
    let active: Vec<Active> = (0..100)
        .map(|uid| overdue(uid, Cause::NodeUnreachable))
        .collect();
    assert_eq!(ledger.set_active(at(50), active.clone()).len(), 100);
    assert_eq!(ledger.set_active(at(60), active), []);
    let view = ledger.view(at(61), 1, Basis::default());
    assert_eq!(view.incidents.len(), 20);
    assert_eq!(view.incident_count, 100);
}

#[test]
fn the_worst_stay_listed_longest_and_the_newest_five_always() {
    let mut ledger = ledger();
    for uid in 0..3 {
        let killed = termination(TerminationResult::ForceKilled, 1, 32);
        ledger.settle_termination(at(40), &pod(uid), &killed);
    }
    for uid in 10..60 {
        let second = 50 + i64::try_from(uid).unwrap();
        ledger.settle_run(at(500), &pod(uid), &pre_stop(Outcome::Interrupted, second));
    }
    for uid in 60..75 {
        let second = 50 + i64::try_from(uid).unwrap();
        ledger.settle_run(at(500), &pod(uid), &pre_stop(Outcome::Failed, second));
    }
    let listed = types(&mut ledger);
    let count = |wanted| listed.iter().filter(|listed| **listed == wanted).count();
    assert_eq!(listed.len(), 20);
    assert_eq!(count(IncidentType::PodForceKilled), 3);
    assert_eq!(count(IncidentType::PreStopFailed), 15);
    assert_eq!(count(IncidentType::PreStopInterrupted), 2);
    let last = pre_stop(Outcome::Interrupted, 200);
    ledger.settle_run(at(500), &pod(99), &last);
    let view = ledger.view(at(501), 2, Basis::default());
    let newest = view.incidents.last().unwrap();
    assert_eq!(newest.incident_type, IncidentType::PreStopInterrupted);
    assert_eq!(newest.pod_uid, Uid(99));
    assert_eq!(view.incident_count, 69);
    assert!(view.incidents.is_sorted_by_key(|incident| incident.at));
}

#[test]
fn evidence_is_kept_to_four_short_strings() {
    let mut ledger = ledger();
    let mut run = pre_stop(Outcome::Failed, 1);
    run.evidence = vec!["é".repeat(150).into(); 6];
    let told = ledger.settle_run(at(10), &pod(1), &run).unwrap();
    assert_eq!(told.evidence.len(), 4);
    assert_eq!(told.evidence[0].len(), 200);
}

#[test]
fn a_list_full_of_kills_still_shows_the_newest_incident() {
    let mut ledger = ledger();
    for uid in 0..25 {
        let killed = termination(TerminationResult::ForceKilled, 1, 32);
        ledger.settle_termination(at(40), &pod(uid), &killed);
    }
    ledger.settle_run(at(99), &pod(30), &pre_stop(Outcome::Interrupted, 90));
    let listed = types(&mut ledger);
    assert_eq!(listed.len(), 20);
    assert_eq!(listed.last(), Some(&IncidentType::PreStopInterrupted));
}
