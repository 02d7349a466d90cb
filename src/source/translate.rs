//! Objects become observations: pure functions that cannot fail.

mod event;
mod pod;

use serde::Deserialize;

use crate::api::{HookAuditStatus, base};
use crate::audit::observation::{Observation, ReportSeen};
use crate::audit::seen::{ControllerRef, NodeReady, NodeSeen, OwnerSeen, Resource, Thresholds};
use crate::redact::{DigestKey, Redactor};

use super::wire::{
    self, ConditionStatus, ConditionType, Field, List, Metadata, Object, Record, TaintKey,
};

/// A group of 253 characters, a slash, and a version of 63.
const NAME_MAX_BYTES: usize = 317;

/// Whether an object is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Present,
    /// Its last state.
    Gone,
}

/// What one object tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translation {
    resource: Resource,
    observation: Option<Observation>,
    defects: Vec<&'static str>,
}

impl Translation {
    /// The object itself, where it can be used, and one defect for each field that could not.
    pub fn into_observations(self) -> impl Iterator<Item = Observation> {
        let resource = self.resource;
        let defect = move |field| Observation::Defect { resource, field };
        self.observation
            .into_iter()
            .chain(self.defects.into_iter().map(defect))
    }

    /// What the status of a `HookAudit` tells, which is decoded whole, and nothing else of it.
    #[must_use]
    pub fn with_status(mut self, json: &str) -> Self {
        if let Some(Observation::Report(report)) = &mut self.observation {
            // What a redaction leaves has the types of the definition, whoever wrote it.
            let redacted = serde_json::from_str(json)
                .map(|object| Redactor::default().object(Resource::HookAudits, &object));
            match redacted.and_then(serde_json::from_value::<Reported>) {
                Ok(Reported { status }) => {
                    report.base = status.as_ref().and_then(base).map(Box::new);
                }
                Err(_) => self.defects.push("status"),
            }
        }
        self
    }

    const fn nothing(resource: Resource) -> Self {
        Self {
            resource,
            observation: None,
            defects: Vec::new(),
        }
    }

    fn unusable(resource: Resource, field: &'static str) -> Self {
        Self {
            defects: vec![field],
            ..Self::nothing(resource)
        }
    }
}

/// The part of a `HookAudit` that is the operator's own.
#[derive(Deserialize)]
struct Reported {
    status: Option<HookAuditStatus>,
}

/// Translates with one key for the digests of commands.
#[derive(Debug, Clone, Default)]
pub struct Translator {
    key: DigestKey,
}

impl Translator {
    #[must_use]
    pub const fn new(key: DigestKey) -> Self {
        Self { key }
    }

    /// Decodes and translates one object.
    #[must_use]
    pub fn object(&self, resource: Resource, presence: Presence, json: &str) -> Translation {
        let decoded = match resource {
            Resource::Pods => decode(json).map(|pod| self.pod(&pod, presence)),
            Resource::Events if presence == Presence::Gone => Some(Translation::nothing(resource)),
            Resource::Events => decode(json).map(|event| self.event(&event, presence)),
            Resource::Nodes => decode(json).map(|node| self.node(&node, presence)),
            Resource::Namespaces => decode(json).map(|object| self.namespace(&object, presence)),
            Resource::ReplicaSets | Resource::Jobs => {
                decode(json).map(|owner| self.owner(resource, &owner, presence))
            }
            Resource::HookAudits => {
                decode(json).map(|report| self.report(&report, presence).with_status(json))
            }
            Resource::Leases => decode(json).map(|lease| Self::lease(&lease)),
        };
        decoded.unwrap_or_else(|| Translation::unusable(resource, "object"))
    }

    #[must_use]
    pub fn pod(&self, pod: &wire::Pod, presence: Presence) -> Translation {
        let mut reading = Reading::default();
        let seen = pod::seen(pod, &self.key, &mut reading).map(Box::new);
        reading.translation(
            Resource::Pods,
            seen.map(|seen| match presence {
                Presence::Present => Observation::Pod(seen),
                Presence::Gone => Observation::PodGone(seen),
            }),
        )
    }

    /// The end of an Event is its expiry, which tells nothing.
    #[must_use]
    pub fn event(&self, event: &wire::Event, presence: Presence) -> Translation {
        if presence == Presence::Gone {
            return Translation::nothing(Resource::Events);
        }
        let mut reading = Reading::default();
        let seen = event::seen(event, &mut reading).map(Box::new);
        reading.translation(Resource::Events, seen.map(Observation::Event))
    }

    #[must_use]
    pub fn node(&self, node: &wire::Node, presence: Presence) -> Translation {
        let mut reading = Reading::default();
        let seen = node_seen(node, &mut reading);
        reading.translation(
            Resource::Nodes,
            seen.map(|seen| match presence {
                Presence::Present => Observation::Node(seen),
                Presence::Gone => Observation::NodeGone { name: seen.name },
            }),
        )
    }

    #[must_use]
    pub fn namespace(&self, namespace: &wire::Namespace, presence: Presence) -> Translation {
        let mut reading = Reading::default();
        let metadata = reading.record(&namespace.metadata, "metadata");
        let name = reading.name(&metadata.name, "metadata.name");
        let status = reading.record(&namespace.status, "status");
        let phase = reading.value(&status.phase, "status.phase");
        let terminating = phase.is_some_and(|phase| phase.as_ref() == "Terminating");
        reading.translation(
            Resource::Namespaces,
            name.map(|name| match presence {
                Presence::Present => Observation::Namespace { name, terminating },
                Presence::Gone => Observation::NamespaceGone { name },
            }),
        )
    }

    /// A ReplicaSet or a Job.
    #[must_use]
    pub fn owner(
        &self,
        resource: Resource,
        owner: &wire::Owner,
        presence: Presence,
    ) -> Translation {
        let mut reading = Reading::default();
        let seen = owner_seen(resource, owner, &mut reading);
        reading.translation(
            resource,
            seen.map(|seen| match presence {
                Presence::Present => Observation::Owner(seen),
                Presence::Gone => Observation::OwnerGone(seen),
            }),
        )
    }

    /// Of the election only the time of its last renewal matters to what was seen.
    fn lease(lease: &wire::Lease) -> Translation {
        let mut reading = Reading::default();
        let spec = reading.record(&lease.spec, "spec");
        let renewed_at = reading.copied(&spec.renew_time, "spec.renewTime");
        let leader = renewed_at.map(|renewed_at| Observation::Leader { renewed_at });
        reading.translation(Resource::Leases, leader)
    }

    #[must_use]
    pub fn report(&self, report: &wire::HookAudit, presence: Presence) -> Translation {
        let mut reading = Reading::default();
        let observation = match presence {
            Presence::Present => {
                report_seen(report, &mut reading).map(|seen| Observation::Report(Box::new(seen)))
            }
            Presence::Gone => {
                let metadata = reading.record(&report.metadata, "metadata");
                let namespace = reading.name(&metadata.namespace, "metadata.namespace");
                let name = reading.name(&metadata.name, "metadata.name");
                namespace
                    .zip(name)
                    .map(|(namespace, name)| Observation::ReportGone { namespace, name })
            }
        };
        reading.translation(Resource::HookAudits, observation)
    }
}

fn decode<T: Object>(json: &str) -> Option<T> {
    let record: Record<T> = serde_json::from_str(json).ok()?;
    (!record.is_wrong).then_some(record.value)
}

/// Whether a text can name an object, or a kind of them: it is shown to people and kept.
fn is_name(text: &str) -> bool {
    (1..=NAME_MAX_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Reads fields and notes those that could not be read.
#[derive(Default)]
struct Reading {
    defects: Vec<&'static str>,
}

impl Reading {
    fn value<'a, T>(&mut self, field: &'a Field<T>, name: &'static str) -> Option<&'a T> {
        if matches!(field, Field::Wrong) {
            self.defects.push(name);
        }
        field.get()
    }

    fn copied<T: Copy>(&mut self, field: &Field<T>, name: &'static str) -> Option<T> {
        self.value(field, name).copied()
    }

    fn required<T: Clone>(&mut self, field: &Field<T>, name: &'static str) -> Option<T> {
        if field.get().is_none() {
            self.defects.push(name);
        }
        field.get().cloned()
    }

    /// A name as the API validates those of objects; an owner's or an Event's subject can be anything.
    fn name(&mut self, field: &Field<Box<str>>, name: &'static str) -> Option<Box<str>> {
        let text = self.required(field, name)?;
        let is_name = is_name(&text);
        if !is_name {
            self.defects.push(name);
        }
        is_name.then_some(text)
    }

    /// Seconds that cannot be less than none.
    fn seconds(&mut self, field: &Field<i64>, name: &'static str) -> Option<i64> {
        let seconds = self.copied(field, name)?;
        if seconds < 0 {
            self.defects.push(name);
        }
        (seconds >= 0).then_some(seconds)
    }

    fn record<'a, T>(&mut self, record: &'a Record<T>, name: &'static str) -> &'a T {
        if record.is_wrong {
            self.defects.push(name);
        }
        &record.value
    }

    /// The elements of a list of objects.
    fn items<'a, T>(
        &mut self,
        field: &'a Field<List<Record<T>>>,
        name: &'static str,
    ) -> impl Iterator<Item = &'a T> + Clone + use<'a, T> {
        let items = self.value(field, name).map_or(&[][..], |list| &list.items);
        if items.iter().any(|item| item.is_wrong) {
            self.defects.push(name);
        }
        let good = items.iter().filter(|item| !item.is_wrong);
        good.map(|item| &item.value)
    }

    fn translation(self, resource: Resource, observation: Option<Observation>) -> Translation {
        Translation {
            resource,
            observation,
            defects: self.defects,
        }
    }
}

fn node_seen(node: &wire::Node, reading: &mut Reading) -> Option<NodeSeen> {
    let metadata = reading.record(&node.metadata, "metadata");
    let name = reading.name(&metadata.name, "metadata.name")?;
    let status = reading.record(&node.status, "status");
    let mut ready = NodeReady::Unknown;
    let mut ready_since = None;
    for condition in reading.items(&status.conditions, "status.conditions") {
        let told = reading.copied(&condition.condition_type, "status.conditions.type");
        if told != Some(ConditionType::Ready) {
            continue;
        }
        ready = match reading.copied(&condition.status, "status.conditions.status") {
            Some(ConditionStatus::True) => NodeReady::True,
            Some(ConditionStatus::False) => NodeReady::False,
            Some(ConditionStatus::Unknown) | None => NodeReady::Unknown,
        };
        let since = &condition.last_transition_time;
        ready_since = reading.copied(since, "status.conditions.lastTransitionTime");
    }
    let spec = reading.record(&node.spec, "spec");
    let mut unreachable = false;
    for taint in reading.items(&spec.taints, "spec.taints") {
        let key = reading.copied(&taint.key, "spec.taints.key");
        unreachable |= key == Some(TaintKey::Unreachable);
    }
    Some(NodeSeen {
        name,
        ready,
        ready_since,
        unreachable,
    })
}

fn owner_seen(resource: Resource, owner: &wire::Owner, reading: &mut Reading) -> Option<OwnerSeen> {
    let metadata = reading.record(&owner.metadata, "metadata");
    Some(OwnerSeen {
        resource,
        namespace: reading.name(&metadata.namespace, "metadata.namespace")?,
        name: reading.name(&metadata.name, "metadata.name")?,
        uid: reading.required(&metadata.uid, "metadata.uid")?,
        controller: controller(metadata, reading),
    })
}

fn report_seen(report: &wire::HookAudit, reading: &mut Reading) -> Option<ReportSeen> {
    let metadata = reading.record(&report.metadata, "metadata");
    let spec = reading.record(&report.spec, "spec");
    let target = reading.required(&spec.target_ref, "spec.targetRef")?;
    let thresholds = reading.record(&spec.thresholds, "spec.thresholds");
    let mut seconds = |field| reading.seconds(field, "spec.thresholds");
    let thresholds = Thresholds {
        post_start_slow_seconds: seconds(&thresholds.post_start_slow_seconds),
        pre_stop_slow_percent: seconds(&thresholds.pre_stop_slow_percent),
        overdue_seconds: seconds(&thresholds.overdue_seconds),
    };
    let mut target = ControllerRef {
        api_version: reading.name(&target.api_version, "spec.targetRef.apiVersion")?,
        kind: reading.name(&target.kind, "spec.targetRef.kind")?,
        name: target_name(&target.name, reading)?,
        uid: None,
    };
    let mut owners = reading.items(&metadata.owner_references, "metadata.ownerReferences");
    let is_target = |owner: &&wire::OwnerReference| {
        owner.kind.get() == Some(&target.kind) && owner.name.get() == Some(&target.name)
    };
    target.uid = owners
        .find(is_target)
        .and_then(|owner| owner.uid.get().copied());
    Some(ReportSeen {
        namespace: reading.name(&metadata.namespace, "metadata.namespace")?,
        name: reading.name(&metadata.name, "metadata.name")?,
        uid: reading.copied(&metadata.uid, "metadata.uid"),
        resource_version: reading
            .value(&metadata.resource_version, "metadata.resourceVersion")
            .cloned()
            .unwrap_or_default(),
        target,
        thresholds,
        base: None,
    })
}

/// Empty for pods without a controller, which have one report together.
fn target_name(name: &Field<Box<str>>, reading: &mut Reading) -> Option<Box<str>> {
    match name.get() {
        Some(empty) if empty.is_empty() => Some(empty.clone()),
        _ => reading.name(name, "spec.targetRef.name"),
    }
}

/// The owner reference with `controller: true`.
fn controller(metadata: &Metadata, reading: &mut Reading) -> Option<ControllerRef> {
    let references = reading.items(&metadata.owner_references, "metadata.ownerReferences");
    let mut references = references;
    let reference = references.find(|reference| {
        reading.copied(&reference.controller, "metadata.ownerReferences.controller") == Some(true)
    })?;
    let api_version = &reference.api_version;
    Some(ControllerRef {
        api_version: reading.name(api_version, "metadata.ownerReferences.apiVersion")?,
        kind: reading.name(&reference.kind, "metadata.ownerReferences.kind")?,
        name: reading.name(&reference.name, "metadata.ownerReferences.name")?,
        uid: reading.copied(&reference.uid, "metadata.ownerReferences.uid"),
    })
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
