//! Audits container lifecycle hooks.

pub mod admin;
pub mod api;
pub mod audit;
pub mod sink;
