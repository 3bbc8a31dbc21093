//! `corelane config check`: each file to the loader of the program that reads it.
//!
//! Must never: have a rule of its own about a key, or stop at the first file with a problem.

use super::keys::FileKind;
use crate::calendar::Calendar;
use crate::calendar::run::RunFile;
use crate::nightly::NightConfig;
use crate::output::Output;
use isolation::Plan;
use signal::BackendChoice;
use signal::store::Bundle;
use station::config::{Config, Overrides, Problem, failure};
use station::limits::LimitsFile;
use station::operator::Failure;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use toml::de::DeTable;
use wire::exit::Exit;

/// A back end that is a program of its own: `corelane run` starts another one for it.
const TORCH: &str = "torch";

/// Checks files and folders.
///
/// # Errors
/// CONFIGURATION where one is not as it may be, else the exit of the first failure; the lines are
/// said already, each with its own code.
pub(super) fn check(named: &[PathBuf]) -> Result<(), Failure> {
    let mut out = Output::stdout();
    let mut failures = Vec::new();
    for name in named {
        match files(name) {
            Ok(files) => {
                for (file, is_named) in files {
                    if let Err(failure) = one(&file, is_named, &mut out) {
                        failures.push(failure);
                    }
                }
            }
            Err(failure) => failures.push(failure),
        }
    }
    out.finish()?;
    for failure in &failures {
        // A closed standard error leaves nobody to tell.
        let _ = writeln!(std::io::stderr().lock(), "{failure}");
    }
    let exits = || failures.iter().map(|failure| failure.exit);
    let exit = exits().find(|exit| *exit == Exit::Configuration).or_else(|| exits().next());
    exit.map_or(Ok(()), |exit| Err(Failure { exit, lines: Vec::new() }))
}

/// A file, or the TOML files of a folder; whether each was named itself.
fn files(name: &Path) -> Result<Vec<(PathBuf, bool)>, Failure> {
    if !name.is_dir() {
        return Ok(vec![(name.to_owned(), true)]);
    }
    let entries = fs::read_dir(name).map_err(|error| unread(name, &error))?;
    let mut files: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    if files.is_empty() {
        let fields = format!("folder={}", name.display());
        let next = "name a folder with TOML files, or write some: corelane init";
        return Err(Failure::new(Exit::Resource, "no configuration here", fields, next));
    }
    Ok(files.into_iter().map(|file| (file, false)).collect())
}

fn one(file: &Path, is_named: bool, out: &mut Output) -> Result<(), Failure> {
    let text = fs::read_to_string(file).map_err(|error| unread(file, &error))?;
    let Some(kind) = kind_of(&text) else {
        if is_named {
            return Err(unknown(file));
        }
        let shown = file.display();
        out.line(format_args!(
            "LEFT OUT {shown}: no station, limits, topology, calendar or nightly file"
        ))?;
        return Ok(());
    };
    let said = load(kind, file, &text)?;
    out.line(format_args!("OK {}: {} file: {said}", file.display(), kind.name()))?;
    Ok(())
}

fn unread(file: &Path, error: &std::io::Error) -> Failure {
    let fields = format!("file={} error=\"{error}\"", file.display());
    Failure::new(Exit::Resource, "configuration file cannot be read", fields, "name one that can")
}

fn unknown(file: &Path) -> Failure {
    let allowed = "[station] and the like, [firm], [topology], [calendar], [run] or [train]";
    problem(file, 0, "(file)", "no section this command knows", allowed)
}

fn problem(file: &Path, line: usize, key: &str, found: &str, allowed: &str) -> Failure {
    let (key, found, allowed) = (key.to_owned(), found.to_owned(), allowed.to_owned());
    failure(file, vec![Problem { line, key, found, allowed }])
}

/// Which program's file a text is, by its sections; `None` where none of them is known.
#[must_use]
pub fn kind_of(text: &str) -> Option<FileKind> {
    let (document, _) = DeTable::parse_recoverable(text);
    let table = document.get_ref();
    let has = |names: &[&str]| names.iter().any(|name| table.get(*name).is_some());
    [
        (FileKind::Nightly, &["judge", "promote", "train"][..]),
        (FileKind::Topology, &["topology"]),
        (FileKind::CalendarRun, &["run", "sidecar"]),
        (FileKind::Calendar, &["calendar", "window", "holidays", "half_days", "day"]),
        (FileKind::Limits, &["epoch", "firm", "symbol"]),
        (
            FileKind::Station,
            &["session", "station", "signal", "limits", "strategy", "tape", "journal", "notary"],
        ),
    ]
    .into_iter()
    .find(|(_, names)| has(names))
    .map(|(kind, _)| kind)
}

/// Reads a file as the program does that it is for; what it holds, in words.
///
/// # Errors
/// A [`Failure`] with one line for each problem.
pub fn load(kind: FileKind, file: &Path, text: &str) -> Result<String, Failure> {
    match kind {
        FileKind::Station => station(file, text),
        FileKind::Limits => LimitsFile::parse(file, text.as_bytes().to_vec()).map(|limits| {
            let (epoch, symbols) = (limits.epoch, limits.symbols.len());
            let (venues, strategies) = (limits.venues.len(), limits.strategies.len());
            format!(
                "epoch {epoch}, rows: firm, venues {venues}, strategies {strategies}, \
                 symbols {symbols}"
            )
        }),
        FileKind::Topology => topology(file, text),
        FileKind::Calendar => Calendar::parse(file, text)
            .map(|calendar| format!("{} windows", calendar.windows().len())),
        FileKind::CalendarRun => {
            let run = RunFile::parse(file, text)?;
            run.check(&Calendar::load(&run.calendar)?)?;
            Ok(format!("{} sidecars for {}", run.sidecars.len(), run.calendar.display()))
        }
        FileKind::Nightly => nightly(file, text),
    }
}

/// Keys first, then the calendar and the script that it names.
fn nightly(file: &Path, text: &str) -> Result<String, Failure> {
    let night = NightConfig::parse(file, text)?;
    if let Some(calendar) = night.calendar() {
        Calendar::load(calendar)?;
    }
    let script = night.script();
    if !script.is_file() {
        let found = script.display().to_string();
        return Err(problem(file, 0, "train.script", &found, "a file that is there"));
    }
    Ok(night.to_string())
}

/// Keys and limits first; then what they name, which is only looked for where they are sound.
fn station(file: &Path, text: &str) -> Result<String, Failure> {
    let config = Config::parse(file, text, &Overrides::default())?;
    let signal = &config.signal;
    let backend = signal.backend.as_str();
    if backend != TORCH && BackendChoice::from_name(backend).is_none() {
        let allowed = format!("{},{TORCH}", BackendChoice::NAMES);
        return Err(problem(file, 0, "signal.backend", &format!("\"{backend}\""), &allowed));
    }
    station::prepare::prepare(&config)?;
    let model = match (&signal.model, signal.enabled) {
        (Some(folder), true) => {
            let bundle = Bundle::open(folder, None);
            let bundle = bundle.map_err(|error| said(error.exit(), &error.operator_line()))?;
            format!("model {}", bundle.manifest.name)
        }
        (None, true) => "model of a store, or of a sidecar that runs: not looked at".to_owned(),
        (_, false) => "no signal".to_owned(),
    };
    let strategies: Vec<_> = config.strategies.iter().map(|s| s.name.as_str()).collect();
    Ok(format!(
        "session {}, strategies {}, limits {} (epoch {}), recording {}, {model}",
        config.session.name,
        if strategies.is_empty() { "none".to_owned() } else { strategies.join(", ") },
        config.limits.file.display(),
        config.limits_file.epoch,
        config.data.recording.display(),
    ))
}

/// An operator line of another crate, as a failure: it has its code in front already.
fn said(exit: Exit, line: &str) -> Failure {
    let line = line.strip_prefix(&format!("{}: ", exit.name())).unwrap_or(line);
    let (what, next) = line.split_once("; next: ").unwrap_or((line, ""));
    Failure::new(exit, what, "", next)
}

fn topology(file: &Path, text: &str) -> Result<String, Failure> {
    let plan = Plan::from_toml(text).map_err(|error| {
        let what = error.to_string();
        let key = what.split(['=', ' ']).next().unwrap_or("");
        // The parser says the line itself; of a value that cannot be, it is that of its key.
        let is_key = |line: &str| line.split('=').next().is_some_and(|k| k.trim() == key);
        let line = text.lines().position(is_key).map_or(0, |index| index + 1);
        let at = if line == 0 { String::new() } else { format!(" line={line}") };
        let fields = format!("file={}{at} {what}", file.display());
        Failure::new(Exit::Configuration, "topology cannot be", fields, "correct the file")
    })?;
    Ok(format!("hot {}, housekeeping {}", plan.hot, plan.housekeeping))
}
