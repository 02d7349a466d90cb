use std::time::Duration;

use jiff::Timestamp;

use super::fixture::{plain_workload, target};
use super::*;
use crate::audit::record::{Gap, GapReason, Incident, Interval};
use crate::audit::seen::{HookSpec, Resource};
use crate::audit::snapshot::{Active, Condition, Histogram, HookLedger, Streak, TerminationLedger};
use crate::audit::words::{
    Cause, ConditionStatus as ConditionWord, ConditionType, Confidence, ContainerType, Fault,
    Handler, Hook, IncidentType, Outcome, Reason, Recovery, TerminationResult,
};

const LARGEST_OBJECT_BYTES: usize = 128 * 1024;

#[test]
fn a_workload_of_a_built_in_group_is_named_by_kind_and_name() {
    let name = |api_version, kind| name_for(&target(api_version, kind, "checkout"));
    assert_eq!(name("apps/v1", "Deployment"), "deployment-checkout");
    assert_eq!(name("batch/v1", "CronJob"), "cronjob-checkout");
    assert_eq!(
        name("v1", "ReplicationController"),
        "replicationcontroller-checkout"
    );
    assert_eq!(name_for(&WorkloadRef::bare_pods()), "barepods");
}

#[test]
fn a_foreign_or_long_workload_carries_a_digest_in_its_name() {
    let strimzi = name_for(&target("core.strimzi.io/v1beta2", "StrimziPodSet", "kafka"));
    assert_eq!(
        strimzi,
        name_for(&target("core.strimzi.io/v1", "StrimziPodSet", "kafka"))
    );
    assert_ne!(
        strimzi,
        name_for(&target("other.io/v1", "StrimziPodSet", "kafka"))
    );
    assert!(strimzi.starts_with("strimzipodset-kafka-"), "{strimzi}");
    assert_eq!(strimzi.len(), "strimzipodset-kafka-".len() + 8);

    let long = name_for(&target("apps/v1", "Deployment", &"a".repeat(253)));
    assert_eq!(long.len(), 253);
    let dotted = "a.".repeat(126) + "b";
    let dotted = name_for(&target("apps/v1", "Deployment", &dotted));
    assert!(dotted.len() <= 253 && !dotted.contains(".-"), "{dotted}");
}

#[test]
fn the_target_of_bare_pods_has_no_name() {
    let bare = TargetRef::of(&WorkloadRef::bare_pods());
    assert_eq!(
        (
            bare.api_version.as_str(),
            bare.kind.as_str(),
            bare.name.as_str()
        ),
        ("v1", "Pod", "")
    );
    assert_eq!(bare.workload(), WorkloadRef::bare_pods());
    let node = target("v1", "Node", "node-1");
    assert_eq!(TargetRef::of(&node).workload(), node);
}

#[test]
fn the_definition_has_what_users_type_and_what_the_api_server_enforces() {
    let crd = serde_json::to_value(HookAudit::crd()).unwrap();
    let names = &crd["spec"]["names"];
    assert_eq!(names["plural"], "hookaudits");
    assert_eq!(names["shortNames"][0], "hka");
    assert_eq!(names["categories"][0], "hookaudit");
    let version = &crd["spec"]["versions"][0];
    assert_eq!(version["name"], "v1alpha1");
    assert!(version["subresources"]["status"].is_object());
    let columns = version["additionalPrinterColumns"].as_array().unwrap();
    let columns: Vec<_> = columns
        .iter()
        .map(|column| column["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        columns.join(" ").to_uppercase(),
        "HEALTHY REASON HOOKS TERMINATING KILLED P95 GRACE FINDINGS AGE KIND LAST-INCIDENT MESSAGE"
    );
    let properties = &version["schema"]["openAPIV3Schema"]["properties"];
    let rules = &properties["spec"]["properties"]["targetRef"]["x-kubernetes-validations"];
    assert_eq!(rules[0]["rule"], "self == oldSelf");
    let status = &properties["status"]["properties"];
    assert_eq!(
        status["hooks"]["x-kubernetes-list-map-keys"],
        serde_json::json!(["container", "hook"])
    );
    assert_eq!(status["active"]["x-kubernetes-list-type"], "atomic");
    assert_no_floats_or_enums(properties);
    assert!(
        crd_yaml()
            .unwrap()
            .starts_with("apiVersion: apiextensions.k8s.io/v1\n")
    );
}

fn assert_no_floats_or_enums(schema: &serde_json::Value) {
    match schema {
        serde_json::Value::Object(fields) => {
            assert_ne!(fields.get("type"), Some(&"number".into()), "{schema}");
            assert!(
                !fields.contains_key("enum"),
                "an older definition would refuse a new word: {schema}"
            );
            fields.values().for_each(assert_no_floats_or_enums);
        }
        serde_json::Value::Array(items) => items.iter().for_each(assert_no_floats_or_enums),
        _ => {}
    }
}

#[test]
fn the_largest_object_stays_under_128_kib() {
    let mut audit = HookAudit::new(&"n".repeat(253), largest_spec());
    audit.metadata.namespace = Some("n".repeat(63));
    let mut status = HookAuditStatus::from(&largest_workload());
    status.observe(Some(i64::MAX));
    status.finding_count = Some(i64::MAX);
    status.findings = vec![largest_finding(); 20];
    audit.status = Some(status);
    let bytes = serde_json::to_vec(&audit).unwrap().len();
    assert!(bytes < LARGEST_OBJECT_BYTES, "{bytes} bytes");
    let status = audit.status.unwrap();
    assert_eq!(
        (
            status.hooks.len(),
            status.active.len(),
            status.incidents.len()
        ),
        (40, 10, 20)
    );
}

#[test]
fn hooks_beyond_the_bound_are_added_up_under_other() {
    let status = HookAuditStatus::from(&largest_workload());
    let others: Vec<_> = status
        .hooks
        .iter()
        .filter(|hook| hook.container == OTHER)
        .collect();
    assert_eq!(
        others
            .iter()
            .map(|hook| hook.hook.as_str())
            .collect::<Vec<_>>(),
        ["PostStart", "PreStop"]
    );
    assert_eq!(status.hook_count, 100);
    let mut few = largest_workload();
    few.hooks
        .iter_mut()
        .for_each(|hook| hook.outcomes[Outcome::Failed as usize] = 2);
    let status = HookAuditStatus::from(&few);
    assert_eq!(
        status.hooks.iter().map(|hook| hook.failed).sum::<i64>(),
        200
    );
}

fn largest_spec() -> HookAuditSpec {
    HookAuditSpec {
        target_ref: TargetRef {
            api_version: "g".repeat(317),
            kind: "K".repeat(63),
            name: "n".repeat(253),
        },
        thresholds: Some(ThresholdsSpec {
            post_start_slow_seconds: Some(86_400),
            pre_stop_slow_percent: Some(100),
            overdue_seconds: Some(86_400),
        }),
        suppressions: vec![
            Suppression {
                rule: "R".repeat(16),
                container: Some("c".repeat(63)),
                reason: "\u{1f980}".repeat(128),
                expiry_time: Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
                    Timestamp::UNIX_EPOCH
                )),
            };
            20
        ],
    }
}

fn largest_finding() -> FindingStatus {
    FindingStatus {
        rule: "R".repeat(16),
        container: "c".repeat(63),
        hook: "PostStart".to_owned(),
        severity: "s".repeat(16),
        message: "m".repeat(192),
        seen_in_practice: i64::MAX,
    }
}

fn largest_workload() -> Workload {
    let at = Timestamp::from_second(1_763_000_000).unwrap();
    let all_buckets = Histogram {
        buckets: (0..=255).map(|bucket| (bucket, u32::MAX)).collect(),
    };
    let hook = |number: usize| HookLedger {
        container: format!("{:0>63}", number / 2).into(),
        container_type: ContainerType::Container,
        hook: Hook::ALL[number % 2],
        spec: HookSpec {
            handler: Handler::TCPSocket,
            sleep_seconds: Some(i64::MAX),
            program: Some("p".repeat(99).into()),
            digest: Some("d".repeat(99).into()),
            port: Some("p".repeat(99).into()),
            scheme: Some("s".repeat(99).into()),
        },
        outcomes: [u64::MAX; Outcome::ALL.len()],
        duplicates: u64::MAX,
        amended: u64::MAX,
        amendments: Outcome::ALL
            .iter()
            .map(|&to| (Outcome::Interrupted, to, u64::MAX))
            .collect(),
        stuck: u32::MAX,
        last_outcome: Some(Outcome::Interrupted),
        last_reason: Some(Reason::EventBudgetSpent),
        last_at: Some(at),
        last_failure_at: Some(at),
        longest_seconds: Some(u64::MAX),
        last_exit_code: Some(i32::MIN),
    };
    Workload {
        hooks: (0..100).map(hook).collect(),
        terminations: TerminationLedger {
            results: [u64::MAX / 8; TerminationResult::ALL.len()],
            seconds: all_buckets.clone(),
            grace_used_percent: all_buckets,
            max_seconds: Some(u64::MAX),
            total_seconds: u64::MAX,
            recommended_grace_seconds: Some(u64::MAX),
            overdue: Vec::new(),
            terminating: Vec::new(),
        },
        active: vec![largest_active(at); 50],
        incidents: vec![largest_incident(at); 50],
        incident_count: u64::MAX,
        conditions: ConditionType::ALL
            .iter()
            .map(|&condition_type| Condition {
                condition_type,
                status: ConditionWord::Unknown,
                reason: "ReasonOfTheLongestKindThatAnyoneWouldEverThinkOf",
                message: "é".repeat(500).into(),
                last_transition_at: at,
            })
            .collect(),
        gaps: vec![
            Gap {
                from: at,
                to: at,
                resource: Resource::HookAudits,
                reason: GapReason::Unattributed
            };
            9
        ],
        streaks: vec![largest_streak(at); 40],
        gap_count: u64::MAX,
        gap_seconds: u64::MAX,
        ..plain_workload()
    }
}

fn largest_streak(at: Timestamp) -> Streak {
    Streak {
        condition_type: ConditionType::TerminationHealthy,
        fault: Fault::Interrupted,
        count: u32::MAX,
        clean: u32::MAX,
        first_at: at,
        last_at: at,
        recovery: Some(Recovery::CleanRuns),
    }
}

fn largest_active(at: Timestamp) -> Active {
    Active {
        pod: "p".repeat(253).into(),
        pod_uid: Uid(u128::MAX),
        node: Some("n".repeat(253).into()),
        restart: 0,
        container: Some("c".repeat(63).into()),
        hook: Some(Hook::PostStart),
        since: at,
        deadline: Some(at),
        overdue: true,
        stuck: true,
        cause: Cause::PreStopOrShutdown,
        confidence: Some(Confidence::Confirmed),
        detail: "é".repeat(500).into(),
    }
}

fn largest_incident(at: Timestamp) -> Incident {
    Incident {
        incident_type: IncidentType::PreStopInterrupted,
        at,
        pod: "p".repeat(253).into(),
        pod_uid: Uid(u128::MAX),
        node: Some("n".repeat(253).into()),
        container: Some("c".repeat(63).into()),
        hook: Some(Hook::PostStart),
        restart: u32::MAX,
        outcome: Some(Outcome::Interrupted),
        reason: Some(Reason::EventBudgetSpent),
        cause: Some(Cause::PreStopOrShutdown),
        confidence: Some(Confidence::Confirmed),
        duration: Some(Interval {
            min: Duration::MAX,
            max: Some(Duration::from_secs(u64::MAX)),
        }),
        grace_seconds: Some(i64::MAX),
        exit_code: Some(i32::MIN),
        evidence: vec!["é".repeat(200).into(); 9],
    }
}
