//! The program: what was typed, checked, and handed to the library.

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use hookaudit::audit::auditor::Settings;
use hookaudit::cli::exit::Exit;
use hookaudit::cli::{Arguments, Command, output};
use hookaudit::config::{
    Log, LogFormat, OperateConfig, RecordConfig, ReplayConfig, Screen, WhyConfig,
};
use hookaudit::report::{self, table::Colour};
use hookaudit::{api, run};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let exit = match Arguments::read(&words) {
        Ok(arguments) => dispatch(arguments.command).unwrap_or_else(|error| {
            let exit = Exit::of(&error);
            if exit != Exit::Clean {
                to_stderr(&output::error_line(&error));
            }
            exit
        }),
        Err(error) => usage(&error),
    };
    exit.into()
}

fn dispatch(command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Run(arguments) => {
            let config = OperateConfig::new(arguments)?;
            start_log(config.log);
            run::operate(config)?;
        }
        Command::Record(arguments) => {
            let config = RecordConfig::new(arguments)?;
            start_log(config.log);
            run::record(config)?;
        }
        Command::Replay(arguments) => {
            return replay(&ReplayConfig::new(arguments, screen()));
        }
        Command::Why(arguments) => {
            why(&WhyConfig::new(arguments, screen())?)?;
        }
        Command::Crd => {
            let definition = api::crd_yaml()?;
            to_stdout(|out| out.write_all(definition.as_bytes()))?;
        }
        Command::Completion(arguments) => {
            to_stdout(|out| output::write_completion(arguments.shell, out))?;
        }
        Command::Version(arguments) => {
            to_stdout(|out| output::write_version(arguments.output, out))?;
        }
    }
    Ok(Exit::Clean)
}

fn replay(config: &ReplayConfig) -> anyhow::Result<Exit> {
    let replayed = run::replay::replay_file(&config.path, Settings::default())?;
    for warning in &replayed.warnings {
        to_stderr(&format!("warning: {warning}\n"));
    }
    let contents = &replayed.contents;
    to_stdout(|out| report::write(contents, config.format, out))?;
    Ok(Exit::after(contents, config.fail_on))
}

fn why(config: &WhyConfig) -> anyhow::Result<()> {
    let told = run::why::tell(config)?;
    for warning in &told.warnings {
        to_stderr(&format!("warning: {warning}\n"));
    }
    to_stdout(|out| report::why::write(&told.subject, config.format, out))
}

/// A request for help or the version is printed as it is, wrong usage in one line.
fn usage(error: &clap::Error) -> Exit {
    let is_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if error.use_stderr() && !is_help {
        to_stderr(&output::usage_error(error));
        return Exit::WrongUsage;
    }
    let printed = error.print().map_err(anyhow::Error::from);
    match printed {
        Ok(()) if is_help => Exit::WrongUsage,
        Ok(()) => Exit::Clean,
        Err(error) => Exit::of(&error),
    }
}

fn to_stdout<E>(
    print: impl FnOnce(&mut BufWriter<io::StdoutLock<'static>>) -> Result<(), E>,
) -> anyhow::Result<()>
where
    anyhow::Error: From<E>,
{
    let mut out = BufWriter::new(io::stdout().lock());
    print(&mut out)?;
    out.flush()?;
    Ok(())
}

/// There is nobody left to tell when standard error is closed.
fn to_stderr(text: &str) {
    io::stderr().write_all(text.as_bytes()).ok();
}

fn start_log(log: Log) {
    // kube quotes answers that it cannot decode, which may hold secrets, and the watches tell of their
    // failures themselves.
    let targets = Targets::new().with_default(log.level).with_targets([
        ("kube_client", LevelFilter::OFF),
        ("kube_runtime", LevelFilter::OFF),
    ]);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(wants_colour(&io::stderr()));
    let registry = tracing_subscriber::registry();
    match log.format {
        LogFormat::Text => registry.with(lines.with_filter(targets)).init(),
        LogFormat::Json => registry.with(lines.json().with_filter(targets)).init(),
    }
}

fn screen() -> Screen {
    let stdout = io::stdout();
    let colour = if wants_colour(&stdout) {
        Colour::On
    } else {
        Colour::Off
    };
    Screen {
        colour,
        width: terminal_size::terminal_size_of(&stdout).map(|(width, _)| usize::from(width.0)),
    }
}

/// A terminal whose user did not say otherwise (no-color.org).
fn wants_colour(stream: &impl IsTerminal) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !refused
}
