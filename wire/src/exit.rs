//! Process exit codes: one enum for every Corelane process. The systemd units are tested against
//! it. A retired code keeps its place; a new one takes a free number.
//!
//! Must never: end a process; that is for `main` alone.

use crate::layout::{CodeTable, CodeValue};
use std::process::ExitCode as StdExitCode;

macro_rules! exits {
    ($( #[doc = $doc:literal] $variant:ident = $code:literal, $name:literal; )*) => {
        /// Why a process ended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Exit { $( #[doc = $doc] $variant = $code, )* }

        impl Exit {
            /// Every code.
            pub const ALL: [Exit; [$( $code, )*].len()] = [ $( Exit::$variant, )* ];

            /// The codes as data.
            pub const CODES: CodeTable = CodeTable {
                name: "Exit",
                size: 1,
                doc: " Why a process ended.\n",
                values: &[ $( CodeValue {
                    name: stringify!($variant),
                    code: $code,
                    text: $name,
                    doc: $doc,
                }, )* ],
            };

            /// Stable upper-case name, the `CODE` of an operator line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Exit::$variant => $name, )* }
            }
        }
    };
}

exits! {
    /// Everything asked for was done.
    Clean = 0, "OK";
    /// A panic: a bug in Corelane (the value of Rust's own runtime).
    Bug = 101, "BUG";
    /// Command-line arguments not understood.
    Arguments = 10, "ARGUMENTS";
    /// Configuration refused.
    Configuration = 11, "CONFIGURATION";
    /// The host is not as the profile demands.
    Host = 12, "HOST";
    /// A peer or a file speaks another wire version.
    WireVersion = 13, "WIRE_VERSION";
    /// A file, model, socket or other resource is missing or damaged.
    Resource = 14, "RESOURCE";
    /// The journal or record cannot be written.
    Journal = 15, "JOURNAL";
    /// The tape is full: the journal did not take its frames in time.
    TapeFull = 16, "TAPE_FULL";
    /// The kill rule tripped.
    Killed = 20, "KILLED";
    /// The venue session was lost.
    VenueLost = 21, "VENUE_LOST";
    /// The clock cannot be trusted.
    Clock = 23, "CLOCK";
    /// A replay diverged from the record.
    Diverged = 30, "DIVERGED";
    /// A check failed.
    CheckFailed = 31, "CHECK_FAILED";
}

impl Exit {
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
}

impl From<Exit> for StdExitCode {
    fn from(exit: Exit) -> Self {
        StdExitCode::from(exit.code())
    }
}
