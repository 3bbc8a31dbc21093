//! Process-level tests and proofs that need more than one crate. `tests/TESTING.md` says what each
//! file proves.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod arrows;
mod bad_input;
mod commands;
mod event_time;
mod explain;
mod limits;
mod new_strategy;
mod notary;
mod sidecar;
mod snapshots;
mod strategies;
mod support;
mod verify;
