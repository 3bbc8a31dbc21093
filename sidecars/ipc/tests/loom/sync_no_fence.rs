//! As `sync.rs`, but without the fences: planted faults.

pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};

pub(crate) fn fence(_: Ordering) {}
