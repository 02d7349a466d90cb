use super::*;
use ConditionStatus::{False, True, Unknown};
use ConditionType::{
    ConfigurationValid, Healthy, PostStartHealthy, PreStopHealthy, Ready, TerminationHealthy,
};

#[test]
fn nothing_seen_is_true_not_observed_and_no_hook() {
    let mut ledger = ledger();
    ledger.declare("app", ContainerType::Container, Hook::PreStop, &spec());
    let mut expect = |condition_type, status, reason| {
        let now = condition(&mut ledger, at(9), condition_type);
        assert_eq!(now, (status, reason, at(0)));
    };
    expect(Ready, True, "Synced");
    expect(Healthy, True, "NotObserved");
    expect(PostStartHealthy, True, "NoHook");
    expect(PreStopHealthy, True, "NotObserved");
    expect(TerminationHealthy, True, "NotObserved");
    expect(ConfigurationValid, Unknown, "NotEvaluated");
}

#[test]
fn the_first_bad_run_turns_its_condition_false_at_that_moment() {
    for (outcome, reason, healthy) in [
        (Outcome::Failed, "Failing", "PreStopFailing"),
        (Outcome::Overran, "Overrunning", "PreStopOverran"),
        (Outcome::Interrupted, "Failing", "PreStopFailing"),
    ] {
        let mut ledger = ledger();
        ledger.settle_run(at(10), &pod(1), &pre_stop(outcome, 1));
        ledger.settle_run(at(20), &pod(2), &pre_stop(outcome, 15));
        assert_eq!(
            condition(&mut ledger, at(21), PreStopHealthy),
            (False, reason, at(10))
        );
        assert_eq!(
            condition(&mut ledger, at(21), Healthy),
            (False, healthy, at(10))
        );
        assert_eq!(condition(&mut ledger, at(21), PostStartHealthy).0, True);
    }
}

#[test]
fn what_is_harmless_unknown_or_a_cascade_turns_nothing_false() {
    let mut harmless = pre_stop(Outcome::Interrupted, 1);
    harmless.reason = Some(Reason::MainExited);
    let mut cascade = pre_stop(Outcome::Failed, 1);
    cascade.cascade = true;
    let others =
        [Outcome::CutShort, Outcome::Skipped, Outcome::Unknown].map(|outcome| pre_stop(outcome, 1));
    for run in [vec![harmless, cascade], others.to_vec()].concat() {
        let mut ledger = ledger();
        ledger.settle_run(at(10), &pod(1), &run);
        assert_eq!(condition(&mut ledger, at(11), Healthy).0, True);
        assert_eq!(
            ledger.view(at(11), 1, Basis::default()).hooks[0].count(run.outcome),
            1
        );
    }
}

#[test]
fn twenty_clean_runs_turn_a_condition_true_again_and_it_says_so() {
    let mut ledger = ledger();
    ledger.settle_run(at(10), &pod(1), &pre_stop(Outcome::Failed, 1));
    for number in 0..19 {
        ledger.settle_run(at(20), &pod(2), &pre_stop(Outcome::Succeeded, number + 1));
    }
    assert_eq!(condition(&mut ledger, at(21), PreStopHealthy).0, False);
    ledger.settle_run(at(22), &pod(3), &pre_stop(Outcome::Succeeded, 19));
    assert_eq!(
        condition(&mut ledger, at(23), PreStopHealthy),
        (True, "Succeeding", at(22))
    );
    assert_eq!(
        message(&mut ledger, at(23), PreStopHealthy),
        "20 clean ones since a preStop last failed."
    );
    assert_eq!(ledger.next_deadline(), None);
}

#[test]
fn clean_runs_that_ended_before_the_failure_do_not_help() {
    let mut ledger = ledger();
    ledger.settle_run(at(110), &pod(1), &pre_stop(Outcome::Failed, 100));
    for number in 0..40 {
        ledger.settle_run(at(150), &pod(2), &pre_stop(Outcome::Succeeded, number));
    }
    assert_eq!(condition(&mut ledger, at(151), PreStopHealthy).0, False);
}

#[test]
fn a_day_after_the_last_failure_a_condition_turns_true_at_its_own_time() {
    let mut ledger = ledger();
    ledger.settle_run(at(10), &pod(1), &pre_stop(Outcome::Failed, 1));
    ledger.settle_run(at(20), &pod(2), &pre_stop(Outcome::Failed, 11));
    let due = at(13 + DAY_SECONDS);
    assert_eq!(ledger.next_deadline(), Some(due));
    ledger.handle_timeout(at(12 + DAY_SECONDS));
    assert_eq!(condition(&mut ledger, at(14), PreStopHealthy).0, False);
    ledger.handle_timeout(after(due, 500));
    assert_eq!(
        condition(&mut ledger, after(due, 501), PreStopHealthy),
        (True, "Succeeding", due)
    );
    assert_eq!(
        message(&mut ledger, after(due, 501), PreStopHealthy),
        "24 hours passed since a preStop last failed."
    );
}

#[test]
fn an_amendment_to_a_harmless_verdict_takes_the_failure_back() {
    let mut ledger = ledger();
    let before = pre_stop(Outcome::Failed, 1);
    let mut after = pre_stop(Outcome::Interrupted, 1);
    after.reason = Some(Reason::MainExited);
    ledger.settle_run(at(10), &pod(1), &before);
    ledger.amend_run(at(20), &pod(1), &before, &after);
    assert_eq!(
        condition(&mut ledger, at(21), PreStopHealthy),
        (True, "Succeeding", at(20))
    );
    assert!(
        ledger
            .view(at(22), 2, Basis::default())
            .incidents
            .is_empty()
    );
    assert_eq!(ledger.view(at(22), 2, Basis::default()).incident_count, 0);
}

#[test]
fn an_amendment_of_one_failure_leaves_the_other() {
    let mut ledger = ledger();
    let before = pre_stop(Outcome::Failed, 1);
    ledger.settle_run(at(10), &pod(1), &before);
    ledger.settle_run(at(10), &pod(2), &before);
    ledger.amend_run(at(20), &pod(1), &before, &pre_stop(Outcome::Unknown, 1));
    assert_eq!(condition(&mut ledger, at(21), PreStopHealthy).0, False);
}

#[test]
fn an_overran_hook_that_led_to_a_kill_is_named_as_the_root() {
    let mut ledger = ledger();
    ledger.set_grace(30);
    let mut killed = termination(TerminationResult::ForceKilled, 1, 32);
    killed.cause = Cause::PreStop;
    ledger.settle_termination(at(40), &pod(1), &killed);
    assert_eq!(condition(&mut ledger, at(41), Healthy).1, "ForceKilled");
    ledger.settle_run(at(42), &pod(1), &pre_stop(Outcome::Overran, 1));
    assert_eq!(
        condition(&mut ledger, at(43), Healthy),
        (False, "PreStopOverran", at(40))
    );
    assert_eq!(
        message(&mut ledger, at(43), Healthy),
        "preStop of app used up the grace in 1 of 1 run; shorten it or raise \
         terminationGracePeriodSeconds; see also TerminationHealthy."
    );
    assert_eq!(
        condition(&mut ledger, at(43), TerminationHealthy),
        (False, "ForceKilled", at(40))
    );
}

#[test]
fn a_condition_is_false_while_something_is_stuck_or_overdue_and_no_longer() {
    let mut ledger = ledger();
    ledger.declare("app", ContainerType::Container, Hook::PostStart, &spec());
    ledger.set_active(at(50), vec![stuck(1, 0), overdue(2, Cause::Finalizer)]);
    assert_eq!(
        condition(&mut ledger, at(51), PostStartHealthy),
        (False, "Stuck", at(50))
    );
    assert_eq!(
        condition(&mut ledger, at(51), TerminationHealthy),
        (False, "Overdue", at(50))
    );
    assert_eq!(
        message(&mut ledger, at(51), TerminationHealthy),
        "1 pod is past the deadline, held by Finalizer (1); the active list names them."
    );
    assert_eq!(condition(&mut ledger, at(51), Healthy).1, "PostStartStuck");
    ledger.set_active(at(60), Vec::new());
    assert_eq!(
        condition(&mut ledger, at(61), Healthy),
        (True, "NotObserved", at(60))
    );
}

#[test]
fn a_slow_hook_is_true_and_says_slow_until_twenty_fast_ones() {
    let mut ledger = ledger();
    ledger.set_thresholds(Thresholds {
        pre_stop_slow_percent: Some(80),
        ..Thresholds::default()
    });
    let mut slow = pre_stop(Outcome::Succeeded, 1);
    slow.duration = Interval::between_seconds(24.0, 26.0);
    ledger.settle_run(at(40), &pod(1), &slow);
    assert_eq!(
        condition(&mut ledger, at(41), PreStopHealthy),
        (True, "Slow", at(0))
    );
    assert_eq!(condition(&mut ledger, at(41), Healthy).1, "AllHealthy");
    for number in 0..20 {
        ledger.settle_run(at(99), &pod(number), &pre_stop(Outcome::Succeeded, 50));
    }
    assert_eq!(
        condition(&mut ledger, at(100), PreStopHealthy).1,
        "Succeeding"
    );
}

#[test]
fn readiness_follows_the_first_lists_and_the_owner() {
    let mut ledger = ledger();
    ledger.set_readiness(Readiness::Syncing);
    assert_eq!(
        condition(&mut ledger, at(5), Ready),
        (Unknown, "Syncing", at(0))
    );
    assert_eq!(condition(&mut ledger, at(5), Healthy).0, Unknown);
    ledger.set_readiness(Readiness::Synced);
    assert_eq!(
        condition(&mut ledger, at(6), Ready),
        (True, "Synced", at(0))
    );
    ledger.set_gone();
    assert_eq!(
        condition(&mut ledger, at(7), Ready),
        (False, "TargetNotFound", at(7))
    );
    assert!(ledger.view(at(7), 1, Basis::default()).gone);
}

#[test]
fn clean_runs_before_a_restart_count_after_it() {
    let mut first = ledger();
    first.settle_run(at(10), &pod(1), &pre_stop(Outcome::Failed, 1));
    for _ in 0..15 {
        first.settle_run(at(20), &pod(2), &pre_stop(Outcome::Succeeded, 10));
    }
    let mut second = continued(&first.view(at(21), 3, Basis::default()));
    for _ in 0..5 {
        second.settle_run(at(40), &pod(3), &pre_stop(Outcome::Succeeded, 30));
    }
    assert_eq!(
        condition(&mut second, at(41), PreStopHealthy),
        (True, "Succeeding", at(40))
    );
}

#[test]
fn a_false_condition_restored_without_its_streak_stays_false_for_its_day() {
    let mut first = ledger();
    first.settle_run(at(10), &pod(1), &pre_stop(Outcome::Overran, 1));
    let mut stored = (*first.view(at(21), 3, Basis::default())).clone();
    stored.streaks.clear();
    let mut second = continued(&stored);
    assert_eq!(second.next_deadline(), Some(at(3 + DAY_SECONDS)));
    second.settle_run(at(40), &pod(3), &pre_stop(Outcome::Succeeded, 30));
    assert_eq!(
        condition(&mut second, at(41), PreStopHealthy),
        (False, "Overrunning", at(10))
    );
}

#[test]
fn another_failure_starts_the_count_of_clean_runs_anew() {
    let mut ledger = ledger();
    ledger.settle_run(at(10), &pod(1), &pre_stop(Outcome::Failed, 1));
    for _ in 0..15 {
        ledger.settle_run(at(30), &pod(2), &pre_stop(Outcome::Succeeded, 20));
    }
    ledger.settle_run(at(40), &pod(3), &pre_stop(Outcome::Failed, 30));
    for _ in 0..19 {
        ledger.settle_run(at(60), &pod(4), &pre_stop(Outcome::Succeeded, 50));
    }
    assert_eq!(condition(&mut ledger, at(61), PreStopHealthy).0, False);
    ledger.settle_run(at(62), &pod(5), &pre_stop(Outcome::Succeeded, 50));
    assert_eq!(condition(&mut ledger, at(63), PreStopHealthy).0, True);
}

#[test]
fn a_failure_older_than_a_day_is_counted_but_turns_nothing_false() {
    let mut ledger = ledger();
    let now = at(3 + DAY_SECONDS);
    ledger.settle_run(now, &pod(1), &pre_stop(Outcome::Failed, 1));
    assert_eq!(
        condition(&mut ledger, now, PreStopHealthy),
        (True, "NotObserved", at(0))
    );
    assert_eq!(
        ledger.view(now, 1, Basis::default()).hooks[0].count(Outcome::Failed),
        1
    );
    assert_eq!(ledger.view(now, 1, Basis::default()).incident_count, 1);
}

#[test]
fn a_cluster_clock_ahead_of_ours_does_not_lengthen_the_day() {
    let mut ledger = ledger();
    ledger.settle_run(at(10), &pod(1), &pre_stop(Outcome::Failed, 5_000));
    assert_eq!(ledger.next_deadline(), Some(at(10 + DAY_SECONDS)));
}
