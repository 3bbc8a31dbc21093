//! Outputs of cyclictest and oslat (rt-tests): JSON, the histogram text of `-h`, plain text.
//!
//! Their histograms leave out what was above the last bucket, or clamp it into the last: such
//! samples are unseen here, and no quantile lies among them. Values are whole microseconds,
//! rounded down, unless the file says nanoseconds. Ordinary threads; allocates.

pub mod json;
pub mod text;

use super::counts::{Cells, Counts};
use super::fault::Fault;
use super::series::{Counted, Series};

/// What is known of one thread or core.
#[derive(Clone, Debug, Default)]
struct Thread {
    name: String,
    /// Value and count, rising, in `unit_ns`.
    buckets: Vec<(u64, u64)>,
    /// Samples above the last bucket.
    unseen: u64,
    unit_ns: u64,
    min: u64,
    max: u64,
}

impl Thread {
    /// The thread as a series.
    ///
    /// # Errors
    /// Buckets that do not lie between least and most, or a sum that does not fit.
    fn series(self, line: usize, about: &str) -> Result<Series, Fault> {
        let hit = || self.buckets.iter().filter(|(_, count)| *count > 0).map(|(value, _)| *value);
        let (first, last) = (hit().min(), hit().max());
        let is_outside = first.is_some_and(|v| v < self.min) || last.is_some_and(|v| v > self.max);
        let is_short = self.unseen == 0 && (first, last) != (Some(self.min), Some(self.max));
        if is_outside || (is_short && first.is_some()) || self.min > self.max {
            let found = format!("buckets {first:?} to {last:?}");
            let allowed = format!("min {} to max {}", self.min, self.max);
            return Err(Fault::new(line, "histogram and min, max differ", &found, allowed));
        }
        let too_big = || Fault::new(line, "counts or values too big", &self.name, "below 2^63");
        let mut counts = Counts::new(Cells::NS);
        for (value, count) in &self.buckets {
            let ns = value.checked_mul(self.unit_ns).ok_or_else(too_big)?;
            counts.add(ns, *count).ok_or_else(too_big)?;
        }
        let max_ns = Some(self.max.checked_mul(self.unit_ns).ok_or_else(too_big)?);
        let counted = Counted { counts, unseen: self.unseen, max_ns, is_upper_bound: false };
        Ok(Series::counted(self.name, about, counted))
    }
}

#[cfg(test)]
mod tests;
