//! The GPU calendar: the files that come with the station, clocks set forward and back, half days,
//! every instant in exactly one window, and every problem of a bad file told in one run.
#![expect(clippy::unwrap_used, reason = "a test helper that cannot go on has failed")]

mod nyse;
mod property;
mod refused;
mod support;
