//! The watch of one Lease.

use std::time::Duration;

use crate::source::watch::Failure;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{WatchEvent, WatchParams};

/// The API server ends a watch after so long; then it is begun again.
const LASTS_SECONDS: u32 = 240;

/// What a watch tells.
#[derive(Debug)]
pub(super) enum News {
    Began,
    Changed(Box<Lease>),
    Deleted,
    /// It did not begin: not allowed, not possible, or nobody answered.
    Refused(String),
    /// The last that is told.
    Ended,
}

/// Watches from a resourceVersion on.
pub(super) fn watch(
    api: Api<Lease>,
    name: &str,
    version: &str,
    limit: Duration,
) -> BoxStream<'static, News> {
    let parameters = WatchParams::default()
        .fields(&format!("metadata.name={name}"))
        .timeout(LASTS_SECONDS);
    let version = version.to_owned();
    let begin = async move {
        let events = match tokio::time::timeout(limit, api.watch(&parameters, &version)).await {
            Ok(Ok(events)) => events,
            Ok(Err(error)) => return refused(Failure::of_client(&error).label().to_owned()),
            Err(_) => return refused(format!("no answer within {limit:?}")),
        };
        // What is no change of the Lease ends the watch; the next one begins from a fresh look.
        let changes = events
            .map(|event| match event {
                Ok(WatchEvent::Added(lease) | WatchEvent::Modified(lease)) => {
                    Some(News::Changed(Box::new(lease)))
                }
                Ok(WatchEvent::Deleted(_)) => Some(News::Deleted),
                Ok(WatchEvent::Bookmark(_) | WatchEvent::Error(_)) | Err(_) => None,
            })
            .take_while(|news| std::future::ready(news.is_some()))
            .filter_map(std::future::ready);
        stream::once(std::future::ready(News::Began))
            .chain(changes)
            .boxed()
    };
    stream::once(begin)
        .flatten()
        .chain(stream::once(std::future::ready(News::Ended)))
        .boxed()
}

fn refused(why: String) -> BoxStream<'static, News> {
    stream::once(std::future::ready(News::Refused(why))).boxed()
}
