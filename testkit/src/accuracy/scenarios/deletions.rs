//! Deletions with another grace, twice, by force, held by a finalizer, of the whole namespace.

use serde_json::json;

use crate::accuracy::pods::{Container, Pod, exec};
use crate::accuracy::scenario::{Scenario, Step};

const FINALIZER: &str = "hookaudit.io/held-by-a-test";

pub(super) fn scenarios() -> Vec<Scenario> {
    [graces(), repeated(), forced(), held()].concat()
}

fn hooked(flags: &str, hook: &str) -> Pod {
    Pod::of([Container::main("app", flags).pre_stop(exec("PreStop", hook))])
}

fn graces() -> Vec<Scenario> {
    let with = |pod: Pod, grace: u32| {
        vec![
            Step::Create(pod.build()),
            Step::AwaitRunning("pod"),
            Step::DeleteWithGrace("pod", grace),
            Step::AwaitGone("pod"),
        ]
    };
    vec![
        Scenario::of_steps(
            "deleted-with-longer-grace",
            "a grace of 5 s, deleted with 20 s; the hook needs 8 s",
            with(hooked("", "-sleep 8s").grace(5), 20),
            &["PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "deleted-with-shorter-grace",
            "a grace of 20 s, deleted with 3 s; the hook needs 8 s",
            with(hooked("", "-sleep 8s").grace(20), 3),
            &["PreStop CutShort"],
        ),
        Scenario::of_steps(
            "deleted-with-grace-one",
            "deleted with a grace of 1 s; the hook needs 5 s",
            with(hooked("", "-sleep 5s"), 1),
            &["PreStop CutShort"],
        ),
        Scenario::of_steps(
            "deleted-with-grace-one-fast-hook",
            "deleted with a grace of 1 s; the hook needs 0.3 s",
            with(hooked("", "-sleep 300ms"), 1),
            &["PreStop Succeeded"],
        ),
    ]
}

fn in_mid_hook(pod: Pod, then: Vec<Step>) -> Vec<Step> {
    let before = vec![
        Step::Create(pod.build()),
        Step::AwaitRunning("pod"),
        Step::Delete("pod"),
        Step::AwaitEntry("hook PreStop start", 1),
        Step::Sleep(1.0),
    ];
    [before, then, vec![Step::AwaitGone("pod")]].concat()
}

fn repeated() -> Vec<Scenario> {
    vec![
        Scenario::of_steps(
            "deleted-again-shorter",
            "deleted again with a grace of 2 s in mid hook, which shortens nothing",
            in_mid_hook(
                hooked("", "-sleep 6s").grace(15),
                vec![Step::DeleteWithGrace("pod", 2)],
            ),
            &["PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "deleted-again-shorter-overruns",
            "deleted again with a grace of 2 s in mid hook, which then overruns the first grace",
            in_mid_hook(
                hooked("", "-sleep 60s").grace(8),
                vec![Step::DeleteWithGrace("pod", 2)],
            ),
            &["PreStop Overran"],
        ),
        Scenario::of_steps(
            "deleted-again-longer",
            "deleted again with a longer grace in mid hook, which changes nothing",
            in_mid_hook(
                hooked("", "-sleep 60s").grace(5),
                vec![Step::DeleteWithGrace("pod", 30)],
            ),
            &["PreStop Overran"],
        ),
    ]
}

fn forced() -> Vec<Scenario> {
    let at_once = |pod: Pod| {
        vec![
            Step::Create(pod.build()),
            Step::AwaitRunning("pod"),
            Step::Sleep(1.0),
            Step::DeleteWithGrace("pod", 0),
            Step::AwaitGone("pod"),
            Step::Sleep(6.0),
        ]
    };
    let force = || vec![Step::DeleteWithGrace("pod", 0), Step::Sleep(8.0)];
    let plain = Pod::of([Container::main("app", "-delay 1s")]);
    let stopping = vec![
        Step::Create(
            Pod::of([Container::main("app", "-delay 6s")])
                .grace(15)
                .build(),
        ),
        Step::AwaitRunning("pod"),
        Step::Delete("pod"),
        Step::AwaitEntry("main signal", 1),
        Step::Sleep(1.0),
        Step::DeleteWithGrace("pod", 0),
        Step::AwaitGone("pod"),
    ];
    vec![
        Scenario::of_steps(
            "force-deleted",
            "deleted by force, with a hook of 5 s",
            at_once(hooked("", "-sleep 5s")),
            &["PreStop CutShort", "Termination ForceDeleted"],
        ),
        Scenario::of_steps(
            "force-deleted-without-hook",
            "deleted by force, without a hook",
            at_once(plain),
            &["Termination ForceDeleted"],
        ),
        Scenario::of_steps(
            "force-deleted-in-mid-hook",
            "deleted, and by force in mid hook; the hook ends well nonetheless",
            in_mid_hook(hooked("", "-sleep 5s").grace(15), force()),
            &["PreStop Succeeded", "Termination ForceDeleted"],
        ),
        Scenario::of_steps(
            "force-deleted-in-mid-failing-hook",
            "deleted, and by force in mid hook; the hook fails afterwards",
            in_mid_hook(hooked("-delay 2s", "-sleep 4s -code 3").grace(15), force()),
            &["PreStop Failed", "Termination ForceDeleted"],
        ),
        Scenario::of_steps(
            "force-deleted-while-stopping",
            "deleted without a hook, and by force while the main process stops",
            stopping,
            &["Termination ForceDeleted"],
        ),
    ]
}

fn held() -> Vec<Scenario> {
    let released = |pod: Pod| {
        vec![
            Step::Create(pod.finalizer(FINALIZER).build()),
            Step::AwaitRunning("pod"),
            Step::Delete("pod"),
            Step::Sleep(12.0),
            Step::Patch("pods/pod", json!({"metadata": {"finalizers": null}})),
            Step::AwaitGone("pod"),
        ]
    };
    let namespace = |pod: Pod| {
        vec![
            Step::Create(pod.build()),
            Step::AwaitRunning("pod"),
            Step::Sleep(1.0),
            Step::DeleteNamespace,
            Step::AwaitGone("pod"),
        ]
    };
    vec![
        Scenario::of_steps(
            "finalizer",
            "a finalizer holds the object when its containers are long gone",
            released(hooked("", "-sleep 1s").grace(6)),
            &["PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "finalizer-force-killed",
            "a finalizer holds the object of a pod that had to be killed",
            released(Pod::of([Container::main("app", "-ignore")]).grace(3)),
            &["Termination ForceKilled"],
        ),
        Scenario::of_steps(
            "namespace-deleted",
            "the namespace is deleted, which refuses Events; the hook ends well",
            namespace(hooked("", "-sleep 2s")),
            &["PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "namespace-deleted-hook-fails",
            "the namespace is deleted, which refuses Events; the hook fails",
            namespace(hooked("-delay 2s", "-sleep 1s -code 3")),
            &["PreStop Failed"],
        ),
        Scenario::of_steps(
            "namespace-deleted-hook-overruns",
            "the namespace is deleted, which refuses Events; the hook overruns",
            namespace(hooked("-ignore", "-sleep 60s").grace(4)),
            &["PreStop Overran", "Termination ForceKilled"],
        ),
    ]
}
