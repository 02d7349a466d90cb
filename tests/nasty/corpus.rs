//! Files of nasty objects, each with what has to be counted of them. `UPDATE=1` rewrites that.

use std::fs;
use std::path::Path;

use hookaudit::source::recording::{Entry, Recording};

use crate::told::{Counted, tell_all};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/nasty");

#[test]
fn each_nasty_object_is_counted_as_expected_and_breaks_nothing() {
    let mut files = 0;
    for file in fs::read_dir(FOLDER).unwrap() {
        let path = file.unwrap().path();
        if path
            .extension()
            .is_none_or(|extension| extension != "jsonl")
        {
            continue;
        }
        files += 1;
        let mut recording = Recording::open(&path).unwrap();
        let entries: Vec<Entry> = recording.by_ref().collect::<Result<_, _>>().unwrap();
        let told = entries
            .into_iter()
            .map(|entry| (entry.at, entry.observation));
        let counted = tell_all(told.collect());
        compare(&path.with_extension("expected.json"), &counted);
    }
    assert!(files >= 8, "{files} files");
}

fn compare(path: &Path, counted: &Counted) {
    if std::env::var_os("UPDATE").is_some() {
        let text = serde_json::to_string_pretty(counted).unwrap();
        fs::write(path, text + "\n").unwrap();
    }
    let expected = fs::read_to_string(path).unwrap();
    let expected: Counted = serde_json::from_str(&expected).unwrap();
    assert_eq!(*counted, expected, "{}", path.display());
}
