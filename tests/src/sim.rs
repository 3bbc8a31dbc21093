//! Deterministic simulation: a whole station in a world made from one seed.
//!
//! The engine, the gate, the tape and the journal are the real ones, unchanged; markets, lines,
//! venues, sidecars, people, clocks and the disk are of the world, which lets them go wrong as the
//! seed says. Checkers of their own look after every step. Each seed is lived through twice and
//! must leave the same trace; then the faults end, and the world must come right.
//!
//! Owns: the worlds, their checkers (`watch`), the coverage marks (`cover`), the planted bugs that
//! test it all (`plant`), the bugs it has found (`found`). Must never: read a clock, start a thread,
//! or do anything in an order that the seed does not give.

mod cover;
mod desk;
mod dice;
pub mod found;
mod frames;
mod link;
mod market;
mod plan;
mod plant;
pub mod report;
mod setup;
mod sidecar;
mod store;
mod trader;
mod venue;
mod watch;
mod world;

use plan::Plan;
pub use plant::Plant;
pub use report::Report;
use world::World;

/// What came of one seed.
#[derive(Clone, Debug)]
pub struct Life {
    /// The seed.
    pub seed: u64,
    /// What did not hold, if anything.
    pub failure: Option<String>,
    /// Hash of everything that happened.
    pub trace: u64,
    outcome: world::Outcome,
}

/// Lives through a seed twice; the traces must be equal.
#[must_use]
pub fn live(seed: u64, events: u64, plant: Option<Plant>) -> Life {
    let plan = Plan::of(seed, events);
    let mut outcome = World::new(&plan, plant).run();
    let second = World::new(&plan, plant).run();
    if outcome.failure.is_none() && outcome.trace != second.trace {
        let (one, two) = (outcome.trace, second.trace);
        outcome.failure = Some(format!("two lives of one seed differ: {one:#x} and {two:#x}"));
    }
    Life { seed, failure: outcome.failure.clone(), trace: outcome.trace, outcome }
}

/// Lives through a seed once: for looking for a planted bug.
#[must_use]
pub fn live_once(seed: u64, events: u64, plant: Option<Plant>) -> Life {
    let outcome = World::new(&Plan::of(seed, events), plant).run();
    Life { seed, failure: outcome.failure.clone(), trace: outcome.trace, outcome }
}

/// The last frames before a seed's failure, in words.
#[must_use]
pub fn log(seed: u64, events: u64, plant: Option<Plant>) -> Vec<String> {
    World::new(&Plan::of(seed, events), plant).with_log().run().log
}

/// What a seed's world is like, for people: its size and its faults.
#[must_use]
pub fn describe(seed: u64, events: u64) -> String {
    let plan = Plan::of(seed, events);
    format!("{plan}\nfaults: {}", plan.faults().join("; "))
}

/// The command that lives through a seed again.
#[must_use]
pub fn command(seed: u64, events: u64) -> String {
    format!("cargo run --release -p corelane-tests --bin sim -- --seed={seed} --events={events}")
}
