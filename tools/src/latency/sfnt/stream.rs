//! The table of `sfnt-stream`: one-way latency under load, one row a rate.
//!
//! A latency can be negative: it is the round trip less the mean way back, which the header names.

use super::cmdline::{Cmdline, ints};
use super::header::{self, Header, Kind, Reader};
use crate::latency::fault::{self, Fault};

/// One row, nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Messages a second asked for, sent and received.
    pub mps: [u64; 3],
    /// Mean, least, median, most, and the header's quantile.
    pub latency_ns: [i64; 5],
    /// Standard deviation.
    pub stddev_ns: u64,
    /// Samples.
    pub samples: u64,
    /// Gaps, drops and messages out of order.
    pub gaps: [u64; 3],
}

/// A whole output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What stands above the rows.
    pub header: Header,
    /// The rows; never empty.
    pub rows: Vec<Row>,
    /// Whether the sender fell behind: the tool stops below 90 % of the rate asked for.
    pub fell_behind: bool,
}

/// First line of column names.
pub const COLUMNS: &str = "#mps\tmps\tmps\tlatency\tlatency\tlatency\tlatency\tlatency\tlatency\t\
                           latency\tsendjit\tsendjit\tsendjit\tsendjit\tgaps\tgaps\tgaps";
const NAMES: &str = "#target\tsend\trecv\tmean\tmin\tmedian\tmax\t%ile\tstddev\tsamples\tmean\t\
                     min\tmax\tbehind\tn_gaps\tn_drops\tn_ooo";

impl Table {
    /// Reads an output of `sfnt-stream`.
    ///
    /// # Errors
    /// The first line that is not as the tool writes it, and rates of the command line without a
    /// row although the sender kept up.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut reader = Reader::default();
        let (mut columns, mut rows, mut end) = (0, Vec::new(), 1);
        for (line, found) in fault::lines(text)? {
            end = line + 1;
            match header::kind(line, found)? {
                Kind::Columns if [COLUMNS, NAMES].get(columns) == Some(&found) => columns += 1,
                Kind::Row if columns == 2 => rows.push(row(line, found)?),
                Kind::Columns | Kind::Row => {
                    let what = "columns or a row where none is to be";
                    return Err(Fault::new(line, what, found, "two lines of columns, then rows"));
                }
                Kind::Meta => reader.take(line, found)?,
                Kind::Other => {}
            }
        }
        let header = reader.finish(end)?;
        let Some(last) = rows.last() else {
            return Err(Fault::new(end, "no row", "end of file", "a row below the columns"));
        };
        let [target, sent, _] = last.mps;
        let fell_behind = u128::from(sent) * 100 < u128::from(target) * 90;
        let asked = header.cmdline().and_then(|line| Cmdline(line).value("--rates")).and_then(ints);
        if let Some(asked) = asked {
            let found: Vec<u64> = rows.iter().map(|row: &Row| row.mps[0]).collect();
            if !asked.starts_with(&found) || (asked.len() > found.len() && !fell_behind) {
                let what = "the table is cut: rates of the command line are missing";
                let (found, asked) = (super::list(&found), super::list(&asked));
                return Err(Fault::new(end, what, &found, asked));
            }
        }
        Ok(Self { header, rows, fell_behind })
    }
}

fn row(line: usize, found: &str) -> Result<Row, Fault> {
    let cells: Vec<&str> = found.split('\t').collect();
    let wrong = |what| Fault::new(line, what, found, "17 numbers with tabs between");
    if cells.len() != 17 {
        return Err(wrong("a row of another form"));
    }
    let mut numbers = [0_i64; 17];
    for (slot, cell) in numbers.iter_mut().zip(&cells) {
        let (digits, is_negative) = cell.strip_prefix('-').map_or((*cell, false), |d| (d, true));
        let number = fault::number(line, "a figure", digits)?;
        let number = i64::try_from(number).map_err(|_| wrong("a figure"))?;
        *slot = if is_negative { -number } else { number };
    }
    let [target, sent, recv, mean, min, median, max, at, stddev, samples, jit @ ..] = numbers;
    let [_, _, _, behind, gaps, drops, ooo] = jit;
    let whole = |value: i64| u64::try_from(value).map_err(|_| wrong("a negative count"));
    let inside = |ns: i64| (min..=max).contains(&ns);
    if ![mean, median, at].into_iter().all(inside) || samples == 0 || behind < 0 {
        return Err(wrong("the figures of a row contradict each other"));
    }
    Ok(Row {
        mps: [whole(target)?, whole(sent)?, whole(recv)?],
        latency_ns: [mean, min, median, max, at],
        stddev_ns: whole(stddev)?,
        samples: whole(samples)?,
        gaps: [whole(gaps)?, whole(drops)?, whole(ooo)?],
    })
}
