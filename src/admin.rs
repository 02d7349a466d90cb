//! The admin port: `/livez`, `/readyz` and `/metrics`.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::stream;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::audit::snapshot::Snapshot;
use crate::clock::Clock;
use crate::sink::metrics::{Encoding, Exposition, Gzip, Renderer, encoding, format};

/// Connections that are still open so long after the end was asked for are cut.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// What the probes answer. The loop writes it, the admin port reads it.
#[derive(Debug)]
pub struct Health {
    ticked_at_seconds: AtomicI64,
    silence_max_seconds: i64,
    missing: Mutex<BTreeSet<Box<str>>>,
}

impl Health {
    /// Alive while [`Self::tick`] is not older than `silence_max`; ready once nothing of `missing` is missing.
    #[must_use]
    pub fn new(
        now: Timestamp,
        silence_max: Duration,
        missing: impl IntoIterator<Item = Box<str>>,
    ) -> Self {
        Self {
            ticked_at_seconds: AtomicI64::new(now.as_second()),
            silence_max_seconds: i64::try_from(silence_max.as_secs()).unwrap_or(i64::MAX),
            missing: Mutex::new(missing.into_iter().collect()),
        }
    }

    /// The loop is alive.
    pub fn tick(&self, now: Timestamp) {
        self.ticked_at_seconds
            .store(now.as_second(), Ordering::Relaxed);
    }

    /// This is not missing any longer. What was ready once stays so: a later relist is no reason to be restarted.
    pub fn arrived(&self, what: &str) {
        self.missing().remove(what);
    }

    /// The program ends: not ready from now on.
    pub fn stopping(&self) {
        self.missing().insert("the program is stopping".into());
    }

    fn silence_seconds(&self, now: Timestamp) -> i64 {
        now.as_second()
            .saturating_sub(self.ticked_at_seconds.load(Ordering::Relaxed))
    }

    fn missing(&self) -> MutexGuard<'_, BTreeSet<Box<str>>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the admin port shows.
#[derive(Debug, Clone)]
pub struct Admin {
    pub health: Arc<Health>,
    pub renderer: Renderer,
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    pub clock: Clock,
}

/// Serves until cancelled; then answers what was asked and returns.
///
/// # Errors
/// The listener failed.
pub async fn serve(
    listener: TcpListener,
    admin: Admin,
    cancel: CancellationToken,
) -> io::Result<()> {
    let health = Arc::clone(&admin.health);
    let stopped = cancel.clone().cancelled_owned();
    let server = axum::serve(listener, router(admin)).with_graceful_shutdown(stopped);
    let drained = async {
        cancel.cancelled().await;
        health.stopping();
        tokio::time::sleep(DRAIN_MAX).await;
    };
    tokio::select! {
        ended = server => ended,
        () = drained => Ok(()),
    }
}

fn router(admin: Admin) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(admin)
}

async fn livez(State(admin): State<Admin>) -> Response {
    let seconds = admin.health.silence_seconds(admin.clock.now());
    if seconds <= admin.health.silence_max_seconds {
        return (StatusCode::OK, "ok\n").into_response();
    }
    let body = format!("the event loop is silent since {seconds} s\n");
    (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
}

async fn readyz(State(admin): State<Admin>) -> Response {
    let missing: Vec<_> = admin.health.missing().iter().cloned().collect();
    if missing.is_empty() {
        return (StatusCode::OK, "ok\n").into_response();
    }
    let body = format!("waiting for: {}\n", missing.join(", "));
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

async fn metrics(State(admin): State<Admin>, headers: HeaderMap) -> Response {
    let format = format(text_of(&headers, ACCEPT).as_deref());
    let snapshot = Arc::clone(&admin.snapshots.borrow());
    let exposition = admin
        .renderer
        .exposition(snapshot, admin.clock.now(), format);
    let always = [
        (CONTENT_TYPE, format.content_type()),
        (VARY, "accept, accept-encoding"),
    ];
    match encoding(text_of(&headers, ACCEPT_ENCODING).as_deref()) {
        Encoding::Identity => (always, plain(exposition)).into_response(),
        Encoding::Gzip => {
            (always, [(CONTENT_ENCODING, "gzip")], packed(exposition)).into_response()
        }
    }
}

fn plain(exposition: Exposition) -> Body {
    Body::from_stream(stream::iter(
        exposition.map(|chunk| Ok::<_, io::Error>(Bytes::from(chunk))),
    ))
}

fn packed(exposition: Exposition) -> Body {
    Body::from_stream(stream::iter(
        Gzip::new(exposition).map(|chunk| Ok::<_, io::Error>(Bytes::from(chunk))),
    ))
}

/// All values of a header as one list.
fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::SocketAddr;

    use flate2::read::GzDecoder;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::api::fixture::plain_workload;
    use crate::sink::metrics::MetricsSettings;

    const START: i64 = 1_763_000_000;

    fn now() -> Timestamp {
        Timestamp::from_second(START).unwrap()
    }

    struct Server {
        address: SocketAddr,
        health: Arc<Health>,
        cancel: CancellationToken,
        task: JoinHandle<io::Result<()>>,
    }

    async fn start() -> Server {
        let missing = ["pods", "events"].map(Box::from);
        let health = Arc::new(Health::new(now(), Duration::from_secs(30), missing));
        let workloads = (0..3_000).map(|number| {
            let target =
                crate::api::fixture::target("apps/v1", "Deployment", &format!("app-{number:04}"));
            Arc::new(crate::audit::snapshot::Workload {
                target,
                ..plain_workload()
            })
        });
        let snapshot = Snapshot {
            synced: true,
            workloads: workloads.collect(),
            ..Snapshot::default()
        };
        let (_, snapshots) = watch::channel(Arc::new(snapshot));
        let renderer = Renderer::new(MetricsSettings::default(), Arc::default(), Arc::default());
        let admin = Admin {
            health: Arc::clone(&health),
            renderer,
            snapshots,
            clock: Clock::new(now),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cancel = CancellationToken::new();
        let task = tokio::spawn(serve(listener, admin, cancel.clone()));
        Server {
            address,
            health,
            cancel,
            task,
        }
    }

    impl Server {
        /// Status line with headers, and body without its framing.
        async fn get(&self, path: &str, headers: &str) -> (String, Vec<u8>) {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            let request =
                format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            let end = answer
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
                .unwrap();
            let head = String::from_utf8(answer[..end].to_vec()).unwrap();
            let body = answer[end + 4..].to_vec();
            let body = if head.contains("transfer-encoding: chunked") {
                unchunked(&body)
            } else {
                body
            };
            (head, body)
        }
    }

    fn unchunked(mut body: &[u8]) -> Vec<u8> {
        let mut whole = Vec::new();
        loop {
            let line = body
                .windows(2)
                .position(|window| window == b"\r\n")
                .unwrap();
            let size =
                usize::from_str_radix(std::str::from_utf8(&body[..line]).unwrap(), 16).unwrap();
            if size == 0 {
                return whole;
            }
            whole.extend_from_slice(&body[line + 2..line + 2 + size]);
            body = &body[line + 2 + size + 2..];
        }
    }

    #[tokio::test]
    async fn it_is_ready_when_nothing_is_missing_and_until_it_stops() {
        let server = start().await;
        let (head, body) = server.get("/readyz", "").await;
        assert!(head.starts_with("HTTP/1.1 503"), "{head}");
        assert_eq!(body, b"waiting for: events, pods\n");
        server.health.arrived("pods");
        server.health.arrived("events");
        assert!(
            server
                .get("/readyz", "")
                .await
                .0
                .starts_with("HTTP/1.1 200")
        );
        server.health.stopping();
        assert!(
            server
                .get("/readyz", "")
                .await
                .0
                .starts_with("HTTP/1.1 503")
        );
    }

    #[tokio::test]
    async fn it_is_alive_while_the_loop_ticks() {
        let server = start().await;
        assert!(server.get("/livez", "").await.0.starts_with("HTTP/1.1 200"));
        server
            .health
            .tick(Timestamp::from_second(START - 31).unwrap());
        let (head, body) = server.get("/livez", "").await;
        assert!(head.starts_with("HTTP/1.1 500"), "{head}");
        assert_eq!(body, b"the event loop is silent since 31 s\n");
    }

    #[tokio::test]
    async fn metrics_come_in_the_format_and_encoding_that_was_asked_for() {
        let server = start().await;
        let (head, text) = server.get("/metrics", "").await;
        assert!(
            head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
            "{head}"
        );
        assert!(!head.contains("content-encoding"));
        let grace = b"hookaudit_workload_termination_grace_period_seconds{";
        assert_eq!(
            text.windows(grace.len())
                .filter(|window| window == grace)
                .count(),
            3_000
        );

        let headers =
            "accept: application/openmetrics-text;version=1.0.0\r\naccept-encoding: gzip\r\n";
        let (head, body) = server.get("/metrics", headers).await;
        assert!(
            head.contains(
                "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"
            ),
            "{head}"
        );
        assert!(head.contains("content-encoding: gzip"), "{head}");
        let mut text = String::new();
        GzDecoder::new(&*body).read_to_string(&mut text).unwrap();
        assert!(text.ends_with("# EOF\n"));
        assert!(body.len() * 10 < text.len());
    }

    #[tokio::test]
    async fn it_ends_when_cancelled_also_with_a_connection_open() {
        let server = start().await;
        let idle = TcpStream::connect(server.address).await.unwrap();
        server.cancel.cancel();
        let ended = tokio::time::timeout(DRAIN_MAX * 2, server.task).await;
        assert!(ended.unwrap().unwrap().is_ok());
        drop(idle);
    }
}
