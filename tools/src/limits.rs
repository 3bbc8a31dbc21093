//! `corelane limits`: checks, signs and verifies limits files, away from any engine.
//!
//! Must never: sign a file that has a problem, or print a private key.

use crate::cli::LimitsCommand;
use crate::output::Output;
use station::config::{Config, Overrides};
use station::limits::{LimitsFile, sign};
use station::operator::Failure;
use std::path::Path;

/// Runs the command.
///
/// # Errors
/// A [`Failure`] with one line for each problem.
pub fn limits(command: &LimitsCommand) -> Result<(), Failure> {
    let mut out = Output::stdout();
    match command {
        LimitsCommand::Check { file, config } => {
            let limits = check(file, config.as_deref())?;
            let symbols: Vec<_> = limits.symbols.iter().map(|row| row.name.as_str()).collect();
            out.line(format_args!(
                "OK {}: epoch={} sha256={} rows: firm, {} venues, {} strategies, {} symbols ({})",
                file.display(),
                limits.epoch,
                limits.sha256_text(),
                limits.venues.len(),
                limits.strategies.len(),
                symbols.len(),
                symbols.join(", ")
            ))?;
        }
        LimitsCommand::Keygen { out: folder } => {
            let (private, public) = sign::keygen(folder)?;
            out.line(format_args!("private key: {}", private.display()))?;
            out.line(format_args!("public key:  {}", public.display()))?;
        }
        LimitsCommand::Sign { key, file } => {
            let limits = LimitsFile::load(file)?;
            let signature = sign::sign(key, &limits)?;
            let (epoch, sha256) = (limits.epoch, limits.sha256_text());
            out.line(format_args!(
                "signed {}: epoch={epoch} sha256={sha256} signature={}",
                file.display(),
                signature.display()
            ))?;
        }
        LimitsCommand::Verify { public_key, file } => {
            let limits = LimitsFile::load(file)?;
            sign::PublicKey::read(public_key)?.verify(&limits)?;
            let (epoch, sha256) = (limits.epoch, limits.sha256_text());
            out.line(format_args!("OK {}: epoch={epoch} sha256={sha256}", file.display()))?;
        }
    }
    out.finish()
}

/// A limits file without a problem; joined with what a configuration and its recording name.
fn check(file: &Path, config: Option<&Path>) -> Result<LimitsFile, Failure> {
    let Some(config) = config else { return LimitsFile::load(file) };
    let overrides = Overrides { limits: Some(file.to_owned()), ..Overrides::default() };
    let config = Config::load(config, &overrides)?;
    station::prepare::prepare(&config)?;
    Ok(config.limits_file)
}
