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
}

impl Bench {
    pub(super) fn start(settings: StatusSettings) -> Self {
        Self::start_against(ApiServer::default(), settings)
    }

    pub(super) fn start_against(api: ApiServer, settings: StatusSettings) -> Self {
        let (snapshots, receiver) = watch::channel(Arc::default());
        let (reports, counters) = (Reports::default(), Arc::<StatusCounters>::default());
        let cancel = CancellationToken::new();
        let writer = StatusWriter::new(
            api.client(),
            Mandate::unlimited(),
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
        }
    }

    /// Publishes these workloads as changed.
    pub(super) fn publish(&mut self, workloads: impl IntoIterator<Item = Workload>) {
        self.revision += 1;
        let revision = self.revision;
        let workloads = workloads
            .into_iter()
            .map(|workload| {
                Arc::new(Workload {
                    revision,
                    ..workload
                })
            })
            .collect();
        self.snapshots.send_replace(Arc::new(Snapshot {
            revision,
            synced: true,
            workloads,
            ..Snapshot::default()
        }));
    }

    pub(super) async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    pub(super) fn writes(&self) -> usize {
        self.api.writes().len()
    }

    pub(super) async fn stop(self) {
        self.cancel.cancel();
        self.task.await.unwrap();
    }
}
