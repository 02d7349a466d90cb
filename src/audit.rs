//! The core.

#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::iter_over_hash_type
)]

pub mod auditor;
pub mod histogram;
pub mod ledger;
pub mod observation;
pub mod record;
pub mod snapshot;
pub mod words;
