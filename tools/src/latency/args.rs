//! The command line of `corelane latency`. Decides nothing.

use super::hgrm::Unit;
use clap::Subcommand;
use std::path::PathBuf;

/// `corelane latency ...`.
#[derive(Debug, Subcommand)]
pub enum LatencyCommand {
    /// Print the percentiles of runs and files.
    ///
    /// Takes run folders, `.hlog` and `.hgrm` files, and outputs of cyclictest, oslat, sfnt-pingpong,
    /// sfnt-stream and sockperf.
    Report {
        /// Folders of runs, or files.
        #[arg(required = true, value_name = "RUN|FILE")]
        inputs: Vec<PathBuf>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
        /// What a value of 1.000 in a `.hgrm` file is.
        #[arg(long, value_enum, default_value = "ns")]
        unit: Unit,
    },
}
