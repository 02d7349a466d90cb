//! Each fault by itself, under one operator that lives through it.

use std::time::Duration;

use hookaudit_testkit::api_server::Faults;
use serde_json::json;

use crate::node::{Life, Workload};
use crate::world::World;

/// Twelve pods over four minutes, every second of which fails.
pub(crate) fn lives() -> impl Iterator<Item = Life> {
    (0..12).map(|number| Life {
        workload: Workload::ALL[number as usize % 2],
        number,
        begins_seconds: f64::from(number) * 20.0 + 0.37,
        lives_seconds: 15.0 + f64::from(number % 5) * 8.0,
        failures: number / 2 % 2,
    })
}

/// Pods live while something goes wrong for five minutes, and for a while after it.
fn through(change: impl FnOnce(&mut Faults)) -> World {
    let mut world = World::with_operator();
    world.live(lives());
    world.run(30);
    world.disturb("a", change);
    rest_after(&mut world);
    world
}

/// The same, with all connections lost when it begins.
fn through_from_anew(change: impl FnOnce(&mut Faults)) -> World {
    let mut world = World::with_operator();
    world.live(lives());
    world.run(30);
    world.disturb("a", change);
    world.server.cut_watches();
    rest_after(&mut world);
    world
}

fn rest_after(world: &mut World) {
    world.run(300);
    world.rest();
    world.assert_true();
    world.assert_calm();
    world.assert_one_writer();
}

#[test]
fn nothing_goes_wrong() {
    let mut world = through(|_| {});
    for workload in Workload::ALL {
        let status = world.report(workload).status.unwrap();
        assert_eq!(status.hooks[0].unknown, 0, "{status:#?}");
        assert_eq!(status.observation.unwrap().gap_count, 0);
    }
    let writes = world.reports_written();
    world.run(3600);
    let after = world.reports_written();
    assert_eq!(after, writes, "written though nothing changed");
}

#[test]
fn watches_expire_in_the_middle() {
    through(|faults| faults.expired_watches = true);
}

#[test]
fn watches_of_several_namespaces_expire_in_the_middle() {
    let mut world = World::with_operator_of(Some("shop,default"));
    world.live(lives());
    world.run(30);
    world.disturb("a", |faults| faults.expired_watches = true);
    rest_after(&mut world);
}

#[test]
fn lists_expire_in_the_middle() {
    let mut world = World::with_operator();
    world.live(lives());
    world.run(30);
    world.disturb("a", |faults| faults.expired_lists = true);
    unrelated(&world, 1);
    world.server.compact();
    world.server.cut_watches();
    rest_after(&mut world);
}

#[test]
fn pages_expire_in_the_middle() {
    let mut world = World::new();
    world.start_where("a", |faults| faults.no_streaming_lists = true);
    world.run(10);
    world.live(lives());
    world.run(30);
    world.disturb("a", |faults| faults.expired_lists = true);
    unrelated(&world, 1);
    world.server.compact();
    world.server.cut_watches();
    rest_after(&mut world);
}

#[test]
fn streaming_lists_are_refused() {
    let mut world = World::new();
    world.start_where("a", |faults| faults.no_streaming_lists = true);
    world.run(10);
    assert!(world.snapshot("a").synced);
    world.live(lives());
    rest_after(&mut world);
}

#[test]
fn connections_are_cut_inside_a_line() {
    through(|faults| faults.cut_lines = true);
}

#[test]
fn watches_are_closed_as_soon_as_they_are_open() {
    through(|faults| faults.closed_watches = true);
}

#[test]
fn watches_fall_silent() {
    through(|faults| faults.silent_watches = true);
}

#[test]
fn the_api_server_is_too_busy_and_is_given_the_time_it_asks_for() {
    let world = through_from_anew(|faults| faults.throttled_seconds = Some(20));
    let identity = &world.replicas["a"].identity;
    let busiest = world.server.calls(identity).busiest_minutes();
    let pods = busiest[&("pods".to_owned(), String::new())];
    // One try every 20 s, and at the end of the minute the list and the watch that succeed.
    assert!(pods <= 6, "{pods} requests in a minute");
}

#[test]
fn the_api_server_fails() {
    through_from_anew(|faults| faults.errors = true);
}

#[test]
fn the_api_server_is_slow() {
    through_from_anew(|faults| faults.delay = Some(Duration::from_secs(12)));
}

#[test]
fn the_api_server_does_not_answer() {
    through_from_anew(|faults| faults.delay = Some(Duration::from_secs(3600)));
}

#[test]
fn everything_comes_twice() {
    through(|faults| faults.repeats = true);
}

#[test]
fn streams_overtake_each_other() {
    through(|faults| faults.lateness = Some(Duration::from_secs(20)));
}

#[test]
fn bookmarks_come_all_the_time() {
    through(|faults| faults.bookmarks_every = Some(Duration::from_millis(50)));
}

#[test]
fn there_is_no_connection() {
    through(|faults| faults.unreachable = true);
}

/// A write that concerns nobody here.
fn unrelated(world: &World, times: u32) {
    for _ in 0..times {
        let path = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/somebody";
        world.server.put(path, json!({"spec": {}}));
    }
}

#[test]
fn another_api_server_is_behind() {
    let mut world = World::with_operator();
    world.live(lives());
    for seconds in [30, 60, 90] {
        world.run(30);
        let before = world.server.version();
        world.run(20 + seconds / 10);
        world
            .server
            .disturb(|faults| faults.stale_since = Some(before));
        world.server.cut_watches();
        world.run(10);
        world.server.disturb(|faults| faults.stale_since = None);
    }
    world.run(120);
    world.rest();
    world.assert_true();
    world.assert_calm();
    world.assert_one_writer();
}

#[test]
fn the_store_is_set_back_to_a_backup() {
    let mut world = World::with_operator();
    let before = world.server.version();
    unrelated(&world, 10_000);
    world.run(400);
    world.server.restore(before);
    world.run(60);
    world.live(lives());
    world.run(330);
    let snapshot = world.snapshot("a");
    let starter = snapshot
        .workloads
        .iter()
        .find(|workload| &*workload.target.name == "starter");
    assert!(
        starter.is_some_and(|starter| starter.incident_count == 3),
        "{starter:#?}"
    );
    world.rest();
    world.assert_true();
    world.assert_calm();
    world.assert_one_writer();
}

#[test]
fn the_clock_is_set_ahead_or_back() {
    for seconds in [3600, -600] {
        let mut world = World::with_operator();
        world.live(lives());
        world.run(100);
        world.set_clock_ahead("a", seconds);
        rest_after(&mut world);
    }
}

#[test]
fn the_operator_is_stopped_for_minutes() {
    let mut world = World::with_operator();
    world.live(lives());
    world.run(60);
    world.stop("a");
    world.run(150);
    world.resume("a");
    rest_after(&mut world);
}

#[test]
fn the_operator_is_killed_and_started_again_and_again() {
    let mut world = World::with_operator();
    world.live(lives());
    for round in 0..8 {
        world.run(20);
        world.run_millis(round * 700);
        world.kill_and_start("a", round);
    }
    rest_after(&mut world);
}
