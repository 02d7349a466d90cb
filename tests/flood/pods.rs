//! Pods with both hooks, as observations.

use hookaudit::audit::observation::Observation;
use hookaudit::audit::seen::{
    ContainerSeen, ContainerStatusSeen, ControllerRef, Deletion, EventReason, EventSeen, HookSpec,
    Note, OwnerSeen, Phase, PodSeen, PostStartFailure, Resource, RestartPolicy, StateSeen,
    StatusReason, Subject, TerminatedReason, TerminatedSeen, Uid, WaitingReason,
};
use hookaudit::audit::words::{ContainerType, Handler};
use jiff::{SignedDuration, Timestamp, Unit};

const NAMESPACE: &str = "flood";

pub(crate) fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_100_000 + seconds).unwrap()
}

fn uid(kind: u128, name: &str) -> Uid {
    let digits = name
        .bytes()
        .fold(0_u128, |sum, byte| sum * 131 + u128::from(byte));
    Uid((kind << 120) | (digits % (1 << 120)))
}

/// The ReplicaSet of a Deployment.
pub(crate) fn owner(workload: &str) -> Observation {
    Observation::Owner(OwnerSeen {
        resource: Resource::ReplicaSets,
        namespace: NAMESPACE.into(),
        name: format!("{workload}-5d7c667445").into(),
        uid: uid(1, workload),
        controller: Some(ControllerRef {
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            name: workload.into(),
            uid: Some(uid(2, workload)),
        }),
    })
}

pub(crate) struct Pod {
    seen: PodSeen,
}

impl Pod {
    pub(crate) fn new(number: u32, workload: &str) -> Self {
        let exec = || {
            Some(HookSpec {
                handler: Handler::Exec,
                sleep_seconds: None,
                program: Some("sh".into()),
                digest: Some("0123456789ab".into()),
                port: None,
                scheme: None,
            })
        };
        let container = ContainerSeen {
            post_start: exec(),
            pre_stop: exec(),
            ..ContainerSeen::plain("app", ContainerType::Container)
        };
        let name = format!("{workload}-5d7c667445-{number:05}");
        let seen = PodSeen {
            namespace: NAMESPACE.into(),
            uid: Uid((3 << 120) | u128::from(number)),
            name: name.into(),
            created_at: Some(moment(0)),
            generation: Some(1),
            observed_generation: Some(1),
            deletion: None,
            finalizers: Vec::new(),
            controller: Some(ControllerRef {
                api_version: "apps/v1".into(),
                kind: "ReplicaSet".into(),
                name: format!("{workload}-5d7c667445").into(),
                uid: Some(uid(1, workload)),
            }),
            node: Some(format!("node-{}", number % 100).into()),
            grace_seconds: 30,
            restart_policy: RestartPolicy::Always,
            phase: Phase::Pending,
            status_reason: StatusReason::None,
            disruption: None,
            ready: false,
            static_pod_uid: None,
            containers: vec![container],
        };
        Self { seen }
    }

    fn shown(&self, state: StateSeen) -> PodSeen {
        let mut seen = self.seen.clone();
        seen.phase = match state {
            StateSeen::Running { .. } => Phase::Running,
            StateSeen::Terminated(_) => Phase::Succeeded,
            _ => Phase::Pending,
        };
        seen.containers[0].status = Some(ContainerStatusSeen {
            restart_count: 0,
            container_id: Some(1),
            state,
            last: None,
        });
        seen
    }

    pub(crate) fn starting(&self) -> Observation {
        let reason = WaitingReason::ContainerCreating;
        let state = StateSeen::Waiting {
            reason,
            failure: None,
        };
        Observation::Pod(Box::new(self.shown(state)))
    }

    fn seen_running(&self) -> PodSeen {
        let started_at = Some(moment(1));
        self.shown(StateSeen::Running { started_at })
    }

    pub(crate) fn running(&self) -> Observation {
        Observation::Pod(Box::new(self.seen_running()))
    }

    fn stopping(mut seen: PodSeen, at: Timestamp) -> PodSeen {
        let grace_seconds = seen.grace_seconds;
        let deadline = at.checked_add(SignedDuration::from_secs(grace_seconds));
        let deadline = deadline.unwrap().round(Unit::Second).unwrap();
        seen.deletion = Some(Deletion {
            deadline,
            grace_seconds,
        });
        seen
    }

    pub(crate) fn deleted(&self, at: Timestamp) -> Observation {
        Observation::Pod(Box::new(Self::stopping(self.seen_running(), at)))
    }

    /// The last state of a pod that was asked to stop and whose container got a SIGKILL.
    pub(crate) fn gone(&self, asked_at: Timestamp, at: Timestamp) -> Observation {
        let killed = TerminatedSeen {
            exit_code: 137,
            reason: TerminatedReason::Error,
            started_at: Some(moment(1)),
            finished_at: Some(at),
            container_id: Some(1),
        };
        let seen = self.shown(StateSeen::Terminated(killed));
        Observation::PodGone(Box::new(Self::stopping(seen, asked_at)))
    }

    /// The state of a container whose postStart failed.
    pub(crate) fn failed(&self, at: Timestamp) -> Observation {
        let reason = WaitingReason::PostStartHookError;
        let failure = Some(PostStartFailure::Exit(7));
        let mut seen = self.shown(StateSeen::Waiting { reason, failure });
        if let Some(status) = &mut seen.containers[0].status {
            status.last = Some(TerminatedSeen {
                exit_code: 137,
                reason: TerminatedReason::Error,
                started_at: Some(moment(1)),
                finished_at: Some(at),
                container_id: Some(1),
            });
        }
        Observation::Pod(Box::new(seen))
    }

    pub(crate) fn event(&self, reason: EventReason, note: Note, at: Timestamp) -> Observation {
        let number = u32::from(reason == EventReason::Killing);
        self.told(reason, note, number, 1, at)
    }

    pub(crate) fn event_named(
        &self,
        reason: EventReason,
        number: u32,
        count: u32,
        at: Timestamp,
    ) -> Observation {
        self.told(reason, Note::None, number, count, at)
    }

    fn told(
        &self,
        reason: EventReason,
        note: Note,
        number: u32,
        count: u32,
        at: Timestamp,
    ) -> Observation {
        Observation::Event(Box::new(EventSeen {
            namespace: NAMESPACE.into(),
            name: format!("{}.{number:x}", self.seen.name).into(),
            subject: Subject::Pod {
                namespace: NAMESPACE.into(),
                name: self.seen.name.clone(),
                uid: Some(self.seen.uid),
                container: Some("app".into()),
            },
            reason,
            note,
            count,
            named_at: None,
            resource_version: 0,
            first_at: Some(at),
            last_at: Some(at),
            created_at: Some(at),
            warning: reason != EventReason::Killing,
            host: self.seen.node.clone(),
            from_kubelet: true,
        }))
    }
}
