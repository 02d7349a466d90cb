//! Who may write: what is known of the Lease, and what to ask next. No IO; time comes in.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use tokio::time::Instant;

use super::observation::{Observation, spec};
use super::{ElectionSettings, Term};

/// Followers that look again do so after the retry period and up to this many tenths of it more, as client-go's do.
const JITTER_TENTHS: u32 = 12;

/// What happened.
#[derive(Debug, Clone)]
pub(super) enum Input {
    /// The call under way showed the Lease, or that there is none.
    Found(Option<Box<Lease>>),
    /// It was written as asked.
    Written(Box<Lease>),
    /// Somebody else wrote it in between.
    Conflict,
    /// There is no answer that helps; what was asked for may have happened all the same.
    Failed,
    /// A follower's watch shows the Lease, or that it was deleted.
    Watched(Option<Box<Lease>>),
    /// From now on changes are watched.
    WatchBegan,
    WatchEnded,
    /// The program ends; whoever wrote has ended.
    Stop,
}

/// A call, of which only one is under way at a time. Its outcome has to be told.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) request: Request,
    pub(super) limit: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Request {
    Get,
    Create(Lease),
    /// Over exactly the resourceVersion that it carries.
    Replace(Lease),
}

#[derive(Debug)]
pub(super) struct Election {
    settings: ElectionSettings,
    /// Of the spread of retries.
    random: u64,
    /// `None` until the first answer.
    observation: Option<Observation>,
    /// When the last renewal that succeeded was sent.
    renewed_at: Option<Instant>,
    previous_renewed_at: Option<Timestamp>,
    watching: bool,
    under_way: Option<UnderWay>,
    /// The next call is not made before.
    next_at: Instant,
    /// The Lease is not what was seen last: to be looked at before it is written.
    outdated: bool,
    conflicts: u32,
    /// Nothing is tried again before, whatever is seen.
    not_before: Instant,
    stop: Stop,
}

#[derive(Debug, Clone, Copy)]
struct UnderWay {
    sent_at: Instant,
    /// By the Lease that is written over.
    previous_renewed_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Look,
    /// To take it, or to renew it.
    Hold,
    Release,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    No,
    Releasing,
    GivenUp,
}

impl Election {
    pub(super) fn new(settings: ElectionSettings, random: u64, now: Instant) -> Self {
        Self {
            settings,
            random,
            observation: None,
            renewed_at: None,
            previous_renewed_at: None,
            watching: false,
            under_way: None,
            next_at: now,
            outdated: true,
            conflicts: 0,
            not_before: now,
            stop: Stop::No,
        }
    }

    /// The right to write, if there is one now.
    pub(super) fn term(&self, now: Instant) -> Option<Term> {
        let deadline = self.renewed_at? + self.settings.timing.renew_deadline;
        (now < deadline).then_some(Term {
            deadline,
            previous_renewed_at: self.previous_renewed_at,
        })
    }

    /// Who holds the Lease as far as known, this one included.
    pub(super) fn holder(&self) -> Option<&str> {
        self.observation.as_ref()?.holder()
    }

    /// The resourceVersion from which to watch; `None` where it has to be looked for first.
    pub(super) fn version(&self) -> Option<&str> {
        let lease = self.observation.as_ref()?.lease()?;
        let version = lease.metadata.resource_version.as_deref();
        version.filter(|_| !self.outdated)
    }

    /// Nothing is left to do after the stop.
    pub(super) fn finished(&self, now: Instant) -> bool {
        self.stop != Stop::No && self.under_way.is_none() && self.wanted(now).is_none()
    }

    pub(super) fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Found(lease) => {
                self.under_way = None;
                self.saw(lease, now);
            }
            Input::Written(lease) => self.written(lease, now),
            Input::Conflict => {
                self.under_way = None;
                self.outdated = true;
                self.conflicts = self.conflicts.saturating_add(1);
                let wait = if self.conflicts == 1 {
                    Duration::ZERO
                } else {
                    self.retry()
                };
                self.wait(now + wait);
            }
            Input::Failed => {
                self.under_way = None;
                if self.stop == Stop::Releasing {
                    self.stop = Stop::GivenUp;
                }
                let retry = self.retry();
                self.wait(now + retry);
            }
            // What a watch tells may be older than the renewal that began the term.
            Input::Watched(_) if self.term(now).is_some() => {}
            Input::Watched(lease) => self.saw(lease, now),
            Input::WatchBegan => {
                self.watching = true;
                self.plan(now);
            }
            Input::WatchEnded => {
                self.watching = false;
                if self.term(now).is_none() {
                    self.outdated = true;
                    self.next_at = now.max(self.not_before);
                }
            }
            Input::Stop => {
                self.renewed_at = None;
                self.stop = Stop::Releasing;
                self.next_at = now;
            }
        }
    }

    /// When to come back if nothing happens.
    pub(super) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let next_at = (self.under_way.is_none() && !self.finished(now)).then_some(self.next_at);
        let deadline = self.term(now).map(|term| term.deadline);
        [next_at, deadline].into_iter().flatten().min()
    }

    /// The call to make now. `stamp` is the wall clock, by which nothing is decided.
    pub(super) fn poll_call(&mut self, now: Instant, stamp: Timestamp) -> Option<Call> {
        if self.under_way.is_some() || now < self.next_at {
            return None;
        }
        let Some(wanted) = self.wanted(now) else {
            self.next_at = now + self.settings.timing.retry;
            return None;
        };
        let request = match wanted {
            Wanted::Look => Request::Get,
            Wanted::Hold => self.held(MicroTime(stamp)),
            Wanted::Release => self.released(MicroTime(stamp)),
        };
        let limit = self.settings.timing.renew_deadline / 2;
        let left = self.term(now).map(|term| term.deadline - now);
        let observation = self.observation.as_ref();
        self.under_way = Some(UnderWay {
            sent_at: now,
            previous_renewed_at: observation.and_then(Observation::renewed_at),
        });
        Some(Call {
            request,
            limit: left.map_or(limit, |left| limit.min(left)),
        })
    }

    fn wanted(&self, now: Instant) -> Option<Wanted> {
        let holds = self.holder() == Some(&self.settings.identity);
        match (self.stop, &self.observation) {
            (Stop::No, None) => Some(Wanted::Look),
            (Stop::No, _) if self.outdated => Some(Wanted::Look),
            (Stop::No, Some(observation)) => {
                let free = now >= observation.free_at();
                if holds || free || self.term(now).is_some() {
                    Some(Wanted::Hold)
                } else {
                    (!self.watching).then_some(Wanted::Look)
                }
            }
            (Stop::Releasing, Some(_)) if holds && self.outdated => Some(Wanted::Look),
            (Stop::Releasing, Some(_)) if holds => Some(Wanted::Release),
            (Stop::Releasing | Stop::GivenUp, _) => None,
        }
    }

    fn written(&mut self, lease: Box<Lease>, now: Instant) {
        let begins = self.term(now).is_none();
        let under_way = self.under_way.take();
        self.conflicts = 0;
        self.not_before = now;
        self.saw(Some(lease), now);
        let holds = self.holder() == Some(&self.settings.identity);
        if let (Some(under_way), true, Stop::No) = (under_way, holds, self.stop) {
            if begins {
                self.previous_renewed_at = under_way.previous_renewed_at;
            }
            self.renewed_at = Some(under_way.sent_at);
            self.next_at = now + self.settings.timing.retry;
        }
    }

    fn saw(&mut self, lease: Option<Box<Lease>>, now: Instant) {
        let (lease, default) = (lease.map(|lease| *lease), self.settings.timing.lease);
        self.outdated = false;
        match &mut self.observation {
            Some(observation) => observation.update(lease, default, now),
            None => self.observation = Some(Observation::new(lease, default, now)),
        }
        // One that was deleted is made again by its leader: the others wait until it would have expired.
        let exists = self
            .observation
            .as_ref()
            .and_then(Observation::lease)
            .is_some();
        if exists && self.holder() != Some(&self.settings.identity) {
            self.renewed_at = None;
        }
        self.plan(now);
    }

    /// When to make the next call, by what is known now.
    fn plan(&mut self, now: Instant) {
        let Some(free_at) = self.observation.as_ref().map(Observation::free_at) else {
            return;
        };
        let at = match self.wanted(now) {
            Some(Wanted::Hold | Wanted::Release) => now,
            Some(Wanted::Look) => {
                self.conflicts = 0;
                free_at.min(now + self.retry())
            }
            None => {
                self.conflicts = 0;
                free_at
            }
        };
        self.next_at = at.max(self.not_before);
    }

    /// After what went wrong nothing is tried before, whatever is seen.
    fn wait(&mut self, until: Instant) {
        self.not_before = until;
        self.next_at = until;
    }

    /// The time to the next try. Who leads has nobody to avoid.
    fn retry(&mut self) -> Duration {
        let retry = self.settings.timing.retry;
        if self.renewed_at.is_some() {
            return retry;
        }
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let thousandths = u32::try_from(self.random >> 33).unwrap_or_default() % 1_000;
        retry + retry * (thousandths * JITTER_TENTHS) / 10_000
    }

    /// The Lease with this one as its holder.
    fn held(&self, stamp: MicroTime) -> Request {
        let settings = &self.settings;
        let seconds = i32::try_from(settings.timing.lease.as_secs()).unwrap_or(i32::MAX);
        let Some(lease) = self.observation.as_ref().and_then(Observation::lease) else {
            let metadata = ObjectMeta {
                namespace: Some(settings.namespace.clone()),
                name: Some(settings.name.clone()),
                ..ObjectMeta::default()
            };
            let spec = LeaseSpec {
                holder_identity: Some(settings.identity.clone()),
                lease_duration_seconds: Some(seconds),
                acquire_time: Some(stamp.clone()),
                renew_time: Some(stamp),
                lease_transitions: Some(0),
                ..LeaseSpec::default()
            };
            return Request::Create(Lease {
                metadata,
                spec: Some(spec),
            });
        };
        let mut spec = spec(lease);
        if self.holder() != Some(&settings.identity) {
            spec.holder_identity = Some(settings.identity.clone());
            spec.acquire_time = Some(stamp.clone());
            let transitions = spec.lease_transitions.unwrap_or_default();
            spec.lease_transitions = Some(transitions.saturating_add(1));
        }
        spec.lease_duration_seconds = Some(seconds);
        spec.renew_time = Some(stamp);
        Request::Replace(Lease {
            spec: Some(spec),
            ..lease.clone()
        })
    }

    /// The Lease with nobody as its holder, as client-go leaves it.
    fn released(&self, stamp: MicroTime) -> Request {
        let lease = self.observation.as_ref().and_then(Observation::lease);
        let lease = lease.cloned().unwrap_or_default();
        let spec = LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(1),
            acquire_time: Some(stamp.clone()),
            renew_time: Some(stamp),
            ..spec(&lease)
        };
        Request::Replace(Lease {
            spec: Some(spec),
            ..lease
        })
    }
}
