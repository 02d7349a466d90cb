//! What a status keeps of a ledger comes back from it.

use std::time::Duration;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::fixture::plain_workload;
use super::*;
use crate::audit::base::BaseCondition;
use crate::audit::record::{Gap, GapReason, Incident, Interval};
use crate::audit::seen::{HookSpec, Resource};
use crate::audit::snapshot::{Condition, Histogram, HookLedger, Streak, TerminationLedger};
use crate::audit::words::{
    Cause, ConditionStatus as ConditionWord, ConditionType, Confidence, ContainerType, Fault,
    Handler, Hook, IncidentType, Outcome, Reason, Recovery, TerminationResult,
};

proptest! {
    #[test]
    fn what_a_status_keeps_of_a_ledger_comes_back(workload in workloads()) {
        let spec = HookAuditSpec {
            target_ref: TargetRef::of(&workload.target),
            thresholds: None,
            suppressions: Vec::new(),
        };
        let mut audit = HookAudit::new("any", spec);
        audit.status = Some(HookAuditStatus::from(&workload));
        let text = serde_json::to_string(&audit).unwrap();
        let read: HookAudit = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&read.status, &audit.status);

        let back = base(read.status.as_ref().unwrap()).unwrap();
        prop_assert_eq!(back.account, workload.basis.account);
        prop_assert_eq!(back.hooks, workload.hooks);
        prop_assert_eq!(back.terminations, workload.terminations);
        prop_assert_eq!(back.incidents, workload.incidents);
        prop_assert_eq!(back.incident_count, workload.incident_count);
        prop_assert_eq!(back.streaks, workload.streaks);
        prop_assert_eq!(back.gaps, workload.gaps);
        prop_assert_eq!((back.gap_count, back.gap_seconds), (workload.gap_count, workload.gap_seconds));
        let told: Vec<_> = workload.conditions.iter().map(|condition| BaseCondition {
            condition_type: condition.condition_type,
            status: condition.status,
            reason: condition.reason.into(),
            last_transition_at: condition.last_transition_at,
        }).collect();
        prop_assert_eq!(back.conditions, told);
    }
}

/// Workloads within the bounds of a status and with whole seconds, so that nothing is cut or rounded.
fn workloads() -> impl Strategy<Value = Workload> {
    let hooks = vec(hook_ledger(), 0..6).prop_map(|mut hooks| {
        hooks.sort_by(|a, b| (&a.container, a.hook).cmp(&(&b.container, b.hook)));
        hooks.dedup_by(|a, b| (&a.container, a.hook) == (&b.container, b.hook));
        hooks
    });
    let conditions = vec((condition_word(), time()), ConditionType::ALL.len());
    (
        hooks,
        terminations(),
        vec(incident(), 0..20),
        (conditions, vec(streak(), 0..20)),
        vec(gap(), 0..5),
        any::<u32>(),
    )
        .prop_map(
            |(hooks, terminations, incidents, (conditions, streaks), gaps, number)| Workload {
                hooks,
                terminations,
                incidents,
                incident_count: u64::from(number),
                conditions: conditions
                    .into_iter()
                    .zip(ConditionType::ALL)
                    .map(
                        |((status, last_transition_at), &condition_type)| Condition {
                            condition_type,
                            status,
                            reason: "AllHealthy",
                            message: "fine".into(),
                            last_transition_at,
                        },
                    )
                    .collect(),
                streaks,
                gaps,
                gap_count: u64::from(number),
                gap_seconds: u64::from(number),
                ..plain_workload()
            },
        )
}

fn hook_ledger() -> impl Strategy<Value = HookLedger> {
    let spec = (
        word(Handler::ALL),
        option::of(0_i64..4_000),
        option::of("[a-z]{1,9}"),
    )
        .prop_map(|(handler, sleep_seconds, program)| HookSpec {
            handler,
            sleep_seconds,
            program: program.map(Into::into),
            digest: Some("9f2c41d07ab3".into()),
            port: None,
            scheme: None,
        });
    let amendments = vec((word(Outcome::ALL), word(Outcome::ALL), 1_u64..1_000), 0..4);
    let last = (
        option::of(word(Outcome::ALL)),
        option::of(word(Reason::ALL)),
        option::of(time()),
    );
    let tallies = (
        vec(0_u64..1 << 40, Outcome::ALL.len()),
        amendments,
        any::<u32>(),
    );
    (
        "[a-c]",
        word(ContainerType::ALL),
        word(Hook::ALL),
        spec,
        tallies,
        last,
    )
        .prop_map(
            |(container, container_type, hook, spec, (counts, amendments, number), last)| {
                let mut outcomes = [0; Outcome::ALL.len()];
                outcomes.copy_from_slice(&counts);
                outcomes[Outcome::Running as usize] = 0;
                HookLedger {
                    container: container.into(),
                    container_type,
                    hook,
                    spec,
                    outcomes,
                    duplicates: u64::from(number),
                    amended: u64::from(number),
                    amendments,
                    stuck: 0,
                    last_outcome: last.0,
                    last_reason: last.1,
                    last_at: last.2,
                    last_failure_at: last.2,
                    longest_seconds: last.2.map(|_| u64::from(number)),
                    last_exit_code: last.2.map(|_| -7),
                }
            },
        )
}

fn terminations() -> impl Strategy<Value = TerminationLedger> {
    let results = vec(0_u64..1 << 40, TerminationResult::ALL.len());
    (results, vec(0_u64..4_000, 0..60), option::of(0_u64..4_000)).prop_map(
        |(counts, values, some)| {
            let mut results = [0; TerminationResult::ALL.len()];
            results.copy_from_slice(&counts);
            let mut seconds = Histogram::default();
            values.iter().for_each(|&value| seconds.record(value));
            TerminationLedger {
                results,
                grace_used_percent: seconds.clone(),
                seconds,
                max_seconds: some,
                total_seconds: values.iter().sum(),
                recommended_grace_seconds: some,
                overdue: Vec::new(),
                terminating: Vec::new(),
            }
        },
    )
}

fn incident() -> impl Strategy<Value = Incident> {
    let words = (
        word(IncidentType::ALL),
        option::of(word(Hook::ALL)),
        option::of(word(Outcome::ALL)),
        option::of(word(Reason::ALL)),
        option::of(word(Cause::ALL)),
        option::of(word(Confidence::ALL)),
    );
    let numbers = (
        any::<u128>(),
        any::<u16>(),
        option::of(0_u64..4_000),
        any::<i32>(),
    );
    (words, time(), numbers, vec("[a-zé ]{0,40}", 0..4)).prop_map(
        |(words, at, numbers, evidence)| Incident {
            incident_type: words.0,
            at,
            pod: "checkout-7d9f5c6b8-x2x7k".into(),
            pod_uid: Uid(numbers.0),
            node: words.1.map(|_| "node-17".into()),
            container: words.1.map(|_| "app".into()),
            hook: words.1,
            restart: u32::from(numbers.1),
            outcome: words.2,
            reason: words.3,
            cause: words.4,
            confidence: words.5,
            duration: numbers.2.map(|seconds| Interval {
                min: Duration::from_secs(seconds),
                max: words.1.map(|_| Duration::from_secs(seconds + 1)),
            }),
            grace_seconds: numbers.2.map(|_| 30),
            exit_code: words.1.map(|_| numbers.3),
            evidence: evidence.into_iter().map(Into::into).collect(),
        },
    )
}

fn streak() -> impl Strategy<Value = Streak> {
    let words = (
        word(ConditionType::ALL),
        word(Fault::ALL),
        option::of(word(Recovery::ALL)),
    );
    (words, any::<u32>(), any::<u32>(), time(), time()).prop_map(
        |(words, count, clean, first_at, last_at)| Streak {
            condition_type: words.0,
            fault: words.1,
            count,
            clean,
            first_at,
            last_at,
            recovery: words.2,
        },
    )
}

fn gap() -> impl Strategy<Value = Gap> {
    let reasons = [
        GapReason::Relisted,
        GapReason::BoundReached,
        GapReason::Unattributed,
    ];
    (
        time(),
        time(),
        select(Resource::ALL),
        select(reasons.to_vec()),
    )
        .prop_map(|(from, to, resource, reason)| Gap {
            from,
            to,
            resource,
            reason,
        })
}

fn word<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    select(all)
}

fn condition_word() -> impl Strategy<Value = ConditionWord> {
    word(ConditionWord::ALL)
}

fn time() -> impl Strategy<Value = Timestamp> {
    (1_700_000_000_i64..1_900_000_000).prop_map(|second| Timestamp::from_second(second).unwrap())
}
