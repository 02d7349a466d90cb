//! Recordings with bytes changed, lost, doubled or mixed up.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use hookaudit::audit::auditor::Settings;
use hookaudit::run::replay::replay_file;
use proptest::prelude::*;
use proptest::sample::Index;

const SAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/recordings/accuracy/prestop-exec-fails.jsonl.gz"
);

/// A file of one test, removed at its end.
struct TestFile(PathBuf);

impl TestFile {
    fn new(name: &str, content: &[u8]) -> Self {
        let path =
            std::env::temp_dir().join(format!("hookaudit-nasty-{}-{name}", std::process::id()));
        fs::write(&path, content).unwrap();
        Self(path)
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        fs::remove_file(&self.0).unwrap();
    }
}

/// Replays what was damaged: a report, with a warning or without, or an error that names the file. Never a
/// panic, and in an error no byte that a terminal would act on.
fn replay(name: &str, content: &[u8]) {
    let file = TestFile::new(name, content);
    if let Err(error) = replay_file(&file.0, Settings::default()) {
        let told = format!("{:#}", anyhow::Error::from(error));
        assert!(told.contains(name), "{told}");
        assert!(!told.contains(char::is_control), "{told:?}");
        assert!(told.len() < 1_000, "{} bytes: {told}", told.len());
    }
}

fn text() -> Vec<u8> {
    let mut text = Vec::new();
    MultiGzDecoder::new(fs::File::open(SAMPLE).unwrap())
        .read_to_end(&mut text)
        .unwrap();
    text
}

fn compressed(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn damage(content: &mut Vec<u8>, damages: Vec<(Index, u8, u8)>) {
    for (at, kind, byte) in damages {
        let at = at.index(content.len());
        match kind % 5 {
            0 => content[at] = byte,
            1 => content[at] ^= 1 << (byte % 8),
            2 => drop(content.drain(at..content.len().min(at + usize::from(byte) + 1))),
            3 => content.insert(at, byte),
            _ => {
                let again = content[at..content.len().min(at + usize::from(byte) * 16)].to_vec();
                content.splice(at..at, again);
            }
        }
        if content.is_empty() {
            content.push(byte);
        }
    }
}

fn damages() -> impl Strategy<Value = Vec<(Index, u8, u8)>> {
    prop::collection::vec((any::<Index>(), any::<u8>(), any::<u8>()), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn a_damaged_recording_is_reported_or_refused(damages in damages()) {
        let mut content = text();
        damage(&mut content, damages);
        replay("plain.jsonl", &content);
    }

    #[test]
    fn a_damaged_compressed_recording_is_reported_or_refused(damages in damages()) {
        let mut content = fs::read(SAMPLE).unwrap();
        damage(&mut content, damages);
        replay("compressed.jsonl.gz", &content);
    }

    #[test]
    fn a_recording_damaged_before_it_was_compressed_is_reported_or_refused(damages in damages()) {
        let mut content = text();
        damage(&mut content, damages);
        replay("garbled.jsonl.gz", &compressed(&content));
    }
}

#[test]
fn a_line_without_end_in_a_small_file_is_refused() {
    let mut content = b"{\"recording\":\"hookaudit.io/v1\"}\n".to_vec();
    content.resize(64 << 20, b'[');
    let bomb = compressed(&content);
    assert!(bomb.len() < 1 << 20);
    let file = TestFile::new("bomb.jsonl.gz", &bomb);
    let error = replay_file(&file.0, Settings::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("longer than 16 MiB"), "{error}");
}

#[test]
fn what_a_foreign_file_says_of_its_version_cannot_paint_the_terminal() {
    let long = "x".repeat(1 << 20);
    for version in ["\\u001b[2Jred\\nnext", long.as_str()] {
        replay(
            "version.jsonl",
            format!("{{\"recording\":\"{version}\"}}\n").as_bytes(),
        );
    }
}
