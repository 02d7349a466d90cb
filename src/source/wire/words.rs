//! Texts of the API that are read while they are decoded, so that nothing else of them is kept.

use std::fmt;

use super::lenient::{Elements, Field, Lenient, List};
use crate::audit::seen::{
    Disruption, EventReason, Note, Phase, PostStartFailure, RestartPolicy, StatusReason,
    TerminatedReason, WaitingReason,
};
use crate::redact;

/// An exec hook's command: only ever digested, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Command(pub List<Field<Box<str>>>);

impl fmt::Debug for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Command({} words)", self.0.items.len())
    }
}

impl Lenient for Command {
    fn from_list() -> Option<Self> {
        List::from_list().map(Self)
    }

    fn elements(&mut self) -> Option<&mut dyn Elements> {
        self.0.elements()
    }
}

/// A keyed digest that a redaction left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest(pub Box<str>);

impl Lenient for Digest {
    fn from_text(text: &str) -> Option<Self> {
        redact::is_digest(text).then(|| Self(text.into()))
    }
}

/// A port by number or by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port(pub Box<str>);

impl Lenient for Port {
    fn from_text(text: &str) -> Option<Self> {
        redact::is_port(text).then(|| Self(text.into()))
    }

    fn from_number(number: i64) -> Option<Self> {
        u16::try_from(number)
            .ok()
            .map(|port| Self(port.to_string().into()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
}

impl Scheme {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
        }
    }
}

/// The number of a signal on Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal(pub u8);

impl Lenient for Signal {
    fn from_text(text: &str) -> Option<Self> {
        redact::signal_number(text).map(Self)
    }
}

/// Enough of a container's id to tell two apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContainerId(pub Option<u64>);

impl Lenient for ContainerId {
    fn from_text(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(None));
        }
        let id = text.rsplit('/').next().unwrap_or(text);
        let head = id
            .get(..16)
            .filter(|head| head.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let number = head.and_then(|head| u64::from_str_radix(head, 16).ok());
        Some(Self(Some(number.unwrap_or_else(|| fnv1a(text.as_bytes())))))
    }
}

/// Fowler, Noll and Vo's hash, 64 bits, for runtimes whose ids are not hexadecimal.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// `status.reason` of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodStatusReason(pub StatusReason);

impl Lenient for PodStatusReason {
    fn from_text(text: &str) -> Option<Self> {
        Some(Self(match text {
            "" => StatusReason::None,
            "Evicted" => StatusReason::Evicted,
            "Preempting" => StatusReason::Preempting,
            "Terminated" | "NodeShutdown" => StatusReason::NodeShutdown,
            "DeadlineExceeded" => StatusReason::DeadlineExceeded,
            "NodeLost" => StatusReason::NodeLost,
            _ => StatusReason::Other,
        }))
    }
}

/// `state.waiting.reason`; before 1.26 the failure's detail stood behind the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingText {
    pub reason: WaitingReason,
    pub failure: Option<PostStartFailure>,
}

impl Lenient for WaitingText {
    fn from_text(text: &str) -> Option<Self> {
        let reason = redact::waiting_reason(text);
        let failure = (reason == WaitingReason::PostStartHookError)
            .then(|| redact::post_start_failure(text))
            .flatten();
        Some(Self { reason, failure })
    }
}

/// `state.waiting.message`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingMessage(pub Option<PostStartFailure>);

impl Lenient for WaitingMessage {
    fn from_text(text: &str) -> Option<Self> {
        Some(Self(redact::post_start_failure(text)))
    }
}

/// An Event's message, as far as it is the kubelet's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message(pub Note);

impl Lenient for Message {
    fn from_text(text: &str) -> Option<Self> {
        Some(Self(redact::note(text).unwrap_or(Note::None)))
    }
}

/// The container that an Event's `fieldPath` names, if it names one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerName(pub Option<Box<str>>);

impl Lenient for ContainerName {
    fn from_text(text: &str) -> Option<Self> {
        Some(Self(redact::container_of_field_path(text).map(Into::into)))
    }
}

/// Who wrote an Event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    Kubelet,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventType {
    Warning,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionType {
    Ready,
    DisruptionTarget,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionStatus {
    True,
    False,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaintKey {
    /// The node does not answer, or was declared out of service.
    Unreachable,
    Other,
}

/// Reads one word of a closed vocabulary; all other texts become its last.
macro_rules! closed {
    ($($name:ident { $($text:literal => $word:ident),+; _ => $other:ident })+) => {$(
        impl Lenient for $name {
            fn from_text(text: &str) -> Option<Self> {
                Some(match text { $($text => Self::$word,)+ _ => Self::$other })
            }
        }
    )+};
}

closed! {
    Component { "kubelet" => Kubelet; _ => Other }
    EventType { "Warning" => Warning; _ => Other }
    ConditionType { "Ready" => Ready, "DisruptionTarget" => DisruptionTarget; _ => Other }
    ConditionStatus { "True" => True, "False" => False; _ => Unknown }
    TaintKey {
        "node.kubernetes.io/unreachable" => Unreachable,
        "node.kubernetes.io/out-of-service" => Unreachable;
        _ => Other
    }
    Scheme { "HTTPS" => Https; _ => Http }
    Phase {
        "Pending" => Pending, "Running" => Running, "Succeeded" => Succeeded, "Failed" => Failed;
        _ => Unknown
    }
    RestartPolicy { "OnFailure" => OnFailure, "Never" => Never; _ => Always }
    TerminatedReason {
        "Completed" => Completed, "Error" => Error, "OOMKilled" => OOMKilled,
        "ContainerStatusUnknown" => ContainerStatusUnknown,
        "RestartingAllContainers" => RestartingAllContainers;
        _ => Other
    }
    Disruption {
        "EvictionByEvictionAPI" => EvictionByEvictionApi,
        "PreemptionByScheduler" => PreemptionByScheduler,
        "DeletionByTaintManager" => DeletionByTaintManager,
        "TerminationByKubelet" => TerminationByKubelet,
        "DeletionByPodGC" => DeletionByPodGc;
        _ => Other
    }
    EventReason {
        "FailedPostStartHook" => FailedPostStartHook, "FailedPreStopHook" => FailedPreStopHook,
        "Killing" => Killing, "FailedKillPod" => FailedKillPod,
        "ExceededGracePeriod" => ExceededGracePeriod, "Evicted" => Evicted,
        "Preempting" => Preempting, "Preempted" => Preempted,
        "TaintManagerEviction" => TaintManagerEviction, "FailedUnMount" => FailedUnMount,
        "Starting" => Starting, "Shutdown" => Shutdown, "Started" => Started,
        "Created" => Created, "Pulling" => Pulling, "Pulled" => Pulled;
        _ => Other
    }
}

impl Command {
    /// The words that are texts.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0
            .items
            .iter()
            .filter_map(|word| word.get().map(AsRef::as_ref))
    }

    /// A word is of another type.
    #[must_use]
    pub fn has_wrong(&self) -> bool {
        self.0.items.iter().any(|word| word.get().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Record;
    use super::*;

    #[test]
    fn a_command_does_not_show_its_words() {
        let json = r#"{"command":["sh","-c","hunter2"]}"#;
        let exec: Record<crate::source::wire::Exec> = serde_json::from_str(json).unwrap();
        assert_eq!(exec.value.command.get().unwrap().words().count(), 3);
        assert!(!format!("{exec:?}").contains("hunter2"));
    }

    #[test]
    fn container_ids_of_any_runtime_are_told_apart() {
        let id = |text| ContainerId::from_text(text).unwrap().0;
        let one = "containerd://5f2b8a1c3d4e5f60718293a4b5c6d7e8";
        assert_eq!(id(one), Some(0x5f2b_8a1c_3d4e_5f60));
        assert_ne!(id("mock://a"), id("mock://b"));
        assert_eq!(id(""), None);
    }

    #[test]
    fn an_old_waiting_reason_is_known_by_how_it_begins() {
        let text = "PostStartHookError: command 'sh -c exit 3' exited with 3: ";
        let waiting = WaitingText::from_text(text).unwrap();
        assert_eq!(waiting.reason, WaitingReason::PostStartHookError);
        assert_eq!(waiting.failure, Some(PostStartFailure::Exit(3)));
    }
}
