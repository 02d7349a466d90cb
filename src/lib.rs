//! Audits container lifecycle hooks.

pub mod audit;
pub mod report;
