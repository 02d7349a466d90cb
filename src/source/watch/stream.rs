use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream as AsyncStream, StreamExt};
use kube::runtime::watcher::{self, Config, Event, watcher};
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::backoff::{ANSWERED_LONGEST, Backoff, UNREACHABLE_LONGEST, random};
use super::client::attended;
use super::failure::{ANSWER_WITHIN, Failure};
use super::health::StreamHealth;
use super::object::{Watchable, Watched};
use super::outage::place;
use super::pace::Pace;
use super::plan::Planned;
use crate::audit::observation::Observation;
use crate::audit::seen::Stream;
use crate::source::translate::{Presence, Translator};
use crate::source::{Change, Seen};

/// A page of whole pods of this many objects takes about 10 MB while it is read.
const PAGE_SIZE: u32 = 250;

/// Between two objects of a list, a page may have to be fetched, or a watch to wait for its turn.
const NEXT_LISTED_WITHIN: Duration = ANSWER_WITHIN.saturating_add(Duration::from_secs(60));

/// How the objects are listed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strategy {
    /// By one watch that begins with everything there is (Kubernetes 1.32, and 1.34 on).
    Streaming,
    /// By pages, where the API server refuses the other.
    Pages,
}

/// The receiver is gone, or the watches were cancelled.
struct Ended;

/// One list and watch, for ever.
pub(super) struct Watch {
    planned: Planned,
    stream: Arc<Stream>,
    health: Arc<StreamHealth>,
    translator: Translator,
    sender: mpsc::Sender<Seen>,
    strategy: Strategy,
    backoff: Backoff,
    pace: Arc<Pace>,
    is_listing: bool,
    /// Something was sent since the last RELIST, or since the beginning.
    has_sent: bool,
}

impl Watch {
    pub(super) fn new(
        planned: Planned,
        health: Arc<StreamHealth>,
        translator: Translator,
        sender: mpsc::Sender<Seen>,
    ) -> Self {
        Self {
            stream: Arc::new(planned.stream.clone()),
            planned,
            health,
            translator,
            sender,
            strategy: Strategy::Streaming,
            backoff: Backoff::default(),
            pace: Arc::default(),
            is_listing: true,
            has_sent: false,
        }
    }

    /// Runs until cancelled or until nobody receives.
    pub(super) async fn run<K: Watchable, const RAW: bool>(
        mut self,
        client: Client,
        cancel: CancellationToken,
    ) {
        let client = attended(client, Arc::clone(&self.health), Arc::clone(&self.pace));
        let api: Api<Watched<K, RAW>> = match &self.planned.namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &()),
            None => Api::all_with(client, &()),
        };
        let endless = async {
            loop {
                let events = pin!(watcher(api.clone(), self.config()));
                if let Err(Ended) = self.follow(events).await {
                    break;
                }
            }
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = endless => {}
        }
    }

    fn config(&self) -> Config {
        let mut config = Config::default().timeout(self.planned.timeout_seconds);
        config
            .field_selector
            .clone_from(&self.planned.field_selector);
        match self.strategy {
            Strategy::Streaming => config.streaming_lists(),
            Strategy::Pages => config.page_size(PAGE_SIZE),
        }
    }

    /// Follows one watcher until it has to be replaced.
    async fn follow<K: Watchable, const RAW: bool>(
        &mut self,
        mut events: impl AsyncStream<Item = watcher::Result<Event<Watched<K, RAW>>>> + Unpin,
    ) -> Result<(), Ended> {
        self.is_listing = true;
        while self.is_listing || !self.is_broken() {
            let listed_by = self.is_listing.then(|| Instant::now() + NEXT_LISTED_WITHIN);
            let until = listed_by.into_iter().chain(self.broken_at()).min();
            let next = match until {
                Some(until) => timeout_at(until, events.next()).await,
                None => Ok(events.next().await),
            };
            match next {
                Err(_) if listed_by == until => return self.give_up_list().await,
                Err(_) if self.broken_at() == until => self.broke().await?,
                // It was heard of in the meantime.
                Err(_) => {}
                Ok(None) => break,
                Ok(Some(Ok(event))) => self.take(event).await?,
                Ok(Some(Err(error))) => {
                    if self.failed(&error).await?.is_break() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Nothing was told since it broke, or at all.
    const fn is_broken(&self) -> bool {
        !self.has_sent
    }

    /// When the stream is to be told to be broken.
    fn broken_at(&self) -> Option<Instant> {
        if self.is_broken() {
            return None;
        }
        Some(self.pace.heard()? + self.planned.broken_after()?)
    }

    /// What comes next is a list, whenever that may be.
    async fn broke(&mut self) -> Result<(), Ended> {
        self.health.relisted();
        let relist = Observation::Relist(self.planned.stream.clone());
        self.send(Change::Relist, None, relist).await?;
        self.has_sent = false;
        Ok(())
    }

    async fn take<K: Watchable, const RAW: bool>(
        &mut self,
        event: Event<Watched<K, RAW>>,
    ) -> Result<(), Ended> {
        match event {
            Event::Init => {
                self.is_listing = true;
                self.backoff.listing();
                if !self.is_broken() {
                    self.broke().await?;
                }
                Ok(())
            }
            Event::InitApply(object) => self.object(Change::Added, object).await,
            Event::Apply(object) => self.object(Change::Modified, object).await,
            Event::Delete(object) => self.object(Change::Deleted, object).await,
            Event::InitDone => {
                self.is_listing = false;
                self.backoff.listed(Instant::now());
                let synced = Observation::Synced(self.planned.stream.clone());
                self.send(Change::Synced, None, synced).await?;
                self.health.synced();
                Ok(())
            }
        }
    }

    async fn object<K: Watchable, const RAW: bool>(
        &mut self,
        change: Change,
        watched: Watched<K, RAW>,
    ) -> Result<(), Ended> {
        self.health.active();
        let presence = match change {
            Change::Deleted => Presence::Gone,
            _ => Presence::Present,
        };
        let translation = watched.translation(&self.translator, presence);
        let mut raw = watched.raw;
        for observation in translation.into_observations() {
            self.send(change, raw.take(), observation).await?;
        }
        Ok(())
    }

    async fn send(
        &mut self,
        change: Change,
        raw: Option<Box<serde_json::value::RawValue>>,
        observation: Observation,
    ) -> Result<(), Ended> {
        self.has_sent = true;
        let stream = Arc::clone(&self.stream);
        let seen = Seen {
            stream,
            change,
            raw,
            observation,
        };
        self.sender.send(seen).await.map_err(|_| Ended)
    }

    /// Waits as long as this failure asks for; breaks if the watcher cannot go on from it.
    async fn failed(&mut self, error: &watcher::Error) -> Result<ControlFlow<()>, Ended> {
        let failure = Failure::of(error);
        self.health.failed(failure);
        let is_start = matches!(error, watcher::Error::WatchStartFailed(_));
        let is_refused = is_start && failure == Failure::Refused;
        if is_refused && self.strategy == Strategy::Streaming {
            tracing::info!(stream = %Told(&self.stream), "the API server streams no lists; listing by pages");
            self.strategy = Strategy::Pages;
            return Ok(ControlFlow::Break(()));
        }
        self.wait(failure).await?;
        // Answered to the start of a watch, these would be answered to each further one.
        let is_final = is_refused || is_start && failure == Failure::Expired;
        Ok(if is_final {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    }

    /// A list that gets nowhere is begun anew; a streamed one not again, its end may never come.
    async fn give_up_list(&mut self) -> Result<(), Ended> {
        self.health.failed(Failure::Timeout);
        self.strategy = Strategy::Pages;
        self.wait(Failure::Timeout).await
    }

    /// Of a failure that goes on only the beginning is told to everyone.
    async fn wait(&mut self, failure: Failure) -> Result<(), Ended> {
        let unreachable = matches!(failure, Failure::Connection | Failure::Timeout);
        let longest = if unreachable {
            UNREACHABLE_LONGEST
        } else {
            ANSWERED_LONGEST
        };
        let wait = self.backoff.failed(Instant::now(), random(), longest);
        let wait = wait.max(self.pace.take_retry_after());
        let (stream, retry_in_ms) = (Told(&self.stream), wait.as_millis());
        // Never the error itself: it may quote the object. A quiet watch of Events gets no bookmarks, so
        // that its point to go on from expires as a matter of course.
        if failure == Failure::Expired {
            tracing::debug!(%stream, retry_in_ms, "listing again");
        } else if self.health.is_news(failure) {
            let watch = place(&self.stream);
            tracing::warn!(watch, failure = failure.label(), "watch failed");
        } else {
            tracing::debug!(%stream, failure = failure.label(), retry_in_ms, "watch failed again");
        }
        let until = Instant::now() + wait;
        if let Some(broken_at) = self.broken_at().filter(|at| *at < until) {
            sleep_until(broken_at).await;
            self.broke().await?;
        }
        sleep_until(until).await;
        Ok(())
    }
}

struct Told<'a>(&'a Stream);

impl std::fmt::Display for Told<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0.resource.as_str())?;
        match &self.0.selector {
            Some(selector) => write!(formatter, "[{selector}]"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
