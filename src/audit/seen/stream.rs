//! Where things are seen: a list and watch of one resource.

/// The resources that are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    Pods,
    Events,
    Nodes,
    Namespaces,
    ReplicaSets,
    Jobs,
    HookAudits,
    Leases,
}

impl Resource {
    /// Every resource, in the order of the first lists (design contract 8).
    pub const ALL: &'static [Self] = &[
        Self::HookAudits,
        Self::Namespaces,
        Self::ReplicaSets,
        Self::Jobs,
        Self::Nodes,
        Self::Pods,
        Self::Events,
        Self::Leases,
    ];

    /// The plural name, as the API, recordings and metrics write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pods => "pods",
            Self::Events => "events",
            Self::Nodes => "nodes",
            Self::Namespaces => "namespaces",
            Self::ReplicaSets => "replicasets",
            Self::Jobs => "jobs",
            Self::HookAudits => "hookaudits",
            Self::Leases => "leases",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|resource| resource.as_str() == text)
    }
}

/// One list and watch: a resource, narrowed by a field selector where several watches share it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream {
    pub resource: Resource,
    /// For example `reason=FailedPreStopHook`.
    pub selector: Option<Box<str>>,
}

impl Stream {
    /// The field by which the Events of one pod are selected.
    pub const OF_ONE_POD: &'static str = "involvedObject.uid=";

    /// That of all objects of the resource.
    #[must_use]
    pub const fn whole(resource: Resource) -> Self {
        Self {
            resource,
            selector: None,
        }
    }

    /// The same in one namespace alone.
    #[must_use]
    pub fn within(self, namespace: &str) -> Self {
        let other = self.selector.map(|selector| format!(",{selector}"));
        let selector = format!(
            "metadata.namespace={namespace}{}",
            other.unwrap_or_default()
        );
        Self {
            selector: Some(selector.into()),
            ..self
        }
    }

    /// What this field is narrowed to, for example `reason`.
    #[must_use]
    pub fn selected(&self, field: &str) -> Option<&str> {
        let terms = self.selector.as_deref()?.split(',');
        let mut pairs = terms.filter_map(|term| term.split_once('='));
        pairs.find_map(|(name, value)| (name == field).then(|| value.trim_start_matches('=')))
    }

    /// The one namespace whose objects it tells of; `None` for all, and for resources without any.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.selected("metadata.namespace")
    }

    /// No watch, but a look-up of one pod's Events.
    #[must_use]
    pub fn is_look_up(&self) -> bool {
        let selector = self.selector.as_deref();
        selector.is_some_and(|selector| selector.starts_with(Self::OF_ONE_POD))
    }
}
