//! Nothing is written without a term.

use super::*;
use crate::leader::Term;
use hookaudit_testkit::api_server::ApiServer;

fn term(seconds: u64) -> Option<Term> {
    Some(Term {
        deadline: Instant::now() + Duration::from_secs(seconds),
        previous_renewed_at: None,
    })
}

fn follower() -> (watch::Sender<Option<Term>>, Bench) {
    let (terms, mandate) = watch::channel(None);
    let mandate = Mandate::new(mandate);
    let bench = Bench::start_with(ApiServer::default(), mandate, StatusSettings::default());
    bench.reports.synced(&super::AUDITS);
    (terms, bench)
}

#[tokio::test(start_paused = true)]
async fn what_changed_waits_for_a_term() {
    let (terms, mut bench) = follower();
    bench.publish([unhealthy()]);
    bench.pass(600).await;
    assert_eq!(bench.writes(), 0);
    terms.send_replace(term(10));
    bench.pass(1).await;
    assert_eq!(bench.writes(), 2);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_after_the_deadline_though_nobody_says_that_it_passed() {
    let (terms, mut bench) = follower();
    terms.send_replace(term(10));
    bench.pass(11).await;
    bench.publish([unhealthy()]);
    bench.pass(600).await;
    assert_eq!(bench.writes(), 0);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_is_cut_off_at_the_deadline_and_the_next_of_the_same_object_is_not_made() {
    let (terms, mut bench) = follower();
    bench.api.refuse([Refusal::Hang]);
    terms.send_replace(term(5));
    bench.publish([unhealthy()]);
    bench.pass(60).await;
    assert_eq!(bench.writes(), 1, "only the call that hung");
    assert_eq!(bench.counters.writes(WriteResult::TimedOut), 1);
    terms.send_replace(term(10));
    bench.pass(5).await;
    assert_eq!(bench.writes(), 3);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_leader_wrote_is_not_written_again_by_the_next() {
    let mut leader = Bench::start(StatusSettings::default());
    leader.reports.synced(&super::AUDITS);
    leader.publish([unhealthy()]);
    let (terms, mut bench) = follower();
    bench.publish([unhealthy()]);
    leader.pass(5).await;
    let told = leader.api.object(PATH).unwrap();
    leader.stop().await;
    bench.reports.seen(&serde_json::from_value(told).unwrap());
    terms.send_replace(term(10));
    bench.pass(5).await;
    assert_eq!(bench.writes(), 0);
    bench.stop().await;
}
