//! preStop hooks of every handler, ended in every way.

use serde_json::{Value, json};

use crate::accuracy::pods::{Container, Pod, exec, http, sleep};
use crate::accuracy::scenario::{Scenario, Step};

pub(super) fn scenarios() -> Vec<Scenario> {
    [
        by_exec(),
        by_main_process(),
        by_http(),
        by_remote_http(),
        by_sleep(),
        others(),
    ]
    .concat()
}

fn app(flags: &str, pre_stop: Value) -> Container {
    Container::main("app", flags).pre_stop(pre_stop)
}

fn pod(flags: &str, grace: u32, pre_stop: Value) -> Value {
    Pod::of([app(flags, pre_stop)]).grace(grace).build()
}

fn by_exec() -> Vec<Scenario> {
    let hook = |flags: &str| exec("PreStop", flags);
    vec![
        Scenario::of_pod(
            "prestop-exec-ok",
            "exec ends well after 2 s",
            pod("", 10, hook("-sleep 2s")),
            &["PreStop Succeeded"],
        ),
        Scenario::of_pod(
            "prestop-exec-ok-slow-main",
            "exec ends well after 2 s, the main process needs 3 s more",
            pod("-delay 3s", 10, hook("-sleep 2s")),
            &["PreStop Succeeded"],
        ),
        Scenario::of_pod(
            "prestop-exec-ok-ignoring-main",
            "exec ends well after 1 s, the main process ignores its signal",
            pod("-ignore", 5, hook("-sleep 1s")),
            &["PreStop Succeeded", "Termination ForceKilled"],
        ),
        Scenario::of_pod(
            "prestop-exec-ok-late",
            "exec takes all of the grace but one second",
            pod("", 5, hook("-sleep 4s")),
            &["PreStop Succeeded"],
        ),
        Scenario::of_pod(
            "prestop-exec-fails",
            "exec exits with 3, the main process leaves at once",
            pod("", 10, hook("-sleep 1s -code 3")),
            &["PreStop Failed"],
        ),
        Scenario::of_pod(
            "prestop-exec-fails-slow-main",
            "exec exits with 3, the main process needs 3 s more",
            pod("-delay 3s", 10, hook("-sleep 1s -code 3")),
            &["PreStop Failed"],
        ),
        Scenario::of_pod(
            "prestop-exec-fails-ignoring-main",
            "exec exits with 3, the main process ignores its signal",
            pod("-ignore", 5, hook("-code 3")),
            &["PreStop Failed", "Termination ForceKilled"],
        ),
        Scenario::of_pod(
            "prestop-exec-no-such-program",
            "exec of a program that does not exist",
            pod(
                "-delay 2s",
                10,
                json!({"exec": {"command": ["/no/such/program"]}}),
            ),
            &["PreStop Failed"],
        ),
        Scenario::of_pod(
            "prestop-exec-overruns",
            "exec is still going at the end of the grace",
            pod("", 5, hook("-sleep 60s")),
            &["PreStop Overran"],
        ),
        Scenario::of_pod(
            "prestop-exec-overruns-ignoring-main",
            "exec is still going at the end of the grace, the main process ignores its signal",
            pod("-ignore", 5, hook("-sleep 60s")),
            &["PreStop Overran", "Termination ForceKilled"],
        ),
        Scenario::of_pod(
            "prestop-exec-overruns-failing-main",
            "exec is still going at the end of the grace, the main process exits with 1",
            pod("-delay 500ms -code 1", 4, hook("-sleep 60s")),
            &["PreStop Overran"],
        ),
    ]
}

fn by_main_process() -> Vec<Scenario> {
    let hook = |flags: &str| exec("PreStop", flags);
    let out_of_memory =
        |main: &str, flags: &str| Pod::of([app(main, hook(flags)).memory_limit(64)]).build();
    let ends_by_itself = Pod::of([app("-after 6s", hook("-sleep 20s"))])
        .grace(30)
        .restart_policy("Never");
    vec![
        Scenario::of_pod(
            "prestop-main-ends-first",
            "the hook tells the main process to stop, which exits with 0 while the hook goes on",
            pod("", 10, hook("-stop-main TERM -sleep 5s")),
            &["PreStop Interrupted"],
        ),
        Scenario::of_pod(
            "prestop-main-ends-first-by-signal",
            "the hook tells the main process to stop, which exits with 143",
            pod(
                "-code 143 -delay 1500ms",
                10,
                hook("-stop-main TERM -sleep 6s"),
            ),
            &["PreStop Interrupted"],
        ),
        Scenario::of_pod(
            "prestop-main-fails-first",
            "the main process exits with 3 while the hook goes on",
            pod("-code 3 -delay 1s", 10, hook("-stop-main USR1 -sleep 6s")),
            &["PreStop Interrupted"],
        ),
        Scenario::of_steps(
            "prestop-main-ends-by-itself",
            "the main process comes to its own end while the hook goes on",
            vec![
                Step::Create(ends_by_itself.build()),
                Step::AwaitRunning("pod"),
                Step::Delete("pod"),
                Step::AwaitGone("pod"),
            ],
            &["PreStop Interrupted"],
        ),
        Scenario::of_pod(
            "prestop-main-out-of-memory",
            "the main process runs out of memory while the hook goes on",
            out_of_memory(
                "-eat-mib 128 -eat-on /scratch/eat",
                "-touch /scratch/eat -sleep 6s",
            ),
            &["PreStop"],
        ),
        Scenario::of_pod(
            "prestop-hook-out-of-memory",
            "the hook itself runs out of memory, the main process stays for 2 s",
            out_of_memory("-delay 2s", "-sleep 1s -eat-mib 128"),
            &["PreStop Failed"],
        ),
    ]
}

fn by_http() -> Vec<Scenario> {
    let serving = |flags: &str, path: &str, grace: u32| {
        pod(
            &format!("-http :8080 {flags}"),
            grace,
            http(path, json!(8080)),
        )
    };
    let named = app("-http :8080", http("/PreStop/slow/1", json!("hooks")))
        .with("ports", json!([{"name": "hooks", "containerPort": 8080}]));
    vec![
        Scenario::of_pod(
            "prestop-http-ok",
            "httpGet is answered at once",
            serving("", "/PreStop/ok", 10),
            &["PreStop Succeeded"],
        ),
        Scenario::of_pod(
            "prestop-http-error-status",
            "httpGet is answered with 500, which is no failure",
            serving("", "/PreStop/500", 10),
            &["PreStop Succeeded"],
        ),
        Scenario::of_pod(
            "prestop-http-slow",
            "httpGet is answered after 3 s",
            serving("", "/PreStop/slow/3", 10),
            &["PreStop Succeeded"],
        ),
        Scenario::of_pod(
            "prestop-http-hangs",
            "httpGet is never answered",
            serving("", "/PreStop/hang", 5),
            &["PreStop Overran"],
        ),
        Scenario::of_pod(
            "prestop-http-hangs-ignoring-main",
            "httpGet is never answered, the main process ignores its signal",
            serving("-ignore", "/PreStop/hang", 5),
            &["PreStop Overran", "Termination ForceKilled"],
        ),
        Scenario::of_pod(
            "prestop-http-reset",
            "httpGet's connection is reset",
            serving("-delay 2s", "/PreStop/reset", 10),
            &["PreStop Failed"],
        ),
        Scenario::of_pod(
            "prestop-http-refused",
            "httpGet to a port where nobody listens",
            pod("-delay 2s", 10, http("/PreStop/ok", json!(8099))),
            &["PreStop Failed"],
        ),
        Scenario::of_pod(
            "prestop-http-refused-fast-main",
            "httpGet to a port where nobody listens, the main process leaves at once",
            pod("", 10, http("/PreStop/ok", json!(8099))),
            &["PreStop Failed"],
        ),
        Scenario::of_pod(
            "prestop-http-named-port",
            "httpGet to a port by its name",
            Pod::of([named]).build(),
            &["PreStop Succeeded"],
        ),
        Scenario::of_pod(
            "prestop-http-unknown-port",
            "httpGet to a port name that the container does not have",
            pod("-delay 2s", 10, http("/PreStop/ok", json!("nowhere"))),
            &["PreStop Failed"],
        ),
    ]
}

/// The server stands in another pod, so the hook outlives its own container.
fn by_remote_http() -> Vec<Scenario> {
    let server = || {
        Pod::of([Container::main("server", "-http :8080")])
            .named("server")
            .build()
    };
    let asking = |flags: &str, path: &str| {
        let handler = json!({"httpGet": {"host": "$(ip:server)", "path": path, "port": 8080}});
        Pod::of([app(flags, handler)]).grace(6).build()
    };
    let steps = |pod: Value| {
        vec![
            Step::Create(server()),
            Step::AwaitRunning("server"),
            Step::Create(pod),
            Step::AwaitRunning("pod"),
            Step::Delete("pod"),
            Step::AwaitGone("pod"),
        ]
    };
    vec![
        Scenario::of_steps(
            "prestop-http-elsewhere",
            "httpGet to another pod, answered after 2 s",
            steps(asking("", "/elsewhere/slow/2")),
            &["PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "prestop-http-elsewhere-hangs",
            "httpGet to another pod, never answered",
            steps(asking("", "/elsewhere/hang")),
            &["PreStop Overran"],
        ),
        Scenario::of_steps(
            "prestop-http-elsewhere-hangs-ignoring-main",
            "httpGet to another pod, never answered; the main process ignores its signal",
            steps(asking("-ignore", "/elsewhere/hang")),
            &["PreStop Overran", "Termination ForceKilled"],
        ),
    ]
}

fn by_sleep() -> Vec<Scenario> {
    let shortened = vec![
        Step::Create(pod("", 12, sleep(8))),
        Step::AwaitRunning("pod"),
        Step::DeleteWithGrace("pod", 3),
        Step::AwaitGone("pod"),
    ];
    let leaving = Pod::of([app("-after 6s", sleep(12))])
        .grace(20)
        .restart_policy("Never");
    vec![
        Scenario::of_pod(
            "prestop-sleep-ok",
            "sleep of 3 s",
            pod("", 10, sleep(3)),
            &["PreStop Succeeded"],
        ),
        Scenario::of_pod(
            "prestop-sleep-zero",
            "sleep of 0 s",
            pod("", 10, sleep(0)),
            &["PreStop Succeeded"],
        ),
        Scenario::of_pod(
            "prestop-sleep-slow-main",
            "sleep of 2 s, the main process needs 2 s more",
            pod("-delay 2s", 10, sleep(2)),
            &["PreStop Succeeded"],
        ),
        Scenario::of_pod(
            "prestop-sleep-ignoring-main",
            "sleep of 2 s, the main process ignores its signal",
            pod("-ignore", 6, sleep(2)),
            &["PreStop Succeeded", "Termination ForceKilled"],
        ),
        Scenario::of_pod(
            "prestop-sleep-as-long-as-grace",
            "sleep as long as the grace",
            pod("", 5, sleep(5)),
            &["PreStop Overran"],
        ),
        Scenario::of_steps(
            "prestop-sleep-longer-than-deletion-grace",
            "sleep of 8 s, deleted with a grace of 3 s",
            shortened,
            &["PreStop CutShort"],
        ),
        Scenario::of_steps(
            "prestop-sleep-main-ends-first",
            "sleep of 12 s, the main process comes to its own end meanwhile",
            vec![
                Step::Create(leaving.build()),
                Step::AwaitRunning("pod"),
                Step::Delete("pod"),
                Step::AwaitGone("pod"),
            ],
            &["PreStop Interrupted"],
        ),
    ]
}

fn others() -> Vec<Scenario> {
    let tcp = json!({"tcpSocket": {"port": 8080}});
    let good = Container::main("good", "").pre_stop(exec("PreStop", "-sleep 1s"));
    let bad = Container::main("bad", "-delay 2s").pre_stop(exec("PreStop", "-sleep 2s -code 4"));
    let plain = Container::main("plain", "");
    vec![
        Scenario::of_pod(
            "prestop-tcp",
            "tcpSocket, which no kubelet can run",
            pod("-delay 2s", 10, tcp),
            &["PreStop Failed"],
        ),
        Scenario::of_pod(
            "prestop-one-of-three",
            "three containers: one hook ends well, one fails, one has none",
            Pod::of([good, bad, plain]).build(),
            &["PreStop Succeeded", "PreStop Failed"],
        ),
    ]
}
