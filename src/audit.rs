//! The core.

#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::iter_over_hash_type
)]

pub mod auditor;
pub mod case;
pub mod gap;
pub mod histogram;
pub mod index;
pub mod ledger;
pub mod moment;
pub mod nodes;
pub mod observation;
pub mod owners;
pub mod record;
pub mod roster;
mod slab;
pub mod snapshot;
pub mod verdict;
pub mod words;
