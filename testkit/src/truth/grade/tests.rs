use serde_json::json;

use super::*;

fn truth() -> Truth {
    serde_json::from_value(json!({
        "truth": "truth/v1", "batch": "one", "recording": "one.jsonl.gz", "from": "", "to": "", "pods": 1,
        "runs": [
            {"namespace": "n", "pod": "p", "podUID": "u", "container": "app", "containerType": "Container", "hook": "PreStop",
             "handler": "Exec", "restart": 0, "attempt": 1, "durationSeconds": 2.0, "true": "Failed", "acceptable": ["Failed"],
             "ifInferred": ["Interrupted"], "reasons": ["NonZeroExit", "Unspecified"], "confirmable": false},
            {"namespace": "n", "pod": "p", "podUID": "u", "container": "app", "containerType": "Container", "hook": "PostStart",
             "handler": "Sleep", "restart": 0, "attempt": 1, "durationSeconds": 5.0, "durationIsMinimum": true,
             "true": "Succeeded", "acceptable": ["Succeeded"]}],
        "terminations": [
            {"namespace": "n", "pod": "p", "podUID": "u", "requestedAt": "2026-11-22T17:19:01.656678Z",
             "endedAt": "2026-11-22T17:19:03.306764Z", "acceptableTriggers": ["Deleted"], "deadline": "2026-11-22T17:19:16Z",
             "true": "Graceful", "acceptable": ["Graceful"], "acceptableCauses": ["WithinGrace"], "causesIfInferred": ["PreStop"],
             "split": {"hookSeconds": 0.751, "shutdownSeconds": 0.013, "teardownSeconds": 0.859}}]
    }))
    .unwrap()
}

fn report() -> Value {
    json!({
        "runs": [
            {"namespace": "n", "pod": "p", "podUID": "u", "container": "app", "containerType": "Container", "hook": "PreStop",
             "handler": "Exec", "restart": 0, "attempt": 1, "outcome": "Failed", "confidence": "Inferred", "settled": true,
             "reason": "Unspecified", "exitCode": null, "durationSeconds": {"min": 1.9, "max": 2.1}},
            {"namespace": "n", "pod": "p", "podUID": "u", "container": "app", "containerType": "Container", "hook": "PostStart",
             "handler": "Sleep", "restart": 0, "attempt": 1, "outcome": "Succeeded", "confidence": "Confirmed", "settled": true,
             "reason": null, "exitCode": null, "durationSeconds": {"min": 5.0, "max": null}}],
        "terminations": [
            {"namespace": "n", "pod": "p", "podUID": "u", "trigger": "Deleted", "requestedAt": "2026-11-22T17:19:01.000000000Z",
             "deadline": "2026-11-22T17:19:16.000000000Z", "endedAt": "2026-11-22T17:19:03.310000000Z", "result": "Graceful",
             "cause": "WithinGrace", "confidence": "Confirmed", "settled": true,
             "spent": {"waitSeconds": null, "hookSeconds": {"min": 0.7, "max": 0.8}, "shutdownSeconds": null, "teardownSeconds": null}}]
    })
}

fn grades(report: &Value) -> Vec<Grade> {
    grade(&truth(), report)
        .unwrap()
        .iter()
        .map(|graded| graded.grade)
        .collect()
}

/// The right report with one value changed.
fn with(pointer: &str, value: Value) -> Value {
    let mut report = report();
    *report.pointer_mut(pointer).unwrap() = value;
    report
}

#[test]
fn a_right_report_is_right_in_everything() {
    let graded = grade(&truth(), &report()).unwrap();
    let figures = Figures::of(&graded);
    assert_eq!((figures.total, figures.right, figures.unsettled), (3, 3, 0));
    assert_eq!(
        (
            figures.intervals,
            figures.intervals_right,
            figures.intervals_open
        ),
        (3, 3, 1)
    );
    assert!((figures.right_share() - 1.0).abs() < f64::EPSILON);
}

#[test]
fn each_changed_value_of_a_right_report_is_caught() {
    let changes = [
        ("/runs/0/outcome", json!("Succeeded"), 0, Grade::Wrong),
        ("/runs/0/outcome", json!("Interrupted"), 0, Grade::Tolerated),
        ("/runs/0/outcome", json!("Unknown"), 0, Grade::Wrong),
        (
            "/runs/0/confidence",
            json!("Confirmed"),
            0,
            Grade::Overconfident,
        ),
        ("/runs/0/reason", json!("HTTPError"), 0, Grade::Wrong),
        ("/runs/0/reason", json!(null), 0, Grade::Wrong),
        ("/runs/0/handler", json!("Sleep"), 0, Grade::Wrong),
        ("/runs/0/containerType", json!("Sidecar"), 0, Grade::Wrong),
        (
            "/runs/1/outcome",
            json!("Failed"),
            1,
            Grade::ConfirmedAndWrong,
        ),
        (
            "/terminations/0/result",
            json!("ForceKilled"),
            2,
            Grade::ConfirmedAndWrong,
        ),
        (
            "/terminations/0/result",
            json!(null),
            2,
            Grade::ConfirmedAndWrong,
        ),
        (
            "/terminations/0/cause",
            json!("Finalizer"),
            2,
            Grade::ConfirmedAndWrong,
        ),
        (
            "/terminations/0/trigger",
            json!("APIEvicted"),
            2,
            Grade::ConfirmedAndWrong,
        ),
        (
            "/terminations/0/deadline",
            json!("2026-11-22T17:19:19Z"),
            2,
            Grade::ConfirmedAndWrong,
        ),
        (
            "/terminations/0/endedAt",
            json!("2026-11-22T17:19:09Z"),
            2,
            Grade::ConfirmedAndWrong,
        ),
    ];
    for (pointer, value, index, expected) in changes {
        assert_eq!(
            grades(&with(pointer, value.clone()))[index],
            expected,
            "{pointer} {value}"
        );
    }
}

#[test]
fn a_guess_that_is_confirmed_is_no_guess() {
    let mut report = with("/runs/0/outcome", json!("Interrupted"));
    report["runs"][0]["confidence"] = json!("Confirmed");
    assert_eq!(grades(&report)[0], Grade::ConfirmedAndWrong);
    assert_eq!(
        grades(&with("/terminations/0/cause", json!("PreStop")))[2],
        Grade::ConfirmedAndWrong
    );
}

#[test]
fn what_is_left_out_is_missing_and_what_is_made_up_is_extra() {
    let mut less = report();
    less["runs"].as_array_mut().unwrap().remove(0);
    assert_eq!(grades(&less), [Grade::Missing, Grade::Right, Grade::Right]);
    assert_eq!(
        grades(&with("/runs/0/attempt", json!(2))),
        [Grade::Missing, Grade::Right, Grade::Extra, Grade::Right]
    );
    assert_eq!(
        grades(&with("/terminations/0/podUID", json!("v"))),
        [Grade::Right, Grade::Right, Grade::Missing, Grade::Extra]
    );
}

#[test]
fn an_interval_that_does_not_hold_the_true_duration_is_counted() {
    let intervals_right =
        |report: &Value| Figures::of(&grade(&truth(), report).unwrap()).intervals_right;
    assert_eq!(
        intervals_right(&with("/runs/0/durationSeconds/min", json!(2.6))),
        2
    );
    assert_eq!(
        intervals_right(&with("/runs/0/durationSeconds/max", json!(1.4))),
        2
    );
    assert_eq!(
        intervals_right(&with("/runs/0/durationSeconds/max", json!(null))),
        3
    );
    assert_eq!(
        intervals_right(&with("/runs/1/durationSeconds/min", json!(5.6))),
        2
    );
    assert_eq!(
        intervals_right(&with("/terminations/0/spent/hookSeconds/max", json!(0.2))),
        2
    );
}

#[test]
fn a_report_of_another_shape_is_refused() {
    assert!(grade(&truth(), &json!({"runs": []})).is_err());
}
