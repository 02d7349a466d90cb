//! The rules of the repository that no compiler checks. Each rule is a function from text to
//! violations, run on the repository and, to see that it can fail, on a made-up offender.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "tidy/core.rs"]
mod core_rules;
#[path = "tidy/docs.rs"]
mod docs;
#[path = "tidy/files.rs"]
mod files;
#[path = "tidy/made.rs"]
mod made;
#[path = "tidy/metrics.rs"]
mod metrics;
#[path = "tidy/repository.rs"]
mod repository;
#[path = "tidy/token.rs"]
mod token;
