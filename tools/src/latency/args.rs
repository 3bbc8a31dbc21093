//! The command line of `corelane latency`. Decides nothing.

use super::hgrm::Unit;
use clap::Subcommand;
use std::path::PathBuf;

/// `corelane latency ...`.
#[derive(Debug, Subcommand)]
pub enum LatencyCommand {
    /// Print the percentiles of runs and files, or write them as one page that stands alone.
    ///
    /// Takes run folders, `.hlog` and `.hgrm` files, and outputs of cyclictest, oslat,
    /// sfnt-pingpong, sfnt-stream and sockperf.
    Report {
        /// Folders of runs, or files.
        #[arg(required = true, value_name = "RUN|FILE")]
        inputs: Vec<PathBuf>,
        /// Print one JSON object.
        #[arg(long, conflicts_with = "out")]
        json: bool,
        /// Write a page here instead: curves, stages, worst moments, host and configuration.
        #[arg(short, long, value_name = "FILE.html")]
        out: Option<PathBuf>,
        /// What a value of 1.000 in a `.hgrm` file is.
        #[arg(long, value_enum, default_value = "ns")]
        unit: Unit,
    },
    /// Put several logs, or several percentile files, into one.
    Merge {
        /// `.hlog` files and folders of runs, or `.hgrm` files; never both.
        #[arg(required = true, value_name = "RUN|FILE")]
        inputs: Vec<PathBuf>,
        /// File to write: `.hlog` keeps every interval, `.hgrm` is the sum of one stage.
        #[arg(short, long, value_name = "FILE")]
        out: PathBuf,
        /// The stage a `.hgrm` file is to be of; may be left out where there is one.
        #[arg(long, value_name = "NAME")]
        stage: Option<String>,
        /// Take logs too that were cut or are still being written.
        #[arg(long)]
        partial: bool,
        /// What a value of 1.000 in a `.hgrm` file is.
        #[arg(long, value_enum, default_value = "ns")]
        unit: Unit,
    },
    /// Say whether B is slower than A, quantile by quantile, with a bootstrap interval.
    ///
    /// Exit 0: faster or the same. 31: slower. 3: inconclusive. A quantile is compared where both
    /// sides have ten samples beyond it.
    Compare {
        /// Before: folder of a run, or a file with counts.
        #[arg(value_name = "A")]
        before: PathBuf,
        /// After.
        #[arg(value_name = "B")]
        after: PathBuf,
        /// Only this stage.
        #[arg(long, value_name = "NAME")]
        stage: Option<String>,
        /// Change that counts as none, per cent.
        #[arg(long, value_name = "PERCENT", default_value = "2", value_parser = percent)]
        tolerance: f64,
        /// Seed of the bootstrap: the same seed, the same figures.
        #[arg(long, value_name = "N", default_value_t = 1)]
        seed: u64,
        /// Take logs too that were cut or are still being written.
        #[arg(long)]
        partial: bool,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
        /// What a value of 1.000 in a `.hgrm` file is.
        #[arg(long, value_enum, default_value = "ns")]
        unit: Unit,
    },
    /// Follow the latencies of a run while it writes them. Ends with the run, or with q or Ctrl-C.
    Watch {
        /// Folder of a run.
        run_dir: PathBuf,
    },
}

fn percent(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "a number")?;
    if (0.0..=100.0).contains(&value) { Ok(value) } else { Err("0 to 100".into()) }
}
