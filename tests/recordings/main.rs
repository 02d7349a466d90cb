//! Recordings of a real kubelet, replayed by the program.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod accuracy;
mod clocks;
mod constructed;
mod expected;
mod order;
mod verdicts;
mod why;
mod words;
