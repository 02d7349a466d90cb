//! Faults that came together in random schedules and did harm that none of them does alone.

use std::time::Duration;

use hookaudit::api::GapStatus;
use hookaudit_testkit::api_server::Faults;

use crate::node::{Life, NAMESPACE, Workload};
use crate::world::World;

fn life(workload: Workload, begins_seconds: f64, lives_seconds: f64, failures: u32) -> Life {
    Life {
        workload,
        number: 0,
        begins_seconds,
        lives_seconds,
        failures,
    }
}

fn with(life: Life) -> World {
    let mut world = World::with_operator();
    world.live([life]);
    world
}

fn rest(mut world: World) {
    world.run(30);
    world.rest();
    world.assert_true();
}

#[test]
fn a_pod_fails_twice_and_vanishes_while_lines_come_late_and_are_cut() {
    let mut world = with(life(Workload::Starter, 121.99, 3.0, 2));
    world.run(91);
    world
        .server
        .disturb(|faults| faults.lateness = Some(Duration::from_secs(5)));
    world.run(36);
    world.server.disturb(|faults| faults.cut_lines = true);
    world.run(15);
    world.server.compact();
    rest(world);
}

#[test]
fn who_led_before_is_asked_when_the_api_server_fails() {
    let mut world = with(life(Workload::Starter, 62.8, 3.0, 0));
    world.run(1);
    world.disturb("a", |faults| faults.errors = true);
    world.run(36);
    world.kill_and_start("a", 3);
    world.run(61);
    rest(world);
}

#[test]
fn what_a_look_up_told_is_counted_once_after_a_kill() {
    let mut world = with(life(Workload::Stopper, 0.0, 56.23, 1));
    world.run(24);
    world.server.disturb(|faults| faults.silent_watches = true);
    world.run(25);
    world.server.disturb(|faults| *faults = Faults::default());
    world.run(84);
    world.kill_and_start("a", 31);
    rest(world);
}

/// Those that the workload's status lists.
fn gaps(world: &World, workload: Workload) -> Vec<GapStatus> {
    let status = world.report(workload).status.unwrap();
    status.observation.unwrap().gaps
}

fn expire_events(world: &World) {
    for event in world.server.objects("events") {
        let name = event["metadata"]["name"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/namespaces/{NAMESPACE}/events/{name}");
        world.server.remove(&path);
    }
}

/// A pod whose hook fails while nothing tells of Events, for minutes; how often the failure is counted then.
fn without_events() -> (World, i64) {
    let mut world = with(life(Workload::Stopper, 0.0, 40.0, 1));
    world.run(10);
    world.server.disturb(|faults| {
        faults.only = Some("events");
        faults.silent_watches = true;
        faults.errors = true;
    });
    world.run(400);
    let hook = world.hook(Workload::Stopper);
    world.server.disturb(|faults| *faults = Faults::default());
    (world, hook.succeeded + hook.failed + hook.unknown)
}

#[test]
fn what_no_event_could_tell_of_waits_for_their_list() {
    let (mut world, counted) = without_events();
    assert_eq!(counted, 0);
    world.run(60);
    assert_eq!(world.hook(Workload::Stopper).failed, 1);
    rest(world);
}

#[test]
fn what_no_event_could_tell_of_is_counted_once_after_a_kill() {
    let (mut world, _) = without_events();
    world.kill_and_start("a", 3);
    rest(world);
}

#[test]
fn events_expire_while_nobody_watches() {
    let mut world = with(life(Workload::Starter, 0.0, 40.0, 0));
    world.run(37);
    world.kill("a");
    world.run(60);
    expire_events(&world);
    world.start("a");
    world.run(120);
    let gaps = gaps(&world, Workload::Starter);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(gaps[0].reason, "NotWatched");
}

#[test]
fn pods_are_starting_and_stopping_when_the_operator_comes_back() {
    let mut world = World::with_operator();
    let stops = life(Workload::Stopper, 0.0, 25.0, 1);
    let starts = life(Workload::Starter, 22.3, 60.0, 2);
    world.live([
        stops,
        Life {
            number: 1,
            ..starts
        },
    ]);
    world.run(15);
    world.kill("a");
    // One has been asked to stop, and has not failed yet; the other is in its second postStart.
    world.run_millis(11_500);
    world.start("a");
    world.run(30);
    world.rest();
    world.assert_true();
    for workload in Workload::ALL {
        let gaps = gaps(&world, workload);
        assert_eq!(gaps.len(), 1, "{workload:?}: {gaps:?}");
        assert_eq!(
            (&*gaps[0].reason, &*gaps[0].resource),
            ("NotWatched", "pods")
        );
    }
}

#[test]
fn the_stream_of_pods_is_minutes_behind_their_events() {
    let mut world = with(life(Workload::Starter, 124.51, 3.0, 1));
    world.run(93);
    world
        .server
        .disturb(|faults| faults.throttled_seconds = Some(5));
    world.run(37);
    world.stop("a");
    world.run(70);
    world.resume("a");
    world.run(61);
    rest(world);
}

#[test]
fn pods_and_their_events_come_and_go_while_nobody_watches() {
    let mut world = with(life(Workload::Stopper, 0.0, 3.0, 1));
    world.run(200);
    world.kill("a");
    let unseen = life(Workload::Stopper, 5.0, 10.0, 1);
    world.live([Life {
        number: 1,
        ..unseen
    }]);
    world.run(3_600);
    expire_events(&world);
    world.start("a");
    world.run(120);
    let gaps = gaps(&world, Workload::Stopper);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(gaps[0].reason, "NotWatched");
}
