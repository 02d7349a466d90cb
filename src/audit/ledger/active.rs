//! The pods of a workload that start or stop now.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::kept::Kept;
use super::{Ledger, hooks, incidents};
use crate::audit::record::Incident;
use crate::audit::seen::Uid;
use crate::audit::snapshot::{Active, HookLedger};
use crate::audit::words::{Cause, Hook};

const SHOWN_MAX: usize = 10;

/// A pod's start or stop that was told as an incident: uid, and for a hook its container and restart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Told {
    pod_uid: Uid,
    hook: Option<(Hook, Box<str>, u32)>,
}

impl Ledger {
    /// Takes everything that starts or stops now, of all pods of the workload; tells what is newly
    /// stuck or overdue, once per instance of a container or termination of a pod.
    pub fn set_active(&mut self, now: Timestamp, mut active: Vec<Active>) -> Vec<Incident> {
        self.handle_timeout(now);
        active.sort_by(|one, other| urgency(one).cmp(&urgency(other)));
        let mut has_changed = self.count_active(&active);
        let incidents = self.tell(now, &active);
        has_changed |= !incidents.is_empty();

        active.truncate(SHOWN_MAX);
        active.shrink_to_fit();
        let shown = self
            .unrest
            .as_deref()
            .map_or(&[][..], |unrest| &unrest.active);
        if shown != active {
            self.unrest_mut().active = active;
            has_changed = true;
        }
        if has_changed {
            self.weigh(now);
        }
        incidents
    }

    /// Counts overdue and terminating pods per cause and stuck runs per hook; whether a count changed.
    fn count_active(&mut self, active: &[Active]) -> bool {
        let terminations = || active.iter().filter(|active| active.hook.is_none());
        let overdue = per_cause(terminations().filter(|active| active.overdue));
        let terminating = per_cause(terminations());
        let stuck: Vec<u32> = self
            .hooks
            .iter()
            .map(|row| {
                count(
                    active
                        .iter()
                        .filter(|active| is_stuck_in(&self.hooks, row, active)),
                )
            })
            .collect();
        let is_same = self.terminations.overdue == overdue
            && self.terminations.terminating == terminating
            && self
                .hooks
                .iter()
                .map(|row| row.stuck)
                .eq(stuck.iter().copied());
        self.terminations.overdue = overdue;
        self.terminations.terminating = terminating;
        for (row, stuck) in self.hooks.iter_mut().zip(stuck) {
            row.stuck = stuck;
        }
        !is_same
    }

    fn tell(&mut self, now: Timestamp, active: &[Active]) -> Vec<Incident> {
        let told = self
            .unrest
            .as_deref_mut()
            .map(|unrest| std::mem::take(&mut unrest.told))
            .unwrap_or_default();
        let mut still_told = Vec::new();
        let mut incidents = Vec::new();
        for active in active {
            let name = name(active);
            if told.binary_search(&name).is_ok() {
                still_told.push(name);
            } else if let Some(incident) = incidents::of_active(active, now) {
                still_told.push(name);
                incidents.extend(self.keep_new(incident));
            }
        }
        if !still_told.is_empty() {
            still_told.sort_unstable();
            still_told.dedup();
            still_told.shrink_to_fit();
            self.unrest_mut().told = still_told;
        }
        self.calm();
        incidents
    }

    fn keep_new(&mut self, incident: Incident) -> Option<Incident> {
        let listed = &self.unrest_mut().incidents;
        if incidents::is_listed(listed, &Kept::of(&incident)) {
            return None;
        }
        self.keep(incident)
    }
}

fn name(active: &Active) -> Told {
    Told {
        pod_uid: active.pod_uid,
        hook: active.hook.map(|hook| {
            let container = active.container.clone().unwrap_or_default();
            (hook, container, active.restart)
        }),
    }
}

type Urgency<'a> = (
    Reverse<bool>,
    bool,
    Option<Timestamp>,
    Timestamp,
    &'a str,
    Uid,
    Option<&'a str>,
    Option<Hook>,
);

/// Overdue or stuck first, then by deadline, none last, then the longest waiting.
fn urgency(active: &Active) -> Urgency<'_> {
    (
        Reverse(active.overdue || active.stuck),
        active.deadline.is_none(),
        active.deadline,
        active.since,
        &active.pod,
        active.pod_uid,
        active.container.as_deref(),
        active.hook,
    )
}

fn per_cause<'a>(active: impl Iterator<Item = &'a Active> + Clone) -> Vec<(Cause, u32)> {
    let mut causes: Vec<(Cause, u32)> = Vec::new();
    for cause in Cause::ALL {
        let pods = count(active.clone().filter(|active| active.cause == *cause));
        if pods > 0 {
            causes.reserve_exact(1);
            causes.push((*cause, pods));
        }
    }
    causes
}

fn is_stuck_in(rows: &[HookLedger], row: &HookLedger, active: &Active) -> bool {
    let counted_in = active
        .hook
        .zip(active.container.as_deref())
        .and_then(|(hook, container)| hooks::find(rows, container, hook));
    active.stuck && counted_in.is_some_and(|counted_in| std::ptr::eq(counted_in, row))
}

fn count<'a>(active: impl Iterator<Item = &'a Active>) -> u32 {
    u32::try_from(active.count()).unwrap_or(u32::MAX)
}
