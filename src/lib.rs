//! Audits container lifecycle hooks.

pub mod audit;
pub mod redact;
pub mod sink;
pub mod source;
