//! The soak: the bundled recording played again and again through the real programs, while what
//! they hold is looked at from outside.
//!
//! Owns the order of it: recording, configuration, session, looks, then audit and verify. Must
//! never: be linked into anything that trades, or judge by a time. What it is about: a station that
//! runs for weeks holds no more at the end than after its first minutes, and its loop never asks for
//! memory. Runs beside other work; allocates.

pub mod judge;
pub mod looped;
pub mod slope;
mod station;
pub mod watch;

use judge::{Row, Seen, Verdict};
use station::Station;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use watch::{PROCESSES, Sample};

/// What to soak, and for how long.
#[derive(Clone, Debug)]
pub struct Options {
    /// The repository.
    pub root: PathBuf,
    /// Folder of the programs.
    pub programs: PathBuf,
    /// Folder for everything that is written; made if it is not there.
    pub dir: PathBuf,
    /// Speed as the configuration takes it: a number, or `"max"` with its quotes.
    pub speed: String,
    /// Rounds of the recording.
    pub rounds: u64,
    /// Time between two looks.
    pub every: Duration,
    /// Whether slopes are judged.
    pub slopes: bool,
}

/// The bundled recording, below the repository.
pub const RECORDING: &str = "config/demo/btcusdt-20240809.clrec";

/// Plays, looks and judges. The rows of the table.
///
/// # Errors
/// In words: what could not be built, started or read. What did not hold is in the rows.
pub fn soak(options: &Options, told: &mut dyn FnMut(&Sample)) -> Result<Vec<Row>, String> {
    let Options { root, programs, dir, speed, rounds, every, slopes } = options;
    let station = Station { programs: programs.clone(), root: root.clone(), dir: dir.clone() };
    station.check()?;
    fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let recording = dir.join("looped.clrec");
    let looped = looped::write(&root.join(RECORDING), &recording, *rounds)?;
    let config = station.configure(&recording, speed, *rounds)?;
    let played = station.play(&config, *every, told)?;
    station::write(&dir.join("samples.csv"), &csv(&played.samples))?;
    let mut rows = vec![
        Row::shown("session", format!("{} rounds, {} events", looped.rounds, looped.events)),
        Row::held(played.status.success(), "exit", played.status.to_string(), "clean"),
    ];
    let audit = station.audit(&played.run_dir)?;
    let segments = audit["segments"].as_u64().unwrap_or(0);
    rows.extend(Seen { samples: &played.samples, slopes: *slopes, segments }.judge());
    let summary = summary(&played.run_dir)?;
    rows.extend(judge::afterwards(&audit, &station.verify(&played.run_dir)?, &summary));
    Ok(rows)
}

fn summary(run_dir: &Path) -> Result<serde_json::Value, String> {
    let path = run_dir.join("summary.json");
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
}

/// Every look, for whoever wants to draw it.
fn csv(samples: &[Sample]) -> String {
    let mut text = "seconds,events,loop_allocations,loop_faults,segments".to_owned();
    for name in PROCESSES {
        let _ = write!(text, ",{name}_anonymous_kib,{name}_mapped_kib,{name}_files,{name}_threads");
    }
    for sample in samples {
        let events = sample.counter(wire::counters::Counter::LoopMarketEvents);
        let made = sample.loop_allocations.map_or_else(String::new, |made| made.to_string());
        let Sample { seconds, loop_faults, segments, .. } = sample;
        let _ = write!(text, "\n{seconds:.3},{events},{made},{loop_faults},{segments}");
        for process in sample.processes.map(Option::unwrap_or_default) {
            let watch::Process { anonymous_kib, mapped_kib, files, threads, .. } = process;
            let _ = write!(text, ",{anonymous_kib},{mapped_kib},{files},{threads}");
        }
    }
    text + "\n"
}

/// The rows as one table.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let widest = |of: fn(&Row) -> &String| rows.iter().map(|row| of(row).len()).max().unwrap_or(0);
    let (what, found) = (widest(|row| &row.what), widest(|row| &row.found));
    let mut text = String::new();
    for row in rows {
        let verdict = match row.verdict {
            Verdict::Held => "ok",
            Verdict::Failed => "FAILED",
            Verdict::Shown => "",
        };
        let line = format!("{:what$}  {:found$}  {verdict:6}  {}", row.what, row.found, row.bound);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}
