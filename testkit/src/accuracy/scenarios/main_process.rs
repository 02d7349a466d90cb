//! Main processes that end by themselves, ignore their signal or take long.

use crate::accuracy::pods::{Container, Pod, exec};
use crate::accuracy::scenario::{Scenario, Step};

pub(super) fn scenarios() -> Vec<Scenario> {
    [stopping(), ending(), restarting()].concat()
}

fn stopping() -> Vec<Scenario> {
    let plain = |flags: &str, grace: u32| {
        Pod::of([Container::main("app", flags)])
            .grace(grace)
            .build()
    };
    vec![
        Scenario::of_pod(
            "main-stops-at-once",
            "no hook, the main process exits with 0 on its signal",
            plain("", 10),
            &["Termination Graceful"],
        ),
        Scenario::of_pod(
            "main-takes-long",
            "no hook, the main process needs 4 s",
            plain("-delay 4s", 10),
            &["Termination Graceful"],
        ),
        Scenario::of_pod(
            "main-ignores-its-signal",
            "no hook, the main process ignores its signal",
            plain("-ignore", 4),
            &["Termination ForceKilled"],
        ),
        Scenario::of_pod(
            "main-overruns",
            "no hook, the main process would need 30 s of a grace of 4 s",
            plain("-delay 30s", 4),
            &["Termination ForceKilled"],
        ),
        Scenario::of_pod(
            "main-without-grace",
            "a declared grace of 0, a hook and a process that takes long",
            hooked_without_grace(),
            &["Termination"],
        ),
    ]
}

fn hooked_without_grace() -> serde_json::Value {
    let app = Container::main("app", "-delay 5s").pre_stop(exec("PreStop", "-sleep 3s"));
    Pod::of([app]).grace(0).build()
}

fn with_hook(flags: &str) -> Container {
    Container::main("app", flags).pre_stop(exec("PreStop", "-sleep 1s"))
}

fn ending() -> Vec<Scenario> {
    let steps = |flags: &str, policy: &str, phase: &'static str| {
        vec![
            Step::Create(Pod::of([with_hook(flags)]).restart_policy(policy).build()),
            Step::AwaitPhase("pod", phase),
            Step::Sleep(2.0),
            Step::Delete("pod"),
            Step::AwaitGone("pod"),
        ]
    };
    vec![
        Scenario::of_steps(
            "main-completes",
            "the main process exits with 0, restartPolicy Never: the preStop is skipped; deleted later",
            steps("-after 2s", "Never", "Succeeded"),
            &["PreStop Skipped"],
        ),
        Scenario::of_steps(
            "main-fails",
            "the main process exits with 3, restartPolicy Never: the preStop is skipped; deleted later",
            steps("-after 2s -after-code 3", "Never", "Failed"),
            &["PreStop Skipped"],
        ),
        Scenario::of_steps(
            "main-out-of-memory-for-good",
            "the main process runs out of memory, restartPolicy Never: the preStop is skipped",
            vec![
                Step::Create(
                    Pod::of([with_hook("-eat-mib 128 -eat-after 2s").memory_limit(64)])
                        .restart_policy("Never")
                        .build(),
                ),
                Step::AwaitPhase("pod", "Failed"),
                Step::Delete("pod"),
                Step::AwaitGone("pod"),
            ],
            &["PreStop Skipped"],
        ),
    ]
}

fn restarting() -> Vec<Scenario> {
    let twice = |container: Container| {
        vec![
            Step::Create(Pod::of([container]).build()),
            Step::AwaitEntry("main start", 2),
            Step::AwaitRunning("pod"),
            Step::Sleep(2.0),
            Step::Delete("pod"),
            Step::AwaitGone("pod"),
        ]
    };
    vec![
        Scenario::of_steps(
            "main-crashes-and-restarts",
            "the main process exits with 3 once, is restarted, and deleted then",
            twice(with_hook("-after 2s -after-code 3 -once")),
            &["PreStop Skipped", "PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "main-out-of-memory-and-restarts",
            "the main process runs out of memory, is restarted, and deleted in back-off",
            vec![
                Step::Create(
                    Pod::of([with_hook("-eat-mib 128 -eat-after 2s").memory_limit(64)]).build(),
                ),
                Step::AwaitEntry("main eat", 2),
                Step::Sleep(2.0),
                Step::Delete("pod"),
                Step::AwaitGone("pod"),
            ],
            &["PreStop Skipped"],
        ),
        Scenario::of_steps(
            "main-crashes-both-hooks",
            "a crash between two good starts: both hooks of both instances",
            twice(
                with_hook("-after 3s -after-code 3 -once")
                    .post_start(exec("PostStart", "-sleep 1s")),
            ),
            &[
                "PostStart Succeeded",
                "PreStop Skipped",
                "PreStop Succeeded",
            ],
        ),
    ]
}
