use super::bench::Bench;
use super::with_runs;
use crate::sink::status::StatusSettings;

#[tokio::test(start_paused = true)]
async fn a_gap_is_told_alone_where_it_matters_and_only_once() {
    for (gap_matters, writes) in [(false, 2), (true, 3)] {
        let mut bench = Bench::start(StatusSettings::default());
        bench.reports.synced(&super::AUDITS);
        bench.publish([with_runs(1)]);
        bench.pass(60).await;
        let mut later = with_runs(1);
        (later.gap_count, later.gap_matters) = (1, gap_matters);
        bench.publish([later]);
        bench.pass(600).await;
        assert_eq!(bench.writes(), writes);
        bench.stop().await;
    }
}
