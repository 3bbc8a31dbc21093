//! Process exit codes: one enum for every Corelane process. The systemd units are tested against
//! it. A retired code keeps its place; a new one takes a free number.

use std::process::ExitCode as StdExitCode;

/// Why a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for was done.
    Clean = 0,
    /// A panic: a bug in Corelane (the value of Rust's own runtime).
    Bug = 101,
    /// Command-line arguments not understood.
    Arguments = 10,
    /// Configuration refused.
    Configuration = 11,
    /// The host is not as the profile demands.
    Host = 12,
    /// A peer or a file speaks another wire version.
    WireVersion = 13,
    /// A file, model, socket or other resource is missing or damaged.
    Resource = 14,
    /// The journal or record cannot be written.
    Journal = 15,
    /// The kill rule tripped.
    Killed = 20,
    /// The venue session was lost.
    VenueLost = 21,
    /// The clock cannot be trusted.
    Clock = 23,
    /// A replay diverged from the record.
    Diverged = 30,
    /// A check failed.
    CheckFailed = 31,
}

impl Exit {
    /// Every code.
    pub const ALL: [Exit; 13] = [
        Exit::Clean,
        Exit::Bug,
        Exit::Arguments,
        Exit::Configuration,
        Exit::Host,
        Exit::WireVersion,
        Exit::Resource,
        Exit::Journal,
        Exit::Killed,
        Exit::VenueLost,
        Exit::Clock,
        Exit::Diverged,
        Exit::CheckFailed,
    ];

    /// The process exit status.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The exit behind a status, if it is one of ours.
    #[must_use]
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| i32::from(exit.code()) == code)
    }

    /// Stable upper-case name, the `CODE` of an operator line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Exit::Clean => "OK",
            Exit::Bug => "BUG",
            Exit::Arguments => "ARGUMENTS",
            Exit::Configuration => "CONFIGURATION",
            Exit::Host => "HOST",
            Exit::WireVersion => "WIRE_VERSION",
            Exit::Resource => "RESOURCE",
            Exit::Journal => "JOURNAL",
            Exit::Killed => "KILLED",
            Exit::VenueLost => "VENUE_LOST",
            Exit::Clock => "CLOCK",
            Exit::Diverged => "DIVERGED",
            Exit::CheckFailed => "CHECK_FAILED",
        }
    }
}

impl From<Exit> for StdExitCode {
    fn from(exit: Exit) -> Self {
        StdExitCode::from(exit.code())
    }
}
