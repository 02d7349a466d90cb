//! What the tests and benchmarks of hookaudit share.

pub mod accuracy;
pub mod api_server;
pub mod chaos;
pub mod cluster;
pub mod operator;
pub mod truth;
pub mod wait;
