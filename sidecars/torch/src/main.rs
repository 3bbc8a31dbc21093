//! `corelane-torch`: serves one TorchScript model on one Unix socket until SIGTERM, as
//! `corelane-signal` serves ONNX.
//!
//! Owns its command line and exit code. Must never: read a configuration file, open a network socket,
//! or compute with anything but libtorch.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the program's own lines")]

use clap::Parser;
use clap::error::ErrorKind;
use corelane_torch::{PROVIDER, Torch};
use signal::ModelError;
use signal::backend::Backend as _;
use signal::model::Model;
use signal::program::{ServerArgs, Started, serve};
use std::path::Path;
use std::process::ExitCode;
use std::sync::OnceLock;
use wire::exit::Exit;

/// Serves a TorchScript model to Corelane's engine on a Unix socket.
#[derive(Debug, Parser)]
#[command(name = "corelane-torch")]
struct Args {
    #[command(flatten)]
    server: ServerArgs,
}

static TORCH: OnceLock<Torch> = OnceLock::new();

fn start() -> Result<&'static Torch, ModelError> {
    let torch = Torch::start()?;
    Ok(TORCH.get_or_init(|| torch))
}

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Nowhere to say it if the terminal is gone.
            let _unsaid = error.print();
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked { Exit::Clean } else { Exit::Arguments }.into();
        }
    };
    let outcome = if args.server.doctor {
        doctor(args.server.model.as_deref()).map(|said| println!("{said}"))
    } else {
        let started = || Ok(Started { backend: start()?, fallback: None, on_cpu: None });
        serve("corelane-torch", &args.server, |policy| policy, started)
    };
    match outcome {
        Ok(()) => Exit::Clean.into(),
        Err(error) => {
            eprintln!("{}", error.operator_line());
            error.exit().into()
        }
    }
}

/// One line: what is live, and the model's golden vectors where one is named.
fn doctor(model: Option<&Path>) -> Result<String, ModelError> {
    let torch = start()?;
    let build = torch.build_info();
    let Some(dir) = model else { return Ok(format!("{PROVIDER} is usable: {build}")) };
    let model = Model::load(dir, torch)?;
    Ok(format!(
        "loads {} of the model and reproduces its golden vectors, largest difference {:e}; {build}",
        corelane_torch::FILE,
        model.golden_difference()
    ))
}
