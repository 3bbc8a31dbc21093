//! What the two probes of the host share: limits as text, quantiles that know what they need, and
//! what is known of the machine before anything is measured.
//!
//! `corelane pingpong` and `corelane jitter` own their measurements. Must never: print a quantile
//! without ten samples beyond it, or certify a virtual machine. Ordinary threads; allocates.

pub mod limits;
pub mod machine;
pub mod percentile;
pub mod sample;

pub use limits::{Judged, Limit, Limits, Quantity};
pub use machine::Machine;
pub use percentile::Percentile;
pub use sample::Sample;

/// A count or a time as a float, for shares and ratios that are only shown.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "shown with four digits at most")]
pub fn float(value: u64) -> f64 {
    value as f64
}

/// Nanoseconds as microseconds with three digits, exactly.
#[must_use]
pub fn micros(ns: u64) -> String {
    format!("{}.{:03}", ns / 1_000, ns % 1_000)
}

/// A measured time in microseconds, or `n/a`.
#[must_use]
pub fn shown(ns: Option<u64>) -> String {
    ns.map_or_else(|| "n/a".into(), micros)
}

#[cfg(test)]
mod tests {
    use super::{micros, shown};

    #[test]
    fn times_are_shown_to_the_nanosecond() {
        assert_eq!(micros(1), "0.001");
        assert_eq!(micros(9_000), "9.000");
        assert_eq!(shown(None), "n/a");
    }
}
