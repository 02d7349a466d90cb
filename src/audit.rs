//! The core: what a kubelet shows of pods, turned into verdicts that say how sure they are.
//!
//! A pod's own stream and its Events arrive as [`observation`]s, each with the time at which it left
//! its channel. The [`auditor`] keeps every pod as one row of the [`roster`] and climbs to its workload
//! by [`owners`]. A pod that matters now (it has hooks and something happens to it, or it stops) gets a
//! [`case`]: facts, each set once, of its containers' instances and of its stop. A [`verdict`] is a pure
//! function of a case and `now`; it is asked for again whenever a fact or a deadline may change it. Once
//! it is settled it moves the tallies of its workload's [`ledger`], and a later Event amends it there.
//!
//! Invariants:
//! - No IO, no clock, no randomness, no hash map that iterates: the same observations at the same times
//!   give the same bytes.
//! - Independent streams may interleave in any order. A fact remembers what was stamped, not when it came.
//! - The core cannot fail. What it cannot use is a counted defect; what it cannot know is `Unknown`.
//! - Absence never confirms. A verdict that rests on it settles 150 s after the instance's end.
//! - Everything is bounded.

#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::iter_over_hash_type
)]

pub mod account;
pub mod auditor;
pub mod base;
pub mod case;
pub mod gap;
pub mod histogram;
pub mod index;
pub mod ledger;
pub mod lists;
pub mod moment;
pub mod nodes;
pub mod observation;
pub mod owners;
pub mod record;
pub mod roster;
pub mod seen;
mod slab;
pub mod snapshot;
pub mod verdict;
pub mod words;
