//! `corelane config`: is a configuration sound, and what does a key mean?
//!
//! `check` hands each file to the loader of the program that reads it and says all it finds; `keys`
//! is the table behind `explain`. Must never: judge a file by rules of its own, change one, or start
//! a program.

mod check;
mod explain;
pub mod keys;

pub use check::{kind_of, load};

use clap::Subcommand;
use station::operator::Failure;
use std::path::PathBuf;

/// `corelane config ...`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// List every problem of station, limits, topology, calendar and nightly files.
    ///
    /// Each file goes through the loader of the program that reads it; a station's file with the
    /// limits, the recording and the model it names. Exit 0, or 11 where something is not as it may
    /// be.
    Check {
        /// Files, or folders whose TOML files are meant.
        #[arg(value_name = "FILE", default_value = "config")]
        files: Vec<PathBuf>,
    },
    /// Say what a key is, its unit, what is allowed, its default, and who reads it.
    Explain {
        /// The key, such as `signal.standby`, `limits.max_long_lots` or `symbol.BTCUSDT.fx`; without
        /// one, every key on a line.
        key: Option<String>,
    },
}

/// Runs the command.
///
/// # Errors
/// CONFIGURATION where a file is not as it may be, ARGUMENTS for a key there is not.
pub fn config(command: &ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Check { files } => check::check(files),
        ConfigCommand::Explain { key: Some(key) } => explain::explain(key),
        ConfigCommand::Explain { key: None } => explain::list(),
    }
}
