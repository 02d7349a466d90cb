//! What of a status counts as a change, in three parts by how bad the news can be.

use std::hash::{DefaultHasher, Hasher};
use std::io;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Serialize;

use crate::api::HookAuditStatus;

/// How bad the news of a change may be, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    Conditions,
    Active,
    Counters,
}

/// Digests of a status without its times; they are compared within one process only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StatusDigest {
    conditions: u64,
    active: u64,
    counters: u64,
}

impl StatusDigest {
    pub(super) fn of(status: &HookAuditStatus) -> Self {
        let verdicts: Vec<_> = status
            .conditions
            .iter()
            .map(|condition| {
                (
                    &condition.condition_type,
                    &condition.status,
                    &condition.reason,
                )
            })
            .collect();
        let mut active = status.active.clone();
        for entry in &mut active {
            entry.since = epoch();
            entry.deadline = None;
        }
        Self {
            conditions: hash(&(verdicts, status.incident_count)),
            active: hash(&(active, status.observed_generation)),
            counters: hash(&counters(status)),
        }
    }

    /// How bad the news of a change from `seen` to this may be; `None` if nothing changed.
    pub(super) fn news_since(self, seen: Self) -> Option<Urgency> {
        if self.conditions != seen.conditions {
            Some(Urgency::Conditions)
        } else if self.active != seen.active {
            Some(Urgency::Active)
        } else if self.counters != seen.counters {
            Some(Urgency::Counters)
        } else {
            None
        }
    }
}

/// The rest. A gap alone is no change, unless something was starting or stopping in it.
fn counters(status: &HookAuditStatus) -> HookAuditStatus {
    let mut rest = status.clone();
    rest.active = Vec::new();
    rest.account = None;
    rest.last_incident_time = None;
    if rest.active_count == 0 && rest.terminating_count == 0 {
        rest.observation = None;
    }
    if let Some(observation) = &mut rest.observation {
        observation.since = epoch();
        observation.gaps = Vec::new();
    }
    for condition in &mut rest.conditions {
        condition.last_transition_time = epoch();
    }
    for streak in &mut rest.streaks {
        streak.first_time = epoch();
        streak.last_time = epoch();
    }
    for hook in &mut rest.hooks {
        hook.last_outcome_time = None;
        hook.last_failure_time = None;
    }
    for incident in &mut rest.incidents {
        incident.time = epoch();
    }
    rest
}

const fn epoch() -> Time {
    Time(Timestamp::UNIX_EPOCH)
}

fn hash(value: &impl Serialize) -> u64 {
    let mut hasher = HashWriter(DefaultHasher::new());
    // Neither the writer nor a status can fail to serialise; both halves of a comparison would fail alike.
    let _ = serde_json::to_writer(&mut hasher, value);
    hasher.0.finish()
}

struct HashWriter(DefaultHasher);

impl io::Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::fixture::{healthy, plain_hook, plain_incident, plain_workload};
    use crate::audit::snapshot::Workload;
    use crate::audit::words::{ConditionStatus, Hook, IncidentType, Outcome};

    fn news(change: impl FnOnce(&mut Workload)) -> Option<Urgency> {
        let mut workload = plain_workload();
        workload.hooks = vec![plain_hook("app", Hook::PreStop)];
        workload.conditions = vec![healthy(ConditionStatus::True, "AllHealthy", "")];
        let before = StatusDigest::of(&HookAuditStatus::from(&workload));
        change(&mut workload);
        StatusDigest::of(&HookAuditStatus::from(&workload)).news_since(before)
    }

    #[test]
    fn times_and_gaps_of_a_quiet_workload_are_no_news() {
        let later = Timestamp::from_second(1_800_000_000).unwrap();
        assert_eq!(news(|_| {}), None);
        assert_eq!(
            news(|workload| workload.conditions[0].last_transition_at = later),
            None
        );
        assert_eq!(
            news(|workload| workload.hooks[0].last_at = Some(later)),
            None
        );
        assert_eq!(news(|workload| workload.gap_count += 1), None);
    }

    #[test]
    fn a_worse_condition_is_worse_news_than_a_counter() {
        let unhealthy = healthy(ConditionStatus::False, "PreStopOverran", "");
        assert_eq!(
            news(|workload| workload.conditions[0] = unhealthy),
            Some(Urgency::Conditions)
        );
        assert_eq!(
            news(|workload| workload.incident_count += 1),
            Some(Urgency::Conditions)
        );
        let incident = plain_incident(IncidentType::PreStopOverran);
        assert_eq!(
            news(|workload| workload.incidents.push(incident)),
            Some(Urgency::Counters)
        );
        let runs = Outcome::Succeeded as usize;
        assert_eq!(
            news(|workload| workload.hooks[0].outcomes[runs] += 1),
            Some(Urgency::Counters)
        );
        let message = healthy(ConditionStatus::True, "AllHealthy", "20 clean runs");
        assert_eq!(
            news(|workload| workload.conditions[0] = message),
            Some(Urgency::Counters)
        );
    }

    #[test]
    fn a_gap_counts_while_something_stops() {
        let mut workload = plain_workload();
        workload.terminations.terminating = vec![(crate::audit::words::Cause::WithinGrace, 1)];
        let before = StatusDigest::of(&HookAuditStatus::from(&workload));
        workload.gap_count += 1;
        let after = StatusDigest::of(&HookAuditStatus::from(&workload));
        assert_eq!(after.news_since(before), Some(Urgency::Counters));
    }
}
