use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;

use super::super::replay::{listed_streams, replay, warnings};
use super::{Told, WhyError, merged};
use crate::audit::auditor::Settings;
use crate::audit::observation::Observation;
use crate::audit::record::Incident;
use crate::audit::seen::{PodSeen, Uid};
use crate::report::why::{Presence, Source, Subject};
use crate::source::recording::{Entry, Recording, RecordingError};

/// Replays a recording up to a moment and tells of one pod; of several by that name, the last.
pub(super) fn tell(
    path: &Path,
    at: Option<Timestamp>,
    namespace: Option<&str>,
    pod: &str,
) -> Result<Told, WhyError> {
    let mut recording = Recording::open(path)?;
    let mut onlooker = Onlooker::new(at, namespace, pod);
    let entries = std::iter::from_fn(|| onlooker.next(&mut recording));
    let settings = Settings {
        streams: listed_streams(path)?,
        ..Settings::default()
    };
    let contents = replay(entries, settings)?;
    let file = path.display().to_string();
    let namespaces: BTreeSet<&str> = onlooker
        .found
        .values()
        .map(|found| &*found.pod.namespace)
        .collect();
    if namespaces.len() > 1 {
        return Err(WhyError::Ambiguous {
            file,
            pod: pod.to_owned(),
            namespaces: namespaces.into_iter().collect::<Vec<_>>().join(", "),
        });
    }
    let last = onlooker.found.values().max_by_key(|found| found.place);
    let (Some(found), Some(now)) = (last, onlooker.now) else {
        return Err(WhyError::NotRecorded {
            file,
            pod: pod.to_owned(),
        });
    };
    let uid = found.pod.uid;
    let reports = contents.pods.into_iter();
    let mut incidents: Vec<Incident> = contents
        .workloads
        .iter()
        .flat_map(|workload| &workload.incidents)
        .filter(|incident| incident.pod_uid == uid)
        .cloned()
        .collect();
    incidents.sort_by_key(|incident| incident.at);
    let subject = Subject {
        now,
        source: Source::Recording,
        presence: found.presence,
        report: merged(
            reports.filter(|report| report.pod.uid == uid).collect(),
            &found.pod,
        ),
        incidents,
        gaps: contents.gaps,
        unread: Vec::new(),
    };
    Ok(Told {
        subject,
        warnings: warnings(path, recording.notices()),
    })
}

/// Reads along, and remembers every pod of the name that is looked for.
struct Onlooker<'a> {
    at: Option<Timestamp>,
    namespace: Option<&'a str>,
    name: &'a str,
    now: Option<Timestamp>,
    is_over: bool,
    found: BTreeMap<Uid, Found>,
}

struct Found {
    pod: PodSeen,
    presence: Presence,
    /// How many were found before it.
    place: usize,
}

impl<'a> Onlooker<'a> {
    const fn new(at: Option<Timestamp>, namespace: Option<&'a str>, name: &'a str) -> Self {
        Self {
            at,
            namespace,
            name,
            now: None,
            is_over: false,
            found: BTreeMap::new(),
        }
    }

    /// The next entry up to the moment, and then that moment itself.
    fn next(
        &mut self,
        recording: &mut Recording,
    ) -> Option<Result<(Timestamp, Observation), RecordingError>> {
        if self.is_over {
            return None;
        }
        let entry = match recording.next()? {
            Ok(entry) => entry,
            Err(error) => return Some(Err(error)),
        };
        if let Some(at) = self.at.filter(|at| entry.at > *at) {
            self.is_over = true;
            self.now = Some(at);
            return Some(Ok((at, Observation::Tick)));
        }
        self.look(&entry);
        Some(Ok((entry.at, entry.observation)))
    }

    fn look(&mut self, entry: &Entry) {
        self.now = Some(entry.at);
        let (pod, presence) = match &entry.observation {
            Observation::Pod(pod) => (pod, Presence::Here(pod.phase)),
            Observation::PodGone(pod) => (pod, Presence::Gone),
            _ => return,
        };
        let wanted = *pod.name == *self.name
            && self
                .namespace
                .is_none_or(|namespace| *pod.namespace == *namespace);
        if wanted {
            let place = self.found.len();
            let place = self.found.get(&pod.uid).map_or(place, |found| found.place);
            let pod = (**pod).clone();
            self.found.insert(
                pod.uid,
                Found {
                    pod,
                    presence,
                    place,
                },
            );
        }
    }
}
