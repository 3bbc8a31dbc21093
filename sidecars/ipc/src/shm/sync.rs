//! The door to the atomics: the loom tests put loom's behind it. Nothing else belongs here.

pub(crate) use core::sync::atomic::{AtomicU64, Ordering, fence};
