//! `corelane`: reads the command line, runs one command, turns its failure into lines and an exit
//! code of `wire::exit`.

use clap::Parser;
use corelane_tools as tools;
use corelane_tools::cli::{Cli, Command};
use station::config::Overrides;
use station::operator::Failure;
use std::io::Write;
use std::process::ExitCode;
use wire::exit::Exit;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not failures.
            let exit = if error.use_stderr() { Exit::Arguments } else { Exit::Clean };
            // A closed terminal leaves nobody to tell.
            let _ = error.print();
            return exit.into();
        }
    };
    match run(cli.command) {
        Ok(code) => code,
        Err(failure) => {
            if !failure.lines.is_empty() {
                let _ = writeln!(std::io::stderr().lock(), "{failure}");
            }
            failure.exit.into()
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    let done = match command {
        // The doctor's exit status is an enum of its own.
        Command::Doctor(args) => return tools::host::doctor(&args),
        // The verdict of a comparison has a status of its own: inconclusive.
        Command::Latency { command } => return tools::latency::latency(&command),
        Command::Pingpong(args) => tools::pingpong::pingpong(&args),
        Command::Jitter(args) => tools::jitter::jitter(&args),
        Command::Run(args) => tools::run::run(&args.config, &Overrides::default(), args.show),
        Command::Replay(args) => {
            let overrides =
                Overrides { recording: args.data, speed: args.speed, ..Overrides::default() };
            tools::run::run(&args.config, &overrides, args.show)
        }
        Command::Backtest(args) => tools::backtest::backtest(&args),
        Command::New { command } => tools::new::new(&command),
        Command::Import(args) => tools::import::command(&args),
        Command::Print(args) => tools::print::print(&args),
        Command::Book(args) => tools::book::book(&args),
        Command::Features(args) => tools::features::features(&args),
        Command::Export(args) => tools::export::export(&args),
        Command::Explain(args) => tools::explain::explain(&args),
        Command::Verify(args) => tools::verify::verify(&args),
        Command::Audit(args) => tools::audit::audit(&args),
        Command::Ctl(args) => tools::ctl::ctl(&args),
        Command::Limits { command } => tools::limits::limits(&command),
        Command::Config { command } => tools::config::config(&command),
        Command::Init(args) => tools::init::init(&args),
        Command::Top(args) => tools::top::top(&args),
        Command::Calendar { command } => tools::calendar::show::calendar(&command),
        Command::Agents { command } => tools::agents::agents(&command),
        Command::Models(args) => tools::models::models(&args),
        Command::Train { command } => tools::nightly::train(&command),
        Command::Isolate(args) => tools::isolate::isolate(&args),
        Command::Signal { command } => tools::doctor::signal(&command),
    };
    done.map(|()| Exit::Clean.into())
}
