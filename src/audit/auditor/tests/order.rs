//! Streams overtake each other, and clocks differ.

use super::super::script::{Script, end, exec};
use crate::audit::observation::Observation;
use crate::audit::words::{Hook, Outcome, Reason};

#[test]
fn a_pod_that_ends_after_its_namespace_was_seen_gone_ended_without_events() {
    let mut script = Script::new(6)
        .hook(Hook::PreStop, exec())
        .waiting(1.0)
        .running(3.0, 0, 2.0);
    let name = Box::from("shop");
    script
        .lines
        .push((20.0, Observation::NamespaceGone { name }));
    let run = script
        .deleted(21.0, 6)
        .terminated(23.0, 0, end(0, 2.0, 22.2))
        .gone(23.5)
        .play();
    let run = run.run(Hook::PreStop);
    assert_eq!(
        (run.outcome, run.reason),
        (Outcome::Unknown, Some(Reason::EventsRefused))
    );
}
