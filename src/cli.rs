//! The command line as typed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

mod election;
pub mod exit;
pub mod output;

pub use self::election::ElectionArguments;
use crate::audit::auditor::EVENT_TTL_SECONDS;

/// Audits container lifecycle hooks: why pods do not start, do not stop, or stop badly
#[derive(Debug, Parser)]
#[command(name = "hookaudit", version, disable_help_subcommand = true)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

/// The commands that exist.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch a cluster and report on every workload with hooks: the operator
    Run(RunArguments),
    /// Record what the operator would see, redacted, until Ctrl-C
    Record(RecordArguments),
    /// Run the operator's engine on a recording and print the report
    Replay(ReplayArguments),
    /// Tell what holds one pod, how sure that is, until when, and what to do
    Why(WhyArguments),
    /// Print the CustomResourceDefinition of HookAudit
    Crd,
    /// Print the completion script of a shell
    Completion(CompletionArguments),
    /// Print the version
    Version(VersionArguments),
}

#[derive(Debug, Args)]
pub struct RunArguments {
    #[command(flatten)]
    pub cluster: ClusterArguments,
    #[command(flatten)]
    pub log: LogArguments,
    /// Workloads that get a HookAudit
    #[arg(long, env = "HOOKAUDIT_REPORT_SCOPE", hide_env_values = true)]
    #[arg(value_enum, default_value_t, value_name = "SCOPE")]
    pub report_scope: ReportScopeArgument,
    /// Where /metrics is served
    #[arg(long, env = "HOOKAUDIT_METRICS_BIND_ADDRESS", hide_env_values = true)]
    #[arg(value_name = "[HOST]:PORT", default_value = ":8080")]
    pub metrics_bind_address: String,
    /// Where /livez and /readyz are served; beside /metrics if left out
    #[arg(
        long,
        env = "HOOKAUDIT_HEALTH_PROBE_BIND_ADDRESS",
        hide_env_values = true
    )]
    #[arg(value_name = "[HOST]:PORT")]
    pub health_probe_bind_address: Option<String>,
    /// Also record what the engine is given, redacted; gzip if FILE ends in .gz
    #[arg(
        long,
        env = "HOOKAUDIT_RECORD",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub record: Option<PathBuf>,
    /// A postStart hook that runs longer is stuck
    #[arg(
        long,
        env = "HOOKAUDIT_POST_START_SLOW_SECONDS",
        hide_env_values = true
    )]
    #[arg(value_name = "SECONDS", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(i64).range(1..=86_400))]
    pub post_start_slow_seconds: i64,
    /// A preStop hook that uses more of its grace is slow
    #[arg(long, env = "HOOKAUDIT_PRE_STOP_SLOW_PERCENT", hide_env_values = true)]
    #[arg(value_name = "PERCENT", default_value_t = 80)]
    #[arg(value_parser = clap::value_parser!(i64).range(1..=100))]
    pub pre_stop_slow_percent: i64,
    /// A pod that terminates this long after its deadline is overdue
    #[arg(long, env = "HOOKAUDIT_OVERDUE_SECONDS", hide_env_values = true)]
    #[arg(value_name = "SECONDS", default_value_t = 60)]
    #[arg(value_parser = clap::value_parser!(i64).range(0..=86_400))]
    pub overdue_seconds: i64,
    /// How long the API server keeps Events, as its --event-ttl says
    #[arg(long, env = "HOOKAUDIT_EVENT_TTL_SECONDS", hide_env_values = true)]
    #[arg(value_name = "SECONDS", default_value_t = EVENT_TTL_SECONDS)]
    #[arg(value_parser = clap::value_parser!(i64).range(1..=604_800))]
    pub event_ttl_seconds: i64,
    #[command(flatten)]
    pub election: ElectionArguments,
}

#[derive(Debug, Args)]
pub struct RecordArguments {
    #[command(flatten)]
    pub cluster: ClusterArguments,
    #[command(flatten)]
    pub log: LogArguments,
    /// The recording; gzip if it ends in .gz
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Keep commands, paths, messages and annotations as they are; the recording may hold secrets
    #[arg(long)]
    pub raw: bool,
}

#[derive(Debug, Args)]
pub struct ReplayArguments {
    /// The recording, plain or .gz
    #[arg(value_name = "FILE")]
    pub recording: PathBuf,
    /// The format of the report
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: ReportFormatArgument,
    /// Leave the names of columns out of tables
    #[arg(long)]
    pub no_headers: bool,
    /// Exit with 1 when the report holds this
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub fail_on: FailOnArgument,
}

#[derive(Debug, Args)]
pub struct WhyArguments {
    /// The pod, as pod/NAME or NAME
    #[arg(value_name = "pod/NAME")]
    pub pod: String,
    /// Its namespace; else that of the context, or `default`
    #[arg(short, long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Tell it from this recording instead of the cluster
    #[arg(long, value_name = "FILE")]
    pub recording: Option<PathBuf>,
    /// Tell it as of this moment of the recording, say 2026-11-22T16:02:40Z; else as of its end
    #[arg(long, value_name = "TIME", requires = "recording")]
    pub at: Option<String>,
    /// The format
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: WhyFormatArgument,
    #[command(flatten)]
    pub access: AccessArguments,
}

#[derive(Debug, Args)]
pub struct CompletionArguments {
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub struct VersionArguments {
    /// The format
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: VersionFormatArgument,
}

/// How to reach the cluster.
#[derive(Debug, Args)]
pub struct AccessArguments {
    /// The kubeconfig; else KUBECONFIG, ~/.kube/config or the pod's service account
    #[arg(
        long,
        env = "HOOKAUDIT_KUBECONFIG",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig
    #[arg(
        long,
        env = "HOOKAUDIT_CONTEXT",
        hide_env_values = true,
        value_name = "NAME"
    )]
    pub context: Option<String>,
}

/// Which cluster, and how much of it.
#[derive(Debug, Args)]
pub struct ClusterArguments {
    #[command(flatten)]
    pub access: AccessArguments,
    /// Namespaces to watch, separated by commas; all if left out
    #[arg(long, env = "HOOKAUDIT_WATCH_NAMESPACES", hide_env_values = true)]
    #[arg(value_name = "NAMESPACE", value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,
}

#[derive(Debug, Args)]
pub struct LogArguments {
    /// The least severe messages that are logged
    #[arg(long, env = "HOOKAUDIT_LOG_LEVEL", hide_env_values = true)]
    #[arg(value_enum, default_value_t, value_name = "LEVEL")]
    pub log_level: LogLevelArgument,
    /// The format of log lines
    #[arg(long, env = "HOOKAUDIT_LOG_FORMAT", hide_env_values = true)]
    #[arg(value_enum, default_value_t, value_name = "FORMAT")]
    pub log_format: LogFormatArgument,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ReportScopeArgument {
    /// Those with a hook, or with an incident so far
    #[default]
    Hooks,
    /// Those with an incident, a finding or something active
    Problems,
    /// Every one that has or had a pod
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ReportFormatArgument {
    #[default]
    Table,
    Wide,
    Json,
    Yaml,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum FailOnArgument {
    /// Nothing
    #[default]
    Never,
    /// Any incident, inferred ones included
    Incident,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum WhyFormatArgument {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum VersionFormatArgument {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogLevelArgument {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormatArgument {
    #[default]
    Text,
    Json,
}

impl Arguments {
    /// Reads a command line, its first word being the name that the program was called by.
    ///
    /// # Errors
    ///
    /// Wrong usage; also a request for help or for the version, which is no failure.
    pub fn read(words: &[OsString]) -> Result<Self, clap::Error> {
        let command = match words.first() {
            Some(program) if is_kubectl_plugin(program) => {
                Self::command().bin_name("kubectl hookaudit")
            }
            _ => Self::command(),
        };
        let matches = command.try_get_matches_from(words)?;
        Self::from_arg_matches(&matches)
    }
}

/// Kubectl runs `kubectl-hookaudit` for `kubectl hookaudit`.
fn is_kubectl_plugin(program: &OsString) -> bool {
    Path::new(program).file_stem() == Some("kubectl-hookaudit".as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, clap::Error> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        Arguments::read(&words)
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_flag_of_run_can_be_set_by_the_environment() {
        let command = Arguments::command();
        let run = command.find_subcommand("run").unwrap();
        for flag in run.get_arguments() {
            let Some(long) = flag.get_long() else {
                continue;
            };
            let expected = format!("HOOKAUDIT_{}", long.replace('-', "_").to_uppercase());
            assert_eq!(
                flag.get_env(),
                Some(OsString::from(expected).as_os_str()),
                "{long}"
            );
        }
    }

    #[test]
    fn usage_names_the_plugin_when_called_as_one() {
        let called_as = |program: &str| {
            let help = read(&format!("{program} replay --help")).unwrap_err();
            help.render().to_string()
        };
        let plugin = called_as("/usr/bin/kubectl-hookaudit");
        assert!(
            plugin.contains("Usage: kubectl hookaudit replay"),
            "{plugin}"
        );
        let plain = called_as("/usr/bin/hookaudit");
        assert!(plain.contains("Usage: hookaudit replay"), "{plain}");
    }

    #[test]
    fn thresholds_out_of_range_are_wrong_usage() {
        for wrong in [
            "--post-start-slow-seconds=0",
            "--pre-stop-slow-percent=101",
            "--overdue-seconds=-1",
            "--event-ttl-seconds=0",
        ] {
            let error = read(&format!("hookaudit run {wrong}")).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{wrong}");
        }
        assert!(read("hookaudit run --overdue-seconds=0").is_ok());
    }
}
