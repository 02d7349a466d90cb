//! What else a stranger would try: several hooks at once, restarts in a row, a stop that comes at an odd moment.

use serde_json::{Value, json};

use crate::accuracy::pods::{Container, Pod, exec, sleep, workload};
use crate::accuracy::scenario::{Scenario, Step};

pub(super) fn scenarios() -> Vec<Scenario> {
    [several(), odd_moments(), restarts(), holders()].concat()
}

pub(super) fn hooked(name: &str, main: &str, hook: &str) -> Container {
    Container::main(name, main).pre_stop(exec("PreStop", hook))
}

pub(super) fn started(name: &str, main: &str, hook: &str) -> Container {
    Container::main(name, main).post_start(exec("PostStart", hook))
}

pub(super) fn deleted_once(pod: Pod, entry: &'static str, count: usize, then: f64) -> Vec<Step> {
    vec![
        Step::Create(pod.build()),
        Step::AwaitEntry(entry, count),
        Step::Sleep(then),
        Step::Delete("pod"),
        Step::AwaitGone("pod"),
    ]
}

fn several() -> Vec<Scenario> {
    let late_start = Pod::of([
        hooked("app", "", "-sleep 1s"),
        started("second", "", "-sleep 9s"),
    ])
    .grace(4);
    vec![
        Scenario::of_pod(
            "two-hooks-fail",
            "two containers: one hook fails at once and its process is slow, the other fails late and its process leaves at once",
            Pod::of([
                hooked("app", "-delay 5s", "-code 3"),
                hooked("second", "", "-sleep 3s -code 4"),
            ])
            .build(),
            &["PreStop Failed"],
        ),
        Scenario::of_pod(
            "one-hook-overruns-one-fails",
            "two containers: one hook overruns, the other fails, and its process ignores its signal",
            Pod::of([
                hooked("app", "", "-sleep 60s"),
                hooked("second", "-ignore", "-sleep 1s -code 4"),
            ])
            .grace(5)
            .build(),
            &[
                "PreStop Overran",
                "PreStop Failed",
                "Termination ForceKilled",
            ],
        ),
        Scenario::of_steps(
            "second-poststart-holds-first-prestop",
            "deleted while the second container's postStart goes on, past the deadline; the first one's preStop waits for it",
            deleted_once(late_start, "hook PostStart start", 1, 1.0),
            &["PostStart Succeeded", "PreStop Succeeded"],
        ),
        Scenario::of_pod(
            "sleeps-of-two-containers",
            "two containers sleep for 2 s and 6 s of a grace of 7 s",
            Pod::of([
                Container::main("app", "").pre_stop(sleep(2)),
                Container::main("second", "").pre_stop(sleep(6)),
            ])
            .grace(7)
            .build(),
            &["PreStop Succeeded"],
        ),
        Scenario::of_pod(
            "sidecars-one-hook-fails-one-overruns",
            "two sidecars: one hook fails, one overruns; the main container needs 2 s",
            Pod::of([Container::main("app", "-delay 2s")])
                .sidecar(hooked("sidecar", "", "-sleep 1s -code 3"))
                .sidecar(hooked("second", "-delay 1s", "-sleep 60s"))
                .grace(5)
                .build(),
            &["PreStop Failed", "PreStop Overran"],
        ),
    ]
}

fn odd_moments() -> Vec<Scenario> {
    let failing_start = started("app", "-delay 500ms", "-sleep 500ms -code 7")
        .pre_stop(exec("PreStop", "-sleep 500ms"));
    let never_starts =
        Pod::of([hooked("app", "", "-sleep 1s").with("image", json!("docker.io/local/nowhere:1"))]);
    vec![
        Scenario::of_steps(
            "poststart-deleted-fails-late",
            "deleted while the hook goes on, which fails long after the deadline",
            deleted_once(
                Pod::of([started("app", "", "-sleep 12s -code 7")]).grace(4),
                "hook PostStart start",
                1,
                1.0,
            ),
            &["PostStart Failed"],
        ),
        Scenario::of_steps(
            "poststart-fails-deleted-in-backoff",
            "a postStart fails three times, with a preStop behind it; deleted in back-off",
            deleted_once(Pod::of([failing_start]), "main end", 2, 4.0),
            &["PostStart Failed", "PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "main-crashes-deleted-in-backoff",
            "the main process exits with 1 three times; deleted in back-off",
            deleted_once(
                Pod::of([hooked("app", "-after 1s -after-code 1", "-sleep 1s")]),
                "main end",
                3,
                3.0,
            ),
            &["PreStop Skipped"],
        ),
        Scenario::of_steps(
            "deleted-without-an-image",
            "deleted before anything could start: the image is not there",
            vec![
                Step::Create(never_starts.build()),
                Step::Sleep(4.0),
                Step::Delete("pod"),
                Step::AwaitGone("pod"),
                Step::Create(Pod::of([Container::main("app", "")]).build()),
                Step::AwaitRunning("pod"),
                Step::Delete("pod"),
                Step::AwaitGone("pod"),
            ],
            &["Termination Graceful"],
        ),
        Scenario::of_steps(
            "sidecar-poststart-deleted",
            "deleted while a sidecar's postStart goes on, past the deadline; the main container never starts",
            deleted_once(
                Pod::of([Container::main("app", "")])
                    .sidecar(
                        started("sidecar", "", "-sleep 10s").pre_stop(exec("PreStop", "-sleep 1s")),
                    )
                    .grace(4),
                "hook PostStart start",
                1,
                1.0,
            ),
            &["PostStart Succeeded"],
        ),
        Scenario::of_steps(
            "force-deleted-after-hook",
            "deleted, and by force once the hook has ended, while the process is slow",
            vec![
                Step::Create(
                    Pod::of([hooked("app", "-delay 6s", "-sleep 1s")])
                        .grace(20)
                        .build(),
                ),
                Step::AwaitRunning("pod"),
                Step::Delete("pod"),
                Step::AwaitEntry("main signal", 1),
                Step::Sleep(1.0),
                Step::DeleteWithGrace("pod", 0),
                Step::AwaitGone("pod"),
                Step::Sleep(6.0),
            ],
            &["Termination ForceDeleted"],
        ),
        Scenario::of_steps(
            "deleted-with-longer-grace-overruns",
            "a grace of 3 s, deleted with 6 s; the hook overruns those",
            vec![
                Step::Create(Pod::of([hooked("app", "", "-sleep 60s")]).grace(3).build()),
                Step::AwaitRunning("pod"),
                Step::DeleteWithGrace("pod", 6),
                Step::AwaitGone("pod"),
            ],
            &["PreStop Overran"],
        ),
    ]
}

fn restarts() -> Vec<Scenario> {
    let failing_probe =
        || json!({"tcpSocket": {"port": 8099}, "periodSeconds": 1, "failureThreshold": 1});
    let once_more = |pod: Pod, entry: &'static str, count: usize| {
        vec![
            Step::Create(pod.build()),
            Step::AwaitEntry(entry, count),
            Step::Sleep(3.0),
            Step::Delete("pod"),
            Step::AwaitGone("pod"),
        ]
    };
    let rule =
        json!([{"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [7]}}]);
    let trigger = Container::main("trigger", "-after 5s -after-code 7 -once")
        .with("restartPolicy", json!("Never"))
        .with("restartPolicyRules", rule);
    vec![
        Scenario::of_steps(
            "liveness-three-times",
            "a liveness probe kills three times, the hook fails each time",
            once_more(
                Pod::of([hooked("app", "-delay 2s", "-sleep 500ms -code 3")
                    .with("livenessProbe", failing_probe())]),
                "main end",
                3,
            ),
            &["PreStop Failed"],
        ),
        Scenario::of_steps(
            "liveness-never-restarted",
            "a liveness probe kills, restartPolicy Never, the hook overruns",
            once_more(
                Pod::of([hooked("app", "", "-sleep 60s").with("livenessProbe", failing_probe())])
                    .restart_policy("Never")
                    .grace(4),
                "main end",
                1,
            ),
            &["PreStop Overran"],
        ),
        Scenario::of_steps(
            "all-containers-restarted",
            "one container's exit code restarts all of them, without any hook",
            once_more(
                Pod::of([hooked("app", "-delay 1s", "-sleep 1s"), trigger]),
                "main start",
                4,
            ),
            &["PreStop Skipped", "PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "second-poststart-fails",
            "the second container's postStart fails twice beside a first one with both hooks",
            once_more(
                Pod::of([
                    started("app", "", "-sleep 500ms").pre_stop(exec("PreStop", "-sleep 1s")),
                    started("second", "", "-sleep 300ms -code 9"),
                ]),
                "main start",
                3,
            ),
            &[
                "PostStart Failed",
                "PostStart Succeeded",
                "PreStop Succeeded",
            ],
        ),
    ]
}

fn holders() -> Vec<Scenario> {
    let evicted = vec![
        Step::Create(
            Pod::of([hooked("app", "", "-sleep 1s")])
                .finalizer("hookaudit.io/test")
                .build(),
        ),
        Step::AwaitRunning("pod"),
        Step::Evict("pod"),
        Step::AwaitEntry("main end", 1),
        Step::Sleep(6.0),
        Step::Patch("pods/pod", json!({"metadata": {"finalizers": null}})),
        Step::AwaitGone("pod"),
    ];
    let held = vec![
        Step::Create(
            Pod::of([hooked("app", "", "-sleep 1s")])
                .held_volume()
                .grace(5)
                .build(),
        ),
        Step::AwaitRunning("pod"),
        Step::HoldVolume("pod", "held", 40),
        Step::Delete("pod"),
        Step::AwaitGone("pod"),
    ];
    let debug = Container::main("debug", "-ignore").build();
    let debugged = vec![
        Step::Create(Pod::of([hooked("app", "", "-sleep 1s")]).grace(5).build()),
        Step::AwaitRunning("pod"),
        Step::Patch(
            "pods/pod/ephemeralcontainers",
            json!({"spec": {"ephemeralContainers": [debug]}}),
        ),
        Step::AwaitEntry("main start", 2),
        Step::Sleep(2.0),
        Step::Delete("pod"),
        Step::AwaitGone("pod"),
    ];
    let sidecar_job = |main: &str, hook: &str| {
        workload(
            "batch/v1",
            "Job",
            json!({"backoffLimit": 0}),
            Pod::of([hooked("app", main, "-sleep 1s")])
                .sidecar(hooked("sidecar", "", hook))
                .grace(4)
                .restart_policy("Never"),
        )
    };
    let job_steps = |job: Value| {
        vec![
            Step::Create(job),
            Step::AwaitEntry("main end", 2),
            Step::Sleep(4.0),
        ]
    };
    vec![
        Scenario::of_steps(
            "evicted-by-api-finalizer",
            "the Eviction API takes a pod with a finalizer, which holds its object",
            evicted,
            &["PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "volume-held",
            "a volume is busy for 40 s after the containers' end",
            held,
            &["PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "debug-container-ignores-signal",
            "an ephemeral container ignores its signal, beside a main container with a hook that ends well",
            debugged,
            &["PreStop Succeeded", "Termination ForceKilled"],
        ),
        Scenario::of_steps(
            "job-sidecar-hook-overruns",
            "a Job's container completes, its sidecar's hook overruns",
            job_steps(sidecar_job("-after 3s", "-sleep 60s")),
            &["PreStop Skipped", "PreStop Overran"],
        ),
        Scenario::of_steps(
            "job-fails-sidecar-hook-fails",
            "a Job's container fails, its sidecar's hook fails",
            job_steps(sidecar_job("-after 3s -after-code 2", "-sleep 1s -code 5")),
            &["PreStop Skipped", "PreStop Failed"],
        ),
    ]
}
