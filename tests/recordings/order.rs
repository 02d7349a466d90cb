//! Streams are independent: another order of arrival, each stream in its own, gives the same verdicts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::path::Path;

use hookaudit::audit::observation::Observation;
use hookaudit::audit::seen::{Resource, Stream};
use hookaudit::audit::words::{Cause, TerminationResult, Trigger};
use hookaudit::source::recording::Recording;
use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::verdicts::{EndVerdict, RunVerdict, Told, Verdicts, recordings};

/// How far one stream may fall behind another. It stretches what is measured on our own clock by up to
/// twice as much, which stays below the 30 s from which a teardown is called slow.
const LAG: SignedDuration = SignedDuration::from_secs(14);

/// The same where only certainty is asked for: less than the 150 s after which an absence settles.
const LONG_LAG: SignedDuration = SignedDuration::from_secs(70);

/// Orders tried per recording and test; `PROPTEST_CASES` tries more.
const CASES: u32 = 8;

type Lane = String;

/// A recording with its first lists apart: those are complete before anything settles, in one order.
struct Scene {
    listed: Vec<Told>,
    lanes: BTreeMap<Lane, VecDeque<Told>>,
}

impl Scene {
    fn read(path: &Path) -> Self {
        let entries = Recording::open(path).unwrap();
        let told: Vec<Told> = entries
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.at, entry.observation))
            .collect();
        let mut synced = BTreeSet::new();
        let is_first = |(_, observation): &Told| match observation {
            Observation::Synced(stream) => synced.insert(stream.clone()),
            _ => false,
        };
        let firsts: Vec<bool> = told.iter().map(is_first).collect();
        let listed = firsts
            .iter()
            .rposition(|first| *first)
            .map_or(0, |last| last + 1);
        let wide = synced
            .iter()
            .any(|stream| stream.resource == Resource::Events && stream.selector.is_none());
        let mut lanes: BTreeMap<Lane, VecDeque<Told>> = BTreeMap::new();
        for entry in &told[listed..] {
            lanes
                .entry(lane(&entry.1, wide))
                .or_default()
                .push_back(entry.clone());
        }
        Self {
            listed: told[..listed].to_vec(),
            lanes,
        }
    }

    fn as_recorded(&self) -> Vec<Told> {
        let mut told: Vec<Told> = self.lanes.values().flatten().cloned().collect();
        told.sort_by_key(|(at, _)| *at);
        self.listed.iter().cloned().chain(told).collect()
    }

    /// Whichever streams are not too far ahead of the slowest take turns as `picks` say; 0 is the slowest.
    /// Nothing is told before it happened.
    fn merged(&self, picks: &[u8], lag: SignedDuration) -> Vec<Told> {
        let mut times: Vec<Timestamp> = self.lanes.values().flatten().map(|(at, _)| *at).collect();
        times.sort();
        let mut lanes: Vec<VecDeque<Told>> = self.lanes.values().cloned().collect();
        let mut told = self.listed.clone();
        let mut now = Timestamp::MIN;
        for (time, pick) in times.into_iter().zip(picks.iter().cycle()) {
            lanes.retain(|lane| !lane.is_empty());
            lanes.sort_by_key(|lane| lane[0].0);
            let limit = lanes[0][0].0.saturating_add(lag).unwrap();
            let near = lanes.iter().filter(|lane| lane[0].0 <= limit).count();
            let (at, observation) = lanes[usize::from(*pick) % near].pop_front().unwrap();
            now = now
                .saturating_add(SignedDuration::from_nanos(1))
                .unwrap()
                .max(time)
                .max(at);
            told.push((now, observation));
        }
        told
    }

    /// Each stream as a whole comes later by so many milliseconds.
    fn delayed(&self, delays: &[u16]) -> Vec<Told> {
        let mut told: Vec<Told> = Vec::new();
        for (lane, delay) in self.lanes.values().zip(delays.iter().cycle()) {
            let delay = SignedDuration::from_millis((*delay).into());
            let later =
                |(at, observation): &Told| (at.saturating_add(delay).unwrap(), observation.clone());
            told.extend(lane.iter().map(later));
        }
        told.sort_by_key(|(at, _)| *at);
        self.listed.iter().cloned().chain(told).collect()
    }
}

/// The watch on which an observation came: one per resource, of Events one per reason.
fn lane(observation: &Observation, wide: bool) -> Lane {
    let resource = match observation {
        // What is found was asked for, because of what the pod's own stream had told.
        Observation::Pod(_) | Observation::PodGone(_) | Observation::Found(_) => Resource::Pods,
        Observation::Event(_) if wide => Resource::Events,
        Observation::Event(event) => {
            return format!("reason={}", event.reason.as_str());
        }
        Observation::Node(_) | Observation::NodeGone { .. } => Resource::Nodes,
        Observation::Namespace { .. } | Observation::NamespaceGone { .. } => Resource::Namespaces,
        Observation::Owner(owner) | Observation::OwnerGone(owner) => owner.resource,
        Observation::Report(_) | Observation::ReportGone { .. } => Resource::HookAudits,
        Observation::Relist(Stream { resource, selector })
        | Observation::Synced(Stream { resource, selector }) => {
            return selector.as_deref().unwrap_or(resource.as_str()).to_owned();
        }
        Observation::Leader { .. } => Resource::Leases,
        Observation::Defect { resource, .. } => *resource,
        Observation::Tick => return "clock".to_owned(),
    };
    resource.as_str().to_owned()
}

fn differences(before: &Verdicts, after: &Verdicts) -> String {
    let mut text = String::new();
    let keys: BTreeSet<_> = before.runs.keys().chain(after.runs.keys()).collect();
    for key in keys {
        let (was, is) = (before.runs.get(key), after.runs.get(key));
        let telling = |run: &RunVerdict| (run.outcome, run.reason, run.settled);
        if was.map(telling) != is.map(telling) {
            writeln!(text, "  {key:?}\n    was {was:?}\n    is  {is:?}").unwrap();
        }
    }
    let keys: BTreeSet<_> = before.ends.keys().chain(after.ends.keys()).collect();
    for key in keys {
        let (was, is) = (before.ends.get(key), after.ends.get(key));
        if was.map(told) != is.map(told) {
            writeln!(text, "  {key}\n    was {was:?}\n    is  {is:?}").unwrap();
        }
    }
    text
}

/// What is told of an end, without a cause that is only inferred from how long something took on our own
/// clock: a stream that is late stretches that.
fn told(end: &EndVerdict) -> (Option<TerminationResult>, Option<Cause>, Trigger, bool) {
    let timed = [
        Cause::WithinGrace,
        Cause::Volume,
        Cause::NodeUnreachable,
        Cause::ContainerRuntime,
    ];
    let cause = Some(end.cause).filter(|cause| !timed.contains(cause));
    (end.result, cause, end.trigger, end.settled)
}

fn runner() -> TestRunner {
    let cases = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(CASES);
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 60,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// Tries orders of every recording, and gives what the first of each found.
fn try_orders<S: Strategy>(
    orders: &S,
    find: impl Fn(&Scene, &Verdicts, &S::Value) -> String,
) -> Vec<String> {
    let mut failures = Vec::new();
    for path in recordings() {
        let scene = Scene::read(&path);
        let expected = Verdicts::of(scene.as_recorded());
        let outcome = runner().run(orders, |order| {
            let found = find(&scene, &expected, &order);
            if found.is_empty() {
                Ok(())
            } else {
                Err(TestCaseError::fail(found))
            }
        });
        if let Err(error) = outcome {
            failures.push(format!("{}: {error}", path.display()));
        }
    }
    failures
}

fn picks() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 64..128)
}

#[test]
fn streams_that_overtake_each_other_change_no_settled_verdict() {
    let failures = try_orders(&picks(), |scene, expected, picks| {
        differences(expected, &Verdicts::of(scene.merged(picks, LAG)))
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn streams_that_lag_as_a_whole_change_no_settled_verdict() {
    let delays = vec(0..20_000_u16, 32);
    let failures = try_orders(&delays, |scene, expected, delays| {
        differences(expected, &Verdicts::of(scene.delayed(delays)))
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn streams_that_are_a_minute_behind_make_no_confirmed_verdict_wrong() {
    let failures = try_orders(&picks(), |scene, expected, picks| {
        let after = Verdicts::of(scene.merged(picks, LONG_LAG));
        after.wrongly_confirmed(expected).join("\n")
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
