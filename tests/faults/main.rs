//! The whole operator against an API server in this process that fails on demand, under paused time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod election;
mod node;
mod random;
mod replica;
mod together;
mod world;
