//! Several operators, of which one writes.

use std::time::Duration;

use crate::alone::lives;
use crate::node::{Life, Workload};
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

/// Pods one after the other, so that there is always something to write.
fn crowd() -> impl Iterator<Item = Life> {
    (0..60).map(|number| Life {
        workload: Workload::ALL[number as usize % 2],
        number,
        begins_seconds: f64::from(number) * 6.0,
        lives_seconds: 10.0,
        failures: number / 2 % 2,
    })
}

/// Each leader meets this at another moment of its work, and is led back when the other one leads.
fn hindered(hinder: impl Fn(&mut World, &str), free: impl Fn(&mut World, &str)) {
    let mut world = pair();
    world.live(crowd());
    for round in 0..8 {
        world.run(15);
        world.run_millis(round * 300);
        let first = world.holder();
        hinder(&mut world, &first);
        takeover(&mut world, &first);
        free(&mut world, &first);
    }
    world.run(120);
    world.rest();
    world.assert_true();
    world.assert_calm();
    world.assert_one_writer();
}

#[test]
fn a_leader_that_was_stopped_writes_nothing_late() {
    hindered(
        |world, name| world.stop(name),
        |world, name| world.resume(name),
    );
}

#[test]
fn a_leader_that_is_cut_off_writes_nothing_late() {
    hindered(
        |world, name| world.disturb(name, |faults| faults.unreachable = true),
        |world, name| world.disturb(name, |faults| faults.unreachable = false),
    );
}

#[test]
fn a_leader_whose_answers_are_late_writes_nothing_late() {
    let late = Some(Duration::from_secs(9));
    hindered(
        |world, name| world.disturb(name, |faults| faults.delay = late),
        |world, name| world.disturb(name, |faults| faults.delay = None),
    );
}
