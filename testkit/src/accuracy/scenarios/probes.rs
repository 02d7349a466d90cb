//! Containers killed by a probe, and pods whose probes use up their Events.

use serde_json::{Value, json};

use crate::accuracy::pods::{Container, Pod, exec, sleep};
use crate::accuracy::scenario::{Scenario, Step};

pub(super) fn scenarios() -> Vec<Scenario> {
    [killed(), spent()].concat()
}

/// Fails from the beginning on, and kills after two seconds.
fn failing_probe(grace: Option<u32>) -> Value {
    let mut probe = json!({"tcpSocket": {"port": 8099}, "periodSeconds": 1, "failureThreshold": 2});
    if let Some(grace) = grace {
        probe["terminationGracePeriodSeconds"] = json!(grace);
    }
    probe
}

fn restarted(container: Container) -> Vec<Step> {
    vec![
        Step::Create(Pod::of([container]).grace(8).build()),
        Step::AwaitEntry("main start", 2),
        Step::Delete("pod"),
        Step::AwaitGone("pod"),
    ]
}

fn killed() -> Vec<Scenario> {
    let hooked = |hook: Value, probe: &str, grace: Option<u32>| {
        Container::main("app", "-delay 500ms")
            .pre_stop(hook)
            .with(probe, failing_probe(grace))
    };
    let slow = || exec("PreStop", "-sleep 2s");
    let endless = || exec("PreStop", "-sleep 60s");
    let deleted_meanwhile = vec![
        Step::Create(
            Pod::of([hooked(exec("PreStop", "-sleep 6s"), "livenessProbe", None)])
                .grace(12)
                .build(),
        ),
        Step::AwaitEntry("hook PreStop start", 1),
        Step::Sleep(1.0),
        Step::Delete("pod"),
        Step::AwaitGone("pod"),
    ];
    vec![
        Scenario::of_steps(
            "liveness-prestop-ok",
            "a liveness probe kills, the hook ends well",
            restarted(hooked(slow(), "livenessProbe", None)),
            &["PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "liveness-prestop-fails",
            "a liveness probe kills, the hook exits with 3",
            restarted(hooked(
                exec("PreStop", "-sleep 1s -code 3"),
                "livenessProbe",
                None,
            )),
            &["PreStop Failed"],
        ),
        Scenario::of_steps(
            "liveness-prestop-overruns",
            "a liveness probe kills, the hook overruns the pod's grace",
            restarted(hooked(endless(), "livenessProbe", None)),
            &["PreStop Overran"],
        ),
        Scenario::of_steps(
            "liveness-own-grace-cuts-short",
            "a liveness probe kills with a grace of its own of 3 s, the hook would take longer",
            restarted(hooked(endless(), "livenessProbe", Some(3))),
            &["PreStop CutShort"],
        ),
        Scenario::of_steps(
            "liveness-own-longer-grace",
            "a liveness probe kills with a grace of its own of 14 s, the hook of 10 s fits in",
            restarted(hooked(
                exec("PreStop", "-sleep 10s"),
                "livenessProbe",
                Some(14),
            )),
            &["PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "startup-prestop-ok",
            "a startup probe kills, the hook ends well",
            restarted(hooked(slow(), "startupProbe", None)),
            &["PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "startup-own-grace-cuts-sleep-short",
            "a startup probe kills with a grace of its own of 2 s, a sleep hook of 5 s would take longer",
            restarted(hooked(sleep(5), "startupProbe", Some(2))),
            &["PreStop CutShort"],
        ),
        Scenario::of_steps(
            "liveness-deleted-meanwhile",
            "deleted while the hook of a liveness kill goes on",
            deleted_meanwhile,
            &["PreStop Succeeded"],
        ),
    ]
}

/// A readiness probe that fails each second takes the 25 warnings that a pod may tell.
fn spent() -> Vec<Scenario> {
    let readiness = || json!({"tcpSocket": {"port": 8099}, "periodSeconds": 1});
    let pre_stop = Container::main("app", "-delay 2s")
        .pre_stop(exec("PreStop", "-sleep 1s -code 3"))
        .with("readinessProbe", readiness());
    let post_start = Container::main("app", "")
        .post_start(exec("PostStart", "-sleep 500ms -code 3"))
        .with("readinessProbe", readiness());
    let noisy = Container::main("noisy", "").with("readinessProbe", readiness());
    let waiting = |pod: Pod, restarts: usize| {
        vec![
            Step::Create(pod.build()),
            Step::Sleep(40.0),
            Step::AwaitEntry("main start", restarts),
            Step::Delete("pod"),
            Step::AwaitGone("pod"),
        ]
    };
    vec![
        Scenario::of_steps(
            "budget-spent-prestop-fails",
            "the pod's Events are used up by a readiness probe when its hook fails",
            waiting(Pod::of([pre_stop]), 1),
            &["PreStop Failed"],
        ),
        Scenario::of_steps(
            "budget-spent-poststart-fails",
            "the pod's Events are used up by a readiness probe while a postStart fails again and again",
            waiting(Pod::of([noisy, post_start]), 5),
            &["PostStart Failed"],
        ),
    ]
}
