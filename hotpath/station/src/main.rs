//! `corelane-engine`: one replay of the station, then exit.
//!
//! Owns the command line and the process edge: operator lines go to standard error, the summary
//! with `--json` to standard output, the exit code is one of `wire::exit`. Runs the bridge on its
//! main thread.

use clap::Parser;
use corelane_station::config::{Config, Overrides};
use corelane_station::operator::{Failure, Line, Operator, Stderr};
use corelane_station::{run, sys};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use venues::player::Speed;
use wire::exit::Exit;

/// Plays a recording through the whole station: edge, order loop, gate, simulated venue, bridge.
#[derive(Parser, Debug)]
#[command(name = "corelane-engine", version, arg_required_else_help = true)]
struct Args {
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Folder for this run; a fresh one under `[record] dir` without it.
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// Speed instead of `data.speed`: `max`, or a number such as 1, 8 or 0.5.
    #[arg(long, value_name = "SPEED")]
    speed: Option<Speed>,
    /// Recording instead of `data.recording`.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Only the strategy of this name.
    #[arg(long, value_name = "NAME")]
    strategy: Option<String>,
    /// Say nothing but failures.
    #[arg(long)]
    quiet: bool,
    /// Print the summary as JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// Takes notes and drops them.
struct Nobody;

impl Operator for Nobody {
    fn say(&mut self, _line: &str) {}
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
    match session(&args) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            Stderr.say(&failure.to_string());
            failure.exit.into()
        }
    }
}

fn session(args: &Args) -> Result<Exit, Failure> {
    sys::catch_stop_signals().map_err(|error| {
        let fields = format!("error=\"{error}\"");
        Failure::new(Exit::Host, "stop signals cannot be caught", fields, "check the sandbox")
    })?;
    let overrides = Overrides {
        recording: args.data.clone(),
        speed: args.speed,
        strategy: args.strategy.clone(),
        ..Overrides::default()
    };
    let config = Config::load(&args.config, &overrides)?;
    let operator: &mut dyn Operator = if args.quiet { &mut Nobody } else { &mut Stderr };
    let outcome = run::replay(&config, args.run_dir.as_deref(), operator)?;
    for line in &outcome.lines {
        Stderr.say(&line.with_code(outcome.exit.name()));
    }
    if args.json {
        // A closed pipe leaves nobody to tell; the same text is in summary.json.
        let _ = writeln!(std::io::stdout().lock(), "{}", outcome.summary);
    }
    if !args.quiet {
        let number = |key: &str| outcome.summary[key].to_string();
        let fields = format!(
            "events={} orders={} fills={} denied={} state_hash={} summary={}",
            number("events"),
            number("orders"),
            number("fills"),
            number("denied_total"),
            outcome.summary["state_hash"].as_str().unwrap_or_default(),
            outcome.run_dir.join("summary.json").display()
        );
        Stderr.say(&Line::new("session ended", fields, "").with_code(outcome.exit.name()));
    }
    Ok(outcome.exit)
}
