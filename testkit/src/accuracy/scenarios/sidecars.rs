//! Init containers that stay.

use crate::accuracy::pods::{Container, Pod, exec, sleep};
use crate::accuracy::scenario::{Scenario, Step};

pub(super) fn scenarios() -> Vec<Scenario> {
    let sidecar =
        |flags: &str, hook: &str| Container::main("sidecar", flags).pre_stop(exec("PreStop", hook));
    let app = |flags: &str| Container::main("app", flags);
    let crashing =
        Pod::of([app("")]).sidecar(sidecar("-after 3s -after-code 3 -once", "-sleep 500ms"));
    let bad_start =
        Container::main("sidecar", "").post_start(exec("PostStart", "-sleep 500ms -code 7"));
    let slow_start = Container::main("sidecar", "").post_start(exec("PostStart", "-sleep 4s"));
    let finishing = Pod::of([app("-after 4s")])
        .sidecar(sidecar("", "-sleep 2s"))
        .restart_policy("Never");
    vec![
        Scenario::of_pod(
            "sidecar-waits-for-main",
            "the sidecar's hook of 1 s ends well, but it gets its signal only when the main process is gone after 4 s",
            Pod::of([app("-delay 4s")])
                .sidecar(sidecar("", "-sleep 1s"))
                .build(),
            &["PreStop Succeeded"],
        ),
        Scenario::of_pod(
            "sidecar-hook-overruns",
            "the sidecar's hook overruns the grace",
            Pod::of([app("-delay 1s")])
                .sidecar(sidecar("", "-sleep 60s"))
                .grace(5)
                .build(),
            &["PreStop Overran"],
        ),
        Scenario::of_pod(
            "sidecar-hook-fails",
            "the sidecar's hook fails",
            Pod::of([app("-delay 3s")])
                .sidecar(sidecar("", "-sleep 1s -code 3"))
                .build(),
            &["PreStop Failed"],
        ),
        Scenario::of_pod(
            "sidecars-in-order",
            "two sidecars with hooks, a main container with a sleep hook",
            Pod::of([app("-delay 1s").pre_stop(sleep(2))])
                .sidecar(sidecar("-delay 1s", "-sleep 1s"))
                .sidecar(
                    Container::main("second", "-delay 1s")
                        .pre_stop(exec("PreStop", "-sleep 500ms")),
                )
                .build(),
            &["PreStop Succeeded"],
        ),
        Scenario::of_pod(
            "sidecar-main-ignores-signal",
            "the main process ignores its signal until the grace ends, the sidecar waits for it",
            Pod::of([app("-ignore")])
                .sidecar(sidecar("", "-sleep 1s"))
                .grace(5)
                .build(),
            &["PreStop Succeeded", "Termination ForceKilled"],
        ),
        Scenario::of_steps(
            "sidecar-crashes-and-restarts",
            "a sidecar exits with 3 once and is restarted",
            vec![
                Step::Create(crashing.build()),
                Step::AwaitEntry("main start", 3),
                Step::Sleep(3.0),
                Step::Delete("pod"),
                Step::AwaitGone("pod"),
            ],
            &["PreStop Skipped", "PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "sidecar-poststart-fails",
            "a sidecar's postStart fails again and again, so the main container never starts",
            vec![
                Step::Create(Pod::of([app("")]).sidecar(bad_start).build()),
                Step::AwaitEntry("main start", 2),
                Step::Sleep(3.0),
                Step::Delete("pod"),
                Step::AwaitGone("pod"),
            ],
            &["PostStart Failed"],
        ),
        Scenario::of_pod(
            "sidecar-poststart-slow",
            "a sidecar's postStart of 4 s holds the main container back",
            Pod::of([app("")]).sidecar(slow_start).build(),
            &["PostStart Succeeded"],
        ),
        Scenario::of_steps(
            "sidecar-after-main-completed",
            "the main container completes, the sidecar is stopped then, with its hook; deleted later",
            vec![
                Step::Create(finishing.build()),
                Step::AwaitPhase("pod", "Succeeded"),
                Step::Sleep(2.0),
                Step::Delete("pod"),
                Step::AwaitGone("pod"),
            ],
            &["PreStop Succeeded"],
        ),
        Scenario::of_pod(
            "init-container-before-hooks",
            "an ordinary init container, then a main container with both hooks",
            Pod::of([app("")
                .post_start(exec("PostStart", "-sleep 1s"))
                .pre_stop(exec("PreStop", "-sleep 1s"))])
            .init(Container::main("first", "-after 1s"))
            .build(),
            &["PostStart Succeeded", "PreStop Succeeded"],
        ),
    ]
}
