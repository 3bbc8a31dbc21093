//! `corelane doctor`: is this box fit to trade on?
//!
//! Owns the command's form; the checks are crate `isolation`'s. Must never: write to the host, start
//! a program, open the network, need root. Its exit status is `isolation::Exit`, not `wire::exit`.

use crate::output::Output;
use clap::{Args, ValueEnum};
use isolation::{Host, Plan, Profile, Report};
use station::operator::Failure;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wire::exit::Exit;

/// `corelane doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// What the host is to be fit for.
    #[arg(long, value_enum, default_value = "live")]
    pub profile: ProfileName,
    /// Print one JSON object: version, counts, and `checks`, each with `id` and `status`.
    #[arg(long, conflicts_with = "explain")]
    pub json: bool,
    /// Look at a captured tree instead of this host.
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Which CPUs are hot, which card trades (default: hot is what the host isolates).
    #[arg(long, value_name = "FILE")]
    pub topology: Option<PathBuf>,
    /// Say all of one check (`I01`) and look at nothing.
    #[arg(long, value_name = "ID")]
    pub explain: Option<String>,
}

/// A profile, as it is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ProfileName {
    /// Trading with money.
    Live,
    /// Trading on paper.
    Paper,
    /// Building and testing.
    Dev,
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Live => Self::Live,
            ProfileName::Paper => Self::Paper,
            ProfileName::Dev => Self::Dev,
        }
    }
}

/// Runs the command and gives its exit status: 0 good, 1 warnings, 2 failures, 3 not judged.
///
/// # Errors
/// ARGUMENTS for an unknown check, CONFIGURATION for a topology that cannot be, RESOURCE for a file or
/// folder that cannot be read.
pub fn doctor(args: &DoctorArgs) -> Result<ExitCode, Failure> {
    let mut out = Output::stdout();
    if let Some(id) = &args.explain {
        out.write(explain(id)?.as_bytes())?;
        out.finish()?;
        return Ok(ExitCode::SUCCESS);
    }
    let host = match &args.root {
        None => Host::live(),
        Some(root) => Host::at(root).map_err(|error| unread(root, &error))?,
    };
    let plan = match &args.topology {
        None => Plan::of(&host),
        Some(path) => topology(path)?,
    };
    let report = isolation::examine(&host, &plan, args.profile.into());
    out.write(shown(&report, args.json).as_bytes())?;
    out.finish()?;
    Ok(ExitCode::from(report.exit))
}

fn shown(report: &Report, is_json: bool) -> String {
    if is_json { format!("{}\n", report.to_json()) } else { report.to_text() }
}

fn explain(id: &str) -> Result<String, Failure> {
    let check = isolation::all().find(|check| check.id.eq_ignore_ascii_case(id));
    check.map(isolation::Check::explained).ok_or_else(|| {
        let next = "`corelane doctor` lists every check";
        Failure::new(Exit::Arguments, "unknown check", format!("id={id}"), next)
    })
}

fn topology(path: &Path) -> Result<Plan, Failure> {
    let text = fs::read_to_string(path).map_err(|error| unread(path, &error))?;
    Plan::from_toml(&text).map_err(|error| {
        let fields = format!("file={} {error}", path.display());
        Failure::new(Exit::Configuration, "topology cannot be", fields, "correct the file")
    })
}

fn unread(path: &Path, error: &std::io::Error) -> Failure {
    let fields = format!("path={} error=\"{error}\"", path.display());
    Failure::new(Exit::Resource, "cannot be read", fields, "name a path that can")
}
