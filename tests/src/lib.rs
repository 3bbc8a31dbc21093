//! What tests and programs share: the deterministic simulation of a whole station, the soak of a
//! real one, and where libtorch is.
//!
//! Must never: be linked into anything that trades.

pub mod libtorch;
pub mod sim;
pub mod soak;
