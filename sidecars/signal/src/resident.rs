//! Words for a model that is kept in memory: where it is, and how dear it is to the station.
//!
//! The GPU calendar names its models with them and the memory guard decides by them. Must never:
//! hold a rule; the calendar and the guard have those. Any thread; allocates names.

use std::fmt;

/// Where a model is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Device {
    /// In the host's memory, run on its CPUs.
    Cpu,
    /// In the memory of the GPU.
    Gpu,
}

impl Device {
    /// Every device.
    pub const ALL: [Self; 2] = [Self::Cpu, Self::Gpu];

    /// The word in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        }
    }
}

/// How dear a model is: the least is unloaded first, and comes last where several are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Goes first: a shadow, a challenger, a comparison.
    Optional,
    /// Useful, and the station trades without it.
    Normal,
    /// What the station trades on: stays until nothing else is left.
    Critical,
}

impl Priority {
    /// From the one that goes first to the one that goes last.
    pub const ALL: [Self; 3] = [Self::Optional, Self::Normal, Self::Critical];

    /// The word in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Optional => "optional",
            Self::Normal => "normal",
            Self::Critical => "critical",
        }
    }
}

/// One model in one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resident {
    /// Name of the model, as its manifest has it.
    pub model: String,
    /// Where it is.
    pub device: Device,
    /// How dear it is.
    pub priority: Priority,
}

impl fmt::Display for Resident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{} ({})", self.model, self.device.name(), self.priority.name())
    }
}
