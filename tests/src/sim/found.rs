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

/// Every one.
pub const FOUND: &[Found] = &[];
