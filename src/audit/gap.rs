//! Stretches of time in which something could not be seen.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::record::{Gap, GapReason};
use super::seen::{EventReason, Resource, Stream};

const GAPS_MAX: usize = 1_000;
const STREAMS_MAX: usize = 4_096;

/// What every stream told last, and the gaps so far: the newest in full, all of them in sums.
#[derive(Debug, Default)]
pub struct Gaps {
    streams: BTreeMap<Stream, Watch>,
    /// There are streams of one namespace.
    is_by_namespace: bool,
    kept: VecDeque<Kept>,
    /// Per resource, from the first to the last moment of the gaps no longer kept.
    forgotten: BTreeMap<Resource, (Timestamp, Timestamp)>,
    counts: BTreeMap<(Resource, GapReason), u64>,
    lost: BTreeMap<Resource, Duration>,
}

/// One stream. Its times are ours.
#[derive(Debug, Default)]
struct Watch {
    /// Expected, or seen to list: its first list has to be complete before all are.
    declared: bool,
    synced: bool,
    last_activity: Option<Timestamp>,
    broken_since: Option<Timestamp>,
}

#[derive(Debug)]
struct Kept {
    gap: Gap,
    stream: Stream,
}

impl Gaps {
    /// Declares a stream whose first list has to be waited for.
    pub fn expect(&mut self, stream: Stream) {
        let stream = self.bounded(&stream);
        self.watch(stream).declared = true;
    }

    /// Something of this namespace came on the stream, or on its part for the namespace.
    pub fn activity(&mut self, now: Timestamp, stream: Stream, namespace: Option<&str>) {
        let part = namespace.filter(|_| self.is_by_namespace);
        let stream = match part {
            Some(namespace) => stream.within(namespace),
            None => stream,
        };
        let stream = self.bounded(&stream);
        let watch = self.watch(stream);
        watch.last_activity = watch.last_activity.max(Some(now));
    }

    /// The stream's watch broke, and it is listed anew.
    pub fn relist(&mut self, now: Timestamp, stream: &Stream) {
        let stream = self.bounded(stream);
        let (mut synced, mut heard) = (false, None);
        for watch in self.parts_of(&stream) {
            synced |= watch.synced;
            heard = heard.max(watch.last_activity);
        }
        let watch = self.watch(stream);
        watch.declared = true;
        if synced && watch.broken_since.is_none() {
            watch.broken_since = Some(heard.map_or(now, |heard| heard.min(now)));
        }
    }

    /// What came on the stream since then is lost.
    pub fn broke(&mut self, stream: &Stream, since: Timestamp) {
        let stream = self.bounded(stream);
        let watch = self.watch(stream);
        watch.broken_since.get_or_insert(since);
    }

    /// The stream's list is complete. A repeated one closes a gap, from the last activity before it broke:
    /// whether anything was lost cannot be told.
    pub fn synced(&mut self, now: Timestamp, stream: &Stream) -> Option<Gap> {
        let stream = self.bounded(stream);
        self.watch(stream.clone()).declared = true;
        let mut broken_since: Option<Timestamp> = None;
        for watch in self.parts_of(&stream) {
            watch.synced = true;
            watch.last_activity = watch.last_activity.max(Some(now));
            if let Some(since) = watch.broken_since.take() {
                broken_since = Some(broken_since.map_or(since, |other| other.min(since)));
            }
        }
        let gap = Gap {
            from: broken_since?,
            to: now,
            resource: stream.resource,
            reason: GapReason::Relisted,
        };
        self.keep(gap.clone(), stream);
        Some(gap)
    }

    /// Adds a gap that no stream tells of.
    pub fn record(&mut self, gap: Gap) {
        let stream = Stream::whole(gap.resource);
        self.keep(gap, stream);
    }

    /// All first lists are complete: of every stream that was expected or began, and of pods.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        let is_resource_synced = |resource| {
            self.streams
                .iter()
                .any(|(stream, watch)| stream.resource == resource && watch.synced)
        };
        is_resource_synced(Resource::Pods)
            && self.streams.iter().all(|(stream, watch)| {
                watch.synced || !watch.declared && is_resource_synced(stream.resource)
            })
    }

    /// Whether something of `resource` in a namespace may be missing between two times of ours, both included;
    /// of Events, something with this reason, or any. Gaps that are still open count.
    #[must_use]
    pub fn covers(
        &self,
        resource: Resource,
        reason: Option<EventReason>,
        namespace: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> bool {
        let concerns = |stream: &Stream| {
            let of_reason = stream.selected("reason").zip(reason);
            stream.namespace().is_none_or(|own| own == namespace)
                && of_reason.is_none_or(|(selected, reason)| selected == reason.as_str())
        };
        let closed = self.kept.iter().any(|Kept { gap, stream }| {
            gap.resource == resource
                && gap.reason != GapReason::Unattributed
                && (gap.from <= to && from <= gap.to)
                && concerns(stream)
        });
        let open = self.streams.iter().any(|(stream, watch)| {
            stream.resource == resource
                && watch.broken_since.is_some_and(|since| since <= to)
                && concerns(stream)
        });
        let forgotten = self.forgotten.get(&resource);
        closed || open || forgotten.is_some_and(|(first, last)| *first <= to && from <= *last)
    }

    /// The newest closed gaps, sorted by time.
    #[must_use]
    pub fn list(&self) -> Vec<Gap> {
        let mut gaps: Vec<Gap> = self.kept.iter().map(|kept| kept.gap.clone()).collect();
        gaps.sort_unstable();
        gaps
    }

    /// The gaps that are still open, as if they ended now, sorted by time.
    #[must_use]
    pub fn open(&self, now: Timestamp) -> Vec<Gap> {
        let mut gaps: Vec<Gap> = self
            .streams
            .iter()
            .filter_map(|(stream, watch)| {
                Some(Gap {
                    from: watch.broken_since?,
                    to: now,
                    resource: stream.resource,
                    reason: GapReason::Relisted,
                })
            })
            .collect();
        gaps.sort_unstable();
        gaps
    }

    /// Closed gaps so far, those no longer listed included.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Closed gaps so far per resource and reason.
    #[must_use]
    pub const fn counts(&self) -> &BTreeMap<(Resource, GapReason), u64> {
        &self.counts
    }

    /// Whole seconds lost so far, summed over resources.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        self.lost.values().sum::<Duration>().as_secs()
    }

    /// Time lost per resource. Where its gaps overlap, time is lost once.
    #[must_use]
    pub const fn lost(&self) -> &BTreeMap<Resource, Duration> {
        &self.lost
    }

    /// The stream; beyond the bound, all of its resource.
    fn bounded(&self, stream: &Stream) -> Stream {
        let mut stream = stream.clone();
        if self.streams.len() >= STREAMS_MAX && !self.streams.contains_key(&stream) {
            stream.selector = None;
        }
        stream
    }

    fn watch(&mut self, stream: Stream) -> &mut Watch {
        self.is_by_namespace |= stream.namespace().is_some();
        self.streams.entry(stream).or_default()
    }

    /// The stream, and all streams of its resource if it is not narrowed.
    fn parts_of(&mut self, whole: &Stream) -> impl Iterator<Item = &mut Watch> {
        self.streams
            .iter_mut()
            .filter(|(stream, _)| {
                stream.resource == whole.resource
                    && (whole.selector.is_none() || stream.selector == whole.selector)
            })
            .map(|(_, watch)| watch)
    }

    fn keep(&mut self, gap: Gap, stream: Stream) {
        *self.counts.entry((gap.resource, gap.reason)).or_default() += 1;
        let newly_lost = self.newly_lost(&gap);
        *self.lost.entry(gap.resource).or_default() += newly_lost;
        self.kept.push_back(Kept { gap, stream });
        if self.kept.len() > GAPS_MAX
            && let Some(Kept { gap, .. }) = self.kept.pop_front()
        {
            let span = (gap.from, gap.to);
            let (first, last) = self.forgotten.entry(gap.resource).or_insert(span);
            (*first, *last) = ((*first).min(gap.from), (*last).max(gap.to));
        }
    }

    /// How much of the gap lies in no other kept gap of its resource.
    fn newly_lost(&self, gap: &Gap) -> Duration {
        let mut others: Vec<&Gap> = self
            .kept
            .iter()
            .map(|kept| &kept.gap)
            .filter(|other| other.resource == gap.resource)
            .collect();
        others.sort_unstable();
        let mut lost = Duration::ZERO;
        let mut seen_to = gap.from;
        for other in others {
            lost += between(seen_to, other.from.min(gap.to));
            seen_to = seen_to.max(other.to);
        }
        lost + between(seen_to, gap.to)
    }
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    to.duration_since(from).try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a small time")
    }

    fn stream(resource: Resource, selector: Option<&str>) -> Stream {
        Stream {
            resource,
            selector: selector.map(Box::from),
        }
    }

    fn events(reason: &str) -> Stream {
        stream(Resource::Events, Some(&format!("reason={reason}")))
    }

    fn relisted(resource: Resource, from: i64, to: i64) -> Gap {
        Gap {
            from: at(from),
            to: at(to),
            resource,
            reason: GapReason::Relisted,
        }
    }

    #[test]
    fn a_first_list_is_no_gap_however_often_it_begins() {
        let mut gaps = Gaps::default();
        let pods = stream(Resource::Pods, None);
        gaps.relist(at(1), &pods);
        gaps.activity(at(2), pods.clone(), Some("shop"));
        gaps.relist(at(3), &pods);
        assert_eq!(gaps.synced(at(9), &pods), None);
        assert_eq!((gaps.count(), gaps.list()), (0, Vec::new()));
        assert!(!gaps.covers(Resource::Pods, None, "shop", at(0), at(100)));
    }

    #[test]
    fn a_relist_is_a_gap_from_the_last_activity_to_its_end() {
        let mut gaps = Gaps::default();
        let pods = stream(Resource::Pods, None);
        gaps.synced(at(10), &pods);
        gaps.activity(at(20), pods.clone(), Some("shop"));
        gaps.relist(at(30), &pods);
        gaps.activity(at(31), pods.clone(), Some("shop"));
        gaps.relist(at(35), &pods);
        assert_eq!(gaps.open(at(36)), [relisted(Resource::Pods, 20, 36)]);
        assert!(gaps.covers(Resource::Pods, None, "shop", at(33), at(34)));
        let gap = relisted(Resource::Pods, 20, 40);
        assert_eq!(gaps.synced(at(40), &pods), Some(gap.clone()));
        assert_eq!((gaps.list(), gaps.open(at(41))), (vec![gap], Vec::new()));
        assert_eq!((gaps.count(), gaps.seconds()), (1, 20));
        assert!(gaps.covers(Resource::Pods, None, "shop", at(0), at(20)));
        assert!(!gaps.covers(Resource::Pods, None, "shop", at(41), at(99)));
        assert!(!gaps.covers(Resource::Nodes, None, "shop", at(0), at(99)));
    }

    #[test]
    fn a_gap_of_one_event_stream_touches_only_its_reason() {
        let mut gaps = Gaps::default();
        for reason in ["Killing", "FailedPreStopHook"] {
            gaps.synced(at(10), &events(reason));
        }
        gaps.relist(at(20), &events("Killing"));
        gaps.synced(at(30), &events("Killing"));
        let covers = |reason| gaps.covers(Resource::Events, reason, "shop", at(15), at(16));
        assert!(covers(Some(EventReason::Killing)) && covers(None));
        assert!(!covers(Some(EventReason::FailedPreStopHook)));
    }

    #[test]
    fn time_lost_on_several_streams_of_a_resource_is_lost_once() {
        let mut gaps = Gaps::default();
        for (reason, from, to) in [("Killing", 10, 30), ("Evicted", 20, 40), ("Started", 5, 50)] {
            gaps.synced(at(from), &events(reason));
            gaps.relist(at(to - 1), &events(reason));
            gaps.synced(at(to), &events(reason));
        }
        assert_eq!((gaps.count(), gaps.seconds()), (3, 45));
        let counted = (Resource::Events, GapReason::Relisted);
        assert_eq!(gaps.counts().get(&counted), Some(&3));
    }

    #[test]
    fn a_list_of_the_whole_resource_completes_its_narrower_streams() {
        let mut gaps = Gaps::default();
        gaps.synced(at(1), &stream(Resource::Pods, None));
        gaps.activity(at(2), events("Killing"), Some("shop"));
        assert!(!gaps.is_synced());
        gaps.synced(at(3), &stream(Resource::Events, None));
        assert!(gaps.is_synced());
        gaps.activity(at(4), events("Evicted"), Some("shop"));
        assert!(gaps.is_synced());
    }

    #[test]
    fn all_is_synced_when_every_expected_stream_and_the_pods_are() {
        let mut gaps = Gaps::default();
        assert!(!gaps.is_synced());
        gaps.expect(events("Killing"));
        gaps.synced(at(1), &stream(Resource::Pods, None));
        assert!(!gaps.is_synced());
        gaps.synced(at(2), &events("Killing"));
        assert!(gaps.is_synced());
        gaps.relist(at(3), &events("Killing"));
        assert!(gaps.is_synced());
    }

    #[test]
    fn a_gap_pushed_out_still_counts_and_still_covers() {
        let mut gaps = Gaps::default();
        let bound = i64::try_from(GAPS_MAX).expect("a small bound");
        for number in 0..bound + 5 {
            gaps.record(relisted(Resource::Pods, number * 10, number * 10 + 1));
        }
        assert_eq!((gaps.list().len(), gaps.count()), (GAPS_MAX, 1_005));
        assert_eq!(gaps.seconds(), 1_005);
        assert!(gaps.covers(Resource::Pods, None, "shop", at(5), at(6)));
        assert!(!gaps.covers(Resource::Pods, None, "shop", at(55), at(56)));
    }

    #[test]
    fn streams_are_bounded() {
        let mut gaps = Gaps::default();
        for number in 0..STREAMS_MAX * 2 {
            gaps.synced(at(1), &events(&number.to_string()));
        }
        assert_eq!(gaps.streams.len(), STREAMS_MAX + 1);
        assert!(gaps.streams.values().all(|watch| watch.synced));
    }

    proptest! {
        #[test]
        fn lost_seconds_are_the_union_of_all_gaps(spans in prop::collection::vec((0_i64..60, 0_i64..20), 0..30)) {
            let mut gaps = Gaps::default();
            let mut lost = std::collections::BTreeSet::new();
            for (from, length) in spans {
                gaps.record(relisted(Resource::Pods, from, from + length));
                lost.extend(from..from + length);
                prop_assert_eq!(gaps.seconds(), lost.len() as u64);
            }
        }
    }
}
