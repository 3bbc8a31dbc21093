//! Percentile text (`.hgrm`), in the layout of the Java tools of `HdrHistogram`, whose plotters
//! read it.
//!
//! Values are nanoseconds. Runs on housekeeping threads; allocates.

use hdrhistogram::Histogram;
use std::fmt::Write as _;

/// Steps for each halving of the distance to 100 %.
const TICKS_PER_HALF: u32 = 5;

/// Sub-buckets of a histogram, which the crate does not show: as many as tell values of twice the
/// power of ten of its digits apart.
fn sub_buckets(histogram: &Histogram<u64>) -> u64 {
    (2 * 10_u64.pow(u32::from(histogram.sigfig()))).next_power_of_two()
}

/// The text of one histogram.
#[must_use]
pub fn text(histogram: &Histogram<u64>) -> String {
    let mut out = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let mut total = 0;
    let mut last = None;
    for step in histogram.iter_quantiles(TICKS_PER_HALF) {
        total += step.count_since_last_iteration();
        let (value, at) = (step.value_iterated_to(), step.quantile_iterated_to());
        if at < 1.0 {
            let _ =
                writeln!(out, "{value:>8}.000 {at:>14.12} {total:>10} {:>14.2}", 1.0 / (1.0 - at));
        } else {
            last = Some((value, total));
        }
    }
    if let Some((value, total)) = last {
        let _ = writeln!(out, "{value:>8}.000 {:>14.12} {total:>10}", 1.0);
    }
    let (mean, deviation) = (histogram.mean(), histogram.stdev());
    let _ = writeln!(out, "#[Mean    = {mean:>12.3}, StdDeviation   = {deviation:>12.3}]");
    let _ = writeln!(
        out,
        "#[Max     = {:>12}, Total count    = {:>12}]",
        format!("{}.000", histogram.max()),
        histogram.len()
    );
    let (buckets, sub_buckets) = (histogram.buckets(), sub_buckets(histogram));
    let _ = writeln!(out, "#[Buckets = {buckets:>12}, SubBuckets     = {sub_buckets:>12}]");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_four_fields_rise_and_end_at_the_maximum() {
        let mut histogram = Histogram::new_with_bounds(1, 1_000_000, 3).expect("bounds");
        for ns in 1..=10_000_u64 {
            histogram.record(ns).expect("in bounds");
        }
        let text = text(&histogram);
        let rows: Vec<Vec<f64>> = text
            .lines()
            .skip(2)
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().map(|w| w.parse().expect("number")).collect())
            .collect();
        let (last, rows) = rows.split_last().expect("rows");
        assert!(rows.len() > 20, "{}", rows.len());
        assert!(rows.iter().all(|row| row.len() == 4));
        assert!(rows.is_sorted_by(|a, b| a[0] <= b[0] && a[1] <= b[1] && a[2] <= b[2]));
        assert_eq!(last.len(), 3, "the last row has no fourth field");
        assert!((last[2] - 10_000.0).abs() < 0.5);
    }

    #[test]
    fn the_foot_says_the_digits_cells() {
        for (digits, cells) in [(1, 32), (2, 256), (3, 2_048), (4, 32_768), (5, 262_144)] {
            let histogram = Histogram::new_with_bounds(1, 1_000_000, digits).expect("bounds");
            assert!(text(&histogram).contains(&format!("SubBuckets     = {cells:>12}]")));
        }
    }

    #[test]
    fn an_empty_histogram_is_still_a_file() {
        let text = text(&Histogram::new_with_bounds(1, 1_000, 3).expect("bounds"));
        assert!(text.contains("Total count    =            0"), "{text}");
    }
}
