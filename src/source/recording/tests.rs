use std::io::Write;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::*;

const SAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/recordings/plain.jsonl.gz"
);

/// A file of one test, removed at its end.
struct TestFile(PathBuf);

impl TestFile {
    fn new(name: &str, content: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("hookaudit-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        Self(path)
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

fn sample_text() -> Vec<u8> {
    let mut text = Vec::new();
    let file = File::open(SAMPLE).unwrap();
    io::Read::read_to_end(&mut MultiGzDecoder::new(file), &mut text).unwrap();
    text
}

fn compressed(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn all(path: impl AsRef<Path>) -> Result<(Vec<Entry>, Notices), RecordingError> {
    let mut recording = Recording::open(path)?;
    let entries = recording.by_ref().collect::<Result<Vec<_>, _>>()?;
    Ok((entries, *recording.notices()))
}

fn read(name: &str, content: &[u8]) -> Result<(Vec<Entry>, Notices), RecordingError> {
    all(&TestFile::new(name, content).0)
}

fn with_header(lines: &str) -> Vec<u8> {
    format!("{{\"recording\":\"hookaudit.io/v1\",\"server\":\"v1.37.2\"}}\n{lines}").into_bytes()
}

const TICK: &str = r#"{"at":"2026-11-22T10:00:00Z","resource":"clock","type":"TICK"}"#;

#[test]
fn the_whole_sample_is_understood() {
    let recording = Recording::open(SAMPLE).unwrap();
    assert_eq!(recording.header().server.as_deref(), Some("v1.37.2"));
    assert_eq!(recording.header().redacted, Some(false));
    let (entries, notices) = all(SAMPLE).unwrap();
    assert_eq!(notices, Notices::default());
    let mut pods = 0;
    let mut gone = 0;
    let mut events = 0;
    for entry in &entries {
        match &entry.observation {
            Observation::Defect { resource, field } => {
                panic!("line {}: {resource:?} {field}", entry.line)
            }
            Observation::Pod(pod) => {
                pods += 1;
                assert_eq!(pod.namespace.as_ref(), "h-sample");
                assert_eq!(pod.containers.len(), 1);
            }
            Observation::PodGone(_) => gone += 1,
            Observation::Event(event) => {
                events += 1;
                assert!(event.named_at.is_some(), "line {}", entry.line);
            }
            _ => {}
        }
    }
    assert_eq!((pods, gone, events), (40, 5, 67));
    assert_eq!(entries.len(), 119);
    assert!(entries.is_sorted_by_key(|entry| entry.at));
}

#[test]
fn a_recording_cut_at_any_byte_reads_up_to_the_cut() {
    let text = sample_text();
    let whole = all(SAMPLE).unwrap().0;
    for (name, content) in [
        ("cut.jsonl", text.clone()),
        ("cut.jsonl.gz", compressed(&text)),
    ] {
        let step = content.len().div_ceil(300);
        let mut most = 0;
        for cut in (1..content.len()).step_by(step).chain(1..40) {
            let (entries, notices) = read(name, &content[..cut])
                .unwrap_or_else(|error| panic!("{name} cut at {cut}: {error}"));
            assert_eq!(entries, whole[..entries.len()], "{name} cut at {cut}");
            let is_at_line_end = matches!(content[cut - 1], b'\n' | b'}');
            assert!(
                notices.cut_short_in_line.is_some() || is_at_line_end,
                "{name} cut at {cut}"
            );
            most = most.max(entries.len());
        }
        assert!(most > 100, "{name}: {most}");
        let (entries, notices) = read(name, &content).unwrap();
        assert_eq!(
            (entries.len(), notices.cut_short_in_line),
            (whole.len(), None)
        );
    }
}

#[test]
fn a_cut_names_its_line() {
    let cut = format!("{TICK}\n{TICK}\n{}", &TICK[..30]);
    let (entries, notices) = read("names-line.jsonl", &with_header(&cut)).unwrap();
    assert_eq!((entries.len(), notices.cut_short_in_line), (2, Some(4)));
}

#[test]
fn a_last_line_without_newline_is_read() {
    let (entries, notices) = read("no-newline.jsonl", &with_header(TICK)).unwrap();
    assert_eq!((entries.len(), notices), (1, Notices::default()));
}

#[test]
fn an_end_of_zeros_is_a_cut() {
    let mut plain = with_header(&format!("{TICK}\n{}", &TICK[..30]));
    plain.extend([0; 5000]);
    let (entries, notices) = read("zeros.jsonl", &plain).unwrap();
    assert_eq!((entries.len(), notices.cut_short_in_line), (1, Some(3)));
    let text = sample_text();
    let mut zeroed = compressed(&text);
    let length = zeroed.len();
    zeroed.truncate(length / 2);
    zeroed.resize(length + 5000, 0);
    let result = read("zeros.jsonl.gz", &zeroed);
    let (entries, notices) = result.unwrap();
    assert!(
        entries.len() > 10 && notices.cut_short_in_line.is_some(),
        "{notices:?}"
    );
}

#[test]
fn damage_in_the_middle_names_the_file_and_the_line() {
    for (damaged, expected) in [
        (format!("{TICK}\n{{\"at\":\"20\n{TICK}\n"), Damage::Json),
        (format!("{TICK}\n\n{TICK}\n"), Damage::Json),
        (format!("{TICK}\ngarbage\n"), Damage::Json),
        (format!("{TICK}\ngarbage"), Damage::Json),
        (format!("{TICK}\n[1]\n{TICK}\n"), Damage::Entry),
        (format!("{TICK}\n{{}}\n"), Damage::Entry),
        (
            format!("{TICK}\n{}\n", TICK.replace("2026", "soon")),
            Damage::Time,
        ),
    ] {
        let result = read("damaged.jsonl", &with_header(&damaged));
        let Err(error) = result else {
            panic!("{damaged}")
        };
        let RecordingError::Corrupted { line, damage, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!((*line, *damage), (3, expected), "{damaged}");
        assert!(error.to_string().contains("damaged.jsonl:3: "), "{error}");
    }
}

#[test]
fn corrupt_compressed_data_is_an_error() {
    let text = sample_text();
    let content = compressed(&text);
    let mut errors = 0;
    for position in (20..content.len() - 8).step_by(content.len() / 40) {
        let mut damaged = content.clone();
        for byte in &mut damaged[position..position + 4] {
            *byte ^= 0x5a;
        }
        errors += usize::from(read("corrupt.jsonl.gz", &damaged).is_err());
    }
    assert!(errors >= 38, "{errors}");
    let mut checksum = content;
    let position = checksum.len() - 8;
    checksum[position] ^= 1;
    let error = read("checksum.jsonl.gz", &checksum).unwrap_err();
    assert!(
        error.to_string().contains("the compressed data is corrupt"),
        "{error}"
    );
}

#[test]
fn what_is_no_recording_is_refused() {
    let foreign = |content: &[u8]| read("foreign.jsonl", content).unwrap_err().to_string();
    assert!(foreign(b"").contains("the file is empty"));
    for content in [
        &b"hello"[..],
        b"{\"kind\":\"List\"}\n",
        b"apiVersion: v1\nkind: Pod\n",
        b"\xff\xfe\x00\n",
        b"{\"recording\":\"other\"",
        &compressed(b"hello\n"),
    ] {
        assert!(
            foreign(content).contains(":1: not a recording"),
            "{}",
            foreign(content)
        );
    }
    let newer = foreign(b"{\"recording\":\"hookaudit.io/v2\"}\n");
    assert!(
        newer.contains("\"hookaudit.io/v2\" is not known"),
        "{newer}"
    );
    let missing = Recording::open("no/such.jsonl").unwrap_err().to_string();
    assert!(missing.starts_with("open no/such.jsonl: "), "{missing}");
}

#[test]
fn what_is_not_known_is_counted_and_passed_over() {
    let lines = [
        TICK.replace("clock", "comets"),
        TICK.replace("TICK", "TOCK"),
        TICK.replace("clock", "pods"),
        TICK.replace('{', "{\"new\":[1],"),
        TICK.replace("clock", "pods").replace("TICK", "BOOKMARK"),
        TICK.replace("clock", "events").replace("TICK", "DELETED"),
        TICK.replace("clock", "leases").replace("TICK", "MODIFIED"),
    ];
    let (entries, notices) = read("unknown.jsonl", &with_header(&lines.join("\n"))).unwrap();
    assert_eq!(notices.unknown_lines, 3);
    let observations: Vec<_> = entries.into_iter().map(|entry| entry.observation).collect();
    assert_eq!(observations, [Observation::Tick, Observation::Tick]);
}

#[test]
fn time_does_not_go_back() {
    let early = TICK.replace("10:00:00", "09:59:00");
    let (entries, notices) = read(
        "back.jsonl",
        &with_header(&format!("{TICK}\n{early}\n{TICK}\n")),
    )
    .unwrap();
    assert_eq!(notices.backward_lines, 1);
    assert!(entries.iter().all(|entry| entry.at == entries[0].at));
}

#[test]
fn a_narrowed_stream_keeps_its_selector() {
    let line = r#"{"at":"2026-11-22T10:00:00Z","resource":"events","stream":"reason=Killing","type":"RELIST"}"#;
    let (entries, _) = read("stream.jsonl", &with_header(line)).unwrap();
    let stream = Stream {
        resource: Resource::Events,
        selector: Some("reason=Killing".into()),
    };
    assert_eq!(entries[0].observation, Observation::Relist(stream));
}

#[test]
fn an_object_that_is_no_object_is_a_defect_and_no_error() {
    let line = r#"{"at":"2026-11-22T10:00:00Z","resource":"pods","type":"ADDED","object":7}"#;
    let (entries, _) = read("defect.jsonl", &with_header(line)).unwrap();
    let defect = Observation::Defect {
        resource: Resource::Pods,
        field: "object",
    };
    assert_eq!(entries[0].observation, defect);
}
