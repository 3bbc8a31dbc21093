//! `corelane import`: raw recordings of a venue, or bars, into a `.clrec` recording.
//!
//! Owns: the formats it reads, the time cut, and what the recording says of its provenance. Must
//! never: leave half a file under the asked name, change a price or quantity without saying so in
//! the recording, or go on past a line it does not understand. Ordinary threads; allocates.

mod binance;
mod carried;
mod input;
mod lobster;
mod ohlcv;
mod options;
mod output;

use input::{Lines, Source};
use options::Spec;
use output::Target;
use station::operator::Failure;
use std::path::{Path, PathBuf};
use tape::{Summary, TapeError};
use venues::binance::Counters;
use wire::exit::Exit;

pub use lobster::OrderCounts;
pub use options::{Format, ImportArgs, Kind};

/// Why an import stopped. Nothing is left under the asked name.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// An option has a value it may not have.
    #[error(
        "option `--{key}` is refused: found={found} allowed={allowed}; next: correct the option"
    )]
    Option {
        /// The option.
        key: &'static str,
        /// What was given.
        found: String,
        /// What may be given.
        allowed: &'static str,
    },
    /// A source file cannot be read.
    #[error("failed to read `{path}`: {why}; next: check the path and that the file is whole")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's or decompressor's word.
        why: String,
    },
    /// A line that cannot be taken.
    #[error("`{path}` line {line} is refused: {what}; next: {next}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: u64,
        /// What is wrong.
        what: String,
        /// What to do.
        next: String,
    },
    /// Not one event lies in the asked range.
    #[error(
        "no event of `{symbol}` between --from and --to; next: check the range against the files"
    )]
    Empty {
        /// The instrument.
        symbol: String,
    },
    /// The recording cannot be written.
    #[error(transparent)]
    Tape(#[from] TapeError),
    /// The finished recording cannot be given its name.
    #[error("failed to rename `{from}` to `{to}`: {why}; next: check the folder's permissions")]
    Rename {
        /// The finished file.
        from: PathBuf,
        /// The asked name.
        to: PathBuf,
        /// The system's word.
        why: String,
    },
}

impl ImportError {
    /// The process exit that fits the error.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Option { .. } => Exit::Arguments,
            Self::Read { .. } | Self::Line { .. } | Self::Empty { .. } => Exit::Resource,
            Self::Tape(error) => error.exit(),
            Self::Rename { .. } => Exit::Journal,
        }
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        let text = error.to_string();
        let (what, next) = text.split_once("; next: ").unwrap_or((&text, ""));
        Failure::new(error.exit(), what, "", next)
    }
}

/// What an import made.
#[derive(Clone, Debug)]
pub struct ImportSummary {
    /// The recording.
    pub out: PathBuf,
    /// Its size, bytes.
    pub bytes: u64,
    /// Lines read.
    pub lines: u64,
    /// Its totals.
    pub frames: Summary,
    /// What the feed handler did, where there was one.
    pub feed: Option<Counters>,
    /// What came by order, where it did.
    pub orders: Option<OrderCounts>,
    /// Levels of the book carried over the cut: bids, asks.
    pub carried: Option<(usize, usize)>,
}

impl std::fmt::Display for ImportSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let out = self.out.display();
        let Summary { frames, raw_bytes, sha256, counts, .. } = &self.frames;
        writeln!(f, "{out}: {} bytes, {frames} frames of {raw_bytes} bytes", self.bytes)?;
        writeln!(f, "  lines read: {}", self.lines)?;
        for (kind, count) in counts {
            writeln!(f, "  {kind}: {count}")?;
        }
        if let Some(feed) = &self.feed {
            writeln!(
                f,
                "  gaps: {}, stale differences: {}, messages by the general parser: {}",
                feed.gaps, feed.stale, feed.general
            )?;
        }
        if let Some(orders) = &self.orders {
            writeln!(
                f,
                "  rows equal to the order book file: {}, levels revealed by it: {}",
                orders.rows_equal, orders.revealed
            )?;
            writeln!(
                f,
                "  messages of unknown orders: {}, hidden executions between two ticks, left out: {}",
                orders.unknown, orders.between_ticks
            )?;
        }
        if let Some((bids, asks)) = self.carried {
            writeln!(f, "  book carried over the cut: {bids} bids, {asks} asks")?;
        }
        write!(f, "  sha256 of frames: {sha256}")
    }
}

/// Runs one import.
///
/// # Errors
/// An [`ImportError`]; the file under `--out` is then as it was before.
pub fn import(args: &ImportArgs) -> Result<ImportSummary, ImportError> {
    let spec = Spec::check(args)?;
    let sources =
        args.inputs.iter().map(|path| Source::look(path)).collect::<Result<Vec<_>, _>>()?;
    let partial = partial_name(&args.out);
    let mut listed = sources.clone();
    listed.extend(args.orderbook.as_deref().map(Source::look).transpose()?);
    let mut target = Target::new(&partial, &spec, &listed);
    let (mut feed, mut orders) = (None, None);
    let result = match args.format {
        Format::BinanceJsonl => {
            binance::run(&spec, &sources, &mut target).map(|counters| feed = Some(counters))
        }
        Format::OhlcvCsv => ohlcv::run(&spec, &sources, &mut target),
        Format::Lobster => lobster::run(&spec, &sources, args.orderbook.as_deref(), &mut target)
            .map(|counts| orders = Some(counts)),
    };
    let done = result.and_then(|()| {
        let (lines, carried) = (target.lines, target.carried);
        Ok((lines, carried, target.finish()?))
    });
    let (lines, carried, frames) = match done {
        Ok(done) => done,
        Err(error) => {
            // Where it was never made there is nothing to remove.
            let _ = std::fs::remove_file(&partial);
            return Err(error);
        }
    };
    std::fs::rename(&partial, &args.out).map_err(|why| ImportError::Rename {
        from: partial.clone(),
        to: args.out.clone(),
        why: why.to_string(),
    })?;
    let bytes = std::fs::metadata(&args.out).map_or(0, |meta| meta.len());
    Ok(ImportSummary { out: args.out.clone(), bytes, lines, frames, feed, orders, carried })
}

/// The command: imports, and prints what was made.
///
/// # Errors
/// The failure as the operator reads it.
pub fn command(args: &ImportArgs) -> Result<(), Failure> {
    let summary = import(args)?;
    let mut out = crate::output::Output::stdout();
    out.line(format_args!("{summary}"))?;
    out.finish()
}

fn partial_name(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// Calls `take` with the text of every line of every file, numbered from 1 in its file.
fn each_line(
    sources: &[Source],
    mut take: impl FnMut(&Source, u64, &[u8]) -> Result<bool, ImportError>,
) -> Result<(), ImportError> {
    for source in sources {
        let mut lines = Lines::open(&source.path)?;
        while let Some((number, line)) = lines.next_line()? {
            if !take(source, number, line)? {
                return Ok(());
            }
        }
    }
    Ok(())
}
