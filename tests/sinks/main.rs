//! The sinks against a real API server.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod sample;

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use hookaudit::api::{HookAudit, HookAuditStatus, crd_yaml};
use hookaudit::audit::seen::{Resource, Stream, Uid};
use hookaudit::audit::snapshot::{Snapshot, Workload};
use hookaudit::audit::words::Outcome;
use hookaudit::leader::Mandate;
use hookaudit::sink::events::{EventCounters, EventResult, EventSettings, EventSink};
use hookaudit::sink::status::{Reports, StatusCounters, StatusSettings, StatusWriter, WriteResult};
use hookaudit_testkit::{cluster, cluster_or_skip};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt};
use sample::unhealthy;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const NAME: &str = "deployment-checkout";

#[tokio::test(flavor = "multi_thread")]
async fn the_sinks_work_against_a_real_api_server() {
    let server = cluster_or_skip!(cluster::Cluster::api_server());
    let cluster = Cluster::reach(&server).await;
    cluster.install_definition().await;
    let audits: Api<HookAudit> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let owner = cluster.owner().await;
    let workload = unhealthy(&cluster.namespace, owner);

    let writer = Writer::start(&cluster, &[]);
    writer.publish(1, workload.clone());
    let made = eventually(&audits, |audit| audit.status.is_some()).await;
    told_exactly(&made, &workload);
    cluster.columns_are_printed();

    silence(&audits, &writer, workload.clone()).await;
    target_is_immutable(&audits).await;
    a_user_s_edit_is_kept_and_observed(&audits, &writer, &workload).await;
    a_restart_rewrites_nothing(&cluster, &audits, writer, workload.clone()).await;
    a_status_of_a_later_version_is_taken(&audits).await;
    a_user_s_object_is_adopted(&cluster, &audits, owner).await;
    an_incident_is_told_once(&cluster, owner).await;
    cluster.leave().await;
}

struct Cluster {
    client: Client,
    kubeconfig: PathBuf,
    kubectl: PathBuf,
    namespace: String,
}

impl Cluster {
    async fn reach(server: &cluster::Cluster) -> Self {
        let kubeconfig = server.kubeconfig().to_owned();
        let read = Kubeconfig::read_from(&kubeconfig).unwrap();
        let mut config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default())
            .await
            .unwrap();
        config.default_retry = false;
        let client = Client::try_from(config).unwrap();
        let namespace = format!("sinks-{}", std::process::id());
        let object = serde_json::from_value(json!({"metadata": {"name": namespace}})).unwrap();
        let namespaces: Api<Namespace> = Api::all(client.clone());
        namespaces
            .create(&PostParams::default(), &object)
            .await
            .unwrap();
        Self {
            client,
            kubeconfig,
            kubectl: server.kubectl_path().to_owned(),
            namespace,
        }
    }

    async fn install_definition(&self) {
        let definition: CustomResourceDefinition =
            serde_saphyr::from_str(&crd_yaml().unwrap()).unwrap();
        let definitions: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let parameters = PatchParams::apply("sinks-test").force();
        let name = definition.name_any();
        definitions
            .patch(&name, &parameters, &Patch::Apply(&definition))
            .await
            .unwrap();
        for _ in 0..100 {
            let status = definitions
                .get(&name)
                .await
                .unwrap()
                .status
                .unwrap_or_default();
            let holds = |wanted: &str| {
                let mut conditions = status.conditions.iter().flatten();
                conditions.any(|condition| condition.type_ == wanted && condition.status == "True")
            };
            assert!(!holds("NonStructuralSchema"), "{status:?}");
            if holds("Established") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the definition is not established");
    }

    /// A real one, or a garbage collector takes the report away.
    async fn owner(&self) -> Uid {
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), &self.namespace);
        let labels = json!({"app": "checkout"});
        let object = json!({
            "metadata": {"name": "checkout"},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "none"}]}},
            },
        });
        let object = serde_json::from_value(object).unwrap();
        let made = deployments
            .create(&PostParams::default(), &object)
            .await
            .unwrap();
        Uid::parse(&made.uid().unwrap()).unwrap()
    }

    fn columns_are_printed(&self) {
        let lines = self.kubectl(&["get", "hka", NAME, "-o", "wide"]);
        let mut lines = lines
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(
            lines.next().unwrap().join(" "),
            "NAME HEALTHY REASON HOOKS TERMINATING KILLED P95 GRACE FINDINGS AGE KIND LAST-INCIDENT MESSAGE"
        );
        let line = lines.next().unwrap();
        assert_eq!(
            line[..8],
            [NAME, "False", "PreStopOverran", "1", "0", "3", "32", "30"]
        );
        let narrow = self.kubectl(&["get", "hookaudits", NAME]);
        assert!(
            narrow
                .lines()
                .all(|line| line.len() <= 120 && !line.contains("KIND")),
            "{narrow}"
        );
    }

    fn kubectl(&self, arguments: &[&str]) -> String {
        let output = Command::new(&self.kubectl)
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(["-n", &self.namespace])
            .args(arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    async fn leave(&self) {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces
            .delete(&self.namespace, &DeleteParams::default())
            .await
            .unwrap();
    }
}

/// A writer that does not wait for company.
struct Writer {
    snapshots: watch::Sender<Arc<Snapshot>>,
    reports: Reports,
    counters: Arc<StatusCounters>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Writer {
    fn start(cluster: &Cluster, seen: &[HookAudit]) -> Self {
        let (snapshots, receiver) = watch::channel(Arc::default());
        let (reports, counters) = (Reports::default(), Arc::<StatusCounters>::default());
        seen.iter().for_each(|audit| reports.seen(audit));
        reports.synced(&Stream::whole(Resource::HookAudits));
        let settings = StatusSettings {
            debounce: Duration::ZERO,
            coalesce: Duration::from_millis(100),
            ..StatusSettings::default()
        };
        let cancel = CancellationToken::new();
        let writer = StatusWriter::new(
            cluster.client.clone(),
            Mandate::unlimited(),
            settings,
            receiver,
            reports.clone(),
            Arc::clone(&counters),
        );
        let task = tokio::spawn(writer.run(cancel.clone()));
        Self {
            snapshots,
            reports,
            counters,
            cancel,
            task,
        }
    }

    fn publish(&self, revision: u64, workload: Workload) {
        let workloads = vec![Arc::new(Workload {
            revision,
            ..workload
        })];
        self.snapshots.send_replace(Arc::new(Snapshot {
            revision,
            synced: true,
            workloads,
            ..Snapshot::default()
        }));
    }

    fn writes(&self) -> u64 {
        WriteResult::ALL
            .iter()
            .map(|&result| self.counters.writes(result))
            .sum()
    }

    async fn stop(self) {
        self.cancel.cancel();
        self.task.await.unwrap();
    }
}

/// The workload as the core makes it once it has taken in what the API holds.
fn resting_on(audit: &HookAudit, workload: &Workload) -> Workload {
    let mut resting = workload.clone();
    resting.basis.report_version = audit.metadata.resource_version.as_deref().map(Into::into);
    resting
}

fn told_exactly(made: &HookAudit, workload: &Workload) {
    let mut expected = HookAuditStatus::from(workload);
    expected.observe(made.metadata.generation);
    assert_eq!(
        made.status.as_ref(),
        Some(&expected),
        "what is read back is what was written"
    );
    let owners = made.owner_references();
    assert_eq!(owners.len(), 1);
    assert_eq!(
        (owners[0].controller, owners[0].block_owner_deletion),
        (None, None)
    );
    assert!(made.finalizers().is_empty());
    let managers: Vec<_> = made
        .managed_fields()
        .iter()
        .map(|entry| entry.manager.as_deref())
        .collect();
    assert!(
        managers.iter().all(|manager| *manager == Some("hookaudit")),
        "{managers:?}"
    );
}

async fn silence(audits: &Api<HookAudit>, writer: &Writer, workload: Workload) {
    let before = audits.get(NAME).await.unwrap();
    let writes = writer.writes();
    for revision in 2..12 {
        writer.reports.seen(&before);
        writer.publish(revision, resting_on(&before, &workload));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(
        audits.get(NAME).await.unwrap().resource_version(),
        before.resource_version()
    );
    assert_eq!(writer.writes(), writes);
}

async fn target_is_immutable(audits: &Api<HookAudit>) {
    let patch = json!({"spec": {"targetRef": {"name": "other"}}});
    let refused = audits
        .patch(NAME, &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .unwrap_err();
    let kube::Error::Api(status) = refused else {
        panic!("{refused}");
    };
    assert!(
        status.is_invalid() && status.message.contains("targetRef is immutable"),
        "{status}"
    );
}

async fn a_user_s_edit_is_kept_and_observed(
    audits: &Api<HookAudit>,
    writer: &Writer,
    workload: &Workload,
) {
    let patch = json!({"spec": {"thresholds": {"overdueSeconds": 5}}});
    let edited = audits
        .patch(NAME, &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .unwrap();
    assert_eq!(edited.metadata.generation, Some(2));
    writer.reports.seen(&edited);
    writer.publish(20, resting_on(&edited, workload));
    let observed = eventually(audits, |audit| {
        audit
            .status
            .as_ref()
            .is_some_and(|status| status.observed_generation == Some(2))
    });
    assert_eq!(
        observed.await.spec.thresholds.unwrap().overdue_seconds,
        Some(5)
    );
}

async fn a_restart_rewrites_nothing(
    cluster: &Cluster,
    audits: &Api<HookAudit>,
    writer: Writer,
    workload: Workload,
) {
    writer.stop().await;
    let before = audits.list(&ListParams::default()).await.unwrap().items;
    let again = Writer::start(cluster, &before);
    again.publish(1, resting_on(&before[0], &workload));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(again.writes(), 0);

    // It lags behind what somebody else wrote: it looks again instead of forcing its way.
    let patch = json!({"metadata": {"labels": {"team": "shop"}}});
    audits
        .patch(NAME, &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .unwrap();
    let mut changed = workload;
    changed.hooks[0].outcomes[Outcome::Succeeded as usize] += 1;
    again.publish(2, resting_on(&before[0], &changed));
    for _ in 0..100 {
        if again.counters.writes(WriteResult::Conflict) > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let latest = audits.get(NAME).await.unwrap();
    again.publish(3, resting_on(&latest, &changed));
    let written = eventually(audits, |audit| {
        audit
            .status
            .as_ref()
            .is_some_and(|status| status.hooks[0].succeeded == 10)
    });
    assert_eq!(written.await.labels()["team"], "shop");
    assert_eq!(again.counters.writes(WriteResult::Conflict), 1);
    assert_eq!(again.counters.writes(WriteResult::Written), 1);
    again.stop().await;
}

async fn a_status_of_a_later_version_is_taken(audits: &Api<HookAudit>) {
    let hook = json!({"container": "new", "hook": "PreStop", "containerType": "New", "handler": "New", "new": 1});
    let later = json!({
        "apiVersion": "hookaudit.io/v1alpha1",
        "kind": "HookAudit",
        "status": {"new": 1, "hooks": [hook], "terminations": {"new": 1}},
    });
    let parameters = PatchParams::apply("later").force();
    let taken = audits
        .patch_status(NAME, &parameters, &Patch::Apply(&later))
        .await
        .unwrap()
        .status
        .unwrap();
    assert_eq!(
        taken
            .hooks
            .iter()
            .map(|hook| &*hook.container)
            .collect::<Vec<_>>(),
        ["app", "new"]
    );
}

async fn a_user_s_object_is_adopted(cluster: &Cluster, audits: &Api<HookAudit>, owner: Uid) {
    audits.delete(NAME, &DeleteParams::default()).await.unwrap();
    let theirs = json!({
        "apiVersion": "hookaudit.io/v1alpha1",
        "kind": "HookAudit",
        "metadata": {"name": NAME},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"},
            "suppressions": [{"rule": "HA201", "container": "istio-proxy", "reason": "mesh sidecar"}],
        },
    });
    audits
        .patch(NAME, &PatchParams::apply("kubectl"), &Patch::Apply(&theirs))
        .await
        .unwrap();
    let writer = Writer::start(cluster, &[]);
    writer.publish(1, unhealthy(&cluster.namespace, owner));
    let adopted = eventually(audits, |audit| audit.status.is_some()).await;
    assert_eq!(adopted.spec.suppressions.len(), 1);
    assert_eq!(adopted.owner_uids().collect::<Vec<_>>(), [owner]);
    for entry in adopted
        .managed_fields()
        .iter()
        .filter(|entry| entry.manager.as_deref() == Some("hookaudit"))
    {
        assert_eq!(
            entry.fields_v1.as_ref().unwrap().0.get("f:spec"),
            None,
            "the spec is its author's"
        );
    }
    assert_eq!(writer.counters.writes(WriteResult::Adopted), 1);

    writer.stop().await;
}

async fn an_incident_is_told_once(cluster: &Cluster, owner: Uid) {
    let workload = unhealthy(&cluster.namespace, owner);
    let (target, incident) = (workload.target.clone(), workload.incidents[0].clone());
    let snapshot = Snapshot {
        workloads: vec![Arc::new(workload)],
        ..Snapshot::default()
    };
    let (_publisher, snapshots) = watch::channel(Arc::new(snapshot));
    let counters = Arc::<EventCounters>::default();
    for _ in 0..2 {
        let (client, settings) = (cluster.client.clone(), EventSettings::default());
        let (queue, sink) = EventSink::new(
            client,
            Mandate::unlimited(),
            settings,
            snapshots.clone(),
            Arc::clone(&counters),
        );
        queue.offer(
            cluster.namespace.as_str().into(),
            target.clone(),
            Box::new(incident.clone()),
        );
        drop(queue);
        sink.run(CancellationToken::new()).await;
    }
    assert_eq!(counters.events(EventResult::Told), 1);
    assert_eq!(counters.events(EventResult::AlreadyTold), 1);
    let events: Api<Event> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let told = events.list(&ListParams::default()).await.unwrap().items;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].reason.as_deref(), Some("PreStopHookOverran"));
    let printed = cluster.kubectl(&["get", "events"]);
    assert!(
        printed.contains("PreStopHookOverran") && printed.contains("deployment/checkout"),
        "{printed}"
    );
}

async fn eventually(audits: &Api<HookAudit>, holds: impl Fn(&HookAudit) -> bool) -> HookAudit {
    for _ in 0..200 {
        if let Some(audit) = audits.get_opt(NAME).await.unwrap()
            && holds(&audit)
        {
            return audit;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", audits.get_opt(NAME).await);
}
