//! The vocabulary of verdicts: every closed set of words that users meet.

/// Declares a closed vocabulary: its name in reports and resources, and its value in metric labels.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $label:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$word_doc])* $word),+ }

        impl $name {
            /// Every word, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$word),+];

            /// The word as reports, resources and Events write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$word => stringify!($word)),+ }
            }

            /// The word as a metric label value.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$word => $label),+ }
            }

            /// Reads what [`Self::as_str`] wrote.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(self.as_str())
            }
        }
    };
}

words! {
    /// The two moments of a container's life at which a hook is due.
    Hook { PostStart = "postStart", PreStop = "preStop" }
}

words! {
    /// What a hook does. `TCPSocket` is accepted by the API server and never works.
    Handler { Exec = "exec", HTTPGet = "http_get", Sleep = "sleep", TCPSocket = "tcp_socket" }
}

words! {
    /// The kind of container that declares a hook.
    ContainerType {
        Container = "container",
        Init = "init",
        /// An init container with `restartPolicy: Always` (KEP-753).
        Sidecar = "sidecar",
        /// May declare no hook, but can hold a pod's stop.
        Ephemeral = "ephemeral",
    }
}

words! {
    /// What became of one hook run.
    Outcome {
        Succeeded = "succeeded",
        Failed = "failed",
        /// Still going when the pod's own grace ended.
        Overran = "overran",
        /// Still going when an effective grace shorter than the pod's own ended.
        CutShort = "cut_short",
        /// The main process ended while the hook ran.
        Interrupted = "interrupted",
        /// The container ended, or had grace 0, before any hook.
        Skipped = "skipped",
        Running = "running",
        Unknown = "unknown",
    }
}

words! {
    /// Why a run has its outcome.
    Reason {
        NonZeroExit = "non_zero_exit",
        HTTPError = "http_error",
        InvalidHandler = "invalid_handler",
        ContainerDied = "container_died",
        OOMKilled = "oom_killed",
        Unspecified = "unspecified",
        MainExited = "main_exited",
        MainFailed = "main_failed",
        KubeletRestarted = "kubelet_restarted",
        NotObserved = "not_observed",
        EventsRefused = "events_refused",
        EventBudgetSpent = "event_budget_spent",
        ForceDeleted = "force_deleted",
        NodeLost = "node_lost",
    }
}

words! {
    /// Why a hook was delivered again to the same container instance.
    AttemptReason { KubeletRestarted = "kubelet_restarted", Retried = "retried" }
}

words! {
    /// `Confirmed`: no other reading of the evidence exists. `Inferred`: the likeliest of several.
    Confidence { Confirmed = "confirmed", Inferred = "inferred" }
}

words! {
    /// Who asked the pod, or one of its containers, to stop.
    Trigger {
        Deleted = "deleted",
        APIEvicted = "api_evicted",
        PreemptedByScheduler = "preempted_by_scheduler",
        TaintEvicted = "taint_evicted",
        NodePressureEvicted = "node_pressure_evicted",
        PreemptedByKubelet = "preempted_by_kubelet",
        NodeShutdown = "node_shutdown",
        ActiveDeadline = "active_deadline",
        /// Of runs only: one container was restarted, the pod lives on.
        ContainerRestart = "container_restart",
    }
}

words! {
    /// How a termination ended.
    TerminationResult {
        Graceful = "graceful",
        ForceKilled = "force_killed",
        ForceDeleted = "force_deleted",
        NodeLost = "node_lost",
        Unknown = "unknown",
    }
}

words! {
    /// What holds, or held, a termination.
    Cause {
        WithinGrace = "within_grace",
        PreStop = "pre_stop",
        PostStart = "post_start",
        PreStopOrShutdown = "pre_stop_or_shutdown",
        Shutdown = "shutdown",
        ContainerRuntime = "container_runtime",
        Volume = "volume",
        Finalizer = "finalizer",
        NodeUnreachable = "node_unreachable",
        NodeGone = "node_gone",
        KubeletSilent = "kubelet_silent",
        Unknown = "unknown",
    }
}

words! {
    /// A run or termination worth telling a person about.
    IncidentType {
        PostStartFailed = "post_start_failed",
        PostStartStuck = "post_start_stuck",
        PreStopFailed = "pre_stop_failed",
        PreStopOverran = "pre_stop_overran",
        PreStopCutShort = "pre_stop_cut_short",
        PreStopInterrupted = "pre_stop_interrupted",
        PodForceKilled = "pod_force_killed",
        PodForceDeleted = "pod_force_deleted",
        PodLostWithNode = "pod_lost_with_node",
        TerminationOverdue = "termination_overdue",
    }
}

words! {
    /// The conditions of a `HookAudit`, all of positive polarity.
    ConditionType {
        Ready = "ready",
        Healthy = "healthy",
        PostStartHealthy = "post_start_healthy",
        PreStopHealthy = "pre_stop_healthy",
        TerminationHealthy = "termination_healthy",
        ConfigurationValid = "configuration_valid",
    }
}

words! {
    /// The state of a condition.
    ConditionStatus { True = "true", False = "false", Unknown = "unknown" }
}

words! {
    /// What made a run or a termination bad enough to turn a condition False, or a run slow.
    Fault {
        Failed = "failed",
        Overran = "overran",
        Interrupted = "interrupted",
        ForceKilled = "force_killed",
        /// Leaves the condition True and only changes its reason.
        Slow = "slow",
    }
}

words! {
    /// Why a condition turned True again.
    Recovery { CleanRuns = "clean_runs", QuietDay = "quiet_day" }
}

words! {
    /// Why a condition has its status.
    ConditionReason {
        Synced = "synced",
        Syncing = "syncing",
        TargetNotFound = "target_not_found",
        AllHealthy = "all_healthy",
        PreStopOverran = "pre_stop_overran",
        PreStopFailing = "pre_stop_failing",
        PostStartFailing = "post_start_failing",
        PostStartStuck = "post_start_stuck",
        TerminationOverdue = "termination_overdue",
        ForceKilled = "force_killed",
        Succeeding = "succeeding",
        Failing = "failing",
        Overrunning = "overrunning",
        Slow = "slow",
        Stuck = "stuck",
        NoHook = "no_hook",
        NoneOverdue = "none_overdue",
        Overdue = "overdue",
        NotObserved = "not_observed",
        NotEvaluated = "not_evaluated",
    }
}

impl Outcome {
    /// An Event tells of it: the API holds it for an hour. The others rest on what did not come.
    #[must_use]
    pub const fn rests_on_event(self) -> bool {
        matches!(
            self,
            Self::Failed | Self::Overran | Self::CutShort | Self::Interrupted
        )
    }
}
