//! The door of `shm`'s `sync`, with loom behind it. Test code only.

pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};
