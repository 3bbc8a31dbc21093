//! The command line of `corelane calendar`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `corelane calendar ...`.
#[derive(Debug, Subcommand)]
pub enum CalendarCommand {
    /// Print the window at an instant, what is resident, the next change and those that follow.
    Show(CalendarShowArgs),
    /// Follow the calendar: at each change of the window MAINTENANCE, swap, verification, LIVE.
    Run(CalendarRunArgs),
}

/// `corelane calendar run`.
#[derive(Args, Debug)]
pub struct CalendarRunArgs {
    /// File that names the calendar, the station and its sidecars.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Lead to the window of now, and end.
    #[arg(long, conflicts_with = "until")]
    pub once: bool,
    /// End at this instant, RFC 3339 (`2026-11-27T17:00:00Z`); without it never.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// LIVE may follow the first change, whoever took the station out of it.
    #[arg(long)]
    pub live: bool,
    /// Print each change as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `corelane calendar show`.
#[derive(Args, Debug)]
pub struct CalendarShowArgs {
    /// Calendar file.
    #[arg(long, value_name = "FILE", default_value = "config/calendar.toml")]
    pub calendar: PathBuf,
    /// The instant, RFC 3339 (`2026-11-27T17:00:00Z`); now without it.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// List the changes of so many days from the instant on.
    #[arg(long, value_name = "N", default_value_t = 7,
          value_parser = clap::value_parser!(u16).range(1..=1_100))]
    pub days: u16,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}
