//! Made-up pods and Events for the core's tests: a script of what the API would have shown.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::tally::key;
use super::{Auditor, Settings, Transition};
use crate::audit::moment::shifted;
use crate::audit::observation::Observation;
use crate::audit::record::{Incident, PodReport, Run, Termination};
use crate::audit::seen::{
    ContainerSeen, ContainerStatusSeen, Deletion, EventReason, EventSeen, HookSpec, Note, Phase,
    PodSeen, PostStartFailure, Resource, RestartPolicy, StateSeen, StatusReason, Stream, Subject,
    TerminatedReason, TerminatedSeen, Uid, WaitingReason,
};
use crate::audit::words::{ContainerType, Handler, Hook};
use jiff::SignedDuration;

/// A time, in seconds after the script's beginning.
pub(super) fn at(seconds: f64) -> Timestamp {
    let start: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    shifted(start, SignedDuration::from_secs_f64(seconds))
}

/// The whole second that a stamp of the API shows.
fn stamp(seconds: f64) -> Timestamp {
    at(seconds.floor())
}

pub(super) const UID: Uid = Uid(7);

pub(super) fn exec() -> HookSpec {
    HookSpec {
        handler: Handler::Exec,
        sleep_seconds: None,
        program: None,
        digest: None,
        port: None,
        scheme: None,
    }
}

pub(super) fn sleep(seconds: i64) -> HookSpec {
    HookSpec {
        handler: Handler::Sleep,
        sleep_seconds: Some(seconds),
        ..exec()
    }
}

/// A bare pod of one container `app` on node `node-1`, and what it shows as time goes.
#[derive(Clone)]
pub(super) struct Script {
    pub(super) pod: PodSeen,
    pub(super) lines: Vec<(f64, Observation)>,
}

impl Script {
    pub(super) fn new(grace_seconds: i64) -> Self {
        let pod = PodSeen {
            namespace: "shop".into(),
            name: "web".into(),
            uid: UID,
            created_at: Some(at(0.0)),
            generation: Some(1),
            observed_generation: Some(1),
            deletion: None,
            finalizers: Vec::new(),
            controller: None,
            node: Some("node-1".into()),
            grace_seconds,
            restart_policy: RestartPolicy::Always,
            phase: Phase::Pending,
            status_reason: StatusReason::None,
            disruption: None,
            ready: false,
            static_pod_uid: None,
            containers: Vec::new(),
        };
        Self {
            pod,
            lines: Vec::new(),
        }
        .container("app", ContainerType::Container)
    }

    pub(super) fn container(mut self, name: &str, container_type: ContainerType) -> Self {
        self.pod
            .containers
            .push(ContainerSeen::plain(name, container_type));
        self
    }

    pub(super) fn hook(mut self, hook: Hook, spec: HookSpec) -> Self {
        let container = self.pod.containers.last_mut().unwrap();
        match hook {
            Hook::PostStart => container.post_start = Some(spec),
            Hook::PreStop => container.pre_stop = Some(spec),
        }
        self
    }

    fn state(&mut self, restart_count: u32, state: StateSeen, last: Option<TerminatedSeen>) {
        let container_id = Some(u64::from(restart_count) + 1);
        let status = ContainerStatusSeen {
            restart_count,
            container_id,
            state,
            last,
        };
        self.pod.containers[0].status = Some(status);
    }

    pub(super) fn waiting(mut self, seconds: f64) -> Self {
        let reason = WaitingReason::ContainerCreating;
        self.state(
            0,
            StateSeen::Waiting {
                reason,
                failure: None,
            },
            None,
        );
        self.show(seconds)
    }

    pub(super) fn running(mut self, seconds: f64, restart: u32, started: f64) -> Self {
        self.pod.phase = Phase::Running;
        self.state(
            restart,
            StateSeen::Running {
                started_at: Some(stamp(started)),
            },
            None,
        );
        self.show(seconds)
    }

    pub(super) fn post_start_error(
        mut self,
        seconds: f64,
        restart: u32,
        exit: i32,
        end: TerminatedSeen,
    ) -> Self {
        let state = StateSeen::Waiting {
            reason: WaitingReason::PostStartHookError,
            failure: Some(PostStartFailure::Exit(exit)),
        };
        self.state(
            restart,
            state,
            Some(TerminatedSeen {
                container_id: Some(u64::from(restart) + 1),
                ..end
            }),
        );
        self.show(seconds)
    }

    /// The container was started again after it ended by itself.
    pub(super) fn restarted(
        mut self,
        seconds: f64,
        restart: u32,
        started: f64,
        end: TerminatedSeen,
    ) -> Self {
        let last = TerminatedSeen {
            container_id: Some(u64::from(restart)),
            ..end
        };
        self.state(
            restart,
            StateSeen::Running {
                started_at: Some(stamp(started)),
            },
            Some(last),
        );
        self.show(seconds)
    }

    pub(super) fn terminated(mut self, seconds: f64, restart: u32, end: TerminatedSeen) -> Self {
        self.pod.phase = if end.exit_code == 0 {
            Phase::Succeeded
        } else {
            Phase::Failed
        };
        let end = TerminatedSeen {
            container_id: Some(u64::from(restart) + 1),
            ..end
        };
        self.state(restart, StateSeen::Terminated(end), None);
        self.show(seconds)
    }

    /// What a kubelet shows of a container that it would have started again.
    pub(super) fn ended_in_back_off(
        mut self,
        seconds: f64,
        restart: u32,
        end: TerminatedSeen,
    ) -> Self {
        let end = TerminatedSeen {
            container_id: Some(u64::from(restart) + 1),
            ..end
        };
        self = self.terminated(seconds, restart, end.clone());
        self.state(restart, StateSeen::Terminated(end.clone()), Some(end));
        self.show(seconds)
    }

    pub(super) fn deleted(mut self, seconds: f64, grace_seconds: i64) -> Self {
        let deadline = stamp(seconds + grace_seconds as f64);
        self.pod.deletion = Some(Deletion {
            deadline,
            grace_seconds,
        });
        self.pod.generation = self.pod.generation.map(|generation| generation + 1);
        self.show(seconds)
    }

    /// The kubelet's status write with which a stop begins.
    pub(super) fn stop_begun(mut self, seconds: f64) -> Self {
        self.pod.observed_generation = self.pod.generation;
        self.show(seconds)
    }

    /// Grace 0, then the end of the object.
    pub(super) fn gone(mut self, seconds: f64) -> Self {
        self.pod.deletion = Some(Deletion {
            deadline: stamp(seconds),
            grace_seconds: 0,
        });
        self = self.show(seconds);
        self.lines
            .push((seconds, Observation::PodGone(Box::new(self.pod.clone()))));
        self
    }

    pub(super) fn show(mut self, seconds: f64) -> Self {
        self.lines
            .push((seconds, Observation::Pod(Box::new(self.pod.clone()))));
        self
    }

    pub(super) fn event(self, seconds: f64, reason: EventReason, note: Note) -> Self {
        self.event_again(seconds, reason, note, seconds, 1)
    }

    pub(super) fn killing(self, seconds: f64) -> Self {
        self.event(seconds, EventReason::Killing, Note::StoppingContainer)
    }

    /// The Event whose first occurrence was at `first`, counted up.
    pub(super) fn event_again(
        mut self,
        seconds: f64,
        reason: EventReason,
        note: Note,
        first: f64,
        count: u32,
    ) -> Self {
        let event = EventSeen {
            namespace: "shop".into(),
            resource_version: 0,
            name: format!("web.{reason:?}.{note:?}.{first}").into(),
            subject: Subject::Pod {
                namespace: "shop".into(),
                name: "web".into(),
                uid: Some(UID),
                container: Some("app".into()),
            },
            reason,
            note,
            count,
            named_at: Some(at(first)),
            first_at: Some(stamp(first)),
            last_at: Some(stamp(seconds)),
            created_at: Some(stamp(first)),
            warning: reason != EventReason::Killing,
            host: Some("node-1".into()),
            from_kubelet: true,
        };
        self.lines
            .push((seconds + 0.05, Observation::Event(Box::new(event))));
        self
    }

    pub(super) fn kubelet_started(mut self, seconds: f64) -> Self {
        let event = EventSeen {
            namespace: "default".into(),
            resource_version: 0,
            name: format!("node-1.{seconds}").into(),
            subject: Subject::Node {
                name: "node-1".into(),
            },
            reason: EventReason::Starting,
            note: Note::StartingKubelet,
            count: 1,
            named_at: Some(at(seconds)),
            first_at: Some(stamp(seconds)),
            last_at: Some(stamp(seconds)),
            created_at: None,
            warning: false,
            host: Some("node-1".into()),
            from_kubelet: true,
        };
        self.lines
            .push((seconds + 0.05, Observation::Event(Box::new(event))));
        self
    }

    /// Plays the script, and lets it rest until everything is settled.
    pub(super) fn play(&self) -> Played {
        self.play_until(600.0)
    }

    pub(super) fn play_until(&self, end: f64) -> Played {
        let mut auditor = Auditor::new(Settings::default());
        auditor.handle(at(-1.0), Observation::Synced(Stream::whole(Resource::Pods)));
        let mut reports = Vec::new();
        let mut incidents = Vec::new();
        for (seconds, observation) in &self.lines {
            auditor.handle(at(*seconds), observation.clone());
        }
        auditor.handle_timeout(at(end));
        while let Some(transition) = auditor.poll_transition() {
            match transition {
                Transition::Closed(report) => reports.push(*report),
                Transition::Incident { incident, .. } => incidents.push(*incident),
                Transition::Lookup { .. } | Transition::Ended(_) => {}
            }
        }
        reports.extend(auditor.open_reports(at(end)));
        Played {
            reports,
            incidents,
            auditor,
        }
    }
}

pub(super) struct Played {
    pub(super) reports: Vec<PodReport>,
    pub(super) incidents: Vec<Incident>,
    pub(super) auditor: Auditor,
}

impl Played {
    /// Of two on the same run the later counts.
    pub(super) fn runs(&self, hook: Hook) -> Vec<&Run> {
        let runs = self.reports.iter().flat_map(|report| &report.runs);
        let runs = runs.filter(|run| run.hook == hook);
        let by_key: BTreeMap<_, _> = runs.map(|run| (key(run), run)).collect();
        by_key.into_values().collect()
    }

    pub(super) fn run(&self, hook: Hook) -> &Run {
        let runs = self.runs(hook);
        assert_eq!(runs.len(), 1, "{runs:#?}");
        runs[0]
    }

    pub(super) fn termination(&self) -> &Termination {
        let found = self.reports.iter().rev();
        let mut found = found.filter_map(|report| report.termination.as_ref());
        found.next().expect("a termination")
    }
}

/// An end with `startedAt` and `finishedAt`.
pub(super) fn end(exit_code: i32, started: f64, finished: f64) -> TerminatedSeen {
    TerminatedSeen {
        exit_code,
        reason: if exit_code == 0 {
            TerminatedReason::Completed
        } else {
            TerminatedReason::Error
        },
        started_at: Some(stamp(started)),
        finished_at: Some(stamp(finished)),
        container_id: None,
    }
}

pub(super) fn oom(started: f64, finished: f64) -> TerminatedSeen {
    TerminatedSeen {
        reason: TerminatedReason::OOMKilled,
        ..end(137, started, finished)
    }
}
