//! Watches of Events that broke. What they told of in the meantime comes with their next list: until then the
//! absence of an Event says nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Auditor;
use crate::audit::moment::{seconds, seconds_after};
use crate::audit::seen::{EventReason, SETTLE_SECONDS, Stream, Uid};

/// Cases that wait for a list. Where there are more, they settle on what is known, and a gap tells so.
pub(super) const WAITING_MAX: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Broken {
    streams: BTreeMap<Stream, Since>,
    /// Cases that would be settled but for these.
    waiting: BTreeSet<Uid>,
}

#[derive(Debug, Clone, Copy)]
struct Since {
    at: Timestamp,
    is_awaited: bool,
}

impl Since {
    /// A stream that was found to be broken may have told nothing for so long before.
    fn silent_from(self) -> Timestamp {
        seconds_after(self.at, -SETTLE_SECONDS)
    }
}

impl Broken {
    /// What tells of this reason, in whatever namespace, is to be listed again.
    pub(super) fn tells_of(&self, reason: EventReason) -> bool {
        let mut reasons = self.streams.keys().map(|stream| stream.selected("reason"));
        reasons.any(|told| {
            told.and_then(EventReason::parse)
                .is_none_or(|told| told == reason)
        })
    }

    /// Whether Events of this namespace may still come with a list.
    pub(super) fn is_awaited(&self, namespace: &str) -> bool {
        let mut awaited = self.streams.iter().filter(|(_, since)| since.is_awaited);
        awaited.any(|(stream, _)| stream.namespace().is_none_or(|told| told == namespace))
    }
}

impl Auditor {
    /// Events outlive the watch that broke: unless everything was silent for almost as long as they live, the new
    /// list holds all that was missed.
    pub(super) fn events_broke(&mut self, stream: &Stream) {
        if let Some(heard_at) = self.heard_at
            && seconds(heard_at, self.now) > self.event_life_seconds
        {
            self.gaps.broke(stream, heard_at);
        }
        if self.was_synced {
            let since = Since {
                at: self.now,
                is_awaited: true,
            };
            self.broken.streams.entry(stream.clone()).or_insert(since);
        }
    }

    /// The list is complete. What was told in the meantime may have expired before it began.
    pub(super) fn events_listed(&mut self, stream: &Stream) {
        let Some(since) = self.broken.streams.remove(stream) else {
            return;
        };
        if seconds(since.at, self.now) > self.event_life_seconds {
            self.gaps.broke(stream, since.silent_from());
        }
    }

    /// Goes on with what waited, as far as it need not any more.
    pub(super) fn go_on(&mut self) {
        self.raise_held();
        for uid in std::mem::take(&mut self.broken.waiting) {
            self.touch(uid);
        }
    }

    /// The case waits for a list.
    pub(super) fn wait_for_list(&mut self, uid: Uid) {
        self.broken.waiting.insert(uid);
        if self.broken.waiting.len() <= WAITING_MAX {
            return;
        }
        for (stream, since) in &mut self.broken.streams {
            if std::mem::take(&mut since.is_awaited) {
                self.gaps.broke(stream, since.silent_from());
            }
        }
        self.go_on();
    }
}
