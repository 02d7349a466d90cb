//! Hooks and graces that just fit, pods of which a part has ended, handlers that answer oddly.

use serde_json::json;

use super::variations::{deleted_once, hooked, started};
use crate::accuracy::pods::{Container, Pod, exec, http, sleep};
use crate::accuracy::scenario::{Scenario, Step};

pub(super) fn scenarios() -> Vec<Scenario> {
    [handlers(), edges(), partly_ended()].concat()
}

fn handlers() -> Vec<Scenario> {
    let server = || {
        Pod::of([Container::main("server", "-http :8080")])
            .named("server")
            .build()
    };
    let asking = |main: &str, path: &str| {
        let hook = json!({"httpGet": {"host": "$(ip:server)", "path": path, "port": 8080}});
        Pod::of([Container::main("app", main).pre_stop(hook)])
            .grace(20)
            .restart_policy("Never")
            .build()
    };
    let secure = json!({"httpGet": {"path": "/PreStop/slow/1", "port": 8080, "scheme": "HTTPS"}});
    vec![
        Scenario::of_steps(
            "prestop-http-elsewhere-fails-after-main",
            "httpGet to another pod, reset after 7 s; the main process came to its own end meanwhile",
            vec![
                Step::Create(server()),
                Step::AwaitRunning("server"),
                Step::Create(asking("-after 5s", "/elsewhere/reset/7")),
                Step::AwaitRunning("pod"),
                Step::Delete("pod"),
                Step::AwaitGone("pod"),
            ],
            &["PreStop Interrupted"],
        ),
        Scenario::of_pod(
            "prestop-https-answered-in-plain",
            "httpGet by https, answered in plain http; the kubelet asks again without TLS",
            Pod::of([Container::main("app", "-http :8080").pre_stop(secure)]).build(),
            &["PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "poststart-http-main-crashes",
            "the main process crashes while its own server lets the hook wait",
            deleted_once(
                Pod::of([
                    Container::main("app", "-http :8080 -after 2500ms -after-code 3")
                        .post_start(http("/PostStart/hang", json!(8080))),
                    Container::main("second", ""),
                ]),
                "main end",
                1,
                1.0,
            ),
            &["PostStart Failed"],
        ),
    ]
}

fn edges() -> Vec<Scenario> {
    let of = |main: &str, grace: u32, hook: &str| Pod::of([hooked("app", main, hook)]).grace(grace);
    let by_sleep = |main: &str, grace: u32, seconds: u32| {
        Pod::of([Container::main("app", main).pre_stop(sleep(seconds))]).grace(grace)
    };
    vec![
        Scenario::of_pod(
            "prestop-fails-just-in-time",
            "exec exits with 3 half a second before the grace ends, the main process ignores its signal",
            of("-ignore", 5, "-sleep 4500ms -code 3").build(),
            &["PreStop", "Termination ForceKilled"],
        ),
        Scenario::of_pod(
            "prestop-ok-just-in-time-ignoring-main",
            "exec ends well half a second before the grace ends, the main process ignores its signal",
            of("-ignore", 5, "-sleep 4500ms").build(),
            &["PreStop", "Termination ForceKilled"],
        ),
        Scenario::of_pod(
            "prestop-sleep-late-ignoring-main",
            "sleep of all but one second of the grace, the main process ignores its signal",
            by_sleep("-ignore", 5, 4).build(),
            &["PreStop Succeeded", "Termination ForceKilled"],
        ),
        Scenario::of_pod(
            "grace-of-one-second",
            "a declared grace of 1 s, the hook needs 0.3 s",
            of("", 1, "-sleep 300ms").build(),
            &["PreStop Succeeded"],
        ),
        Scenario::of_pod(
            "grace-of-one-second-overruns",
            "a declared grace of 1 s, the hook needs 5 s, the main process ignores its signal",
            of("-ignore", 1, "-sleep 5s").build(),
            &["PreStop Overran"],
        ),
        Scenario::of_pod(
            "main-exits-as-if-killed",
            "the hook ends well, the main process exits with 137 by itself",
            of("-delay 1s -code 137", 10, "-sleep 1s").build(),
            &["PreStop Succeeded", "Termination Graceful"],
        ),
        Scenario::of_pod(
            "main-out-of-memory-after-hook",
            "the hook ends well, the main process runs out of memory while it stops",
            Pod::of([hooked(
                "app",
                "-delay 8s -eat-mib 128 -eat-on /scratch/now",
                "-touch /scratch/now -sleep 100ms",
            )
            .memory_limit(64)])
            .build(),
            &["PreStop"],
        ),
        Scenario::of_steps(
            "force-deleted-two-hooks",
            "deleted by force, with a sleep in one container and a failing hook in the other",
            vec![
                Step::Create(
                    Pod::of([
                        Container::main("app", "").pre_stop(sleep(4)),
                        hooked("second", "-delay 1s", "-code 3"),
                    ])
                    .build(),
                ),
                Step::AwaitRunning("pod"),
                Step::Sleep(1.0),
                Step::DeleteWithGrace("pod", 0),
                Step::AwaitGone("pod"),
                Step::Sleep(5.0),
            ],
            &["Termination ForceDeleted"],
        ),
    ]
}

fn partly_ended() -> Vec<Scenario> {
    let failing_probe =
        || json!({"tcpSocket": {"port": 8099}, "periodSeconds": 1, "failureThreshold": 1});
    let started_and_hooked =
        |start: &str| started("app", "-delay 500ms", start).pre_stop(exec("PreStop", "-sleep 1s"));
    let in_namespace = |start: &str| {
        vec![
            Step::Create(Pod::of([started_and_hooked(start)]).grace(4).build()),
            Step::AwaitEntry("hook PostStart start", 1),
            Step::Sleep(1.0),
            Step::DeleteNamespace,
            Step::AwaitGone("pod"),
        ]
    };
    let sleeping_start = Container::main("app", "").post_start(sleep(8));
    vec![
        Scenario::of_steps(
            "one-container-completed",
            "one of two containers has completed before the deletion, the other's hook fails",
            deleted_once(
                Pod::of([
                    hooked("app", "-after 2s", "-sleep 1s"),
                    hooked("second", "-delay 2s", "-sleep 500ms -code 3"),
                ])
                .restart_policy("OnFailure"),
                "main end",
                1,
                2.0,
            ),
            &["PreStop Skipped", "PreStop Failed"],
        ),
        Scenario::of_steps(
            "one-container-in-backoff",
            "one of two containers is in back-off at the deletion, the other's hook overruns",
            deleted_once(
                Pod::of([
                    hooked("app", "-after 1s -after-code 1", "-sleep 1s"),
                    hooked("second", "", "-sleep 60s"),
                ])
                .grace(4),
                "main end",
                2,
                2.0,
            ),
            &["PreStop Skipped", "PreStop Overran"],
        ),
        Scenario::of_steps(
            "poststart-deleted-fails-in-time",
            "deleted while the postStart goes on, which fails before the deadline; the preStop behind it ends well",
            deleted_once(
                Pod::of([started_and_hooked("-sleep 5s -code 7")]).grace(15),
                "hook PostStart start",
                1,
                1.0,
            ),
            &["PostStart Failed", "PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "poststart-sleep-deleted",
            "deleted while a postStart sleep of 8 s goes on, with a grace of 3 s, past the deadline",
            vec![
                Step::Create(Pod::of([sleeping_start]).grace(12).build()),
                Step::AwaitEntry("main start", 1),
                Step::Sleep(1.0),
                Step::DeleteWithGrace("pod", 3),
                Step::AwaitGone("pod"),
            ],
            &["PostStart Succeeded"],
        ),
        Scenario::of_steps(
            "liveness-deleted-meanwhile-overruns",
            "deleted while the hook of a liveness kill goes on, which overruns, and the next one's as well",
            deleted_once(
                Pod::of([hooked("app", "", "-sleep 60s").with("livenessProbe", failing_probe())])
                    .grace(5),
                "hook PreStop start",
                1,
                1.0,
            ),
            &["PreStop Overran"],
        ),
        Scenario::of_steps(
            "sidecar-killed-by-probe",
            "a liveness probe kills a sidecar, whose hook fails; deleted then",
            deleted_once(
                Pod::of([Container::main("app", "-delay 1s")]).sidecar(
                    hooked("sidecar", "-delay 2s", "-sleep 500ms -code 3")
                        .with("livenessProbe", failing_probe()),
                ),
                "main start",
                3,
                0.5,
            ),
            &["PreStop Failed"],
        ),
        Scenario::of_pod(
            "sidecar-ignores-its-signal",
            "the sidecar ignores its signal after its hook, the main container has left long before",
            Pod::of([Container::main("app", "")])
                .sidecar(hooked("sidecar", "-ignore", "-sleep 1s"))
                .grace(5)
                .build(),
            &["PreStop Succeeded", "Termination ForceKilled"],
        ),
        Scenario::of_steps(
            "namespace-deleted-in-poststart",
            "the namespace is deleted while a postStart goes on, which ends before the deadline",
            in_namespace("-sleep 8s"),
            &["PostStart Succeeded"],
        ),
        Scenario::of_steps(
            "namespace-deleted-in-long-poststart",
            "the namespace is deleted while a postStart goes on, past the deadline",
            in_namespace("-sleep 18s"),
            &["PostStart Succeeded"],
        ),
    ]
}
