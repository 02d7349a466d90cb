//! Where conclusions go: the status of `HookAudit`s, Kubernetes Events and metrics.

pub mod recording;
