//! The files of the repository.

use std::path::{Path, PathBuf};

/// One file: its path from the root with `/`, and its text.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    pub(crate) fn made_up(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The file at this path, or what to do about its absence.
pub(crate) fn read(path: &str, remedy: &str) -> File {
    let text = std::fs::read_to_string(root().join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}; {remedy}"));
    File::made_up(path, &text)
}

/// Every file below these directories with this extension, sorted by path.
pub(crate) fn files_below(directories: &[&str], extension: &str) -> Vec<File> {
    let mut files = Vec::new();
    for directory in directories {
        collect(&root().join(directory), extension, &mut files);
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    files
}

/// Every Rust file of ours.
pub(crate) fn rust_files() -> Vec<File> {
    let files = files_below(&["src", "testkit", "tests", "benches"], "rs");
    assert!(files.len() > 20, "only {} files were found", files.len());
    files
}

/// Fails with every violation in a line.
pub(crate) fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

fn collect(directory: &Path, extension: &str, files: &mut Vec<File>) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("target") {
                collect(&path, extension, files);
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            let relative = path.strip_prefix(root()).unwrap();
            let names: Vec<_> = relative.iter().map(|name| name.to_str().unwrap()).collect();
            files.push(File {
                path: names.join("/"),
                text: std::fs::read_to_string(&path).unwrap(),
            });
        }
    }
}
