//! `corelane calendar run` over a real sidecar, with a played clock and a station whose modes are the
//! engine's: a whole week, every way a change can fail, and a crash at every step of one.
#![expect(clippy::unwrap_used, reason = "a test helper that cannot go on has failed")]

mod failures;
#[path = "../../../sidecars/signal/tests/swap/greet.rs"]
mod greet;
mod two_models;
mod week;
mod world;
