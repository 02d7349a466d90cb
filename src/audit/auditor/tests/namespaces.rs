//! A watch for each of several namespaces: what one of them lists anew says nothing of the others' pods.

use super::super::script::{Played, Script, at, end, exec};
use super::started;
use crate::audit::observation::Observation;
use crate::audit::record::GapReason;
use crate::audit::seen::{Resource, Stream};
use crate::audit::words::{Hook, Outcome};

/// Runs in `shop`, while the pods of this namespace are listed anew.
fn relisted(namespace: &str) -> Script {
    let mut script = started(Script::new(30).hook(Hook::PreStop, exec()));
    let pods = |namespace: &str| Stream::whole(Resource::Pods).within(namespace);
    for namespace in ["bank", "shop"] {
        let synced = Observation::Synced(pods(namespace));
        script.lines.insert(0, (0.0, synced));
    }
    let relist = Observation::Relist(pods(namespace));
    let synced = Observation::Synced(pods(namespace));
    script.lines.extend([(40.0, relist), (50.0, synced)]);
    script
}

fn stopped(script: Script) -> Script {
    script
        .deleted(60.0, 30)
        .stop_begun(60.1)
        .killing(60.05)
        .terminated(62.5, 0, end(0, 2.0, 62.2))
        .gone(63.0)
}

fn counted(played: &mut Played) -> Vec<u64> {
    let snapshot = played.auditor.snapshot();
    let hook = &snapshot.workloads[0].hooks[0];
    [Outcome::Succeeded, Outcome::Unknown]
        .map(|outcome| hook.count(outcome))
        .into()
}

#[test]
fn a_list_of_another_namespace_takes_no_pod_away() {
    let mut kept = relisted("bank").play_until(55.0);
    assert_eq!(kept.auditor.snapshot().tracked_pods, 1);
    let mut played = stopped(relisted("bank")).play();
    assert_eq!(counted(&mut played), [1, 0]);
    let mut gone = relisted("shop").play_until(55.0);
    assert_eq!(gone.auditor.snapshot().tracked_pods, 0);
}

#[test]
fn a_gap_begins_where_its_own_namespace_was_heard_of_last_and_is_told_there() {
    let played = relisted("shop").play_until(55.0);
    let gap = &played.auditor.gaps()[0];
    assert_eq!(
        (gap.from, gap.to, gap.reason),
        (at(3.0), at(50.0), GapReason::Relisted)
    );
    let mut played = relisted("bank").play_until(55.0);
    let gap = &played.auditor.gaps()[0];
    assert_eq!((gap.from, gap.to), (at(0.0), at(50.0)));
    assert!(played.auditor.snapshot().workloads[0].gaps.is_empty());
}
