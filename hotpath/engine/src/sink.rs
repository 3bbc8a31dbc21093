//! Where the engine's inputs and outputs go. Runs on the loop's thread; must not block.

use crate::Engine;
use crate::gate::{Inquiry, Verdict};
use crate::orders::OrderRequest;

/// A point on an order's way through the engine. The station stamps its cycle counter at each;
/// nothing flows back, so stamps cannot change a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A strategy has said what it wants.
    Decided,
    /// The gate has approved one order.
    Gated,
    /// The order's frame is written.
    Framed,
}

/// Takes what the engine consumed and produced, in order, numbered in one sequence.
pub trait Sink {
    /// One input, stamped with its number, before it is applied.
    fn input(&mut self, _frame: &[u8]) {}

    /// One output, stamped with its number.
    fn output(&mut self, frame: &[u8]);

    /// The gate is about to judge an order; the whole engine as it stands then. For explanations
    /// after the fact, as [`Sink::judged`], which follows.
    fn judging(&mut self, _engine: &Engine, _order: &OrderRequest) {}

    /// The gate has judged an order; what it saw and what it said. For explanations after the fact:
    /// the station's own sink does nothing here.
    fn judged(&mut self, _inquiry: &Inquiry<'_>, _verdict: &Verdict) {}

    /// A stage was reached. A `Framed` mark comes just before the order's `output`.
    fn mark(&mut self, _stage: Stage) {}
}

/// Drops everything: for replays that only want the final state.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullSink;

impl Sink for NullSink {
    fn output(&mut self, _frame: &[u8]) {}
}
