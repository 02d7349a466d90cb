//! Every pod, one row each.

use super::index::{Name, PackedName, Symbol, SymbolTable, UidIndex};
use super::lists::Lists;
use super::owners::WorkloadId;
use super::seen::{Phase, PodSeen, Stream, Uid};
use super::slab::Slab;
use super::words::Hook;

/// All pods by uid, because pods of a StatefulSet use their names again.
#[derive(Debug)]
pub struct Roster {
    symbols: SymbolTable,
    rows: Slab<Row>,
    slots: UidIndex,
    lists: Lists,
}

/// Whether a pod was in the roster before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upserted {
    New,
    Known,
}

/// The hooks that at least one container of a pod declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hooks {
    None,
    PostStart,
    PreStop,
    Both,
}

impl Hooks {
    #[must_use]
    pub fn declared_by(pod: &PodSeen) -> Self {
        let post_start = pod.containers.iter().any(|c| c.post_start.is_some());
        let pre_stop = pod.containers.iter().any(|c| c.pre_stop.is_some());
        match (post_start, pre_stop) {
            (false, false) => Self::None,
            (true, false) => Self::PostStart,
            (false, true) => Self::PreStop,
            (true, true) => Self::Both,
        }
    }

    #[must_use]
    pub const fn contain(self, hook: Hook) -> bool {
        match hook {
            Hook::PostStart => matches!(self, Self::PostStart | Self::Both),
            Hook::PreStop => matches!(self, Self::PreStop | Self::Both),
        }
    }
}

/// What the roster knows of one pod.
#[derive(Debug, Clone, Copy)]
pub struct PodRow<'roster> {
    pub uid: Uid,
    pub namespace: &'roster str,
    pub name: Name<'roster>,
    pub node: Option<&'roster str>,
    pub workload: WorkloadId,
    /// Since the epoch, on the API server's clock.
    pub created_seconds: Option<i64>,
    pub phase: Phase,
    pub hooks: Hooks,
    pub terminating: bool,
    pub ready: bool,
}

impl Roster {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            symbols: SymbolTable::new(seed),
            rows: Slab::new(),
            slots: UidIndex::new(seed),
            lists: Lists::default(),
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

    /// Writes the pod's row and marks it as seen now.
    pub fn upsert(&mut self, pod: &PodSeen, workload: WorkloadId, hooks: Hooks) -> Upserted {
        let slot = self.slots.get(pod.uid, uid_of(&self.rows));
        let Some(row) = slot.and_then(|slot| self.rows.get_mut(slot)) else {
            self.insert(pod, workload, hooks);
            return Upserted::New;
        };
        row.rename(&mut self.symbols, pod);
        row.state = State::of(pod, hooks);
        row.workload = workload;
        row.epoch = self.lists.epoch();
        Upserted::Known
    }

    /// The pod's row.
    #[must_use]
    pub fn get(&self, uid: Uid) -> Option<PodRow<'_>> {
        let slot = self.slots.get(uid, uid_of(&self.rows))?;
        Some(self.rows.get(slot)?.view(&self.symbols))
    }

    /// Forgets the pod and tells the workload that its row named.
    pub fn remove(&mut self, uid: Uid) -> Option<WorkloadId> {
        let slot = self.slots.remove(uid, uid_of(&self.rows))?;
        let row = self.rows.remove(slot)?;
        self.symbols.release(row.namespace);
        row.name.release(&mut self.symbols);
        if let Some(node) = row.node {
            self.symbols.release(node);
        }
        Some(row.workload)
    }

    /// A list of pods begins.
    pub fn list_begins(&mut self, stream: &Stream) {
        self.lists.begin(stream);
    }

    /// The list is complete. Tells the pods that it misses, sorted; their rows stay for the caller to read and
    /// remove.
    pub fn listed(&mut self, stream: &Stream) -> Vec<Uid> {
        let list = self.lists.complete(stream);
        let mut vanished: Vec<Uid> = self
            .rows
            .iter()
            .filter(|(_, row)| list.misses(self.symbols.resolve(row.namespace), row.epoch))
            .map(|(_, row)| row.uid)
            .collect();
        vanished.sort_unstable();
        vanished
    }

    /// Whether all pods of the namespace were listed once, so that one not seen before is new.
    #[must_use]
    pub fn covers(&self, namespace: &str) -> bool {
        self.lists.cover(namespace)
    }

    fn insert(&mut self, pod: &PodSeen, workload: WorkloadId, hooks: Hooks) {
        let symbols = &mut self.symbols;
        let row = Row {
            uid: pod.uid,
            namespace: symbols.intern(&pod.namespace),
            name: PackedName::intern(symbols, &pod.name, model_of(pod)),
            node: pod.node.as_deref().map(|node| symbols.intern(node)),
            state: State::of(pod, hooks),
            workload,
            epoch: self.lists.epoch(),
        };
        let slot = self.rows.insert(row);
        self.slots.insert(pod.uid, slot, uid_of(&self.rows));
    }
}

/// Kubernetes names, uids and times of one pod, without anything that has a length of its own.
#[derive(Debug)]
struct Row {
    uid: Uid,
    name: PackedName,
    namespace: Symbol,
    node: Option<Symbol>,
    workload: WorkloadId,
    epoch: u32,
    state: State,
}

const _: () = assert!(size_of::<Option<Row>>() <= 64);

#[derive(Debug, Clone, Copy)]
struct State {
    created_seconds: i64,
    phase: Phase,
    hooks: Hooks,
    terminating: bool,
    ready: bool,
}

const NEVER: i64 = i64::MIN;

impl State {
    fn of(pod: &PodSeen, hooks: Hooks) -> Self {
        Self {
            created_seconds: pod.created_at.map_or(NEVER, |at| at.as_second()),
            phase: pod.phase,
            hooks,
            terminating: pod.deletion.is_some(),
            ready: pod.ready,
        }
    }
}

impl Row {
    fn rename(&mut self, symbols: &mut SymbolTable, pod: &PodSeen) {
        symbols.replace(&mut self.namespace, &pod.namespace);
        if self.name.resolve(symbols) != *pod.name {
            let name = PackedName::intern(symbols, &pod.name, model_of(pod));
            std::mem::replace(&mut self.name, name).release(symbols);
        }
        match (&mut self.node, pod.node.as_deref()) {
            (Some(symbol), Some(node)) => symbols.replace(symbol, node),
            (node @ None, Some(new)) => *node = Some(symbols.intern(new)),
            (node, None) => {
                if let Some(old) = node.take() {
                    symbols.release(old);
                }
            }
        }
    }

    fn view<'a>(&'a self, symbols: &'a SymbolTable) -> PodRow<'a> {
        PodRow {
            uid: self.uid,
            namespace: symbols.resolve(self.namespace),
            name: self.name.resolve(symbols),
            node: self.node.map(|node| symbols.resolve(node)),
            workload: self.workload,
            created_seconds: (self.state.created_seconds != NEVER)
                .then_some(self.state.created_seconds),
            phase: self.state.phase,
            hooks: self.state.hooks,
            terminating: self.state.terminating,
            ready: self.state.ready,
        }
    }
}

fn model_of(pod: &PodSeen) -> Option<&str> {
    pod.controller.as_ref().map(|controller| &*controller.name)
}

fn uid_of(rows: &Slab<Row>) -> impl Fn(u32) -> Uid {
    |slot| rows.get(slot).map_or(Uid(0), |row| row.uid)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use proptest::prelude::*;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    use super::super::owners::WorkloadTable;
    use super::super::record::WorkloadRef;
    use super::super::seen::{
        ContainerSeen, ControllerRef, Deletion, HookSpec, Resource, RestartPolicy, StatusReason,
    };
    use super::super::words::{ContainerType, Handler};
    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Upsert(Box<PodSeen>, Hooks),
        Remove(Uid),
        ListBegins,
        Listed,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => (pod(), 0_usize..4).prop_map(|(pod, hooks)| {
                let hooks = [Hooks::None, Hooks::PostStart, Hooks::PreStop, Hooks::Both][hooks];
                Step::Upsert(Box::new(pod), hooks)
            }),
            3 => (0_u128..12).prop_map(|uid| Step::Remove(Uid(uid))),
            1 => Just(Step::ListBegins),
            1 => Just(Step::Listed),
        ]
    }

    fn pod() -> impl Strategy<Value = PodSeen> {
        let names = ("[xy]", "[a-b]{1,2}", "(-[b-d]{1,14})?");
        let options = (
            prop::option::of("[mn]"),
            any::<bool>(),
            prop::option::of(0_i64..9),
            any::<bool>(),
        );
        (0_u128..12, names, options).prop_map(|(uid, names, options)| {
            let (namespace, owner, suffix) = names;
            let (node, terminating, created, ready) = options;
            PodSeen {
                namespace: namespace.into(),
                name: format!("{owner}{suffix}").into(),
                uid: Uid(uid),
                created_at: created.and_then(|second| Timestamp::from_second(second).ok()),
                generation: None,
                observed_generation: None,
                deletion: terminating.then_some(Deletion {
                    deadline: Timestamp::UNIX_EPOCH,
                    grace_seconds: 30,
                }),
                finalizers: Vec::new(),
                controller: ready.then(|| ControllerRef {
                    api_version: "apps/v1".into(),
                    kind: "ReplicaSet".into(),
                    name: owner.into(),
                    uid: None,
                }),
                node: node.map(Into::into),
                grace_seconds: 30,
                restart_policy: RestartPolicy::Always,
                phase: if ready { Phase::Running } else { Phase::Failed },
                status_reason: StatusReason::None,
                disruption: None,
                ready,
                static_pod_uid: None,
                containers: Vec::new(),
            }
        })
    }

    fn any_pod() -> PodSeen {
        let mut runner = TestRunner::deterministic();
        pod().new_tree(&mut runner).expect("a pod").current()
    }

    fn container(name: &str) -> ContainerSeen {
        ContainerSeen::plain(name, ContainerType::Container)
    }

    fn assert_row(row: &PodRow<'_>, pod: &PodSeen, hooks: Hooks) {
        assert_eq!(
            (row.uid, row.namespace, row.node),
            (pod.uid, &*pod.namespace, pod.node.as_deref())
        );
        assert_eq!(row.name.to_string(), *pod.name);
        assert_eq!(
            row.created_seconds,
            pod.created_at.map(Timestamp::as_second)
        );
        assert_eq!((row.phase, row.hooks), (pod.phase, hooks));
        assert_eq!(
            (row.terminating, row.ready),
            (pod.deletion.is_some(), pod.ready)
        );
    }

    #[test]
    fn the_hooks_of_a_pod_are_those_of_all_its_containers() {
        let hook = || {
            Some(HookSpec {
                handler: Handler::Sleep,
                sleep_seconds: Some(5),
                program: None,
                digest: None,
                port: None,
                scheme: None,
            })
        };
        for (post_start, pre_stop) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut pod = any_pod();
            pod.containers = vec![container("plain"), container("first"), container("second")];
            pod.containers[1].post_start = post_start.then(hook).flatten();
            pod.containers[2].pre_stop = pre_stop.then(hook).flatten();
            let hooks = Hooks::declared_by(&pod);
            assert_eq!(hooks.contain(Hook::PostStart), post_start, "{hooks:?}");
            assert_eq!(hooks.contain(Hook::PreStop), pre_stop, "{hooks:?}");
        }
    }

    #[test]
    fn a_row_keeps_the_workload_it_was_given_last() {
        let mut table = WorkloadTable::new(1);
        let id = table.intern("x", &WorkloadRef::bare_pods(), None);
        let mut roster = Roster::new(1);
        let pod = any_pod();
        assert_eq!(
            roster.upsert(&pod, WorkloadId::PENDING, Hooks::None),
            Upserted::New
        );
        assert_eq!(roster.upsert(&pod, id, Hooks::None), Upserted::Known);
        assert_eq!(roster.get(pod.uid).map(|row| row.workload), Some(id));
        assert_eq!(roster.remove(pod.uid), Some(id));
        assert_eq!(roster.remove(pod.uid), None);
    }

    proptest! {
        #[test]
        fn the_roster_is_a_map_by_uid_and_a_list_misses_exactly_the_vanished(
            seed: u64,
            steps in prop::collection::vec(step(), 0..120),
        ) {
            let mut roster = Roster::new(seed);
            let mut model: BTreeMap<Uid, (Box<PodSeen>, Hooks, u32)> = BTreeMap::new();
            let mut epoch = 0;
            for step in steps {
                match step {
                    Step::Upsert(pod, hooks) => {
                        let upserted = roster.upsert(&pod, WorkloadId::PENDING, hooks);
                        let known = model.insert(pod.uid, (pod, hooks, epoch)).is_some();
                        prop_assert_eq!(upserted == Upserted::Known, known);
                    }
                    Step::Remove(uid) => {
                        prop_assert_eq!(roster.remove(uid).is_some(), model.remove(&uid).is_some());
                    }
                    Step::ListBegins => {
                        epoch += 1;
                        roster.list_begins(&Stream::whole(Resource::Pods));
                    }
                    Step::Listed => {
                        let vanished: Vec<Uid> = model
                            .values()
                            .filter(|(_, _, seen)| *seen != epoch)
                            .map(|(pod, ..)| pod.uid)
                            .collect();
                        prop_assert_eq!(roster.listed(&Stream::whole(Resource::Pods)), vanished.clone());
                        for uid in vanished {
                            prop_assert!(roster.remove(uid).is_some() && model.remove(&uid).is_some());
                        }
                    }
                }
                prop_assert_eq!(roster.len(), model.len());
                for (pod, hooks, _) in model.values() {
                    assert_row(&roster.get(pod.uid).expect("a row"), pod, *hooks);
                }
            }
            for uid in model.into_keys() {
                roster.remove(uid);
            }
            prop_assert!(roster.is_empty() && roster.symbols.is_empty() && roster.slots.is_empty());
        }
    }
}
