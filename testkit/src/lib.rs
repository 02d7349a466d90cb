//! What the tests and benchmarks of hookaudit share.

pub mod cluster;
