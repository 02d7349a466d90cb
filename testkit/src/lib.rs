//! What the tests and benchmarks of hookaudit share.

pub mod accuracy;
pub mod chaos;
pub mod cluster;
pub mod operator;
pub mod truth;
