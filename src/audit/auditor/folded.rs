//! Pods that the first list shows at rest. Their Events are listed after them, and may open their cases again: until
//! then so much of each is kept as it does not share with the others of its workload.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::Auditor;
use crate::audit::case::instance::Seen;
use crate::audit::owners::WorkloadId;
use crate::audit::roster::PodRow;
use crate::audit::seen::{ContainerStatusSeen, PodSeen, StateSeen, Uid};

#[derive(Debug, Default)]
pub(super) struct Folded {
    pods: BTreeMap<Uid, FoldedPod>,
    /// The last one of each workload.
    templates: BTreeMap<WorkloadId, Arc<PodSeen>>,
}

#[derive(Debug)]
struct FoldedPod {
    template: Arc<PodSeen>,
    /// Per container, as in the template.
    statuses: Box<[Option<Status>]>,
}

/// Nearly all of them are of containers that run and never ended.
#[derive(Debug)]
pub(super) enum Status {
    Runs {
        restart_count: u32,
        container_id: Option<u64>,
        started_seconds: Option<i64>,
    },
    Other(Box<ContainerStatusSeen>),
}

impl Folded {
    fn insert(&mut self, workload: WorkloadId, pod: &PodSeen) {
        let mut template = PodSeen {
            name: "".into(),
            uid: Uid(0),
            node: None,
            created_at: None,
            ..pod.clone()
        };
        let own = template.containers.iter_mut();
        let statuses = own
            .map(|container| container.status.take().map(Status::from))
            .collect();
        let known = self.templates.get(&workload);
        let template = match known.filter(|known| ***known == template) {
            Some(known) => Arc::clone(known),
            None => Arc::new(template),
        };
        self.templates.insert(workload, Arc::clone(&template));
        let pod_of = FoldedPod { template, statuses };
        self.pods.insert(pod.uid, pod_of);
    }

    pub(super) fn remove(&mut self, uid: Uid) {
        self.pods.remove(&uid);
    }

    /// The pod as it was listed.
    fn take(&mut self, row: &PodRow<'_>) -> Option<PodSeen> {
        let FoldedPod { template, statuses } = self.pods.remove(&row.uid)?;
        let created = row.created_seconds;
        let mut pod = PodSeen {
            name: row.name.into(),
            uid: row.uid,
            node: row.node.map(Box::from),
            created_at: created.and_then(|seconds| Timestamp::from_second(seconds).ok()),
            ..PodSeen::clone(&template)
        };
        for (container, status) in pod.containers.iter_mut().zip(statuses) {
            container.status = status.map(ContainerStatusSeen::from);
        }
        Some(pod)
    }

    /// Workload and time of each start of a container with a postStart.
    pub(super) fn starts(&self) -> impl Iterator<Item = (Uid, Timestamp)> + '_ {
        self.pods.iter().flat_map(|(uid, pod)| {
            let containers = pod.template.containers.iter().zip(&pod.statuses);
            let started = |status: &Option<Status>| match status {
                Some(Status::Runs {
                    started_seconds, ..
                }) => Timestamp::from_second((*started_seconds)?).ok(),
                Some(Status::Other(status)) => match &status.state {
                    StateSeen::Running { started_at } => *started_at,
                    StateSeen::Terminated(end) => end.started_at,
                    _ => None,
                },
                None => None,
            };
            containers
                .filter(|(container, _)| container.post_start.is_some())
                .filter_map(move |(_, status)| Some((*uid, started(status)?)))
        })
    }
}

impl From<ContainerStatusSeen> for Status {
    fn from(status: ContainerStatusSeen) -> Self {
        match status {
            ContainerStatusSeen {
                restart_count,
                container_id,
                state: StateSeen::Running { started_at },
                last: None,
            } if started_at.is_none_or(|at| at.subsec_nanosecond() == 0) => Self::Runs {
                restart_count,
                container_id,
                started_seconds: started_at.map(Timestamp::as_second),
            },
            _ => Self::Other(Box::new(status)),
        }
    }
}

impl From<Status> for ContainerStatusSeen {
    fn from(status: Status) -> Self {
        match status {
            Status::Runs {
                restart_count,
                container_id,
                started_seconds,
            } => {
                let started_at = started_seconds.and_then(|at| Timestamp::from_second(at).ok());
                Self {
                    restart_count,
                    container_id,
                    state: StateSeen::Running { started_at },
                    last: None,
                }
            }
            Status::Other(status) => *status,
        }
    }
}

impl Auditor {
    /// Keeps of a pod that came to rest in the first lists what its Events may need.
    pub(super) fn fold(&mut self, pod: &PodSeen) {
        let row = self.roster.get(pod.uid);
        if let Some(workload) = row.map(|row| row.workload)
            && self.resting.contains_key(&pod.uid)
            && !self.is_synced()
        {
            self.folded.insert(workload, pod);
        }
    }

    /// An Event of a folded pod is listed: its case is opened again.
    pub(super) fn unfold(&mut self, uid: Uid) {
        let row = self.roster.get(uid);
        if let Some(pod) = row.and_then(|row| self.folded.take(&row)) {
            self.resting.remove(&uid);
            self.observe_case(&pod, Seen::Listed, None);
        }
    }
}
