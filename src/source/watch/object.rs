use std::borrow::Cow;
use std::fmt::Debug;

use kube::Resource as KubeResource;
use kube::core::{DynamicResourceScope, ObjectMeta};
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::value::RawValue;

use crate::audit::seen::Resource;
use crate::source::translate::{Presence, Translation, Translator};
pub(super) use crate::source::wire::{Event, HookAudit, Namespace, Node, Pod};
use crate::source::wire::{Fields, Metadata, Object, Owner, Record, Slot};

/// A resource that is watched.
pub(super) trait Watchable: Object + Clone + Debug + Send + 'static {
    const RESOURCE: Resource;
    const KIND: &'static str;
    const GROUP: &'static str = "";
    const VERSION: &'static str = "v1";
    /// The API server is asked for metadata only.
    const METADATA_ONLY: bool = false;

    fn metadata(&self) -> &Metadata;

    fn translation(&self, translator: &Translator, presence: Presence) -> Translation;

    /// Adds what only the whole object tells.
    fn completed(translation: Translation, _json: &str) -> Translation {
        translation
    }
}

/// An object as kube's `watcher` wants it: with its resourceVersion, and with its JSON if `RAW`.
#[derive(Debug, Clone)]
pub(super) struct Watched<K, const RAW: bool> {
    pub(super) object: K,
    pub(super) raw: Option<Box<RawValue>>,
    metadata: ObjectMeta,
}

impl<'de, K: Watchable, const RAW: bool> Deserialize<'de> for Watched<K, RAW> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (record, raw): (Record<K>, _) = if RAW {
            let raw = Box::<RawValue>::deserialize(deserializer)?;
            (
                serde_json::from_str(raw.get()).map_err(D::Error::custom)?,
                Some(raw),
            )
        } else {
            (Record::deserialize(deserializer)?, None)
        };
        let version = record.value.metadata().resource_version.get();
        let metadata = ObjectMeta {
            resource_version: version.map(ToString::to_string),
            ..ObjectMeta::default()
        };
        Ok(Self {
            object: record.value,
            raw,
            metadata,
        })
    }
}

impl<K: Watchable, const RAW: bool> Watched<K, RAW> {
    pub(super) fn translation(&self, translator: &Translator, presence: Presence) -> Translation {
        let translation = self.object.translation(translator, presence);
        match &self.raw {
            Some(raw) => K::completed(translation, raw.get()),
            None => translation,
        }
    }
}

impl<K: Watchable, const RAW: bool> KubeResource for Watched<K, RAW> {
    type DynamicType = ();
    type Scope = DynamicResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        K::KIND.into()
    }

    fn group((): &()) -> Cow<'_, str> {
        K::GROUP.into()
    }

    fn version((): &()) -> Cow<'_, str> {
        K::VERSION.into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        K::RESOURCE.as_str().into()
    }

    fn metadata_api() -> bool {
        K::METADATA_ONLY
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct ReplicaSet(Owner);

#[derive(Debug, Clone, Default)]
pub(super) struct Job(Owner);

impl Watchable for Pod {
    const RESOURCE: Resource = Resource::Pods;
    const KIND: &'static str = "Pod";

    fn metadata(&self) -> &Metadata {
        &self.metadata.value
    }

    fn translation(&self, translator: &Translator, presence: Presence) -> Translation {
        translator.pod(self, presence)
    }
}

impl Watchable for Event {
    const RESOURCE: Resource = Resource::Events;
    const KIND: &'static str = "Event";

    fn metadata(&self) -> &Metadata {
        &self.metadata.value
    }

    fn translation(&self, translator: &Translator, presence: Presence) -> Translation {
        translator.event(self, presence)
    }
}

impl Watchable for Node {
    const RESOURCE: Resource = Resource::Nodes;
    const KIND: &'static str = "Node";

    fn metadata(&self) -> &Metadata {
        &self.metadata.value
    }

    fn translation(&self, translator: &Translator, presence: Presence) -> Translation {
        translator.node(self, presence)
    }
}

impl Watchable for Namespace {
    const RESOURCE: Resource = Resource::Namespaces;
    const KIND: &'static str = "Namespace";

    fn metadata(&self) -> &Metadata {
        &self.metadata.value
    }

    fn translation(&self, translator: &Translator, presence: Presence) -> Translation {
        translator.namespace(self, presence)
    }
}

impl Watchable for HookAudit {
    const RESOURCE: Resource = Resource::HookAudits;
    const KIND: &'static str = "HookAudit";
    const GROUP: &'static str = "hookaudit.io";
    const VERSION: &'static str = "v1alpha1";

    fn metadata(&self) -> &Metadata {
        &self.metadata.value
    }

    fn translation(&self, translator: &Translator, presence: Presence) -> Translation {
        translator.report(self, presence)
    }

    fn completed(translation: Translation, json: &str) -> Translation {
        translation.with_status(json)
    }
}

impl Fields for ReplicaSet {
    fn slot(&mut self, key: &str) -> Option<&mut dyn Slot> {
        self.0.slot(key)
    }
}

impl Watchable for ReplicaSet {
    const RESOURCE: Resource = Resource::ReplicaSets;
    const KIND: &'static str = "ReplicaSet";
    const GROUP: &'static str = "apps";
    const METADATA_ONLY: bool = true;

    fn metadata(&self) -> &Metadata {
        &self.0.metadata.value
    }

    fn translation(&self, translator: &Translator, presence: Presence) -> Translation {
        translator.owner(Self::RESOURCE, &self.0, presence)
    }
}

impl Fields for Job {
    fn slot(&mut self, key: &str) -> Option<&mut dyn Slot> {
        self.0.slot(key)
    }
}

impl Watchable for Job {
    const RESOURCE: Resource = Resource::Jobs;
    const KIND: &'static str = "Job";
    const GROUP: &'static str = "batch";
    const METADATA_ONLY: bool = true;

    fn metadata(&self) -> &Metadata {
        &self.0.metadata.value
    }

    fn translation(&self, translator: &Translator, presence: Presence) -> Translation {
        translator.owner(Self::RESOURCE, &self.0, presence)
    }
}
