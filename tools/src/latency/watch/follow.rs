//! A log that grows: whole lines are taken as they come.

use crate::latency::counts::Counts;
use crate::latency::fault::{self, Fault};
use crate::latency::hlog::{Reader, Row};
use station::latency as of_station;
use station::operator::Failure;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use wire::exit::Exit;

/// What is known of one stage.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    /// Its tag.
    pub(crate) name: String,
    /// Its last interval.
    pub(crate) last: Counts,
    /// End of that interval, nanoseconds after the log's start.
    pub(crate) until_ns: u64,
    /// All of its intervals.
    pub(crate) whole: Counts,
}

/// The log so far.
#[derive(Debug)]
pub(crate) struct Follow {
    path: PathBuf,
    file: Option<File>,
    /// Bytes after the last whole line.
    rest: Vec<u8>,
    reader: Reader,
    line: usize,
    stages: Vec<Stage>,
    intervals: u64,
    end_ns: u64,
}

impl Follow {
    /// The log of a run's folder, which need not be there yet.
    pub(crate) fn new(run_dir: &Path) -> Self {
        Self {
            path: run_dir.join("latency.hlog"),
            file: None,
            rest: Vec::new(),
            reader: Reader::default(),
            line: 0,
            stages: Vec::new(),
            intervals: 0,
            end_ns: 0,
        }
    }

    /// Takes what was written since the last call.
    ///
    /// # Errors
    /// RESOURCE where it cannot be read or is damaged.
    pub(crate) fn more(&mut self) -> Result<(), Failure> {
        self.more_with(&mut |_| {})
    }

    /// The same, with a look at every row.
    ///
    /// # Errors
    /// As [`Follow::more`].
    pub(crate) fn more_with(&mut self, look: &mut dyn FnMut(&Row)) -> Result<(), Failure> {
        let failed = |path: &Path, error: &std::io::Error| {
            let fields = format!("path={} error=\"{error}\"", path.display());
            Failure::new(Exit::Resource, "the log cannot be read", fields, "look at the folder")
        };
        if self.file.is_none() {
            match File::open(&self.path) {
                Ok(file) => self.file = Some(file),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(failed(&self.path, &error)),
            }
        }
        if let Some(file) = &mut self.file {
            file.read_to_end(&mut self.rest).map_err(|error| failed(&self.path, &error))?;
        }
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return Ok(()) };
        let rest = self.rest.split_off(end + 1);
        let whole = std::mem::replace(&mut self.rest, rest);
        self.take(&whole, look).map_err(|fault| fault.of(&self.path))
    }

    fn take(&mut self, bytes: &[u8], look: &mut dyn FnMut(&Row)) -> Result<(), Fault> {
        let shift = |fault: Fault, by: usize| Fault { line: fault.line + by, ..fault };
        let text = fault::text(bytes).map_err(|fault| shift(fault, self.line))?;
        for found in text.lines() {
            self.line += 1;
            let Some(row) = self.reader.take(self.line, found)? else { continue };
            look(row);
            let until_ns = row.offset_ns.saturating_add(row.length_ns);
            if until_ns != self.end_ns {
                self.intervals += 1;
                self.end_ns = until_ns;
            }
            let name = row.tag.as_deref().unwrap_or("untagged");
            if let Some(stage) = self.stages.iter_mut().find(|stage| stage.name == name) {
                stage.whole.take(&row.counts).map_err(|why| {
                    Fault::new(self.line, "a row with other cells", &why, "those of its stage")
                })?;
                stage.last = row.counts.clone();
                stage.until_ns = until_ns;
            } else {
                let (last, whole) = (row.counts.clone(), row.counts.clone());
                self.stages.push(Stage { name: name.to_owned(), last, until_ns, whole });
            }
        }
        self.reader.forget();
        let place = |stage: &Stage| {
            let all = of_station::Stage::ALL;
            all.iter().position(|known| known.name() == stage.name).unwrap_or(usize::MAX)
        };
        self.stages.sort_by_key(place);
        Ok(())
    }

    /// Wall clock at the log's start, nanoseconds; `None` before its head came.
    pub(crate) fn start_ns(&self) -> Option<u64> {
        self.reader.start_ns()
    }

    /// Whether there is a log.
    pub(crate) fn is_there(&self) -> bool {
        self.file.is_some()
    }

    /// Whether its last line came.
    pub(crate) fn is_closed(&self) -> bool {
        self.reader.is_closed()
    }

    /// Intervals so far.
    pub(crate) fn intervals(&self) -> u64 {
        self.intervals
    }

    /// End of the last, nanoseconds after the log's start.
    pub(crate) fn end_ns(&self) -> u64 {
        self.end_ns
    }

    /// The stages, in the order of the path.
    pub(crate) fn stages(&self) -> &[Stage] {
        &self.stages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::counts::Cells;
    use crate::latency::hlog::Log;
    use std::io::Write as _;

    fn text() -> String {
        let row = |tag: &str, second: u64, value| {
            let mut counts = Counts::new(Cells::NS);
            counts.add(value, 25).expect("few");
            let tag = Some(tag.to_owned());
            let offset_ns = second * 1_000_000_000;
            Row { tag, offset_ns, length_ns: 1_000_000_000, counts }
        };
        let rows = vec![
            row("event", 0, 300),
            row("recv_to_send", 0, 4_000),
            row("event", 1, 310),
            row("recv_to_send", 1, 900_000),
        ];
        Log { start_ns: Some(7), rows, ..Log::default() }.text().expect("log")
    }

    /// However the bytes come, the sums are those of the whole file.
    #[test]
    fn a_log_is_read_as_it_grows() {
        for step in [1, 7, 500, 100_000] {
            let dir = tempfile::tempdir().expect("folder");
            let mut follow = Follow::new(dir.path());
            follow.more().expect("no log yet");
            assert!(!follow.is_there());
            let mut file = File::create(dir.path().join("latency.hlog")).expect("log");
            for part in text().as_bytes().chunks(step) {
                assert!(!follow.is_closed());
                file.write_all(part).expect("written");
                follow.more().expect("whole lines");
            }
            assert!(follow.is_closed() && follow.is_there());
            assert_eq!((follow.intervals(), follow.end_ns()), (2, 2_000_000_000));
            let shown: Vec<_> = follow
                .stages()
                .iter()
                .map(|s| (s.name.as_str(), s.last.max(), s.whole.total(), s.whole.min()))
                .collect();
            assert_eq!(
                shown,
                [
                    ("recv_to_send", Some(900_095), 50, Some(4_000)),
                    ("event", Some(310), 50, Some(300)),
                ]
            );
        }
    }

    #[test]
    fn damage_is_named_with_its_line() {
        let dir = tempfile::tempdir().expect("folder");
        let text = text().replace("HISTFAAA", "HISTFAAB");
        std::fs::write(dir.path().join("latency.hlog"), text).expect("written");
        let failure = Follow::new(dir.path()).more().expect_err("damaged").to_string();
        assert!(failure.contains("line=7"), "{failure}");
    }
}
