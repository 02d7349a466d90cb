//! One operator with a runtime, and so with a clock, of its own: it can be stopped, continued and killed
//! like a process.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use clap::Parser;
use hookaudit::audit::snapshot::Snapshot;
use hookaudit::cli::{Arguments, Command};
use hookaudit::clock::Clock;
use hookaudit::config::OperateConfig;
use hookaudit::redact::DigestKey;
use hookaudit::run::operator::{Operator, Surroundings};
use hookaudit_testkit::api_server::ApiServer;
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Where the replicas' Lease is.
pub(crate) const LEASE_NAMESPACE: &str = "hookaudit-system";

pub(crate) struct Replica {
    /// Of this process, not of the next under the same name.
    pub(crate) identity: String,
    runtime: Runtime,
    started_at: Instant,
    /// How late it was in the world when this one was started.
    began: Duration,
    /// How far its wall clock is ahead.
    ahead_seconds: Arc<AtomicI64>,
    latest: watch::Receiver<Arc<Snapshot>>,
    is_stopped: bool,
}

fn config(namespaces: Option<&str>) -> OperateConfig {
    let namespaces = namespaces.map(|namespaces| format!("--watch-namespaces={namespaces}"));
    let arguments = [
        "hookaudit",
        "run",
        "--leader-election-namespace",
        LEASE_NAMESPACE,
    ]
    .into_iter()
    .chain(namespaces.as_deref());
    let Command::Run(arguments) = Arguments::parse_from(arguments).command else {
        panic!("`run` is no command");
    };
    OperateConfig::new(arguments).unwrap()
}

impl Replica {
    pub(crate) fn start(
        identity: &str,
        server: &ApiServer,
        namespaces: Option<&str>,
        now: Timestamp,
        began: Duration,
    ) -> Self {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let ahead_seconds = Arc::new(AtomicI64::new(0));
        let (started_at, latest) = runtime.block_on(async {
            let started_at = Instant::now();
            let ahead = Arc::clone(&ahead_seconds);
            let clock = Clock::new(move || {
                let passed = SignedDuration::try_from(started_at.elapsed()).unwrap();
                now + passed + SignedDuration::from_secs(ahead.load(Ordering::Relaxed))
            });
            let surroundings = Surroundings {
                client: server.client_of(identity),
                election_client: server.client_of(identity),
                identity: identity.to_owned(),
                key: DigestKey::default(),
                recorder: None,
                clock,
                cancel: CancellationToken::new(),
            };
            let operator = Operator::new(&config(namespaces), surroundings)
                .await
                .unwrap();
            let latest = operator.admin().snapshots;
            tokio::spawn(async move { operator.run().await.unwrap() });
            (started_at, latest)
        });
        Self {
            identity: identity.to_owned(),
            runtime,
            started_at,
            began,
            ahead_seconds,
            latest,
            is_stopped: false,
        }
    }

    /// Runs it up to this time of the world.
    pub(crate) fn run_until(&mut self, elapsed: Duration) {
        if !self.is_stopped {
            let until = self.started_at + elapsed.saturating_sub(self.began);
            self.runtime
                .block_on(async { tokio::time::sleep_until(until).await });
        }
    }

    /// As by SIGSTOP: nothing of it runs, while its clocks go on.
    pub(crate) fn stop(&mut self) {
        self.is_stopped = true;
    }

    pub(crate) fn resume(&mut self, elapsed: Duration) {
        if !std::mem::take(&mut self.is_stopped) {
            return;
        }
        let until = self.started_at + elapsed.saturating_sub(self.began);
        self.runtime.block_on(async {
            let missed = until.duration_since(Instant::now());
            tokio::time::advance(missed).await;
        });
    }

    /// Its wall clock is set; the other one is not.
    pub(crate) fn set_clock_ahead(&self, seconds: i64) {
        self.ahead_seconds.store(seconds, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.latest.borrow())
    }
}
