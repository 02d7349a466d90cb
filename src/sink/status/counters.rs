//! What the writer counts about its own work.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How a write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WriteResult {
    /// An object was made.
    Created,
    /// An object of a user, or of an owner of the same name before, was taken over.
    Adopted,
    /// A status was written.
    Written,
    /// Somebody else wrote in between; it was looked at again.
    Conflict,
    /// The object, or its namespace, is gone.
    Missing,
    Forbidden,
    /// The API server asked to wait.
    Throttled,
    /// The API server refused the object, which is a defect of an installed definition or of this program.
    Invalid,
    TimedOut,
    /// The term of this replica ended in between; the next leader writes it.
    NotLeading,
    Failed,
}

impl WriteResult {
    pub const ALL: &'static [Self] = &[
        Self::Created,
        Self::Adopted,
        Self::Written,
        Self::Conflict,
        Self::Missing,
        Self::Forbidden,
        Self::Throttled,
        Self::Invalid,
        Self::TimedOut,
        Self::NotLeading,
        Self::Failed,
    ];

    /// The word as a metric label value.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Adopted => "adopted",
            Self::Written => "written",
            Self::Conflict => "conflict",
            Self::Missing => "missing",
            Self::Forbidden => "forbidden",
            Self::Throttled => "throttled",
            Self::Invalid => "invalid",
            Self::TimedOut => "timed_out",
            Self::NotLeading => "not_leading",
            Self::Failed => "failed",
        }
    }
}

/// Writes by result, the length of the queue, and how large statuses get.
#[derive(Debug, Default)]
pub struct StatusCounters {
    writes: [AtomicU64; WriteResult::ALL.len()],
    queue_length: AtomicUsize,
    largest_account_bytes: AtomicUsize,
}

impl StatusCounters {
    #[must_use]
    pub fn writes(&self, result: WriteResult) -> u64 {
        self.writes[result as usize].load(Ordering::Relaxed)
    }

    /// Objects that wait to be written.
    #[must_use]
    pub fn queue_length(&self) -> usize {
        self.queue_length.load(Ordering::Relaxed)
    }

    /// Of all statuses written, what the largest carried to go on counting from.
    #[must_use]
    pub fn largest_account_bytes(&self) -> usize {
        self.largest_account_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, result: WriteResult) {
        self.writes[result as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn wrote_account(&self, bytes: usize) {
        self.largest_account_bytes
            .fetch_max(bytes, Ordering::Relaxed);
    }

    pub(super) fn set_queue_length(&self, length: usize) {
        self.queue_length.store(length, Ordering::Relaxed);
    }
}
