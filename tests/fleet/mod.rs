//! A large cluster, made up: the same on every run.

use hookaudit::audit::seen::{
    ContainerSeen, ContainerStatusSeen, ControllerRef, OwnerSeen, Phase, PodSeen, Resource,
    RestartPolicy, StateSeen, StatusReason, Uid,
};
use hookaudit::audit::words::ContainerType;
use jiff::Timestamp;

const NAMESPACES: u64 = 1_200;
const NODES: u64 = 5_000;
const PODS_PER_WORKLOAD: u64 = 25;

/// The cluster's ReplicaSets and Jobs: per Deployment one in use and one left over.
pub(crate) fn owners(workloads: u64) -> impl Iterator<Item = OwnerSeen> {
    (0..workloads).flat_map(|workload| {
        let (resource, controller, names) = match workload % 10 {
            0..=6 => (
                Resource::ReplicaSets,
                reference("apps/v1", "Deployment", workload_name(workload), workload),
                vec![
                    replica_set_name(workload),
                    format!("{}-f7f5b9c4d", workload_name(workload)),
                ],
            ),
            9 => (
                Resource::Jobs,
                reference("batch/v1", "CronJob", workload_name(workload), workload),
                vec![job_name(workload)],
            ),
            _ => return Vec::new(),
        };
        (0_u64..)
            .zip(names)
            .map(|(number, name)| OwnerSeen {
                resource,
                namespace: namespace(workload),
                name: name.into(),
                uid: uid(2, workload * 10 + number),
                controller: Some(controller.clone()),
            })
            .collect()
    })
}

/// The cluster's pods, none with a hook. Each generation has the same workloads and other pods.
pub(crate) fn pods(workloads: u64, generation: u64) -> impl Iterator<Item = PodSeen> {
    (0..workloads * PODS_PER_WORKLOAD).map(move |number| pod(number, generation))
}

fn pod(number: u64, generation: u64) -> PodSeen {
    let workload = number / PODS_PER_WORKLOAD;
    let (controller, name) = controller_and_name(number, generation);
    let node = mix(number) % NODES;
    PodSeen {
        namespace: namespace(workload),
        name: name.into(),
        uid: uid(3 + generation, number),
        created_at: Timestamp::from_second(1_795_000_000).ok(),
        generation: Some(1),
        observed_generation: Some(1),
        deletion: None,
        finalizers: Vec::new(),
        controller: Some(controller),
        node: Some(
            format!(
                "ip-10-{}-{}-17.eu-west-1.compute.internal",
                node / 250,
                node % 250
            )
            .into(),
        ),
        grace_seconds: 30,
        restart_policy: RestartPolicy::Always,
        phase: Phase::Running,
        status_reason: StatusReason::None,
        disruption: None,
        ready: true,
        static_pod_uid: None,
        containers: vec![ContainerSeen {
            status: Some(ContainerStatusSeen {
                restart_count: 0,
                container_id: Some(mix(number)),
                state: StateSeen::Running {
                    started_at: Timestamp::from_second(1_795_000_005).ok(),
                },
                last: None,
            }),
            ..ContainerSeen::plain("app", ContainerType::Container)
        }],
    }
}

fn controller_and_name(number: u64, generation: u64) -> (ControllerRef, String) {
    let (workload, ordinal) = (number / PODS_PER_WORKLOAD, number % PODS_PER_WORKLOAD);
    let random = random_suffix(number * 7 + generation);
    match workload % 10 {
        0..=6 => {
            let owner = replica_set_name(workload);
            let name = format!("{owner}-{random}");
            (
                reference_to(2, "apps/v1", "ReplicaSet", owner, workload * 10),
                name,
            )
        }
        7 => {
            let owner = workload_name(workload);
            let name = format!("{owner}-{ordinal}");
            (reference("apps/v1", "StatefulSet", owner, workload), name)
        }
        8 => {
            let owner = workload_name(workload);
            let name = format!("{owner}-{random}");
            (reference("apps/v1", "DaemonSet", owner, workload), name)
        }
        _ => {
            let owner = job_name(workload);
            let name = format!("{owner}-{ordinal}-{random}");
            (
                reference_to(2, "batch/v1", "Job", owner, workload * 10),
                name,
            )
        }
    }
}

fn namespace(workload: u64) -> Box<str> {
    format!("team-{:04}", workload % NAMESPACES).into()
}

fn workload_name(workload: u64) -> String {
    const PRODUCTS: [&str; 5] = ["checkout", "payments-api", "search", "mail-relay", "ledger"];
    let product = PRODUCTS[usize::try_from(workload % 5).unwrap_or_default()];
    format!("{product}-{workload}")
}

fn replica_set_name(workload: u64) -> String {
    format!("{}-6f8b4cdf97", workload_name(workload))
}

fn job_name(workload: u64) -> String {
    format!("{}-29734562", workload_name(workload))
}

fn reference(api_version: &str, kind: &str, name: String, workload: u64) -> ControllerRef {
    reference_to(1, api_version, kind, name, workload)
}

fn reference_to(
    space: u64,
    api_version: &str,
    kind: &str,
    name: String,
    number: u64,
) -> ControllerRef {
    ControllerRef {
        api_version: api_version.into(),
        kind: kind.into(),
        name: name.into(),
        uid: Some(uid(space, number)),
    }
}

fn uid(space: u64, number: u64) -> Uid {
    Uid(u128::from(mix(space)) << 64 | u128::from(mix(number ^ space << 48)))
}

fn random_suffix(number: u64) -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut rest = mix(number);
    (0..5)
        .map(|_| {
            let letter = ALPHABET[usize::try_from(rest % 27).unwrap_or_default()];
            rest /= 27;
            char::from(letter)
        })
        .collect()
}

/// Sebastiano Vigna's splitmix64.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
