//! The line probe of crate `clock`, with the peer pinned as every bench pins.

use crate::pin;
use clock::{Clock, CounterOffset, LineProbe};

/// Bounces a line between the calling thread, which must be pinned, and a thread on `peer`.
#[must_use]
pub fn line_probe(clock: &Clock, peer: usize) -> LineProbe {
    LineProbe::take(clock, || {
        let _ = pin(peer);
    })
}

/// How far the cycle counter of `peer` is ahead of the calling thread's.
#[must_use]
pub fn counter_offset(clock: &Clock, peer: usize) -> CounterOffset {
    clock::counter_offset(clock, || {
        let _ = pin(peer);
    })
}
