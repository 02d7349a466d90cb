//! A scenario as data: what is created, what is done to it and when.

use serde_json::Value;

/// What a scenario shares its disturbance with: one phase is played after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Calm,
    KubeletKilled,
    /// For less than the node controller takes to notice.
    KubeletPaused,
    KubeletStopped,
    RuntimeKilled,
    ApiOutage,
    NodeDeleted,
    /// On a cluster of its own.
    StopSignals,
}

impl Phase {
    pub const ALL: [Self; 8] = [
        Self::Calm,
        Self::KubeletKilled,
        Self::KubeletPaused,
        Self::KubeletStopped,
        Self::RuntimeKilled,
        Self::ApiOutage,
        Self::NodeDeleted,
        Self::StopSignals,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::KubeletKilled => "kubelet-killed",
            Self::KubeletPaused => "kubelet-paused",
            Self::KubeletStopped => "kubelet-stopped",
            Self::RuntimeKilled => "runtime-killed",
            Self::ApiOutage => "api-outage",
            Self::NodeDeleted => "node-deleted",
            Self::StopSignals => "stop-signals",
        }
    }

    pub fn venue(self) -> Venue {
        match self {
            Self::StopSignals => Venue::StopSignals,
            _ => Venue::Plain,
        }
    }

    /// What is done to the cluster once every scenario of the phase has come to it.
    pub fn disturbance(self) -> Vec<Step> {
        match self {
            Self::Calm | Self::StopSignals => Vec::new(),
            Self::KubeletKilled => vec![
                Step::Component("kill", "kubelet"),
                Step::Sleep(4.0),
                Step::Component("start", "kubelet"),
                Step::Sleep(5.0),
            ],
            Self::KubeletPaused => vec![
                Step::Component("stop", "kubelet"),
                Step::Sleep(25.0),
                Step::Component("cont", "kubelet"),
                Step::Sleep(5.0),
            ],
            Self::RuntimeKilled => vec![
                Step::Component("kill", "containerd"),
                Step::Sleep(15.0),
                Step::Component("start", "containerd"),
                Step::Sleep(5.0),
            ],
            Self::KubeletStopped => vec![
                Step::Component("stop", "kubelet"),
                Step::Sleep(75.0),
                Step::Component("cont", "kubelet"),
                Step::Sleep(5.0),
            ],
            Self::ApiOutage => vec![
                Step::Component("kill", "kube-apiserver"),
                Step::Sleep(12.0),
                Step::Component("start", "kube-apiserver"),
                Step::Sleep(15.0),
            ],
            Self::NodeDeleted => vec![Step::DeleteNode, Step::Sleep(90.0)],
        }
    }

    /// What puts the cluster right again once the phase's pods are gone.
    pub fn repair(self) -> Vec<Step> {
        match self {
            // A kubelet registers its node when it starts, and only then.
            Self::NodeDeleted => vec![
                Step::Component("kill", "kubelet"),
                Step::Component("start", "kubelet"),
                Step::AwaitNode,
            ],
            _ => Vec::new(),
        }
    }
}

/// A cluster, with everything that its phases leave behind: one recording, one file of the witnesses, its logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Venue {
    Plain,
    /// With the feature gate `ContainerStopSignals`.
    StopSignals,
}

impl Venue {
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::StopSignals => "stop-signals",
        }
    }

    /// Flags of `tests/cluster/up`.
    pub fn cluster_flags(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &[],
            Self::StopSignals => &["--feature-gates", "ContainerStopSignals=true"],
        }
    }
}

#[derive(Clone, Debug)]
pub enum Step {
    /// An object, in the scenario's namespace; `$(ip:POD)` stands for a pod's address.
    Create(Value),
    AwaitRunning(&'static str),
    AwaitPhase(&'static str, &'static str),
    /// Until so many pods of the namespace are Ready.
    AwaitReady(usize),
    AwaitGone(&'static str),
    /// Until a pod's own process wrote so many lines like `hook PreStop start` or `main end`.
    AwaitEntry(&'static str, usize),
    /// Seconds.
    Sleep(f64),
    Delete(&'static str),
    /// With another grace, in seconds.
    DeleteWithGrace(&'static str, u32),
    DeleteAllPods,
    Evict(&'static str),
    /// A merge patch of the object at `PLURAL/NAME`.
    Patch(&'static str, Value),
    DeleteNamespace,
    /// A taint without which nothing else in the suite is hit: all other pods tolerate it.
    Taint,
    Untaint,
    /// `kill`, `stop`, `cont` or `start`, and a component of the cluster.
    Component(&'static str, &'static str),
    DeleteNode,
    /// Until the node is Ready.
    AwaitNode,
    /// Keeps a pod's volume of its own file system busy for so many seconds.
    HoldVolume(&'static str, &'static str, u32),
}

#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: &'static str,
    /// What the table says about it.
    pub about: &'static str,
    pub phase: Phase,
    pub steps: Vec<Step>,
    /// From the begin of the phase's disturbance on.
    pub meanwhile: Vec<Step>,
    /// After the phase's disturbance.
    pub afterwards: Vec<Step>,
    /// What must truly have come about, else the scenario failed to make it: `PreStop Failed`, `Termination ForceKilled`.
    pub shows: &'static [&'static str],
}

impl Scenario {
    /// A pod of the scenario's own name, running, and then deleted.
    pub fn of_pod(
        name: &'static str,
        about: &'static str,
        pod: Value,
        shows: &'static [&'static str],
    ) -> Self {
        let steps = vec![
            Step::Create(pod),
            Step::AwaitRunning("pod"),
            Step::Sleep(1.0),
            Step::Delete("pod"),
            Step::AwaitGone("pod"),
        ];
        Self::of_steps(name, about, steps, shows)
    }

    pub fn of_steps(
        name: &'static str,
        about: &'static str,
        steps: Vec<Step>,
        shows: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            about,
            phase: Phase::Calm,
            steps,
            meanwhile: Vec::new(),
            afterwards: Vec::new(),
            shows,
        }
    }

    pub fn meanwhile(mut self, steps: Vec<Step>) -> Self {
        self.meanwhile = steps;
        self
    }

    pub fn in_phase(mut self, phase: Phase, afterwards: Vec<Step>) -> Self {
        self.phase = phase;
        self.afterwards = afterwards;
        self
    }

    pub fn namespace(&self) -> String {
        format!("h-{}", self.name)
    }
}
