use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
struct Verdicts {
    uid: u128,
    hook: Hook,
    /// The first settles, each further one amends the one before.
    outcomes: Vec<Outcome>,
    started_second: i64,
}

fn settled_outcome(hook: Hook) -> impl Strategy<Value = Outcome> {
    match hook {
        Hook::PostStart => {
            prop::sample::select(vec![Outcome::Succeeded, Outcome::Failed, Outcome::Unknown])
        }
        Hook::PreStop => prop::sample::select(vec![
            Outcome::Succeeded,
            Outcome::Failed,
            Outcome::Overran,
            Outcome::CutShort,
            Outcome::Interrupted,
            Outcome::Skipped,
            Outcome::Unknown,
        ]),
    }
}

fn verdicts() -> impl Strategy<Value = Vec<Verdicts>> {
    let one = prop::sample::select(Hook::ALL.to_vec()).prop_flat_map(|hook| {
        let outcomes = prop::collection::vec(settled_outcome(hook), 1..4);
        (Just(hook), outcomes, 0_i64..3_000)
    });
    prop::collection::vec(one, 0..60).prop_map(|all| {
        let numbered = (0_u128..).zip(all);
        numbered
            .map(|(uid, (hook, outcomes, started_second))| Verdicts {
                uid,
                hook,
                outcomes,
                started_second,
            })
            .collect()
    })
}

fn play(ledger: &mut Ledger, verdicts: &Verdicts) {
    let pod = pod(verdicts.uid);
    let runs: Vec<Run> = verdicts
        .outcomes
        .iter()
        .map(|outcome| run(verdicts.hook, *outcome, verdicts.started_second))
        .collect();
    ledger.settle_run(at(4_000), &pod, &runs[0]);
    for pair in runs.windows(2) {
        ledger.amend_run(at(4_000), &pod, &pair[0], &pair[1]);
    }
}

fn played(all: &[Verdicts]) -> Ledger {
    let mut ledger = ledger();
    for verdicts in all {
        play(&mut ledger, verdicts);
    }
    ledger
}

type Counts = (Hook, [u64; 8], u64, Vec<(Outcome, Outcome, u64)>);

/// What must not depend on the order in which independent pods settle.
fn counts(view: &Workload) -> Vec<Counts> {
    view.hooks
        .iter()
        .map(|row| (row.hook, row.outcomes, row.amended, row.amendments.clone()))
        .collect()
}

proptest! {
    #[test]
    fn tallies_are_the_settled_runs_by_their_last_outcome(all in verdicts()) {
        let view = played(&all).view(at(4_001), 1, Basis::default());
        for hook in Hook::ALL {
            for outcome in Outcome::ALL {
                let truth = all
                    .iter()
                    .filter(|verdicts| verdicts.hook == *hook)
                    .filter(|verdicts| verdicts.outcomes.last() == Some(outcome))
                    .count() as u64;
                let tally: u64 = view
                    .hooks
                    .iter()
                    .filter(|row| row.hook == *hook)
                    .map(|row| row.count(*outcome))
                    .sum();
                prop_assert_eq!(tally, truth);
            }
        }
        let bad = all.iter().filter(|verdicts| incident_type(verdicts).is_some());
        prop_assert_eq!(view.incident_count, bad.count() as u64);
    }

    #[test]
    fn independent_pods_may_settle_in_any_order(
        (all, shuffled) in verdicts().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle()))
    ) {
        let (one, other) = (played(&all).view(at(4_001), 1, Basis::default()), played(&shuffled).view(at(4_001), 1, Basis::default()));
        prop_assert_eq!(counts(&one), counts(&other));
        prop_assert_eq!(one.incident_count, other.incident_count);
    }

    #[test]
    fn the_same_verdicts_give_the_same_view(all in verdicts()) {
        prop_assert_eq!(played(&all).view(at(4_001), 1, Basis::default()), played(&all).view(at(4_001), 1, Basis::default()));
    }

    #[test]
    fn a_ledger_on_a_status_of_its_own_goes_on_alike(all in verdicts(), cut in 0_usize..60) {
        let cut = cut.min(all.len());
        let mut through = ledger();
        for verdicts in &all[..cut] {
            play(&mut through, verdicts);
        }
        let view = through.view(at(4_000), 1, Basis::default());
        let mut restored = continued(&view);
        prop_assert_eq!(&*restored.view(at(4_000), 1, Basis::default()), &*view);
        for verdicts in &all[cut..] {
            play(&mut through, verdicts);
            play(&mut restored, verdicts);
        }
        prop_assert_eq!(restored.view(at(4_001), 2, Basis::default()), through.view(at(4_001), 2, Basis::default()));
    }

    #[test]
    fn conditions_flip_only_with_a_verdict_or_a_deadline(all in verdicts(), step_seconds in 1_i64..50_000) {
        let mut ledger = played(&all);
        let mut now = at(4_001);
        let mut before = ledger.view(now, 1, Basis::default());
        for _ in 0..20 {
            let deadline = ledger.next_deadline();
            now = after(now, step_seconds);
            ledger.handle_timeout(now);
            let view = ledger.view(now, 2, Basis::default());
            if deadline.is_none_or(|deadline| deadline > now) {
                prop_assert_eq!(&before.conditions, &view.conditions);
            }
            for (was, is) in before.conditions.iter().zip(&view.conditions) {
                let has_flipped = was.status != is.status;
                prop_assert_eq!(has_flipped, was.last_transition_at != is.last_transition_at);
                prop_assert!(!has_flipped || is.status == ConditionStatus::True);
            }
            before = view;
        }
    }
}

fn incident_type(verdicts: &Verdicts) -> Option<IncidentType> {
    match (verdicts.hook, verdicts.outcomes.last()?) {
        (Hook::PostStart, Outcome::Failed) => Some(IncidentType::PostStartFailed),
        (Hook::PreStop, Outcome::Failed) => Some(IncidentType::PreStopFailed),
        (Hook::PreStop, Outcome::Overran) => Some(IncidentType::PreStopOverran),
        (Hook::PreStop, Outcome::CutShort) => Some(IncidentType::PreStopCutShort),
        (Hook::PreStop, Outcome::Interrupted) => Some(IncidentType::PreStopInterrupted),
        _ => None,
    }
}
