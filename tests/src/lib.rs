//! What tests and the simulator program share: the deterministic simulation of a whole station.
//!
//! Must never: be linked into anything that trades.

pub mod sim;
