//! What the program prints besides reports: usage errors, errors, completions, its version.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;
use serde::Serialize;

use super::{Arguments, VersionFormatArgument};
use crate::report::json;

/// The commit that the program was built from, if the build said so.
const REVISION: Option<&str> = option_env!("HOOKAUDIT_REVISION");

#[derive(Serialize)]
struct Version {
    version: &'static str,
    revision: Option<&'static str>,
    platform: String,
    report: &'static str,
}

/// Wrong usage in one line, with what clap suggests and where to read on.
#[must_use]
pub fn usage_error(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let mut lines: Vec<String> = text
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty() && !line.starts_with("Usage: "))
        .collect();
    lines.push(String::new());
    lines.join("\n")
}

/// An error with all its causes, in one line; none is said again that its effect already quotes.
#[must_use]
pub fn error_line(error: &anyhow::Error) -> String {
    let mut line = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    let line: Vec<_> = line.split_whitespace().collect();
    format!("error: {}\n", line.join(" "))
}

/// Prints the completion script of a shell.
///
/// # Errors
///
/// Those of the writer.
pub fn write_completion(shell: Shell, out: &mut impl Write) -> io::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "hookaudit", &mut script);
    out.write_all(&script)
}

/// Prints the version.
///
/// # Errors
///
/// Those of the writer.
pub fn write_version(format: VersionFormatArgument, out: &mut impl Write) -> io::Result<()> {
    let version = Version {
        version: env!("CARGO_PKG_VERSION"),
        revision: REVISION,
        platform: format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
        report: json::API_VERSION,
    };
    match format {
        VersionFormatArgument::Text => writeln!(out, "hookaudit {}", version.version),
        VersionFormatArgument::Json => {
            serde_json::to_writer_pretty(&mut *out, &version)?;
            writeln!(out)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage_error_of(line: &str) -> String {
        let words: Vec<_> = line.split(' ').map(std::ffi::OsString::from).collect();
        usage_error(&Arguments::read(&words).unwrap_err())
    }

    #[test]
    fn wrong_usage_is_one_line_and_a_hint() {
        assert_eq!(
            usage_error_of("hookaudit replay"),
            "error: the following required arguments were not provided: <FILE>\n\
             For more information, try '--help'.\n"
        );
        assert_eq!(
            usage_error_of("hookaudit replay x --outptu json"),
            "error: unexpected argument '--outptu' found\n\
             tip: a similar argument exists: '--output'\n\
             For more information, try '--help'.\n"
        );
    }

    #[test]
    fn an_error_names_all_its_causes_in_one_line() {
        let error = anyhow::anyhow!("no such file").context("cannot open x.jsonl");
        assert_eq!(
            error_line(&error),
            "error: cannot open x.jsonl: no such file\n"
        );
        let quoting = anyhow::anyhow!("no such file").context("open x.jsonl: no such file");
        assert_eq!(error_line(&quoting), "error: open x.jsonl: no such file\n");
    }
}
