//! `corelane signal doctor`: which model back ends work here, which is live, and why. Hands the other
//! commands of `corelane signal` on.

use crate::cli::SignalCommand;
use crate::output::Output;
use signal::{BackendChoice, RuntimeOptions};
use station::operator::Failure;
use wire::exit::Exit;

/// Runs the command.
///
/// # Errors
/// ARGUMENTS for an unknown back end; the report's own exit code where the model cannot be served.
pub fn signal(command: &SignalCommand) -> Result<(), Failure> {
    let (model, backend, json) = match command {
        SignalCommand::Doctor { model, backend, json } => (model, backend, json),
        SignalCommand::Memory { gpu, json } => return crate::memory::memory(*gpu, *json),
    };
    let choice = BackendChoice::from_name(backend).ok_or_else(|| {
        Failure::new(
            Exit::Arguments,
            "unknown back end",
            format!("backend={backend} allowed={}", BackendChoice::NAMES),
            "name one of the allowed back ends with --backend",
        )
    })?;
    let report = signal::doctor::doctor(&RuntimeOptions::from_environment(choice), Some(model));
    let mut out = Output::stdout();
    let text = match serde_json::to_string_pretty(&report) {
        Ok(text) if *json => text + "\n",
        _ => report.text(),
    };
    out.write(text.as_bytes())?;
    out.finish()?;
    match Exit::from_code(i32::from(report.exit_code)) {
        Some(Exit::Clean) | None => Ok(()),
        // The report says why.
        Some(exit) => Err(Failure { exit, lines: Vec::new() }),
    }
}
