//! What a check is, and what it can find.
//!
//! A check is a row of data and one function; the function sees the host through [`Look`] and gives
//! an [`Outcome`], or says why it cannot ([`Stop`]): what was not read is UNKNOWN, what does not
//! apply is skipped with the reason.

use crate::host::Missing;
use crate::kernel::Kernel;
pub use crate::look::{Look, Process};
use serde::Serialize;
use std::fmt::Write as _;

/// What a check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// As it should be.
    Pass,
    /// It does not apply here; the note says why.
    Skip,
    /// Not as it should be, at a price that this profile can pay.
    Warn,
    /// A line sets what this kernel does not have.
    Stale,
    /// Live and persisted differ.
    Drift,
    /// Two settings defeat each other.
    Conflict,
    /// It could not be read; nothing is guessed.
    Unknown,
    /// Not as it should be.
    Fail,
}

impl Status {
    /// Every status, in the order of the report's count.
    pub const ALL: [Self; 8] = [
        Self::Pass,
        Self::Warn,
        Self::Fail,
        Self::Unknown,
        Self::Conflict,
        Self::Drift,
        Self::Stale,
        Self::Skip,
    ];

    /// Upper-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Skip => "SKIP",
            Self::Warn => "WARN",
            Self::Stale => "STALE",
            Self::Drift => "DRIFT",
            Self::Conflict => "CONFLICT",
            Self::Unknown => "UNKNOWN",
            Self::Fail => "FAIL",
        }
    }

    /// Whether something is to be done or to be read.
    #[must_use]
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Pass | Self::Skip)
    }

    /// The status of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// What the host is to be fit for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Trading with money: a failed must is a failure, an unread one leaves the report incomplete.
    Live,
    /// Trading on paper: what fails is a warning.
    Paper,
    /// Building and testing: as paper; what was not read is not missed.
    Dev,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::Live, Self::Paper, Self::Dev];

    /// Lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Paper => "paper",
            Self::Dev => "dev",
        }
    }

    /// The profile of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }
}

/// How much hangs on a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Need {
    /// Live trading needs it: a miss fails.
    Must,
    /// It costs: a miss warns.
    Should,
    /// For the reader: it never warns.
    Tell,
}

impl Need {
    /// Lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::Tell => "tell",
        }
    }
}

/// Part of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Isolation of cores, and noise on them.
    Cpu,
    /// Power and clocks.
    Power,
    /// Memory.
    Memory,
    /// Scheduler.
    Scheduler,
    /// Network and PCI Express.
    Network,
    /// GPU.
    Gpu,
    /// Services beside the station.
    Services,
}

impl Group {
    /// Every group, in the order of the table.
    pub const ALL: [Self; 7] = [
        Self::Cpu,
        Self::Power,
        Self::Memory,
        Self::Scheduler,
        Self::Network,
        Self::Gpu,
        Self::Services,
    ];

    /// Lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Power => "power",
            Self::Memory => "memory",
            Self::Scheduler => "scheduler",
            Self::Network => "network",
            Self::Gpu => "gpu",
            Self::Services => "services",
        }
    }

    /// Title for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Cpu => "Isolation of cores, and noise on them",
            Self::Power => "Power and clocks",
            Self::Memory => "Memory",
            Self::Scheduler => "Scheduler",
            Self::Network => "Network and PCI Express",
            Self::Gpu => "GPU",
            Self::Services => "Services beside the station",
        }
    }
}

/// One setting of a host.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Stable number within its group's letter.
    pub id: &'static str,
    /// Short name.
    pub name: &'static str,
    /// Part of the host.
    pub group: Group,
    /// Why it matters.
    pub why: &'static str,
    /// Where it is read, beneath the root.
    pub read: &'static str,
    /// What it should be.
    pub good: &'static str,
    /// How to set it until the next boot.
    pub now: &'static str,
    /// How to set it for good.
    pub keep: &'static str,
    /// First kernel that has it.
    pub since: Option<Kernel>,
    /// First kernel that has it no more.
    pub until: Option<Kernel>,
    /// How much hangs on it.
    pub need: Need,
    /// Where the rule comes from.
    pub source: &'static str,
    /// Whether its answer may change from one look to the next with no setting changed.
    pub moves: bool,
    /// The check.
    pub run: fn(&Look<'_>) -> Result<Outcome, Stop>,
}

/// Why a check says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It could not be read.
    Unknown(String),
    /// It does not apply.
    Skip(String),
}

impl From<Missing> for Stop {
    fn from(missing: Missing) -> Self {
        Self::Unknown(missing.to_string())
    }
}

/// Says that a check does not apply.
pub(crate) fn skip<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Skip(why.into()))
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it says; a miss is FAIL here and becomes WARN by need and profile.
    pub status: Status,
    /// What is in force.
    pub live: String,
    /// What the next boot will bring, where that is written down.
    pub persisted: Option<String>,
    /// What the topology asks for, where it does.
    pub planned: Option<String>,
    /// What to make of it.
    pub note: String,
}

impl Outcome {
    pub(crate) fn new(status: Status, live: impl Into<String>, note: impl Into<String>) -> Self {
        Self { status, live: live.into(), persisted: None, planned: None, note: note.into() }
    }

    /// PASS or FAIL.
    pub(crate) fn good(is_good: bool, live: impl Into<String>, note: impl Into<String>) -> Self {
        let note = if is_good { String::new() } else { note.into() };
        Self::new(if is_good { Status::Pass } else { Status::Fail }, live, note)
    }

    pub(crate) fn planned(self, plan: impl Into<String>) -> Self {
        Self { planned: Some(plan.into()), ..self }
    }

    pub(crate) fn persisted(self, kept: Option<String>) -> Self {
        Self { persisted: kept, ..self }
    }
}

/// What a check says of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its part of the host.
    pub group: Group,
    /// What it says under the profile.
    pub status: Status,
    /// What it found, before need and profile.
    #[serde(skip)]
    pub found: Status,
    /// How much hangs on it.
    pub need: Need,
    /// What the topology asks for.
    pub planned: Option<String>,
    /// What the next boot brings.
    pub persisted: Option<String>,
    /// What is in force; empty where it was not read.
    pub live: String,
    /// What should be.
    pub good: &'static str,
    /// What to make of it.
    pub note: String,
    /// How to set it until the next boot; empty where nothing is to be done.
    pub now: &'static str,
    /// How to set it for good.
    pub keep: &'static str,
}

impl Finding {
    /// What is live and what to make of it, in one line.
    #[must_use]
    pub fn said(&self) -> String {
        let parts = [self.live.as_str(), self.note.as_str()];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(": ").split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl Check {
    /// A row without its texts, for the rows of a group to start from.
    pub(crate) const fn base(group: Group) -> Self {
        Self {
            id: "",
            name: "",
            group,
            why: "",
            read: "",
            good: "",
            now: "",
            keep: "",
            since: None,
            until: None,
            need: Need::Should,
            source: "",
            moves: false,
            run: |_| Err(Stop::Skip(String::new())),
        }
    }

    /// All of the row, for people.
    #[must_use]
    pub fn explained(&self) -> String {
        let mut text = format!("{} {} ({})\n", self.id, self.name, self.group.title());
        let since = self.since.map(|kernel| format!("kernel {kernel}")).unwrap_or_default();
        let until = self.until.map(|kernel| format!("kernel {kernel}")).unwrap_or_default();
        for (label, value) in [
            ("why", self.why),
            ("where read", self.read),
            ("good", self.good),
            ("set now", self.now),
            ("keep", self.keep),
            ("since", since.as_str()),
            ("until", until.as_str()),
            ("need", self.need.name()),
            ("source", self.source),
        ] {
            if !value.is_empty() {
                let _ = writeln!(text, "  {label:10} {value}");
            }
        }
        text
    }

    /// Looks, and judges by need and profile.
    #[must_use]
    pub fn find(&self, look: &Look<'_>, profile: Profile) -> Finding {
        let outcome = self.outcome(look);
        let status = match (outcome.status, self.need, profile) {
            (Status::Fail, Need::Must, Profile::Live) => Status::Fail,
            (Status::Fail, Need::Must | Need::Should, _) => Status::Warn,
            (Status::Fail, Need::Tell, _) => Status::Pass,
            (status, ..) => status,
        };
        let act = |text| if status.is_open() { text } else { "" };
        Finding {
            id: self.id,
            name: self.name,
            group: self.group,
            status,
            found: outcome.status,
            need: self.need,
            planned: outcome.planned,
            persisted: outcome.persisted,
            live: outcome.live,
            good: self.good,
            note: outcome.note,
            now: act(self.now),
            keep: act(self.keep),
        }
    }

    /// What it found, before need and profile.
    #[must_use]
    pub fn outcome(&self, look: &Look<'_>) -> Outcome {
        if let Some(since) = self.since.filter(|since| !look.is_since(*since)) {
            return Outcome::new(Status::Skip, "", format!("kernels before {since} have it not"));
        }
        if let Some(until) = self.until.filter(|until| look.kernel.is_some_and(|k| k >= *until)) {
            return Outcome::new(Status::Skip, "", format!("gone since kernel {until}"));
        }
        (self.run)(look).unwrap_or_else(|stop| match stop {
            Stop::Unknown(why) => Outcome::new(Status::Unknown, "", why),
            Stop::Skip(why) => Outcome::new(Status::Skip, "", why),
        })
    }
}
