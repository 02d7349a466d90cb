//! Streams of changes.

use std::collections::VecDeque;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use super::read::shown;
use super::request::Asked;
use super::store::Change;
use super::{Answer, ApiServer, Faults, answer};

const BOOKMARKS_EVERY: Duration = Duration::from_secs(60);
/// Without a `timeoutSeconds` (the API server's own minimum).
const ENDS_AFTER_SECONDS: u64 = 1800;

impl ApiServer {
    pub(super) fn watch(&self, client: &str, asked: &Asked, faults: &Faults) -> Answer {
        if asked.initial_events && faults.no_streaming_lists {
            let message = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";
            return answer::failure(StatusCode::UNPROCESSABLE_ENTITY, message);
        }
        let following = Following::new(self, client, asked, faults);
        answer::stream(futures::stream::unfold(following, |mut following| async {
            let piece = following.next().await?;
            Some((piece, following))
        }))
    }
}

/// One watch.
struct Following {
    server: ApiServer,
    client: Box<str>,
    asked: Asked,
    news: tokio::sync::watch::Receiver<()>,
    lines: VecDeque<Bytes>,
    /// Everything up to here was told, or came before.
    version: u64,
    /// Lines that belong to the list with which it begins.
    listing: usize,
    generation: u64,
    number: u64,
    next_bookmark: Instant,
    ends_at: Instant,
    /// The connection carries nothing any more, and nobody knows.
    is_dead: bool,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    Open,
    /// It ends with an error.
    Broken,
    Ended,
}

impl Following {
    fn new(server: &ApiServer, client: &str, asked: &Asked, faults: &Faults) -> Self {
        let mut state = server.state();
        state.streams += 1;
        let news = state.news.entry(asked.plural.clone()).or_default();
        let news = news.subscribe();
        let now = Instant::now();
        let newest = state.store.version();
        let mut version = asked.version;
        let mut lines = VecDeque::new();
        if asked.initial_events {
            version = faults.stale_since.unwrap_or(newest).min(newest);
            let all = state.store.all_at(&asked.plural, version);
            let meant = all
                .iter()
                .filter(|(key, object)| asked.selects(key, object));
            lines.extend(meant.map(|(_, object)| line("ADDED", &shown(asked, object))));
            lines.push_back(bookmark(asked, version, true));
        } else if version == 0 {
            version = newest;
        } else if version < state.store.compacted() {
            let gone = answer::status(StatusCode::GONE, "too old resource version");
            lines.push_back(line("ERROR", &gone));
        }
        let timeout = Duration::from_secs(asked.timeout_seconds.unwrap_or(ENDS_AFTER_SECONDS));
        Self {
            server: server.clone(),
            client: client.into(),
            asked: asked.clone(),
            news,
            listing: if asked.initial_events { lines.len() } else { 0 },
            lines,
            version,
            generation: state.generation,
            number: state.streams,
            next_bookmark: now + BOOKMARKS_EVERY,
            ends_at: now + timeout,
            is_dead: false,
            state: State::Open,
        }
    }

    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        loop {
            match self.state {
                State::Open => {}
                State::Broken => {
                    self.state = State::Ended;
                    return Some(Err(io::ErrorKind::ConnectionReset.into()));
                }
                State::Ended => return None,
            }
            self.news.borrow_and_update();
            let faults = self.server.faults(&self.client, &self.asked.plural);
            if let Some(piece) = self.disturbed(&faults).await {
                return piece;
            }
            if let Some(line) = self.lines.pop_front() {
                return Some(Ok(self.told(line, &faults)));
            }
            if !self.refill(&faults).await {
                self.wait(&faults).await;
            }
        }
    }

    /// What comes instead of the next line, if anything does.
    async fn disturbed(&mut self, faults: &Faults) -> Option<Option<io::Result<Bytes>>> {
        let generation = self.server.state().generation;
        if faults.unreachable || generation != self.generation {
            self.state = State::Broken;
            return Some(self.end());
        }
        self.is_dead |= faults.silent_watches;
        if self.is_dead {
            std::future::pending::<()>().await;
        }
        let is_listing = self.listing > 0;
        let expires = if is_listing {
            // In the middle: after half of it, of one object after none.
            faults.expired_lists && self.lines.len() <= self.listing / 2 + 1
        } else {
            faults.expired_watches
        };
        if expires {
            self.state = State::Ended;
            let gone = answer::status(StatusCode::GONE, "too old resource version");
            return Some(Some(Ok(line("ERROR", &gone))));
        }
        if faults.closed_watches && !is_listing {
            return Some(None);
        }
        None
    }

    fn end(&mut self) -> Option<io::Result<Bytes>> {
        self.state = State::Ended;
        Some(Err(io::ErrorKind::ConnectionReset.into()))
    }

    fn told(&mut self, line: Bytes, faults: &Faults) -> Bytes {
        if self.lines.is_empty() {
            self.listing = 0;
        }
        if faults.cut_lines {
            self.state = State::Broken;
            return line.slice(..line.len() / 2);
        }
        line
    }

    /// Takes what is new; false if nothing is.
    async fn refill(&mut self, faults: &Faults) -> bool {
        let newest = self.server.state().store.version();
        let up_to = faults.stale_since.unwrap_or(newest).min(newest);
        if up_to <= self.version {
            return false;
        }
        if let Some(lateness) = faults.lateness {
            sleep(self.part_of(lateness)).await;
        }
        let state = self.server.state();
        for change in state.store.changes(self.version, up_to) {
            if self.asked.selects(&change.key, &change.object) {
                self.lines.extend(lines(&self.asked, change, faults));
            }
        }
        self.version = up_to;
        true
    }

    /// Always the same part for the same stream.
    fn part_of(&self, lateness: Duration) -> Duration {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let percent = hasher.hash_one(self.number) % 100;
        lateness * u32::try_from(percent).unwrap_or_default() / 100
    }

    async fn wait(&mut self, faults: &Faults) {
        let flood = faults.bookmarks_every;
        let bookmark_at = match flood {
            Some(every) => Instant::now() + every,
            None => self.next_bookmark,
        };
        let has_bookmarks =
            self.asked.bookmarks && (flood.is_some() || self.asked.plural != "events");
        tokio::select! {
            // The server lives as long as its handle here.
            _ = self.news.changed() => {}
            () = sleep_until(self.ends_at) => self.state = State::Ended,
            () = sleep_until(bookmark_at), if has_bookmarks => {
                self.next_bookmark = Instant::now() + BOOKMARKS_EVERY;
                if self.version >= self.asked.version {
                    self.lines.push_back(bookmark(&self.asked, self.version, false));
                }
            }
        }
    }
}

/// One change, as often as it is told.
fn lines(asked: &Asked, change: &Change, faults: &Faults) -> impl Iterator<Item = Bytes> {
    let object = shown(asked, &change.object);
    let first = line(change.change_type, &object);
    let again = if change.change_type == "ADDED" {
        "MODIFIED"
    } else {
        change.change_type
    };
    let second = faults.repeats.then(|| line(again, &object));
    std::iter::once(first).chain(second)
}

/// As every API server orders it: who reads as it comes has to know the type first.
fn line(change_type: &str, object: &Value) -> Bytes {
    Bytes::from(format!(
        "{{\"type\":\"{change_type}\",\"object\":{object}}}\n"
    ))
}

fn bookmark(asked: &Asked, version: u64, ends_list: bool) -> Bytes {
    let mut metadata = json!({"resourceVersion": version.to_string()});
    if ends_list {
        metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    line(
        "BOOKMARK",
        &json!({"kind": asked.plural, "apiVersion": "v1", "metadata": metadata}),
    )
}
