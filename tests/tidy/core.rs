//! The core: no IO, no clock, no random, no Kubernetes types, no order by chance.

use crate::repository::{File, assert_none, files_below, read};
use crate::token::{Token, lines_with, tokens, without_tests};

const CRATES: &[&str] = &["std", "core", "alloc", "jiff", "hashbrown", "foldhash"];
/// What the tests of the core may use besides.
const TEST_CRATES: &[&str] = &["proptest"];
const LINTS: &[&str] = &[
    "clippy::disallowed_methods",
    "clippy::disallowed_types",
    "clippy::iter_over_hash_type",
];
const IO_MODULES: &[&str] = &["env", "fs", "io", "net", "process", "thread"];
const FORBIDDEN_WORDS: &[&str] = &["HashMap", "HashSet", "RandomState", "rand", "getrandom"];
const CLOCKS: &[&str] = &["Instant", "SystemTime", "Timestamp", "Zoned"];

fn core_files() -> Vec<File> {
    let mut files = files_below(&["src/audit"], "rs");
    files.push(read("src/audit.rs", "the core is gone"));
    assert!(files.len() > 5, "only {} files were found", files.len());
    files
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Clocks, random and hash maps, in tests of the core too.
fn by_chance(file: &File) -> Vec<String> {
    let tokens = tokens(&file.text);
    let mut violations = Vec::new();
    for clock in CLOCKS {
        for line in lines_with(&tokens, &[clock, "::", "now"]) {
            violations.push(format!("{}:{line}: {clock}::now", file.path));
        }
    }
    for token in &tokens {
        if FORBIDDEN_WORDS.contains(&token.text) {
            violations.push(format!("{}:{}: {}", file.path, token.line, token.text));
        }
    }
    violations
}

/// Imports and paths that lead out of the core.
fn foreign(file: &File, dependencies: &[String]) -> Vec<String> {
    let all = tokens(&file.text);
    let product = without_tests(&all);
    let (product, test) = if is_test_file(&file.path) {
        (Vec::new(), product)
    } else {
        (product, all)
    };
    let mut violations = outward_paths(&product, dependencies, &[]);
    violations.extend(outward_paths(&test, dependencies, TEST_CRATES));
    violations.extend(io_paths(&product));
    violations.extend(outward_supers(&file.path, &tokens(&file.text)));
    violations.sort();
    violations.dedup();
    violations
        .into_iter()
        .map(|(line, what)| format!("{}:{line}: {what}", file.path))
        .collect()
}

/// Heads of paths that are no crate of the core: roots of `use`, and dependencies by name anywhere.
fn outward_paths(
    tokens: &[Token<'_>],
    dependencies: &[String],
    also: &[&str],
) -> Vec<(usize, String)> {
    let mut violations = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let text = |offset: usize| tokens.get(at + offset).map_or("", |token| token.text);
        let is_allowed = |root: &str| CRATES.contains(&root) || also.contains(&root);
        let before = at.checked_sub(1).map_or("", |before| tokens[before].text);
        if token.text == "crate" && text(1) == "::" && text(2) != "audit" {
            violations.push((token.line, format!("crate::{}", text(2))));
        }
        let is_use = matches!(token.text, "use" | "extern");
        if is_use && text(1) == "{" {
            violations.push((token.line, "a use without one root".to_owned()));
        }
        if token.text == "use" && tokens.get(at + 1).is_some_and(Token::is_word) {
            let root = text(1);
            let is_inner = matches!(root, "crate" | "self" | "super") || is_item(tokens, root);
            if !is_inner && !is_allowed(root) {
                violations.push((token.line, format!("use {root}")));
            }
        }
        let is_head = text(1) == "::" && before != "::";
        if is_head && dependencies.iter().any(|name| name == token.text) && !is_allowed(token.text)
        {
            violations.push((token.line, format!("{}::", token.text)));
        }
    }
    violations
}

/// A type, or a module declared in the same file, whose items a `use` may name.
fn is_item(tokens: &[Token<'_>], name: &str) -> bool {
    name.starts_with(char::is_uppercase) || !lines_with(tokens, &["mod", name]).is_empty()
}

/// Chains of `super` that climb out of `crate::audit`.
fn outward_supers(path: &str, tokens: &[Token<'_>]) -> Vec<(usize, String)> {
    let file_depth = path.trim_start_matches("src/").split('/').count();
    let mut inline_modules = Vec::new();
    let mut violations = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "{" => inline_modules.push(at >= 2 && tokens[at - 2].text == "mod"),
            "}" => drop(inline_modules.pop()),
            "super" if at == 0 || tokens[at - 1].text != "::" => {
                let chain = tokens[at..].chunks(2);
                let climbed = chain.take_while(|pair| pair[0].text == "super").count();
                let depth = file_depth + inline_modules.iter().filter(|inline| **inline).count();
                if climbed >= depth {
                    violations.push((token.line, "super leads out of the core".to_owned()));
                }
            }
            _ => {}
        }
    }
    violations
}

fn io_paths(tokens: &[Token<'_>]) -> Vec<(usize, String)> {
    let mut violations = Vec::new();
    for module in IO_MODULES {
        for line in lines_with(tokens, &["std", "::", module]) {
            violations.push((line, format!("std::{module}")));
        }
    }
    violations
}

/// The names in the dependency tables of a manifest, as code writes them.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut in_table = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_table = line.ends_with("dependencies]");
        } else if in_table && let Some((name, _)) = line.split_once('=') {
            names.push(name.trim().replace('-', "_"));
        }
    }
    names
}

fn missing_lints(header: &str) -> Vec<String> {
    let tokens = tokens(header);
    let is_denied = |lint: &str| {
        let (tool, name) = lint.split_once("::").unwrap();
        let denied = lines_with(&tokens, &["#", "!", "[", "deny", "("]);
        !denied.is_empty() && !lines_with(&tokens, &[tool, "::", name]).is_empty()
    };
    LINTS
        .iter()
        .filter(|lint| !is_denied(lint))
        .map(|lint| format!("src/audit.rs: #![deny({lint})] is missing"))
        .collect()
}

#[test]
fn the_core_leaves_nothing_to_chance() {
    let violations: Vec<_> = core_files().iter().flat_map(by_chance).collect();
    assert_none(&violations);
}

#[test]
fn a_clock_a_hash_map_and_random_are_found() {
    let text = "let a = Instant::now();\nuse x::HashSet;\nrand::random();\n// Instant::now()\n\
                let b = \"HashMap\"; let c = now; let operand = 1;\nmap(Timestamp :: now)";
    assert_eq!(
        by_chance(&File::made_up("src/audit/a.rs", text)),
        [
            "src/audit/a.rs:1: Instant::now",
            "src/audit/a.rs:6: Timestamp::now",
            "src/audit/a.rs:2: HashSet",
            "src/audit/a.rs:3: rand",
        ]
    );
}

#[test]
fn the_core_names_no_other_room_and_no_foreign_crate() {
    let dependencies = dependencies(&read("Cargo.toml", "it is gone").text);
    assert!(dependencies.iter().any(|name| name == "serde_json"));
    let files = core_files();
    let violations: Vec<_> = files
        .iter()
        .flat_map(|file| foreign(file, &dependencies))
        .collect();
    assert_none(&violations);
}

#[test]
fn a_way_out_of_the_core_is_found() {
    let dependencies = dependencies("[dependencies]\nserde-json = \"1\"\n[lints]\nx = 1");
    assert_eq!(dependencies, ["serde_json"]);
    let check = |text: &str| foreign(&File::made_up("a.rs", text), &dependencies);
    assert_eq!(check("use serde::Serialize;"), ["a.rs:1: use serde"]);
    assert_eq!(check("pub use tokio::spawn;"), ["a.rs:1: use tokio"]);
    assert_eq!(
        check("use crate::report::Format;"),
        ["a.rs:1: crate::report"]
    );
    assert_eq!(check("fn a() { crate::api::b() }"), ["a.rs:1: crate::api"]);
    assert_eq!(check("\nserde_json::json!({})"), ["a.rs:2: serde_json::"]);
    assert_eq!(check("use std::fs;"), ["a.rs:1: std::fs"]);
    assert_eq!(
        check("use {serde, std};"),
        ["a.rs:1: a use without one root"]
    );
    assert_eq!(check("use proptest::prelude::*;"), ["a.rs:1: use proptest"]);
    assert_none(&check(
        "#[cfg(test)] mod tests { use proptest::prelude::*; }",
    ));
    assert_none(&check(
        "mod a; use a::B; use B::*; use jiff::Timestamp; use crate::audit::words::C;",
    ));
    let sibling = "use super::words::Hook; // use serde::Serialize;";
    assert_none(&foreign(
        &File::made_up("src/audit/a.rs", sibling),
        &dependencies,
    ));
}

#[test]
fn supers_that_climb_out_of_the_core_are_found() {
    let check = |path: &str, text: &str| foreign(&File::made_up(path, text), &[]).len();
    assert_eq!(check("src/audit.rs", "use super::api;"), 1);
    assert_eq!(check("src/audit/a.rs", "use super::b;"), 0);
    assert_eq!(
        check("src/audit/a.rs", "fn a() { super::super::api::b() }"),
        1
    );
    assert_eq!(check("src/audit/a.rs", "mod t { use super::super::b; }"), 0);
    assert_eq!(check("src/audit/a/b.rs", "use super::super::c;"), 0);
    assert_eq!(
        check("src/audit/a/b.rs", "pub(in super::super::super) fn c() {}"),
        1
    );
}

#[test]
fn the_core_denies_what_its_rules_need_denied() {
    let header = read("src/audit.rs", "the core is gone");
    assert_none(&missing_lints(&header.text));
}

#[test]
fn a_missing_lint_is_found() {
    assert_eq!(missing_lints("#![deny(clippy::disallowed_types)]").len(), 2);
    let allowed = "#![allow(clippy::disallowed_types, clippy::disallowed_methods)]";
    assert_eq!(missing_lints(allowed).len(), 3);
    assert_eq!(
        missing_lints("// #![deny(clippy::disallowed_types)]").len(),
        3
    );
}
