//! Taking pods in: the roster beside maps of strings. The ratio of the medians is what counts.

#[path = "../tests/fleet/mod.rs"]
mod fleet;

use std::collections::{BTreeMap, HashMap};

use divan::Bencher;
use divan::counter::ItemsCount;
use hookaudit::audit::owners::{Attribution, Owners};
use hookaudit::audit::roster::{Hooks, Roster};
use hookaudit::audit::seen::{Phase, PodSeen};

const WORKLOADS: u64 = 2_000;

fn main() {
    divan::main();
}

struct NaiveRow {
    namespace: String,
    name: String,
    node: Option<String>,
    owner: String,
    phase: Phase,
}

impl NaiveRow {
    fn of(pod: &PodSeen) -> Self {
        Self {
            namespace: pod.namespace.to_string(),
            name: pod.name.to_string(),
            node: pod.node.as_deref().map(str::to_owned),
            owner: pod
                .controller
                .as_ref()
                .map_or_else(String::new, |controller| controller.name.to_string()),
            phase: pod.phase,
        }
    }

    fn weight(&self) -> usize {
        let node = self.node.as_ref().map_or(0, String::len);
        self.namespace.len() + self.name.len() + node + self.owner.len() + self.phase as usize
    }
}

mod first_list {
    use super::*;

    #[divan::bench]
    fn roster(bencher: Bencher<'_, '_>) {
        let pods = pods();
        bencher
            .counter(ItemsCount::new(pods.len()))
            .with_inputs(empty)
            .bench_local_values(|(mut roster, mut owners)| {
                for pod in &pods {
                    take_in(&mut roster, &mut owners, pod);
                }
                (roster, owners)
            });
    }

    #[divan::bench]
    fn hash_map_of_strings(bencher: Bencher<'_, '_>) {
        let pods = pods();
        bencher
            .counter(ItemsCount::new(pods.len()))
            .bench_local(|| {
                pods.iter()
                    .map(|pod| (pod.uid.to_string(), NaiveRow::of(pod)))
                    .collect::<HashMap<_, _>>()
            });
    }

    #[divan::bench]
    fn tree_map_of_strings(bencher: Bencher<'_, '_>) {
        let pods = pods();
        bencher
            .counter(ItemsCount::new(pods.len()))
            .bench_local(|| {
                pods.iter()
                    .map(|pod| (pod.uid.to_string(), NaiveRow::of(pod)))
                    .collect::<BTreeMap<_, _>>()
            });
    }
}

mod known_pods_again {
    use super::*;

    #[divan::bench]
    fn roster(bencher: Bencher<'_, '_>) {
        let pods = pods();
        let (mut roster, mut owners) = empty();
        let mut take_in_all = || {
            for pod in &pods {
                take_in(&mut roster, &mut owners, pod);
            }
        };
        take_in_all();
        bencher
            .counter(ItemsCount::new(pods.len()))
            .bench_local(take_in_all);
    }

    #[divan::bench]
    fn hash_map_of_strings(bencher: Bencher<'_, '_>) {
        let pods = pods();
        let mut rows = HashMap::new();
        let mut take_in_all = || {
            for pod in &pods {
                rows.insert(pod.uid.to_string(), NaiveRow::of(pod));
            }
            rows.values().next().map(NaiveRow::weight)
        };
        take_in_all();
        bencher
            .counter(ItemsCount::new(pods.len()))
            .bench_local(take_in_all);
    }
}

fn pods() -> Vec<PodSeen> {
    fleet::pods(WORKLOADS, 0).collect()
}

fn empty() -> (Roster, Owners) {
    let mut owners = Owners::new(7);
    fleet::owners(WORKLOADS).for_each(|owner| owners.seen(&owner));
    (Roster::new(7), owners)
}

/// Takes a pod in as the operator does: climbs to its workload once, and keeps that.
fn take_in(roster: &mut Roster, owners: &mut Owners, pod: &PodSeen) {
    let known = roster.get(pod.uid).map(|row| row.workload);
    let workload =
        known.unwrap_or_else(
            || match owners.resolve(&pod.namespace, pod.controller.as_ref()) {
                Attribution::Known { target, uid } => {
                    owners.workloads_mut().intern(&pod.namespace, &target, uid)
                }
                Attribution::Pending => panic!("the owner of {} is not known", pod.name),
            },
        );
    roster.upsert(pod, workload, Hooks::declared_by(pod));
}
