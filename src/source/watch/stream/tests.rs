use kube::core::Status;

use super::*;
use crate::audit::seen::Resource;
use crate::source::wire::Pod;

type WatchedPod = Watched<Pod, false>;

fn watch() -> (Watch, mpsc::Receiver<Seen>) {
    watch_of(Resource::Pods)
}

fn watch_of(resource: Resource) -> (Watch, mpsc::Receiver<Seen>) {
    let (sender, receiver) = mpsc::channel(100);
    let planned = Planned {
        stream: Stream::whole(resource),
        namespace: None,
        field_selector: None,
        timeout_seconds: 100,
    };
    let health = Arc::new(StreamHealth::new(planned.stream.clone(), Arc::default()));
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
    sent(&mut receiver).await
}

async fn sent(receiver: &mut mpsc::Receiver<Seen>) -> Vec<&'static str> {
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
        let Ok(flow) = flow else {
            panic!("nobody receives");
        };
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
        assert!(flow.is_ok_and(|flow| flow.is_continue()));
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

/// Lists nothing, then follows what comes, for at most ten minutes; for how long, and what is sent.
async fn followed(
    resource: Resource,
    then: impl AsyncStream<Item = watcher::Result<Event<WatchedPod>>> + Unpin,
) -> (u64, Vec<&'static str>) {
    let (mut watch, mut receiver) = watch_of(resource);
    let began = Instant::now();
    watch.pace.listed(began);
    let listed = futures::stream::iter([Ok(Event::Init), Ok(Event::InitDone)]);
    let follows = watch.follow(listed.chain(then));
    let ended = tokio::time::timeout(Duration::from_secs(600), follows).await;
    assert!(ended.is_ok_and(|ended| ended.is_ok()) || began.elapsed().as_secs() == 600);
    drop(watch);
    (began.elapsed().as_secs(), sent(&mut receiver).await)
}

#[tokio::test(start_paused = true)]
async fn events_that_are_not_heard_of_are_told_to_be_broken_and_listed_again() {
    let silent = followed(Resource::Events, futures::stream::pending()).await;
    assert_eq!(silent, (120, vec!["SYNCED", "RELIST"]));
    let silent = followed(Resource::Pods, futures::stream::pending()).await;
    assert_eq!(silent, (600, vec!["SYNCED"]));
}

#[tokio::test(start_paused = true)]
async fn events_whose_watch_cannot_be_begun_anew_are_told_to_be_broken_in_time() {
    let fails = futures::stream::repeat_with(|| Err(watcher::Error::WatchStartFailed(answer(500))));
    let (after, sent) = followed(Resource::Events, fails).await;
    assert!((120..150).contains(&after), "{after}");
    assert_eq!(sent, ["SYNCED", "RELIST"]);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_does_not_come_is_told_once_to_follow() {
    let (mut watch, mut receiver) = watch_of(Resource::Events);
    watch.pace.listed(Instant::now());
    for event in [Event::<WatchedPod>::Init, Event::InitDone] {
        assert!(watch.take(event).await.is_ok());
    }
    for _ in 0..3 {
        let hanging = futures::stream::pending::<watcher::Result<Event<WatchedPod>>>();
        assert!(watch.follow(hanging).await.is_ok());
    }
    assert!(watch.take(Event::<WatchedPod>::Init).await.is_ok());
    drop(watch);
    assert_eq!(sent(&mut receiver).await, ["SYNCED", "RELIST"]);
}

#[tokio::test]
async fn a_stream_ends_when_nobody_receives() {
    let (mut watch, receiver) = watch();
    drop(receiver);
    assert!(watch.take(Event::InitApply(pod())).await.is_err());
}
