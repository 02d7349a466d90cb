//! Climbing from a pod to the workload it is told under.
//!
//! Only ReplicaSets and Jobs are read to climb; any other controller ends the climb by the reference
//! to it, so that no further rights are needed.

mod by_name;
mod naming;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use by_name::ByName;
pub use table::{WorkloadId, WorkloadTable, WorkloadView};

use super::index::{PackedName, Symbol, SymbolTable, UidIndex};
use super::lists::Lists;
use super::record::WorkloadRef;
use super::seen::{ControllerRef, OwnerSeen, Resource, Stream, Uid};
use super::slab::Slab;

/// The ReplicaSets and Jobs that live, and every workload that something refers to.
#[derive(Debug)]
pub struct Owners {
    rows: Slab<Row>,
    slots: UidIndex,
    names: BTreeSet<(Symbol, Symbol, u32)>,
    lists: [Lists; 2],
    workloads: WorkloadTable,
}

/// The workload of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribution {
    Known {
        target: WorkloadRef,
        /// `None` for `barepods`, and where the reference has none.
        uid: Option<Uid>,
    },
    /// The pod's ReplicaSet or Job is not known: not seen yet, or gone.
    Pending,
}

impl Owners {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            rows: Slab::new(),
            slots: UidIndex::new(seed),
            names: BTreeSet::new(),
            lists: Default::default(),
            workloads: WorkloadTable::new(seed),
        }
    }

    /// ReplicaSets and Jobs known now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[must_use]
    pub const fn workloads(&self) -> &WorkloadTable {
        &self.workloads
    }

    #[must_use]
    pub const fn workloads_mut(&mut self) -> &mut WorkloadTable {
        &mut self.workloads
    }

    /// Learns a ReplicaSet or Job and its controller; other resources are ignored.
    pub fn seen(&mut self, owner: &OwnerSeen) {
        let Some(kind) = Kind::of(owner.resource) else {
            return;
        };
        let controller = owner.controller.as_ref().map(|controller| {
            let (target, uid) = ended_by(controller);
            self.workloads.intern(&owner.namespace, &target, uid)
        });
        self.forget(owner.uid);
        let symbols = self.workloads.symbols_mut();
        let model = owner.controller.as_ref().map(|owner| &*owner.name);
        let row = Row {
            uid: owner.uid,
            name: PackedName::intern(symbols, &owner.name, model),
            namespace: symbols.intern(&owner.namespace),
            controller,
            kind,
            epoch: self.lists[kind as usize].epoch(),
        };
        let (namespace, base) = (row.namespace, row.name.base());
        let slot = self.rows.insert(row);
        self.names.insert((namespace, base, slot));
        self.slots.insert(owner.uid, slot, uid_of(&self.rows));
    }

    /// Forgets a ReplicaSet or Job. What was attributed through it stays with who holds the workload's id.
    pub fn gone(&mut self, owner: &OwnerSeen) {
        self.forget(owner.uid);
    }

    /// A list of ReplicaSets or Jobs begins; other resources are ignored.
    pub fn list_begins(&mut self, stream: &Stream) {
        if let Some(kind) = Kind::of(stream.resource) {
            self.lists[kind as usize].begin(stream);
        }
    }

    /// The list is complete: forgets the owners that it misses, and tells them as they were, sorted by uid.
    pub fn listed(&mut self, stream: &Stream) -> Vec<OwnerSeen> {
        let Some(kind) = Kind::of(stream.resource) else {
            return Vec::new();
        };
        let list = self.lists[kind as usize].complete(stream);
        let symbols = self.workloads.symbols();
        let is_missing =
            |row: &Row| row.kind == kind && list.misses(symbols.resolve(row.namespace), row.epoch);
        let mut vanished: Vec<OwnerSeen> = self
            .rows
            .iter()
            .filter(|(_, row)| is_missing(row))
            .map(|(_, row)| row.as_seen(&self.workloads))
            .collect();
        vanished.sort_unstable_by_key(|owner| owner.uid);
        for owner in &vanished {
            self.forget(owner.uid);
        }
        vanished
    }

    /// The workload of a pod with this controller.
    #[must_use]
    pub fn resolve(&self, namespace: &str, controller: Option<&ControllerRef>) -> Attribution {
        let Some(controller) = controller.filter(|controller| !is_node(controller)) else {
            return Attribution::Known {
                target: WorkloadRef::bare_pods(),
                uid: None,
            };
        };
        let Some(kind) = Kind::climbed_from(controller) else {
            let (target, uid) = ended_by(controller);
            return Attribution::Known { target, uid };
        };
        let Some(row) = self.find(namespace, kind, controller) else {
            return Attribution::Pending;
        };
        let (target, uid) = row.top(&self.workloads);
        Attribution::Known { target, uid }
    }

    /// A ReplicaSet or Job of this workload lives, or it is one of them and lives itself.
    #[must_use]
    pub fn has_living(&self, workload: WorkloadId) -> bool {
        let own = self.workloads.resolve(workload).and_then(|view| view.uid);
        self.rows.iter().any(|(_, row)| {
            row.controller == Some(workload) || own.is_some_and(|own| row.uid == own)
        })
    }

    fn find(&self, namespace: &str, kind: Kind, controller: &ControllerRef) -> Option<&Row> {
        let symbols = self.workloads.symbols();
        let namespace = symbols.get(namespace)?;
        if let Some(uid) = controller.uid {
            let slot = self.slots.get(uid, uid_of(&self.rows))?;
            let row = self.rows.get(slot)?;
            return (row.kind == kind && row.namespace == namespace).then_some(row);
        }
        let mut same_name = self
            .named(namespace, &controller.name)
            .filter(|row| row.kind == kind);
        let row = same_name.next()?;
        same_name.next().is_none().then_some(row)
    }

    fn named<'a>(&'a self, namespace: Symbol, name: &str) -> impl Iterator<Item = &'a Row> {
        let symbols = self.workloads.symbols();
        PackedName::possible_bases(symbols, name)
            .flat_map(move |base| {
                self.names
                    .range((namespace, base, 0)..=(namespace, base, u32::MAX))
            })
            .filter_map(|&(_, _, slot)| self.rows.get(slot))
            .filter(move |row| row.name.resolve(symbols) == *name)
    }

    fn forget(&mut self, uid: Uid) {
        let Some(slot) = self.slots.remove(uid, uid_of(&self.rows)) else {
            return;
        };
        let Some(row) = self.rows.remove(slot) else {
            return;
        };
        self.names.remove(&(row.namespace, row.name.base(), slot));
        let symbols = self.workloads.symbols_mut();
        symbols.release(row.namespace);
        row.name.release(symbols);
        if let Some(controller) = row.controller {
            self.workloads.release(controller);
        }
    }
}

/// The likeliest workload of a pod whose owner is not known, by names alone: at best `Inferred`.
///
/// A ReplicaSet's name is its Deployment's, a hyphen and a hash (pkg/controller/deployment/sync.go).
#[must_use]
pub fn provisional(controller: &ControllerRef) -> WorkloadRef {
    let (mut target, _) = ended_by(controller);
    if Kind::climbed_from(controller) == Some(Kind::ReplicaSet)
        && let Some((deployment, hash)) = controller.name.rsplit_once('-')
        && !deployment.is_empty()
        && naming::is_template_hash(hash)
    {
        target.kind = "Deployment".into();
        target.name = deployment.into();
    }
    target
}

/// One ReplicaSet or Job.
#[derive(Debug)]
struct Row {
    uid: Uid,
    name: PackedName,
    namespace: Symbol,
    controller: Option<WorkloadId>,
    epoch: u32,
    kind: Kind,
}

const _: () = assert!(size_of::<Option<Row>>() <= 48);

impl Row {
    /// The workload of the pods that this owner controls.
    fn top(&self, workloads: &WorkloadTable) -> (WorkloadRef, Option<Uid>) {
        let controller = self.controller.and_then(|id| workloads.resolve(id));
        controller.map_or_else(
            || (self.target(workloads.symbols()), Some(self.uid)),
            |workload| (workload.target(), workload.uid),
        )
    }

    fn target(&self, symbols: &SymbolTable) -> WorkloadRef {
        WorkloadRef {
            api_version: self.kind.api_version().into(),
            kind: self.kind.as_str().into(),
            name: self.name.resolve(symbols).into(),
        }
    }

    fn as_seen(&self, workloads: &WorkloadTable) -> OwnerSeen {
        let controller = self.controller.and_then(|id| workloads.resolve(id));
        OwnerSeen {
            resource: self.kind.resource(),
            namespace: workloads.symbols().resolve(self.namespace).into(),
            name: self.name.resolve(workloads.symbols()).into(),
            uid: self.uid,
            controller: controller.map(|workload| ControllerRef {
                api_version: workload.api_version.into(),
                kind: workload.kind.into(),
                name: workload.name.into(),
                uid: workload.uid,
            }),
        }
    }
}

/// The owners that do not end a climb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    ReplicaSet,
    Job,
}

impl Kind {
    const fn of(resource: Resource) -> Option<Self> {
        match resource {
            Resource::ReplicaSets => Some(Self::ReplicaSet),
            Resource::Jobs => Some(Self::Job),
            _ => None,
        }
    }

    fn climbed_from(controller: &ControllerRef) -> Option<Self> {
        match (table::group(&controller.api_version), &*controller.kind) {
            ("apps", "ReplicaSet") => Some(Self::ReplicaSet),
            ("batch", "Job") => Some(Self::Job),
            _ => None,
        }
    }

    const fn resource(self) -> Resource {
        match self {
            Self::ReplicaSet => Resource::ReplicaSets,
            Self::Job => Resource::Jobs,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::ReplicaSet => "ReplicaSet",
            Self::Job => "Job",
        }
    }

    const fn api_version(self) -> &'static str {
        match self {
            Self::ReplicaSet => "apps/v1",
            Self::Job => "batch/v1",
        }
    }
}

/// Static pods: the kubelet makes their mirror pods, with its Node as the controller.
fn is_node(controller: &ControllerRef) -> bool {
    &*controller.kind == "Node" && &*controller.api_version == "v1"
}

fn ended_by(controller: &ControllerRef) -> (WorkloadRef, Option<Uid>) {
    let target = WorkloadRef {
        api_version: controller.api_version.clone(),
        kind: controller.kind.clone(),
        name: controller.name.clone(),
    };
    (target, controller.uid)
}

fn uid_of(rows: &Slab<Row>) -> impl Fn(u32) -> Uid {
    |slot| rows.get(slot).map_or(Uid(0), |row| row.uid)
}
