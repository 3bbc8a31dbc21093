//! The latest-value slot: a triple buffer with one writer and one reader, both wait-free.
//!
//! Owns: three copies of `T` and the byte that says which of them is in the middle. Must never:
//! block, allocate after construction, show the reader a half-written value, or go back to an
//! older one. The writer runs on one thread, the reader on one other (or the same).
//!
//! INVARIANT: writer, middle and reader hold three different buffers at all times; the only way to
//! get another one is to swap one's own with the middle.

#![expect(unsafe_code, reason = "writer and reader share buffers without a lock")]

use super::sync::{Arc, AtomicBool, AtomicU8, Ordering, Watch};
use core::cell::{Cell, UnsafeCell};
use core::fmt;
use core::marker::PhantomData;
use crossbeam_utils::CachePadded;

/// Bit of the middle that says: written and not taken yet.
const FRESH: u8 = 0b100;
/// Bits of the middle that name its buffer, 0 to 2.
const BUFFER: u8 = 0b011;

/// What writer and reader share. Each buffer and the middle have cache lines of their own.
struct Shared<T> {
    middle: CachePadded<AtomicU8>,
    buffers: [CachePadded<UnsafeCell<T>>; 3],
    writer_gone: AtomicBool,
    reader_gone: AtomicBool,
    watch: Watch,
}

// JUSTIFICATION: the cells take `Sync` away, and both ends hold the buffers at once.
// SAFETY: a buffer is touched only by the end that holds it, and it changes hands only by the swap
// of `middle`, which orders the accesses (see `write` and `take`). `T: Send` lets the value cross.
unsafe impl<T: Send> Sync for Shared<T> {}

/// Makes a slot. The reader sees `initial` in [`SlotReader::last`] until it takes a first value.
///
/// # Examples
/// ```
/// let (mut writer, mut reader) = corelane_ring::slot([0_u64; 8]);
/// assert_eq!(reader.take(), None);
/// writer.write(|value| *value = [5; 8]);
/// assert_eq!(reader.take(), Some(&[5; 8]));
/// assert_eq!(reader.last(), &[5; 8]);
/// ```
#[must_use]
pub fn slot<T: Copy + Send>(initial: T) -> (SlotWriter<T>, SlotReader<T>) {
    let shared = Arc::new(Shared {
        middle: CachePadded::new(AtomicU8::new(1)),
        buffers: core::array::from_fn(|_| CachePadded::new(UnsafeCell::new(initial))),
        writer_gone: AtomicBool::new(false),
        reader_gone: AtomicBool::new(false),
        watch: Watch::new(3),
    });
    let writer = SlotWriter { shared: Arc::clone(&shared), back: 0 };
    let reader = SlotReader { shared, front: 2, one_thread: PhantomData };
    (writer, reader)
}

/// The writing end of a slot.
pub struct SlotWriter<T: Copy + Send> {
    shared: Arc<Shared<T>>,
    /// The buffer that the writer holds.
    back: u8,
}

impl<T: Copy + Send> SlotWriter<T> {
    /// Lets `fill` write the next value in place and publishes it. Returns whether that overwrote
    /// a value which the reader never took.
    ///
    /// `fill` finds an older value of this slot, not always the last one: it must set all of it.
    ///
    /// # Latency
    /// Bounded: `fill` and one atomic swap.
    #[inline]
    pub fn write(&mut self, fill: impl FnOnce(&mut T)) -> bool {
        self.shared.watch.write(usize::from(self.back));
        let buffer = &self.shared.buffers[usize::from(self.back)];
        // JUSTIFICATION: a lock would let the reader hold up the writer.
        // SAFETY: `back` is the writer's buffer (INVARIANT), and `&mut self` makes this the only
        // writer, so no other reference to it exists.
        fill(unsafe { &mut *buffer.get() });
        // ORDERING: release pairs with the swap in `take`: the value is written before the reader
        // can get the buffer. Acquire pairs with the same swap: the reader's use of the buffer we
        // get back is over.
        let old = self.shared.middle.swap(self.back | FRESH, Ordering::AcqRel);
        self.back = old & BUFFER;
        old & FRESH != 0
    }

    /// Whether the reader is gone.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        // ORDERING: relaxed: the flag is all there is to know; no memory depends on it.
        self.shared.reader_gone.load(Ordering::Relaxed)
    }
}

impl<T: Copy + Send> Drop for SlotWriter<T> {
    fn drop(&mut self) {
        // ORDERING: pairs with the load in `SlotReader::is_abandoned`: who sees the flag sees the
        // last value.
        self.shared.writer_gone.store(true, Ordering::Release);
    }
}

impl<T: Copy + Send> fmt::Debug for SlotWriter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlotWriter").field("back", &self.back).finish_non_exhaustive()
    }
}

/// The reading end of a slot.
pub struct SlotReader<T: Copy + Send> {
    shared: Arc<Shared<T>>,
    /// The buffer that the reader holds.
    front: u8,
    /// Takes `Sync` away: [`last`](Self::last) hands out `&T` from `&self`, and `T` may not be
    /// `Sync`.
    one_thread: PhantomData<Cell<()>>,
}

impl<T: Copy + Send> SlotReader<T> {
    /// The newest value where it lies, or `None` if nothing was written since the last take.
    ///
    /// # Latency
    /// Bounded: one load, and one atomic swap when there is something new.
    #[inline]
    pub fn take(&mut self) -> Option<&T> {
        // ORDERING: relaxed: this only asks whether the swap below is worth its price; the swap
        // orders the accesses, and `FRESH` once set stays set until we take it away.
        if self.shared.middle.load(Ordering::Relaxed) & FRESH == 0 {
            return None;
        }
        // ORDERING: acquire pairs with the swap in `write`: the value is complete. Release pairs
        // with the same swap: our use of the buffer given back is over before it is written.
        let old = self.shared.middle.swap(self.front, Ordering::AcqRel);
        self.front = old & BUFFER;
        Some(self.last())
    }

    /// The value taken last, or the initial one.
    #[inline]
    #[must_use]
    pub fn last(&self) -> &T {
        self.shared.watch.read(usize::from(self.front));
        let buffer = &self.shared.buffers[usize::from(self.front)];
        // JUSTIFICATION: as in `SlotWriter::write`.
        // SAFETY: `front` is the reader's buffer (INVARIANT): the writer cannot touch it until
        // `take` gives it back, which `&self` forbids while the reference lives.
        unsafe { &*buffer.get() }
    }

    /// Whether the writer is gone. Its last value may still be waiting: ask this first, then take.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        // ORDERING: pairs with the store in the writer's `drop`.
        self.shared.writer_gone.load(Ordering::Acquire)
    }
}

impl<T: Copy + Send> Drop for SlotReader<T> {
    fn drop(&mut self) {
        // ORDERING: relaxed, as the load in `SlotWriter::is_abandoned`.
        self.shared.reader_gone.store(true, Ordering::Relaxed);
    }
}

impl<T: Copy + Send> fmt::Debug for SlotReader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlotReader").field("front", &self.front).finish_non_exhaustive()
    }
}
