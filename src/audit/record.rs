//! What the core concludes: runs, terminations and incidents, as plain values.

use std::time::Duration;

use jiff::Timestamp;

use super::moment::Moment;
use super::seen::{EventReason, Note, Resource, Uid};
use super::words::{
    AttemptReason, Cause, Confidence, ContainerType, Handler, Hook, IncidentType, Outcome, Reason,
    TerminationResult, Trigger,
};

/// A duration known to lie between two bounds; an open end has no maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    pub min: Duration,
    pub max: Option<Duration>,
}

impl Interval {
    pub const ZERO: Self = Self {
        min: Duration::ZERO,
        max: Some(Duration::ZERO),
    };
    pub const OPEN: Self = Self {
        min: Duration::ZERO,
        max: None,
    };

    /// The interval `[min, max]`, each bound cut at zero, the maximum never below the minimum.
    #[must_use]
    pub fn between_seconds(min: f64, max: f64) -> Self {
        let min = Duration::try_from_secs_f64(min.max(0.0)).unwrap_or_default();
        let max = Duration::try_from_secs_f64(max.max(0.0)).unwrap_or(min);
        Self {
            min,
            max: Some(max.max(min)),
        }
    }
}

/// The workload that a pod is told under: its top controller, or `barepods` of its namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadRef {
    pub api_version: Box<str>,
    pub kind: Box<str>,
    pub name: Box<str>,
}

impl WorkloadRef {
    /// The workload of pods without a controller.
    #[must_use]
    pub fn bare_pods() -> Self {
        Self {
            api_version: "v1".into(),
            kind: "Pod".into(),
            name: "barepods".into(),
        }
    }
}

/// The pod that a run or termination belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodRef {
    pub namespace: Box<str>,
    pub name: Box<str>,
    pub uid: Uid,
    pub node: Option<Box<str>>,
    pub workload: WorkloadRef,
}

/// Events that are counted as one: each witness of a postStart failure tells of the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LineKind {
    PostStartFailed,
    PreStopFailed,
    Killing(Note),
}

impl LineKind {
    #[must_use]
    pub const fn of(reason: EventReason, note: Note) -> Option<Self> {
        match (reason, note) {
            (EventReason::FailedPostStartHook, _)
            | (EventReason::Killing, Note::FailedPostStartHook) => Some(Self::PostStartFailed),
            (EventReason::FailedPreStopHook, _) => Some(Self::PreStopFailed),
            (EventReason::Killing, note) => Some(Self::Killing(note)),
            _ => None,
        }
    }
}

/// One occurrence of an Event of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Witness {
    pub kind: LineKind,
    /// When the first occurrence was, which names the Event.
    pub born_at: Timestamp,
    /// From 1.
    pub number: u32,
}

/// One delivery that was due of one hook to one container instance, with its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub container: Box<str>,
    pub container_type: ContainerType,
    /// The instance: how often the container had been restarted.
    pub restart: u32,
    /// 1, and more for further deliveries to the same instance.
    pub attempt: u32,
    pub attempt_reason: Option<AttemptReason>,
    pub hook: Hook,
    pub handler: Handler,
    pub trigger: Option<Trigger>,
    pub outcome: Outcome,
    /// `None` for `Running` and `Unknown`.
    pub confidence: Option<Confidence>,
    pub settled: bool,
    pub reason: Option<Reason>,
    /// The hook's own exit code; the API never shows it for preStop.
    pub exit_code: Option<i32>,
    pub container_exit_code: Option<i32>,
    pub stuck: bool,
    pub started_at: Option<Timestamp>,
    pub duration: Interval,
    /// The effective grace.
    pub grace_seconds: Option<i64>,
    /// Part of a postStart failure's cascade, which is not told twice.
    pub cascade: bool,
    pub evidence: Vec<Box<str>>,
    /// What told of its failure, or else of its beginning, where an Event did.
    pub witness: Option<Witness>,
}

impl Run {
    /// A run of which nothing is known yet but what it is a run of.
    #[must_use]
    pub fn new(
        container: &str,
        container_type: ContainerType,
        restart: u32,
        hook: Hook,
        handler: Handler,
    ) -> Self {
        Self {
            container: container.into(),
            container_type,
            restart,
            attempt: 1,
            attempt_reason: None,
            hook,
            handler,
            trigger: None,
            outcome: Outcome::Unknown,
            confidence: None,
            settled: false,
            reason: None,
            exit_code: None,
            container_exit_code: None,
            stuck: false,
            started_at: None,
            duration: Interval::OPEN,
            grace_seconds: None,
            cascade: false,
            evidence: Vec::new(),
            witness: None,
        }
    }
}

/// Where the time of a termination went, for the container that ended last, in the same second as others perhaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// Until the stop began.
    pub wait: Option<Interval>,
    pub hook: Option<Interval>,
    pub shutdown: Option<Interval>,
    pub teardown: Option<Interval>,
}

impl Spent {
    /// Either of the two was it.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let either = |one: Option<Interval>, other: Option<Interval>| match (one, other) {
            (Some(one), Some(other)) => Some(Interval {
                min: one.min.min(other.min),
                max: one.max.zip(other.max).map(|(one, other)| one.max(other)),
            }),
            _ => one.or(other),
        };
        Self {
            wait: either(self.wait, other.wait),
            hook: either(self.hook, other.hook),
            shutdown: either(self.shutdown, other.shutdown),
            teardown: either(self.teardown, other.teardown),
        }
    }
}

/// One termination of one pod uid, with its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Termination {
    pub trigger: Trigger,
    pub requested_at: Timestamp,
    pub deadline: Option<Timestamp>,
    pub grace_seconds: Option<i64>,
    pub containers_ended_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// `None` while open.
    pub result: Option<TerminationResult>,
    pub cause: Cause,
    /// `None` where the result or cause is `Unknown`.
    pub confidence: Option<Confidence>,
    pub settled: bool,
    pub overdue: Duration,
    pub spent: Spent,
    pub finalizers: Vec<Box<str>>,
    pub evidence: Vec<Box<str>>,
}

/// Everything concluded about one pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodReport {
    pub pod: PodRef,
    pub runs: Vec<Run>,
    pub termination: Option<Termination>,
    /// What the cluster stamped, earliest first; the newest of many.
    pub signs: Vec<Sign>,
}

/// One thing that the cluster stamped, as a timeline shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    pub at: Moment,
    pub container: Option<Box<str>>,
    pub kind: SignKind,
}

/// What a sign tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignKind {
    Event(EventReason),
    /// `startedAt`.
    Started,
    /// `finishedAt`.
    Ended {
        exit_code: i32,
        out_of_memory: bool,
    },
    /// A deletion deadline after the first; its time is ours.
    GraceSet {
        deadline: Timestamp,
        grace_seconds: i64,
    },
}

/// A run or termination worth telling a person about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    pub incident_type: IncidentType,
    pub at: Timestamp,
    pub pod: Box<str>,
    pub pod_uid: Uid,
    pub node: Option<Box<str>>,
    pub container: Option<Box<str>>,
    pub hook: Option<Hook>,
    /// The instance, which with pod, container and type names the incident for good.
    pub restart: u32,
    pub outcome: Option<Outcome>,
    pub reason: Option<Reason>,
    pub cause: Option<Cause>,
    pub confidence: Option<Confidence>,
    pub duration: Option<Interval>,
    pub grace_seconds: Option<i64>,
    pub exit_code: Option<i32>,
    pub evidence: Vec<Box<str>>,
}

/// A stretch of time in which something could not be seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    pub from: Timestamp,
    pub to: Timestamp,
    pub resource: Resource,
    pub reason: GapReason,
}

/// Why something could not be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GapReason {
    /// A watch broke and its resource was listed again.
    Relisted,
    /// A bound was reached and an entry pushed out.
    BoundReached,
    /// The name of a pod that is gone looked generated and fits no owner.
    Unattributed,
    /// No process watched.
    NotWatched,
}

impl GapReason {
    pub const ALL: &'static [Self] = &[
        Self::Relisted,
        Self::BoundReached,
        Self::Unattributed,
        Self::NotWatched,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Relisted => "Relisted",
            Self::BoundReached => "BoundReached",
            Self::Unattributed => "Unattributed",
            Self::NotWatched => "NotWatched",
        }
    }
}
