//! On a real kubelet: what the operator says of workloads whose hooks work, fail, overrun and hang.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on ends, and says what it measured"
)]

mod demo;
