//! One process: the core, how far its watches have come, and what it wrote.

use std::collections::BTreeMap;

use hookaudit::api::{HookAudit, HookAuditSpec, HookAuditStatus, TargetRef, base, name_for};
use hookaudit::audit::auditor::{Auditor, Settings, Transition};
use hookaudit::audit::observation::{Observation, ReportSeen};
use hookaudit::audit::seen::{ControllerRef, EventSeen, Resource, Stream, Subject, Thresholds};
use hookaudit::audit::snapshot::Workload;
use jiff::Timestamp;

use crate::plan::Lags;

/// What the API server keeps of its changes, per stream, in the order of their resourceVersions.
pub(crate) type Log = BTreeMap<Stream, Vec<(Timestamp, Observation)>>;

/// A watch that is behind for so long is known to be broken.
const BROKEN_AFTER_SECONDS: i64 = 130;

/// The Events that the API server holds, by name.
pub(crate) type Events = BTreeMap<Box<str>, EventSeen>;

pub(crate) struct Replica {
    pub(crate) auditor: Auditor,
    cursors: BTreeMap<Stream, usize>,
    /// Seconds that each stream is behind.
    lags: BTreeMap<Stream, u32>,
    /// Streams that tell nothing.
    silences: BTreeMap<Stream, Silence>,
}

struct Silence {
    from: Timestamp,
    until: Timestamp,
    is_told: bool,
}

pub(crate) fn stream(resource: Resource, reason: Option<&str>) -> Stream {
    Stream {
        resource,
        selector: reason.map(|reason| format!("reason={reason}").into()),
    }
}

impl Replica {
    /// A process that lists everything there is, and watches from there.
    pub(crate) fn start(
        now: Timestamp,
        writer: u64,
        renewed_at: Option<Timestamp>,
        log: &Log,
        state: &BTreeMap<Stream, Vec<Observation>>,
        lags: Lags,
    ) -> Self {
        let streams: Vec<Stream> = log.keys().cloned().collect();
        let auditor = Auditor::new(Settings {
            writer,
            seed: writer,
            streams: streams.clone(),
            ..Settings::default()
        });
        let shift = usize::try_from(writer).unwrap_or_default();
        let lags = streams.iter().enumerate().map(|(number, stream)| {
            let lag = lags.streams[(number + shift) % lags.streams.len()];
            let silence = match stream.resource {
                Resource::Events => lags.events[(number + shift) % lags.events.len()],
                _ => 0,
            };
            (stream.clone(), lag + silence)
        });
        let mut replica = Self {
            auditor,
            cursors: log
                .iter()
                .map(|(stream, lines)| (stream.clone(), lines.len()))
                .collect(),
            lags: lags.collect(),
            silences: BTreeMap::new(),
        };
        if let Some(renewed_at) = renewed_at {
            replica
                .auditor
                .handle(now, Observation::Leader { renewed_at });
        }
        let order = [
            Resource::HookAudits,
            Resource::ReplicaSets,
            Resource::Pods,
            Resource::Events,
        ];
        for resource in order {
            for stream in streams.iter().filter(|stream| stream.resource == resource) {
                for observation in state.get(stream).into_iter().flatten() {
                    replica.auditor.handle(now, observation.clone());
                }
                replica
                    .auditor
                    .handle(now, Observation::Synced(stream.clone()));
            }
        }
        replica.drain();
        replica
    }

    /// Takes what came on every stream until `now`, less its lag.
    pub(crate) fn take(&mut self, now: Timestamp, log: &Log, events: &Events) {
        for (stream, lines) in log {
            if self.is_silent(now, stream) {
                continue;
            }
            if self
                .silences
                .remove(stream)
                .is_some_and(|silence| silence.is_told)
            {
                self.list(now, stream, lines.len(), events);
            }
            let cursor = self.cursors.entry(stream.clone()).or_default();
            let lag = jiff::SignedDuration::from_secs(i64::from(self.lags[stream]));
            while let Some((at, observation)) = lines.get(*cursor)
                && *at + lag <= now
            {
                self.auditor.handle(now, observation.clone());
                *cursor += 1;
            }
        }
        self.auditor.handle_timeout(now);
        self.answer(now, events);
    }

    /// Nothing comes on the stream for so many seconds.
    pub(crate) fn silence(&mut self, now: Timestamp, stream: Stream, seconds: u32) {
        let silence = Silence {
            from: now,
            until: now + jiff::SignedDuration::from_secs(i64::from(seconds)),
            is_told: false,
        };
        self.silences.entry(stream).or_insert(silence);
    }

    fn is_silent(&mut self, now: Timestamp, stream: &Stream) -> bool {
        let Some(silence) = self.silences.get_mut(stream) else {
            return false;
        };
        let after = BROKEN_AFTER_SECONDS - i64::from(self.lags[stream]);
        let broken_at = silence.from + jiff::SignedDuration::from_secs(after);
        if !silence.is_told && broken_at <= now.min(silence.until) {
            silence.is_told = true;
            self.auditor
                .handle(now, Observation::Relist(stream.clone()));
        }
        now < silence.until
    }

    /// The broken watch of Events is listed anew.
    fn list(&mut self, now: Timestamp, stream: &Stream, reached: usize, events: &Events) {
        let selector = stream.selector.as_deref().unwrap_or_default();
        let of_stream = |event: &&EventSeen| selector.ends_with(event.reason.as_str());
        for event in events.values().filter(of_stream) {
            let event = Observation::Event(Box::new(event.clone()));
            self.auditor.handle(now, event);
        }
        self.auditor
            .handle(now, Observation::Synced(stream.clone()));
        self.cursors.insert(stream.clone(), reached);
    }

    /// Finds the Events that the core asks for, far ahead of their watches.
    fn answer(&mut self, now: Timestamp, events: &Events) {
        while let Some(transition) = self.auditor.poll_transition() {
            let Transition::Lookup { uid: asked, .. } = transition else {
                continue;
            };
            let is_of_pod = |event: &&EventSeen| matches!(event.subject, Subject::Pod { uid: Some(uid), .. } if uid == asked);
            for event in events.values().filter(is_of_pod) {
                self.auditor
                    .handle(now, Observation::Found(Box::new(event.clone())));
            }
        }
    }

    /// The watches of Events broke, and are listed again, in any order.
    pub(crate) fn relist(&mut self, now: Timestamp, log: &Log, events: &Events) {
        self.silences.clear();
        for (stream, lines) in log
            .iter()
            .filter(|(stream, _)| stream.resource == Resource::Events)
        {
            self.auditor
                .handle(now, Observation::Relist(stream.clone()));
            self.list(now, stream, lines.len(), events);
        }
        self.drain();
    }

    fn drain(&mut self) {
        while self.auditor.poll_transition().is_some() {}
    }
}

/// The object that a writer makes of a workload, through the text that the API holds.
pub(crate) fn written(workload: &Workload, version: u64) -> HookAudit {
    let spec = HookAuditSpec {
        target_ref: TargetRef::of(&workload.target),
        thresholds: None,
        suppressions: Vec::new(),
    };
    let mut audit = HookAudit::new(&name_for(&workload.target), spec);
    audit.metadata.namespace = Some(workload.namespace.to_string());
    audit.metadata.resource_version = Some(version.to_string());
    if let Some(uid) = workload.uid {
        audit.metadata.owner_references = Some(vec![owner(workload, &uid.to_string())]);
    }
    audit.status = Some(HookAuditStatus::from(workload));
    let text = serde_json::to_string(&audit).expect("an object is text");
    serde_json::from_str(&text).expect("what was written is read")
}

fn owner(
    workload: &Workload,
    uid: &str,
) -> k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference {
    k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference {
        api_version: workload.target.api_version.to_string(),
        kind: workload.target.kind.to_string(),
        name: workload.target.name.to_string(),
        uid: uid.to_owned(),
        ..Default::default()
    }
}

/// What a watch tells of the object.
pub(crate) fn seen(audit: &HookAudit) -> Observation {
    let target = &audit.spec.target_ref;
    Observation::Report(Box::new(ReportSeen {
        namespace: audit.metadata.namespace.clone().unwrap_or_default().into(),
        name: audit.metadata.name.clone().unwrap_or_default().into(),
        uid: None,
        resource_version: audit
            .metadata
            .resource_version
            .clone()
            .unwrap_or_default()
            .into(),
        target: ControllerRef {
            api_version: target.api_version.as_str().into(),
            kind: target.kind.as_str().into(),
            name: target.name.as_str().into(),
            uid: audit.owner_uids().next(),
        },
        thresholds: Thresholds::default(),
        base: audit.status.as_ref().and_then(base).map(Box::new),
    }))
}
