//! Objects of a real cluster with anything in them changed, through the whole program.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

use flate2::read::MultiGzDecoder;
use hookaudit::audit::observation::Observation;
use hookaudit::audit::seen::Resource;
use hookaudit::redact::{DigestKey, Redactor};
use hookaudit::source::translate::{Presence, Translator};
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::told::tell_all;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/accuracy");

/// Mutated recordings tried in one run of the test.
const CASES: u32 = 192;

#[derive(Debug, Clone)]
enum Change {
    Drop,
    Set(Value),
    /// Take what stands at another place.
    Copy(Index),
    /// The same element of a list again.
    Repeat,
}

fn recordings() -> Vec<PathBuf> {
    let files = std::fs::read_dir(FOLDER)
        .unwrap()
        .map(|file| file.unwrap().path());
    let mut files: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|end| end == "gz"))
        .collect();
    files.sort();
    files
}

fn lines(path: &PathBuf) -> Vec<Value> {
    let text = BufReader::new(MultiGzDecoder::new(File::open(path).unwrap()));
    text.lines()
        .skip(1)
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect()
}

/// Every place in an object, as JSON pointers.
fn places(value: &Value, place: &str, all: &mut Vec<String>) {
    all.push(place.to_owned());
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let name = name.replace('~', "~0").replace('/', "~1");
                places(value, &format!("{place}/{name}"), all);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                places(value, &format!("{place}/{index}"), all);
            }
        }
        _ => {}
    }
}

fn extreme() -> impl Strategy<Value = Value> {
    let numbers = select(vec![
        json!(0),
        json!(-1),
        json!(1),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(u32::MAX),
        json!(i32::MIN),
        json!(i32::MAX),
        json!(1e300),
        json!(0.5),
        json!(1_000_000),
    ]);
    let texts = select(vec![
        "",
        " ",
        "\u{1b}[2J",
        "a\nb",
        "\u{202e}x",
        "ü",
        "9999-12-30T22:00:00Z",
        "-009999-01-03T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "2199-12-31T23:59:59Z",
        "2026-11-22T10:00:00Z",
        "2000-01-01T00:00:00Z",
        "Killing",
        "FailedPreStopHook",
        "FailedPostStartHook",
        "Evicted",
        "Preempting",
        "Shutdown",
        "Starting",
        "Starting kubelet.",
        "Succeeded",
        "Failed",
        "Running",
        "PostStartHookError",
        "CrashLoopBackOff",
        "ContainerStatusUnknown",
        "OOMKilled",
        "exited with -2147483648",
        "spec.containers{app}",
        "Always",
        "bb39dbd2-260a-4446-963c-c9b7fad5ee93",
        "Pod",
        "Node",
        "killing",
        "p.7fffffffffffffff",
        "p.-8000000000000000",
    ])
    .prop_map(Value::from);
    let others = select(vec![
        json!(null),
        json!(true),
        json!([]),
        json!({}),
        json!([null, {}, []]),
    ]);
    prop_oneof![numbers, texts, others]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        1 => Just(Change::Drop),
        1 => Just(Change::Repeat),
        2 => any::<Index>().prop_map(Change::Copy),
        5 => extreme().prop_map(Change::Set),
    ]
}

fn apply(object: &mut Value, at: Index, change: Change) {
    let mut all = Vec::new();
    places(object, "", &mut all);
    let place = &all[at.index(all.len())];
    let other = |index: Index| object.pointer(&all[index.index(all.len())]).cloned();
    let value = match change {
        Change::Set(value) => value,
        Change::Copy(index) => other(index).unwrap_or_default(),
        Change::Drop | Change::Repeat => {
            let Some((parent, name)) = place.rsplit_once('/') else {
                return;
            };
            match (object.pointer_mut(parent), matches!(change, Change::Drop)) {
                (Some(Value::Object(map)), true) => drop(map.remove(name)),
                (Some(Value::Array(list)), is_drop) => {
                    let index: usize = name.parse().unwrap();
                    if is_drop {
                        list.remove(index);
                    } else {
                        list.insert(index, list[index].clone());
                    }
                }
                _ => {}
            }
            return;
        }
    };
    if let Some(place) = object.pointer_mut(place) {
        *place = value;
    }
}

/// Lines of a recording as observations; what is no object of a known resource is left out.
fn observed(lines: &[Value], translator: &Translator) -> Vec<(Timestamp, Observation)> {
    let mut told = Vec::new();
    for line in lines {
        let Some(resource) = Resource::parse(line["resource"].as_str().unwrap()) else {
            continue;
        };
        let at: Timestamp = line["at"].as_str().unwrap().parse().unwrap();
        let presence = match line["type"].as_str() {
            Some("ADDED" | "MODIFIED") => Presence::Present,
            Some("DELETED") => Presence::Gone,
            _ => continue,
        };
        let translation = translator.object(resource, presence, &line["object"].to_string());
        told.extend(
            translation
                .into_observations()
                .map(|observation| (at, observation)),
        );
    }
    told
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })]

    #[test]
    fn a_real_recording_with_anything_changed_in_it_breaks_nothing(
        file in select(recordings()),
        changes in prop::collection::vec((any::<Index>(), any::<Index>(), change()), 1..40),
        moves in prop::collection::vec((any::<Index>(), any::<Index>()), 0..6),
    ) {
        let mut lines = lines(&file);
        for (line, at, change) in changes {
            let line = line.index(lines.len());
            apply(&mut lines[line]["object"], at, change);
        }
        for (one, other) in moves {
            let (one, other) = (one.index(lines.len()), other.index(lines.len()));
            let object = lines[one]["object"].take();
            let moved = std::mem::replace(&mut lines[other]["object"], object);
            lines[one]["object"] = moved;
        }
        let key = DigestKey::new(b"a key of this test");
        let (translator, redactor) = (Translator::new(key.clone()), Redactor::new(key));
        let told = observed(&lines, &translator);
        for line in &mut lines {
            if let Some(resource) = Resource::parse(line["resource"].as_str().unwrap()) {
                line["object"] = redactor.object(resource, &line["object"]);
            }
        }
        prop_assert_eq!(&told, &observed(&lines, &translator), "redacted, it tells something else");
        tell_all(told);
    }
}
