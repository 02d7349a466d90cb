//! Several operators, of which one writes.

use crate::alone::lives;
use crate::world::World;

/// Two synced operators.
fn pair() -> World {
    let mut world = World::new();
    world.start("a");
    world.start("b");
    world.run(20);
    assert!(world.snapshot("a").synced && world.snapshot("b").synced);
    world
}

fn other(holder: &str) -> &'static str {
    if holder == "a" { "b" } else { "a" }
}

/// Seconds until the other one holds the Lease.
fn takeover(world: &mut World, first: &str) -> u64 {
    for seconds in 0..60 {
        if world.holder() == other(first) {
            return seconds;
        }
        world.run(1);
    }
    panic!("nobody took over within a minute");
}

#[test]
fn a_follower_writes_as_soon_as_the_lease_of_a_killed_leader_is_over() {
    let mut world = pair();
    world.live(lives());
    world.run(100);
    let first = world.holder();
    world.kill(&first);
    let seconds = takeover(&mut world, &first);
    assert!(seconds <= 17, "{seconds} s");
    world.run(200);
    world.rest();
    world.assert_true();
    world.assert_calm();
    world.assert_one_writer();
}

#[test]
fn a_leader_that_was_stopped_writes_nothing_late() {
    let mut world = pair();
    world.live(lives());
    for _ in 0..6 {
        world.run(40);
        let first = world.holder();
        let elapsed = world.elapsed;
        world.replicas.get_mut(&first).unwrap().stop();
        takeover(&mut world, &first);
        world.run(15);
        let resumed_at = world.elapsed;
        assert!(resumed_at > elapsed);
        world.replicas.get_mut(&first).unwrap().resume(resumed_at);
    }
    world.rest();
    world.assert_true();
    world.assert_calm();
    world.assert_one_writer();
}

#[test]
fn a_leader_that_is_cut_off_writes_nothing_late() {
    let mut world = pair();
    world.live(lives());
    for _ in 0..6 {
        world.run(40);
        let first = world.holder();
        world.disturb(&first, |faults| faults.unreachable = true);
        takeover(&mut world, &first);
        world.run(15);
        world.disturb(&first, |faults| faults.unreachable = false);
    }
    world.rest();
    world.assert_true();
    world.assert_calm();
    world.assert_one_writer();
}
