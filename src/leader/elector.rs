//! The election on an API server.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::election::{Call, Election, Input, Request};
use super::watching::{self, News};
use super::{ElectionSettings, Mandate, Term};
use crate::clock::Clock;
use crate::source::watch::Failure;

/// Where a watch is refused, it is tried again after so long.
const REFUSED_FOR: Duration = Duration::from_secs(10);
/// A release that takes longer is given up: the others wait for the lease to expire.
const RELEASE_WITHIN: Duration = Duration::from_secs(3);

/// Takes part in the election for one Lease. Its client must not retry (`Config::default_retry = false`).
pub struct Elector {
    api: Api<Lease>,
    settings: ElectionSettings,
    clock: Clock,
    election: Election,
    terms: watch::Sender<Option<Term>>,
    call: Option<Pin<Box<dyn Future<Output = Answered> + Send>>>,
    watch: Option<BoxStream<'static, News>>,
    watch_began_at: Option<Instant>,
    watch_not_before: Instant,
    /// The last call failed, which was told.
    in_trouble: bool,
    told: Told,
}

/// What was last said of who leads.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Nothing,
    Leading,
    Following(String),
}

/// What became of a call, and why if it failed.
struct Answered {
    input: Input,
    trouble: Option<String>,
}

impl Elector {
    /// The candidate, and the mandate that its writers ask.
    #[must_use]
    pub fn new(client: Client, settings: ElectionSettings, clock: Clock) -> (Mandate, Self) {
        let (terms, receiver) = watch::channel(None);
        let random = RandomState::new().hash_one(&settings.identity);
        let now = Instant::now();
        let elector = Self {
            api: Api::namespaced(client, &settings.namespace),
            election: Election::new(settings.clone(), random, now),
            settings,
            clock,
            terms,
            call: None,
            watch: None,
            watch_began_at: None,
            watch_not_before: now,
            in_trouble: false,
            told: Told::Nothing,
        };
        (Mandate::new(receiver), elector)
    }

    /// Takes part until `release` is cancelled, then gives up the Lease. Whoever wrote must have ended by then: another
    /// replica takes over at once.
    pub async fn run(mut self, release: CancellationToken) {
        tokio::select! {
            biased;
            () = release.cancelled() => {}
            () = self.take_part() => {}
        }
        if self.told == Told::Leading {
            tracing::info!("releasing the lease");
            self.told = Told::Nothing;
        }
        self.election.handle(Instant::now(), Input::Stop);
        if tokio::time::timeout(RELEASE_WITHIN, self.take_part())
            .await
            .is_err()
        {
            tracing::warn!("the lease is not released: no answer from the API server");
        }
    }

    /// Returns after a stop, when nothing is left to do. Dropping it loses nothing.
    async fn take_part(&mut self) {
        loop {
            let now = Instant::now();
            self.publish(now);
            if self.election.finished(now) {
                return;
            }
            self.call(now);
            self.attend_watch(now);
            let wake = self.election.poll_timeout(now);
            tokio::select! {
                biased;
                answered = under_way(&mut self.call) => self.answered(answered),
                news = next(&mut self.watch) => self.heard(news),
                () = sleep_until(wake) => {}
            }
        }
    }

    fn call(&mut self, now: Instant) {
        if let Some(call) = self.election.poll_call(now, self.clock.now()) {
            let (api, name) = (self.api.clone(), self.settings.name.clone());
            self.call = Some(Box::pin(make(api, name, call)));
        }
    }

    fn answered(&mut self, answered: Answered) {
        self.call = None;
        match (&answered.trouble, self.in_trouble) {
            (Some(why), false) => tracing::warn!("the lease cannot be read or written: {why}"),
            (Some(why), true) => tracing::debug!("the lease cannot be read or written: {why}"),
            (None, true) => tracing::info!("the lease can be read and written again"),
            (None, false) => {}
        }
        self.in_trouble = answered.trouble.is_some();
        // A watch that did not tell of it is of no use.
        if matches!(answered.input, Input::Conflict) && self.watch.is_some() {
            self.end_watch();
        }
        self.election.handle(Instant::now(), answered.input);
    }

    /// A leader has no use for a watch: it is the one who writes.
    fn attend_watch(&mut self, now: Instant) {
        if self.election.term(now).is_some() {
            self.watch = None;
            self.watch_began_at = None;
            self.election.handle(now, Input::WatchEnded);
        } else if self.watch.is_none()
            && now >= self.watch_not_before
            && let Some(version) = self.election.version()
        {
            let limit = self.settings.timing.renew_deadline / 2;
            let (api, name) = (self.api.clone(), &self.settings.name);
            self.watch = Some(watching::watch(api, name, version, limit));
        }
    }

    fn heard(&mut self, news: News) {
        let now = Instant::now();
        match news {
            News::Began => {
                self.watch_began_at = Some(now);
                self.election.handle(now, Input::WatchBegan);
            }
            News::Changed(lease) => self.election.handle(now, Input::Watched(Some(lease))),
            News::Deleted => self.election.handle(now, Input::Watched(None)),
            News::Refused(why) => {
                tracing::debug!("the lease is looked at again and again: no watch: {why}");
                self.watch_not_before = now + REFUSED_FOR;
            }
            News::Ended => self.end_watch(),
        }
    }

    fn end_watch(&mut self) {
        let now = Instant::now();
        self.watch = None;
        if let Some(began_at) = self.watch_began_at.take() {
            self.watch_not_before = now.max(began_at + self.settings.timing.retry);
            self.election.handle(now, Input::WatchEnded);
        }
    }

    fn publish(&mut self, now: Instant) {
        let term = self.election.term(now);
        self.terms.send_if_modified(|published| {
            let changed = *published != term;
            *published = term;
            changed
        });
        let told = match (term, self.election.holder()) {
            (Some(_), _) => Told::Leading,
            (None, Some(holder)) => Told::Following(holder.to_owned()),
            (None, None) => Told::Nothing,
        };
        if told == self.told {
            return;
        }
        let (namespace, name) = (&self.settings.namespace, &self.settings.name);
        let identity = &self.settings.identity;
        match (&self.told, &told) {
            (_, Told::Leading) => tracing::info!(namespace, name, identity, "leading"),
            (Told::Leading, _) => {
                tracing::warn!(
                    namespace,
                    name,
                    identity,
                    "not leading any longer: nothing is written"
                );
            }
            (_, Told::Following(holder)) => {
                tracing::info!(namespace, name, identity, holder, "following")
            }
            (_, Told::Nothing) => {}
        }
        self.told = told;
    }
}

async fn make(api: Api<Lease>, name: String, call: Call) -> Answered {
    let Call { request, limit } = call;
    let parameters = PostParams::default();
    let exchange = async {
        match &request {
            Request::Get => {
                let found = api.get_opt(&name).await;
                found.map(|lease| Input::Found(lease.map(Box::new)))
            }
            Request::Create(lease) => {
                let made = api.create(&parameters, lease).await;
                made.map(|lease| Input::Written(Box::new(lease)))
            }
            Request::Replace(lease) => {
                let written = api.replace(&name, &parameters, lease).await;
                written.map(|lease| Input::Written(Box::new(lease)))
            }
        }
    };
    let failed = |why: String| Answered {
        input: Input::Failed,
        trouble: Some(why),
    };
    let fine = |input| Answered {
        input,
        trouble: None,
    };
    match tokio::time::timeout(limit, exchange).await {
        Ok(Ok(input)) => fine(input),
        Ok(Err(kube::Error::Api(status))) if status.code == 409 => fine(Input::Conflict),
        Ok(Err(kube::Error::Api(status)))
            if status.code == 404 && matches!(request, Request::Replace(_)) =>
        {
            fine(Input::Found(None))
        }
        Ok(Err(error)) => failed(Failure::of_client(&error).label().to_owned()),
        Err(_) => failed(format!("no answer within {limit:?}")),
    }
}

async fn under_way<F: Future + Unpin>(call: &mut Option<F>) -> F::Output {
    match call {
        Some(call) => call.await,
        None => std::future::pending().await,
    }
}

async fn next(watch: &mut Option<BoxStream<'static, News>>) -> News {
    match watch {
        Some(watch) => watch.next().await.unwrap_or(News::Ended),
        None => std::future::pending().await,
    }
}

async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => std::future::pending().await,
    }
}
