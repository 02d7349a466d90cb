//! Faults tried on a real API server: what was told in the end, compared with what happened.

pub mod api;
pub mod fault;
pub mod faults;
pub mod http;
pub mod life;
pub mod play;
pub mod producer;
pub mod prometheus;
pub mod proxy;
pub mod real;
pub mod replica;
pub mod requests;
pub mod sampler;
pub mod settle;
pub mod stage;
pub mod table;
pub mod truth;
pub mod workload;
