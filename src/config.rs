//! The configuration: what was typed, checked and turned into what the program uses.

mod election;
mod why;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use thiserror::Error;
use tracing_subscriber::filter::LevelFilter;

use crate::audit::seen::Thresholds;
use crate::cli::{
    ClusterArguments, FailOnArgument, LogArguments, LogFormatArgument, LogLevelArgument,
    RecordArguments, ReplayArguments, ReportFormatArgument, ReportScopeArgument, RunArguments,
};
use crate::report::table::{Detail, Headers, Style};
use crate::report::{Format, table::Colour};

/// What was typed cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    #[error("{flag}: `{value}` is no address; write [HOST]:PORT, for example :8080 or [::1]:8080")]
    Address { flag: &'static str, value: String },
    #[error(
        "--watch-namespaces: `{value}` is no namespace; write lower-case letters, digits and `-`, \
         separated by commas"
    )]
    Namespace { value: String },
    #[error("`{value}` is no pod; write pod/NAME or NAME")]
    Pod { value: String },
    #[error("--namespace: `{value}` is no namespace; write lower-case letters, digits and `-`")]
    PodNamespace { value: String },
    #[error(
        "--leader-election-namespace: `{value}` is no namespace; write lower-case letters, digits and `-`"
    )]
    ElectionNamespace { value: String },
    #[error(
        "--leader-election-id: `{value}` is no name of a Lease; write lower-case letters, digits, `-` and `.`"
    )]
    ElectionName { value: String },
    #[error(
        "--leader-election-lease-seconds has to be more than --leader-election-renew-seconds, and that more than \
         --leader-election-retry-seconds"
    )]
    ElectionTiming,
    #[error("--at: `{value}` is no time; write it as 2026-11-22T16:02:40Z")]
    Time { value: String },
}

pub use self::election::{Election, TakesPart};
pub use self::why::{WhyConfig, WhySource};

/// Of `run`.
#[derive(Debug, Clone, PartialEq)]
pub struct OperateConfig {
    pub cluster: Cluster,
    pub log: Log,
    pub report_scope: ReportScope,
    pub metrics_address: BindAddress,
    /// `None`: health is served beside the metrics.
    pub health_address: Option<BindAddress>,
    pub record_path: Option<PathBuf>,
    /// Every threshold is set.
    pub thresholds: Thresholds,
    pub event_ttl_seconds: i64,
    pub election: Election,
}

/// Of `record`.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordConfig {
    pub cluster: Cluster,
    pub log: Log,
    pub path: PathBuf,
    pub redaction: Redaction,
}

/// Of `replay`.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayConfig {
    pub path: PathBuf,
    pub format: Format,
    pub fail_on: FailOn,
}

/// Which cluster, and how much of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cluster {
    pub kubeconfig: Option<PathBuf>,
    pub context: Option<String>,
    /// Sorted; empty for all.
    pub namespaces: Vec<String>,
}

/// How the program logs, to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    pub level: LevelFilter,
    pub format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Which workloads get a `HookAudit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportScope {
    /// Has a hook, or has had an incident.
    Hooks,
    /// Has an incident, a finding or something active.
    Problems,
    All,
}

/// Whether a recording holds what may be secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redaction {
    Redacted,
    Raw,
}

/// What makes `replay` end with [`crate::cli::exit::Exit::Incidents`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOn {
    Never,
    Incident,
}

/// Where to listen: addresses to try in order until one can be bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindAddress {
    candidates: Vec<SocketAddr>,
}

/// What standard output is, as far as tables care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    pub colour: Colour,
    /// Columns; `None` where it is no terminal.
    pub width: Option<usize>,
}

impl OperateConfig {
    /// # Errors
    ///
    /// A flag whose value cannot be used.
    pub fn new(arguments: RunArguments) -> Result<Self, ConfigError> {
        let health = arguments.health_probe_bind_address.as_deref();
        Ok(Self {
            cluster: Cluster::new(arguments.cluster)?,
            log: Log::new(&arguments.log),
            report_scope: match arguments.report_scope {
                ReportScopeArgument::Hooks => ReportScope::Hooks,
                ReportScopeArgument::Problems => ReportScope::Problems,
                ReportScopeArgument::All => ReportScope::All,
            },
            metrics_address: BindAddress::parse(
                "--metrics-bind-address",
                &arguments.metrics_bind_address,
            )?,
            health_address: health
                .filter(|address| *address != arguments.metrics_bind_address)
                .map(|address| BindAddress::parse("--health-probe-bind-address", address))
                .transpose()?,
            record_path: arguments.record,
            thresholds: Thresholds {
                post_start_slow_seconds: Some(arguments.post_start_slow_seconds),
                pre_stop_slow_percent: Some(arguments.pre_stop_slow_percent),
                overdue_seconds: Some(arguments.overdue_seconds),
            },
            event_ttl_seconds: arguments.event_ttl_seconds,
            election: Election::new(arguments.election)?,
        })
    }
}

impl RecordConfig {
    /// # Errors
    ///
    /// A flag whose value cannot be used.
    pub fn new(arguments: RecordArguments) -> Result<Self, ConfigError> {
        Ok(Self {
            cluster: Cluster::new(arguments.cluster)?,
            log: Log::new(&arguments.log),
            path: arguments.output,
            redaction: if arguments.raw {
                Redaction::Raw
            } else {
                Redaction::Redacted
            },
        })
    }
}

impl ReplayConfig {
    #[must_use]
    pub fn new(arguments: ReplayArguments, screen: Screen) -> Self {
        let table = |detail| {
            Format::Table(Style {
                detail,
                headers: if arguments.no_headers {
                    Headers::Hidden
                } else {
                    Headers::Shown
                },
                colour: screen.colour,
                width: screen.width,
            })
        };
        Self {
            format: match arguments.output {
                ReportFormatArgument::Table => table(Detail::Normal),
                ReportFormatArgument::Wide => table(Detail::Wide),
                ReportFormatArgument::Json => Format::Json,
                ReportFormatArgument::Yaml => Format::Yaml,
            },
            fail_on: match arguments.fail_on {
                FailOnArgument::Never => FailOn::Never,
                FailOnArgument::Incident => FailOn::Incident,
            },
            path: arguments.recording,
        }
    }
}

impl Cluster {
    fn new(arguments: ClusterArguments) -> Result<Self, ConfigError> {
        let mut namespaces = arguments.watch_namespaces;
        namespaces.retain(|namespace| !namespace.is_empty());
        namespaces.sort();
        namespaces.dedup();
        if let Some(wrong) = namespaces.iter().find(|name| !is_label(name)) {
            return Err(ConfigError::Namespace {
                value: wrong.clone(),
            });
        }
        Ok(Self {
            kubeconfig: arguments.access.kubeconfig,
            context: arguments.access.context,
            namespaces,
        })
    }
}

impl Log {
    fn new(arguments: &LogArguments) -> Self {
        Self {
            level: match arguments.log_level {
                LogLevelArgument::Error => LevelFilter::ERROR,
                LogLevelArgument::Warn => LevelFilter::WARN,
                LogLevelArgument::Info => LevelFilter::INFO,
                LogLevelArgument::Debug => LevelFilter::DEBUG,
                LogLevelArgument::Trace => LevelFilter::TRACE,
            },
            format: match arguments.log_format {
                LogFormatArgument::Text => LogFormat::Text,
                LogFormatArgument::Json => LogFormat::Json,
            },
        }
    }
}

impl BindAddress {
    /// Reads `HOST:PORT` with a numeric host, or `:PORT` for every address of either family.
    ///
    /// # Errors
    ///
    /// The value is no such address; `flag` is named.
    pub fn parse(flag: &'static str, value: &str) -> Result<Self, ConfigError> {
        let any_host = value.strip_prefix(':').and_then(|port| port.parse().ok());
        let candidates = match (any_host, value.parse()) {
            (Some(port), _) => vec![
                SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port),
                SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port),
            ],
            (None, Ok(address)) => vec![address],
            (None, Err(_)) => {
                return Err(ConfigError::Address {
                    flag,
                    value: value.to_owned(),
                });
            }
        };
        Ok(Self { candidates })
    }

    /// What to hand to `TcpListener::bind`. Without a host: IPv6, which takes IPv4 along where the
    /// system allows it, then IPv4 alone.
    #[must_use]
    pub fn candidates(&self) -> &[SocketAddr] {
        &self.candidates
    }
}

/// A DNS label (RFC 1123).
fn is_label(name: &str) -> bool {
    let ends = [name.chars().next(), name.chars().last()];
    (1..=63).contains(&name.len())
        && name
            .chars()
            .all(|character| matches!(character, 'a'..='z' | '0'..='9' | '-'))
        && ends.iter().all(|end| *end != Some('-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Arguments, Command};

    fn operate(flags: &str) -> Result<OperateConfig, ConfigError> {
        let line = format!("hookaudit run {flags}");
        let words: Vec<_> = line.split_whitespace().map(Into::into).collect();
        match Arguments::read(&words).unwrap().command {
            Command::Run(arguments) => OperateConfig::new(arguments),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let config = operate("").unwrap();
        assert_eq!(config.report_scope, ReportScope::Hooks);
        assert_eq!(config.cluster, Cluster::default());
        assert_eq!(config.health_address, None);
        assert_eq!(config.log.level, LevelFilter::INFO);
        let thresholds = Thresholds {
            post_start_slow_seconds: Some(30),
            pre_stop_slow_percent: Some(80),
            overdue_seconds: Some(60),
        };
        assert_eq!(config.thresholds, thresholds);
        assert_eq!(config.event_ttl_seconds, 3600);
    }

    #[test]
    fn a_port_alone_listens_on_every_address() {
        let config = operate("--metrics-bind-address=:9090").unwrap();
        let candidates: Vec<_> = config
            .metrics_address
            .candidates()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(candidates, ["[::]:9090", "0.0.0.0:9090"]);
    }

    #[test]
    fn health_on_the_address_of_the_metrics_is_served_beside_them() {
        let one = "--metrics-bind-address=127.0.0.1:80 --health-probe-bind-address=127.0.0.1:80";
        assert_eq!(operate(one).unwrap().health_address, None);
        let two = operate("--health-probe-bind-address=127.0.0.1:81").unwrap();
        let expected = BindAddress::parse("", "127.0.0.1:81").unwrap();
        assert_eq!(two.health_address, Some(expected));
    }

    #[test]
    fn an_address_that_is_none_is_refused_by_the_name_of_its_flag() {
        for wrong in ["localhost:80", "8080", "1.2.3.4", ":99999", ""] {
            let error = operate(&format!("--health-probe-bind-address={wrong}")).unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with("--health-probe-bind-address: "), "{text}");
        }
    }

    #[test]
    fn namespaces_are_sorted_checked_and_told_apart() {
        let config = operate("--watch-namespaces=shop,default,shop,").unwrap();
        assert_eq!(config.cluster.namespaces, ["default", "shop"]);
        for wrong in ["Shop", "-a", "a_b"] {
            let error = operate(&format!("--watch-namespaces={wrong}")).unwrap_err();
            assert_eq!(
                error,
                ConfigError::Namespace {
                    value: wrong.to_owned()
                }
            );
        }
    }
}
