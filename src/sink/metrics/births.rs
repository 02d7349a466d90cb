//! Which counters a scraper has seen at 0: a counter born at 1 hides its first failure.
//!
//! Who leads next cannot know what was scraped of whom led before, only since when a status lists a counter. Listed
//! for a short time it was shown at 0 at most, and is so again; later it goes on where it is, from 0 or not.

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

impl Moment {
    /// A new counter stays at 0 no longer.
    pub(super) fn is_long_after(self, at: Timestamp) -> bool {
        self.age(at) >= self.zero_for
    }

    fn age(self, at: Timestamp) -> Duration {
        self.now.duration_since(at).try_into().unwrap_or_default()
    }
}

/// When a counter was first shown, or first listed by a status of another process.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Birth(Option<Timestamp>);

impl Birth {
    /// It was shown as it is.
    const LONG_AGO: Self = Self(Some(Timestamp::MIN));

    const fn listed(&mut self, at: Timestamp) {
        if self.0.is_none() {
            self.0 = Some(at);
        }
    }

    /// Another one led since this process showed it, or always.
    fn take_over(&mut self, moment: Moment) {
        let age = self.0.map(|first| moment.age(first));
        if age.is_some_and(|age| age >= moment.zero_for / 2) {
            *self = Self::LONG_AGO;
        }
    }

    /// What to show of a counter that stands at `count`.
    pub(super) fn show(&mut self, count: u64, moment: Moment) -> u64 {
        let Some(first_shown) = self.0 else {
            self.0 = Some(moment.now);
            return 0;
        };
        if moment.is_long_after(first_shown) {
            count
        } else {
            0
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

    /// Another process showed what its status lists, since this time at the latest.
    pub(super) fn inherit(&mut self, written: &Written, at: Timestamp) {
        for row in &written.hooks {
            let hook = self.row(&row.container, row.hook);
            hook.outcomes.listed(at);
            for &outcome in Outcome::ALL {
                if row.ever_counted[outcome as usize] > 0 {
                    hook.rare(outcome).listed(at);
                }
            }
            if row.duplicates > 0 {
                hook.duplicates.listed(at);
            }
            for &(from, to, _) in &row.amendments {
                hook.amendment((from, to)).listed(at);
            }
        }
        self.seconds.listed(at);
        for &result in TerminationResult::ALL {
            if is_born_at_zero(result) || written.results[result as usize] > 0 {
                self.results[result as usize].listed(at);
            }
        }
    }

    /// This process leads from now on.
    pub(super) fn take_over(&mut self, moment: Moment) {
        let hooks = self.hooks.iter_mut().flat_map(HookBirths::all);
        let own = self.results.iter_mut().chain([&mut self.seconds]);
        for birth in own.chain(hooks) {
            birth.take_over(moment);
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
    fn all(&mut self) -> impl Iterator<Item = &mut Birth> {
        let rare = self.rare.iter_mut().map(|(_, birth)| birth);
        let amendments = self.amendments.iter_mut().map(|(_, birth)| birth);
        let always = [&mut self.outcomes, &mut self.duplicates];
        always.into_iter().chain(rare).chain(amendments)
    }

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
