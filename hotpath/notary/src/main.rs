//! `corelane-notary`: re-computes a journal's chain head and signs checkpoints of it, as a process
//! of its own, with a key the engine cannot read.
//!
//! Owns the command line and the process edge. Must never: write to the journal, sign what is not
//! shown to be on the disk, show its key, or touch the network. Its main thread follows and signs;
//! each anchor has a thread. Allocates.

mod anchor;
mod error;
mod follow;
mod key;
mod log;
mod notary;
mod record;
mod sys;

use clap::Parser;
use error::NotaryError;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use wire::exit::Exit;

/// Signs checkpoints of a run's journal, and publishes them outside it.
///
/// The key is one line of hex, as `corelane limits keygen` writes it, in a file nobody else can
/// read. Checkpoints go to RUNDIR/checkpoints.clk, then to every anchor. Ends when the journal was
/// closed in good order, and on SIGTERM.
#[derive(Parser, Debug)]
#[command(name = "corelane-notary", version, arg_required_else_help = true)]
struct Args {
    /// Folder of the run.
    #[arg(long, value_name = "DIR")]
    run_dir: PathBuf,
    /// Private key; without it `$CREDENTIALS_DIRECTORY/notary-key`, where systemd's
    /// `LoadCredential` puts it.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// A file outside the journal that gets every checkpoint too (repeatable); of a folder, the
    /// file INSTANCE.clk in it.
    #[arg(long, value_name = "FILE")]
    anchor: Vec<PathBuf>,
    /// Least time between two checkpoints, milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 1_000,
          value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    every_ms: u64,
    /// Records after which a checkpoint is signed before its time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    every_records: Option<u64>,
    /// Sign what is there and end.
    #[arg(long)]
    once: bool,
    /// Ends when the process that started this one ends.
    #[arg(long)]
    shutdown_with_parent: bool,
}

/// One line for the operator.
pub(crate) fn say(line: &str) {
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version are answers, not failures.
            let exit = if error.use_stderr() { Exit::Arguments } else { Exit::Clean };
            // A closed terminal leaves nobody to tell.
            let _ = error.print();
            return exit.into();
        }
    };
    match serve(args) {
        Ok(()) => Exit::Clean.into(),
        Err(error) => {
            say(&error.operator_line());
            error.exit().into()
        }
    }
}

fn serve(args: Args) -> Result<(), NotaryError> {
    let system = |call| move |source| NotaryError::System { call, source };
    sys::keep_memory_private().map_err(system("prctl"))?;
    sys::catch_end_signals().map_err(system("sigaction"))?;
    if args.shutdown_with_parent {
        sys::end_with_parent().map_err(system("prctl"))?;
    }
    let key = key::load(args.key.as_deref())?;
    let options = notary::Options {
        run_dir: args.run_dir,
        anchors: args.anchor,
        every_ms: args.every_ms,
        every_records: args.every_records.unwrap_or(u64::MAX),
        once: args.once,
    };
    notary::run(options, key)
}
