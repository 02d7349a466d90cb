//! A fault as data: what is run, what is done to it, how often.

use super::proxy::Way;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Who leads when the step comes.
    Leader,
    All,
}

#[derive(Clone, Debug)]
pub enum Step {
    /// A random time between so many seconds.
    Sleep(f64, f64),
    /// Until so many more failures were produced.
    AwaitFailures(usize),
    /// Until every replica that runs has seen everything once.
    AwaitReady,
    /// Until another leads than before, counted from the step before this one; later is a failure.
    AwaitTakeover(f64),
    Start,
    /// SIGKILL.
    Kill(Whom),
    /// SIGTERM.
    Terminate(Whom),
    /// SIGSTOP.
    Pause(Whom),
    /// SIGCONT.
    Resume,
    Cut(Whom, Way),
    Mend,
    /// `kill` or `start` of a part of the cluster.
    Component(&'static str, &'static str),
    /// Forgets every past revision of etcd.
    Compact,
    Withdraw,
    Grant,
    RemoveResource,
    InstallResource,
    DeleteAudits,
    EditAudits,
    /// Followers cannot watch the Lease.
    ForbidLeaseWatch,
    /// Which Events the API still holds: what it does not may be missing.
    NoteExpired,
}

/// Who makes the pods.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pods {
    /// The harness, so many per second.
    MadeUp(f64),
    /// A real kubelet.
    Real,
}

#[derive(Clone, Debug)]
pub struct Fault {
    pub name: &'static str,
    pub about: &'static str,
    /// Flags of `tests/cluster/up`.
    pub cluster_flags: &'static [&'static str],
    pub replicas: usize,
    /// Flags of the operator.
    pub operator_flags: &'static [&'static str],
    /// Whether a real Prometheus scrapes the replicas, and what it counts must be the truth, too.
    pub scraped: bool,
    pub pods: Pods,
    pub round: Vec<Step>,
    pub rounds: u32,
    /// In the short form; none, and it is left out of that.
    pub short_rounds: Option<u32>,
    /// Whether what the operator is missing may be missing: rights, its resource.
    pub may_end: bool,
}
