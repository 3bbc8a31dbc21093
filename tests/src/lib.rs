//! What tests and programs share: the deterministic simulation of a whole station, and the soak of
//! a real one.
//!
//! Must never: be linked into anything that trades.

pub mod sim;
pub mod soak;
