use kube::core::Status;

use super::*;
use crate::audit::observation::Resource;
use crate::source::wire::Pod;

type WatchedPod = Watched<Pod, false>;

fn planned() -> Planned {
    Planned {
        stream: Stream {
            resource: Resource::Pods,
            selector: None,
        },
        namespace: None,
        field_selector: None,
        timeout_seconds: 120,
    }
}

fn watch() -> (Watch, mpsc::Receiver<Seen>) {
    let (sender, receiver) = mpsc::channel(100);
    let planned = planned();
    let health = Arc::new(StreamHealth::new(planned.stream.clone()));
    let watch = Watch::new(planned, health, Translator::default(), sender);
    (watch, receiver)
}

fn pod() -> WatchedPod {
    let json = r#"{"metadata": {"name": "p", "namespace": "n", "uid": "bb39dbd2-260a-4446-963c-c9b7fad5ee93",
        "resourceVersion": "7"}}"#;
    serde_json::from_str(json).unwrap()
}

fn answer(code: u16) -> kube::Error {
    kube::Error::Api(Status::failure("no", "No").with_code(code).boxed())
}

/// What is sent for these events of a watcher.
async fn changes(events: Vec<Event<WatchedPod>>) -> Vec<&'static str> {
    let (mut watch, mut receiver) = watch();
    for event in events {
        assert!(watch.take(event).await.is_ok());
    }
    drop(watch);
    let mut changes = Vec::new();
    while let Some(seen) = receiver.recv().await {
        changes.push(seen.change.as_str());
    }
    changes
}

#[tokio::test]
async fn a_further_list_is_announced_and_the_first_is_not() {
    let events = vec![
        Event::Init,
        Event::InitApply(pod()),
        Event::InitDone,
        Event::Apply(pod()),
        Event::Delete(pod()),
        Event::Init,
        Event::InitDone,
    ];
    let expected = ["ADDED", "SYNCED", "MODIFIED", "DELETED", "RELIST", "SYNCED"];
    assert_eq!(changes(events).await, expected);
}

#[tokio::test]
async fn a_list_that_failed_in_the_middle_is_taken_back_once() {
    let events = vec![
        Event::Init,
        Event::Init,
        Event::InitApply(pod()),
        Event::Init,
        Event::Init,
        Event::InitApply(pod()),
        Event::InitDone,
    ];
    assert_eq!(
        changes(events).await,
        ["ADDED", "RELIST", "ADDED", "SYNCED"]
    );
}

#[tokio::test(start_paused = true)]
async fn pages_are_tried_only_where_streaming_itself_is_refused() {
    for (code, expected) in [
        (422, Strategy::Pages),
        (400, Strategy::Pages),
        (405, Strategy::Pages),
        (401, Strategy::Streaming),
        (403, Strategy::Streaming),
        (404, Strategy::Streaming),
        (410, Strategy::Streaming),
        (429, Strategy::Streaming),
        (500, Strategy::Streaming),
    ] {
        let (mut watch, _receiver) = watch();
        let flow = watch
            .failed(&watcher::Error::WatchStartFailed(answer(code)))
            .await;
        assert_eq!(watch.strategy, expected, "{code}");
        assert_eq!(
            flow.is_break(),
            expected == Strategy::Pages || code == 410,
            "{code}"
        );
        let config = watch.config();
        assert_eq!(
            config.page_size == Some(250),
            expected == Strategy::Pages,
            "{code}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn lists_that_fail_after_their_beginning_are_tried_ever_more_rarely() {
    let (mut watch, _receiver) = watch();
    let began = Instant::now();
    let mut tries = 0;
    while began.elapsed() < Duration::from_secs(120) {
        // What kube's watcher yields in list mode when each page answers 500.
        assert!(watch.take(Event::<WatchedPod>::Init).await.is_ok());
        let flow = watch
            .failed(&watcher::Error::InitialListFailed(answer(500)))
            .await;
        assert!(flow.is_continue());
        tries += 1;
    }
    assert!((6..=14).contains(&tries), "{tries}");
    let state = watch.health.state();
    assert_eq!(
        (state.failures, state.failure),
        (tries, Some(Failure::ServerError))
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_that_hangs_is_begun_anew_by_pages() {
    let (mut watch, _receiver) = watch();
    let began = Instant::now();
    let hanging =
        futures::stream::iter([Ok(Event::<WatchedPod>::Init)]).chain(futures::stream::pending());
    assert!(watch.follow(hanging).await.is_ok());
    assert!(began.elapsed() >= NEXT_LISTED_WITHIN);
    assert_eq!(watch.strategy, Strategy::Pages);
    assert_eq!(watch.health.state().failure, Some(Failure::Timeout));
}

#[tokio::test]
async fn a_stream_ends_when_nobody_receives() {
    let (mut watch, receiver) = watch();
    drop(receiver);
    assert!(watch.take(Event::InitApply(pod())).await.is_err());
}
