//! Audits container lifecycle hooks.

pub mod api;
pub mod audit;
pub mod cli;
pub mod config;
pub mod report;
pub mod run;
