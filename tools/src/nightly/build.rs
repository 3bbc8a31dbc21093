//! Stage 2, build: a feature file for each instrument of each journal, as `corelane features` writes
//! them, and the moment from which on time is held out.
//!
//! Samples carry the engine time of the recorded inputs, however fast they were replayed. Must never:
//! let a moment of one instrument's market in twice. Main thread; one journal in memory at a time.

use super::config::DataKeys;
use super::gather::Gathered;
use super::held::Rows;
use super::night::{Hashed, Night, read};
use crate::features;
use crate::recording::tape_failure;
use serde::{Deserialize, Serialize};
use station::operator::Failure;
use station::run_dir::JOURNAL;
use std::path::Path;
use wire::exit::Exit;
use wire::instrument::Instrument;

/// Folder of the feature files.
pub(super) const FEATURES: &str = "features";

/// What there is to learn from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Built {
    /// From here on time is held out, engine time.
    pub(super) cut_ns: u64,
    /// The data, in the order of names.
    pub(super) sources: Vec<Source>,
    /// Their files.
    pub(super) files: Vec<Hashed>,
}

/// One feature file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Source {
    /// Its name.
    pub(super) file: String,
    /// The venue's number.
    pub(super) venue_id: u64,
    /// The venue's symbol.
    pub(super) symbol: String,
    /// Digest of the journal's frames.
    pub(super) frames_sha256: String,
    /// Samples.
    pub(super) rows: u64,
    /// Engine time of the first.
    pub(super) first_ns: u64,
    /// Engine time of the last.
    pub(super) last_ns: u64,
}

/// Builds.
///
/// # Errors
/// `RESOURCE` where there is nothing to train on before the cut, or two journals hold the same time.
pub(super) fn build(gathered: &Gathered, data: &DataKeys, night: &Night) -> Result<Built, Failure> {
    let interval_ns = gathered.parent.labels.sample_interval_ns;
    let aside = night.aside(FEATURES)?;
    let mut sources = Vec::new();
    for (n, journal) in gathered.journals.iter().enumerate() {
        let path = journal.run.join(JOURNAL);
        let recording = tape::read_all(&path).map_err(|error| tape_failure(&error))?;
        if recording.summary.sha256 != journal.frames_sha256 {
            return Err(night.changed("gather", &format!("journal of {}", journal.run.display())));
        }
        for row in recording.instruments() {
            let id = row.header.instrument_id;
            let file = format!("{:03}-{}.feat", n + 1, plain(row.symbol(), id.get()));
            let path = aside.join(&file);
            features::write(&recording, (id, row), interval_ns, &path)?;
            match source(&path, file, row, &journal.frames_sha256)? {
                Some(source) => sources.push(source),
                None => std::fs::remove_file(&path).map_err(|error| lost(&path, &error))?,
            }
        }
    }
    sources.sort_by(|a, b| a.file.cmp(&b.file));
    refuse_overlap(&sources)?;
    let first = sources.iter().map(|source| source.first_ns).min();
    let last = sources.iter().map(|source| source.last_ns).max();
    let cut_ns = last.map(|last| last.saturating_sub(data.held_out_ns));
    let (Some(first), Some(cut_ns)) = (first, cut_ns) else { return Err(too_little(0, data)) };
    if first >= cut_ns {
        return Err(too_little(last.unwrap_or(first) - first, data));
    }
    let files = night.settle(&aside, FEATURES)?;
    Ok(Built { cut_ns, sources, files })
}

/// A symbol as a part of a file's name.
fn plain(symbol: &str, id: u32) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let whole = !symbol.is_empty() && symbol.chars().all(is_plain);
    if whole { symbol.to_owned() } else { format!("instrument-{id}") }
}

/// What a written file holds; nothing where the instrument gave no sample.
fn source(
    path: &Path,
    file: String,
    row: &Instrument,
    frames_sha256: &str,
) -> Result<Option<Source>, Failure> {
    let (rows, span) = Rows::parse(&read(path)?).map_or((0, None), |rows| rows.span());
    Ok(span.map(|(first_ns, last_ns)| Source {
        file,
        venue_id: u64::from(row.header.venue_id.get()),
        symbol: row.symbol().to_owned(),
        frames_sha256: frames_sha256.to_owned(),
        rows,
        first_ns,
        last_ns,
    }))
}

/// One market seen by two stations, or one recording replayed twice, is one market.
fn refuse_overlap(sources: &[Source]) -> Result<(), Failure> {
    for (n, one) in sources.iter().enumerate() {
        let same = |other: &&Source| {
            (other.venue_id, &other.symbol) == (one.venue_id, &one.symbol)
                && other.first_ns <= one.last_ns
                && one.first_ns <= other.last_ns
        };
        if let Some(other) = sources.iter().skip(n + 1).find(same) {
            let fields = format!("symbol={} files={},{}", one.symbol, one.file, other.file);
            let next = "name the folders of runs that are to count";
            let what = "two journals hold the same time of one instrument";
            return Err(Failure::new(Exit::Resource, what, fields, next));
        }
    }
    Ok(())
}

fn too_little(span_ns: u64, data: &DataKeys) -> Failure {
    let fields = format!(
        "recorded_s={} held_out_s={}",
        span_ns / 1_000_000_000,
        data.held_out_ns / 1_000_000_000
    );
    let next = "name more runs, or hold out less with data.held_out_s";
    Failure::new(Exit::Resource, "nothing is left to train on", fields, next)
}

fn lost(path: &Path, error: &std::io::Error) -> Failure {
    let fields = format!("path={} error=\"{error}\"", path.display());
    Failure::new(Exit::Resource, "cannot write", fields, "check the path and the free space")
}
