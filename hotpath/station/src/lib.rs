//! The station: threads, rings, pinning, bridge, control, tape and journal, summary.
//!
//! Owns everything around the engine: it feeds the engine numbered inputs over rings and carries
//! its outputs away. `corelane-engine` is this crate's binary. Must never: decide anything about an
//! order, wait inside a turn of the loop, or link a model or async runtime.
//!
//! One file a concern: `config` loads the file, `limits` the limits beside it, `link` is the ring between threads, `loop_task`
//! and `edge_task` are the hot threads' turns, `bridge` and `journaler` the housekeeping ones,
//! `pressure` what a filling tape means, `leftovers` what a killed engine left on its tape,
//! `recovery` makes a run's engine again from its folder,
//! `run` puts them together, `backtest` runs the same engine in event time on one thread.

pub mod approval;
pub mod assembly;
pub mod backtest;
pub mod bridge;
pub mod carried;
pub mod config;
pub mod counters;
pub mod doctor;
pub mod edge_task;
mod ending;
mod host;
pub mod idle;
pub mod inputs;
pub mod journaler;
pub mod latency;
pub mod leftovers;
pub mod limits;
pub mod link;
pub mod loop_task;
pub mod map;
pub mod operator;
pub mod pin;
pub mod prepare;
pub mod pressure;
pub mod records;
pub mod recovery;
pub mod run;
pub mod run_dir;
pub mod session_frames;
pub mod shared;
pub mod stamps;
pub mod summary;
pub mod sys;
