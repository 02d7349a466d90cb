//! Rollouts, scaling, Jobs.

use serde_json::{Value, json};

use crate::accuracy::pods::{Container, Pod, exec, workload};
use crate::accuracy::scenario::{Scenario, Step};

pub(super) fn scenarios() -> Vec<Scenario> {
    [rollouts(), jobs()].concat()
}

fn pod(main: &str, hook: &str) -> Pod {
    Pod::of([Container::main("app", main).pre_stop(exec("PreStop", hook))]).grace(6)
}

fn changed() -> Value {
    json!({"spec": {"template": {"metadata": {"annotations": {"changed": "yes"}}}}})
}

fn rollouts() -> Vec<Scenario> {
    let rolled = |kind: &str, path: &'static str, fields: Value, pod: Pod, count: usize| {
        vec![
            Step::Create(workload("apps/v1", kind, fields, pod)),
            Step::AwaitReady(count),
            Step::Patch(path, changed()),
            Step::AwaitEntry("main start", count * 2),
            Step::AwaitReady(count),
            Step::Sleep(8.0),
        ]
    };
    let scaled = vec![
        Step::Create(workload(
            "apps/v1",
            "Deployment",
            json!({"replicas": 3}),
            pod("-ignore", "-sleep 1s"),
        )),
        Step::AwaitReady(3),
        Step::Patch("deployments/workload", json!({"spec": {"replicas": 1}})),
        Step::Sleep(10.0),
    ];
    vec![
        Scenario::of_steps(
            "deployment-rollout",
            "a Deployment of 2 is rolled out, the hooks end well",
            rolled(
                "Deployment",
                "deployments/workload",
                json!({"replicas": 2}),
                pod("", "-sleep 1s"),
                2,
            ),
            &["PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "deployment-rollout-hooks-overrun",
            "a Deployment of 2 is rolled out, the hooks overrun",
            rolled(
                "Deployment",
                "deployments/workload",
                json!({"replicas": 2}),
                pod("", "-sleep 60s"),
                2,
            ),
            &["PreStop Overran"],
        ),
        Scenario::of_steps(
            "deployment-scaled-down",
            "a Deployment goes from 3 to 1, the processes ignore their signal",
            scaled,
            &["PreStop Succeeded", "Termination ForceKilled"],
        ),
        Scenario::of_steps(
            "statefulset-rollout",
            "a StatefulSet of 2 is rolled out, the hooks fail",
            rolled(
                "StatefulSet",
                "statefulsets/workload",
                json!({"replicas": 2, "serviceName": "none"}),
                pod("-delay 2s", "-sleep 500ms -code 3"),
                2,
            ),
            &["PreStop Failed"],
        ),
        Scenario::of_steps(
            "daemonset-rollout",
            "a DaemonSet is rolled out, the hook ends well",
            rolled(
                "DaemonSet",
                "daemonsets/workload",
                json!({}),
                pod("-delay 1s", "-sleep 1s"),
                1,
            ),
            &["PreStop Succeeded"],
        ),
    ]
}

fn jobs() -> Vec<Scenario> {
    let job = |pod: Pod| {
        workload(
            "batch/v1",
            "Job",
            json!({"backoffLimit": 1}),
            pod.restart_policy("Never"),
        )
    };
    let sidecar = Container::main("sidecar", "").pre_stop(exec("PreStop", "-sleep 1s"));
    let cron = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "workload"},
        "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": pod("-after 2s", "-sleep 1s").restart_policy("Never").template()}}}
    });
    vec![
        Scenario::of_steps(
            "job-completes",
            "a Job's container completes, so its preStop is skipped",
            vec![
                Step::Create(job(pod("-after 2s", "-sleep 1s"))),
                Step::AwaitEntry("main end", 1),
                Step::Sleep(4.0),
            ],
            &["PreStop Skipped"],
        ),
        Scenario::of_steps(
            "job-with-sidecar-completes",
            "a Job's container completes, its sidecar is stopped with its hook",
            vec![
                Step::Create(job(pod("-after 3s", "-sleep 1s").sidecar(sidecar))),
                Step::AwaitEntry("main end", 2),
                Step::Sleep(4.0),
            ],
            &["PreStop Skipped", "PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "job-fails-and-retries",
            "a Job's container fails and is tried again in another pod",
            vec![
                Step::Create(job(pod("-after 1s -after-code 3", "-sleep 1s"))),
                Step::AwaitEntry("main end", 2),
                Step::Sleep(4.0),
            ],
            &["PreStop Skipped"],
        ),
        Scenario::of_steps(
            "job-deleted-in-mid-work",
            "a Job's pod is deleted while it works; the hook ends well",
            vec![
                Step::Create(job(pod("-after 100s -delay 1s", "-sleep 1s"))),
                Step::AwaitReady(1),
                Step::DeleteAllPods,
                Step::Sleep(8.0),
            ],
            &["PreStop Succeeded"],
        ),
        Scenario::of_steps(
            "cronjob-completes",
            "a CronJob's container completes, so its preStop is skipped",
            vec![
                Step::Create(cron),
                Step::AwaitEntry("main end", 1),
                Step::Sleep(4.0),
            ],
            &["PreStop Skipped"],
        ),
    ]
}
