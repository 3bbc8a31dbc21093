//! The memory of a ring: a power-of-two number of elements, cache-line aligned, touched up front.
//!
//! Owns: that memory and the mapping of an ever-growing position to its place. Must never: decide
//! who may touch which place (the ring does), or drop an element. Any thread; allocates and frees
//! only in `new` and `drop`.

#![expect(unsafe_code, reason = "a shared ring needs memory that two threads reach by position")]

use super::sync::Watch;
use core::alloc::Layout;
use core::hint::black_box;
use core::marker::PhantomData;
use core::ptr::{NonNull, copy_nonoverlapping};
use core::slice;

/// Alignment of the first element in bytes: two lines of 64, because processors fetch lines in
/// pairs, so that an element of 64 bytes is one line and shares it with nothing else.
const ALIGN: usize = 128;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Distance in bytes at which every page of every supported page size is touched.
const PAGE: usize = 4096;

/// Room for `mask + 1` elements, reached by position modulo that number.
#[derive(Debug)]
pub(crate) struct Storage<T> {
    first: NonNull<T>,
    mask: usize,
    watch: Watch,
    own: PhantomData<T>,
}

// JUSTIFICATION: the raw pointer takes `Send` away; the memory behind it is plain `T`s.
// SAFETY: `Storage` owns its memory, so moving it to another thread moves `T: Send` values.
unsafe impl<T: Send> Send for Storage<T> {}

// JUSTIFICATION: both ends of a ring hold the storage at once, on two threads.
// SAFETY: the safe methods only compute and report sizes; every access to an element is an unsafe
// method whose caller promises that no other thread writes the same element meanwhile.
unsafe impl<T: Send> Sync for Storage<T> {}

impl<T: Copy> Storage<T> {
    /// Allocates room for `capacity` elements, rounded up to a power of two (at least one), and
    /// writes to each page of it, so that the first lap costs no page fault.
    ///
    /// # Panics
    /// When `capacity` elements do not fit the address space. Out of memory aborts.
    pub(crate) fn new(capacity: usize) -> Self {
        const { assert!(size_of::<T>() != 0, "an element without size needs no ring") };
        let capacity = capacity.max(1).checked_next_power_of_two();
        let layout = capacity.and_then(Self::layout);
        let (Some(capacity), Some(layout)) = (capacity, layout) else {
            panic!("ring capacity exceeds the address space");
        };
        // JUSTIFICATION: `Vec` and `Box` cannot align a slice of `T` beyond `T`'s own alignment.
        // SAFETY: the layout's size is not zero: at least one element of non-zero size.
        let bytes = unsafe { std::alloc::alloc(layout) };
        let Some(first) = NonNull::new(bytes.cast::<T>()) else {
            std::alloc::handle_alloc_error(layout);
        };
        for offset in (0..layout.size()).step_by(PAGE) {
            // JUSTIFICATION: zeroed memory may be mapped lazily; a volatile write cannot be elided.
            // SAFETY: `offset` is less than the size just allocated at `bytes`, and the byte is
            // not yet shared.
            unsafe { bytes.add(offset).write_volatile(0) };
        }
        Self { first, mask: capacity - 1, watch: Watch::new(capacity), own: PhantomData }
    }

    /// Number of elements there is room for: a power of two.
    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.mask + 1
    }

    /// Writes the element at `position`.
    ///
    /// # Safety
    /// No other thread may read or write the element at `position` at the same time.
    #[inline]
    pub(crate) unsafe fn write(&self, position: usize, value: &T) {
        self.watch.write(position & self.mask);
        // The compiler may not see through this, so it copies memory to memory in the widest
        // words. Left alone it stores field by field into a line that the other core wants:
        // measured 13 to 16 % less throughput and 25 to 35 % more one-way latency (benches/ring).
        let value = black_box(value);
        // JUSTIFICATION: the two ends share the memory, so no `&mut` to it can exist.
        // SAFETY: the place is inside the allocation, the caller has it for itself, and `value` is
        // the caller's own.
        unsafe { copy_nonoverlapping(value, self.place(position), 1) };
    }

    /// Copies `values` to the places from `position` on, wrapping at the end.
    ///
    /// # Safety
    /// `values` is at most `capacity` long, and no other thread reads or writes those places.
    #[inline]
    pub(crate) unsafe fn write_slice(&self, position: usize, values: &[T]) {
        for step in 0..values.len() {
            self.watch.write(position.wrapping_add(step) & self.mask);
        }
        let to_end = self.capacity() - (position & self.mask);
        let (head, rest) = values.split_at(values.len().min(to_end));
        // JUSTIFICATION: as in `write`; one copy for the batch is what makes the batch cheap.
        // SAFETY: `head` ends at or before the end of the memory; the caller has the places for
        // itself; a caller's slice cannot overlap memory to which no reference is handed out now.
        unsafe { copy_nonoverlapping(head.as_ptr(), self.place(position), head.len()) };
        // JUSTIFICATION: as above.
        // SAFETY: as above; `rest` starts at the first place and, with `values` no longer than
        // the capacity, ends before `position`'s place.
        unsafe { copy_nonoverlapping(rest.as_ptr(), self.first.as_ptr(), rest.len()) };
    }

    /// The element at `position`.
    ///
    /// # Safety
    /// The element has been written, and while the reference lives no thread writes it.
    #[inline]
    pub(crate) unsafe fn get(&self, position: usize) -> &T {
        self.watch.read(position & self.mask);
        // JUSTIFICATION: the two ends share the memory, so it cannot be a safe slice.
        // SAFETY: the place is inside the allocation and aligned; the caller promises the rest.
        unsafe { &*self.place(position) }
    }

    /// The `n` elements from `position` on: up to the end of the memory, then from its start.
    ///
    /// # Safety
    /// `n` is at most the capacity, the elements have been written, and while the slices live no
    /// thread writes them.
    #[inline]
    pub(crate) unsafe fn slices(&self, position: usize, n: usize) -> (&[T], &[T]) {
        self.touch(position, n);
        let head = n.min(self.capacity() - (position & self.mask));
        // JUSTIFICATION: as in `get`; a slice lets the reader decode frames where they lie.
        // SAFETY: `head` elements fit between the place and the end of the memory; the caller
        // promises that they are written and stay unwritten while the slice lives.
        let first = unsafe { slice::from_raw_parts(self.place(position), head) };
        // JUSTIFICATION: as above.
        // SAFETY: as above; `n - head` elements from the start end before `position`'s place.
        let second = unsafe { slice::from_raw_parts(self.first.as_ptr(), n - head) };
        (first, second)
    }

    /// Tells loom that the `n` elements from `position` on were in use until now.
    #[inline]
    pub(crate) fn touch(&self, position: usize, n: usize) {
        for step in 0..n {
            self.watch.read(position.wrapping_add(step) & self.mask);
        }
    }

    /// Asks the processor for the line or lines of the element at `position`, to write them soon.
    /// Nothing where we know no way to ask.
    #[inline]
    pub(crate) fn prefetch(&self, position: usize) {
        for line in 0..size_of::<T>().div_ceil(LINE) {
            let place = self.place(position).cast::<u8>().wrapping_add(line * LINE);
            #[cfg(target_arch = "x86_64")]
            // JUSTIFICATION: safe code cannot ask for a line; see `Producer::publish`.
            // SAFETY: a hint: it changes no memory and no register, and faults at no address.
            unsafe {
                core::arch::asm!(
                    "prefetchw [{}]",
                    in(reg) place,
                    options(nostack, preserves_flags, readonly)
                );
            };
            #[cfg(not(target_arch = "x86_64"))]
            let _ = place;
        }
    }

    /// Address of the element at `position`.
    #[inline]
    fn place(&self, position: usize) -> *mut T {
        // JUSTIFICATION: plain pointer arithmetic; `wrapping_add` would cost provenance checks.
        // SAFETY: masked, the offset is less than the number of elements allocated.
        unsafe { self.first.as_ptr().add(position & self.mask) }
    }
}

impl<T> Storage<T> {
    /// Layout of `capacity` elements, or `None` where they do not fit the address space.
    fn layout(capacity: usize) -> Option<Layout> {
        let layout = Layout::array::<T>(capacity).ok()?;
        layout.align_to(ALIGN).ok()
    }
}

impl<T> Drop for Storage<T> {
    fn drop(&mut self) {
        let Some(layout) = Self::layout(self.mask + 1) else {
            return;
        };
        // JUSTIFICATION: memory taken from the allocator by hand goes back by hand.
        // SAFETY: `new` allocated at this address with this very layout, and nothing frees twice.
        unsafe { std::alloc::dealloc(self.first.as_ptr().cast(), layout) };
    }
}
