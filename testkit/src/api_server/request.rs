//! What a request asks for.

use http::Method;
use http::header::ACCEPT;
use http::request::Parts;
use serde_json::Value;

use super::calls::Call;
use super::store::Key;

/// A request about the objects of one resource.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    verb: &'static str,
    pub(super) plural: String,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
    pub(super) subresource: Option<String>,
    pub(super) field_selector: String,
    pub(super) watch: bool,
    pub(super) bookmarks: bool,
    pub(super) initial_events: bool,
    pub(super) version: u64,
    pub(super) limit: usize,
    pub(super) continue_token: Option<String>,
    pub(super) timeout_seconds: Option<u64>,
    pub(super) metadata_only: bool,
}

impl Asked {
    pub(super) fn read(parts: &Parts) -> Option<Self> {
        let mut asked = Self::of_path(parts.uri.path())?;
        let query = parts.uri.query().unwrap_or_default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match key.as_ref() {
                "watch" => asked.watch = value == "true",
                "fieldSelector" => asked.field_selector = value.into_owned(),
                "allowWatchBookmarks" => asked.bookmarks = value == "true",
                "sendInitialEvents" => asked.initial_events = value == "true",
                "resourceVersion" => asked.version = value.parse().unwrap_or_default(),
                "limit" => asked.limit = value.parse().unwrap_or_default(),
                "continue" => asked.continue_token = Some(value.into_owned()),
                "timeoutSeconds" => asked.timeout_seconds = value.parse().ok(),
                _ => {}
            }
        }
        let accept = parts
            .headers
            .get(ACCEPT)
            .and_then(|value| value.to_str().ok());
        asked.metadata_only =
            accept.is_some_and(|accept| accept.contains("as=PartialObjectMetadata"));
        asked.verb = match parts.method {
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            _ if asked.watch => "watch",
            _ if asked.name.is_some() => "get",
            _ => "list",
        };
        Some(asked)
    }

    /// `/api/v1/…` or `/apis/GROUP/VERSION/…`, with or without a namespace.
    pub(super) fn of_path(path: &str) -> Option<Self> {
        let mut parts = path.trim_matches('/').split('/').map(ToOwned::to_owned);
        match parts.next()?.as_str() {
            "api" => parts.next()?,
            "apis" => {
                parts.next()?;
                parts.next()?
            }
            _ => return None,
        };
        let rest: Vec<String> = parts.collect();
        let (namespace, rest) = match rest.as_slice() {
            [scope, namespace, rest @ ..] if scope == "namespaces" && !rest.is_empty() => {
                (Some(namespace.clone()), rest)
            }
            rest => (None, rest),
        };
        Some(Self {
            plural: rest.first()?.clone(),
            namespace,
            name: rest.get(1).cloned(),
            subresource: rest.get(2).cloned(),
            ..Self::default()
        })
    }

    pub(super) fn key(&self) -> Option<Key> {
        let namespace = self.namespace.as_deref().unwrap_or_default();
        Some(Key::new(&self.plural, namespace, self.name.as_deref()?))
    }

    pub(super) fn call(&self) -> Call {
        let slash = |subresource: &String| format!("{}/{subresource}", self.plural);
        Call {
            verb: self.verb,
            resource: self
                .subresource
                .as_ref()
                .map_or_else(|| self.plural.clone(), slash),
            selector: self.field_selector.clone(),
        }
    }

    /// Whether an object of this resource is meant.
    pub(super) fn selects(&self, key: &Key, object: &Value) -> bool {
        let is_meant = |term: &str| {
            let (path, wanted) = term.split_once('=').unwrap_or((term, ""));
            let pointer = format!("/{}", path.replace('.', "/"));
            let value = object.pointer(&pointer).and_then(Value::as_str);
            value.unwrap_or_default() == wanted.trim_start_matches('=')
        };
        let terms = self
            .field_selector
            .split(',')
            .filter(|term| !term.is_empty());
        key.plural == self.plural
            && self
                .namespace
                .as_ref()
                .is_none_or(|namespace| *namespace == key.namespace)
            && terms.into_iter().all(is_meant)
    }
}
