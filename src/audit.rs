//! The core.

#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::iter_over_hash_type
)]

pub mod auditor;
pub mod gap;
pub mod index;
pub mod observation;
pub mod owners;
pub mod record;
pub mod roster;
mod slab;
pub mod snapshot;
pub mod words;
