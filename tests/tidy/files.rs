//! Sizes and marks.

use crate::repository::{File, assert_none, rust_files};
use crate::token::{lines_with, tokens};

const LINES_MAX: usize = 500;

fn too_long(file: &File) -> Option<String> {
    let lines = file.text.lines().count();
    (lines > LINES_MAX).then(|| {
        format!(
            "{}: {lines} lines, at most {LINES_MAX}; split it by chapter",
            file.path
        )
    })
}

fn unfinished(file: &File) -> Vec<String> {
    let tokens = tokens(&file.text);
    let marks: [&[&str]; 4] = [
        &["todo", "!"],
        &["unimplemented", "!"],
        &["#", "[", "ignore"],
        &["dbg", "!"],
    ];
    let mut violations = Vec::new();
    for mark in marks {
        for line in lines_with(&tokens, mark) {
            violations.push(format!("{}:{line}: {}", file.path, mark.concat()));
        }
    }
    violations
}

#[test]
fn no_file_has_more_than_500_lines() {
    let violations: Vec<_> = rust_files().iter().filter_map(too_long).collect();
    assert_none(&violations);
}

#[test]
fn a_file_of_501_lines_is_too_long() {
    assert_eq!(too_long(&File::made_up("a.rs", &"\n".repeat(500))), None);
    assert!(too_long(&File::made_up("a.rs", &"\n".repeat(501))).is_some());
}

#[test]
fn nothing_is_left_unfinished_or_ignored() {
    let violations: Vec<_> = rust_files().iter().flat_map(unfinished).collect();
    assert_none(&violations);
}

#[test]
fn unfinished_code_and_ignored_tests_are_found() {
    let text = "fn a() { todo!() }\n#[ignore = \"slow\"]\nfn b() { \"todo!()\"; } // todo!()";
    assert_eq!(
        unfinished(&File::made_up("a.rs", text)),
        ["a.rs:1: todo!", "a.rs:2: #[ignore"]
    );
}
