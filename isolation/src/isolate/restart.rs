//! What becomes of a process of each kind that ended with each code: one table for the units'
//! `SuccessExitStatus`, `RestartPreventExitStatus` and whoever reads them.

use wire::exit::Exit;

/// A kind of process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// The engine: money. Under the live profile it is never started again by itself.
    Engine,
    /// A model server.
    Signal,
    /// The notary.
    Notary,
}

/// What follows an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It did what it was for.
    Done,
    /// The cause may pass by itself.
    StartAgain,
    /// The same start ends the same way, or somebody must look first.
    Stay,
}

impl Process {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Engine, Self::Signal, Self::Notary];

    /// The unit of this kind.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Engine => "corelane-engine.service",
            Self::Signal => "corelane-signal.service",
            Self::Notary => "corelane-notary.service",
        }
    }

    /// What follows this end. A new code has no place here until somebody gives it one.
    #[must_use]
    pub const fn after(self, exit: Exit) -> Next {
        match exit {
            Exit::Clean => Next::Done,
            // What was asked for, the files or the host are wrong; or what is on the record is.
            Exit::Arguments
            | Exit::Configuration
            | Exit::Host
            | Exit::WireVersion
            | Exit::Diverged
            | Exit::CheckFailed
            | Exit::Killed
            | Exit::TapeFull
            | Exit::Clock => Next::Stay,
            // A driver that is not there yet, a folder that comes later.
            Exit::Resource => match self {
                Self::Engine => Next::Stay,
                Self::Signal | Self::Notary => Next::StartAgain,
            },
            // The notary's anchor may be a mount that is away.
            Exit::Journal => match self {
                Self::Engine | Self::Signal => Next::Stay,
                Self::Notary => Next::StartAgain,
            },
            Exit::Bug => match self {
                Self::Engine => Next::Stay,
                Self::Signal | Self::Notary => Next::StartAgain,
            },
            Exit::VenueLost => match self {
                Self::Engine => Next::StartAgain,
                Self::Signal | Self::Notary => Next::Stay,
            },
        }
    }

    /// The codes after which this follows, as systemd lists them.
    #[must_use]
    pub fn codes(self, next: Next) -> String {
        let mut codes: Vec<u8> = Exit::ALL
            .into_iter()
            .filter(|exit| self.after(*exit) == next)
            .map(Exit::code)
            .collect();
        codes.sort_unstable();
        codes.iter().map(u8::to_string).collect::<Vec<_>>().join(" ")
    }
}
