//! Every metric has a row in the documents, and every row a metric.

use std::collections::BTreeSet;

use crate::repository::{File, assert_none, files_below, read};
use crate::token::{tokens, without_tests};

const DOCUMENT: &str = "docs/metrics.md";
/// The usual name of this one is not ours (peers of the operator export the same).
const LEADER: &str = "leader_election_master_status";

/// Names of families in string literals of product code.
fn exported(file: &File) -> BTreeSet<String> {
    let all = tokens(&file.text);
    without_tests(&all)
        .iter()
        .filter(|token| token.is_string())
        .flat_map(|token| names_in(token.text))
        .collect()
}

/// Names in the first cells of table rows.
fn documented(document: &File) -> BTreeSet<String> {
    let rows = document.text.lines().filter(|line| line.starts_with('|'));
    rows.filter_map(|row| row.split('|').nth(1))
        .flat_map(names_in)
        .collect()
}

fn names_in(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| {
            let rest = word.strip_prefix("hookaudit_");
            *word == LEADER || rest.is_some_and(|rest| rest.contains(|c: char| c.is_alphabetic()))
        })
        .map(ToOwned::to_owned)
        .collect()
}

fn out_of_step(exported: &BTreeSet<String>, documented: &BTreeSet<String>) -> Vec<String> {
    let undocumented = exported
        .difference(documented)
        .map(|name| format!("{name} has no row in {DOCUMENT}"));
    let gone = documented
        .difference(exported)
        .map(|name| format!("{name} is in {DOCUMENT} and not exported"));
    undocumented.chain(gone).collect()
}

#[test]
fn every_metric_is_documented_and_every_documented_metric_exists() {
    let mut sources = files_below(&["src/sink"], "rs");
    sources.extend(files_below(&["src/admin"], "rs"));
    sources.retain(|file| !file.path.ends_with("/tests.rs"));
    let exported: BTreeSet<_> = sources.iter().flat_map(exported).collect();
    assert!(!exported.is_empty(), "no metric was found in src/sink");
    let documented = documented(&read(DOCUMENT, "give every metric a row there"));
    assert_none(&out_of_step(&exported, &documented));
}

#[test]
fn a_metric_without_a_row_and_a_row_without_a_metric_are_found() {
    let source = File::made_up(
        "a.rs",
        "const A: &str = \"hookaudit_a_total\"; // hookaudit_comment\n\
         const B: &str = \"# HELP hookaudit_b Text\";\n#[cfg(test)] mod t { x(\"hookaudit_t\") }",
    );
    let document = File::made_up(
        "docs/metrics.md",
        "hookaudit_prose\n| `hookaudit_b` | gauge | see hookaudit_cell |\n| `hookaudit_c` | x |",
    );
    assert_eq!(
        out_of_step(&exported(&source), &documented(&document)),
        [
            "hookaudit_a_total has no row in docs/metrics.md",
            "hookaudit_c is in docs/metrics.md and not exported",
        ]
    );
}
