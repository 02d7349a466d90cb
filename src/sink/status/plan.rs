//! What has to be written, and when: pure, time comes in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::api::{HookAudit, HookAuditStatus, TargetRef, key_of};
use crate::audit::lists::List;
use crate::audit::record::WorkloadRef;
use crate::audit::seen::Uid;
use crate::audit::snapshot::Workload;

use super::digest::{StatusDigest, Urgency};
use super::{ReportScope, StatusSettings};

/// A user who deletes an object sees it again; a garbage collector needs the moment.
const REMAKE_DELAY: Duration = Duration::from_secs(10);
const REMAKE_DELAY_MAX: Duration = Duration::from_mins(15);

/// Names one object.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) namespace: Box<str>,
    pub(super) name: Box<str>,
}

/// What the API holds of one object, as far as writing needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) resource_version: Box<str>,
    pub(super) generation: Option<i64>,
    pub(super) owner_uids: Vec<Uid>,
    pub(super) target: WorkloadRef,
    /// `None` without a status.
    pub(super) digest: Option<StatusDigest>,
    pub(super) lost: Lost,
    /// How many lists had begun when it was seen.
    pub(super) epoch: u32,
}

impl Seen {
    pub(super) fn of(audit: &HookAudit, epoch: u32) -> Self {
        Self {
            resource_version: audit
                .metadata
                .resource_version
                .as_deref()
                .unwrap_or_default()
                .into(),
            generation: audit.metadata.generation,
            owner_uids: audit.owner_uids().collect(),
            target: audit.spec.target_ref.workload(),
            digest: audit.status.as_ref().map(StatusDigest::of),
            lost: audit.status.as_ref().map_or_else(Lost::default, Lost::of),
            epoch,
        }
    }
}

/// How many gaps a status tells of, and how many seconds they have together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lost {
    gaps: i64,
    seconds: i64,
}

impl Lost {
    pub(super) fn of(status: &HookAuditStatus) -> Self {
        let observation = status.observation.as_ref();
        observation.map_or_else(Self::default, |observation| Self {
            gaps: observation.gap_count,
            seconds: observation.lost_seconds,
        })
    }
}

/// Every workload and object known, and the queue of those to write.
#[derive(Debug)]
pub(super) struct Plan {
    settings: StatusSettings,
    rows: BTreeMap<Arc<Key>, Row>,
    waiting: BTreeSet<(Instant, Arc<Key>)>,
    ready: BTreeSet<(Urgency, Instant, Arc<Key>)>,
}

#[derive(Debug, Default)]
struct Row {
    workload: Option<Arc<Workload>>,
    seen: Option<Seen>,
    queued: Option<Queued>,
    /// Since when the API's object differs from what it should be.
    changed_at: Option<Instant>,
    written_at: Option<Instant>,
    not_before: Option<Instant>,
    failures: u32,
    deletions: u32,
}

impl Row {
    /// What the API holds is not in the workload's tallies yet: the core is about to take it in.
    fn is_awaited(&self) -> bool {
        let both = self.workload.as_deref().zip(self.seen.as_ref());
        both.is_some_and(|(workload, seen)| !rests_on(workload, seen))
    }
}

#[derive(Debug, Clone, Copy)]
struct Queued {
    urgency: Urgency,
    since: Instant,
    due: Instant,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Waiting,
    Ready,
}

impl Plan {
    pub(super) fn new(settings: StatusSettings) -> Self {
        Self {
            settings,
            rows: BTreeMap::new(),
            waiting: BTreeSet::new(),
            ready: BTreeSet::new(),
        }
    }

    /// Objects that wait to be written.
    pub(super) fn queue_length(&self) -> usize {
        self.waiting.len() + self.ready.len()
    }

    /// The workload is now like this.
    pub(super) fn want(&mut self, workload: &Arc<Workload>, now: Instant) {
        let (namespace, name) = key_of(workload);
        let key = self.key(Key { namespace, name });
        if let Some(row) = self.rows.get_mut(&key) {
            row.workload = Some(Arc::clone(workload));
        }
        self.consider(&key, now);
    }

    /// The API holds this. What this writer wrote itself is no news.
    pub(super) fn saw(&mut self, key: Key, seen: Seen, now: Instant) {
        let key = self.key(key);
        if let Some(row) = self.rows.get_mut(&key) {
            match &mut row.seen {
                Some(own) if own.resource_version == seen.resource_version => {
                    own.epoch = seen.epoch
                }
                known => *known = Some(seen),
            }
        }
        self.consider(&key, now);
    }

    /// The API does not hold it any longer. It is made again after a while, later each time.
    pub(super) fn lost(&mut self, key: Key, now: Instant) {
        let key = self.key(key);
        if let Some(row) = self.rows.get_mut(&key)
            && row.seen.take().is_some()
        {
            let delay = doubled(REMAKE_DELAY, row.deletions, REMAKE_DELAY_MAX);
            row.deletions += 1;
            row.not_before = Some(now + delay);
        }
        self.consider(&key, now);
    }

    /// A list is complete: what it misses is gone.
    pub(super) fn listed(&mut self, list: &List, now: Instant) {
        let is_missing = |key: &Key, seen: &Seen| list.misses(&key.namespace, seen.epoch);
        let gone: Vec<_> = self
            .rows
            .iter()
            .filter(|(key, row)| row.seen.as_ref().is_some_and(|seen| is_missing(key, seen)))
            .map(|(key, _)| Arc::clone(key))
            .collect();
        for key in gone {
            self.lost(
                Key {
                    namespace: key.namespace.clone(),
                    name: key.name.clone(),
                },
                now,
            );
        }
    }

    /// Only these workloads exist now; rows that nobody needs any longer go.
    pub(super) fn keep_only(&mut self, workloads: &[Arc<Workload>], now: Instant) {
        let wanted: BTreeSet<_> = workloads.iter().map(|workload| key_of(workload)).collect();
        let dropped: Vec<_> = self
            .rows
            .iter()
            .filter(|(key, row)| {
                row.workload.is_some()
                    && !wanted.contains(&(key.namespace.clone(), key.name.clone()))
            })
            .map(|(key, _)| Arc::clone(key))
            .collect();
        for key in dropped {
            if let Some(row) = self.rows.get_mut(&key) {
                row.workload = None;
            }
            self.consider(&key, now);
        }
    }

    /// Workloads known.
    pub(super) fn workloads(&self) -> usize {
        self.rows
            .values()
            .filter(|row| row.workload.is_some())
            .count()
    }

    /// When the next object may be written; in the past if one waits already.
    pub(super) fn next_due(&self, now: Instant) -> Option<Instant> {
        if self.ready.is_empty() {
            self.waiting.first().map(|&(due, _)| due)
        } else {
            Some(now)
        }
    }

    /// The object with the worst news among those due; it leaves the queue.
    pub(super) fn take(&mut self, now: Instant) -> Option<Arc<Key>> {
        while let Some((due, key)) = self.waiting.first().cloned()
            && due <= now
        {
            self.waiting.pop_first();
            if let Some(queued) = self.rows.get_mut(&key).and_then(|row| row.queued.as_mut()) {
                queued.place = Place::Ready;
                if now.duration_since(queued.since) >= self.settings.wait_max {
                    queued.urgency = Urgency::Conditions;
                }
                self.ready.insert((queued.urgency, queued.since, key));
            }
        }
        let (_, _, key) = self.ready.pop_first()?;
        if let Some(row) = self.rows.get_mut(&key) {
            row.queued = None;
        }
        Some(key)
    }

    /// What to write of an object, and over what; `None` if it is as it should be by now.
    pub(super) fn task(&self, key: &Key) -> Option<(Arc<Workload>, Option<Seen>)> {
        let row = self.rows.get(key)?;
        needed(self.settings.scope, row)?;
        Some((Arc::clone(row.workload.as_ref()?), row.seen.clone()))
    }

    /// The object was written and is like this now.
    pub(super) fn wrote(&mut self, key: &Arc<Key>, seen: Seen, now: Instant) {
        if let Some(row) = self.rows.get_mut(key) {
            row.seen = Some(seen);
            row.changed_at = None;
            row.written_at = Some(now);
            row.failures = 0;
            row.not_before = None;
        }
        self.consider(key, now);
    }

    /// It could not be written; it is tried again after `delay`, doubled with each failure in a row.
    pub(super) fn failed(
        &mut self,
        key: &Arc<Key>,
        delay: Duration,
        delay_max: Duration,
        now: Instant,
    ) {
        if let Some(row) = self.rows.get_mut(key) {
            let not_before = Some(now + doubled(delay, row.failures, delay_max));
            row.not_before = row.not_before.max(not_before);
            row.failures += 1;
        }
        self.consider(key, now);
    }

    fn key(&mut self, key: Key) -> Arc<Key> {
        if let Some((known, _)) = self.rows.get_key_value(&key) {
            return Arc::clone(known);
        }
        let key = Arc::new(key);
        self.rows.insert(Arc::clone(&key), Row::default());
        key
    }

    fn consider(&mut self, key: &Arc<Key>, now: Instant) {
        let Some(row) = self.rows.get_mut(key) else {
            return;
        };
        if let Some(queued) = row.queued {
            match queued.place {
                Place::Waiting => self.waiting.remove(&(queued.due, Arc::clone(key))),
                Place::Ready => self
                    .ready
                    .remove(&(queued.urgency, queued.since, Arc::clone(key))),
            };
        }
        let urgency = needed(self.settings.scope, row);
        if !row.is_awaited() {
            row.changed_at = urgency.map(|_| row.changed_at.unwrap_or(now));
        }
        row.queued = urgency.zip(row.changed_at).map(|(urgency, since)| {
            let due = due(&self.settings, row, urgency, since);
            Queued {
                urgency,
                since,
                due,
                place: Place::Waiting,
            }
        });
        match row.queued {
            Some(queued) => {
                self.waiting.insert((queued.due, Arc::clone(key)));
            }
            None if row.workload.is_none() && row.seen.is_none() => {
                self.rows.remove(key);
            }
            None => {}
        }
    }
}

/// Whether, and how urgently, the API's object differs from what it should be.
fn needed(scope: ReportScope, row: &Row) -> Option<Urgency> {
    let workload = row.workload.as_deref()?;
    let Some(seen) = &row.seen else {
        return (!workload.gone && scope.includes(workload)).then(|| first_news(workload));
    };
    if seen.target != TargetRef::of(&workload.target).workload() {
        return None;
    }
    if row.is_awaited() {
        return None;
    }
    if !workload.gone && owner_missing(workload, seen) {
        return Some(Urgency::Active);
    }
    let Some(written) = seen.digest else {
        return Some(first_news(workload));
    };
    let mut status = HookAuditStatus::from(workload);
    status.observe(seen.generation);
    let news = StatusDigest::of(&status).news_since(written);
    news.or(has_untold_gap(workload, &status, seen).then_some(Urgency::Counters))
}

/// A gap is worth a write of its own where something started or stopped in it; also where it only makes one longer
/// that was told.
pub(super) fn has_untold_gap(workload: &Workload, status: &HookAuditStatus, seen: &Seen) -> bool {
    workload.gap_matters && Lost::of(status) > seen.lost
}

/// The tallies rest on what the API holds: writing them loses nothing that another process counted.
pub(super) fn rests_on(workload: &Workload, seen: &Seen) -> bool {
    seen.digest.is_none()
        || workload.basis.report_version.as_deref() == Some(&*seen.resource_version)
}

/// The object names no owner, or one that had the same name before.
pub(super) fn owner_missing(workload: &Workload, seen: &Seen) -> bool {
    workload
        .uid
        .is_some_and(|uid| !seen.owner_uids.contains(&uid))
}

fn first_news(workload: &Workload) -> Urgency {
    if workload.incident_count > 0 {
        Urgency::Conditions
    } else {
        Urgency::Active
    }
}

fn due(settings: &StatusSettings, row: &Row, urgency: Urgency, since: Instant) -> Instant {
    let last = row.written_at.unwrap_or(since);
    let due = match urgency {
        Urgency::Conditions => since + settings.debounce,
        Urgency::Active => (since + settings.debounce).max(last + settings.coalesce),
        Urgency::Counters => (since + settings.coalesce).max(last + settings.coalesce),
    };
    let due = if row.written_at.is_none() && urgency == Urgency::Active {
        since + settings.debounce
    } else {
        due
    };
    let due = due.min(since + settings.wait_max);
    row.not_before.map_or(due, |not_before| due.max(not_before))
}

fn doubled(delay: Duration, times: u32, delay_max: Duration) -> Duration {
    delay
        .saturating_mul(2_u32.saturating_pow(times.min(16)))
        .min(delay_max)
}
