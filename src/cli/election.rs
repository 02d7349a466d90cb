use clap::Args;

/// Which replica writes.
#[derive(Debug, Args)]
pub struct ElectionArguments {
    /// Write only while holding a Lease; if left out: in a pod, and elsewhere if its namespace exists
    #[arg(long, env = "HOOKAUDIT_LEADER_ELECT", hide_env_values = true)]
    #[arg(value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub leader_elect: Option<bool>,
    /// The namespace of the Lease; else the pod's own, or `hookaudit-system`
    #[arg(
        long,
        env = "HOOKAUDIT_LEADER_ELECTION_NAMESPACE",
        hide_env_values = true
    )]
    #[arg(value_name = "NAMESPACE")]
    pub leader_election_namespace: Option<String>,
    /// The name of the Lease
    #[arg(long, env = "HOOKAUDIT_LEADER_ELECTION_ID", hide_env_values = true)]
    #[arg(value_name = "NAME", default_value = "hookaudit")]
    pub leader_election_id: String,
    /// Other replicas take over so long after the last renewal that they saw
    #[arg(
        long,
        env = "HOOKAUDIT_LEADER_ELECTION_LEASE_SECONDS",
        hide_env_values = true
    )]
    #[arg(value_name = "SECONDS", default_value_t = 15)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub leader_election_lease_seconds: u32,
    /// A leader that could not renew for so long stops to write
    #[arg(
        long,
        env = "HOOKAUDIT_LEADER_ELECTION_RENEW_SECONDS",
        hide_env_values = true
    )]
    #[arg(value_name = "SECONDS", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub leader_election_renew_seconds: u32,
    /// Between two renewals
    #[arg(
        long,
        env = "HOOKAUDIT_LEADER_ELECTION_RETRY_SECONDS",
        hide_env_values = true
    )]
    #[arg(value_name = "SECONDS", default_value_t = 2)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub leader_election_retry_seconds: u32,
}
