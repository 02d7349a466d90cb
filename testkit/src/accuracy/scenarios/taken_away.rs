//! Pods that somebody else takes away: evictions, preemption, limits; and containers changed in place.

use serde_json::{Value, json};

use crate::accuracy::pods::{Container, Pod, exec};
use crate::accuracy::scenario::{Phase, Scenario, Step};

pub(super) fn scenarios() -> Vec<Scenario> {
    [
        asked_for(),
        preempted(),
        limited(),
        changed(),
        stop_signals(),
    ]
    .concat()
}

fn hooked(main: &str, hook: &str) -> Container {
    Container::main("app", main).pre_stop(exec("PreStop", hook))
}

fn asked_for() -> Vec<Scenario> {
    let then = |pod: Value, steps: Vec<Step>| {
        let before = vec![
            Step::Create(pod),
            Step::AwaitRunning("pod"),
            Step::Sleep(1.0),
        ];
        [before, steps, vec![Step::AwaitGone("pod")]].concat()
    };
    let untolerating = Pod::of([hooked("-delay 1s", "-sleep 2s")])
        .with("tolerations", json!([]))
        .build();
    vec![
        Scenario::of_steps(
            "evicted-by-api",
            "the Eviction API takes the pod, the hook ends well",
            then(
                Pod::of([hooked("", "-sleep 2s")]).build(),
                vec![Step::Evict("pod")],
            ),
            &["PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "evicted-by-api-overruns",
            "the Eviction API takes the pod, the hook overruns",
            then(
                Pod::of([hooked("", "-sleep 60s")]).grace(4).build(),
                vec![Step::Evict("pod")],
            ),
            &["PreStop Overran"],
        ),
        Scenario::of_steps(
            "tainted",
            "a NoExecute taint takes the pod, the hook ends well",
            then(
                untolerating,
                vec![Step::Taint, Step::Sleep(8.0), Step::Untaint],
            ),
            &["PreStop Succeeded"],
        ),
    ]
}

fn preempted() -> Vec<Scenario> {
    let class = |name: &str, value: i32| json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": value, "description": "of a test"});
    let victim = |resource: &str, amount: &str| {
        let mut app = hooked("-delay 1s", "-sleep 2s");
        app = app.with("resources", json!({"requests": {resource: amount}}));
        Pod::of([app])
            .with("priorityClassName", json!("witness-low"))
            .build()
    };
    let strong = |class: &str, resource: &str, amount: &str| {
        let app =
            Container::main("app", "").with("resources", json!({"requests": {resource: amount}}));
        Pod::of([app])
            .named("strong")
            .with("priorityClassName", json!(class))
    };
    let steps = |victim: Value, strong: Pod| {
        vec![
            Step::Create(class("witness-low", -10)),
            Step::Create(class("witness-high", 1000)),
            Step::Create(victim),
            Step::AwaitRunning("pod"),
            Step::Sleep(1.0),
            Step::Create(strong.build()),
            Step::AwaitEntry("main end", 1),
            Step::Sleep(6.0),
        ]
    };
    vec![
        Scenario::of_steps(
            "preempted-by-scheduler",
            "the scheduler takes the pod for one of higher priority",
            steps(
                victim("cpu", "1200m"),
                strong("witness-high", "cpu", "1200m"),
            ),
            &["PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "preempted-by-kubelet",
            "the kubelet takes the pod for a critical one that was bound to the node without room",
            steps(
                victim("ephemeral-storage", "$(most-storage)"),
                strong(
                    "system-node-critical",
                    "ephemeral-storage",
                    "$(most-storage)",
                )
                .with("nodeName", json!("node-1")),
            ),
            &["Termination"],
        ),
    ]
}

fn limited() -> Vec<Scenario> {
    let filling = |main: &str, hook: &str| {
        let app = hooked(main, hook).with("command", json!(["/bin/sh", "-c", format!("sleep 3; dd if=/dev/zero of=/scratch/fill bs=1M count=24; exec /witness/witness main {main}")]));
        let volumes = json!([{"name": "witness", "hostPath": {"path": crate::accuracy::pods::WITNESS_HOST_PATH}}, {"name": "scratch", "emptyDir": {"sizeLimit": "8Mi"}}]);
        Pod::of([app]).with("volumes", volumes).build()
    };
    let evicted = |pod: Value| {
        vec![
            Step::Create(pod),
            Step::AwaitEntry("main signal", 1),
            Step::Sleep(6.0),
            Step::Delete("pod"),
            Step::AwaitGone("pod"),
        ]
    };
    let deadline = |main: &str, hook: &str| {
        vec![
            Step::Create(
                Pod::of([hooked(main, hook)])
                    .with("activeDeadlineSeconds", json!(6))
                    .grace(5)
                    .build(),
            ),
            Step::AwaitPhase("pod", "Failed"),
            Step::AwaitEntry("main signal", 1),
            Step::Sleep(9.0),
            Step::Delete("pod"),
            Step::AwaitGone("pod"),
        ]
    };
    vec![
        Scenario::of_steps(
            "emptydir-limit",
            "an emptyDir is over its limit; the kubelet evicts with 1 s, the main process exits with 0",
            evicted(filling("", "-sleep 5s")),
            &["PreStop CutShort"],
        ),
        Scenario::of_steps(
            "emptydir-limit-failing-main",
            "an emptyDir is over its limit; the main process exits with 1",
            evicted(filling("-code 1", "-sleep 5s")),
            &["PreStop CutShort"],
        ),
        Scenario::of_steps(
            "active-deadline",
            "activeDeadlineSeconds pass, the hook ends well",
            deadline("-code 1", "-sleep 2s"),
            &["PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "active-deadline-overruns",
            "activeDeadlineSeconds pass, the hook overruns",
            deadline("", "-sleep 60s"),
            &["PreStop Overran"],
        ),
    ]
}

fn changed() -> Vec<Scenario> {
    let steps = |hook: &str| {
        vec![
            Step::Create(Pod::of([hooked("-delay 1s", hook)]).grace(5).build()),
            Step::AwaitRunning("pod"),
            Step::Sleep(1.0),
            Step::Patch(
                "pods/pod",
                json!({"spec": {"containers": [{"name": "app", "image": "local/busybox:1"}]}}),
            ),
            Step::AwaitEntry("main start", 2),
            Step::AwaitRunning("pod"),
            Step::Delete("pod"),
            Step::AwaitGone("pod"),
        ]
    };
    vec![
        Scenario::of_steps(
            "image-changed",
            "the image is changed in place, the hook ends well",
            steps("-sleep 2s"),
            &["PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "image-changed-hook-overruns",
            "the image is changed in place, the hook overruns",
            steps("-sleep 60s"),
            &["PreStop Overran"],
        ),
    ]
}

fn stop_signals() -> Vec<Scenario> {
    let signalled = |main: &str, hook: &str| {
        let mut app = hooked(main, hook);
        app = app.with(
            "lifecycle",
            json!({"stopSignal": "SIGUSR1", "preStop": exec("PreStop", hook)}),
        );
        Pod::of([app])
            .with("os", json!({"name": "linux"}))
            .grace(6)
            .build()
    };
    vec![
        Scenario::of_pod(
            "stop-signal",
            "stopSignal SIGUSR1, the hook ends well",
            signalled("-delay 1s", "-sleep 1s"),
            &["PreStop Succeeded"],
        )
        .in_phase(Phase::StopSignals, Vec::new()),
        Scenario::of_pod(
            "stop-signal-main-ends-first",
            "stopSignal SIGUSR1, the main process exits with 138 while the hook goes on",
            signalled("-code 138", "-stop-main USR1 -sleep 4s"),
            &["PreStop Interrupted"],
        )
        .in_phase(Phase::StopSignals, Vec::new()),
        Scenario::of_pod(
            "stop-signal-hook-overruns",
            "stopSignal SIGUSR1, the hook overruns",
            signalled("-ignore", "-sleep 60s"),
            &["PreStop Overran"],
        )
        .in_phase(Phase::StopSignals, Vec::new()),
    ]
}
