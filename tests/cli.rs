//! The program as users and scripts call it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const HEADER: &str = r#"{"recording":"hookaudit.io/v1","server":"v1.37.2","redacted":true}"#;
const TICK: &str = r#"{"at":"2026-11-22T16:02:40.364549123Z","resource":"clock","type":"TICK"}"#;

#[test]
fn help_lists_the_commands_that_exist_and_no_other() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let expected = "\
Audits container lifecycle hooks: why pods do not start, do not stop, or stop badly

Usage: hookaudit <COMMAND>

Commands:
  run         Watch a cluster and report on every workload with hooks: the operator
  record      Record what the operator would see, redacted, until Ctrl-C
  replay      Run the operator's engine on a recording and print the report
  why         Tell what holds one pod, how sure that is, until when, and what to do
  crd         Print the CustomResourceDefinition of HookAudit
  completion  Print the completion script of a shell
  version     Print the version

Options:
  -h, --help     Print help
  -V, --version  Print version
";
    assert_eq!(stdout(&output), expected);
}

#[test]
fn each_command_explains_itself_without_telling_the_environment() {
    for command in [
        "run",
        "record",
        "replay",
        "why",
        "crd",
        "completion",
        "version",
    ] {
        let output = program()
            .args([command, "--help"])
            .env("HOOKAUDIT_CONTEXT", "a-secret-name")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{command}");
        let text = stdout(&output);
        assert!(text.contains(&format!("Usage: hookaudit {command}")));
        assert!(!text.contains("a-secret-name"), "{text}");
    }
}

#[test]
fn usage_names_the_plugin_when_called_as_one() {
    let plugin = scratch("kubectl-hookaudit");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_hookaudit"), &plugin).unwrap();
    let output = Command::new(&plugin).arg("--help").output().unwrap();
    let text = stdout(&output);
    assert!(
        text.contains("\nUsage: kubectl hookaudit <COMMAND>\n"),
        "{text}"
    );
}

#[test]
fn wrong_usage_ends_with_2_one_line_and_a_hint() {
    for wrong in [
        &["replay", "x", "--nonsense"][..],
        &["replay"],
        &["replay", "x", "-o", "xml"],
        &["why"],
        &["why", "pod/x", "--at", "2026-11-22T16:02:40Z"],
        &["why", "pod/x", "-o", "yaml"],
        &["lint"],
        &["run", "--overdue-seconds=soon"],
    ] {
        let output = run(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        let text = stderr(&output);
        assert!(text.starts_with("error: "), "{text}");
        assert!(text.ends_with("try '--help'.\n"), "{text}");
        assert!(text.lines().count() <= 3, "{text}");
        assert_eq!(stdout(&output), "");
    }
}

#[test]
fn a_value_that_cannot_be_used_is_wrong_usage_by_the_name_of_its_flag() {
    for (flag, value) in [
        ("--metrics-bind-address", "nowhere"),
        ("--watch-namespaces", "Shop"),
    ] {
        let output = run(&["run", flag, value]);
        assert_eq!(output.status.code(), Some(2), "{flag}");
        let text = stderr(&output);
        assert!(
            text.starts_with(&format!("error: {flag}: `{value}`")),
            "{text}"
        );
    }
}

#[test]
fn what_is_no_pod_namespace_or_time_is_wrong_usage() {
    for (wrong, start) in [
        (
            &["why", "deployment/web"][..],
            "error: `deployment/web` is no pod; write pod/NAME",
        ),
        (
            &["why", "pod/x", "-n", "Shop"],
            "error: --namespace: `Shop` is no namespace",
        ),
        (
            &["why", "pod/x", "--recording", "r", "--at", "soon"],
            "error: --at: `soon` is no time",
        ),
    ] {
        let output = run(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(stderr(&output).starts_with(start), "{output:?}");
    }
}

#[test]
fn a_pod_that_is_not_in_a_recording_ends_with_3_and_says_how_to_find_it() {
    let file = recording("why.jsonl");
    let file = file.to_str().unwrap();
    let output = run(&["why", "pod/nobody", "--recording", file]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let told = stderr(&output);
    assert!(told.contains("pod nobody is not in it"), "{told}");
    assert!(told.contains("hookaudit replay"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    assert_eq!(stdout(&output), "");
}

#[test]
fn no_command_at_all_shows_the_help_and_ends_with_2() {
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("Usage: hookaudit <COMMAND>"));
    assert_eq!(stdout(&output), "");
}

#[test]
fn a_recording_that_is_missing_ends_with_3_and_is_named() {
    let output = run(&["replay", "no/such/recording.jsonl"]);
    assert_eq!(output.status.code(), Some(3));
    let text = stderr(&output);
    assert!(text.starts_with("error: "), "{text}");
    assert!(text.contains("no/such/recording.jsonl"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_foreign_file_ends_with_3_and_its_line_is_named() {
    let cases = [
        ("foreign.jsonl", "apiVersion: v1\n".to_owned(), 1),
        (
            "corrupt.jsonl",
            format!("{HEADER}\n{TICK}\n{{]\n{TICK}\n"),
            3,
        ),
    ];
    for (name, text, line) in cases {
        let file = scratch(name);
        fs::write(&file, text).unwrap();
        let output = program().arg("replay").arg(&file).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{name}: {output:?}");
        let told = stderr(&output);
        assert!(told.contains(&format!("{name}:{line}: ")), "{told}");
        assert_eq!(stdout(&output), "", "{name}");
    }
}

#[test]
fn a_recording_cut_short_is_reported_up_to_the_cut_with_a_warning() {
    let file = scratch("cut.jsonl");
    let half = &TICK[..TICK.len() / 2];
    fs::write(&file, format!("{HEADER}\n{TICK}\n{half}")).unwrap();
    let output = replay(&file, &["-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = stderr(&output);
    assert!(told.starts_with("warning: "), "{told}");
    assert!(told.contains("cut.jsonl:3: cut short"), "{told}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["apiVersion"], "hookaudit.io/report/v1");
}

#[test]
fn every_format_of_a_replay_is_printed_without_colour_into_a_pipe() {
    let file = recording("formats.jsonl");
    for (format, start) in [
        ("table", "No hook run"),
        ("wide", "No hook run"),
        ("json", "{\n"),
        ("yaml", "apiVersion: "),
    ] {
        let output = replay(&file, &["-o", format]);
        assert_eq!(output.status.code(), Some(0), "{format}: {output:?}");
        let text = stdout(&output);
        assert!(text.starts_with(start), "{format}: {text}");
        assert!(!text.contains('\u{1b}'), "{format}: {text}");
        assert_eq!(stderr(&output), "", "{format}");
    }
    assert_eq!(stdout(&replay(&file, &["--no-headers"])), "");
}

#[test]
fn nothing_to_fail_on_is_clean() {
    let file = recording("clean.jsonl");
    let output = replay(&file, &["--fail-on", "incident"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn completion_is_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let output = run(&["completion", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        assert!(stdout(&output).contains("replay"), "{shell}");
    }
}

#[test]
fn the_version_is_a_line_or_json() {
    let line = stdout(&run(&["version"]));
    assert_eq!(line, concat!("hookaudit ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(stdout(&run(&["--version"])), line);
    let json = run(&["version", "-o", "json"]);
    let version: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(version["report"], "hookaudit.io/report/v1");
}

#[test]
fn the_definition_of_the_resource_is_printed() {
    let output = run(&["crd"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = stdout(&output);
    assert!(text.contains("kind: CustomResourceDefinition"), "{text}");
    assert!(text.contains("hookaudits.hookaudit.io"), "{text}");
}

#[test]
fn a_reader_that_closed_the_pipe_is_no_failure() {
    let file = recording("pipe.jsonl");
    let file = file.to_str().unwrap();
    for arguments in [
        &["--help"][..],
        &["completion", "bash"],
        &["version"],
        &["crd"],
        &["replay", file, "-o", "table"],
        &["replay", file, "-o", "json"],
        &["replay", file, "-o", "yaml"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = finished(program().args(arguments).stdout(writer));
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        assert_eq!(stderr(&output), "", "{arguments:?}");
    }
}

#[test]
fn a_full_disk_is_a_failure() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = finished(program().arg("version").stdout(full));
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).starts_with("error: "), "{output:?}");
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookaudit"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("HOOKAUDIT_") || name == "COLUMNS" {
            command.env_remove(&*name);
        }
    }
    command
}

fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

fn replay(file: &PathBuf, arguments: &[&str]) -> Output {
    let mut command = program();
    command.arg("replay").arg(file).args(arguments);
    command.output().unwrap()
}

/// Runs the command to its end with the standard output it has been given.
fn finished(command: &mut Command) -> Output {
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    child.wait_with_output().unwrap()
}

/// A recording in which nothing happens.
fn recording(name: &str) -> PathBuf {
    let file = scratch(name);
    fs::write(&file, format!("{HEADER}\n{TICK}\n")).unwrap();
    file
}

/// A path of this test run, with nothing there.
fn scratch(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cli");
    fs::create_dir_all(&directory).unwrap();
    let file = directory.join(name);
    fs::remove_file(&file).ok();
    file
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
