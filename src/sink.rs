//! Where conclusions go: the status of `HookAudit`s, Kubernetes Events and metrics.

mod call;
pub mod events;
pub mod metrics;
pub mod recording;
pub mod status;
