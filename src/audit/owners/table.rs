//! The table of workloads.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use super::super::index::{Symbol, SymbolTable};
use super::super::record::WorkloadRef;
use super::super::seen::Uid;
use super::super::slab::Slab;

/// A workload in a [`WorkloadTable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadId(NonZeroU32);

impl WorkloadId {
    /// Of a pod whose workload is not known yet. It is in no table; to retain or release it does nothing.
    pub const PENDING: Self = Self(NonZeroU32::MAX);

    const fn at(slot: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(slot))
    }

    const fn slot(self) -> u32 {
        self.0.get() - 1
    }
}

/// Workloads kept once, each for as long as something refers to it. One of the same name with another
/// uid is another workload.
#[derive(Debug)]
pub struct WorkloadTable {
    symbols: SymbolTable,
    rows: Slab<Row>,
    names: BTreeSet<(Symbol, Symbol, WorkloadId)>,
}

/// What the table knows of one workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkloadView<'table> {
    pub namespace: &'table str,
    pub api_version: &'table str,
    pub kind: &'table str,
    pub name: &'table str,
    pub uid: Option<Uid>,
}

impl WorkloadView<'_> {
    #[must_use]
    pub fn target(&self) -> WorkloadRef {
        WorkloadRef {
            api_version: self.api_version.into(),
            kind: self.kind.into(),
            name: self.name.into(),
        }
    }
}

impl WorkloadTable {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            symbols: SymbolTable::new(seed),
            rows: Slab::new(),
            names: BTreeSet::new(),
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id of the workload, with one more reference to it.
    pub fn intern(
        &mut self,
        namespace: &str,
        target: &WorkloadRef,
        uid: Option<Uid>,
    ) -> WorkloadId {
        if let Some(id) = self.get(namespace, target, uid) {
            self.retain(id);
            return id;
        }
        let row = Row {
            uid,
            namespace: self.symbols.intern(namespace),
            api_version: self.symbols.intern(&target.api_version),
            kind: self.symbols.intern(&target.kind),
            name: self.symbols.intern(&target.name),
            references: 1,
        };
        let (namespace, name) = (row.namespace, row.name);
        let id = WorkloadId::at(self.rows.insert(row));
        self.names.insert((namespace, name, id));
        id
    }

    /// The id of the workload, if something refers to it. Versions of one API group are the same.
    #[must_use]
    pub fn get(
        &self,
        namespace: &str,
        target: &WorkloadRef,
        uid: Option<Uid>,
    ) -> Option<WorkloadId> {
        self.of_name(namespace, target)
            .find(|id| self.resolve(*id).is_some_and(|row| row.uid == uid))
    }

    /// The workloads with this name and kind, whatever the uid of their owner.
    pub fn of_name<'a>(
        &'a self,
        namespace: &str,
        target: &'a WorkloadRef,
    ) -> impl Iterator<Item = WorkloadId> + 'a {
        let names = self
            .symbols
            .get(namespace)
            .zip(self.symbols.get(&target.name));
        let named = names
            .into_iter()
            .flat_map(|(namespace, name)| self.named(namespace, name));
        named.filter(|id| {
            self.resolve(*id).is_some_and(|row| {
                *row.kind == *target.kind && group(row.api_version) == group(&target.api_version)
            })
        })
    }

    /// The workload; `None` when nothing refers to it any more.
    #[must_use]
    pub fn resolve(&self, id: WorkloadId) -> Option<WorkloadView<'_>> {
        let row = self.rows.get(id.slot())?;
        Some(WorkloadView {
            namespace: self.symbols.resolve(row.namespace),
            api_version: self.symbols.resolve(row.api_version),
            kind: self.symbols.resolve(row.kind),
            name: self.symbols.resolve(row.name),
            uid: row.uid,
        })
    }

    /// Adds a reference.
    pub fn retain(&mut self, id: WorkloadId) {
        if let Some(row) = self.rows.get_mut(id.slot()) {
            row.references += 1;
        }
    }

    /// Drops a reference, and the workload with the last one.
    pub fn release(&mut self, id: WorkloadId) {
        let Some(row) = self.rows.get_mut(id.slot()) else {
            return;
        };
        row.references -= 1;
        if row.references > 0 {
            return;
        }
        let Some(row) = self.rows.remove(id.slot()) else {
            return;
        };
        self.names.remove(&(row.namespace, row.name, id));
        for symbol in [row.namespace, row.api_version, row.kind, row.name] {
            self.symbols.release(symbol);
        }
    }

    pub(super) const fn symbols(&self) -> &SymbolTable {
        &self.symbols
    }

    pub(super) const fn symbols_mut(&mut self) -> &mut SymbolTable {
        &mut self.symbols
    }

    pub(super) fn named(
        &self,
        namespace: Symbol,
        name: Symbol,
    ) -> impl Iterator<Item = WorkloadId> {
        self.between((namespace, name), (namespace, name))
    }

    pub(super) fn in_namespace(&self, namespace: Symbol) -> impl Iterator<Item = WorkloadId> {
        self.between((namespace, Symbol::MIN), (namespace, Symbol::MAX))
    }

    fn between(
        &self,
        first: (Symbol, Symbol),
        last: (Symbol, Symbol),
    ) -> impl Iterator<Item = WorkloadId> {
        let first = (first.0, first.1, WorkloadId::at(0));
        let last = (last.0, last.1, WorkloadId::PENDING);
        self.names.range(first..=last).map(|&(_, _, id)| id)
    }
}

#[derive(Debug)]
struct Row {
    uid: Option<Uid>,
    namespace: Symbol,
    api_version: Symbol,
    kind: Symbol,
    name: Symbol,
    references: u32,
}

/// The group of an `apiVersion`; empty for the core.
pub(super) fn group(api_version: &str) -> &str {
    api_version
        .split_once('/')
        .map_or("", |(group, _version)| group)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn deployment(name: &str) -> WorkloadRef {
        WorkloadRef {
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            name: name.into(),
        }
    }

    #[test]
    fn the_same_name_with_another_uid_or_namespace_is_another_workload() {
        let mut table = WorkloadTable::new(0);
        let web = deployment("web");
        let first = table.intern("shop", &web, Some(Uid(1)));
        let again = table.intern("shop", &web, Some(Uid(1)));
        let reborn = table.intern("shop", &web, Some(Uid(2)));
        let elsewhere = table.intern("blog", &web, Some(Uid(1)));
        assert_eq!(first, again);
        assert_eq!(
            table.len(),
            3,
            "{first:?} {reborn:?} {elsewhere:?} are three"
        );
        assert_eq!(
            table.resolve(reborn).map(|w| (w.target(), w.uid)),
            Some((web, Some(Uid(2))))
        );
    }

    #[test]
    fn another_version_of_the_same_group_is_the_same_workload() {
        let mut table = WorkloadTable::new(0);
        let mut target = deployment("web");
        let first = table.intern("shop", &target, Some(Uid(1)));
        target.api_version = "apps/v2".into();
        assert_eq!(table.get("shop", &target, Some(Uid(1))), Some(first));
        target.api_version = "example.com/v1".into();
        assert_eq!(table.get("shop", &target, Some(Uid(1))), None);
    }

    proptest! {
        #[test]
        fn a_workload_lives_as_long_as_its_references(
            steps in prop::collection::vec((any::<bool>(), "[a-b]", "[a-c]", prop::option::of(0_u128..2)), 0..100),
        ) {
            let mut table = WorkloadTable::new(7);
            let mut held: Vec<(WorkloadId, WorkloadRef)> = Vec::new();
            for (add, namespace, name, uid) in steps {
                if add || held.is_empty() {
                    let target = deployment(&name);
                    held.push((table.intern(&namespace, &target, uid.map(Uid)), target));
                } else {
                    table.release(held.swap_remove(0).0);
                }
                for (id, target) in &held {
                    prop_assert_eq!(&table.resolve(*id).expect("a held workload").target(), target);
                }
            }
            for (id, _) in held {
                table.release(id);
            }
            prop_assert!(table.is_empty() && table.names.is_empty() && table.symbols.is_empty());
        }
    }
}
