//! As `sync.rs`, but every atomic access is relaxed whatever it asks for: planted faults.

pub(crate) use crate::exact::sync::{Arc, Watch};
pub(crate) use loom::sync::atomic::Ordering;

macro_rules! relaxed {
    ($name:ident($value:ty)) => {
        #[derive(Debug)]
        pub(crate) struct $name(loom::sync::atomic::$name);

        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                Self(loom::sync::atomic::$name::new(value))
            }

            pub(crate) fn load(&self, _: Ordering) -> $value {
                self.0.load(Ordering::Relaxed)
            }

            pub(crate) fn store(&self, value: $value, _: Ordering) {
                self.0.store(value, Ordering::Relaxed);
            }

            pub(crate) fn swap(&self, value: $value, _: Ordering) -> $value {
                self.0.swap(value, Ordering::Relaxed)
            }
        }
    };
}

relaxed!(AtomicBool(bool));
relaxed!(AtomicU8(u8));
relaxed!(AtomicUsize(usize));
