//! The table of `sfnt-pingpong`, old header and new.
//!
//! Owns: what the table says, and whether it says half round trips or whole ones. The tool prints
//! half the round trip unless told `--rtt`, and before April 2026 no line said which; a figure
//! leaves here only through [`Table::rtt_ns`] and [`Table::half_ns`], so that the two cannot be
//! mixed up. Must never: take a damaged or cut table for a whole one. Ordinary threads; allocates.

mod cmdline;
pub mod header;
pub mod stream;

use crate::latency::fault::{self, Fault};
pub use header::{Header, Reporting, ToldBy};
use header::{Kind, Reader};
use std::fmt::Write as _;

/// One row: a message size and its figures, in nanoseconds, half or whole round trips as
/// [`Header::reporting`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Bytes of the message.
    pub size: u64,
    /// Mean.
    pub mean_ns: u64,
    /// Least.
    pub min_ns: u64,
    /// Median.
    pub median_ns: u64,
    /// Most.
    pub max_ns: u64,
    /// The quantile [`Header::percentile_e6`] names.
    pub percentile_ns: u64,
    /// Standard deviation.
    pub stddev_ns: u64,
    /// Samples.
    pub iter: u64,
}

/// A whole output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What stands above the rows.
    pub header: Header,
    /// The rows, in the order of the file; never empty.
    pub rows: Vec<Row>,
    /// Whether every size that was to be measured is there: `None` where the file does not hold
    /// the command line, so that nobody can tell.
    pub is_whole: Option<bool>,
}

/// The line of column names.
pub const COLUMNS: &str = "#\tsize\tmean\tmin\tmedian\tmax\t%ile\tstddev\titer";

impl Table {
    /// Reads an output of `sfnt-pingpong`. Messages of the programs round it are passed over:
    /// `onload: ...`, `sh: 1: lspci: not found`, a shell's `$ ` line.
    ///
    /// # Errors
    /// The first line that is not as the tool writes it, and what is missing at the end: a size of
    /// the command line without a row, no row at all.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut reader = Reader::default();
        let mut rows: Vec<Row> = Vec::new();
        let mut is_in_rows = false;
        let mut end = 1;
        for (line, found) in fault::lines(text)? {
            end = line + 1;
            match header::kind(line, found)? {
                Kind::Columns if is_in_rows => {
                    let allowed = "one table a file";
                    return Err(Fault::new(line, "a second table", found, allowed));
                }
                Kind::Columns if found == COLUMNS => is_in_rows = true,
                Kind::Columns => {
                    let what = "the columns are not those of sfnt-pingpong";
                    return Err(Fault::new(line, what, found, COLUMNS));
                }
                Kind::Row if is_in_rows => rows.push(row(line, found)?),
                Kind::Row => {
                    let what = "a row before the line of columns";
                    return Err(Fault::new(line, what, found, COLUMNS));
                }
                Kind::Meta => reader.take(line, found)?,
                Kind::Other => {}
            }
        }
        if !is_in_rows {
            return Err(Fault::new(end, "the line of columns is missing", "end of file", COLUMNS));
        }
        let header = reader.finish(end)?;
        let is_whole = whole(end, &header, &rows)?;
        Ok(Self { header, rows, is_whole })
    }

    /// A row as whole round trips. `None` where the file cannot tell: more than one message went
    /// each way in a round ([`Header::rounds`]). From halves it is up to 1 ns short: the tool
    /// rounds each half down.
    #[must_use]
    pub fn rtt_ns(&self, row: &Row) -> Option<Row> {
        match (self.header.reporting, self.header.rounds) {
            (_, None) => None,
            (Reporting::WholeRtt, Some(())) => Some(*row),
            (Reporting::HalfRtt, Some(())) => row.scaled(|ns| ns.checked_mul(2)),
        }
    }

    /// A row as half round trips, rounded down. `None` as of [`Table::rtt_ns`].
    #[must_use]
    pub fn half_ns(&self, row: &Row) -> Option<Row> {
        match (self.header.reporting, self.header.rounds) {
            (_, None) => None,
            (Reporting::WholeRtt, Some(())) => row.scaled(|ns| Some(ns / 2)),
            (Reporting::HalfRtt, Some(())) => Some(*row),
        }
    }

    /// The row of a message size.
    #[must_use]
    pub fn row(&self, size: u64) -> Option<&Row> {
        self.rows.iter().find(|row| row.size == size)
    }
}

impl Row {
    /// The row with each time changed.
    fn scaled(&self, by: impl Fn(u64) -> Option<u64>) -> Option<Self> {
        Some(Self {
            size: self.size,
            mean_ns: by(self.mean_ns)?,
            min_ns: by(self.min_ns)?,
            median_ns: by(self.median_ns)?,
            max_ns: by(self.max_ns)?,
            percentile_ns: by(self.percentile_ns)?,
            stddev_ns: by(self.stddev_ns)?,
            iter: self.iter,
        })
    }
}

/// Column line and rows as the tool writes them.
#[must_use]
pub fn text_of(rows: &[Row]) -> String {
    let mut out = format!("{COLUMNS}\n");
    for row in rows {
        let Row { size, mean_ns, min_ns, median_ns, max_ns, percentile_ns, stddev_ns, iter } = row;
        let _ = writeln!(
            out,
            "\t{size}\t{mean_ns}\t{min_ns}\t{median_ns}\t{max_ns}\t{percentile_ns}\t{stddev_ns}\
             \t{iter}"
        );
    }
    out
}

fn row(line: usize, found: &str) -> Result<Row, Fault> {
    let cells: Vec<&str> = found.split('\t').collect();
    let &["", size, mean, min, median, max, percentile, stddev, iter] = cells.as_slice() else {
        let allowed = "a tab and eight numbers with tabs between";
        return Err(Fault::new(line, "a row of another form", found, allowed));
    };
    let row = Row {
        size: fault::number(line, "size, bytes", size)?,
        mean_ns: fault::number(line, "mean, ns", mean)?,
        min_ns: fault::number(line, "min, ns", min)?,
        median_ns: fault::number(line, "median, ns", median)?,
        max_ns: fault::number(line, "max, ns", max)?,
        percentile_ns: fault::number(line, "%ile, ns", percentile)?,
        stddev_ns: fault::number(line, "stddev, ns", stddev)?,
        iter: fault::number(line, "iter", iter)?,
    };
    let inside = |ns: u64| (row.min_ns..=row.max_ns).contains(&ns);
    if row.iter == 0 || ![row.mean_ns, row.median_ns, row.percentile_ns].into_iter().all(inside) {
        let allowed = "min <= mean, median, %ile <= max, and at least one sample";
        return Err(Fault::new(line, "the figures of a row contradict each other", found, allowed));
    }
    Ok(row)
}

/// Whether the rows are those the command line asks for.
fn whole(end: usize, header: &Header, rows: &[Row]) -> Result<Option<bool>, Fault> {
    let fault = |what, found: &str, allowed: String| Err(Fault::new(end, what, found, allowed));
    if rows.is_empty() {
        return fault("no row", "end of file", "at least one row below the columns".into());
    }
    let is_above_median = header.percentile_e6 >= 50_000_000;
    if is_above_median && rows.iter().any(|row| row.percentile_ns < row.median_ns) {
        return fault("a %ile below its median", "a row", "median <= %ile".into());
    }
    let Some(sizes) = header.sizes() else { return Ok(None) };
    let found: Vec<u64> = rows.iter().map(|row| row.size).collect();
    if found == sizes {
        return Ok(Some(true));
    }
    let what = if sizes.starts_with(&found) {
        "the table is cut: sizes of the command line are missing"
    } else {
        "the sizes are not those of the command line"
    };
    fault(what, &list(&found), list(&sizes))
}

fn list(sizes: &[u64]) -> String {
    let texts: Vec<String> = sizes.iter().map(u64::to_string).collect();
    texts.join(",")
}

#[cfg(test)]
mod tests;
