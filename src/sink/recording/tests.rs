use std::io::{BufRead, BufReader};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::*;
use crate::audit::observation::Observation;
use crate::audit::seen::Resource;
use crate::redact::DigestKey;
use crate::source::recording::{Entry, Recording};
use crate::source::translate::Translator;

const SAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/recordings/plain.jsonl.gz"
);

/// The lines of the sample as the operator would have seen them.
fn seen_of_sample() -> Vec<(Timestamp, Seen)> {
    #[derive(Deserialize)]
    struct SampleLine {
        at: Timestamp8601,
        resource: String,
        #[serde(rename = "type")]
        change: String,
        object: Option<Box<RawValue>>,
    }
    let file = BufReader::new(MultiGzDecoder::new(File::open(SAMPLE).unwrap()));
    let lines = file.lines().skip(1);
    lines
        .map(|line| {
            let line: SampleLine = serde_json::from_str(&line.unwrap()).unwrap();
            let resource = Resource::parse(&line.resource).unwrap_or(Resource::Pods);
            let stream = Arc::new(Stream::whole(resource));
            let change = Change::parse(&line.change).unwrap();
            // The writer reads no observation.
            let observation = Observation::Tick;
            (
                line.at.0,
                Seen {
                    stream,
                    change,
                    raw: line.object,
                    observation,
                },
            )
        })
        .collect()
}

struct Timestamp8601(Timestamp);

impl<'de> Deserialize<'de> for Timestamp8601 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("hookaudit-writer-{}-{name}", std::process::id()))
}

fn write(path: &Path, contents: Contents) {
    let mut writer = Recorder::create(path, Some("v1.37.2"), contents).unwrap();
    for (at, seen) in seen_of_sample() {
        writer.write(at, &seen).unwrap();
    }
    writer.finish().unwrap();
}

fn read(path: &Path, key: &DigestKey) -> Vec<Entry> {
    let mut recording = Recording::open_with(path, Translator::new(key.clone())).unwrap();
    let entries = recording.by_ref().map(Result::unwrap).collect();
    assert_eq!(
        *recording.notices(),
        crate::source::recording::Notices::default()
    );
    entries
}

#[test]
fn a_recording_reads_the_same_raw_and_redacted_plain_and_compressed() {
    let key = DigestKey::new(b"install");
    let truth = read(Path::new(SAMPLE), &key);
    let redacted = Contents::Redacted(Redactor::new(key.clone()));
    for (name, contents) in [
        ("raw.jsonl", Contents::Raw),
        ("raw.jsonl.gz", Contents::Raw),
        ("redacted.jsonl", redacted.clone()),
        ("redacted.jsonl.gz", redacted),
    ] {
        let path = path(name);
        write(&path, contents);
        assert_eq!(read(&path, &key), truth, "{name}");
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_redacted_recording_reads_the_same_under_any_key_and_tells_no_command() {
    let key = DigestKey::new(b"install");
    let path = path("private.jsonl");
    write(&path, Contents::Redacted(Redactor::new(key.clone())));
    assert_eq!(
        read(&path, &DigestKey::new(b"another")),
        read(Path::new(SAMPLE), &key)
    );
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    for secret in [
        "--sleep",
        "--exit",
        "draining",
        "/t/hk",
        "HK_POD",
        "already present",
        "/var/lab",
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
    let header = text.lines().next().unwrap();
    let expected = format!(
        "{{\"recording\":\"hookaudit.io/v1\",\"server\":\"v1.37.2\",\"redacted\":true,\"digestKey\":\"{}\"}}",
        key.fingerprint()
    );
    assert_eq!(header, expected);
}

#[test]
fn what_was_flushed_survives_a_kill() {
    let path = path("killed.jsonl.gz");
    let mut writer = Recorder::create(&path, None, Contents::Raw).unwrap();
    let seen = seen_of_sample();
    for (at, seen) in &seen[..20] {
        writer.write(*at, seen).unwrap();
    }
    writer.flush().unwrap();
    for (at, seen) in &seen[20..30] {
        writer.write(*at, seen).unwrap();
    }
    let killed = std::fs::read(&path).unwrap();
    drop(writer);
    std::fs::write(&path, killed).unwrap();
    let mut recording = Recording::open(&path).unwrap();
    let entries = recording.by_ref().map(Result::unwrap).count();
    assert_eq!(entries, 20);
    assert_eq!(recording.notices().cut_short_in_line, Some(22));
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn relists_name_their_stream_and_objects_stay_on_one_line() {
    let path = path("stream.jsonl");
    let mut writer = Recorder::create(&path, None, Contents::Raw).unwrap();
    let stream = Arc::new(Stream {
        resource: Resource::Events,
        selector: Some("reason=Killing".into()),
    });
    let at = "2026-11-22T10:00:00.5Z".parse().unwrap();
    let raw = RawValue::from_string("{\n\"kind\": \"Event\"\n}".to_owned()).unwrap();
    for (change, raw) in [
        (Change::Relist, None),
        (Change::Added, Some(raw)),
        (Change::Tick, None),
    ] {
        let stream = Arc::clone(&stream);
        let seen = Seen {
            stream,
            change,
            raw,
            observation: Observation::Tick,
        };
        writer.write(at, &seen).unwrap();
    }
    writer.finish().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(
        text.lines().skip(1).collect::<Vec<_>>(),
        [
            r#"{"at":"2026-11-22T10:00:00.500000000Z","resource":"events","stream":"reason=Killing","type":"RELIST"}"#,
            r#"{"at":"2026-11-22T10:00:00.500000000Z","resource":"events","type":"ADDED","object":{ "kind": "Event" }}"#,
            r#"{"at":"2026-11-22T10:00:00.500000000Z","resource":"clock","type":"TICK"}"#,
        ]
    );
}
