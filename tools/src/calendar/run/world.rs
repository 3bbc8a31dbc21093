//! What a change of the window acts on beside the sidecars: time and the station.
//!
//! Both are traits, so that a week is played in a second and everything else is the real thing. Must
//! never: hold a rule. The real clock sleeps; nothing here runs beside the station's threads.

use crate::ctl;
use station::operator::Failure;
use std::path::PathBuf;
use std::time::Duration;
use wire::control::Command;
use wire::exit::Exit;
use wire::station::Mode;

/// Longest sleep without a look at the wall clock, which may be set.
const NAP: Duration = Duration::from_secs(1);
/// Time between two looks at something that is on its way.
const LOOK: Duration = Duration::from_millis(5);

/// Time.
pub trait Clock {
    /// The wall clock, UNIX nanoseconds.
    fn now_ns(&mut self) -> u64;
    /// A clock that is never set, nanoseconds.
    fn mono_ns(&mut self) -> u64;
    /// Waits a moment between two looks.
    fn pause(&mut self);
    /// Waits until the wall clock shows this instant.
    fn wait_until(&mut self, at_ns: u64);
}

/// The machine's clock.
#[derive(Debug)]
pub struct WallClock(clock::Clock);

impl Default for WallClock {
    fn default() -> Self {
        Self(clock::Clock::calibrate())
    }
}

impl Clock for WallClock {
    fn now_ns(&mut self) -> u64 {
        self.0.wall_ns()
    }

    fn mono_ns(&mut self) -> u64 {
        self.0.monotonic_ns()
    }

    fn pause(&mut self) {
        std::thread::park_timeout(LOOK);
    }

    fn wait_until(&mut self, at_ns: u64) {
        while let Some(left) = at_ns.checked_sub(self.now_ns()).filter(|left| *left > 0) {
            std::thread::park_timeout(Duration::from_nanos(left).min(NAP));
        }
    }
}

/// The station as an operator has it.
pub trait Station {
    /// Its mode.
    ///
    /// # Errors
    /// Where nobody answers.
    fn mode(&mut self) -> Result<Mode, Failure>;
    /// Asks for a mode; [`Station::mode`] shows when it is there.
    ///
    /// # Errors
    /// The refusal.
    fn ask(&mut self, mode: Mode) -> Result<(), Failure>;
    /// Names the model whose scores may open something.
    ///
    /// # Errors
    /// The refusal.
    fn name_model(&mut self, hash: u64) -> Result<(), Failure>;
    /// The model its sidecar announced to it last, and the generation; `None` without a sidecar.
    ///
    /// # Errors
    /// Where nobody answers.
    fn hears(&mut self) -> Result<Option<(u64, u64)>, Failure>;
}

/// The engine behind a control socket.
#[derive(Debug)]
pub struct Engine {
    /// The socket; `None` for the newest run's.
    pub control: Option<PathBuf>,
    /// Folder of the runs.
    pub runs: PathBuf,
}

impl Engine {
    fn socket(&self) -> Result<PathBuf, Failure> {
        self.control.clone().map_or_else(|| ctl::newest_socket(&self.runs), Ok)
    }
}

impl Station for Engine {
    fn mode(&mut self) -> Result<Mode, Failure> {
        let status = ctl::status(&self.socket()?)?;
        let name = status["mode"].as_str().unwrap_or("");
        Mode::ALL.iter().copied().find(|mode| mode.name() == name).ok_or_else(|| {
            let fields = format!("mode=\"{name}\"");
            let next = "use the corelane of the station's build";
            Failure::new(Exit::Resource, "the engine names no mode", fields, next)
        })
    }

    fn ask(&mut self, mode: Mode) -> Result<(), Failure> {
        let argument = u64::from(mode.code());
        ctl::command(&self.socket()?, Command::Mode, argument, "calendar").map(drop)
    }

    fn name_model(&mut self, hash: u64) -> Result<(), Failure> {
        ctl::command(&self.socket()?, Command::Model, hash, "calendar").map(drop)
    }

    fn hears(&mut self) -> Result<Option<(u64, u64)>, Failure> {
        let status = ctl::status(&self.socket()?)?;
        let hash = status["signal"]["model_hash"].as_str();
        let hash = hash.and_then(|hex| u64::from_str_radix(hex, 16).ok());
        Ok(hash.zip(status["signal"]["generation"].as_u64()))
    }
}
