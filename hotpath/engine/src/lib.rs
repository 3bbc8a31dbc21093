//! The deterministic core: books, order states, positions and PnL, strategies, timers, the gate.
//!
//! Owns: everything that decides. [`Engine`] is a pure function of its numbered input frames: the
//! same inputs give the same outputs and the same [`Engine::state_hash`] on every machine and
//! build.
//!
//! Must never: perform I/O, read a clock, start a thread, allocate after construction, or let a
//! float touch a price, a quantity, a position, a limit or money. The order loop's thread runs it
//! in the station; a backtest runs it on its own thread.
#![forbid(unsafe_code)]

pub mod advice;
pub mod bars;
pub mod book;
mod core;
pub mod gate;
pub mod hash;
pub mod instrument;
pub mod limits;
pub mod mode;
pub mod order;
pub mod orders;
pub mod parents;
pub mod position;
pub mod risk;
pub mod sampler;
pub mod setup;
pub mod sink;
pub mod state;
pub mod strategy;
#[doc(hidden)]
pub mod testing;
mod timers;

pub use crate::core::{Counters, Engine, External, OwnStrategy, SessionLimits};
pub use setup::{Patience, Setup, SetupError, SignalSetup, StrategyParams, StrategySetup};
pub use sink::{Sink, Stage};
