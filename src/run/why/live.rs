use jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, Client};

use super::super::{error::RunError, reach, seed};
use super::{Told, WhyError, closed, merged};
use crate::api::{self, HookAudit};
use crate::audit::auditor::{Auditor, Settings};
use crate::audit::observation::Observation;
use crate::audit::record::{Gap, Incident, PodRef, PodReport, WorkloadRef};
use crate::audit::seen::{ControllerRef, PodSeen, Resource, Stream};
use crate::config::Cluster;
use crate::report::why::{Presence, Source, Subject};
use crate::source::translate::{Presence as Object, Translator};
use crate::source::watch::{Failure, RawObjects, events_of_pod, object};

/// Reads the pod and what surrounds it, or what its workload's `HookAudit` remembers of it.
pub(super) async fn tell(
    cluster: &Cluster,
    namespace: Option<&str>,
    name: &str,
) -> Result<Told, WhyError> {
    let reached = reach(cluster).await?;
    let namespace = namespace
        .unwrap_or_else(|| reached.client.default_namespace())
        .to_owned();
    let mut reader = Reader {
        client: reached.client,
        translator: Translator::new(reached.key),
        namespace,
        unread: Vec::new(),
    };
    let audits = reader.audits().await;
    let subject = match reader.pod(name).await? {
        Some(pod) => reader.judge(&pod, &audits).await,
        None => remembered(&mut reader, name, &audits)?,
    };
    Ok(Told {
        subject,
        warnings: Vec::new(),
    })
}

struct Reader {
    client: Client,
    translator: Translator,
    namespace: String,
    unread: Vec<Box<str>>,
}

impl Reader {
    async fn pod(&self, name: &str) -> Result<Option<Box<PodSeen>>, RunError> {
        let what = format!("pod {name} in namespace {}", self.namespace);
        let got = object(
            &self.client,
            &self.translator,
            Resource::Pods,
            &self.namespace,
            name,
        );
        match got.await {
            Ok(None) => Ok(None),
            Ok(Some(observations)) => Ok(observations.into_iter().find_map(|seen| match seen {
                Observation::Pod(pod) => Some(pod),
                _ => None,
            })),
            Err(Failure::Forbidden) => Err(RunError::Forbidden(format!("get {what}"))),
            Err(failure) => Err(RunError::Unread {
                what,
                reason: failure.label(),
            }),
        }
    }

    /// Hands everything about the pod to a fresh engine, in the order of its first lists.
    async fn judge(mut self, pod: &PodSeen, audits: &[HookAudit]) -> Subject {
        let now = Timestamp::now();
        let mut auditor = Auditor::new(Settings {
            seed: seed(),
            ..Settings::default()
        });
        let mut seen: Vec<Observation> = Vec::new();
        for audit in audits {
            if let Ok(json) = serde_json::to_string(audit) {
                let translation =
                    self.translator
                        .object(Resource::HookAudits, Object::Present, &json);
                seen.extend(translation.into_observations());
            }
        }
        let namespace = self.namespace.clone();
        seen.extend(
            self.surroundings(Resource::Namespaces, &namespace)
                .await
                .unwrap_or_default(),
        );
        if let Some((resource, owner)) = pod.controller.as_ref().and_then(owner) {
            seen.extend(self.surroundings(resource, owner).await.unwrap_or_default());
        }
        if let Some(node) = &pod.node
            && let Some(observations) = self.surroundings(Resource::Nodes, node).await
        {
            seen.extend(observations);
            // A node that is not there is gone only where nodes were read.
            seen.push(synced(Resource::Nodes));
        }
        seen.push(Observation::Pod(Box::new(pod.clone())));
        seen.push(synced(Resource::Pods));
        seen.extend(self.events(pod).await);
        for observation in seen {
            auditor.handle(now, observation);
        }
        let mut reports = closed(&mut auditor);
        reports.extend(auditor.open_reports(now));
        let report = merged(reports, pod);
        Subject {
            now,
            source: Source::Live,
            presence: Presence::Here(pod.phase),
            gaps: gaps(audits, &report.pod.workload),
            report,
            incidents: incidents(audits, |incident| incident.pod_uid == pod.uid)
                .into_iter()
                .map(|(_, incident)| incident)
                .collect(),
            unread: self.unread,
        }
    }

    /// An object beside the pod; nothing where it is not there, `None` where it cannot be read.
    async fn surroundings(&mut self, resource: Resource, name: &str) -> Option<Vec<Observation>> {
        let got = object(
            &self.client,
            &self.translator,
            resource,
            &self.namespace,
            name,
        );
        match got.await {
            Ok(observations) => Some(observations.unwrap_or_default()),
            Err(failure) => {
                self.missed(format!(
                    "{} {name} ({})",
                    resource.as_str(),
                    failure.label()
                ));
                None
            }
        }
    }

    async fn events(&mut self, pod: &PodSeen) -> Vec<Observation> {
        // A static pod's Events carry the uid of its manifest.
        let uid = pod.static_pod_uid.unwrap_or(pod.uid);
        match events_of_pod(&self.client, &self.namespace, uid, RawObjects::Dropped).await {
            Ok(events) => events.into_iter().map(|seen| seen.observation).collect(),
            Err(error) => {
                self.missed(format!("the Events of the pod: {error}"));
                Vec::new()
            }
        }
    }

    /// The `HookAudit`s of the namespace; none where the resource is not installed.
    async fn audits(&mut self) -> Vec<HookAudit> {
        let api = Api::<HookAudit>::namespaced(self.client.clone(), &self.namespace);
        match api.list(&ListParams::default()).await {
            Ok(list) => list.items,
            Err(kube::Error::Api(status)) if status.code == 404 => Vec::new(),
            Err(kube::Error::Api(status)) => {
                self.missed(format!("the HookAudits ({})", status.reason));
                Vec::new()
            }
            Err(_) => {
                self.missed("the HookAudits".to_owned());
                Vec::new()
            }
        }
    }

    fn missed(&mut self, what: String) {
        self.unread.push(what.into());
    }
}

/// The story of a pod that is gone; of several by that name, the last.
fn remembered(reader: &mut Reader, name: &str, audits: &[HookAudit]) -> Result<Subject, WhyError> {
    let named = incidents(audits, |incident| *incident.pod == *name);
    let Some((workload, last)) = named.last() else {
        return Err(WhyError::NotFound {
            namespace: reader.namespace.clone(),
            pod: name.to_owned(),
            unread: match &*reader.unread.join(", ") {
                "" => String::new(),
                missed => format!(" (not read: {missed})"),
            },
        });
    };
    let pod = PodRef {
        namespace: reader.namespace.as_str().into(),
        name: name.into(),
        uid: last.pod_uid,
        node: last.node.clone(),
        workload: workload.clone(),
    };
    let uid = pod.uid;
    Ok(Subject {
        now: Timestamp::now(),
        source: Source::Incidents,
        presence: Presence::Gone,
        gaps: gaps(audits, &pod.workload),
        report: PodReport {
            pod,
            runs: Vec::new(),
            termination: None,
            signs: Vec::new(),
        },
        incidents: named
            .into_iter()
            .filter(|(_, incident)| incident.pod_uid == uid)
            .map(|(_, incident)| incident)
            .collect(),
        unread: std::mem::take(&mut reader.unread),
    })
}

/// Incidents that fit, oldest first, each with its workload.
fn incidents(
    audits: &[HookAudit],
    fits: impl Fn(&Incident) -> bool,
) -> Vec<(WorkloadRef, Incident)> {
    let mut found: Vec<(WorkloadRef, Incident)> = Vec::new();
    for audit in audits {
        let listed = audit.status.iter().flat_map(|status| &status.incidents);
        let incidents = listed.filter_map(|incident| Incident::try_from(incident).ok());
        let workload = audit.spec.target_ref.workload();
        found.extend(
            incidents
                .filter(|incident| fits(incident))
                .map(|incident| (workload.clone(), incident)),
        );
    }
    found.sort_by_key(|(_, incident)| incident.at);
    found
}

/// Those that the pod's workload tells of.
fn gaps(audits: &[HookAudit], workload: &WorkloadRef) -> Vec<Gap> {
    let of_workload = |audit: &&HookAudit| audit.spec.target_ref.workload() == *workload;
    audits
        .iter()
        .filter(of_workload)
        .flat_map(api::gaps)
        .collect()
}

fn owner(controller: &ControllerRef) -> Option<(Resource, &str)> {
    match (&*controller.api_version, &*controller.kind) {
        ("apps/v1", "ReplicaSet") => Some((Resource::ReplicaSets, &controller.name)),
        ("batch/v1", "Job") => Some((Resource::Jobs, &controller.name)),
        _ => None,
    }
}

const fn synced(resource: Resource) -> Observation {
    Observation::Synced(Stream::whole(resource))
}
