use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::failure::Failure;
use crate::audit::seen::Stream;

/// What comes back within this time is the same trouble.
const OVER_AFTER: Duration = Duration::from_secs(600);

/// What was told of failures: of those that several streams of a resource meet, as of those that go on or
/// come back, only the first.
#[derive(Debug, Default)]
pub(super) struct Outages {
    places: Mutex<BTreeMap<String, Place>>,
}

#[derive(Debug, Default)]
struct Place {
    failing: BTreeSet<Stream>,
    /// When each failure was met last.
    met: BTreeMap<Failure, Instant>,
    /// Something was told since all of it worked.
    is_told: bool,
}

impl Outages {
    /// Whether to tell that the stream fails.
    pub(super) fn failed(&self, now: Instant, stream: &Stream, failure: Failure) -> bool {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = places.entry(place(stream)).or_default();
        place.failing.insert(stream.clone());
        let before = place.met.insert(failure, now);
        let is_new = before.is_none_or(|before| now.duration_since(before) >= OVER_AFTER);
        place.is_told |= is_new;
        is_new
    }

    /// Whether to tell that everything works again, now that this stream does.
    pub(super) fn works(&self, stream: &Stream) -> bool {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = places.get_mut(&place(stream)) else {
            return false;
        };
        place.failing.remove(stream)
            && place.failing.is_empty()
            && std::mem::take(&mut place.is_told)
    }
}

/// What a stream shares with those that differ from it by the reasons of their Events alone.
pub(super) fn place(stream: &Stream) -> String {
    let resource = stream.resource.as_str();
    stream.namespace().map_or_else(
        || resource.to_owned(),
        |namespace| format!("{resource} in {namespace}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::seen::Resource;

    fn events(reason: &str) -> Stream {
        Stream {
            resource: Resource::Events,
            selector: Some(format!("metadata.namespace=shop,reason={reason}").into()),
        }
    }

    #[test]
    fn a_failure_of_many_streams_is_told_once_and_so_is_its_end() {
        let outages = Outages::default();
        let now = Instant::now();
        let (one, other) = (events("Killing"), events("Evicted"));
        assert!(outages.failed(now, &one, Failure::Forbidden));
        assert!(!outages.failed(now, &other, Failure::Forbidden));
        assert!(outages.failed(now, &other, Failure::ServerError));
        assert!(!outages.works(&one));
        assert!(outages.works(&other));
        assert!(!outages.works(&other));
        assert_eq!(place(&one), "events in shop");
    }

    #[test]
    fn what_comes_back_soon_is_not_told_again() {
        let outages = Outages::default();
        let (mut now, stream) = (Instant::now(), events("Killing"));
        assert!(outages.failed(now, &stream, Failure::Connection));
        assert!(outages.works(&stream));
        for _ in 0..3 {
            now += OVER_AFTER / 2;
            assert!(!outages.failed(now, &stream, Failure::Connection));
            assert!(!outages.works(&stream));
        }
        now += OVER_AFTER;
        assert!(outages.failed(now, &stream, Failure::Connection));
        assert!(outages.works(&stream));
    }
}
