//! The door of the crate's `sync`, with loom behind it. Test code only.

pub(crate) use loom::sync::Arc;
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

/// One loom cell for each piece of memory: a read and a write not ordered by the atomics panics.
#[derive(Debug)]
pub(crate) struct Watch(Vec<loom::cell::UnsafeCell<()>>);

impl Watch {
    pub(crate) fn new(n: usize) -> Self {
        Self((0..n).map(|_| loom::cell::UnsafeCell::new(())).collect())
    }

    pub(crate) fn read(&self, i: usize) {
        self.0[i].with(|_| ());
    }

    pub(crate) fn write(&self, i: usize) {
        self.0[i].with_mut(|_| ());
    }
}
