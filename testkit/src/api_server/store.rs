//! The objects, and every change of them under one growing resourceVersion.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

/// Where an object is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) plural: String,
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Key {
    pub(super) fn new(plural: &str, namespace: &str, name: &str) -> Self {
        Self {
            plural: plural.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) version: u64,
    /// As a watch calls it.
    pub(super) change_type: &'static str,
    pub(super) key: Key,
    pub(super) object: Arc<Value>,
}

#[derive(Debug, Default)]
pub(super) struct Store {
    objects: BTreeMap<Key, Arc<Value>>,
    changes: Vec<Change>,
    version: u64,
    compacted: u64,
}

impl Store {
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The newest resourceVersion from which nothing can be told any longer.
    pub(super) fn compacted(&self) -> u64 {
        self.compacted
    }

    pub(super) fn compact(&mut self) {
        self.compacted = self.version;
    }

    pub(super) fn get(&self, key: &Key) -> Option<Arc<Value>> {
        self.objects.get(key).cloned()
    }

    pub(super) fn put(&mut self, key: Key, mut object: Value) -> Arc<Value> {
        let known = self.objects.get(&key);
        let change_type = if known.is_some() { "MODIFIED" } else { "ADDED" };
        self.version += 1;
        let uid = known.map_or_else(
            || json!(format!("00000000-0000-4000-8000-{:012x}", self.version)),
            |known| known["metadata"]["uid"].clone(),
        );
        let metadata = &mut object["metadata"];
        metadata["name"] = json!(key.name);
        if !key.namespace.is_empty() {
            metadata["namespace"] = json!(key.namespace);
        }
        metadata["resourceVersion"] = json!(self.version.to_string());
        if metadata["uid"].is_null() {
            metadata["uid"] = uid;
        }
        self.change(change_type, key, object)
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Arc<Value>> {
        let object = self.objects.get(key)?;
        let mut object = Value::clone(object);
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        Some(self.change("DELETED", key.clone(), object))
    }

    fn change(&mut self, change_type: &'static str, key: Key, object: Value) -> Arc<Value> {
        let object = Arc::new(object);
        if change_type == "DELETED" {
            self.objects.remove(&key);
        } else {
            self.objects.insert(key.clone(), Arc::clone(&object));
        }
        self.changes.push(Change {
            version: self.version,
            change_type,
            key,
            object: Arc::clone(&object),
        });
        object
    }

    pub(super) fn all(&self, plural: &str) -> Vec<(Key, Arc<Value>)> {
        self.all_at(plural, self.version)
    }

    /// How the objects of a resource were at this resourceVersion.
    pub(super) fn all_at(&self, plural: &str, version: u64) -> Vec<(Key, Arc<Value>)> {
        let current;
        let past;
        let objects = if version >= self.version {
            current = &self.objects;
            current
        } else {
            past = self.past(version);
            &past
        };
        objects
            .iter()
            .filter(|(key, _)| key.plural == plural)
            .map(|(key, object)| (key.clone(), Arc::clone(object)))
            .collect()
    }

    /// Changes after the one version, up to the other.
    pub(super) fn changes(&self, after: u64, up_to: u64) -> &[Change] {
        let from = self
            .changes
            .partition_point(|change| change.version <= after);
        let to = self
            .changes
            .partition_point(|change| change.version <= up_to);
        self.changes.get(from..to).unwrap_or_default()
    }

    pub(super) fn restore(&mut self, version: u64) {
        self.objects = self.past(version);
        self.changes.retain(|change| change.version <= version);
        self.version = self.version.min(version);
    }

    fn past(&self, version: u64) -> BTreeMap<Key, Arc<Value>> {
        let mut objects = BTreeMap::new();
        for change in self.changes(0, version) {
            if change.change_type == "DELETED" {
                objects.remove(&change.key);
            } else {
                objects.insert(change.key.clone(), Arc::clone(&change.object));
            }
        }
        objects
    }
}
