use super::*;
use crate::api::fixture::{plain_incident, plain_workload, target};
use crate::audit::seen::Uid;
use crate::audit::words::IncidentType;
use crate::leader::Term;
use hookaudit_testkit::api_server::{ApiServer, Refusal};

/// Tells all of these and waits until that is done.
async fn tell(
    api: &ApiServer,
    incidents: impl IntoIterator<Item = (WorkloadRef, Incident)>,
) -> Arc<EventCounters> {
    let snapshot = Snapshot {
        workloads: vec![Arc::new(plain_workload())],
        ..Snapshot::default()
    };
    let (_publisher, snapshots) = watch::channel(Arc::new(snapshot));
    let counters = Arc::<EventCounters>::default();
    let settings = EventSettings {
        queue_max: 100,
        ..EventSettings::default()
    };
    let (queue, sink) = EventSink::new(
        api.client(),
        Mandate::unlimited(),
        settings,
        snapshots,
        Arc::clone(&counters),
    );
    for (target, incident) in incidents {
        queue.offer("shop".into(), target, Box::new(incident));
    }
    drop(queue);
    sink.run(CancellationToken::new()).await;
    counters
}

fn deployment() -> WorkloadRef {
    target("apps/v1", "Deployment", "checkout")
}

#[tokio::test(start_paused = true)]
async fn an_incident_is_told_once_also_after_a_restart() {
    let api = ApiServer::default();
    let incident = plain_incident(IncidentType::PreStopOverran);
    let counters = tell(&api, [(deployment(), incident.clone())]).await;
    assert_eq!(counters.events(EventResult::Told), 1);
    let writes = api.writes();
    let (path, event) = (&writes[0].uri, &writes[0].body);
    assert!(
        path.starts_with("/apis/events.k8s.io/v1/namespaces/shop/events"),
        "{path}"
    );
    assert_eq!(event["reason"], "PreStopHookOverran");
    assert_eq!(event["type"], "Warning");
    assert_eq!(event["reportingController"], "hookaudit.io/controller");
    assert_eq!(event["regarding"]["uid"], Uid(7).to_string());
    assert_eq!(event["related"]["kind"], "Pod");

    let counters = tell(&api, [(deployment(), incident)]).await;
    assert_eq!(counters.events(EventResult::Told), 0);
    assert_eq!(counters.events(EventResult::AlreadyTold), 1);
}

#[tokio::test(start_paused = true)]
async fn a_workload_is_told_of_once_per_reason_in_ten_minutes() {
    let api = ApiServer::default();
    let of_pod = |number, incident_type| Incident {
        pod_uid: Uid(number),
        ..plain_incident(incident_type)
    };
    let kills = (0..20).map(|number| (deployment(), of_pod(number, IncidentType::PodForceKilled)));
    let other_reason = [(deployment(), of_pod(0, IncidentType::PreStopOverran))];
    let other_workload = [(
        target("apps/v1", "Deployment", "other"),
        of_pod(99, IncidentType::PodForceKilled),
    )];
    let counters = tell(&api, kills.chain(other_reason).chain(other_workload)).await;
    assert_eq!(counters.events(EventResult::Told), 3);
    assert_eq!(counters.events(EventResult::Limited), 19);
}

#[tokio::test(start_paused = true)]
async fn the_limit_ends_with_its_interval() {
    let mut limit = Limit::new(Duration::from_mins(10));
    let start = Instant::now();
    assert!(limit.allows("shop", &deployment(), "PodForceKilled", start));
    limit.told("shop", &deployment(), "PodForceKilled", start);
    assert!(!limit.allows(
        "shop",
        &deployment(),
        "PodForceKilled",
        start + Duration::from_secs(599)
    ));
    assert!(limit.allows(
        "shop",
        &deployment(),
        "PodForceKilled",
        start + Duration::from_mins(10)
    ));
    assert!(limit.allows("other", &deployment(), "PodForceKilled", start));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_fails_for_a_while_is_told_in_the_end() {
    let api = ApiServer::default();
    api.refuse([
        Refusal::Hang,
        Refusal::Code(StatusCode::TOO_MANY_REQUESTS, Some(7)),
        Refusal::Code(StatusCode::SERVICE_UNAVAILABLE, None),
    ]);
    let counters = tell(
        &api,
        [(deployment(), plain_incident(IncidentType::PodForceKilled))],
    )
    .await;
    assert_eq!(counters.events(EventResult::Told), 1);
    assert_eq!(api.writes().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_refused_is_given_up_and_counted() {
    let api = ApiServer::default();
    api.refuse([Refusal::Code(StatusCode::FORBIDDEN, None)]);
    let counters = tell(
        &api,
        [(deployment(), plain_incident(IncidentType::PodForceKilled))],
    )
    .await;
    assert_eq!(counters.events(EventResult::Failed), 1);
    assert_eq!(api.writes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_in_the_queue_is_dropped_and_counted() {
    let api = ApiServer::default();
    let incidents = (0..150).map(|number| {
        (
            deployment(),
            Incident {
                pod_uid: Uid(number),
                ..plain_incident(IncidentType::PodForceKilled)
            },
        )
    });
    let counters = tell(&api, incidents).await;
    assert_eq!(counters.events(EventResult::Dropped), 50);
}

#[tokio::test(start_paused = true)]
async fn a_pod_without_a_living_workload_is_told_of_itself() {
    let api = ApiServer::default();
    let incident = plain_incident(IncidentType::PodForceKilled);
    tell(&api, [(WorkloadRef::bare_pods(), incident)]).await;
    let writes = api.writes();
    let event = &writes[0].body;
    assert_eq!(event["regarding"]["kind"], "Pod");
    assert!(event["related"].is_null());
}

/// A sink that follows at first; what is offered before is queued already.
fn follower(
    api: &ApiServer,
    incidents: usize,
) -> (
    watch::Sender<Option<Term>>,
    EventQueue,
    Arc<EventCounters>,
    EventSink,
) {
    let (terms, mandate) = watch::channel(None);
    let counters = Arc::<EventCounters>::default();
    let settings = EventSettings {
        queue_max: 100,
        ..EventSettings::default()
    };
    let snapshots = watch::channel(Arc::default()).1;
    let mandate = Mandate::new(mandate);
    let (queue, sink) = EventSink::new(
        api.client(),
        mandate,
        settings,
        snapshots,
        Arc::clone(&counters),
    );
    for number in 0..incidents {
        let name = format!("workload-{number}");
        let incident = plain_incident(IncidentType::PreStopOverran);
        let target = target("apps/v1", "Deployment", &name);
        queue.offer("shop".into(), target, Box::new(incident));
    }
    (terms, queue, counters, sink)
}

fn term(seconds: u64) -> Option<Term> {
    Some(Term {
        deadline: Instant::now() + Duration::from_secs(seconds),
        previous_renewed_at: None,
    })
}

#[tokio::test(start_paused = true)]
async fn a_follower_tells_what_it_kept_once_it_leads() {
    let api = ApiServer::default();
    let (terms, _queue, counters, sink) = follower(&api, 3);
    let cancel = CancellationToken::new();
    let running = tokio::spawn(sink.run(cancel.clone()));
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(api.writes().len(), 0);
    terms.send_replace(term(10));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(counters.events(EventResult::Told), 3);
    cancel.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_follower_leaves_to_the_leader_what_is_old() {
    let api = ApiServer::default();
    let (terms, queue, counters, sink) = follower(&api, 3);
    let cancel = CancellationToken::new();
    let running = tokio::spawn(sink.run(cancel.clone()));
    tokio::time::sleep(Duration::from_mins(11)).await;
    let incident = plain_incident(IncidentType::PreStopOverran);
    queue.offer("shop".into(), deployment(), Box::new(incident));
    tokio::time::sleep(Duration::from_secs(1)).await;
    terms.send_replace(term(10));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(counters.events(EventResult::LeftToLeader), 3);
    assert_eq!(counters.events(EventResult::Told), 1);
    cancel.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_event_that_the_end_of_a_term_cut_off_waits_for_the_next_term() {
    let api = ApiServer::default();
    api.refuse([Refusal::Hang]);
    let (terms, _queue, counters, sink) = follower(&api, 1);
    let cancel = CancellationToken::new();
    let running = tokio::spawn(sink.run(cancel.clone()));
    terms.send_replace(term(3));
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(api.writes().len(), 1, "nothing is sent after the deadline");
    assert_eq!(counters.events(EventResult::Told), 0);
    terms.send_replace(term(10));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(counters.events(EventResult::Told), 1);
    cancel.cancel();
    running.await.unwrap();
}
