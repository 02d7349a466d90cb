use jiff::{SignedDuration, Timestamp};

use super::{Reading, is_name};
use crate::audit::seen::{EventReason, EventSeen, Note, Subject, Uid};
use crate::source::wire::{Component, Event, EventType, Field};

/// How far the time in an Event's name may lie from its stamps: an Event that expired is made again
/// under its first name.
const NAME_MAY_DIFFER: SignedDuration = SignedDuration::from_hours(6);

pub(super) fn seen(event: &Event, reading: &mut Reading) -> Option<EventSeen> {
    let metadata = reading.record(&event.metadata, "metadata");
    let namespace = reading.name(&metadata.namespace, "metadata.namespace")?;
    let name = reading.name(&metadata.name, "metadata.name")?;
    let version = reading.value(&metadata.resource_version, "metadata.resourceVersion");
    let source = reading.record(&event.source, "source");
    let series = reading.record(&event.series, "series");
    let reason = reading
        .copied(&event.reason, "reason")
        .unwrap_or(EventReason::Other);
    let event_time = reading.copied(&event.event_time, "eventTime");
    let first_at = reading
        .copied(&event.first_timestamp, "firstTimestamp")
        .or(event_time);
    let created_at = reading.copied(&metadata.creation_timestamp, "metadata.creationTimestamp");
    let last_at = reading.copied(&event.last_timestamp, "lastTimestamp");
    let last_of_series = reading.copied(&series.last_observed_time, "series.lastObservedTime");
    let count = reading.copied(&event.count, "count").unwrap_or_default();
    let series_count = reading
        .copied(&series.count, "series.count")
        .unwrap_or_default();
    let event_type = reading.copied(&event.event_type, "type");
    let reporting = reading.copied(&event.reporting_component, "reportingComponent");
    let component = reading.copied(&source.component, "source.component");
    let host = reading
        .value(&source.host, "source.host")
        .filter(|host| !host.is_empty());
    let instance = reading.value(&event.reporting_instance, "reportingInstance");
    let from_kubelet = [component, reporting].contains(&Some(Component::Kubelet));
    Some(EventSeen {
        subject: subject(event, &namespace, reading),
        note: note(event, reason, reading),
        named_at: named_at(&name, first_at.or(created_at)),
        // An opaque text by contract, a number in every API server; what is none is never compared.
        resource_version: version
            .and_then(|version| version.parse().ok())
            .unwrap_or(0),
        namespace,
        name,
        reason,
        count: count.max(series_count).max(1),
        first_at,
        last_at: last_at.or(last_of_series),
        created_at,
        warning: event_type == Some(EventType::Warning),
        host: node(host.or(instance).map(AsRef::as_ref), from_kubelet, reading),
        from_kubelet,
    })
}

/// The node that an Event says it comes from. Others than a kubelet write there what they like.
fn node(host: Option<&str>, from_kubelet: bool, reading: &mut Reading) -> Option<Box<str>> {
    let host = host.filter(|host| !host.is_empty())?;
    if !is_name(host) && from_kubelet {
        reading.defects.push("source.host");
    }
    is_name(host).then(|| host.into())
}

fn subject(event: &Event, namespace: &str, reading: &mut Reading) -> Subject {
    let object = reading.record(&event.involved_object, "involvedObject");
    const NAME: &str = "involvedObject.name";
    if matches!(object.name, Field::Absent) {
        return Subject::Other;
    }
    let Some(name) = reading.name(&object.name, NAME) else {
        return Subject::Other;
    };
    let kind = reading.value(&object.kind, "involvedObject.kind");
    match kind.map(AsRef::as_ref) {
        Some("Pod") => {
            let field_path = reading.value(&object.field_path, "involvedObject.fieldPath");
            let uid = reading.value(&object.uid, "involvedObject.uid");
            let own = match &object.namespace {
                Field::Absent => None,
                namespace => reading.name(namespace, "involvedObject.namespace"),
            };
            Subject::Pod {
                namespace: own.unwrap_or_else(|| namespace.into()),
                name,
                uid: uid.and_then(|uid| Uid::parse(uid)),
                container: field_path.and_then(|path| path.0.clone()),
            }
        }
        Some("Node") => Subject::Node { name },
        _ => Subject::Other,
    }
}

fn note(event: &Event, reason: EventReason, reading: &mut Reading) -> Note {
    let message = reading.copied(&event.message, "message");
    let note = message.map_or(Note::None, |message| message.0);
    match (reason, note) {
        (EventReason::Starting, Note::StartingKubelet) => note,
        (EventReason::Killing, Note::StartingKubelet) => Note::None,
        (EventReason::Killing, _) => note,
        _ => Note::None,
    }
}

/// The nanoseconds in which an Event's name ends (client-go tools/record), if they fit its stamps.
fn named_at(name: &str, stamped_at: Option<Timestamp>) -> Option<Timestamp> {
    let (_, suffix) = name.rsplit_once('.')?;
    let nanoseconds = i64::from_str_radix(suffix, 16).ok()?;
    let named_at = Timestamp::from_nanosecond(i128::from(nanoseconds)).ok()?;
    let apart = named_at.duration_since(stamped_at?).abs();
    (apart <= NAME_MAY_DIFFER).then_some(named_at)
}
