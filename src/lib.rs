//! Audits container lifecycle hooks.

pub mod audit;
