//! Cycle stamps on their way to the bridge: plain records in rings of their own.
//!
//! The hot threads fill them with the raw cycle counter, and for an order with the engine time of
//! the input behind it; the bridge turns the cycles into histograms. A stamp of 0 says that the point was not passed. Stamps may be lost (a full
//! ring counts them); they are never waited for.

use bytemuck::{Pod, Zeroable};

/// What the loop stamped for one market event.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct EventStamp {
    /// The edge had the event.
    pub recv_cycles: u64,
    /// When it should have arrived by the open-loop schedule; 0 where there is none.
    pub intended_cycles: u64,
    /// The loop took it from the ring.
    pub dequeue_cycles: u64,
    /// The engine was done with it.
    pub done_cycles: u64,
}

/// What loop and edge stamped for one order.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct OrderStamp {
    /// The edge had the event that led to the order.
    pub recv_cycles: u64,
    /// When that event should have arrived; 0 where there is no schedule.
    pub intended_cycles: u64,
    /// The loop took the event.
    pub dequeue_cycles: u64,
    /// The strategy had decided.
    pub decided_cycles: u64,
    /// The gate had approved.
    pub gated_cycles: u64,
    /// The frame was written.
    pub framed_cycles: u64,
    /// Engine time of the input that led to the order, nanoseconds: it cannot have left earlier.
    /// A timer that was due before that input stamps its frames with its own time.
    pub taken_ns: u64,
    /// The edge's send to the venue returned.
    pub sent_cycles: u64,
}

/// Stamp words that travel beside an order from loop to edge: all but `sent`.
pub const ORDER_STAMPS: usize = 7;
/// Stamp words that travel beside an input to the loop: `recv` and `intended`.
pub const INPUT_STAMPS: usize = 2;

impl OrderStamp {
    /// The words the loop sends.
    #[must_use]
    pub const fn words(&self) -> [u64; ORDER_STAMPS] {
        [
            self.recv_cycles,
            self.intended_cycles,
            self.dequeue_cycles,
            self.decided_cycles,
            self.gated_cycles,
            self.framed_cycles,
            self.taken_ns,
        ]
    }

    /// The record the edge completes.
    #[must_use]
    pub const fn from_words(words: [u64; ORDER_STAMPS], sent_cycles: u64) -> Self {
        let [
            recv_cycles,
            intended_cycles,
            dequeue_cycles,
            decided_cycles,
            gated_cycles,
            framed_cycles,
            taken_ns,
        ] = words;
        Self {
            recv_cycles,
            intended_cycles,
            dequeue_cycles,
            decided_cycles,
            gated_cycles,
            framed_cycles,
            taken_ns,
            sent_cycles,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_survive_the_ring() {
        let stamp = OrderStamp {
            recv_cycles: 1,
            intended_cycles: 2,
            dequeue_cycles: 3,
            decided_cycles: 4,
            gated_cycles: 5,
            framed_cycles: 6,
            taken_ns: 7,
            sent_cycles: 8,
        };
        assert_eq!(OrderStamp::from_words(stamp.words(), 8), stamp);
    }
}
