use proptest::prelude::*;

use super::*;

fn reference(api_version: &str, kind: &str, name: &str, uid: Option<u128>) -> ControllerRef {
    ControllerRef {
        api_version: api_version.into(),
        kind: kind.into(),
        name: name.into(),
        uid: uid.map(Uid),
    }
}

fn owner(
    resource: Resource,
    name: &str,
    uid: u128,
    controller: Option<ControllerRef>,
) -> OwnerSeen {
    OwnerSeen {
        resource,
        namespace: "shop".into(),
        name: name.into(),
        uid: Uid(uid),
        controller,
    }
}

#[track_caller]
fn check(owners: &Owners, controller: Option<&ControllerRef>, expected: &str) {
    let found = match owners.resolve("shop", controller) {
        Attribution::Known { target, uid } => {
            let uid = uid.map_or_else(|| "-".to_owned(), |uid| uid.0.to_string());
            format!(
                "{} {}/{} {uid}",
                target.api_version, target.kind, target.name
            )
        }
        Attribution::Pending => "pending".to_owned(),
    };
    assert_eq!(found, expected);
}

#[test]
fn a_pod_climbs_to_what_controls_its_replica_set_or_job() {
    let mut owners = Owners::new(1);
    let deployment = reference("apps/v1", "Deployment", "web", Some(1));
    let rollout = reference("argoproj.io/v1alpha1", "Rollout", "canary", Some(2));
    let cron_job = reference("batch/v1", "CronJob", "backup", Some(3));
    for seen in [
        owner(Resource::ReplicaSets, "web-7d9f5c6b8", 11, Some(deployment)),
        owner(Resource::ReplicaSets, "canary-7d9f5c6b8", 12, Some(rollout)),
        owner(Resource::ReplicaSets, "lone", 13, None),
        owner(Resource::Jobs, "backup-29734562", 14, Some(cron_job)),
        owner(Resource::Jobs, "etl", 15, None),
    ] {
        owners.seen(&seen);
    }
    let replica_set = |name, uid| reference("apps/v1", "ReplicaSet", name, uid);
    let job = |name, uid| reference("batch/v1", "Job", name, uid);
    for (controller, expected) in [
        (
            replica_set("web-7d9f5c6b8", Some(11)),
            "apps/v1 Deployment/web 1",
        ),
        (
            replica_set("web-7d9f5c6b8", None),
            "apps/v1 Deployment/web 1",
        ),
        (
            replica_set("canary-7d9f5c6b8", Some(12)),
            "argoproj.io/v1alpha1 Rollout/canary 2",
        ),
        (replica_set("lone", Some(13)), "apps/v1 ReplicaSet/lone 13"),
        (
            job("backup-29734562", Some(14)),
            "batch/v1 CronJob/backup 3",
        ),
        (job("etl", Some(15)), "batch/v1 Job/etl 15"),
        (replica_set("web-7d9f5c6b8", Some(99)), "pending"),
        (replica_set("unseen", None), "pending"),
        (job("lone", Some(13)), "pending"),
    ] {
        check(&owners, Some(&controller), expected);
    }
    let elsewhere = replica_set("web-7d9f5c6b8", Some(11));
    assert_eq!(
        owners.resolve("blog", Some(&elsewhere)),
        Attribution::Pending
    );
}

#[test]
fn any_other_controller_ends_the_climb_and_none_is_a_bare_pod() {
    let owners = Owners::new(1);
    for (api_version, kind, expected) in [
        ("apps/v1", "StatefulSet", "apps/v1 StatefulSet/db 4"),
        (
            "core.strimzi.io/v1",
            "StrimziPodSet",
            "core.strimzi.io/v1 StrimziPodSet/db 4",
        ),
        (
            "example.com/v1",
            "ReplicaSet",
            "example.com/v1 ReplicaSet/db 4",
        ),
        ("example.com/v1", "Node", "example.com/v1 Node/db 4"),
        ("v1", "Node", "v1 Pod/barepods -"),
    ] {
        check(
            &owners,
            Some(&reference(api_version, kind, "db", Some(4))),
            expected,
        );
    }
    check(&owners, None, "v1 Pod/barepods -");
}

#[test]
fn the_attribution_of_living_rows_outlives_the_owner() {
    let mut owners = Owners::new(1);
    let deployment = reference("apps/v1", "Deployment", "web", Some(1));
    let replica_set = owner(Resource::ReplicaSets, "web-7d9f5c6b8", 11, Some(deployment));
    owners.seen(&replica_set);
    let controller = reference("apps/v1", "ReplicaSet", "web-7d9f5c6b8", Some(11));
    let Attribution::Known { target, uid } = owners.resolve("shop", Some(&controller)) else {
        panic!("the owner was seen");
    };
    let id = owners.workloads_mut().intern("shop", &target, uid);
    owners.gone(&replica_set);
    check(&owners, Some(&controller), "pending");
    assert_eq!(
        owners.workloads().resolve(id).map(|w| w.target()),
        Some(target)
    );
    owners.workloads_mut().release(id);
    assert!(owners.is_empty() && owners.workloads().is_empty());
}

#[test]
fn an_orphaned_or_adopted_owner_is_read_anew() {
    let mut owners = Owners::new(1);
    let deployment = reference("apps/v1", "Deployment", "web", Some(1));
    let controller = reference("apps/v1", "ReplicaSet", "web-7d9f5c6b8", Some(11));
    let mut replica_set = owner(Resource::ReplicaSets, "web-7d9f5c6b8", 11, Some(deployment));
    owners.seen(&replica_set);
    replica_set.controller = None;
    owners.seen(&replica_set);
    check(
        &owners,
        Some(&controller),
        "apps/v1 ReplicaSet/web-7d9f5c6b8 11",
    );
    assert_eq!((owners.len(), owners.workloads().len()), (1, 0));
}

#[test]
fn the_guess_for_an_owner_not_seen_is_read_from_its_name() {
    for (api_version, kind, name, expected) in [
        (
            "apps/v1",
            "ReplicaSet",
            "web-api-7d9f5c6b8",
            "Deployment/web-api",
        ),
        (
            "apps/v1",
            "ReplicaSet",
            "web-canary",
            "ReplicaSet/web-canary",
        ),
        ("apps/v1", "ReplicaSet", "web", "ReplicaSet/web"),
        (
            "apps/v1",
            "ReplicaSet",
            "-7d9f5c6b8",
            "ReplicaSet/-7d9f5c6b8",
        ),
        ("batch/v1", "Job", "etl-29734562", "Job/etl-29734562"),
    ] {
        let target = provisional(&reference(api_version, kind, name, None));
        assert_eq!(format!("{}/{}", target.kind, target.name), expected);
    }
}

fn small_owner() -> impl Strategy<Value = OwnerSeen> {
    let controller = prop::option::of((0_usize..3, "[ab]", prop::option::of(0_u128..3)));
    (0_u128..6, "[ab](-[bc]{0,2})?", controller).prop_map(|(uid, name, controller)| {
        let resource = [Resource::ReplicaSets, Resource::Jobs][usize::from(uid % 2 == 1)];
        let controller = controller.map(|(kind, name, uid)| {
            reference(
                "apps/v1",
                ["Deployment", "Rollout", "CronJob"][kind],
                &name,
                uid,
            )
        });
        owner(resource, &name, uid, controller)
    })
}

proptest! {
    #[test]
    fn a_list_leaves_exactly_what_it_shows(
        before in prop::collection::vec(small_owner(), 0..20),
        aborted in prop::collection::vec(small_owner(), 0..5),
        listed in prop::collection::vec(small_owner(), 0..20),
    ) {
        let mut owners = Owners::new(5);
        let mut model = std::collections::BTreeMap::new();
        for owner in before.iter().chain(&aborted) {
            model.insert(owner.uid, owner.clone());
        }
        before.iter().for_each(|owner| owners.seen(owner));
        owners.list_begins(&Stream::whole(Resource::Jobs));
        aborted.iter().for_each(|owner| owners.seen(owner));
        owners.list_begins(&Stream::whole(Resource::Jobs));
        for owner in &listed {
            owners.seen(owner);
            model.insert(owner.uid, owner.clone());
        }
        let is_listed = |uid: Uid| listed.iter().any(|owner| owner.uid == uid);
        let vanished: Vec<OwnerSeen> = model
            .values()
            .filter(|owner| owner.resource == Resource::Jobs && !is_listed(owner.uid))
            .cloned()
            .collect();
        prop_assert_eq!(&owners.listed(&Stream::whole(Resource::Jobs)), &vanished);
        prop_assert_eq!(owners.listed(&Stream::whole(Resource::Jobs)), Vec::new());
        model.retain(|_, owner| !vanished.contains(owner));
        prop_assert_eq!(owners.len(), model.len());
        owners.list_begins(&Stream::whole(Resource::Jobs));
        owners.list_begins(&Stream::whole(Resource::ReplicaSets));
        let mut left = owners.listed(&Stream::whole(Resource::Jobs));
        left.extend(owners.listed(&Stream::whole(Resource::ReplicaSets)));
        left.sort_unstable_by_key(|owner| owner.uid);
        prop_assert_eq!(left, model.into_values().collect::<Vec<_>>());
        prop_assert!(owners.workloads.is_empty() && owners.workloads.symbols().is_empty());
        prop_assert!(owners.names.is_empty() && owners.slots.is_empty());
    }
}
