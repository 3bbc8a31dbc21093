//! The station's counters: one block a thread, copied to the shared page by the bridge.
//!
//! Must never: let two threads write one counter, or let a hot thread store into a file mapping
//! (a store under a concurrent sync costs milliseconds). Any thread may read. Does not allocate
//! after it was made.

use crossbeam_utils::CachePadded;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wire::counters::{COUNTER_SLOTS, Counter};

/// Slots of one thread's block.
const BLOCK: usize = 32;
type Block = CachePadded<[AtomicU64; BLOCK]>;

/// All counters of a station; clone it to share it.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    blocks: Arc<[Block; 4]>,
}

/// Block and place within it: each thread's counters lie together, and on no other thread's line.
const fn place(counter: Counter) -> (usize, usize) {
    let code = counter.code() as usize;
    match code {
        0..20 => (0, code),
        20..30 => (1, code - 20),
        30..40 => (2, code - 30),
        // The bridge's as well: its own ten are taken.
        55..77 => (2, code - 45),
        _ => (3, code - 40),
    }
}

impl Counters {
    #[inline]
    fn cell(&self, counter: Counter) -> Option<&AtomicU64> {
        let (block, slot) = place(counter);
        self.blocks.get(block)?.get(slot)
    }

    /// Sets a counter. Only its own thread calls this.
    #[inline]
    pub fn set(&self, counter: Counter, value: u64) {
        if let Some(cell) = self.cell(counter) {
            // ORDERING: relaxed; a counter orders nothing, `get` reads it for show.
            cell.store(value, Ordering::Relaxed);
        }
    }

    /// Adds to a counter. Only its own thread calls this, so a load and a store are enough.
    pub fn add(&self, counter: Counter, more: u64) {
        if let Some(cell) = self.cell(counter) {
            // ORDERING: relaxed; one writer, and nothing is ordered by a counter.
            let sum = cell.load(Ordering::Relaxed).wrapping_add(more);
            // ORDERING: relaxed; as above.
            cell.store(sum, Ordering::Relaxed);
        }
    }

    /// Reads a counter.
    #[must_use]
    pub fn get(&self, counter: Counter) -> u64 {
        // ORDERING: relaxed; pairs with `set` and `add`, whole values but of no common moment.
        self.cell(counter).map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    /// Copies every counter into a page's slots.
    pub fn copy_to(&self, page: &[AtomicU64]) {
        for counter in Counter::ALL {
            let slot = usize::from(counter.code());
            debug_assert!(slot < COUNTER_SLOTS, "counter numbers fit the page");
            if let Some(cell) = page.get(slot) {
                // ORDERING: relaxed; readers of the page want whole values, not one moment.
                cell.store(self.get(*counter), Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_a_place_of_its_own() {
        let counters = Counters::default();
        for counter in Counter::ALL {
            counters.set(*counter, u64::from(counter.code()) + 1);
        }
        counters.add(Counter::LoopInputs, 41);
        assert_eq!(counters.get(Counter::LoopInputs), 42);
        let page: Vec<AtomicU64> = (0..COUNTER_SLOTS).map(|_| AtomicU64::new(0)).collect();
        counters.copy_to(&page);
        for counter in &Counter::ALL[1..] {
            let slot = usize::from(counter.code());
            assert_eq!(page[slot].load(Ordering::Relaxed), u64::from(counter.code()) + 1);
        }
    }
}
