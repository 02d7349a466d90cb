//! Which counters a scraper has seen at 0: a counter born at 1 hides its first failure.

use std::time::Duration;

use jiff::Timestamp;

use crate::audit::snapshot::{HookLedger, Written};
use crate::audit::words::{Hook, Outcome, TerminationResult};

/// The moment of one exposition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
    /// How long a new counter stays at 0 after its first exposition.
    pub(super) zero_for: Duration,
}

/// When a counter was first shown.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Birth(Option<Timestamp>);

impl Birth {
    /// An earlier leader showed it.
    const LONG_AGO: Self = Self(Some(Timestamp::MIN));

    /// What to show of a counter that stands at `count`.
    pub(super) fn show(&mut self, count: u64, moment: Moment) -> u64 {
        let Some(first_shown) = self.0 else {
            self.0 = Some(moment.now);
            return 0;
        };
        let shown_for = moment.now.duration_since(first_shown);
        if shown_for < jiff::SignedDuration::try_from(moment.zero_for).unwrap_or_default() {
            0
        } else {
            count
        }
    }
}

/// The counters of one workload.
#[derive(Debug, Default)]
pub(super) struct Births {
    /// Of a counter that was not met before.
    new: Birth,
    pub(super) results: [Birth; TerminationResult::ALL.len()],
    pub(super) seconds: Birth,
    hooks: Vec<HookBirths>,
}

/// The counters of one hook.
#[derive(Debug, Default)]
pub(super) struct HookBirths {
    container: Box<str>,
    hook: Option<Hook>,
    new: Birth,
    pub(super) outcomes: Birth,
    pub(super) duplicates: Birth,
    rare: Vec<(Outcome, Birth)>,
    amendments: Vec<((Outcome, Outcome), Birth)>,
}

impl Births {
    /// Of a workload that is only added up with others: nothing of it is born.
    pub(super) fn none() -> Self {
        let results = [Birth::LONG_AGO; TerminationResult::ALL.len()];
        Self {
            new: Birth::LONG_AGO,
            results,
            seconds: Birth::LONG_AGO,
            hooks: Vec::new(),
        }
    }

    /// All that a status of another process lists has been shown by it, also where this one showed it at 0 before.
    pub(super) fn inherit(&mut self, written: &Written) {
        for row in &written.hooks {
            let hook = self.row(&row.container, row.hook);
            hook.outcomes = Birth::LONG_AGO;
            for &outcome in Outcome::ALL {
                if row.ever_counted[outcome as usize] > 0 {
                    *hook.rare(outcome) = Birth::LONG_AGO;
                }
            }
            if row.duplicates > 0 {
                hook.duplicates = Birth::LONG_AGO;
            }
            for &(from, to, _) in &row.amendments {
                *hook.amendment((from, to)) = Birth::LONG_AGO;
            }
        }
        self.seconds = Birth::LONG_AGO;
        for &result in TerminationResult::ALL {
            if is_born_at_zero(result) || written.results[result as usize] > 0 {
                self.results[result as usize] = Birth::LONG_AGO;
            }
        }
    }

    pub(super) fn hook(&mut self, ledger: &HookLedger) -> &mut HookBirths {
        self.row(&ledger.container, ledger.hook)
    }

    fn row(&mut self, container: &str, hook: Hook) -> &mut HookBirths {
        let same = |known: &HookBirths| *known.container == *container && known.hook == Some(hook);
        let at = self.hooks.iter().position(same).unwrap_or_else(|| {
            self.hooks.push(HookBirths {
                container: container.into(),
                hook: Some(hook),
                new: self.new,
                outcomes: self.new,
                duplicates: self.new,
                ..HookBirths::default()
            });
            self.hooks.len() - 1
        });
        &mut self.hooks[at]
    }
}

impl HookBirths {
    /// The counter of an outcome that is not exported before it occurs.
    pub(super) fn rare(&mut self, outcome: Outcome) -> &mut Birth {
        entry(&mut self.rare, outcome, self.new)
    }

    pub(super) fn amendment(&mut self, change: (Outcome, Outcome)) -> &mut Birth {
        entry(&mut self.amendments, change, self.new)
    }
}

/// Results of terminations that are exported before they occur.
pub(super) const fn is_born_at_zero(result: TerminationResult) -> bool {
    matches!(
        result,
        TerminationResult::Graceful | TerminationResult::ForceKilled
    )
}

fn entry<K: Copy + PartialEq>(births: &mut Vec<(K, Birth)>, key: K, new: Birth) -> &mut Birth {
    let at = births
        .iter()
        .position(|(known, _)| *known == key)
        .unwrap_or_else(|| {
            births.push((key, new));
            births.len() - 1
        });
    &mut births[at].1
}
