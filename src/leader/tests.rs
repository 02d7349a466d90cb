mod property;
mod shell;
mod world;

use std::time::Duration;

use super::election::{Call, Election, Input, Request};
use super::*;
use k8s_openapi::api::coordination::v1::Lease;

fn settings(identity: &str) -> ElectionSettings {
    ElectionSettings {
        namespace: "hookaudit-system".to_owned(),
        name: "hookaudit".to_owned(),
        identity: identity.to_owned(),
        timing: Timing::default(),
    }
}

/// One candidate, whose calls are answered by hand.
struct Candidate {
    election: Election,
    now: Instant,
    stamp: Timestamp,
}

impl Candidate {
    fn new(identity: &str) -> Self {
        let now = Instant::now();
        Self {
            election: Election::new(settings(identity), 1, now),
            now,
            stamp: Timestamp::from_second(1_800_000_000).unwrap(),
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.stamp += jiff::SignedDuration::from_secs(i64::try_from(seconds).unwrap());
    }

    fn call(&mut self) -> Option<Call> {
        self.election.poll_call(self.now, self.stamp)
    }

    fn request(&mut self) -> Request {
        self.call().expect("a call").request
    }

    fn tell(&mut self, input: Input) {
        self.election.handle(self.now, input);
    }

    /// Answers the write under way as an API server without others would.
    fn grant(&mut self, version: &str) -> Lease {
        let (Request::Create(mut lease) | Request::Replace(mut lease)) = self.request() else {
            panic!("it only looks");
        };
        lease.metadata.resource_version = Some(version.to_owned());
        self.tell(Input::Written(Box::new(lease.clone())));
        lease
    }

    fn leads(&self) -> bool {
        self.election.term(self.now).is_some()
    }
}

fn leader() -> Candidate {
    let mut candidate = Candidate::new("a");
    assert_eq!(candidate.request(), Request::Get);
    candidate.tell(Input::Found(None));
    candidate.grant("1");
    candidate
}

/// A Lease that another holds.
fn held_by(holder: &str, version: &str) -> Lease {
    let mut other = Candidate::new(holder);
    other.request();
    other.tell(Input::Found(None));
    let mut lease = other.grant(version);
    lease.metadata.labels = Some([("kept".to_owned(), "yes".to_owned())].into());
    lease
}

#[test]
fn a_lease_that_nobody_has_is_made_and_held_up_to_the_renew_deadline() {
    let mut candidate = leader();
    let term = candidate.election.term(candidate.now).unwrap();
    assert_eq!(term.deadline, candidate.now + Duration::from_secs(10));
    assert_eq!(term.previous_renewed_at, None);
    candidate.pass(10);
    assert!(!candidate.leads());
}

#[test]
fn a_renewal_counts_from_when_it_was_sent_and_keeps_when_the_lease_was_acquired() {
    let mut candidate = leader();
    assert_eq!(candidate.call(), None);
    candidate.pass(2);
    let Request::Replace(mut renewed) = candidate.request() else {
        panic!("it is not renewed");
    };
    let sent_at = candidate.now;
    candidate.pass(3);
    renewed.metadata.resource_version = Some("2".to_owned());
    candidate.tell(Input::Written(Box::new(renewed.clone())));
    let term = candidate.election.term(candidate.now).unwrap();
    assert_eq!(term.deadline, sent_at + Duration::from_secs(10));
    let spec = renewed.spec.unwrap();
    assert!(spec.acquire_time < spec.renew_time);
    assert_eq!(spec.lease_transitions, Some(0));
    assert_eq!(spec.lease_duration_seconds, Some(15));
}

#[test]
fn a_renewal_has_no_more_time_than_the_term() {
    let mut candidate = leader();
    candidate.pass(2);
    assert_eq!(candidate.call().unwrap().limit, Duration::from_secs(5));
    candidate.pass(5);
    candidate.tell(Input::Failed);
    candidate.pass(2);
    assert_eq!(candidate.call().unwrap().limit, Duration::from_secs(1));
}

#[test]
fn a_follower_waits_for_what_it_saw_not_for_what_clocks_say() {
    let mut candidate = Candidate::new("b");
    candidate.request();
    candidate.stamp = Timestamp::from_second(2_000_000_000).unwrap();
    let lease = held_by("a", "1");
    candidate.tell(Input::Found(Some(Box::new(lease.clone()))));
    candidate.tell(Input::WatchBegan);
    candidate.pass(14);
    assert_eq!(candidate.call(), None);
    // Somebody touches the object, and not the record.
    let mut touched = lease.clone();
    touched.metadata.resource_version = Some("2".to_owned());
    candidate.tell(Input::Watched(Some(Box::new(touched))));
    candidate.pass(1);
    assert_eq!(
        candidate.election.poll_timeout(candidate.now),
        Some(candidate.now)
    );
    let Request::Replace(taken) = candidate.request() else {
        panic!("it is not taken");
    };
    assert_eq!(taken.metadata.resource_version.as_deref(), Some("2"));
    assert_eq!(taken.metadata.labels, lease.metadata.labels);
    let spec = taken.spec.clone().unwrap();
    assert_eq!(spec.holder_identity.as_deref(), Some("b"));
    assert_eq!(spec.lease_transitions, Some(1));
    assert_eq!(spec.acquire_time, spec.renew_time);
    candidate.tell(Input::Written(Box::new(taken)));
    let term = candidate.election.term(candidate.now).unwrap();
    let renewed_at = lease.spec.unwrap().renew_time.unwrap().0;
    assert_eq!(term.previous_renewed_at, Some(renewed_at));
}

#[test]
fn a_follower_without_a_watch_looks_again_and_again() {
    let mut candidate = Candidate::new("b");
    candidate.request();
    let lease = held_by("a", "1");
    candidate.tell(Input::Found(Some(Box::new(lease))));
    let next = candidate.election.poll_timeout(candidate.now).unwrap() - candidate.now;
    assert!(next >= Duration::from_secs(2), "{next:?}");
    assert!(next < Duration::from_millis(4_400), "{next:?}");
    candidate.pass(5);
    assert_eq!(candidate.request(), Request::Get);
}

#[test]
fn a_released_lease_is_taken_at_once() {
    let mut candidate = Candidate::new("b");
    candidate.request();
    candidate.tell(Input::Found(Some(Box::new(held_by("a", "1")))));
    candidate.tell(Input::WatchBegan);
    let mut former = leader();
    former.tell(Input::Stop);
    assert!(!former.leads());
    let released = former.grant("2");
    assert!(former.election.finished(former.now));
    let spec = released.spec.clone().unwrap();
    assert_eq!(spec.holder_identity.as_deref(), Some(""));
    assert_eq!(spec.lease_duration_seconds, Some(1));
    candidate.tell(Input::Watched(Some(Box::new(released))));
    candidate.grant("3");
    assert!(candidate.leads());
}

#[test]
fn a_deleted_lease_is_made_again_by_its_leader_and_by_others_only_after_a_whole_lease() {
    let mut follower = Candidate::new("b");
    follower.request();
    follower.tell(Input::Found(Some(Box::new(held_by("a", "1")))));
    follower.tell(Input::WatchBegan);
    follower.pass(3);
    follower.tell(Input::Watched(None));
    follower.pass(14);
    assert_eq!(follower.call(), None);
    follower.pass(1);
    assert!(matches!(follower.request(), Request::Create(_)));

    let mut leader = leader();
    leader.pass(2);
    leader.request();
    leader.tell(Input::Found(None));
    assert!(leader.leads());
    assert!(matches!(leader.request(), Request::Create(_)));
}

#[test]
fn a_conflict_is_looked_at_at_once_and_the_next_only_after_a_while() {
    let mut candidate = Candidate::new("b");
    candidate.request();
    candidate.tell(Input::Found(None));
    candidate.request();
    candidate.tell(Input::Conflict);
    assert_eq!(candidate.request(), Request::Get);
    candidate.tell(Input::Found(None));
    candidate.request();
    candidate.tell(Input::Conflict);
    assert_eq!(candidate.call(), None);
    candidate.pass(5);
    assert_eq!(candidate.request(), Request::Get);
}

#[test]
fn who_finds_another_holder_leads_no_longer() {
    let mut candidate = leader();
    candidate.pass(2);
    candidate.request();
    candidate.tell(Input::Conflict);
    assert!(candidate.leads(), "it may have been touched only");
    candidate.request();
    candidate.tell(Input::Found(Some(Box::new(held_by("b", "7")))));
    assert!(!candidate.leads());
    assert_eq!(candidate.election.holder(), Some("b"));
}

#[test]
fn who_was_cut_off_holds_the_lease_on_if_nobody_took_it() {
    let mut candidate = leader();
    candidate.pass(2);
    candidate.request();
    candidate.pass(9);
    assert!(!candidate.leads());
    candidate.tell(Input::Failed);
    candidate.pass(5);
    let first = candidate.stamp;
    candidate.grant("2");
    let term = candidate.election.term(candidate.now).unwrap();
    assert!(term.previous_renewed_at.unwrap() < first);
}

#[test]
fn a_stop_during_a_renewal_releases_what_it_wrote() {
    let mut candidate = leader();
    candidate.pass(2);
    let Request::Replace(mut renewed) = candidate.request() else {
        panic!("it is not renewed");
    };
    candidate.tell(Input::Stop);
    assert!(!candidate.election.finished(candidate.now));
    assert_eq!(candidate.call(), None);
    renewed.metadata.resource_version = Some("2".to_owned());
    candidate.tell(Input::Written(Box::new(renewed)));
    assert!(!candidate.leads());
    let released = candidate.grant("3");
    assert_eq!(released.metadata.resource_version.as_deref(), Some("3"));
    assert!(candidate.election.finished(candidate.now));
}

#[test]
fn a_release_that_fails_is_not_tried_again() {
    let mut candidate = leader();
    candidate.tell(Input::Stop);
    candidate.request();
    candidate.tell(Input::Failed);
    assert!(candidate.election.finished(candidate.now));
    let mut follower = Candidate::new("b");
    follower.tell(Input::Stop);
    assert!(follower.election.finished(follower.now));
}
