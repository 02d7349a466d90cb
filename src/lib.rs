//! Audits container lifecycle hooks.

pub mod admin;
pub mod api;
pub mod audit;
pub mod cli;
pub mod config;
pub mod redact;
pub mod report;
pub mod run;
pub mod sink;
pub mod source;
