//! Watches of Events that broke, and what waits for their lists.

use super::super::broken::WAITING_MAX;
use super::super::script::{Played, Script, at, end, exec};
use super::{INFERRED, started};
use crate::audit::observation::Observation;
use crate::audit::record::GapReason;
use crate::audit::seen::{EventReason, Note, Resource, Stream, Uid};
use crate::audit::words::{Hook, Outcome, Reason};

fn failures(namespace: Option<&str>) -> Stream {
    let namespace = namespace.map(|namespace| format!("metadata.namespace={namespace},"));
    let selector = format!("{}reason=FailedPreStopHook", namespace.unwrap_or_default());
    Stream {
        resource: Resource::Events,
        selector: Some(selector.into()),
    }
}

/// It stopped at 13 s, while the watch of failures was broken.
fn stopped(stream: &Stream) -> Script {
    let mut script = started(Script::new(30).hook(Hook::PreStop, exec()));
    script
        .lines
        .push((5.0, Observation::Relist(stream.clone())));
    script
        .deleted(10.0, 30)
        .stop_begun(10.1)
        .killing(10.05)
        .terminated(12.5, 0, end(0, 2.0, 12.2))
        .gone(13.0)
}

fn listed(mut script: Script, stream: &Stream, seconds: f64) -> Script {
    let synced = Observation::Synced(stream.clone());
    script.lines.push((seconds, synced));
    script
}

fn counted(played: &mut Played) -> Vec<(Outcome, u64)> {
    let snapshot = played.auditor.snapshot();
    let hook = &snapshot.workloads[0].hooks[0];
    let outcomes = [Outcome::Succeeded, Outcome::Failed, Outcome::Unknown];
    let counted = outcomes.map(|outcome| (outcome, hook.count(outcome)));
    counted
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .collect()
}

#[test]
fn what_rests_on_the_absence_of_an_event_waits_for_the_list_that_would_tell_of_it() {
    let stream = failures(None);
    let script = stopped(&stream);
    let mut played = script.play_until(1000.0);
    assert!(!played.run(Hook::PreStop).settled);
    assert_eq!(counted(&mut played), []);

    let mut played = listed(script.clone(), &stream, 1000.0).play_until(1000.0);
    assert_eq!(played.run(Hook::PreStop).confidence, INFERRED);
    assert_eq!(counted(&mut played), [(Outcome::Succeeded, 1)]);
    assert_eq!(played.auditor.gaps(), []);

    let mut script = script.event(10.4, EventReason::FailedPreStopHook, Note::None);
    if let Some((seconds, _)) = script.lines.last_mut() {
        *seconds = 999.0;
    }
    let mut played = listed(script, &stream, 1000.0).play_until(1000.0);
    assert_eq!(counted(&mut played), [(Outcome::Failed, 1)]);
}

#[test]
fn a_watch_that_broke_in_another_namespace_is_not_waited_for() {
    let mut played = stopped(&failures(Some("bank"))).play_until(200.0);
    assert_eq!(counted(&mut played), [(Outcome::Succeeded, 1)]);
    let mut played = stopped(&failures(Some("shop"))).play_until(200.0);
    assert_eq!(counted(&mut played), []);
}

#[test]
fn a_list_that_comes_when_its_events_have_expired_tells_of_a_gap() {
    let stream = failures(None);
    let script = listed(stopped(&stream), &stream, 3600.0);
    let mut played = script.play_until(3600.0);
    assert_eq!(counted(&mut played), [(Outcome::Unknown, 1)]);
    assert_eq!(played.run(Hook::PreStop).reason, Some(Reason::NotObserved));
    let gaps = &played.auditor.snapshot().workloads[0].gaps;
    let told = (gaps[0].from, gaps[0].to, gaps[0].reason);
    assert_eq!(told, (at(-145.0), at(3600.0), GapReason::Relisted));
    assert_eq!(gaps.len(), 1);
}

#[test]
fn not_more_cases_wait_than_there_is_room_for() {
    let stream = failures(None);
    let mut script = stopped(&stream);
    let lines = script.lines.clone();
    for number in 1..=WAITING_MAX as u128 {
        for (seconds, observation) in &lines {
            let mut observation = observation.clone();
            if let Observation::Pod(pod) | Observation::PodGone(pod) = &mut observation {
                pod.uid = Uid(100 + number);
                script.lines.push((*seconds, observation));
            }
        }
    }
    script
        .lines
        .sort_by(|(left, _), (right, _)| left.total_cmp(right));
    let mut played = script.play_until(160.0);
    assert_eq!(counted(&mut played), []);
    assert_eq!(played.auditor.gaps(), []);
    let mut played = script.play_until(200.0);
    let pods = WAITING_MAX as u64 + 1;
    assert_eq!(counted(&mut played), [(Outcome::Unknown, pods)]);
    assert_eq!(played.auditor.gaps().len(), 1);
}
