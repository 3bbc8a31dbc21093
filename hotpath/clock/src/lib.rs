//! The station's clocks: a calibrated cycle counter, the wall clock, and a simulated clock.
//!
//! Owns: every reading of time in the hot path, the conversion of cycles to nanoseconds, the check
//! of that conversion against `CLOCK_MONOTONIC_RAW`, the name of the source, and the line probe that
//! says how far two CPUs are apart. Must never: name a
//! source it does not read ([`Source`]), sleep, or let a reading of a [`SimClock`] go backwards.
//! Any thread; only [`Clock::calibrate`] allocates (the text of one sysfs file), waits (tens of
//! milliseconds of spinning) or makes other system calls than clock reads. The order loop calls
//! [`Clock::cycles`] and nothing else.
//!
//! # Examples
//!
//! ```
//! let clock = corelane_clock::Clock::calibrate();
//! let start = clock.anchor();
//! let (from, to) = (clock.cycles(), clock.cycles());
//! println!("{} ns by {}", clock.cycles_to_ns(to.saturating_sub(from)), clock.source());
//! let drift = clock.check_drift(&start);
//! if drift.is_excessive() {
//!     println!("{drift}");
//! }
//! ```

mod clock;
mod drift;
mod line;
mod sim;
mod source;
mod tsc;

pub use clock::Clock;
pub use drift::{Anchor, DRIFT_LIMIT_PPM, Drift};
pub use line::{CounterOffset, LineProbe, Placement, counter_offset};
pub use sim::SimClock;
pub use source::Source;
