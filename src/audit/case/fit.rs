//! Whether an Event can be what it says: anyone with the right to create Events writes some.

use jiff::Timestamp;

use super::Case;
use super::events::Absorbed;
use crate::audit::account::{Numbers, Resumed};
use crate::audit::moment::seconds_after;
use crate::audit::seen::{EventReason, EventSeen, Note, Subject};

/// Why an Event cannot be what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It stands in another namespace, or is about a pod of another name.
    OtherPod,
    NoSuchContainer,
    NoSuchHook,
    OtherNode,
    BeforePod,
    NotYet,
}

/// How far an Event's stamp may lie before the pod's creation: two clocks are compared.
const CLOCK_TOLERANCE_SECONDS: i64 = 120;
/// How far a node's clock may be ahead of ours; further than that the cluster's certificates fail too.
pub const AHEAD_SECONDS: i64 = 3600;

impl Case {
    /// Takes an Event about this pod, or says why it cannot be one. `resumed` tells what was
    /// counted before the case was opened.
    ///
    /// # Errors
    /// The Event names another pod, a container or hook that the pod does not have, another node, or a time at
    /// which it cannot have been.
    pub fn absorb_event(
        &mut self,
        now: Timestamp,
        event: &EventSeen,
        resumed: Option<&Resumed>,
    ) -> Result<Absorbed, Refusal> {
        let Subject::Pod {
            namespace,
            name,
            container,
            ..
        } = &event.subject
        else {
            return Ok(Absorbed::Repeated);
        };
        // Who may create Events in one namespace must not move anything in another.
        let own = event.namespace == self.namespace && *namespace == self.namespace;
        if !own || *name != self.name {
            return Err(Refusal::OtherPod);
        }
        self.fits(now, event)?;
        if event.from_kubelet
            && let Some((created_at, named_at)) = event.created_at.zip(event.named_at)
        {
            let lag = created_at.duration_since(named_at);
            self.event_lag = Some(self.event_lag.map_or(lag, |known| known.min(lag)));
        }
        match container {
            None => Ok(self.events.absorb(event, Numbers::default())),
            Some(name) => {
                let known = self.containers.iter_mut().find(|known| known.name == *name);
                let known = known.ok_or(Refusal::NoSuchContainer)?;
                match event.reason {
                    EventReason::FailedPostStartHook if known.post_start.is_none() => {
                        Err(Refusal::NoSuchHook)
                    }
                    EventReason::FailedPreStopHook if known.pre_stop.is_none() => {
                        Err(Refusal::NoSuchHook)
                    }
                    EventReason::Killing
                        if event.note == Note::FailedPostStartHook
                            && known.post_start.is_none() =>
                    {
                        Err(Refusal::NoSuchHook)
                    }
                    _ => {
                        let told = resumed
                            .map_or_else(Numbers::default, |resumed| resumed.told(event, name));
                        Ok(known.events.absorb(event, told))
                    }
                }
            }
        }
    }

    fn fits(&self, now: Timestamp, event: &EventSeen) -> Result<(), Refusal> {
        if event.from_kubelet
            && let (Some(host), Some(node)) = (&event.host, &self.node)
            && host != node
        {
            return Err(Refusal::OtherNode);
        }
        let latest = event.last_at.or(event.named_at);
        let stamps = [latest, event.named_at, event.first_at, event.created_at];
        // The mirror of a static pod is made after the pod, and made again when somebody deletes it.
        let bound = if self.is_static {
            &stamps[..1]
        } else {
            &stamps
        };
        if let Some(created_at) = self.created_at {
            let from = seconds_after(created_at, -CLOCK_TOLERANCE_SECONDS);
            if bound.iter().flatten().any(|stamp| *stamp < from) {
                return Err(Refusal::BeforePod);
            }
        }
        let until = seconds_after(now, AHEAD_SECONDS);
        if stamps.into_iter().flatten().any(|stamp| stamp > until) {
            return Err(Refusal::NotYet);
        }
        Ok(())
    }
}
