//! Wires the rooms together.

pub mod replay;

use thiserror::Error;

use crate::config::{OperateConfig, RecordConfig};

#[derive(Debug, Error)]
#[error("not part of this branch")]
pub struct RunError;

/// # Errors
///
/// Always, until the loop is merged.
pub fn operate(_config: OperateConfig) -> Result<(), RunError> {
    Err(RunError)
}

/// # Errors
///
/// Always, until the loop is merged.
pub fn record(_config: RecordConfig) -> Result<(), RunError> {
    Err(RunError)
}
