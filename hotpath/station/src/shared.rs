//! What the station's threads tell each other outside the rings: a few flags.
//!
//! Every flag has one writer and, but for `journal_short`, goes up once. Must never: carry data; frames and stamps go over
//! rings. Hot threads read and write them with plain loads and stores.

use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Flags of one run.
#[derive(Debug, Default)]
pub struct Shared {
    stop: AtomicBool,
    killed: AtomicBool,
    ending: AtomicBool,
    edge_done: AtomicBool,
    loop_done: AtomicBool,
    record_failed: AtomicBool,
    journal_short: AtomicBool,
    tape_full: AtomicBool,
    feed_failed: AtomicBool,
    overflow: AtomicBool,
    consumed: CachePadded<AtomicU64>,
}

macro_rules! flags {
    ($($(#[doc = $doc:literal])* $raise:ident, $is:ident, $field:ident;)*) => { $(
        $(#[doc = $doc])*
        pub fn $raise(&self) {
            // ORDERING: release; pairs with the acquire load of the same flag, so that whoever
            // sees it also sees what was pushed before.
            self.$field.store(true, Ordering::Release);
        }

        $(#[doc = $doc])*
        #[must_use]
        pub fn $is(&self) -> bool {
            // ORDERING: acquire; pairs with the release store of the same flag.
            self.$field.load(Ordering::Acquire)
        }
    )* };
}

impl Shared {
    flags! {
        /// The session is to end in good order. Written by the bridge.
        request_stop, is_stopping, stop;
        /// The kill rule tripped: the edge met an order without its approval. Written by the edge.
        trip_kill, is_killed, killed;
        /// The edge plays no more and brings the session to its end. Written by the edge.
        begin_end, is_ending, ending;
        /// The edge has nothing more to give. Written by the edge.
        finish_edge, is_edge_done, edge_done;
        /// The loop took its last input. Written by the loop.
        finish_loop, is_loop_done, loop_done;
        /// The journal cannot be written. Written by the journaler.
        fail_record, is_record_failed, record_failed;
        /// The tape is full: the loop takes nothing more. Written by the loop.
        exhaust_tape, is_tape_full, tape_full;
        /// The feed cannot be played on. Written by the edge.
        fail_feed, is_feed_failed, feed_failed;
        /// An output did not fit its ring: the loop's bound was wrong. Written by the loop.
        report_overflow, has_overflowed, overflow;
    }

    /// Whether the journal lacks room for its next segment. Written by the journaler, both ways.
    pub fn set_journal_short(&self, is_short: bool) {
        // ORDERING: relaxed; the flag alone is the message.
        self.journal_short.store(is_short, Ordering::Relaxed);
    }

    /// Whether the journal lacks room for its next segment.
    #[must_use]
    pub fn is_journal_short(&self) -> bool {
        // ORDERING: relaxed; pairs with `set_journal_short`.
        self.journal_short.load(Ordering::Relaxed)
    }

    /// Messages of the edge the loop is done with, outputs included. Written by the loop.
    pub fn set_consumed(&self, messages: u64) {
        // ORDERING: release; pairs with `consumed`: the edge then sees every order they led to.
        self.consumed.store(messages, Ordering::Release);
    }

    /// Messages of the edge the loop is done with.
    #[must_use]
    pub fn consumed(&self) -> u64 {
        // ORDERING: acquire; pairs with `set_consumed`.
        self.consumed.load(Ordering::Acquire)
    }
}
