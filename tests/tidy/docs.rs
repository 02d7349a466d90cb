//! Paths that documents name exist.

use crate::repository::{File, assert_none, files_below, read, root};

const ROOMS: &[&str] = &[
    ".github",
    "benches",
    "config",
    "docs",
    "manifests",
    "src",
    "testkit",
    "tests",
];

fn documents() -> Vec<File> {
    let mut documents = files_below(&["docs"], "md");
    for path in ["README.md", "ARCHITECTURE.md"] {
        documents.push(read(path, "every repository needs one"));
    }
    documents
}

/// Paths below our rooms, and targets of relative links, with the line that names them.
fn named_paths(document: &File) -> Vec<(usize, String)> {
    let directory = document
        .path
        .rsplit_once('/')
        .map_or("", |(parent, _)| parent);
    let mut paths = Vec::new();
    for (index, line) in document.text.lines().enumerate() {
        for word in line.split(|c: char| c.is_whitespace() || "`'\"()[]<>;,|".contains(c)) {
            let word = word.trim_end_matches(['.', ':', '/']);
            let is_below_room = word
                .split_once('/')
                .is_some_and(|(room, rest)| ROOMS.contains(&room) && !rest.is_empty());
            if is_below_room && !word.contains(['*', '{', '…', '$']) {
                paths.push((index + 1, word.to_owned()));
            }
        }
        for link in line.split("](").skip(1) {
            let target = link.split([')', '#', ' ']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains(':') {
                paths.push((index + 1, format!("{directory}/{target}")));
            }
        }
    }
    paths
}

fn rotten(document: &File, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let directory = document
        .path
        .rsplit_once('/')
        .map_or("", |(parent, _)| parent);
    named_paths(document)
        .into_iter()
        .filter(|(_, path)| !exists(path.trim_start_matches('/')))
        .filter(|(_, path)| !exists(&format!("{directory}/{path}")))
        .map(|(line, path)| {
            let path = path.trim_start_matches('/');
            format!("{}:{line}: {path} does not exist", document.path)
        })
        .collect()
}

#[test]
fn every_path_in_the_documents_exists() {
    let exists = |path: &str| root().join(path).exists();
    let documents = documents();
    let violations: Vec<_> = documents
        .iter()
        .flat_map(|document| rotten(document, exists))
        .collect();
    assert_none(&violations);
}

#[test]
fn a_path_that_does_not_exist_is_found() {
    let text = "See `src/gone.rs`, src/here.rs and [a](gone.md#b).\nkubectl apply -f manifests/gone.yaml\n\
                https://example.com/src/x src/*.rs [b](https://example.com/y) [c](here.md) [d](#e)";
    let document = File::made_up("docs/a.md", text);
    let exists = |path: &str| path == "src/here.rs" || path == "docs/here.md";
    assert_eq!(
        rotten(&document, exists),
        [
            "docs/a.md:1: src/gone.rs does not exist",
            "docs/a.md:1: docs/gone.md does not exist",
            "docs/a.md:2: manifests/gone.yaml does not exist",
        ]
    );
}
