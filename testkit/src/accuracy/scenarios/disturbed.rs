//! What happens to pods while the kubelet, the API server or the node is away.

use serde_json::{Value, json};

use crate::accuracy::pods::{Container, Pod, exec, http, sleep};
use crate::accuracy::scenario::{Phase, Scenario, Step};

pub(super) fn scenarios() -> Vec<Scenario> {
    [
        kubelet_killed(),
        kubelet_stopped(),
        api_outage(),
        node_deleted(),
    ]
    .concat()
}

fn hooked(main: &str, handler: Value) -> Pod {
    Pod::of([Container::main("app", main).pre_stop(handler)])
}

/// Deleted, and in its hook when the disturbance comes.
fn in_mid_hook(pod: Pod, entry: &'static str) -> Vec<Step> {
    vec![
        Step::Create(pod.build()),
        Step::AwaitRunning("pod"),
        Step::Delete("pod"),
        Step::AwaitEntry(entry, 1),
    ]
}

fn idle(pod: Pod) -> Vec<Step> {
    vec![
        Step::Create(pod.build()),
        Step::AwaitRunning("pod"),
        Step::Sleep(2.0),
    ]
}

fn gone() -> Vec<Step> {
    vec![Step::AwaitGone("pod")]
}

fn kubelet_killed() -> Vec<Scenario> {
    let phase = |scenario: Scenario, afterwards: Vec<Step>| {
        scenario.in_phase(Phase::KubeletKilled, afterwards)
    };
    let hook = |flags: &str| exec("PreStop", flags);
    let sleeping = vec![
        Step::Create(hooked("", sleep(12)).grace(30).build()),
        Step::AwaitRunning("pod"),
        Step::Delete("pod"),
        Step::Sleep(2.0),
    ];
    let starting =
        Pod::of([Container::main("app", "").post_start(exec("PostStart", "-sleep 30s"))]);
    let started = vec![
        Step::Create(starting.build()),
        Step::AwaitEntry("hook PostStart start", 1),
    ];
    let deleted = || {
        vec![
            Step::Sleep(5.0),
            Step::Delete("pod"),
            Step::AwaitGone("pod"),
        ]
    };
    let forced = vec![
        Step::Create(hooked("", hook("-sleep 2s")).build()),
        Step::AwaitRunning("pod"),
        Step::Sleep(1.0),
    ];
    vec![
        phase(
            Scenario::of_steps(
                "kubelet-killed-in-exec-prestop",
                "the kubelet is killed in mid preStop, which it delivers again",
                in_mid_hook(
                    hooked("", hook("-sleep 12s")).grace(30),
                    "hook PreStop start",
                ),
                &["PreStop Succeeded"],
            ),
            gone(),
        ),
        phase(
            Scenario::of_steps(
                "kubelet-killed-in-failing-prestop",
                "the kubelet is killed in mid preStop, which fails at its second delivery",
                in_mid_hook(
                    hooked("-delay 2s", hook("-sleep 12s -code 3")).grace(30),
                    "hook PreStop start",
                ),
                &["PreStop Failed"],
            ),
            gone(),
        ),
        phase(
            Scenario::of_steps(
                "kubelet-killed-in-http-prestop",
                "the kubelet is killed while it waits for an answer, and asks again",
                in_mid_hook(
                    hooked("-http :8080", http("/PreStop/slow/12", json!(8080))).grace(30),
                    "http start",
                ),
                &["PreStop Succeeded"],
            ),
            gone(),
        ),
        phase(
            Scenario::of_steps(
                "kubelet-killed-in-sleep-prestop",
                "the kubelet is killed in a sleep, which begins again",
                sleeping,
                &["PreStop Succeeded"],
            ),
            gone(),
        ),
        phase(
            Scenario::of_steps(
                "kubelet-killed-after-prestop",
                "the kubelet is killed while the main process stops; the hook that had ended well is delivered again",
                in_mid_hook(
                    hooked("-delay 25s", hook("-sleep 1s")).grace(40),
                    "main signal",
                ),
                &["PreStop Succeeded"],
            ),
            gone(),
        ),
        phase(
            Scenario::of_steps(
                "kubelet-killed-in-poststart",
                "the kubelet is killed in mid postStart, which is lost",
                started,
                &["PostStart Unknown"],
            ),
            deleted(),
        ),
        phase(
            Scenario::of_steps(
                "kubelet-killed-idle",
                "the kubelet is killed while the pod runs; both hooks were or are delivered once",
                idle(hooked("", hook("-sleep 1s"))),
                &["PreStop Succeeded"],
            ),
            deleted(),
        ),
        phase(
            Scenario::of_steps(
                "kubelet-killed-main-crashes",
                "the main process crashes while the kubelet is away, and is restarted",
                idle(hooked("-after 5s -after-code 3 -once", hook("-sleep 1s"))),
                &["PreStop Skipped"],
            ),
            deleted(),
        ),
        phase(
            Scenario::of_steps(
                "kubelet-killed-then-idle-deleted-by-force",
                "deleted by force after the kubelet came back",
                forced,
                &["Termination ForceDeleted"],
            ),
            vec![Step::DeleteWithGrace("pod", 0), Step::AwaitGone("pod")],
        ),
        phase(
            Scenario::of_steps(
                "kubelet-killed-one-of-two-ended",
                "the kubelet is killed when one of two containers has ended and the other stops; only that one's hook is delivered again",
                in_mid_hook(
                    Pod::of([
                        Container::main("app", "").pre_stop(hook("-sleep 500ms")),
                        Container::main("second", "-delay 25s").pre_stop(hook("-sleep 3s")),
                    ])
                    .grace(40),
                    "main end",
                ),
                &["PreStop Succeeded"],
            ),
            gone(),
        ),
        phase(
            Scenario::of_steps(
                "kubelet-killed-orphan",
                "deleted by force while the kubelet is away, which comes back to a container without a pod and runs no hook",
                idle(hooked("-delay 1s", hook("-sleep 2s"))),
                &["Termination ForceDeleted"],
            )
            .meanwhile(vec![Step::Sleep(2.0), Step::DeleteWithGrace("pod", 0)]),
            gone(),
        ),
    ]
}

fn kubelet_stopped() -> Vec<Scenario> {
    let phase = |scenario: Scenario, afterwards: Vec<Step>| {
        scenario.in_phase(Phase::KubeletStopped, afterwards)
    };
    let hook = |flags: &str| exec("PreStop", flags);
    vec![
        phase(
            Scenario::of_steps(
                "kubelet-silent-in-prestop",
                "the kubelet is silent for 75 s in mid preStop, past the deadline",
                in_mid_hook(
                    hooked("-delay 1s", hook("-sleep 5s")).grace(12),
                    "hook PreStop start",
                ),
                &["PreStop"],
            ),
            gone(),
        ),
        phase(
            Scenario::of_steps(
                "kubelet-silent-while-main-stops",
                "the kubelet is silent for 75 s while the main process stops",
                in_mid_hook(
                    hooked("-delay 4s", hook("-sleep 500ms")).grace(12),
                    "main signal",
                ),
                &["Termination"],
            ),
            gone(),
        ),
        phase(
            Scenario::of_steps(
                "kubelet-silent-idle",
                "the kubelet is silent for 75 s while the pod runs; deleted then",
                idle(hooked("-delay 1s", hook("-sleep 1s"))),
                &["PreStop Succeeded"],
            ),
            vec![
                Step::Sleep(8.0),
                Step::Delete("pod"),
                Step::AwaitGone("pod"),
            ],
        ),
        phase(
            Scenario::of_steps(
                "kubelet-silent-in-poststart",
                "the kubelet is silent for 75 s while a postStart of 5 s ends well; deleted then",
                vec![
                    Step::Create(
                        Pod::of([
                            Container::main("app", "").post_start(exec("PostStart", "-sleep 5s"))
                        ])
                        .build(),
                    ),
                    Step::AwaitEntry("hook PostStart start", 1),
                ],
                &["PostStart Succeeded"],
            ),
            vec![
                Step::AwaitRunning("pod"),
                Step::Delete("pod"),
                Step::AwaitGone("pod"),
            ],
        ),
        phase(
            Scenario::of_steps(
                "kubelet-silent-force-deleted",
                "deleted by force before the kubelet falls silent, with a hook of 1 s",
                vec![
                    Step::Create(hooked("", hook("-sleep 500ms")).build()),
                    Step::AwaitRunning("pod"),
                    Step::DeleteWithGrace("pod", 0),
                    Step::AwaitEntry("main end", 1),
                    Step::Sleep(1.0),
                ],
                &["Termination ForceDeleted"],
            ),
            gone(),
        ),
    ]
}

fn api_outage() -> Vec<Scenario> {
    let phase = |scenario: Scenario| scenario.in_phase(Phase::ApiOutage, gone());
    let hook = |flags: &str| exec("PreStop", flags);
    vec![
        phase(Scenario::of_steps(
            "api-outage-prestop-fails",
            "the hook fails while the API server is away, the Event comes late",
            in_mid_hook(
                hooked("-delay 3s", hook("-sleep 3s -code 3")).grace(25),
                "hook PreStop start",
            ),
            &["PreStop Failed"],
        )),
        phase(Scenario::of_steps(
            "api-outage-prestop-ok",
            "the hook ends well while the API server is away",
            in_mid_hook(
                hooked("-delay 1s", hook("-sleep 4s")).grace(25),
                "hook PreStop start",
            ),
            &["PreStop Succeeded"],
        )),
        phase(Scenario::of_steps(
            "api-outage-prestop-overruns",
            "the hook overruns while the API server is away",
            in_mid_hook(
                hooked("", hook("-sleep 60s")).grace(6),
                "hook PreStop start",
            ),
            &["PreStop Overran"],
        )),
        phase(Scenario::of_steps(
            "api-outage-force-killed",
            "the main process ignores its signal while the API server is away",
            in_mid_hook(hooked("-ignore", hook("-sleep 1s")).grace(6), "main signal"),
            &["Termination ForceKilled"],
        )),
    ]
}

fn node_deleted() -> Vec<Scenario> {
    let phase = |scenario: Scenario| scenario.in_phase(Phase::NodeDeleted, Vec::new());
    vec![
        phase(Scenario::of_steps(
            "node-deleted-in-prestop",
            "the Node object is deleted while a long hook goes on",
            in_mid_hook(
                hooked("", exec("PreStop", "-sleep 96s")).grace(100),
                "hook PreStop start",
            ),
            &["Termination"],
        )),
        phase(Scenario::of_steps(
            "node-deleted-idle",
            "the Node object is deleted while the pod runs",
            idle(hooked("", exec("PreStop", "-sleep 2s"))),
            &["Termination"],
        )),
    ]
}
