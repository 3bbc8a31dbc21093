//! What every bench shares: sizes, pinning, the line probe, distributions, paired ratios, the stamp
//! of the host, and the report.
//!
//! Owns: how a measurement is taken and shown, so that all tables read the same. Must never: print
//! a mean alone, a quantile without ten samples beyond it, or a table from an unfit host without
//! saying so. Benches only; nothing of the station links this.

pub mod book_data;
mod floor;
mod host;
pub mod isolation;
mod pin;
pub mod plot;
mod probe;
mod ratio;
mod report;
mod sample;
mod size;

pub use clock::{CounterOffset, LineProbe, Placement};
pub use floor::{jitter, timer_cost};
pub use host::{Host, cpu_us};
pub use pin::{allowed_cpus, pin};
pub use probe::{counter_offset, line_probe};
pub use ratio::{Ratio, median};
pub use report::Report;
pub use sample::Sample;
pub use size::Size;

/// A count or a time as a float, for ratios and for tables.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "shown with four digits at most")]
pub fn float(value: u64) -> f64 {
    value as f64
}
