//! What happens to pods while the kubelet stands still for a while, or the container runtime is away.

use serde_json::Value;

use crate::accuracy::pods::{Container, Pod, exec};
use crate::accuracy::scenario::{Phase, Scenario, Step};

pub(super) fn scenarios() -> Vec<Scenario> {
    [kubelet_paused(), runtime_killed()].concat()
}

fn hooked(main: &str, flags: &str) -> Pod {
    Pod::of([Container::main("app", main).pre_stop(exec("PreStop", flags))])
}

fn running(pod: Value) -> Vec<Step> {
    vec![
        Step::Create(pod),
        Step::AwaitRunning("pod"),
        Step::Sleep(1.0),
    ]
}

fn in_mid(pod: Pod, entry: &'static str) -> Vec<Step> {
    [
        running(pod.build()),
        vec![Step::Delete("pod"), Step::AwaitEntry(entry, 1)],
    ]
    .concat()
}

fn kubelet_paused() -> Vec<Scenario> {
    let phase =
        |scenario: Scenario| scenario.in_phase(Phase::KubeletPaused, vec![Step::AwaitGone("pod")]);
    let deleted = || vec![Step::Sleep(1.0), Step::Delete("pod")];
    vec![
        phase(
            Scenario::of_steps(
                "kubelet-paused-deleted",
                "deleted while the kubelet stands still for 25 s, past the deadline; the hook ends well then",
                running(hooked("", "-sleep 1s").grace(3).build()),
                &["PreStop Succeeded"],
            )
            .meanwhile(deleted()),
        ),
        phase(
            Scenario::of_steps(
                "kubelet-paused-deleted-overruns",
                "deleted while the kubelet stands still for 25 s, past the deadline; the hook overruns then",
                running(hooked("", "-sleep 60s").grace(3).build()),
                &["PreStop Overran"],
            )
            .meanwhile(deleted()),
        ),
        phase(Scenario::of_steps(
            "kubelet-paused-in-failing-prestop",
            "the kubelet stands still for 25 s while the hook fails, and only notices after the grace",
            in_mid(
                hooked("-delay 1s", "-sleep 4s -code 3").grace(12),
                "hook PreStop start",
            ),
            &["PreStop"],
        )),
        phase(Scenario::of_steps(
            "kubelet-paused-while-main-stops",
            "the kubelet stands still for 25 s while the main process stops",
            in_mid(hooked("-delay 5s", "-sleep 500ms").grace(12), "main signal"),
            &["PreStop Succeeded"],
        )),
    ]
}

fn runtime_killed() -> Vec<Scenario> {
    let phase = |scenario: Scenario, afterwards: Vec<Step>| {
        scenario.in_phase(Phase::RuntimeKilled, afterwards)
    };
    let gone = || vec![Step::AwaitGone("pod")];
    vec![
        phase(
            Scenario::of_steps(
                "runtime-killed-while-main-stops",
                "the container runtime is away for 15 s, past the deadline, while the main process stops",
                in_mid(hooked("-delay 3s", "-sleep 500ms").grace(6), "main signal"),
                &["PreStop Succeeded"],
            ),
            gone(),
        ),
        phase(
            Scenario::of_steps(
                "runtime-killed-stopped-again",
                "the container runtime is away for 15 s while the main process stops; the stop is begun again, hook and all",
                in_mid(hooked("-delay 40s", "-sleep 1s").grace(60), "main signal"),
                &["PreStop Succeeded"],
            ),
            gone(),
        ),
        phase(
            Scenario::of_steps(
                "runtime-killed-in-prestop",
                "the container runtime is killed in mid preStop, and with it the hook",
                in_mid(
                    hooked("-delay 2s", "-sleep 8s").grace(60),
                    "hook PreStop start",
                ),
                &["PreStop Failed"],
            ),
            gone(),
        ),
        phase(
            Scenario::of_steps(
                "runtime-killed-idle",
                "the container runtime is away for 15 s while the pod runs; deleted then",
                running(hooked("-delay 1s", "-sleep 1s").build()),
                &["PreStop Succeeded"],
            ),
            [vec![Step::Sleep(5.0), Step::Delete("pod")], gone()].concat(),
        ),
    ]
}
