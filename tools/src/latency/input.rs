//! A run's folder or a file, as series: what it is, is told by its content.
//!
//! Must never: show figures of a damaged file. Ordinary threads; allocates.

use super::fault::{self, Fault};
use super::hgrm::{self, Unit};
use super::hlog::Log;
use super::series::{Counted, Samples, Series};
use super::sfnt::{self, Reporting, ToldBy, stream};
use super::{rt_tests, sockperf};
use serde_json::Value;
use station::operator::Failure;
use std::fs;
use std::path::{Path, PathBuf};
use wire::exit::Exit;

/// What was read.
#[derive(Clone, Debug)]
pub struct Input {
    /// Where it lies.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// What was measured.
    pub series: Vec<Series>,
    /// What a reader must know: cut, assumed, an upper bound.
    pub notes: Vec<String>,
    /// Its log, if it is one or has one.
    pub log: Option<Log>,
    /// The run's summary, if it is a run that has ended.
    pub summary: Option<Value>,
}

/// Kinds of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Folder of a run.
    Run,
    /// Histogram log.
    Hlog,
    /// Percentile text.
    Hgrm,
    /// `sfnt-pingpong`.
    Pingpong,
    /// `sfnt-stream`.
    Stream,
    /// `cyclictest --json`, `oslat --json`.
    RtJson,
    /// `cyclictest -h`.
    CyclictestHistogram,
    /// `cyclictest`.
    Cyclictest,
    /// `oslat`.
    Oslat,
    /// `sockperf`.
    Sockperf,
    /// The benches of iceoryx2.
    Iceoryx2,
}

impl Kind {
    /// Its name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Hlog => "histogram log",
            Self::Hgrm => "percentile text",
            Self::Pingpong => "sfnt-pingpong",
            Self::Stream => "sfnt-stream",
            Self::RtJson => "cyclictest or oslat, JSON",
            Self::CyclictestHistogram => "cyclictest -h",
            Self::Cyclictest => "cyclictest",
            Self::Oslat => "oslat",
            Self::Sockperf => "sockperf",
            Self::Iceoryx2 => "iceoryx2 bench",
        }
    }

    /// The kind of a file by its text; its name decides where the text is too short to.
    #[must_use]
    pub fn of(path: &Path, text: &str) -> Option<Self> {
        let has = |start: &str| text.lines().any(|line| line.starts_with(start));
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let is_named = |name: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(name));
        Some(match () {
            () if is_named("hlog") || has("#[Histogram log format version") => Self::Hlog,
            () if is_named("hgrm") || first.trim_start().starts_with("Value ") => Self::Hgrm,
            () if first.starts_with('{') => Self::RtJson,
            () if has("#\tsize") => Self::Pingpong,
            () if has("#mps\t") => Self::Stream,
            () if has("oslat V") || has("Counter Freq:\t") => Self::Oslat,
            () if has("# Histogram") || has("# Min Latencies:") => Self::CyclictestHistogram,
            () if has("T:") => Self::Cyclictest,
            () if has("sockperf") => Self::Sockperf,
            () if text.lines().any(|line| line.contains(" ::: ")) => Self::Iceoryx2,
            () => return None,
        })
    }
}

/// Reads a run's folder or a file.
///
/// # Errors
/// RESOURCE with the path where it cannot be read or is no measurement, with file, line, what is
/// wrong and what is allowed where it is damaged.
pub fn read(path: &Path, unit: Unit) -> Result<Input, Failure> {
    if path.is_dir() {
        return run(path);
    }
    if path.file_name().is_some_and(|name| name == "summary.json") {
        return run(path.parent().unwrap_or_else(|| Path::new(".")));
    }
    let bytes = fs::read(path).map_err(|error| unread(path, &error))?;
    parse(path, &bytes, unit).map_err(|fault| fault.of(path))
}

/// Reads the bytes of a file; `path` is its name.
///
/// # Errors
/// What is damaged, or of no known form.
pub fn parse(path: &Path, bytes: &[u8], unit: Unit) -> Result<Input, Fault> {
    let text = fault::text(bytes)?;
    let Some(kind) = Kind::of(path, text) else {
        let first = text.lines().next().unwrap_or_default();
        return Err(Fault::new(1, "a file of no known form", first, KNOWN));
    };
    let mut input = Input::new(path, kind);
    input.fill(text, unit)?;
    Ok(input)
}

const KNOWN: &str = "a run's folder, .hlog, .hgrm, or output of cyclictest, oslat, sfnt-pingpong, \
                     sfnt-stream, sockperf";

fn unread(path: &Path, error: &std::io::Error) -> Failure {
    let fields = format!("path={} error=\"{error}\"", path.display());
    Failure::new(Exit::Resource, "cannot be read", fields, "name a run's folder or a file")
}

/// A run's folder: the log for the counts, the summary for what they are of.
fn run(dir: &Path) -> Result<Input, Failure> {
    let path = dir.join("latency.hlog");
    let bytes = fs::read(&path).map_err(|error| unread(&path, &error))?;
    let text = fault::text(&bytes).map_err(|fault| fault.of(&path))?;
    let mut input = Input::new(dir, Kind::Run);
    if dir.join("summary.json").is_file() {
        input.summary = Some(super::read_summary(dir)?);
    } else {
        input.notes.push("the run has not ended, or was ended by force: no summary".into());
    }
    input.fill(text, Unit::Ns).map_err(|fault| fault.of(&path))?;
    let order = |series: &Series| {
        let stage = station::latency::Stage::ALL.iter().position(|s| s.name() == series.name);
        stage.unwrap_or(usize::MAX)
    };
    input.series.sort_by_key(order);
    for series in &mut input.series {
        let stage = station::latency::Stage::ALL.iter().find(|s| s.name() == series.name);
        if let Some(stage) = stage {
            let (from, to, clock) = stage.measures();
            series.about = format!("from: {from}; to: {to}; clock: {clock}");
        }
    }
    Ok(input)
}

impl Input {
    fn new(path: &Path, kind: Kind) -> Self {
        Self {
            path: path.to_owned(),
            kind,
            series: Vec::new(),
            notes: Vec::new(),
            log: None,
            summary: None,
        }
    }

    /// Whether its log says it is whole, or cannot tell.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.log.as_ref().is_none_or(|log| log.is_closed != Some(false))
    }

    /// A failure if its log was cut or is still being written.
    ///
    /// # Errors
    /// RESOURCE with the path.
    pub fn must_be_closed(&self) -> Result<(), Failure> {
        if self.is_closed() {
            return Ok(());
        }
        let fields = format!("path={}", self.path.display());
        let next = "wait for the run's end, or take what is there with --partial";
        Err(Failure::new(Exit::Resource, "the log has no last line", fields, next))
    }

    fn fill(&mut self, text: &str, unit: Unit) -> Result<(), Fault> {
        match self.kind {
            Kind::Run | Kind::Hlog => return self.log(text),
            Kind::Hgrm => {
                let counts = hgrm::parse(text, unit)?;
                let counted = Counted { is_upper_bound: true, ..Counted::whole(counts) };
                let name = self.path.file_stem().map(|n| n.to_string_lossy().into_owned());
                let about = "percentile rows: each figure is an upper bound";
                self.series = vec![Series::counted(name.unwrap_or_default(), about, counted)];
                self.notes.push(format!("{about}; {unit:?} taken as unit").to_lowercase());
            }
            Kind::Pingpong => self.pingpong(&sfnt::Table::parse(text)?),
            Kind::Stream => self.stream(&stream::Table::parse(text)?),
            Kind::RtJson => self.series = rt_tests::json::parse(text)?,
            Kind::CyclictestHistogram => self.series = rt_tests::text::histogram(text)?,
            Kind::Cyclictest => self.series = rt_tests::text::plain(text)?,
            Kind::Oslat => self.series = rt_tests::text::oslat(text)?,
            Kind::Sockperf => {
                self.series = sockperf::parse(text)?;
                if self.series.is_empty() {
                    self.notes.push("a throughput run or a server: it holds no latency".into());
                }
            }
            Kind::Iceoryx2 => self.series = sockperf::iceoryx2(text)?,
        }
        if self.series.iter().any(|series| series.about.starts_with("us, rounded down")) {
            self.notes.push("the file holds whole microseconds, rounded down".into());
        }
        let unseen = self.series.iter().filter_map(Series::as_counted).map(|c| c.unseen);
        let unseen = unseen.fold(0, u64::saturating_add);
        if unseen > 0 {
            self.notes.push(format!(
                "{unseen} samples lie above the last bucket: their values are \
                                     not known"
            ));
        }
        Ok(())
    }

    fn log(&mut self, text: &str) -> Result<(), Fault> {
        let log = Log::parse(text)?;
        let tags = log.by_tag().map_err(|why| {
            Fault::new(
                1,
                "rows of one tag have other cells",
                &why,
                "the same digits and least value",
            )
        })?;
        let series = tags.into_iter().map(|(tag, counts)| {
            let name = if tag.is_empty() { "untagged".to_owned() } else { tag };
            Series::counted(name, "", Counted::whole(counts))
        });
        self.series = series.collect();
        if log.is_closed == Some(false) {
            self.notes
                .push("the log has no last line: it was cut or is still being written".into());
        }
        self.log = Some(log);
        Ok(())
    }

    fn pingpong(&mut self, table: &sfnt::Table) {
        let header = &table.header;
        let told = match header.told_by {
            ToldBy::Header => "as its header says",
            ToldBy::CommandLine => "by its command line",
            ToldBy::Nobody => "assumed: the file does not tell",
        };
        let what = match header.reporting {
            Reporting::HalfRtt => "half round trips",
            Reporting::WholeRtt => "whole round trips",
        };
        self.notes.push(format!("the file prints {what}, {told}"));
        if table.is_whole.is_none() {
            self.notes.push("no command line in the file: a missing size would not show".into());
        }
        for row in &table.rows {
            let name = |kind: &str| format!("{} bytes, {kind}", row.size);
            let quantile = format!("p{}", header.percentile);
            let both = [("whole round trip", table.rtt_ns(row)), ("half", table.half_ns(row))];
            for (kind, row) in both.into_iter().filter_map(|(k, row)| row.map(|row| (k, row))) {
                self.told(
                    name(kind),
                    "",
                    Some(row.iter),
                    &[
                        ("min", row.min_ns),
                        ("mean", row.mean_ns),
                        ("p50", row.median_ns),
                        (&quantile, row.percentile_ns),
                        ("max", row.max_ns),
                    ],
                );
            }
            if header.rounds.is_none() {
                let about = "several messages a round: neither a round trip nor half of one";
                self.told(
                    name("a round"),
                    about,
                    Some(row.iter),
                    &[("min", row.min_ns), ("p50", row.median_ns), ("max", row.max_ns)],
                );
            }
        }
    }

    fn told(&mut self, name: String, about: &str, n: Option<u64>, figures: &[(&str, u64)]) {
        let figures = figures
            .iter()
            .filter_map(|(name, ns)| i64::try_from(*ns).ok().map(|ns| ((*name).to_owned(), ns)));
        let samples = Samples::Told { n, figures: figures.collect() };
        self.series.push(Series { name, about: about.to_owned(), samples });
    }

    fn stream(&mut self, table: &stream::Table) {
        self.notes.push("one way: the round trip less the mean way back; may be negative".into());
        if table.fell_behind {
            self.notes.push("the sender fell behind at the last rate".into());
        }
        let quantile = format!("p{}", table.header.percentile);
        for row in &table.rows {
            let names = ["mean", "min", "p50", "max", quantile.as_str()];
            let figures = names.into_iter().zip(row.latency_ns);
            let figures = figures.map(|(name, ns)| (name.to_owned(), ns)).collect();
            let samples = Samples::Told { n: Some(row.samples), figures };
            let [target, sent, _] = row.mps;
            let about = format!("sent {sent} a second; gaps, drops, out of order {:?}", row.gaps);
            self.series.push(Series { name: format!("{target} a second"), about, samples });
        }
    }
}
