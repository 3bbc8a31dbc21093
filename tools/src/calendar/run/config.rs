//! The file of `corelane calendar run`: which calendar, which station, which sidecars.
//!
//! Paths are seen from the file's folder. Must never: accept a key nobody asked for, or a window that
//! names a model no sidecar is there for.

use crate::calendar::{Calendar, Window};
use signal::resident::{Device, Resident};
use station::config::document;
use station::config::reader::{Problems, Table};
use station::operator::Failure;
use std::path::{Path, PathBuf};
use wire::exit::Exit;

/// What the station is left in where a change came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// MAINTENANCE, whatever it was before.
    Maintenance,
    /// LIVE, if it was LIVE before, the window wants it and the old model is verified.
    Live,
}

/// One sidecar and the role it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SidecarAt {
    /// Name in the store whose `current` it serves.
    pub role: String,
    /// Its socket; `None` for the one in the newest run's folder.
    pub socket: Option<PathBuf>,
    /// The model store.
    pub store: PathBuf,
    /// The key models must be signed by.
    pub public_key: Option<PathBuf>,
    /// Where it computes.
    pub device: Device,
}

/// The checked file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFile {
    /// The calendar's file.
    pub calendar: PathBuf,
    /// The engine's control socket; `None` for the newest run's.
    pub control: Option<PathBuf>,
    /// Folder of the runs, where a socket is not named.
    pub runs: PathBuf,
    /// Folder of the state and the record.
    pub state_dir: PathBuf,
    /// What follows a failure.
    pub on_failure: OnFailure,
    /// Longest wait for a mode or a model, nanoseconds.
    pub patience_ns: u64,
    /// The sidecars; the station takes its scores from the first.
    pub sidecars: Vec<SidecarAt>,
}

const ON_FAILURE: &[(&str, OnFailure)] =
    &[("maintenance", OnFailure::Maintenance), ("live", OnFailure::Live)];
const DEVICES: &[(&str, Device)] = &[("cpu", Device::Cpu), ("gpu", Device::Gpu)];

impl RunFile {
    /// Loads and checks a file.
    ///
    /// # Errors
    /// A [`Failure`] with one line a problem.
    pub fn load(file: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(file).map_err(|error| {
            let fields = format!("file={} error=\"{error}\"", file.display());
            let next = "name an existing file with --config=";
            Failure::new(Exit::Resource, "calendar's run file cannot be read", fields, next)
        })?;
        Self::parse(file, &text)
    }

    /// Checks the text of a file.
    ///
    /// # Errors
    /// A [`Failure`] with one line a problem.
    pub fn parse(file: &Path, text: &str) -> Result<Self, Failure> {
        let base = file.parent().unwrap_or(Path::new(""));
        document(file, text, |root, problems| read(base, root, problems))
    }

    /// Which sidecar keeps which model of a window: the serving one the first, the others those that
    /// are left, in the order of the file.
    ///
    /// # Errors
    /// The model nobody can keep.
    pub fn places<'w>(&self, window: &'w Window) -> Result<Vec<(usize, &'w Resident)>, String> {
        let mut places = Vec::new();
        let serving = window.serving.as_deref();
        let first = window.models.iter().find(|model| serving == Some(&*model.model));
        let rest = window.models.iter().filter(|model| serving != Some(&*model.model));
        for (model, from) in first.map(|model| (model, 0)).into_iter().chain(rest.map(|m| (m, 1))) {
            let free = self.sidecars.iter().enumerate().skip(from).find(|(index, sidecar)| {
                let is_taken = places.iter().any(|(taken, _)| taken == index);
                !is_taken && sidecar.device == model.device
            });
            match free {
                Some((index, _)) if from == 1 || index == 0 => places.push((index, model)),
                _ => return Err(format!("window={} model={model}", window.name)),
            }
        }
        Ok(places)
    }

    /// Checks that each window of a calendar has its sidecars.
    ///
    /// # Errors
    /// CONFIGURATION, one line a window.
    pub fn check(&self, calendar: &Calendar) -> Result<(), Failure> {
        let windows = calendar.windows().iter();
        let lost: Vec<_> = windows.filter_map(|window| self.places(window).err()).collect();
        if lost.is_empty() {
            return Ok(());
        }
        let next = "give it a [[sidecar]] of its device; the first serves the station";
        let line =
            |what: String| station::operator::Line::new("no sidecar keeps this model", what, next);
        Err(Failure { exit: Exit::Configuration, lines: lost.into_iter().map(line).collect() })
    }
}

fn read(base: &Path, root: &mut Table<'_, '_>, problems: &mut Problems<'_>) -> RunFile {
    let mut run = root.table("run", problems);
    let path = |at: station::config::reader::At<String>| base.join(at.value);
    let file = RunFile {
        calendar: path(run.text_required("calendar", problems)),
        control: run.text("control", problems).map(path),
        runs: run.text("runs", problems).map_or_else(|| base.join("runs"), path),
        state_dir: path(run.text_required("state_dir", problems)),
        on_failure: run.choice_or("on_failure", ON_FAILURE, OnFailure::Maintenance, problems),
        patience_ns: seconds(run.integer_or("patience_s", 1..=3_600, 30, problems)),
        sidecars: Vec::new(),
    };
    let line = run.line();
    run.finish(problems);
    let mut sidecars = Vec::new();
    for mut table in root.list("sidecar", problems) {
        sidecars.push(SidecarAt {
            role: table.text_required("role", problems).value,
            socket: table.text("socket", problems).map(path),
            store: path(table.text_required("store", problems)),
            public_key: table.text("public_key", problems).map(path),
            device: table.choice_or("device", DEVICES, Device::Cpu, problems),
        });
        table.finish(problems);
    }
    if sidecars.is_empty() {
        problems.add(line, "sidecar", "nothing", "one [[sidecar]] at least");
    }
    RunFile { sidecars, ..file }
}

fn seconds(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0).saturating_mul(1_000_000_000)
}
