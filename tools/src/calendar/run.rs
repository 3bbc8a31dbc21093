//! `corelane calendar run`: follows a calendar; each change of the window is carried out and measured.
//!
//! One change at a time ([`change`]), from what station and sidecars say they are to what the window
//! wants; a window that passed while another change ran is not made up for. What must survive a crash
//! is in [`state`]: the next start takes the change up where it was, or undoes it. Must never: act on a
//! day the calendar does not vouch for, but to hold the station.

mod change;
mod config;
mod slot;
mod state;
mod world;

pub use config::{OnFailure, RunFile, SidecarAt};
pub use state::{Left, RECORD, StateDir};
pub use world::{Clock, Engine, Station, WallClock};

use super::Calendar;
use super::args::CalendarRunArgs;
use super::show::{instant, not_covered};
use super::zone::timestamp;
use crate::output::Output;
use serde_json::{Value, json};
use station::operator::Failure;
use std::fmt::Write as _;
use wire::exit::Exit;
use wire::station::Mode;

/// What came of one change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is as the window wants it already.
    Nothing,
    /// It is so now.
    Done,
    /// All is so but LIVE, which is left to an operator.
    Left,
    /// It failed, and the models before serve again.
    RolledBack,
    /// It failed.
    Failed,
}

impl Outcome {
    /// The word in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Done => "done",
            Self::Left => "left-to-operator",
            Self::RolledBack => "rolled-back",
            Self::Failed => "failed",
        }
    }
}

/// Changes by their outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Windows that needed nothing.
    pub nothing: u64,
    /// Changes that were carried out.
    pub done: u64,
    /// Changes that left LIVE to an operator.
    pub left: u64,
    /// Changes that failed, rolled back or not.
    pub failed: u64,
}

/// Follows one calendar.
pub struct Runner<'a> {
    calendar: &'a Calendar,
    file: &'a RunFile,
    clock: &'a mut dyn Clock,
    station: &'a mut dyn Station,
    state: StateDir,
    /// An operator says that LIVE may follow, whatever took the station out of it.
    consent: bool,
    say: &'a mut dyn FnMut(&Value) -> Result<(), Failure>,
}

impl std::fmt::Debug for Runner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("file", &self.file).finish_non_exhaustive()
    }
}

impl<'a> Runner<'a> {
    /// A runner whose records go to the state folder, and to `say`.
    ///
    /// # Errors
    /// CONFIGURATION for a window without a sidecar, RESOURCE where the state cannot be used.
    pub fn new(
        calendar: &'a Calendar,
        file: &'a RunFile,
        clock: &'a mut dyn Clock,
        station: &'a mut dyn Station,
        say: &'a mut dyn FnMut(&Value) -> Result<(), Failure>,
    ) -> Result<Self, Failure> {
        file.check(calendar)?;
        let state = StateDir::open(&file.state_dir)?;
        Ok(Self { calendar, file, clock, station, state, consent: false, say })
    }

    /// The same, which may go LIVE from whatever MAINTENANCE it finds at its first change.
    #[must_use]
    pub fn consenting(mut self, consent: bool) -> Self {
        self.consent = consent;
        self
    }

    /// Leads to the window of now, and to each that follows until an instant; `once` ends after the
    /// first.
    ///
    /// # Errors
    /// ARGUMENTS where the calendar ends before, RESOURCE where the state cannot be written.
    pub fn run(&mut self, until_ns: Option<u64>, once: bool) -> Result<Tally, Failure> {
        let mut tally = Tally::default();
        loop {
            let now_ns = self.clock.now_ns();
            let span = match self.calendar.at(now_ns) {
                Ok(span) => span,
                Err(error) => {
                    self.hold_uncovered()?;
                    return Err(not_covered(&error));
                }
            };
            let count = match self.change(span.window)? {
                Outcome::Nothing => &mut tally.nothing,
                Outcome::Done => &mut tally.done,
                Outcome::Left => &mut tally.left,
                Outcome::RolledBack | Outcome::Failed => &mut tally.failed,
            };
            *count += 1;
            self.consent = false;
            let next_ns = span.end_ns.unwrap_or(u64::MAX);
            let end_ns = until_ns.filter(|until| *until <= next_ns);
            if once {
                return Ok(tally);
            }
            self.clock.wait_until(end_ns.unwrap_or(next_ns));
            if end_ns.is_some() {
                return Ok(tally);
            }
        }
    }

    /// On a day nobody vouches for the station does not trade.
    fn hold_uncovered(&mut self) -> Result<(), Failure> {
        if self.station.mode().ok() != Some(Mode::Live) {
            return Ok(());
        }
        self.station.ask(Mode::Maintenance)?;
        self.state.kept.left = Some(Left::Stopped);
        self.state.save()?;
        self.tell(json!({ "window": null, "outcome": "not-covered", "to_mode": "MAINTENANCE" }))
    }

    /// One line for the record and whoever reads along.
    fn tell(&mut self, mut line: Value) -> Result<(), Failure> {
        let now_ns = self.clock.now_ns();
        line["at_ns"] = json!(now_ns);
        line["at"] = json!(timestamp(now_ns).to_string());
        line["calendar"] = json!(self.calendar.name());
        self.state.record(&line)?;
        (self.say)(&line)
    }
}

/// Runs the command.
///
/// # Errors
/// What is wrong with the files; `CHECK_FAILED` where a change failed, after the last one.
pub(super) fn run(args: &CalendarRunArgs) -> Result<(), Failure> {
    let file = RunFile::load(&args.config)?;
    let calendar = Calendar::load(&file.calendar)?;
    let until_ns = args.until.as_deref().map(|text| instant("--until", text)).transpose()?;
    let mut station = Engine { control: file.control.clone(), runs: file.runs.clone() };
    let mut clock = WallClock::default();
    let as_json = args.json;
    let mut say = |line: &Value| {
        let mut out = Output::stdout();
        let text = if as_json { line.to_string() } else { sentence(line) };
        out.line(format_args!("{text}"))?;
        out.finish()
    };
    let mut runner = Runner::new(&calendar, &file, &mut clock, &mut station, &mut say)?;
    runner = runner.consenting(args.live);
    let tally = runner.run(until_ns, args.once)?;
    if tally.failed == 0 {
        return Ok(());
    }
    let fields = format!("failed={} done={} record={RECORD}", tally.failed, tally.done);
    let next = "look at the record in run.state_dir, and at `corelane ctl status`";
    Err(Failure::new(Exit::CheckFailed, "a change of the window failed", fields, next))
}

/// A record for people.
fn sentence(line: &Value) -> String {
    let text = |key: &str| line[key].as_str().unwrap_or("-").to_owned();
    let ms = |key: &str| {
        line[key]
            .as_u64()
            .map_or("-".to_owned(), |ns| format!("{}.{:03} ms", ns / 1_000_000, ns / 1_000 % 1_000))
    };
    let mut said = format!(
        "{} window={} outcome={} mode={}->{} downtime={} maintenance={} swap={} verify={}",
        text("at"),
        text("window"),
        text("outcome"),
        text("from_mode"),
        text("to_mode"),
        ms("downtime_ns"),
        ms("maintenance_ns"),
        ms("swap_ns"),
        ms("verify_ns"),
    );
    for model in line["models"].as_array().into_iter().flatten() {
        let part = |key: &str| model[key].as_str().unwrap_or("?").to_owned();
        let (role, from) = (part("role"), part("from_name"));
        let (to, hash) = (part("to_name"), part("model_hash"));
        // Writing to a String cannot fail.
        let _infallible = write!(said, " {role}={from}->{to}({hash})");
    }
    for key in ["failed_at", "why", "not_undone", "mode_not_reached"] {
        if let Some(value) = line[key].as_str() {
            let _infallible = write!(said, " {key}=\"{}\"", value.replace('"', "'"));
        }
    }
    said
}
