//! What a pod shows of itself as its plan is carried out, and what truly happened.

use hookaudit::audit::observation::Observation;
use hookaudit::audit::seen::{
    ContainerSeen, ContainerStatusSeen, ControllerRef, Deletion, EventReason, EventSeen, HookSpec,
    Note, OwnerSeen, Phase, PodSeen, PostStartFailure, Resource, RestartPolicy, StateSeen,
    StatusReason, Subject, TerminatedReason, TerminatedSeen, Uid, WaitingReason,
};
use hookaudit::audit::words::{ContainerType, Handler};
use jiff::Timestamp;

use crate::plan::{Owner, PodPlan, PreStop};
use crate::world::{Tallies, at};

const GRACE_SECONDS: i64 = 6;
const REPLICA_SET: &str = "web-7d9f5c6b8";
const DEPLOYMENT_UID: Uid = Uid(0xdeb);
const DAEMON_SET_UID: Uid = Uid(0xdae);
const REPLICA_SET_UID: Uid = Uid(0x4e5);

/// Something that the API server takes.
pub(crate) enum Step {
    Pod(Box<PodSeen>),
    Gone(Box<PodSeen>),
    Event {
        pod: Named,
        reason: EventReason,
        note: Note,
    },
}

#[derive(Clone)]
pub(crate) struct Named {
    pub(crate) name: Box<str>,
    pub(crate) uid: Uid,
}

/// The pod, and the time of its script.
struct Life<'a> {
    pod: PodSeen,
    now: f64,
    restart: u32,
    last: Option<TerminatedSeen>,
    started: f64,
    steps: Vec<(Timestamp, Step)>,
    truth: &'a mut Tallies,
}

/// The steps of one pod.
pub(crate) fn steps(number: usize, plan: &PodPlan, truth: &mut Tallies) -> Vec<(Timestamp, Step)> {
    let mut life = Life {
        pod: pod(number, plan.owner, plan.starts),
        now: f64::from(plan.starts) + 0.3,
        restart: 0,
        last: None,
        started: 0.0,
        steps: Vec::new(),
        truth,
    };
    let creating = StateSeen::Waiting {
        reason: WaitingReason::ContainerCreating,
        failure: None,
    };
    life.show(life.now, creating);
    for _ in 0..plan.post_start_failures {
        life.post_start_fails(plan.fails_twice);
        life.now += f64::from(plan.pace);
        life.restart += 1;
    }
    life.comes_up();
    for _ in 0..plan.probe_kills {
        life.now += f64::from(plan.pace);
        life.probe_kills();
        life.restart += 1;
        life.comes_up();
    }
    if let Some(after) = plan.deleted_after {
        life.now += f64::from(after);
        life.is_deleted(plan.pre_stop);
    }
    life.steps
}

impl Life<'_> {
    /// The container starts, its postStart fails, and its preStop after it.
    fn post_start_fails(&mut self, fails_twice: bool) {
        let started = self.now + 1.0;
        self.event(started + 0.5, EventReason::FailedPostStartHook, Note::None);
        self.event(
            started + 0.501,
            EventReason::Killing,
            Note::FailedPostStartHook,
        );
        if fails_twice {
            self.event(started + 0.9, EventReason::FailedPreStopHook, Note::None);
            self.truth.failed += 1;
        } else {
            self.truth.succeeded += 1;
        }
        let end = self.end(started, started + 1.5, 143);
        self.last = Some(end);
        let state = StateSeen::Waiting {
            reason: WaitingReason::PostStartHookError,
            failure: Some(PostStartFailure::Exit(7)),
        };
        self.show(started + 1.8, state);
        self.truth.failed += 1;
        self.now = started + 2.0;
    }

    fn comes_up(&mut self) {
        self.started = self.now + 1.0;
        self.pod.phase = Phase::Running;
        self.pod.ready = true;
        let running = StateSeen::Running {
            started_at: Some(second(self.started)),
        };
        self.now += 2.0;
        self.show(self.now, running);
        self.truth.succeeded += 1;
    }

    /// The kubelet kills the container, whose preStop fails and whose process takes two seconds more.
    fn probe_kills(&mut self) {
        self.event(self.now, EventReason::Killing, Note::LivenessProbe);
        self.event(self.now + 1.0, EventReason::FailedPreStopHook, Note::None);
        let end = self.end(self.started, self.now + 3.0, 0);
        self.last = Some(end);
        self.truth.failed += 1;
        self.now += 3.5;
    }

    fn is_deleted(&mut self, pre_stop: PreStop) {
        let asked = self.now;
        self.pod.deletion = Some(Deletion {
            deadline: second(asked + GRACE_SECONDS as f64),
            grace_seconds: GRACE_SECONDS,
        });
        self.pod.generation = Some(2);
        let state = self.pod.containers[0]
            .status
            .clone()
            .map(|status| status.state);
        let running = state.unwrap_or(StateSeen::None);
        self.show(asked, running.clone());
        self.event(asked + 0.1, EventReason::Killing, Note::StoppingContainer);
        self.pod.observed_generation = Some(2);
        self.show(asked + 0.2, running);
        let ended = match pre_stop {
            PreStop::Succeeds => {
                self.truth.succeeded += 1;
                asked + 2.0
            }
            PreStop::Fails => {
                self.truth.failed += 1;
                self.event(asked + 1.0, EventReason::FailedPreStopHook, Note::None);
                asked + 3.5
            }
            PreStop::Overruns => {
                self.truth.overran += 1;
                self.event(asked + 6.4, EventReason::FailedPreStopHook, Note::None);
                asked + 6.4
            }
        };
        let end = self.end(self.started, ended, 0);
        self.pod.phase = Phase::Succeeded;
        self.show(ended + 0.3, StateSeen::Terminated(end));
        self.pod.deletion = Some(Deletion {
            deadline: second(ended),
            grace_seconds: 0,
        });
        let state = self.pod.containers[0]
            .status
            .clone()
            .map(|status| status.state);
        self.show(ended + 0.5, state.unwrap_or(StateSeen::None));
        self.steps
            .push((at(ended + 0.6), Step::Gone(Box::new(self.pod.clone()))));
        self.truth.terminations += 1;
    }

    fn end(&self, started: f64, finished: f64, exit_code: i32) -> TerminatedSeen {
        TerminatedSeen {
            exit_code,
            reason: TerminatedReason::Completed,
            started_at: Some(second(started)),
            finished_at: Some(second(finished)),
            container_id: Some(u64::from(self.restart) + 1),
        }
    }

    fn show(&mut self, seconds: f64, state: StateSeen) {
        self.pod.containers[0].status = Some(ContainerStatusSeen {
            restart_count: self.restart,
            container_id: Some(u64::from(self.restart) + 1),
            state,
            last: self.last.clone(),
        });
        self.steps
            .push((at(seconds), Step::Pod(Box::new(self.pod.clone()))));
    }

    fn event(&mut self, seconds: f64, reason: EventReason, note: Note) {
        let pod = Named {
            name: self.pod.name.clone(),
            uid: self.pod.uid,
        };
        self.steps
            .push((at(seconds), Step::Event { pod, reason, note }));
    }
}

fn second(seconds: f64) -> Timestamp {
    at(seconds.floor())
}

fn pod(number: usize, owner: Owner, starts: u32) -> PodSeen {
    let suffixes = [
        "bcdfg", "hjklm", "npqrs", "tvwxz", "24567", "89bcd", "fghjk", "lmnpq",
    ];
    let number_bits = u128::try_from(number + 1).unwrap_or_default();
    PodSeen {
        namespace: "shop".into(),
        name: match owner {
            Owner::Deployment => {
                format!("{REPLICA_SET}-{}", suffixes[number % suffixes.len()]).into()
            }
            Owner::DaemonSet => format!("agent-{}", suffixes[number % suffixes.len()]).into(),
            Owner::None => format!("solo{number}").into(),
        },
        uid: Uid(number_bits.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)),
        created_at: Some(second(f64::from(starts))),
        generation: Some(1),
        observed_generation: Some(1),
        deletion: None,
        finalizers: Vec::new(),
        controller: match owner {
            Owner::Deployment => Some(controller("ReplicaSet", REPLICA_SET, REPLICA_SET_UID)),
            Owner::DaemonSet => Some(controller("DaemonSet", "agent", DAEMON_SET_UID)),
            Owner::None => None,
        },
        node: Some("node-1".into()),
        grace_seconds: GRACE_SECONDS,
        restart_policy: RestartPolicy::Always,
        phase: Phase::Pending,
        status_reason: StatusReason::None,
        disruption: None,
        ready: false,
        static_pod_uid: None,
        containers: vec![ContainerSeen {
            post_start: Some(EXEC),
            pre_stop: Some(EXEC),
            ..ContainerSeen::plain("app", ContainerType::Container)
        }],
    }
}

const EXEC: HookSpec = HookSpec {
    handler: Handler::Exec,
    sleep_seconds: None,
    program: None,
    digest: None,
    port: None,
    scheme: None,
};

pub(crate) fn replica_set() -> Observation {
    Observation::Owner(OwnerSeen {
        resource: Resource::ReplicaSets,
        namespace: "shop".into(),
        name: REPLICA_SET.into(),
        uid: REPLICA_SET_UID,
        controller: Some(controller("Deployment", "web", DEPLOYMENT_UID)),
    })
}

fn controller(kind: &str, name: &str, uid: Uid) -> ControllerRef {
    ControllerRef {
        api_version: "apps/v1".into(),
        kind: kind.into(),
        name: name.into(),
        uid: Some(uid),
    }
}

/// An Event of a kubelet, named by the time of its first occurrence.
pub(crate) fn event(
    pod: &Named,
    reason: EventReason,
    note: Note,
    due: Timestamp,
    version: u64,
) -> EventSeen {
    let whole = Timestamp::from_second(due.as_second()).ok();
    EventSeen {
        namespace: "shop".into(),
        name: format!("{}.{:x}", pod.name, due.as_nanosecond()).into(),
        resource_version: version,
        subject: Subject::Pod {
            namespace: "shop".into(),
            name: pod.name.clone(),
            uid: Some(pod.uid),
            container: Some("app".into()),
        },
        reason,
        note,
        count: 1,
        named_at: Some(due),
        first_at: whole,
        last_at: whole,
        created_at: whole,
        warning: reason != EventReason::Killing,
        host: Some("node-1".into()),
        from_kubelet: true,
    }
}
