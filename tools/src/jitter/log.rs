//! The histogram log of a run: a row a second and CPU, in the form of the station's own logs.
//!
//! Must never: leave a run's rows in memory; what is written survives an end without notice.
//! Collector's thread.

use super::series::{Series, histogram};
use hdrhistogram::Histogram;
use station::latency::hlog;
use station::operator::Failure;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use wire::exit::Exit;

/// A log being written.
#[derive(Debug)]
pub struct Log {
    file: File,
    path: PathBuf,
    rows: u64,
    /// What each tag counted since its last row.
    open: Vec<(String, Histogram<u64>)>,
}

impl Log {
    /// Makes the file. `start_ns` is wall clock; values under other tags are not taken.
    ///
    /// # Errors
    /// RESOURCE where it cannot be made.
    pub fn create(path: &Path, start_ns: u64, tags: Vec<String>) -> Result<Self, Failure> {
        let file = File::create(path).map_err(|error| failed(path, &error))?;
        let open = tags.into_iter().map(|tag| (tag, histogram())).collect();
        let mut log = Self { file, path: path.to_owned(), rows: 0, open };
        log.write(&hlog::head(start_ns))?;
        Ok(log)
    }

    /// A whole log with one row a series, over the whole run.
    ///
    /// # Errors
    /// RESOURCE where it cannot be written.
    pub fn whole(
        path: &Path,
        start_ns: u64,
        length_ns: u64,
        all: &[Series],
    ) -> Result<(), Failure> {
        let mut log = Self::create(path, start_ns, Vec::new())?;
        log.open = all.iter().map(|one| (one.tag.clone(), one.histogram.clone())).collect();
        log.interval(0, length_ns)?;
        log.close()
    }

    /// Counts a value under the tag at this place.
    pub fn take(&mut self, place: usize, ns: u64) {
        if let Some((_, histogram)) = self.open.get_mut(place) {
            histogram.saturating_record(ns);
        }
    }

    /// Writes a row for every tag, from `offset_ns` after the start on.
    ///
    /// # Errors
    /// RESOURCE where it cannot be written.
    pub fn interval(&mut self, offset_ns: u64, length_ns: u64) -> Result<(), Failure> {
        let mut text = String::new();
        for (tag, histogram) in &mut self.open {
            let row = hlog::row(Some(tag), offset_ns, length_ns, histogram);
            text.push_str(&row.map_err(|error| failed(&self.path, &error))?);
            self.rows += 1;
            histogram.reset();
        }
        self.write(&text)
    }

    /// Ends the log in good order.
    ///
    /// # Errors
    /// RESOURCE where it cannot be written.
    pub fn close(mut self) -> Result<(), Failure> {
        self.write(&hlog::closed(self.rows))
    }

    fn write(&mut self, text: &str) -> Result<(), Failure> {
        self.file.write_all(text.as_bytes()).map_err(|error| failed(&self.path, &error))
    }
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    let fields = format!("path={} error=\"{error}\"", path.display());
    Failure::new(Exit::Resource, "the log cannot be written", fields, "check path and free space")
}
