//! postStart hooks: slow, failing, stuck.

use serde_json::{Value, json};

use crate::accuracy::pods::{Container, Pod, exec, http, sleep};
use crate::accuracy::scenario::{Scenario, Step};

pub(super) fn scenarios() -> Vec<Scenario> {
    [ending_well(), failing(), dying(), deleted()].concat()
}

fn app(flags: &str, post_start: Value) -> Container {
    Container::main("app", flags).post_start(post_start)
}

fn hook(flags: &str) -> Value {
    exec("PostStart", flags)
}

fn ending_well() -> Vec<Scenario> {
    let pod = |flags: &str, handler: Value| Pod::of([app(flags, handler)]).build();
    let second = Container::main("second", "").post_start(hook("-sleep 2s"));
    vec![
        Scenario::of_pod(
            "poststart-exec-ok",
            "exec ends well after 1 s",
            pod("", hook("-sleep 1s")),
            &["PostStart Succeeded"],
        ),
        Scenario::of_pod(
            "poststart-exec-slow",
            "exec ends well after 8 s",
            pod("", hook("-sleep 8s")),
            &["PostStart Succeeded"],
        ),
        Scenario::of_pod(
            "poststart-exec-slow-before-another",
            "two containers: the second waits for the first one's hook of 5 s",
            Pod::of([app("", hook("-sleep 5s")), second]).build(),
            &["PostStart Succeeded"],
        ),
        Scenario::of_pod(
            "poststart-http-error-status",
            "httpGet to another container, answered with 500, which is no failure",
            Pod::of([
                Container::main("server", "-http :8080"),
                app("", http("/PostStart/500", json!(8080))),
            ])
            .build(),
            &["PostStart Succeeded"],
        ),
        Scenario::of_pod(
            "poststart-sleep",
            "sleep of 3 s",
            pod("", sleep(3)),
            &["PostStart Succeeded"],
        ),
        Scenario::of_pod(
            "poststart-and-prestop-ok",
            "both hooks end well",
            Pod::of([app("-delay 1s", hook("-sleep 1s")).pre_stop(exec("PreStop", "-sleep 1s"))])
                .build(),
            &["PostStart Succeeded", "PreStop Succeeded"],
        ),
    ]
}

/// Deletes the pod while it waits for its next attempt.
fn failing_steps(pod: Pod, attempts: usize) -> Vec<Step> {
    vec![
        Step::Create(pod.build()),
        Step::AwaitEntry("main start", attempts),
        Step::Sleep(4.0),
        Step::Delete("pod"),
        Step::AwaitGone("pod"),
    ]
}

fn failing() -> Vec<Scenario> {
    let bad = || app("", hook("-sleep 500ms -code 7"));
    let ended = |policy: &str, container: Container| {
        failing_steps(Pod::of([container]).restart_policy(policy), 1)
    };
    let steps = |container: Container| failing_steps(Pod::of([container]), 2);
    let with_pre_stop = |flags: &str| bad().pre_stop(exec("PreStop", flags));
    let good = Container::main("good", "").post_start(hook("-sleep 1s"));
    vec![
        Scenario::of_steps(
            "poststart-exec-fails",
            "exec exits with 7, three times",
            failing_steps(Pod::of([bad()]), 3),
            &["PostStart Failed"],
        ),
        Scenario::of_steps(
            "poststart-exec-fails-never",
            "exec exits with 7, restartPolicy Never, the main process exits with 0",
            ended("Never", bad()),
            &["PostStart Failed"],
        ),
        Scenario::of_steps(
            "poststart-exec-fails-never-failing-main",
            "exec exits with 7, restartPolicy Never, the main process exits with 3",
            ended("Never", app("-code 3 -delay 2s", hook("-code 7"))),
            &["PostStart Failed"],
        ),
        Scenario::of_steps(
            "poststart-exec-fails-on-failure",
            "exec exits with 7, restartPolicy OnFailure, the main process exits with 0",
            ended("OnFailure", bad()),
            &["PostStart Failed"],
        ),
        Scenario::of_steps(
            "poststart-exec-fails-on-failure-failing-main",
            "exec exits with 7, restartPolicy OnFailure, the main process exits with 1",
            failing_steps(
                Pod::of([app("-code 1", hook("-code 7"))]).restart_policy("OnFailure"),
                2,
            ),
            &["PostStart Failed"],
        ),
        Scenario::of_steps(
            "poststart-fails-prestop-ok",
            "exec exits with 7, and the preStop behind it ends well",
            steps(with_pre_stop("-sleep 1s")),
            &["PostStart Failed", "PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "poststart-fails-prestop-fails",
            "exec exits with 7, and the preStop behind it fails too",
            steps(with_pre_stop("-sleep 500ms -code 5")),
            &["PostStart Failed", "PreStop Failed"],
        ),
        Scenario::of_steps(
            "poststart-fails-prestop-overruns",
            "exec exits with 7, and the preStop behind it overruns",
            failing_steps(Pod::of([with_pre_stop("-sleep 60s")]).grace(3), 2),
            &["PostStart Failed", "PreStop Overran"],
        ),
        Scenario::of_steps(
            "poststart-http-refused",
            "httpGet to a port where nobody listens",
            steps(app("", http("/PostStart/ok", json!(8099)))),
            &["PostStart Failed"],
        ),
        Scenario::of_steps(
            "poststart-tcp",
            "tcpSocket, which no kubelet can run",
            steps(app("", json!({"tcpSocket": {"port": 8080}}))),
            &["PostStart Failed"],
        ),
        Scenario::of_steps(
            "poststart-no-such-program",
            "exec of a program that does not exist",
            steps(app("", json!({"exec": {"command": ["/no/such/program"]}}))),
            &["PostStart Failed"],
        ),
        Scenario::of_steps(
            "poststart-one-of-two-fails",
            "two containers: one hook ends well, one fails",
            failing_steps(Pod::of([good, bad()]), 3),
            &["PostStart Succeeded", "PostStart Failed"],
        ),
    ]
}

fn dying() -> Vec<Scenario> {
    let steps = |container: Container| failing_steps(Pod::of([container]), 2);
    vec![
        Scenario::of_steps(
            "poststart-main-crashes",
            "the main process exits with 3 while the hook goes on",
            steps(app("-after 1500ms -after-code 3", hook("-sleep 10s"))),
            &["PostStart Failed"],
        ),
        Scenario::of_steps(
            "poststart-main-completes",
            "the main process exits with 0 while the hook goes on, restartPolicy Never",
            failing_steps(
                Pod::of([app("-after 1500ms", hook("-sleep 10s"))]).restart_policy("Never"),
                1,
            ),
            &["PostStart Failed"],
        ),
        Scenario::of_steps(
            "poststart-main-out-of-memory",
            "the main process runs out of memory while the hook goes on",
            steps(app("-eat-mib 128 -eat-after 1s", hook("-sleep 10s")).memory_limit(64)),
            &["PostStart Failed"],
        ),
        Scenario::of_steps(
            "poststart-sleep-main-crashes",
            "the main process exits with 3 while a sleep hook of 5 s goes on, which does not notice",
            vec![
                Step::Create(Pod::of([app("-after 1500ms -after-code 3 -once", sleep(5))]).build()),
                Step::AwaitEntry("main start", 2),
                Step::AwaitRunning("pod"),
                Step::Delete("pod"),
                Step::AwaitGone("pod"),
            ],
            &["PostStart Succeeded"],
        ),
    ]
}

fn deleted() -> Vec<Scenario> {
    let while_it_runs = |pod: Pod, delete: Step| {
        vec![
            Step::Create(pod.build()),
            Step::AwaitEntry("hook PostStart start", 1),
            Step::Sleep(2.0),
            delete,
            Step::AwaitGone("pod"),
        ]
    };
    let stuck = |flags: &str| Pod::of([app("", hook(flags))]).grace(5);
    let with_pre_stop =
        Pod::of([app("", hook("-sleep 20s")).pre_stop(exec("PreStop", "-sleep 1s"))]).grace(5);
    vec![
        Scenario::of_steps(
            "poststart-stuck-deleted",
            "deleted while the hook goes on for 20 s more; the stop waits for it, past the deadline",
            while_it_runs(stuck("-sleep 22s"), Step::Delete("pod")),
            &["PostStart Succeeded", "Termination Graceful"],
        ),
        Scenario::of_steps(
            "poststart-stuck-deleted-prestop",
            "deleted while the hook goes on; a preStop runs after it",
            while_it_runs(with_pre_stop, Step::Delete("pod")),
            &["PostStart Succeeded", "PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "poststart-deleted-then-fails",
            "deleted while the hook goes on, which then fails",
            while_it_runs(stuck("-sleep 8s -code 7"), Step::Delete("pod")),
            &["PostStart Failed"],
        ),
        Scenario::of_steps(
            "poststart-deleted-ends-in-time",
            "deleted while the hook goes on, which ends before the deadline",
            while_it_runs(stuck("-sleep 4s").grace(15), Step::Delete("pod")),
            &["PostStart Succeeded"],
        ),
        Scenario::of_steps(
            "poststart-stuck-force-deleted",
            "force deleted while the hook goes on",
            while_it_runs(stuck("-sleep 12s"), Step::DeleteWithGrace("pod", 0)),
            &["Termination ForceDeleted"],
        ),
    ]
}
