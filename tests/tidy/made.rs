//! Files made from others are in step with them.

use std::path::Path;
use std::process::Command;

use crate::repository::{read, root};

const CRD: &str = "config/crd/hookaudit.io_hookaudits.yaml";
const INSTALL: &str = "manifests/install.yaml";
const REMEDY: &str = "run `manifests/generate`";

fn printed_crd() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_hookaudit"))
        .arg("crd")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The first line in which two files differ.
fn first_difference(found: &str, expected: &str) -> Option<String> {
    let lines = found.lines().count().max(expected.lines().count());
    (0..lines).find_map(|at| {
        let [found, expected] = [found, expected].map(|text| text.lines().nth(at));
        (found != expected).then(|| format!("line {}: {found:?}, not {expected:?}", at + 1))
    })
}

/// What `manifests/generate --check` says, given this program; `None` where a tool is missing.
fn generate_check(program: &Path) -> Option<Result<(), String>> {
    let output = Command::new(root().join("manifests/generate"))
        .arg("--check")
        .env("HOOKAUDIT", program)
        .output()
        .unwrap_or_else(|error| panic!("manifests/generate: {error}"));
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if said.contains("no kubectl") {
        return None;
    }
    Some(match output.status.success() {
        true => Ok(()),
        false => Err(said.into_owned()),
    })
}

#[test]
fn the_definition_of_the_resource_is_the_one_that_the_program_prints() {
    let kept = read(CRD, REMEDY).text;
    if let Some(difference) = first_difference(&kept, &printed_crd()) {
        panic!("{CRD}: {difference}; {REMEDY}");
    }
}

#[test]
fn the_first_difference_of_two_files_is_named() {
    assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
    let difference = first_difference("a\nb\n", "a\nc\n").unwrap();
    assert!(difference.starts_with("line 2: "), "{difference}");
    assert!(first_difference("a\n", "a\nb\n").is_some());
}

#[test]
fn what_users_apply_is_what_the_bases_give() {
    read(INSTALL, REMEDY);
    let program = Path::new(env!("CARGO_BIN_EXE_hookaudit"));
    match generate_check(program) {
        None => println!("skipped: no kubectl to build the bases with"),
        Some(Ok(())) => {}
        Some(Err(said)) => panic!("{said}; {REMEDY}"),
    }
}

#[test]
fn a_definition_out_of_step_is_found_by_the_generator() {
    read(INSTALL, REMEDY);
    match generate_check(Path::new("/bin/echo")) {
        None => println!("skipped: no kubectl to build the bases with"),
        Some(result) => assert!(result.is_err()),
    }
}
