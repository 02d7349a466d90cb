//! Events that come when the pod is gone, and later.

use super::super::script::{Script, end, exec};
use super::{CONFIRMED, started};
use crate::audit::observation::Observation;
use crate::audit::seen::{EventReason, Note};
use crate::audit::words::{Hook, Outcome};

#[test]
fn an_event_that_comes_after_the_pod_is_gone_amends_once() {
    let script = started(Script::new(6).hook(Hook::PreStop, exec()))
        .deleted(10.0, 6)
        .killing(10.05)
        .terminated(12.5, 0, end(0, 2.0, 12.2))
        .gone(13.0);
    let mut late = script
        .clone()
        .event(10.4, EventReason::FailedPreStopHook, Note::None);
    let (_, event) = late.lines.pop().unwrap();
    late.lines.push((100.0, event));
    let mut played = late.play();
    assert_eq!(played.run(Hook::PreStop).outcome, Outcome::Failed);
    let snapshot = played.auditor.snapshot();
    let ledger = &snapshot.workloads[0].hooks[0];
    assert_eq!(
        (
            ledger.count(Outcome::Failed),
            ledger.count(Outcome::Succeeded)
        ),
        (1, 0)
    );
}

#[test]
fn a_stop_that_is_told_after_its_case_was_closed_leaves_its_failure_one() {
    let mut script = started(Script::new(30).hook(Hook::PreStop, exec()))
        .deleted(10.0, 30)
        .killing(10.05)
        .event(10.4, EventReason::FailedPreStopHook, Note::None)
        .terminated(14.5, 0, end(0, 2.0, 14.0))
        .gone(15.0);
    let killing = |observation: &Observation| matches!(observation, Observation::Event(event) if event.reason == EventReason::Killing);
    for (at, _) in script.lines.iter_mut().filter(|(_, line)| killing(line)) {
        *at = 300.0;
    }
    script
        .lines
        .sort_by(|(left, _), (right, _)| left.total_cmp(right));
    let mut played = script.play();
    let run = played.run(Hook::PreStop);
    assert_eq!((run.outcome, run.confidence), (Outcome::Failed, CONFIRMED));
    let snapshot = played.auditor.snapshot();
    let hook = &snapshot.workloads[0].hooks[0];
    assert_eq!(
        (hook.count(Outcome::Failed), hook.count(Outcome::Unknown)),
        (1, 0)
    );
}
