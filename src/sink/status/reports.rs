//! The way by which observed `HookAudit`s reach the writer, without anyone waiting.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::api::HookAudit;
use crate::audit::lists::{List, Lists};
use crate::audit::seen::Stream;

use super::plan::{Key, Seen};

/// A handle on what was observed of `HookAudit`s; of each object only the latest is kept.
#[derive(Debug, Clone, Default)]
pub struct Reports {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    inbox: Mutex<Inbox>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Inbox {
    lists: Lists,
    /// Those completed since the last time.
    complete: Vec<List>,
    /// `None` for an object that is gone.
    objects: BTreeMap<Key, Option<Seen>>,
}

/// What was observed since the last time.
#[derive(Debug)]
pub(super) struct News {
    pub(super) objects: BTreeMap<Key, Option<Seen>>,
    /// What these lists miss is gone.
    pub(super) complete: Vec<List>,
}

impl Reports {
    /// The API holds this object.
    pub fn seen(&self, audit: &HookAudit) {
        let Some(name) = audit.metadata.name.as_deref() else {
            return;
        };
        let key = Key {
            namespace: audit
                .metadata
                .namespace
                .as_deref()
                .unwrap_or_default()
                .into(),
            name: name.into(),
        };
        let mut inbox = self.inbox();
        let seen = Seen::of(audit, inbox.lists.epoch());
        inbox.objects.insert(key, Some(seen));
        drop(inbox);
        self.shared.news.notify_one();
    }

    /// The API does not hold this object any longer.
    pub fn gone(&self, namespace: &str, name: &str) {
        let key = Key {
            namespace: namespace.into(),
            name: name.into(),
        };
        self.inbox().objects.insert(key, None);
        self.shared.news.notify_one();
    }

    /// What is seen from now on, up to [`Self::synced`], is everything that the stream tells of.
    pub fn relist(&self, stream: &Stream) {
        self.inbox().lists.begin(stream);
    }

    /// The list is complete. Nothing is written before the first one is.
    pub fn synced(&self, stream: &Stream) {
        let mut inbox = self.inbox();
        let list = inbox.lists.complete(stream);
        inbox.complete.push(list);
        drop(inbox);
        self.shared.news.notify_one();
    }

    pub(super) fn epoch(&self) -> u32 {
        self.inbox().lists.epoch()
    }

    pub(super) async fn changed(&self) {
        self.shared.news.notified().await;
    }

    pub(super) fn take(&self) -> News {
        let mut inbox = self.inbox();
        News {
            objects: std::mem::take(&mut inbox.objects),
            complete: std::mem::take(&mut inbox.complete),
        }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.shared
            .inbox
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
