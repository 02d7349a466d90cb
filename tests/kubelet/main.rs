//! On a real kubelet: what the operator says of workloads whose hooks work, fail, overrun and hang.

mod demo;
