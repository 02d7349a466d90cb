//! One way out.
