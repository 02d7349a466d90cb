//! What an Event tells.

use jiff::Timestamp;

use super::Uid;

/// A verdict that rests on absence settles this long after the instance's end: the kubelet tries an
/// Event 12 times, 10 s apart (client-go tools/record/event.go).
pub const SETTLE_SECONDS: i64 = 150;

/// What of an Event can matter to a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSeen {
    pub namespace: Box<str>,
    pub name: Box<str>,
    /// `metadata.resourceVersion`, comparable within one resource (KEP-5504); 0 where it is none.
    pub resource_version: u64,
    pub subject: Subject,
    pub reason: EventReason,
    pub note: Note,
    /// `count`, or `series.count`; at least 1.
    pub count: u32,
    /// The time in the Event's name: the first occurrence, to the nanosecond, on the kubelet's clock.
    pub named_at: Option<Timestamp>,
    /// `firstTimestamp` or `eventTime`.
    pub first_at: Option<Timestamp>,
    /// `lastTimestamp` or `series.lastObservedTime`; whole seconds.
    pub last_at: Option<Timestamp>,
    /// `metadata.creationTimestamp`, on the API server's clock.
    pub created_at: Option<Timestamp>,
    pub warning: bool,
    /// `source.host` or `reportingInstance`: the node of a kubelet.
    pub host: Option<Box<str>>,
    /// `source.component` or `reportingComponent` is `kubelet`.
    pub from_kubelet: bool,
}

impl EventSeen {
    /// When its first occurrence was, which names it.
    #[must_use]
    pub fn born_at(&self) -> Option<Timestamp> {
        self.named_at.or(self.first_at).or(self.last_at)
    }

    /// When its latest occurrence was.
    #[must_use]
    pub fn latest_at(&self) -> Option<Timestamp> {
        self.last_at.or_else(|| self.born_at())
    }
}

/// What an Event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Pod {
        namespace: Box<str>,
        name: Box<str>,
        uid: Option<Uid>,
        /// The container named by `fieldPath`.
        container: Option<Box<str>>,
    },
    Node {
        name: Box<str>,
    },
    Other,
}

/// Event reasons that a verdict reads; all others only count against a pod's event budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventReason {
    FailedPostStartHook,
    FailedPreStopHook,
    Killing,
    FailedKillPod,
    ExceededGracePeriod,
    Evicted,
    Preempting,
    Preempted,
    TaintManagerEviction,
    FailedUnMount,
    Starting,
    Shutdown,
    Started,
    Created,
    Pulling,
    Pulled,
    Other,
}

impl EventReason {
    /// Every reason that a verdict reads.
    pub const ALL: &'static [Self] = &[
        Self::FailedPostStartHook,
        Self::FailedPreStopHook,
        Self::Killing,
        Self::FailedKillPod,
        Self::ExceededGracePeriod,
        Self::Evicted,
        Self::Preempting,
        Self::Preempted,
        Self::TaintManagerEviction,
        Self::FailedUnMount,
        Self::Starting,
        Self::Shutdown,
        Self::Started,
        Self::Created,
        Self::Pulling,
        Self::Pulled,
        Self::Other,
    ];

    /// Reads what [`Self::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|reason| reason.as_str() == text)
    }

    /// The reason as the API writes it; `Other` stands for many.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FailedPostStartHook => "FailedPostStartHook",
            Self::FailedPreStopHook => "FailedPreStopHook",
            Self::Killing => "Killing",
            Self::FailedKillPod => "FailedKillPod",
            Self::ExceededGracePeriod => "ExceededGracePeriod",
            Self::Evicted => "Evicted",
            Self::Preempting => "Preempting",
            Self::Preempted => "Preempted",
            Self::TaintManagerEviction => "TaintManagerEviction",
            Self::FailedUnMount => "FailedUnMount",
            Self::Starting => "Starting",
            Self::Shutdown => "Shutdown",
            Self::Started => "Started",
            Self::Created => "Created",
            Self::Pulling => "Pulling",
            Self::Pulled => "Pulled",
            Self::Other => "Other",
        }
    }
}

/// Events whose message decides something; where the reason suffices the note is `None`.
///
/// The texts are the kubelet's constants and templates, 1.33 to 1.37
/// (pkg/kubelet/kuberuntime/kuberuntime_manager.go, kuberuntime_container.go).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Note {
    None,
    StoppingContainer,
    FailedPostStartHook,
    LivenessProbe,
    StartupProbe,
    DefinitionChanged,
    ResizeRestart,
    UnknownState,
    /// `killing`: all containers restart, grace 0, no hook.
    RestartAll,
    /// `Starting kubelet.`
    StartingKubelet,
}
