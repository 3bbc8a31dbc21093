//! The bounded single-producer single-consumer ring.
//!
//! Owns: positions, publication and the rules which end may touch which element. Must never:
//! block, spin, allocate after construction, or lose or reorder an element. The producer runs on
//! one thread, the consumer on one other (or the same).
//!
//! Positions only grow and wrap with `usize`; `tail - head` is the number of elements in the ring.
//! Each end keeps its own position in plain memory and remembers the other's from the last time it
//! had to look. It looks again only when the ring seems full (or empty), so on a busy ring the two
//! cores exchange one line of index for many elements (the scheme of `rigtorp/SPSCQueue`).
//!
//! INVARIANT: `head <= tail <= head + capacity`, counted along the wrapping positions. Elements
//! from `head` to `tail` belong to the consumer, all others to the producer.

#![expect(unsafe_code, reason = "the two ends share memory without a lock")]

use super::storage::Storage;
use super::sync::{Arc, AtomicBool, AtomicUsize, Ordering};
use core::fmt;
use crossbeam_utils::CachePadded;

/// Elements of a push after which as many places are asked for; longer batches do without:
/// measured 19 % more for a frame of a batch of sixteen (benches/ring).
const PREFETCH_MOST: usize = 8;

/// What the two ends share. Each index has cache lines of its own; `storage` and the flags are
/// only read while the ring is in use.
struct Shared<T> {
    /// Position of the next element to read. Written by the consumer.
    head: CachePadded<AtomicUsize>,
    /// Position of the next element to write. Written by the producer.
    tail: CachePadded<AtomicUsize>,
    /// Set when the producer is dropped.
    producer_gone: AtomicBool,
    /// Set when the consumer is dropped.
    consumer_gone: AtomicBool,
    storage: Storage<T>,
}

/// Makes a ring with room for `capacity` elements, rounded up to a power of two (at least one).
///
/// The memory is allocated and touched here; pushing and popping never allocate.
///
/// # Panics
/// When `capacity` elements do not fit the address space.
///
/// # Examples
/// ```
/// let (mut producer, mut consumer) = corelane_ring::ring(3);
/// assert_eq!(producer.capacity(), 4);
/// let reader = std::thread::spawn(move || {
///     let mut sum = 0;
///     loop {
///         let last_look = consumer.is_abandoned();
///         match consumer.try_pop() {
///             Some(value) => sum += value,
///             None if last_look => return sum,
///             None => std::thread::yield_now(),
///         }
///     }
/// });
/// for value in 1..=100_u64 {
///     while producer.try_push(value).is_err() {
///         std::thread::yield_now();
///     }
/// }
/// drop(producer);
/// assert_eq!(reader.join().unwrap(), 5050);
/// ```
#[must_use]
pub fn ring<T: Copy + Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    ring_at(capacity, 0)
}

/// As [`ring`], with both positions at `start`: tests begin just below the wrap of `usize`.
pub(crate) fn ring_at<T: Copy + Send>(capacity: usize, start: usize) -> (Producer<T>, Consumer<T>) {
    let shared = Arc::new(Shared {
        head: CachePadded::new(AtomicUsize::new(start)),
        tail: CachePadded::new(AtomicUsize::new(start)),
        producer_gone: AtomicBool::new(false),
        consumer_gone: AtomicBool::new(false),
        storage: Storage::new(capacity),
    });
    let producer = Producer { shared: Arc::clone(&shared), tail: start, seen_head: start };
    let consumer = Consumer { shared, head: start, seen_tail: start };
    (producer, consumer)
}

/// The writing end of a ring.
pub struct Producer<T: Copy + Send> {
    shared: Arc<Shared<T>>,
    /// Our own index, equal to the shared one.
    tail: usize,
    /// The consumer's index when we last looked; the real one may be ahead.
    seen_head: usize,
}

impl<T: Copy + Send> Producer<T> {
    /// Appends one element and publishes it.
    ///
    /// # Errors
    /// Gives the element back when the ring is full.
    ///
    /// # Latency
    /// Bounded: one copy of `T`, one store, and a load of the consumer's index only when the ring
    /// seemed full. Measured in `benches/benches/ring.rs`.
    #[inline]
    pub fn try_push(&mut self, value: T) -> Result<(), T> {
        if !self.has_room(1) {
            return Err(value);
        }
        // JUSTIFICATION: see the module: the elements are shared without a lock.
        // SAFETY: there is room, so the element at `tail` is the producer's, and `&mut self`
        // makes this the only producer.
        unsafe { self.shared.storage.write(self.tail, &value) };
        self.publish(1);
        Ok(())
    }

    /// Appends all of `values`, published at once, or none of them. Returns whether it did.
    ///
    /// A slice longer than [`capacity`](Self::capacity) never fits.
    #[inline]
    #[must_use]
    pub fn try_push_slice(&mut self, values: &[T]) -> bool {
        if !self.has_room(values.len()) {
            return false;
        }
        // JUSTIFICATION: as in `try_push`.
        // SAFETY: there is room for all of them, so these places are the producer's, and `&mut
        // self` makes this the only producer.
        unsafe { self.shared.storage.write_slice(self.tail, values) };
        self.publish(values.len());
        true
    }

    /// How many elements can be pushed now. The consumer can only raise it.
    #[inline]
    pub fn free(&mut self) -> usize {
        self.look();
        self.free_as_seen()
    }

    /// How many elements the ring holds when full: a power of two.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.storage.capacity()
    }

    /// Whether the consumer is gone, so that nothing pushed will ever be read.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        // ORDERING: relaxed: the flag is all there is to know; no memory depends on it.
        self.shared.consumer_gone.load(Ordering::Relaxed)
    }

    /// Whether `n` more elements fit, looking at the consumer's index only where need be.
    #[inline]
    fn has_room(&mut self, n: usize) -> bool {
        if n <= self.free_as_seen() {
            return true;
        }
        self.look();
        n <= self.free_as_seen()
    }

    /// Room by the last look.
    #[inline]
    fn free_as_seen(&self) -> usize {
        self.shared.storage.capacity() - self.tail.wrapping_sub(self.seen_head)
    }

    /// Looks how far the consumer is. Out of line for the reason given at `Consumer::look`.
    #[cold]
    #[inline(never)]
    fn look(&mut self) {
        // ORDERING: pairs with the store in `Consumer::consume_seen`: what the consumer read
        // before it gave the places back is read before we overwrite them.
        self.seen_head = self.shared.head.load(Ordering::Acquire);
    }

    /// Hands the next `n` elements to the consumer, and asks for the places of as many more.
    ///
    /// The consumer's core holds the lines of those places since it read them a lap ago. Stores
    /// leave a core in order, so the next index would wait until its elements' lines are back.
    /// Measured: a fifth off an event's way to its order over two far cores (benches/path), nothing
    /// lost one by one (benches/ring).
    #[inline]
    fn publish(&mut self, n: usize) {
        self.tail = self.tail.wrapping_add(n);
        // ORDERING: pairs with the load in `Consumer::look`: the elements are written before the
        // consumer can see that they are there.
        self.shared.tail.store(self.tail, Ordering::Release);
        if n <= PREFETCH_MOST {
            for step in 0..n {
                self.shared.storage.prefetch(self.tail.wrapping_add(step));
            }
        }
    }
}

impl<T: Copy + Send> Drop for Producer<T> {
    fn drop(&mut self) {
        // ORDERING: pairs with the load in `Consumer::is_abandoned`: who sees the flag sees every
        // element pushed before it.
        self.shared.producer_gone.store(true, Ordering::Release);
    }
}

impl<T: Copy + Send> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("capacity", &self.capacity())
            .field("tail", &self.tail)
            .field("seen_head", &self.seen_head)
            .finish_non_exhaustive()
    }
}

/// The reading end of a ring.
pub struct Consumer<T: Copy + Send> {
    shared: Arc<Shared<T>>,
    /// Our own index, equal to the shared one.
    head: usize,
    /// The producer's index when we last looked; the real one may be ahead.
    seen_tail: usize,
}

impl<T: Copy + Send> Consumer<T> {
    /// Takes the oldest element, or `None` when the ring is empty.
    ///
    /// # Latency
    /// Bounded: one copy of `T`, one store, and a load of the producer's index only when the ring
    /// seemed empty. Measured in `benches/benches/ring.rs`.
    #[inline]
    pub fn try_pop(&mut self) -> Option<T> {
        let value = *self.peek()?;
        self.consume_seen(1);
        Some(value)
    }

    /// The oldest element where it lies, without taking it, or `None` when the ring is empty.
    #[inline]
    pub fn peek(&mut self) -> Option<&T> {
        if !self.has(1) {
            return None;
        }
        // JUSTIFICATION: see the module: the elements are shared without a lock.
        // SAFETY: the ring is not empty, so the element at `head` is written and the consumer's
        // until it consumes it, which `&mut self` forbids while the reference lives.
        Some(unsafe { self.shared.storage.get(self.head) })
    }

    /// How many elements can be taken now. The producer can only raise it.
    #[inline]
    pub fn readable(&mut self) -> usize {
        self.look();
        self.readable_as_seen()
    }

    /// The oldest `n` elements where they lie, without taking them, or `None` while there are
    /// fewer. The second slice goes on where the first ends and is empty unless the memory wraps.
    #[inline]
    pub fn chunk(&mut self, n: usize) -> Option<(&[T], &[T])> {
        if !self.has(n) {
            return None;
        }
        // JUSTIFICATION: as in `peek`.
        // SAFETY: `n` elements are there (so at most `capacity`), written and the consumer's until
        // it consumes them, which `&mut self` forbids while the slices live.
        Some(unsafe { self.shared.storage.slices(self.head, n) })
    }

    /// Gives the oldest `n` elements' places back to the producer, published at once.
    ///
    /// # Panics
    /// When fewer than `n` elements are readable: going on would hand out elements never written.
    #[inline]
    pub fn consume(&mut self, n: usize) {
        assert!(self.has(n), "consumed more elements than the ring holds");
        self.shared.storage.touch(self.head, n);
        self.consume_seen(n);
    }

    /// Fills `out` with the oldest elements, as many as there are, and takes them at once.
    /// Returns how many.
    #[inline]
    pub fn try_pop_slice(&mut self, out: &mut [T]) -> usize {
        let n = out.len().min(self.readable());
        let (first, second) = match self.chunk(n) {
            Some(slices) if n > 0 => slices,
            _ => return 0,
        };
        let (head, rest) = out[..n].split_at_mut(first.len());
        head.copy_from_slice(first);
        rest.copy_from_slice(second);
        self.consume_seen(n);
        n
    }

    /// How many elements the ring holds when full: a power of two.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.storage.capacity()
    }

    /// Whether the producer is gone. Elements it pushed may still be waiting: ask this first, then
    /// look for elements; when it was true and there are none, there never will be.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        // ORDERING: pairs with the store in the producer's `drop`.
        self.shared.producer_gone.load(Ordering::Acquire)
    }

    /// Whether `n` elements are there, looking at the producer's index only where need be.
    #[inline]
    fn has(&mut self, n: usize) -> bool {
        if n <= self.readable_as_seen() {
            return true;
        }
        self.look();
        n <= self.readable_as_seen()
    }

    /// Elements there by the last look.
    #[inline]
    fn readable_as_seen(&self) -> usize {
        self.seen_tail.wrapping_sub(self.head)
    }

    /// Looks how far the producer is.
    ///
    /// A call, not a few instructions in line: a tight polling loop keeps dozens of loads of the
    /// index in flight, all of which the processor throws away when the line at last changes.
    /// Measured: 25 % off the round trip of a frame between two spinning cores (benches/ring).
    #[cold]
    #[inline(never)]
    fn look(&mut self) {
        // ORDERING: pairs with the store in `Producer::publish`: the elements up to this index are
        // written.
        self.seen_tail = self.shared.tail.load(Ordering::Acquire);
    }

    /// Gives `n` places back; the caller knows that `n` elements are there.
    #[inline]
    fn consume_seen(&mut self, n: usize) {
        self.head = self.head.wrapping_add(n);
        // ORDERING: pairs with the load in `Producer::look`: our reads of these places are over
        // before the producer may write them again.
        self.shared.head.store(self.head, Ordering::Release);
    }
}

impl<T: Copy + Send> Drop for Consumer<T> {
    fn drop(&mut self) {
        // ORDERING: relaxed, as the load in `Producer::is_abandoned`.
        self.shared.consumer_gone.store(true, Ordering::Relaxed);
    }
}

impl<T: Copy + Send> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("capacity", &self.capacity())
            .field("head", &self.head)
            .field("seen_tail", &self.seen_tail)
            .finish_non_exhaustive()
    }
}
