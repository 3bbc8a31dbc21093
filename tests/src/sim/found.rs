//! Seeds that found something: lived through in the tests, so that what they found stays away.

/// A seed and what it found.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// What was wrong.
    pub name: &'static str,
    /// The seed.
    pub seed: u64,
    /// How long the world has to live to show it.
    pub events: u64,
}

const fn found(name: &'static str, seed: u64, events: u64) -> Found {
    Found { name, seed, events }
}

/// Every one.
pub const FOUND: &[Found] = &[
    found("a taken-back fill of an order that was forgotten, or of nobody's, stayed", 104, 2_000),
    found("a fill taken back before it came took another one with it", 190, 2_000),
    found("a journal that failed right after a new segment was refused", 26, 2_000),
    found("a fill told under two ids kept its order unknown for good", 2591, 10_000),
    found("flattening asked for again and again never began", 217, 10_000),
    found("what nobody held went to a strategy that may not trade it", 3460, 10_000),
    found("a cancel's refusal told twice let go of the amendment on its way", 9961, 10_000),
];
