mod bench;
mod gap;
mod term;

use bench::Bench;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::api::fixture::{healthy, plain_hook, plain_workload, target};
use crate::api::{HookAudit, HookAuditSpec, HookAuditStatus, TargetRef};
use crate::audit::seen::{Resource, Stream, Uid};
use crate::audit::words::{ConditionStatus, Hook, Outcome};
use hookaudit_testkit::api_server::Refusal;

const PATH: &str = "/apis/hookaudit.io/v1alpha1/namespaces/shop/hookaudits/deployment-checkout";

fn workload() -> Workload {
    Workload {
        hooks: vec![plain_hook("app", Hook::PreStop)],
        conditions: vec![healthy(ConditionStatus::True, "AllHealthy", "")],
        ..plain_workload()
    }
}

fn with_runs(succeeded: u64) -> Workload {
    let mut workload = workload();
    workload.hooks[0].outcomes[Outcome::Succeeded as usize] = succeeded;
    workload
}

fn unhealthy() -> Workload {
    let mut workload = workload();
    workload.conditions = vec![healthy(
        ConditionStatus::False,
        "PreStopOverran",
        "app overran",
    )];
    workload.incident_count = 1;
    workload
}

const AUDITS: Stream = Stream::whole(Resource::HookAudits);

fn audit(workload: &Workload) -> HookAudit {
    let spec = HookAuditSpec {
        target_ref: TargetRef::of(&workload.target),
        thresholds: None,
        suppressions: Vec::new(),
    };
    let mut audit = HookAudit::new("deployment-checkout", spec);
    audit.metadata.namespace = Some("shop".into());
    audit.metadata.generation = Some(1);
    audit
}

#[tokio::test(start_paused = true)]
async fn an_object_is_made_and_told_once_and_then_there_is_silence() {
    let mut bench = Bench::start(StatusSettings::default());
    bench.reports.synced(&AUDITS);
    bench.publish([with_runs(1)]);
    bench.pass(60).await;
    let writes = bench.api.writes();
    assert_eq!(writes.len(), 2, "{writes:?}");
    assert_eq!(writes[0].uri, format!("{PATH}?&fieldManager=hookaudit"));
    assert_eq!(
        writes[1].uri,
        format!("{PATH}/status?&force=true&fieldManager=hookaudit")
    );
    let owner = &writes[0].body["metadata"]["ownerReferences"][0];
    assert_eq!(owner["uid"], Uid(7).to_string());
    assert_eq!(
        (&owner["controller"], &owner["blockOwnerDeletion"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(writes[1].body["metadata"]["resourceVersion"], "1");
    assert_eq!(writes[1].body["status"]["hooks"][0]["succeeded"], 1);
    assert_eq!(
        writes[1].body["status"]["conditions"][0]["observedGeneration"],
        1
    );

    let told: HookAudit = serde_json::from_value(bench.api.object(PATH).unwrap()).unwrap();
    for _ in 0..100 {
        bench.publish([with_runs(1)]);
        bench.reports.seen(&told);
        bench.pass(60).await;
    }
    assert_eq!(
        bench.writes(),
        2,
        "nothing changed, yet something was written"
    );
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restarted_writer_rewrites_nothing_equal() {
    let mut first = Bench::start(StatusSettings::default());
    first.reports.synced(&AUDITS);
    first.publish([unhealthy()]);
    first.pass(60).await;
    let api = first.api.clone();
    first.stop().await;

    let mut second = Bench::start_against(api.clone(), StatusSettings::default());
    let written = api.writes().len();
    second.reports.relist(&AUDITS);
    second
        .reports
        .seen(&serde_json::from_value(api.object(PATH).unwrap()).unwrap());
    second.reports.synced(&AUDITS);
    let mut later = unhealthy();
    later.conditions[0].last_transition_at = jiff::Timestamp::from_second(1_900_000_000).unwrap();
    second.publish([later]);
    second.pass(3_600).await;
    assert_eq!(api.writes().len(), written);
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_before_both_lists_are_complete() {
    let mut bench = Bench::start(StatusSettings::default());
    bench.publish([unhealthy()]);
    bench.pass(600).await;
    assert_eq!(bench.writes(), 0);
    bench.reports.synced(&AUDITS);
    bench
        .snapshots
        .send_modify(|snapshot| Arc::make_mut(snapshot).synced = false);
    bench.pass(600).await;
    assert_eq!(bench.writes(), 0);
    bench
        .snapshots
        .send_modify(|snapshot| Arc::make_mut(snapshot).synced = true);
    bench.pass(1).await;
    assert_eq!(bench.writes(), 2);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn counters_wait_and_conditions_do_not() {
    let mut bench = Bench::start(StatusSettings::default());
    bench.reports.synced(&AUDITS);
    bench.publish([with_runs(0)]);
    bench.pass(100).await;
    for runs in 1..=20 {
        bench.publish([with_runs(runs)]);
        bench.pass(1).await;
    }
    assert_eq!(bench.writes(), 2, "counters are told in one go");
    bench.pass(11).await;
    assert_eq!(bench.writes(), 3);
    bench.publish([unhealthy()]);
    bench.pass(3).await;
    let writes = bench.api.writes();
    assert_eq!(
        writes.len(),
        4,
        "a condition does not wait for the counters"
    );
    assert_eq!(writes[3].body["status"]["conditions"][0]["status"], "False");
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_worst_news_goes_first_within_the_budget() {
    let settings = StatusSettings {
        writes_per_second: 1,
        writes_burst: 1,
        ..StatusSettings::default()
    };
    let mut bench = Bench::start(settings);
    bench.reports.synced(&AUDITS);
    let named = |number: usize, workload: Workload| Workload {
        target: target("apps/v1", "Deployment", &format!("app-{number}")),
        ..workload
    };
    let quiet = (0..20).map(|number| named(number, workload()));
    let workloads: Vec<_> = quiet.chain([named(99, unhealthy())]).collect();
    bench.publish(workloads);
    bench.pass(3).await;
    assert!(bench.api.writes()[0].uri.contains("app-99"));
    bench.pass(10).await;
    let made = bench
        .api
        .writes()
        .iter()
        .filter(|write| write.uri.contains("/status"))
        .count();
    assert!(
        (8..=13).contains(&made),
        "{made} objects in 11 seconds at one per second"
    );
    assert_eq!(bench.counters.queue_length(), 21 - made);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_looked_at_again_and_never_forced() {
    let mut bench = Bench::start(StatusSettings::default());
    bench.reports.synced(&AUDITS);
    bench.publish([with_runs(1)]);
    bench.pass(60).await;
    bench.api.refuse([Refusal::Overtaken]);
    bench.publish([with_runs(2)]);
    bench.pass(60).await;
    let writes = bench.api.writes();
    assert_eq!(writes.len(), 4);
    let version = |at: usize| {
        writes[at].body["metadata"]["resourceVersion"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_ne!(
        version(2),
        version(3),
        "the second attempt starts from what is there"
    );
    assert_eq!(bench.counters.writes(WriteResult::Conflict), 1);
    assert_eq!(
        bench.api.object(PATH).unwrap()["status"]["hooks"][0]["succeeded"],
        2
    );
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_throttled_writer_waits_as_long_as_it_was_told() {
    let mut bench = Bench::start(StatusSettings::default());
    bench.reports.synced(&AUDITS);
    bench
        .api
        .refuse([Refusal::Code(StatusCode::TOO_MANY_REQUESTS, Some(120))]);
    bench.publish([unhealthy()]);
    bench.pass(119).await;
    assert_eq!(bench.writes(), 1);
    bench.pass(10).await;
    assert_eq!(bench.writes(), 3);
    assert_eq!(bench.counters.writes(WriteResult::Throttled), 1);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_hangs_or_fails_is_asked_again_ever_more_slowly() {
    let mut bench = Bench::start(StatusSettings::default());
    bench.reports.synced(&AUDITS);
    bench.api.refuse([Refusal::Hang]);
    bench
        .api
        .refuse((0..20).map(|_| Refusal::Code(StatusCode::INTERNAL_SERVER_ERROR, None)));
    bench.publish([unhealthy()]);
    bench.pass(300).await;
    let calls = bench.writes();
    assert!((5..=12).contains(&calls), "{calls} calls in five minutes");
    assert_eq!(bench.counters.writes(WriteResult::TimedOut), 1);
    bench.pass(3_600).await;
    assert!(bench.api.object(PATH).unwrap()["status"].is_object());
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_object_does_not_hold_up_the_others() {
    let mut bench = Bench::start(StatusSettings::default());
    bench.reports.synced(&AUDITS);
    bench
        .api
        .refuse([Refusal::Code(StatusCode::FORBIDDEN, None)]);
    let other = Workload {
        target: target("apps/v1", "Deployment", "other"),
        ..workload()
    };
    bench.publish([unhealthy(), other]);
    bench.pass(2).await;
    assert!(bench.api.object(PATH).is_none());
    bench.pass(8).await;
    assert!(
        bench.api.object(PATH).is_some(),
        "rights that come back are soon used"
    );
    assert!(
        bench
            .api
            .object(&PATH.replace("checkout", "other"))
            .is_some()
    );
    assert_eq!(bench.counters.writes(WriteResult::Forbidden), 1);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_object_deleted_by_a_user_is_made_again_with_its_tallies() {
    let mut bench = Bench::start(StatusSettings::default());
    bench.reports.synced(&AUDITS);
    bench.publish([with_runs(5)]);
    bench.pass(60).await;
    bench.api.remove(PATH);
    bench.reports.gone("shop", "deployment-checkout");
    bench.pass(60).await;
    assert_eq!(
        bench.api.object(PATH).unwrap()["status"]["hooks"][0]["succeeded"],
        5
    );
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_object_is_never_made_again_for_an_owner_that_is_gone() {
    let mut bench = Bench::start(StatusSettings::default());
    bench.reports.synced(&AUDITS);
    bench.publish([with_runs(5)]);
    bench.pass(60).await;
    bench.publish([Workload {
        gone: true,
        ..with_runs(5)
    }]);
    bench.api.remove(PATH);
    bench.reports.gone("shop", "deployment-checkout");
    bench.publish([Workload {
        gone: true,
        ..unhealthy()
    }]);
    bench.pass(3_600).await;
    assert!(bench.api.object(PATH).is_none());
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_object_made_by_a_user_is_adopted_without_touching_its_spec() {
    let mut bench = Bench::start(StatusSettings::default());
    let mut theirs = audit(&workload());
    theirs.spec.thresholds = Some(crate::api::ThresholdsSpec {
        overdue_seconds: Some(5),
        ..Default::default()
    });
    bench.api.put(PATH, json!(theirs));
    bench.reports.synced(&AUDITS);
    bench.publish([with_runs(1)]);
    bench.pass(60).await;
    let writes = bench.api.writes();
    assert_eq!(writes.len(), 2);
    assert_eq!(writes[0].body["spec"], Value::Null);
    assert_eq!(writes[0].body["metadata"]["resourceVersion"], "1");
    let adopted = bench.api.object(PATH).unwrap();
    assert_eq!(adopted["spec"]["thresholds"]["overdueSeconds"], 5);
    assert_eq!(
        adopted["metadata"]["ownerReferences"][0]["uid"],
        Uid(7).to_string()
    );
    assert_eq!(bench.counters.writes(WriteResult::Adopted), 1);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_object_of_that_name_for_another_target_is_left_alone() {
    let mut bench = Bench::start(StatusSettings::default());
    let other = Workload {
        target: target("apps/v1", "Deployment", "other"),
        ..workload()
    };
    bench.api.put(PATH, json!(audit(&other)));
    bench.reports.synced(&AUDITS);
    bench.publish([unhealthy()]);
    bench.pass(3_600).await;
    assert_eq!(bench.writes(), 0);
    assert_eq!(bench.counters.writes(WriteResult::Invalid), 1);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_scope_decides_what_gets_an_object() {
    for (scope, quiet, hooked) in [
        (ReportScope::Hooks, false, true),
        (ReportScope::Problems, false, false),
        (ReportScope::All, true, true),
    ] {
        let mut bench = Bench::start(StatusSettings {
            scope,
            ..StatusSettings::default()
        });
        bench.reports.synced(&AUDITS);
        let without_hook = Workload {
            target: target("apps/v1", "Deployment", "other"),
            ..plain_workload()
        };
        bench.publish([workload(), without_hook]);
        bench.pass(60).await;
        assert_eq!(bench.api.object(PATH).is_some(), hooked, "{scope:?}");
        assert_eq!(
            bench
                .api
                .object(&PATH.replace("checkout", "other"))
                .is_some(),
            quiet,
            "{scope:?}"
        );
        bench.publish([unhealthy()]);
        bench.pass(60).await;
        assert!(bench.api.object(PATH).is_some(), "{scope:?}");
        bench.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_relist_tells_of_objects_that_went_unseen() {
    let mut bench = Bench::start(StatusSettings::default());
    bench.reports.relist(&AUDITS);
    bench.reports.synced(&AUDITS);
    bench.publish([with_runs(5)]);
    bench.pass(60).await;
    bench.api.remove(PATH);
    bench.reports.relist(&AUDITS);
    bench.reports.synced(&AUDITS);
    bench.pass(60).await;
    assert!(bench.api.object(PATH).is_some());
    let made = bench
        .api
        .writes()
        .into_iter()
        .filter(|write| write.method == Method::PATCH && !write.uri.contains("/status"));
    assert_eq!(made.count(), 2);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_spec_is_observed() {
    let mut bench = Bench::start(StatusSettings::default());
    bench.reports.synced(&AUDITS);
    bench.publish([with_runs(5)]);
    bench.pass(60).await;
    let mut edited: HookAudit = serde_json::from_value(bench.api.object(PATH).unwrap()).unwrap();
    edited.metadata.generation = Some(2);
    bench.api.put(PATH, json!(edited));
    bench
        .reports
        .seen(&serde_json::from_value(bench.api.object(PATH).unwrap()).unwrap());
    bench.pass(60).await;
    let status: HookAuditStatus =
        serde_json::from_value(bench.api.object(PATH).unwrap()["status"].clone()).unwrap();
    assert_eq!(status.observed_generation, Some(2));
    assert_eq!(status.conditions[0].observed_generation, Some(2));
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_object_of_an_earlier_owner_of_that_name_is_taken_over() {
    let mut bench = Bench::start(StatusSettings::default());
    bench.reports.synced(&AUDITS);
    bench.publish([with_runs(5)]);
    bench.pass(60).await;
    bench.publish([Workload {
        uid: Some(Uid(8)),
        ..with_runs(0)
    }]);
    bench.pass(60).await;
    let taken = bench.api.object(PATH).unwrap();
    assert_eq!(
        taken["metadata"]["ownerReferences"][0]["uid"],
        Uid(8).to_string()
    );
    assert_eq!(taken["status"]["hooks"][0]["succeeded"], 0);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_lacks_a_field_does_not_stop_the_writer() {
    let mut bench = Bench::start(StatusSettings::default());
    bench.reports.synced(&AUDITS);
    bench.publish([with_runs(5)]);
    bench.pass(60).await;
    let why = "failed to create typed patch object: .status.novel: field not declared in schema";
    bench
        .api
        .refuse([Refusal::Said(StatusCode::INTERNAL_SERVER_ERROR, why)]);
    let other = Workload {
        target: target("apps/v1", "Deployment", "other"),
        ..workload()
    };
    bench.publish([with_runs(6), other]);
    bench.pass(60).await;
    assert_eq!(bench.counters.writes(WriteResult::Invalid), 1);
    let other = bench.api.object(&PATH.replace("checkout", "other"));
    assert!(other.is_none(), "the one that was refused waits");
    let status = &bench.api.object(PATH).unwrap()["status"];
    assert_eq!(status["hooks"][0]["succeeded"], 6);
    bench.stop().await;
}
