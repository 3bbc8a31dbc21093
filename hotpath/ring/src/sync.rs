//! The one door for atomics: `core` and `std` here, loom's in `tests/loom.rs`.
//!
//! Owns: the names that the rest of the crate imports. Must never: hold logic. Any thread; no
//! allocation of its own.

pub(crate) use core::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
pub(crate) use std::sync::Arc;

/// Where loom watches accesses to unsynchronised memory. Here it has no size and does nothing.
#[derive(Debug)]
pub(crate) struct Watch;

impl Watch {
    /// Watches `n` pieces of memory.
    pub(crate) fn new(_n: usize) -> Self {
        Self
    }

    /// Says that piece `i` is read now.
    #[inline]
    #[expect(clippy::unused_self, reason = "loom's has work to do")]
    pub(crate) fn read(&self, _i: usize) {}

    /// Says that piece `i` is written now.
    #[inline]
    #[expect(clippy::unused_self, reason = "loom's has work to do")]
    pub(crate) fn write(&self, _i: usize) {}
}
