//! `corelane run` and `corelane replay`: start the sidecar and the engine as processes of their
//! own, show progress, then the table and the report.
//!
//! Owns the children: none outlives this process. Must never: stand between engine and sidecar, or
//! touch the engine but through its control socket.

mod sidecars;

use crate::cli::Show;
use crate::ctl;
use crate::latency::read_summary;
use crate::output::Output;
use crate::{progress, report, table};
use serde_json::Value;
use sidecars::Sidecars;
use station::config::{Config, Notary, Overrides, control_socket};
use station::operator::Failure;
use station::{run_dir, sys};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;
use wire::exit::Exit;

/// How often progress is shown and signals are looked at.
const TICK: Duration = Duration::from_millis(200);

/// Plays the configured recording and shows the result.
///
/// # Errors
/// A failure of the configuration, or the engine's own, by its exit code.
pub fn run(file: &Path, overrides: &Overrides, show: Show) -> Result<(), Failure> {
    let config = Config::load(file, overrides)?;
    let started = clock::Clock::calibrate().wall_ns();
    let dir = run_dir::make(&config, None, started)?;
    let quiet = show.quiet || show.json;
    sys::catch_stop_signals().map_err(|e| system("cannot catch signals", &e))?;
    let mut sidecars = Sidecars::start(&config, &dir, quiet);
    let mut notary = config.notary.as_ref().map(|n| start_notary(n, &dir)).transpose()?;
    let status = play(file, overrides, &dir, quiet, &mut sidecars);
    let signed = notary.as_mut().map_or(Ok(()), |child| end_notary(child, status.is_ok(), &dir));
    sidecars.end();
    let status = status?;
    finish(&dir, status, show)?;
    signed
}

/// Starts the notary; it waits for the journal by itself.
fn start_notary(notary: &Notary, dir: &Path) -> Result<Child, Failure> {
    let mut command = Command::new(beside("corelane-notary")?);
    command.arg(format!("--run-dir={}", dir.display()));
    command.arg(format!("--key={}", notary.key.display()));
    command.arg(format!("--every-ms={}", notary.every_ms));
    for anchor in &notary.anchors {
        command.arg(format!("--anchor={}", anchor.display()));
    }
    command
        .arg("--shutdown-with-parent")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|e| system("cannot start corelane-notary", &e))
}

/// Waits until the notary has signed the end of a journal that was closed; asks it to end where
/// there will be none.
///
/// # Errors
/// `CHECK_FAILED` or what else it ended with: its own line said why.
fn end_notary(child: &mut Child, has_played: bool, dir: &Path) -> Result<(), Failure> {
    let closed = has_played && dir.join("summary.json").is_file();
    if !closed {
        // Refused only where it has ended already.
        let _ = sys::terminate(child.id());
    }
    let status = child.wait().map_err(|e| system("cannot wait for corelane-notary", &e))?;
    match status.code().and_then(Exit::from_code) {
        Some(Exit::Clean) => Ok(()),
        Some(exit) => Err(Failure { exit, lines: Vec::new() }),
        None => Err(Failure::new(
            Exit::CheckFailed,
            "corelane-notary ended without an exit code of its own",
            format!("status=\"{status}\""),
            "sign what is there: `corelane-notary --once`",
        )),
    }
}

/// Starts the engine and waits for it, showing progress.
fn play(
    file: &Path,
    overrides: &Overrides,
    dir: &Path,
    quiet: bool,
    sidecars: &mut Sidecars,
) -> Result<ExitStatus, Failure> {
    let mut command = Command::new(beside("corelane-engine")?);
    command.arg(format!("--config={}", file.display()));
    command.arg(format!("--run-dir={}", dir.display()));
    if quiet {
        command.arg("--quiet");
    }
    if let Some(recording) = &overrides.recording {
        command.arg(format!("--data={}", recording.display()));
    }
    if let Some(speed) = &overrides.speed {
        command.arg(format!("--speed={speed}"));
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|e| system("cannot start corelane-engine", &e))?;
    let (sender, ended) = channel();
    let pid = child.id();
    let waiter = std::thread::spawn(move || {
        let status = child.wait();
        // The receiver is waited on until it has this.
        let _ = sender.send(status);
    });
    let status = watch(&ended, pid, dir, quiet, sidecars);
    let _ = waiter.join();
    status
}

fn watch(
    ended: &Receiver<std::io::Result<ExitStatus>>,
    pid: u32,
    dir: &Path,
    quiet: bool,
    sidecars: &mut Sidecars,
) -> Result<ExitStatus, Failure> {
    let mut line = progress::Line::new(&dir.join("counters"), quiet);
    let mut told = false;
    loop {
        match ended.recv_timeout(TICK) {
            Ok(status) => {
                line.finish();
                return status.map_err(|e| system("cannot wait for corelane-engine", &e));
            }
            Err(RecvTimeoutError::Disconnected) => {
                let gone = std::io::Error::other("the waiting thread ended");
                return Err(system("cannot wait for corelane-engine", &gone));
            }
            Err(RecvTimeoutError::Timeout) => line.show(),
        }
        sidecars.look();
        if sys::stop_signal().is_some() && !told {
            told = true;
            stop_engine(dir, pid);
        }
    }
}

/// Asks the engine for an orderly end: over its control socket, or with SIGTERM while it has none.
fn stop_engine(dir: &Path, pid: u32) {
    let asked = ctl::ask(&control_socket(dir), &ctl::shutdown_frame());
    if asked.is_err()
        && let Err(error) = sys::terminate(pid)
    {
        warn(&format!("RESOURCE: cannot stop corelane-engine: pid={pid} error=\"{error}\""));
    }
}

/// Shows the result of a finished engine, and passes its failure on.
fn finish(dir: &Path, status: ExitStatus, show: Show) -> Result<(), Failure> {
    let exit = status.code().and_then(Exit::from_code);
    let mut out = Output::stdout();
    if dir.join("summary.json").is_file() {
        let summary = read_summary(dir)?;
        let page = report::write(dir, &summary)?;
        show_result(&summary, &page, dir, show, &mut out)?;
    }
    out.finish()?;
    match exit {
        Some(Exit::Clean) => Ok(()),
        // The engine has said why on standard error.
        Some(exit) => Err(Failure { exit, lines: Vec::new() }),
        None => Err(Failure::new(
            Exit::Bug,
            "corelane-engine ended without an exit code of its own",
            format!("status=\"{status}\" run_dir={}", dir.display()),
            "the record up to its last whole block is in the run's directory",
        )),
    }
}

fn show_result(
    summary: &Value,
    page: &Path,
    dir: &Path,
    show: Show,
    out: &mut Output,
) -> Result<(), Failure> {
    if show.json {
        out.line(format_args!("{summary}"))?;
    } else if !show.quiet {
        out.write(table::summary(summary).as_bytes())?;
        out.line(format_args!("run directory {}", dir.display()))?;
        out.line(format_args!("report        {}", page.display()))?;
    }
    Ok(())
}

/// A binary of ours: beside this one.
fn beside(name: &str) -> Result<PathBuf, Failure> {
    let here = std::env::current_exe().map_err(|e| system("cannot find this program", &e))?;
    let path = here.with_file_name(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(Failure::new(
        Exit::Resource,
        format!("{name} is missing"),
        format!("path={}", path.display()),
        "build the whole workspace: make build",
    ))
}

fn system(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Resource, what, format!("error=\"{error}\""), "try again")
}

fn warn(line: &str) {
    use std::io::Write as _;
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
