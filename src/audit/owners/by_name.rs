//! Finding a pod's owner by the pod's name, for Events of pods that are gone.

use super::super::index::Symbol;
use super::super::record::WorkloadRef;
use super::super::seen::Uid;
use super::naming::{Fit, Maker, Stem, ordinal_split};
use super::{Kind, Owners, Row, WorkloadId, table};

/// Whose pod has this name. At best `Inferred`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ByName {
    Workload {
        target: WorkloadRef,
        /// `None` where workloads of this name with several uids are known.
        uid: Option<Uid>,
    },
    /// The name looks generated, and fits no known owner or several: to be counted as a gap.
    GeneratedUnknown,
    /// The name looks given: the pod is told under `barepods`.
    Bare,
}

impl Owners {
    /// The owner that gave its pod this name, among the workloads, ReplicaSets and Jobs of the namespace.
    #[must_use]
    pub fn attribute_by_name(&self, namespace: &str, pod_name: &str) -> ByName {
        let stems = Stem::all(pod_name);
        let unknown = if stems.is_empty() && ordinal_split(pod_name).is_none() {
            ByName::Bare
        } else {
            ByName::GeneratedUnknown
        };
        let Some(namespace) = self.workloads.symbols().get(namespace) else {
            return unknown;
        };
        let candidates = if stems.iter().any(|stem| stem.cut) {
            self.all_candidates(namespace, pod_name, &stems)
        } else {
            self.likely_candidates(namespace, pod_name, &stems)
        };
        let Some(best) = candidates.iter().map(|candidate| candidate.fit).min() else {
            return unknown;
        };
        let mut best: Vec<Candidate> = candidates
            .into_iter()
            .filter(|candidate| candidate.fit == best)
            .collect();
        let Some(Candidate { target, uid, .. }) = best.pop() else {
            return unknown;
        };
        if best.iter().any(|other| other.target != target) {
            return ByName::GeneratedUnknown;
        }
        let uid = uid.filter(|_| best.iter().all(|other| other.uid == uid));
        ByName::Workload { target, uid }
    }

    /// Looks up what stands before each of the last three hyphens, and the whole name.
    fn likely_candidates(
        &self,
        namespace: Symbol,
        pod_name: &str,
        stems: &[Stem<'_>],
    ) -> Vec<Candidate> {
        let symbols = self.workloads.symbols();
        let hyphens = pod_name.rmatch_indices('-').take(3);
        let mut candidates = Vec::new();
        for end in std::iter::once(pod_name.len()).chain(hyphens.map(|(at, _)| at)) {
            let owner_name = &pod_name[..end];
            for row in self.named(namespace, owner_name) {
                candidates.extend(self.owner_candidate(row, stems));
            }
            if let Some(name) = symbols.get(owner_name) {
                for id in self.workloads.named(namespace, name) {
                    candidates.extend(self.workload_candidate(id, pod_name, stems));
                }
            }
        }
        candidates
    }

    /// Tries every owner of the namespace: a name that was cut does not tell where its owner's ends.
    fn all_candidates(
        &self,
        namespace: Symbol,
        pod_name: &str,
        stems: &[Stem<'_>],
    ) -> Vec<Candidate> {
        let first = (namespace, Symbol::MIN, 0);
        let last = (namespace, Symbol::MAX, u32::MAX);
        let owners = self
            .names
            .range(first..=last)
            .filter_map(|&(_, _, slot)| self.owner_candidate(self.rows.get(slot)?, stems));
        let workloads = self
            .workloads
            .in_namespace(namespace)
            .filter_map(|id| self.workload_candidate(id, pod_name, stems));
        owners.chain(workloads).collect()
    }

    fn owner_candidate(&self, row: &Row, stems: &[Stem<'_>]) -> Option<Candidate> {
        let own = row.target(self.workloads.symbols());
        let maker = match row.kind {
            Kind::ReplicaSet => Maker::Generated,
            Kind::Job => Maker::Job,
        };
        let fit = maker.fit(&own.name, "", stems)?;
        let (target, uid) = row.top(&self.workloads);
        Some(Candidate { fit, target, uid })
    }

    fn workload_candidate(
        &self,
        id: WorkloadId,
        pod_name: &str,
        stems: &[Stem<'_>],
    ) -> Option<Candidate> {
        let workload = self.workloads.resolve(id)?;
        let maker = Maker::of(table::group(workload.api_version), workload.kind)?;
        let fit = maker.fit(workload.name, pod_name, stems)?;
        Some(Candidate {
            fit,
            target: workload.target(),
            uid: workload.uid,
        })
    }
}

struct Candidate {
    fit: Fit,
    target: WorkloadRef,
    uid: Option<Uid>,
}

#[cfg(test)]
mod tests {
    use super::super::super::seen::{ControllerRef, OwnerSeen, Resource};
    use super::*;

    const NAMESPACE: &str = "shop";

    fn owners(seen: &[(Resource, &str, Option<&str>)], workloads: &[(&str, &str)]) -> Owners {
        let mut owners = Owners::new(3);
        for (number, (resource, name, controller)) in (1_u128..).zip(seen) {
            owners.seen(&OwnerSeen {
                resource: *resource,
                namespace: NAMESPACE.into(),
                name: (*name).into(),
                uid: Uid(number),
                controller: controller.map(|controller| {
                    let (kind, name) = controller.split_once('/').expect("kind/name");
                    reference(kind, name)
                }),
            });
        }
        for (kind, name) in workloads {
            let reference = reference(kind, name);
            let (target, uid) = super::super::ended_by(&reference);
            owners.workloads_mut().intern(NAMESPACE, &target, uid);
        }
        owners
    }

    fn reference(kind: &str, name: &str) -> ControllerRef {
        let api_version = match kind {
            "Job" | "CronJob" => "batch/v1",
            "Rollout" => "argoproj.io/v1alpha1",
            "Pod" => "v1",
            _ => "apps/v1",
        };
        ControllerRef {
            api_version: api_version.into(),
            kind: kind.into(),
            name: name.into(),
            uid: Some(Uid(900)),
        }
    }

    #[track_caller]
    fn check(owners: &Owners, pod: &str, expected: &str) {
        let found = match owners.attribute_by_name(NAMESPACE, pod) {
            ByName::Workload { target, .. } => format!("{}/{}", target.kind, target.name),
            ByName::GeneratedUnknown => "generated".to_owned(),
            ByName::Bare => "bare".to_owned(),
        };
        assert_eq!(found, expected, "{pod}");
    }

    #[test]
    fn a_generated_name_leads_through_its_replica_set_to_the_deployment() {
        let owners = owners(
            &[
                (
                    Resource::ReplicaSets,
                    "web-7d9f5c6b8",
                    Some("Deployment/web"),
                ),
                (Resource::ReplicaSets, "lone", None),
            ],
            &[],
        );
        check(&owners, "web-7d9f5c6b8-x2x7k", "Deployment/web");
        check(&owners, "lone-x2x7k", "ReplicaSet/lone");
        check(&owners, "web-7d9f5c6b8-x2a7k", "bare");
        check(&owners, "other-7d9f5c6b8-x2x7k", "generated");
    }

    #[test]
    fn every_kind_names_its_pods_in_its_own_way() {
        let owners = owners(
            &[],
            &[
                ("Deployment", "web"),
                ("StatefulSet", "db"),
                ("DaemonSet", "agent"),
                ("Job", "etl"),
                ("CronJob", "backup"),
                ("Rollout", "canary"),
                ("Pod", "barepods"),
            ],
        );
        check(&owners, "web-6f8b4cdf97-q9w2z", "Deployment/web");
        check(&owners, "web-0", "generated");
        check(&owners, "db-12", "StatefulSet/db");
        check(&owners, "db-012", "bare");
        check(&owners, "db-x2x7k", "generated");
        check(&owners, "agent-x2x7k", "DaemonSet/agent");
        check(&owners, "etl-x2x7k", "Job/etl");
        check(&owners, "etl-31-x2x7k", "Job/etl");
        check(&owners, "backup-29734562-x2x7k", "CronJob/backup");
        check(&owners, "backup-29734562-3-x2x7k", "CronJob/backup");
        check(&owners, "backup-12-x2x7k", "generated");
        check(&owners, "canary-6f8b4cdf97-q9w2z", "Rollout/canary");
        check(&owners, "canary", "Rollout/canary");
        check(&owners, "barepods-x2x7k", "generated");
        check(&owners, "debug", "bare");
        check(&owners, "", "bare");
        check(&owners, "\u{e4}\u{e4}\u{e4}", "bare");
    }

    #[test]
    fn a_known_maker_goes_before_guesses_and_two_guesses_are_none() {
        let owners = owners(
            &[
                (
                    Resource::Jobs,
                    "sync-29742228",
                    Some("CronJob/sync-nightly"),
                ),
                (Resource::Jobs, "migrate", None),
                (Resource::Jobs, "migrate-2", None),
            ],
            &[("Deployment", "sync"), ("CronJob", "sync")],
        );
        check(&owners, "sync-29742228-x2x7k", "CronJob/sync-nightly");
        check(&owners, "migrate-2-x2x7k", "Job/migrate-2");
        check(&owners, "migrate-3-x2x7k", "Job/migrate");
        check(&owners, "sync-29742231-x2x7k", "CronJob/sync");
        check(&owners, "sync-29742229-x2x7k", "generated");
        check(&owners, "sync-29742228-5-x2x7k", "CronJob/sync-nightly");
    }

    #[test]
    fn a_name_that_fits_two_workloads_is_attributed_to_neither() {
        let owners = owners(&[], &[("DaemonSet", "web"), ("Job", "web")]);
        check(&owners, "web-x2x7k", "generated");
    }

    #[test]
    fn a_name_known_with_two_uids_is_attributed_without_one() {
        let mut owners = owners(&[], &[("DaemonSet", "agent")]);
        let by_name = |owners: &Owners| match owners.attribute_by_name(NAMESPACE, "agent-x2x7k") {
            ByName::Workload { uid, .. } => uid,
            other => panic!("{other:?}"),
        };
        assert_eq!(by_name(&owners), Some(Uid(900)));
        let (target, _) = super::super::ended_by(&reference("DaemonSet", "agent"));
        owners
            .workloads_mut()
            .intern(NAMESPACE, &target, Some(Uid(901)));
        assert_eq!(by_name(&owners), None);
    }

    #[test]
    fn a_name_cut_at_63_characters_still_finds_its_owner() {
        let long = "long-release-name-of-some-umbrella-chart-payment-processor";
        assert_eq!(long.len(), 58);
        let replica_set = format!("{long}-7d9f5c6b8");
        let controller = format!("Deployment/{long}");
        let seen = owners(
            &[(Resource::ReplicaSets, &replica_set, Some(&controller))],
            &[],
        );
        check(&seen, &format!("{long}x2x7k"), &controller);

        for length in 45..=70 {
            let deployment = "d".repeat(length);
            let expected = format!("Deployment/{deployment}");
            let known = owners(&[], &[("Deployment", &deployment), ("Deployment", "d")]);
            let made = generated(&format!("{deployment}-6f8b4cdf97-"));
            check(&known, &made, &expected);
        }
        for length in 40..=63 {
            let job = "j".repeat(length);
            let known = owners(&[(Resource::Jobs, &job, None)], &[]);
            for index in [0, 17, 12345] {
                let suffix = format!("-{index}-");
                let base = &job[..length.min(58 - suffix.len())];
                check(
                    &known,
                    &generated(&format!("{base}{suffix}")),
                    &format!("Job/{job}"),
                );
            }
        }
    }

    /// As the API server does: `pkg/storage/names/generate.go`.
    fn generated(base: &str) -> String {
        format!("{}x2x7k", &base[..base.len().min(58)])
    }

    #[test]
    fn names_in_another_namespace_do_not_count() {
        let owners = owners(&[], &[("DaemonSet", "agent")]);
        assert_eq!(
            owners.attribute_by_name("blog", "agent-x2x7k"),
            ByName::GeneratedUnknown
        );
        assert_eq!(owners.attribute_by_name("blog", "shell"), ByName::Bare);
    }
}
