//! What a large cluster costs, by a counting allocator.

mod fleet;

use hookaudit::audit::owners::Owners;
use hookaudit::audit::roster::Roster;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const WORKLOADS: u64 = 6_000;
const PODS: usize = 150_000;
const BYTES_PER_POD_MAX: usize = 200;

#[test]
fn a_pod_without_hooks_costs_at_most_200_bytes_also_after_every_pod_was_replaced() {
    let empty = ALLOCATOR.current_usage();
    let mut owners = Owners::new(7);
    let mut roster = Roster::new(7);
    fleet::owners(WORKLOADS).for_each(|owner| owners.seen(&owner));
    let with_owners = ALLOCATOR.current_usage() - empty;
    for pod in fleet::pods(WORKLOADS, 0) {
        fleet::take_in(&mut roster, &mut owners, &pod);
    }
    assert_eq!((roster.len(), owners.workloads().len()), (PODS, 6_000));
    let first = (ALLOCATOR.current_usage() - empty) / PODS;
    println!(
        "{first} live heap bytes per pod, owners and workloads included ({} bytes per owner)",
        with_owners / owners.len()
    );
    assert!(first <= BYTES_PER_POD_MAX, "{first} bytes per pod");

    for generation in 1..=2 {
        let old = fleet::pods(WORKLOADS, generation - 1);
        for (old, new) in old.zip(fleet::pods(WORKLOADS, generation)) {
            fleet::take_in(&mut roster, &mut owners, &new);
            let workload = roster.remove(old.uid).expect("a pod taken in before");
            owners.workloads_mut().release(workload);
        }
    }
    assert_eq!((roster.len(), owners.workloads().len()), (PODS, 6_000));
    let replaced = (ALLOCATOR.current_usage() - empty) / PODS;
    println!("{replaced} after every pod was replaced twice");
    assert!(
        replaced <= first + 1,
        "{replaced} bytes per pod, {first} before"
    );

    for pod in fleet::pods(WORKLOADS, 2) {
        let workload = roster.remove(pod.uid).expect("a pod taken in before");
        owners.workloads_mut().release(workload);
    }
    fleet::owners(WORKLOADS).for_each(|owner| owners.gone(&owner));
    assert!(roster.is_empty() && owners.is_empty() && owners.workloads().is_empty());
}
