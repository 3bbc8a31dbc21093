//! The command line of `corelane train`, in words. Runs once; decides nothing.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `corelane train ...`.
#[derive(Debug, Subcommand)]
pub enum TrainCommand {
    /// Fine-tune the serving model on the day's journals, and let it be replaced only by a better one.
    ///
    /// Gathers the day's journals, writes feature files, starts the training script, scores candidate
    /// and incumbent on held-out time, judges, promotes where the rule says so, and archives the
    /// night. A start again goes on after the last stage that was finished.
    Nightly(NightlyArgs),
}

/// `corelane train nightly`.
#[derive(Args, Debug)]
pub struct NightlyArgs {
    /// Configuration file.
    #[arg(long, value_name = "FILE", default_value = "config/nightly.toml")]
    pub config: PathBuf,
    /// Name of the night, the UTC date of its runs (`2026-11-25`); that of twelve hours ago without
    /// it.
    #[arg(long, value_name = "NIGHT")]
    pub night: Option<String>,
    /// Throw away what an unfinished night of this name has so far.
    #[arg(long)]
    pub anew: bool,
    /// The instant the calendar is asked about, RFC 3339; now without it.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Folders of runs to learn from; without any those of `[data] runs` that began on the night's
    /// date.
    #[arg(value_name = "RUNDIR")]
    pub runs: Vec<PathBuf>,
}
