//! Process-level tests and proofs that need more than one crate. `tests/TESTING.md` says what each
//! file proves.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod arrows;
mod bad_input;
mod calendar;
mod commands;
mod config;
mod event_time;
mod explain;
mod hftbacktest;
mod init;
mod isolate;
mod jitter;
mod limits;
#[path = "../../maker/maker.rs"]
mod maker;
mod models;
mod new_strategy;
mod nightly;
mod notary;
mod pty;
mod python_sidecar;
mod sidecar;
mod simulation;
mod snapshots;
mod soak;
mod standby;
mod strategies;
mod support;
mod sweep;
mod top;
mod torch;
#[path = "../../../tools/tests/calendar_run/two_models.rs"]
mod two_models;
mod unit_calls;
mod verify;
