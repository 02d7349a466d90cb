//! Never two at once, whatever happens; and one in the end.

use proptest::prelude::*;

use super::world::{Fault, Trouble, World};

const TROUBLE_SECONDS: u64 = 240;
/// What began last may go on for a minute, and then a lease has to expire.
const CALM_SECONDS: u64 = 120;

fn trouble() -> impl Strategy<Value = Trouble> {
    prop::sample::select(vec![
        Trouble::Paused,
        Trouble::Cut,
        Trouble::Deaf,
        Trouble::Refused,
        Trouble::Slow,
        Trouble::SilentWatch,
        Trouble::NoWatch,
        Trouble::WallClock,
        Trouble::Killed,
        Trouble::Ended,
        Trouble::Deleted,
        Trouble::Touched,
    ])
}

fn fault() -> impl Strategy<Value = Fault> {
    let parts = (0..TROUBLE_SECONDS, 1..60_u64, 0..3_usize, trouble());
    parts.prop_map(|(at_seconds, seconds, candidate, trouble)| Fault {
        at_seconds,
        seconds,
        candidate,
        trouble,
    })
}

/// Two candidates, the one of which that leads after 20 s meets with trouble; who led one after the other, and who leads
/// some seconds later.
fn troubled(seed: u64, trouble: Trouble, seconds: u64) -> (usize, Vec<usize>, Option<usize>) {
    let mut calm = World::new(2, seed, &[]);
    calm.run(20).unwrap();
    let candidate = calm.leader().unwrap();
    let fault = Fault {
        at_seconds: 20,
        seconds: 60,
        candidate,
        trouble,
    };
    let mut world = World::new(2, seed, &[fault]);
    world.run(20 + seconds).unwrap();
    let leader = world.leader();
    (candidate, world.successions, leader)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn two_never_lead_at_once_and_one_leads_in_the_end(
        candidates in 2..=3_usize,
        seed: u64,
        faults in prop::collection::vec(fault(), 0..14),
    ) {
        let mut world = World::new(candidates, seed, &faults);
        if let Err(why) = world.run(TROUBLE_SECONDS + CALM_SECONDS) {
            return Err(TestCaseError::fail(why));
        }
        prop_assert!(world.leader().is_some(), "nobody leads {CALM_SECONDS} s later");
    }

    #[test]
    fn who_is_stopped_or_cut_off_is_succeeded_within_the_lease_and_two_seconds(
        seed: u64,
        trouble in prop::sample::select(vec![Trouble::Paused, Trouble::Cut, Trouble::Refused, Trouble::Killed]),
    ) {
        let (first, successions, leader) = troubled(seed, trouble, 17);
        prop_assert_eq!(leader, Some(1 - first));
        prop_assert_eq!(successions, vec![first, 1 - first]);
    }

    #[test]
    fn who_ends_in_order_is_succeeded_within_two_seconds(seed: u64) {
        let (first, _, leader) = troubled(seed, Trouble::Ended, 2);
        prop_assert_eq!(leader, Some(1 - first));
    }
}
