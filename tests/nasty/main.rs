//! Bad input: objects that no API server should give, recordings that are damaged. Nothing panics, nothing
//! grows without bound, and each defect is counted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod corpus;
mod damaged;
mod huge;
mod mutated;
mod told;
