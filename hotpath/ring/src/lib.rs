//! The two ways a value crosses between two of the station's threads.
//!
//! [`ring()`] is a bounded single-producer single-consumer ring: every element arrives, in order,
//! and a full ring says so. [`slot()`] is a latest-value slot: the reader sees the newest value and
//! the writer learns when it overwrote one that nobody read.
//!
//! Owns: both structures, their memory and their memory orderings. Must never: block, wait, make a
//! system call or allocate after construction, or run code of its element type (`T: Copy`, so
//! nothing is ever dropped). Runs on every thread; each end belongs to exactly one thread at a
//! time, and `&mut self` makes the compiler see to that.
//!
//! All atomics come through the module `sync`. The loom tests compile these same source files
//! against loom's atomics instead (`tests/loom.rs`), so a plain `cargo test` runs them.
//!
//! # Examples
//!
//! ```
//! use corelane_ring::{ring, slot};
//!
//! let (mut producer, mut consumer) = ring::<u64>(4);
//! assert!(producer.try_push_slice(&[1, 2, 3]));
//! assert_eq!(consumer.try_pop(), Some(1));
//! let (first, second) = consumer.chunk(2).expect("two elements are waiting");
//! assert_eq!([first, second].concat(), [2, 3]);
//! consumer.consume(2);
//!
//! let (mut writer, mut reader) = slot(0_u64);
//! assert!(!writer.write(|value| *value = 7));
//! assert!(writer.write(|value| *value = 8), "7 was never read");
//! assert_eq!(reader.take(), Some(&8));
//! assert_eq!(reader.take(), None);
//! ```

mod slot;
mod spsc;
mod storage;
mod sync;
#[cfg(test)]
mod tests;

pub use slot::{SlotReader, SlotWriter, slot};
pub use spsc::{Consumer, Producer, ring};
