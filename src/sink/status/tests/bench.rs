//! A writer under test.

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::sink::status::*;
use hookaudit_testkit::api_server::ApiServer;

/// A writer that runs in paused time against the API server in this process.
pub(super) struct Bench {
    pub(super) api: ApiServer,
    pub(super) snapshots: watch::Sender<Arc<Snapshot>>,
    pub(super) reports: Reports,
    pub(super) counters: Arc<StatusCounters>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
    revision: u64,
    workloads: Vec<Workload>,
}

impl Bench {
    pub(super) fn start(settings: StatusSettings) -> Self {
        Self::start_against(ApiServer::default(), settings)
    }

    pub(super) fn start_against(api: ApiServer, settings: StatusSettings) -> Self {
        Self::start_with(api, Mandate::unlimited(), settings)
    }

    pub(super) fn start_with(api: ApiServer, mandate: Mandate, settings: StatusSettings) -> Self {
        let (snapshots, receiver) = watch::channel(Arc::default());
        let (reports, counters) = (Reports::default(), Arc::<StatusCounters>::default());
        let cancel = CancellationToken::new();
        let writer = StatusWriter::new(
            api.client(),
            mandate,
            settings,
            receiver,
            reports.clone(),
            Arc::clone(&counters),
        );
        let task = tokio::spawn(writer.run(cancel.clone()));
        Self {
            api,
            snapshots,
            reports,
            counters,
            cancel,
            task,
            revision: 0,
            workloads: Vec::new(),
        }
    }

    /// Publishes these workloads as changed.
    pub(super) fn publish(&mut self, workloads: impl IntoIterator<Item = Workload>) {
        self.workloads = workloads.into_iter().collect();
        self.take_in();
        self.publish_all();
    }

    /// Lets time pass, in which each second the tallies are made anew on what the API holds, as the core does.
    pub(super) async fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if self.take_in() {
                self.publish_all();
            }
        }
    }

    fn take_in(&mut self) -> bool {
        let mut has_news = false;
        for workload in &mut self.workloads {
            let (namespace, name) = crate::api::key_of(workload);
            let path =
                format!("/apis/hookaudit.io/v1alpha1/namespaces/{namespace}/hookaudits/{name}");
            let object = self.api.object(&path).unwrap_or_default();
            let version = object["metadata"]["resourceVersion"]
                .as_str()
                .map(Box::from);
            has_news |= workload.basis.report_version != version;
            workload.basis.report_version = version;
        }
        has_news
    }

    fn publish_all(&mut self) {
        self.revision += 1;
        let revision = self.revision;
        let changed = |workload: &Workload| {
            Arc::new(Workload {
                revision,
                ..workload.clone()
            })
        };
        self.snapshots.send_replace(Arc::new(Snapshot {
            revision,
            synced: true,
            workloads: self.workloads.iter().map(changed).collect(),
            ..Snapshot::default()
        }));
    }

    pub(super) fn writes(&self) -> usize {
        self.api.writes().len()
    }

    pub(super) async fn stop(self) {
        self.cancel.cancel();
        self.task.await.unwrap();
    }
}
