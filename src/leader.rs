//! One writer among several replicas: the election on a Lease, by client-go's algorithm.
//!
//! A replica may write during a [`Term`], which ends at a deadline on its own monotonic clock. The deadline is counted from
//! the moment before the renewal was sent; the others count the whole lease from the moment at which they saw that renewal,
//! which is later. So nobody else takes over before the deadline, however the wall clocks are set, and a replica that was
//! stopped, or is cut from the API server, knows by its own clock that it may not write any longer.
//!
//! `election` decides and does no IO; [`Elector`] asks the API server. Followers watch the Lease, so that a release or an
//! expiry is answered at once; where the watch is refused they look at it again and again, as client-go does.

mod election;
mod elector;
mod identity;
mod observation;
mod watching;

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

pub use self::elector::Elector;
pub use self::identity::identity;

/// How long things last in an election. The lease is longer than the renew deadline, that longer than the retry period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Others wait so long after the last renewal that they saw. Whole seconds, as a Lease has it.
    pub lease: Duration,
    /// A leader that could not renew for so long is none any longer.
    pub renew_deadline: Duration,
    /// Between two renewals, and between two looks of one who does not watch.
    pub retry: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

/// Which Lease is fought for, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElectionSettings {
    pub namespace: String,
    pub name: String,
    /// Of this process alone, see [`identity`].
    pub identity: String,
    pub timing: Timing,
}

/// The right to write, up to a deadline that every renewal moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    pub deadline: Instant,
    /// When the Lease was last renewed, or released, before this term began, by the clock of who did it.
    /// `None` where nobody held it before.
    pub previous_renewed_at: Option<Timestamp>,
}

/// What a writer asks before each request. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Mandate {
    terms: watch::Receiver<Option<Term>>,
}

impl Mandate {
    /// The mandate of terms that somebody publishes.
    #[must_use]
    pub const fn new(terms: watch::Receiver<Option<Term>>) -> Self {
        Self { terms }
    }

    /// For one who writes alone, without an election.
    #[must_use]
    pub fn unlimited() -> Self {
        const LONG: Duration = Duration::from_secs(30 * 365 * 24 * 3_600);
        let term = Term {
            deadline: Instant::now() + LONG,
            previous_renewed_at: None,
        };
        Self::new(watch::channel(Some(term)).1)
    }

    /// The term, while it lasts.
    #[must_use]
    pub fn term(&self) -> Option<Term> {
        let term = *self.terms.borrow();
        term.filter(|term| Instant::now() < term.deadline)
    }

    /// Waits until a term begins, is renewed or ends; for ever where nobody is elected any longer.
    pub async fn changed(&mut self) {
        if self.terms.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// Waits until there is a term.
    pub async fn begun(&mut self) -> Term {
        loop {
            self.terms.mark_unchanged();
            if let Some(term) = self.term() {
                return term;
            }
            self.changed().await;
        }
    }
}

#[cfg(test)]
mod tests;
