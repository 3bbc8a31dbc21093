//! Reads percentile text (`.hgrm`), ours and that of the tools in Java and Python.
//!
//! Such a file is no histogram: of the counts between two of its rows it knows the sum alone. What
//! is read here puts them all at the upper row, so a quantile of it is an upper bound. Must never:
//! believe a file whose foot does not fit its rows. Ordinary threads; allocates.

use super::counts::{Cells, Counts};
use super::fault::{self, Fault};
use std::io;

/// How many nanoseconds a value of 1.000 is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Unit {
    /// Nanoseconds: what a run of ours writes.
    Ns,
    /// Microseconds.
    Us,
    /// Milliseconds.
    Ms,
}

impl Unit {
    const fn ns(self) -> u64 {
        match self {
            Self::Ns => 1,
            Self::Us => 1_000,
            Self::Ms => 1_000_000,
        }
    }
}

const ROW: &str = "VALUE PERCENTILE TOTALCOUNT 1/(1-PERCENTILE), the last without its fourth";
const HEAD: [&str; 4] = ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"];

/// What the text counted, each sample at the row that covers it.
///
/// # Errors
/// The first line that is not as the format says, and a foot that does not fit the rows.
pub fn parse(text: &str, unit: Unit) -> Result<Counts, Fault> {
    let mut lines = fault::lines(text)?.filter(|(_, found)| !found.trim().is_empty());
    let (line, head) = lines.next().unwrap_or((1, ""));
    if !head.split_whitespace().eq(HEAD) {
        return Err(Fault::new(
            line,
            "the head is not that of percentile text",
            head,
            HEAD.join(" "),
        ));
    }
    let mut rows = Rows { unit, counts: Counts::new(Cells::NS), last: (0, 0, 0), is_over: false };
    let (mut max, mut total, mut buckets) = (None, None, false);
    let mut end = line;
    for (line, found) in lines {
        end = line + 1;
        let Some(body) = found.strip_prefix("#[").and_then(|rest| rest.strip_suffix(']')) else {
            if max.is_some() {
                return Err(Fault::new(line, "a line below the foot", found, "end of file"));
            }
            rows.take(line, found)?;
            continue;
        };
        let fields: Vec<(&str, &str)> = body
            .split(',')
            .filter_map(|f| f.split_once('='))
            .map(|(k, v)| (k.trim(), v.trim()))
            .collect();
        match fields.as_slice() {
            [("Mean", mean), ("StdDeviation", deviation)] => {
                for text in [mean, deviation] {
                    fault::micro(line, "mean or deviation", text)?;
                }
            }
            // Java, and Python.
            [("Max", most), ("Total count" | "TotalCount", count)] => {
                max = Some(rows.value(line, most)?);
                total = Some(fault::micro(line, "total count", count)? / 1_000_000);
            }
            [("Buckets", first), ("SubBuckets", second)] => {
                fault::number(line, "buckets", first)?;
                fault::number(line, "sub-buckets", second)?;
                buckets = true;
            }
            [(MERGED, files)] => {
                fault::number(line, "files merged", files)?;
            }
            _ => {
                let allowed = "Mean and StdDeviation, Max and Total count, Buckets and SubBuckets";
                return Err(Fault::new(line, "a foot of another form", found, allowed));
            }
        }
    }
    let (Some(max), Some(total), true) = (max, total, buckets) else {
        let allowed = "Max, Total count and Buckets below the rows";
        return Err(Fault::new(
            end,
            "the foot is missing: the file is cut",
            "end of file",
            allowed,
        ));
    };
    rows.finish(end, max, total)
}

/// Key of the last line of a file that [`merged`] ends.
const MERGED: &str = "Merged";

/// The last line of a file that was made of percentile texts.
#[must_use]
pub fn merged(files: usize) -> String {
    format!("#[{MERGED}  = {files:>12}]\n")
}

/// The rows so far.
struct Rows {
    unit: Unit,
    counts: Counts,
    /// Value in nanoseconds, percentile in 10^-12, and count up to the last row.
    last: (u64, u64, u64),
    /// Whether the last row came: that of 100 %.
    is_over: bool,
}

impl Rows {
    fn value(&self, line: usize, found: &str) -> Result<u64, Fault> {
        let e6 = u128::from(fault::micro(line, "value", found)?) * u128::from(self.unit.ns());
        u64::try_from(e6 / 1_000_000).map_err(|_| Fault::new(line, "value", found, "below 2^64 ns"))
    }

    fn take(&mut self, line: usize, found: &str) -> Result<(), Fault> {
        let wrong = |what, allowed: &'static str| Err(Fault::new(line, what, found, allowed));
        let words: Vec<&str> = found.split_whitespace().collect();
        let (&[value, at, sum], inverse) = (match words.as_slice() {
            [first @ .., inverse] if first.len() == 3 => (first, Some(*inverse)),
            rest => (rest, None),
        }) else {
            return wrong("a row of another form", ROW);
        };
        if self.is_over {
            return wrong("a row after that of 100 %", "the foot");
        }
        let row = (self.value(line, value)?, part(line, at)?, fault::number(line, "count", sum)?);
        if row.0 < self.last.0 || row.1 < self.last.1 || row.2 < self.last.2 {
            return wrong("a row below the one before", "values, percentiles and counts that rise");
        }
        let beyond = WHOLE - row.1;
        let is_last = inverse.is_none();
        if is_last != (beyond == 0) {
            return wrong("a fourth field too few or too many", ROW);
        }
        if let Some(inverse) = inverse {
            let is = fault::micro(line, "1/(1-percentile)", inverse)?;
            let want = u128::from(WHOLE) * 1_000_000 / u128::from(beyond);
            // Two decimals, and the percentile's own rounding.
            let slack = 20_000 + want / u128::from(beyond) + want / 100_000;
            if want.abs_diff(u128::from(is)) > slack {
                return wrong("1/(1-percentile) does not fit the percentile", ROW);
            }
        }
        if self.counts.add(row.0, row.2 - self.last.2).is_none() {
            return wrong("more than 2^63 samples", "fewer");
        }
        self.last = row;
        self.is_over = is_last;
        Ok(())
    }

    fn finish(self, end: usize, max: u64, total: u64) -> Result<Counts, Fault> {
        let (value, _, sum) = self.last;
        if sum != total {
            let what = "rows and total count differ: rows are missing";
            return Err(Fault::new(end, what, &sum.to_string(), total.to_string()));
        }
        // The last row may show the cell's upper edge, the foot too; of an empty one both are 0.
        if total > 0 && Cells::NS.around(value) != Cells::NS.around(max) {
            let what = "last row and maximum differ";
            return Err(Fault::new(end, what, &value.to_string(), max.to_string()));
        }
        if total > 0 && !self.is_over {
            return Err(Fault::new(end, "the row of 100 % is missing", "the foot", ROW));
        }
        Ok(self.counts)
    }
}

/// 100 % in units of 10^-12.
const WHOLE: u64 = 1_000_000_000_000;

/// A percentile as the files write it, `0.990000000000`, in units of 10^-12.
fn part(line: usize, found: &str) -> Result<u64, Fault> {
    let wrong = || Fault::new(line, "percentile", found, "0 to 1 with twelve decimals");
    let (whole, rest) = found.split_once('.').ok_or_else(wrong)?;
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !matches!(whole, "0" | "1") || !is_digits(rest) || rest.len() > 12 {
        return Err(wrong());
    }
    let part: u64 = format!("{rest:0<12}").parse().map_err(|_| wrong())?;
    let part = part + if whole == "1" { WHOLE } else { 0 };
    if part > WHOLE { Err(wrong()) } else { Ok(part) }
}

/// Percentile text of counts, by the station's own writer.
///
/// # Errors
/// A histogram whose bounds cannot be.
pub fn text(counts: &Counts) -> io::Result<String> {
    let histogram = counts.histogram().ok_or_else(|| io::Error::other("impossible bounds"))?;
    Ok(station::latency::hgrm::text(&histogram))
}

#[cfg(test)]
mod tests;
