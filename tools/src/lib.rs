//! The `corelane` command: everything a person asks of the station from a terminal.
//!
//! Owns the command line and the reports. Must never: hold logic the engine, the venues or the
//! station already have, or touch a running engine except through its control socket. Ordinary
//! threads; allocates.

pub mod agents;
pub mod audit;
pub mod backtest;
pub mod book;
pub mod calendar;
pub mod cli;
pub mod config;
pub mod ctl;
pub mod doctor;
pub mod explain;
pub mod export;
pub mod features;
pub mod host;
pub mod import;
pub mod init;
pub mod isolate;
pub mod jitter;
pub mod latency;
pub mod limits;
pub mod memory;
pub mod models;
pub mod new;
pub mod nightly;
pub mod output;
pub mod pingpong;
pub mod print;
pub mod probes;
pub mod progress;
pub mod promotion;
pub mod random;
pub mod record;
pub mod recording;
pub mod report;
pub mod run;
pub mod scores;
pub mod sweep;
mod sys;
pub mod table;
pub mod top;
pub mod verify;
