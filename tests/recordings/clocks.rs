//! Clocks differ: a node's or the operator's own half a minute off makes no Confirmed verdict wrong.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use hookaudit::source::recording::Recording;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::constructed;
use crate::verdicts::{Verdicts, recordings};

/// Every time in a recording that a node stamped, shifted.
fn shift_node(entry: &mut Value, by: SignedDuration) {
    let resource = entry["resource"].clone();
    let object = &mut entry["object"];
    match resource.as_str() {
        Some("events") => shift_event(object, by),
        Some("pods") => {
            shift_keys(&mut object["status"], &["startedAt", "finishedAt"], by);
            shift_conditions(&mut object["status"], by, |condition| {
                matches!(
                    condition["type"].as_str(),
                    Some("Ready" | "ContainersReady" | "Initialized")
                )
            });
        }
        // A condition that a kubelet no longer reports is set to Unknown by the node controller.
        Some("nodes") => shift_conditions(&mut object["status"], by, |condition| {
            condition["status"] != "Unknown"
        }),
        _ => {}
    }
}

fn shift_event(event: &mut Value, by: SignedDuration) {
    let from_kubelet =
        event["source"]["component"] == "kubelet" || event["reportingComponent"] == "kubelet";
    if !from_kubelet {
        return;
    }
    shift_keys(event, &["firstTimestamp", "lastTimestamp"], by);
    let name = event["metadata"]["name"].as_str().unwrap().to_owned();
    if let Some((pod, nanoseconds)) = name.rsplit_once('.')
        && let Ok(nanoseconds) = i64::from_str_radix(nanoseconds, 16)
    {
        let nanoseconds = nanoseconds + i64::try_from(by.as_nanos()).unwrap();
        event["metadata"]["name"] = format!("{pod}.{nanoseconds:x}").into();
    }
}

fn shift_conditions(status: &mut Value, by: SignedDuration, is_the_nodes: impl Fn(&Value) -> bool) {
    let conditions = status.get_mut("conditions").and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten() {
        if is_the_nodes(condition) {
            shift_keys(condition, &["lastTransitionTime"], by);
        }
    }
}

/// Shifts the times under these keys, at whatever depth.
fn shift_keys(value: &mut Value, keys: &[&str], by: SignedDuration) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| shift_keys(item, keys, by)),
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::String(text) if keys.contains(&key.as_str()) => {
                        *text = shifted(text, by)
                    }
                    _ => shift_keys(member, keys, by),
                }
            }
        }
        _ => {}
    }
}

fn shifted(text: &str, by: SignedDuration) -> String {
    let at: Timestamp = text.parse().unwrap();
    at.saturating_add(by).unwrap().to_string()
}

fn verdicts(path: &Path) -> Verdicts {
    let entries = Recording::open(path).unwrap().map(|entry| entry.unwrap());
    Verdicts::of(entries.map(|entry| (entry.at, entry.observation)).collect())
}

/// The recording with each entry changed.
fn rewritten(path: &Path, copy: &Path, change: impl Fn(&mut Value)) -> Verdicts {
    let mut text = String::new();
    MultiGzDecoder::new(File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    let mut lines = text.lines();
    let mut written = lines.next().unwrap().to_owned();
    for line in lines {
        let mut entry: Value = serde_json::from_str(line).unwrap();
        change(&mut entry);
        written.push('\n');
        written.push_str(&entry.to_string());
    }
    written.push('\n');
    fs::write(copy, written).unwrap();
    verdicts(copy)
}

fn assert_no_shift_misleads(clock: &str, shift: impl Fn(&mut Value, SignedDuration)) {
    let mut wrong = Vec::new();
    let mut confirmed = 0;
    for path in recordings() {
        let before = verdicts(&path);
        for seconds in [-30, 30] {
            let name = path.file_name().unwrap().to_str().unwrap();
            let copy = format!("{clock}{seconds}-{}", name.strip_suffix(".gz").unwrap());
            let copy = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(copy);
            let by = SignedDuration::from_secs(seconds);
            let after = rewritten(&path, &copy, |entry| shift(entry, by));
            confirmed += after.confirmed_count();
            let found = after.wrongly_confirmed(&before);
            wrong.extend(
                found
                    .iter()
                    .map(|text| format!("{name}, {clock} {seconds:+} s: {text}")),
            );
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {confirmed} confirmed are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        confirmed > 100,
        "hardly anything was confirmed: {confirmed}"
    );
}

#[test]
fn a_nodes_clock_half_a_minute_off_makes_no_confirmed_verdict_wrong() {
    assert_no_shift_misleads("node", shift_node);
}

#[test]
fn our_own_clock_half_a_minute_off_makes_no_confirmed_verdict_wrong() {
    assert_no_shift_misleads("own", |entry, by| shift_keys(entry, &["at"], by));
}

#[test]
fn a_nodes_clock_that_is_off_is_told_and_taken_out_of_the_wait() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/recordings/accuracy/prestop-exec-ok-slow-main.jsonl.gz");
    for (seconds, said) in [(-30, "clock is behind"), (30, "clock is ahead"), (0, "")] {
        let copy =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("skewed{seconds}.jsonl"));
        rewritten(&path, &copy, |entry| {
            shift_node(entry, SignedDuration::from_secs(seconds));
        });
        let termination = &constructed::report(&copy)["terminations"][0];
        let evidence = termination["evidence"].to_string();
        assert_eq!(evidence.contains("clock"), seconds != 0, "{evidence}");
        assert!(evidence.contains(said), "{evidence}");
        let wait = &termination["spent"]["waitSeconds"];
        // The kubelet began within the second.
        assert!(wait["min"].as_f64() <= Some(1.0), "{seconds}: {wait}");
        assert!(wait["max"].as_f64() >= Some(0.0), "{seconds}: {wait}");
    }
}
