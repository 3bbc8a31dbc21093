//! `corelane doctor`: is this box fit to trade on?
//!
//! Owns the command's form; the checks are crate `isolation`'s. Must never: write to the host,
//! start a program, open the network, need root. The doctor's exit status is `isolation::Exit`, not
//! `wire::exit`; the gate's is `wire::exit`, for it stands before a process of ours.

use crate::output::Output;
use clap::{Args, Subcommand, ValueEnum};
use isolation::{Gpu, Host, Plan, Profile, Report, Tree};
use station::operator::Failure;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use wire::exit::Exit;

/// `corelane doctor`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DoctorArgs {
    /// Something else than the report.
    #[command(subcommand)]
    pub command: Option<DoctorCommand>,
    /// What the host is to be fit for, and where it is.
    #[command(flatten)]
    pub subject: Subject,
    /// How to print.
    #[command(flatten)]
    pub form: FormArgs,
    /// Say all of one check (`I01`) and look at nothing.
    #[arg(long, value_name = "ID", conflicts_with = "form")]
    pub explain: Option<String>,
}

/// The form of the report.
#[derive(Args, Clone, Copy, Debug)]
#[group(id = "form", multiple = false)]
#[expect(clippy::struct_excessive_bools, reason = "one flag a form, of which the group takes one")]
pub struct FormArgs {
    /// Print one JSON object: version, counts, and `checks`, each with `id` and `status`.
    #[arg(long)]
    pub json: bool,
    /// Print Markdown: plan, persisted and live values side by side.
    #[arg(long)]
    pub md: bool,
    /// Print XML as `JUnit` has it.
    #[arg(long)]
    pub junit: bool,
    /// Print the text file of Prometheus' node exporter.
    #[arg(long)]
    pub prometheus: bool,
}

/// What is looked at, and for what.
#[derive(Args, Debug)]
pub struct Subject {
    /// What the host is to be fit for.
    #[arg(long, value_enum, default_value = "live")]
    pub profile: ProfileName,
    /// Look at a captured tree instead of this host: a folder, or a snapshot as it was written.
    #[arg(long, value_name = "DIR|TAR")]
    pub root: Option<PathBuf>,
    /// Which CPUs are hot, which card trades (default: hot is what the host isolates).
    #[arg(long, value_name = "FILE")]
    pub topology: Option<PathBuf>,
    /// Watch counters for so long: interrupts, switches and SMIs on hot CPUs.
    #[arg(long, value_name = "SECONDS", default_value_t = 0,
          value_parser = clap::value_parser!(u64).range(0..=3_600), conflicts_with = "root")]
    pub watch: u64,
}

/// `corelane doctor ...`.
#[derive(Debug, Subcommand)]
pub enum DoctorCommand {
    /// Write all that the checks read of this host into a tar archive, for another machine to
    /// judge.
    ///
    /// No address, serial number, key or password is in it: files that may hold one are cut to the
    /// lines that checks know.
    Snapshot {
        /// Where to.
        #[arg(short, long, value_name = "TAR")]
        output: PathBuf,
        /// Which CPUs are hot, which card trades.
        #[arg(long, value_name = "FILE")]
        topology: Option<PathBuf>,
    },
    /// Exit 12 unless the host is as the profile says; one line a check that is not.
    ///
    /// For a unit's `ExecStartPre`. Under live a setting that fails, two that defeat each other, or
    /// one that must be good and could not be read closes the gate; under paper and dev nothing
    /// does.
    Gate {
        /// What the host is to be fit for, and where it is.
        #[command(flatten)]
        subject: Subject,
    },
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
/// ARGUMENTS for an unknown check, CONFIGURATION for a topology that cannot be, RESOURCE for a file
/// or folder that cannot be read or written, HOST for a closed gate.
pub fn doctor(args: &DoctorArgs) -> Result<ExitCode, Failure> {
    match &args.command {
        Some(DoctorCommand::Snapshot { output, topology }) => {
            snapshot(output, topology.as_deref())?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(DoctorCommand::Gate { subject }) => {
            gate(subject)?;
            return Ok(ExitCode::SUCCESS);
        }
        None => {}
    }
    if let Some(id) = &args.explain {
        print(&explain(id)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = examined(&args.subject)?;
    print(&shown(&report, args.form))?;
    Ok(ExitCode::from(report.exit))
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = Output::stdout();
    out.write(text.as_bytes())?;
    out.finish()
}

fn examined(subject: &Subject) -> Result<Report, Failure> {
    let mut host = match &subject.root {
        None => Host::live(),
        Some(root) => captured(root)?,
    };
    let plan = planned(&host, subject.topology.as_deref())?;
    isolation::ask(&mut host, Duration::from_secs(subject.watch), Gpu::Ask);
    Ok(isolation::examine(&host, &plan, subject.profile.into()))
}

fn captured(root: &Path) -> Result<Host, Failure> {
    if root.is_dir() {
        return Host::at(root).map_err(|error| unread(root, &error));
    }
    let tar = fs::read(root).map_err(|error| unread(root, &error))?;
    let tree = Tree::from_tar(&tar).map_err(|error| {
        let fields = format!("path={} error=\"{error}\"", root.display());
        let next = "name a folder, or an archive of `corelane doctor snapshot`";
        Failure::new(Exit::Resource, "no snapshot", fields, next)
    })?;
    Ok(Host::in_tree(tree))
}

fn planned(host: &Host, topology: Option<&Path>) -> Result<Plan, Failure> {
    let Some(path) = topology else { return Ok(Plan::of(host)) };
    station::doctor::topology(path)
}

fn shown(report: &Report, form: FormArgs) -> String {
    match form {
        FormArgs { json: true, .. } => format!("{}\n", report.to_json()),
        FormArgs { md: true, .. } => report.to_md(),
        FormArgs { junit: true, .. } => report.to_junit(),
        FormArgs { prometheus: true, .. } => report.to_prometheus(),
        FormArgs { .. } => report.to_text(),
    }
}

fn explain(id: &str) -> Result<String, Failure> {
    let check = isolation::all().find(|check| check.id.eq_ignore_ascii_case(id));
    check.map(isolation::Check::explained).ok_or_else(|| {
        let next = "`corelane doctor` lists every check";
        Failure::new(Exit::Arguments, "unknown check", format!("id={id}"), next)
    })
}

fn snapshot(output: &Path, topology: Option<&Path>) -> Result<(), Failure> {
    let mut host = Host::live();
    let plan = planned(&host, topology)?;
    isolation::ask(&mut host, Duration::ZERO, Gpu::Ask);
    let (_, tree) = isolation::snapshot(host, &plan, Profile::Live);
    let tar = tree.to_tar().map_err(|error| {
        let fields = format!("path={} error=\"{error}\"", output.display());
        Failure::new(Exit::Resource, "snapshot cannot be written", fields, "report the path")
    })?;
    let mut file = Output::file(output)?;
    file.write(&tar)?;
    file.finish()
}

fn gate(subject: &Subject) -> Result<(), Failure> {
    let report = examined(subject)?;
    let is_closed = |finding: &&isolation::Finding| {
        report.fails(finding) || report.profile == Profile::Live && report.errs(finding)
    };
    let closed: Vec<String> = report
        .checks
        .iter()
        .filter(is_closed)
        .map(|finding| {
            format!("{} {} {}: {}", finding.status.name(), finding.id, finding.name, finding.said())
        })
        .collect();
    if closed.is_empty() {
        return Ok(());
    }
    print(&format!("{}\n", closed.join("\n")))?;
    let fields = format!("profile={} checks={}", report.profile.name(), closed.len());
    let next = "`corelane doctor` says what to do about each";
    Err(Failure::new(Exit::Host, "host is not as the profile says", fields, next))
}

fn unread(path: &Path, error: &std::io::Error) -> Failure {
    let fields = format!("path={} error=\"{error}\"", path.display());
    Failure::new(Exit::Resource, "cannot be read", fields, "name a path that can")
}
