//! Reads and writes histogram logs (`.hlog`), ours and those of the tools in Java and Python.
//!
//! Owns what a row must be. The form of what is written is `station::latency::hlog`'s, with which
//! runs write theirs. Must never: pass over a row it does not understand, or take a
//! log that was cut for a whole one where the log can tell. Ordinary threads; allocates.

mod payload;

use super::counts::Counts;
use super::fault::{self, Fault};
use station::latency::hlog as form;
use std::io;

/// A whole log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Wall clock at the start, nanoseconds; `None` where the log does not tell.
    pub start_ns: Option<u64>,
    /// Comments that are none of the format's own, without `#[` and `]`.
    pub comments: Vec<String>,
    /// The rows, in the order of the file.
    pub rows: Vec<Row>,
    /// Whether the log says it ended in good order; `None` where its writer says nothing of it.
    pub is_closed: Option<bool>,
}

/// What one row counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its tag: a stage of ours.
    pub tag: Option<String>,
    /// Start after the log's own, nanoseconds.
    pub offset_ns: u64,
    /// Length, nanoseconds.
    pub length_ns: u64,
    /// What was counted.
    pub counts: Counts,
}

/// Takes lines one after the other, so that a log can be read while it grows.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    start_ns: Option<u64>,
    base_ns: Option<u64>,
    divisor: Option<u64>,
    has_legend: bool,
    /// Rows taken, forgotten ones among them.
    count: u64,
    log: Log,
}

const ROW: &str = "[Tag=NAME,]START,LENGTH,MAX,HISTOGRAM";

impl Log {
    /// Reads a log.
    ///
    /// # Errors
    /// The first line that is not as the format says; no row; a last line that was cut; fewer rows
    /// than the log says it was closed with.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut reader = Reader::default();
        let mut end = 1;
        for (line, found) in fault::lines(text)? {
            end = line + 1;
            reader.take(line, found)?;
        }
        let log = reader.finish();
        if log.rows.is_empty() && log.is_closed != Some(true) {
            return Err(Fault::new(end, "no histogram in the log", "end of file", ROW));
        }
        Ok(log)
    }

    /// The tags, each once, in the order they came, and the sum of what was counted under them.
    ///
    /// # Errors
    /// A tag whose rows have other cells.
    pub fn by_tag(&self) -> Result<Vec<(String, Counts)>, String> {
        let mut out: Vec<(String, Counts)> = Vec::new();
        for row in &self.rows {
            let tag = row.tag.clone().unwrap_or_default();
            match out.iter_mut().find(|(name, _)| *name == tag) {
                Some((_, counts)) => {
                    counts.take(&row.counts).map_err(|why| format!("tag {tag:?}: {why}"))?;
                }
                None => out.push((tag, row.counts.clone())),
            }
        }
        Ok(out)
    }

    /// The log as text. Rows lie relative to its start; a log that does not know its start says 0.
    ///
    /// # Errors
    /// A histogram that cannot be written.
    pub fn text(&self) -> io::Result<String> {
        let mut out = form::head(self.start_ns.unwrap_or(0));
        let at = out.find("#[StartTime").unwrap_or(0);
        let lines = self.comments.iter().flat_map(|text| ["#[", text, "]\n"]);
        out.insert_str(at, &lines.collect::<String>());
        for row in &self.rows {
            let histogram = row.counts.histogram();
            let histogram = histogram.ok_or_else(|| io::Error::other("impossible bounds"))?;
            let tag = row.tag.as_deref();
            out.push_str(&form::row(tag, row.offset_ns, row.length_ns, &histogram)?);
        }
        let rows = u64::try_from(self.rows.len()).unwrap_or(u64::MAX);
        out.push_str(&form::closed(rows));
        Ok(out)
    }
}

impl Reader {
    /// Takes one line without its end; gives its row, if it is one.
    ///
    /// # Errors
    /// What is wrong with the line.
    pub fn take(&mut self, line: usize, found: &str) -> Result<Option<&Row>, Fault> {
        if self.log.is_closed == Some(true) {
            return Err(Fault::new(line, "a line after the log's last", found, "end of file"));
        }
        if found.starts_with('#') {
            return self.comment(line, found).map(|()| None);
        }
        if found == form::LEGEND {
            if self.has_legend {
                return Err(Fault::new(line, "a second legend", found, ROW));
            }
            self.has_legend = true;
            return Ok(None);
        }
        let row = self.row(line, found)?;
        self.log.rows.push(row);
        self.count += 1;
        Ok(self.log.rows.last())
    }

    /// What was read so far.
    #[must_use]
    pub fn finish(mut self) -> Log {
        self.log.start_ns = self.start_ns();
        self.log
    }

    /// Wall clock at the log's start, nanoseconds; `None` where it did not tell yet.
    #[must_use]
    pub fn start_ns(&self) -> Option<u64> {
        self.start_ns.or(self.base_ns)
    }

    /// Whether the log's last line was taken.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.log.is_closed == Some(true)
    }

    /// Forgets rows that were taken: a long log need not be held while it is followed.
    pub fn forget(&mut self) {
        self.log.rows.clear();
    }

    fn comment(&mut self, line: usize, found: &str) -> Result<(), Fault> {
        let body = found.strip_prefix("#[").and_then(|rest| rest.strip_suffix(']'));
        let Some(body) = body else { return Ok(()) };
        let seconds = |rest: &str| {
            let number = rest.split(' ').next().unwrap_or_default();
            ns(line, "a time of the head, seconds", number)
        };
        if let Some(rest) = body.strip_prefix("StartTime: ") {
            self.start_ns = Some(seconds(rest)?);
        } else if let Some(rest) = body.strip_prefix("BaseTime: ") {
            self.base_ns = Some(seconds(rest)?);
        } else if let Some(rest) = body.strip_prefix("MaxValueDivisor: ") {
            let divisor = fault::micro(line, "MaxValueDivisor", rest)? / 1_000_000;
            if divisor == 0 {
                return Err(Fault::new(line, "MaxValueDivisor", rest, "at least 1"));
            }
            self.divisor = Some(divisor);
        } else if let Some(rest) = body.strip_prefix("Histogram log format version ") {
            if !matches!(rest, "1.0" | "1.1" | "1.2" | "1.3") {
                return Err(Fault::new(line, "version of the log", rest, "1.0 to 1.3"));
            }
        } else if body.starts_with("Values in nanoseconds") {
            // Ours; only such a log says at its end that it is whole.
            self.log.is_closed = Some(false);
        } else if let Some(rest) = body.strip_prefix("Closed: rows=") {
            let rows = fault::number(line, "rows of the closed log", rest)?;
            if self.count != rows {
                let has = format!("{} rows", self.count);
                return Err(Fault::new(
                    line,
                    "rows are missing or too many",
                    &has,
                    rest.to_owned(),
                ));
            }
            self.log.is_closed = Some(true);
        } else {
            self.log.comments.push(body.to_owned());
        }
        Ok(())
    }

    fn row(&self, line: usize, found: &str) -> Result<Row, Fault> {
        let (tag, rest) = match found.strip_prefix("Tag=") {
            None => (None, found),
            Some(rest) => match rest.split_once(',') {
                Some((tag, rest)) if !tag.is_empty() && !tag.contains(' ') => (Some(tag), rest),
                _ => return Err(Fault::new(line, "a tag of another form", found, ROW)),
            },
        };
        let cells: Vec<&str> = rest.split(',').collect();
        let &[start, length, max, histogram] = cells.as_slice() else {
            return Err(Fault::new(line, "a line of no known form", found, ROW));
        };
        let start_ns = ns(line, "start of the interval, seconds", start)?;
        let max_e6 = fault::micro(line, "maximum of the interval", max)?;
        let counts = payload::decode(histogram)
            .map_err(|(what, allowed)| Fault::new(line, what, histogram, allowed))?;
        self.maximum(line, max, max_e6, counts.max().unwrap_or(0))?;
        Ok(Row {
            tag: tag.map(str::to_owned),
            offset_ns: self.offset(start_ns),
            length_ns: ns(line, "length of the interval, seconds", length)?,
            counts,
        })
    }

    /// The written maximum against the histogram's, where the log names its divisor.
    fn maximum(&self, line: usize, found: &str, max_e6: u64, max: u64) -> Result<(), Fault> {
        let Some(divisor) = self.divisor else { return Ok(()) };
        let is = u128::from(max) * 1_000_000 / u128::from(divisor);
        // Three decimals, rounded either way.
        if is.abs_diff(u128::from(max_e6)) <= 1_000 {
            return Ok(());
        }
        let allowed = format!("{}.{:03}", is / 1_000_000, is % 1_000_000 / 1_000);
        Err(Fault::new(line, "maximum and histogram of a row differ", found, allowed))
    }

    /// Start after the log's own: rows are relative to a base that may be the start, another
    /// moment or, without one, the epoch.
    fn offset(&self, row_ns: u64) -> u64 {
        let Some(start_ns) = self.start_ns.or(self.base_ns) else { return row_ns };
        let is_relative = row_ns.saturating_add(365 * 86_400_000_000_000) < start_ns;
        let base_ns = self.base_ns.unwrap_or(if is_relative { start_ns } else { 0 });
        base_ns.saturating_add(row_ns).saturating_sub(start_ns)
    }
}

/// Seconds with at most six decimals, as nanoseconds.
fn ns(line: usize, what: &'static str, found: &str) -> Result<u64, Fault> {
    let too_big = || Fault::new(line, what, found, "below 2^64 nanoseconds");
    fault::micro(line, what, found)?.checked_mul(1_000).ok_or_else(too_big)
}

#[cfg(test)]
mod tests;
