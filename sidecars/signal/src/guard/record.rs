//! One decision of the guard as a record, and the guard again from its records.
//!
//! Must never: leave out what a decision was made from. A record is one line of JSON.

use super::{Event, Guard, Level, Memory, Sample};
use crate::resident::{Device, Priority, Resident};
use serde::{Deserialize, Serialize};

/// What was decided, or taken note of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The memory can be seen from here on.
    Sighted,
    /// The memory cannot be seen: nothing is loaded into it.
    Blind,
    /// Optional loads stop.
    StopOptional,
    /// Optional loads are allowed again.
    AllowOptional,
    /// The level changed between two that both stop optional loads.
    Level,
    /// The CPU model takes over.
    Trip,
    /// The GPU's model may serve again.
    Return,
    /// The model must go.
    Unload,
    /// The load is allowed.
    Admit,
    /// The load is refused.
    Deny,
    /// The model is there without having been asked for.
    Found,
    /// The model that was admitted is there.
    Loaded,
    /// The model is no longer there.
    Gone,
}

impl Action {
    /// Every action, in the order of its codes.
    pub const ALL: [Self; 13] = [
        Self::Sighted,
        Self::Blind,
        Self::StopOptional,
        Self::AllowOptional,
        Self::Level,
        Self::Trip,
        Self::Return,
        Self::Unload,
        Self::Admit,
        Self::Deny,
        Self::Found,
        Self::Loaded,
        Self::Gone,
    ];

    /// The word in counts and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sighted => "sighted",
            Self::Blind => "blind",
            Self::StopOptional => "stop-optional",
            Self::AllowOptional => "allow-optional",
            Self::Level => "level",
            Self::Trip => "trip",
            Self::Return => "return",
            Self::Unload => "unload",
            Self::Admit => "admit",
            Self::Deny => "deny",
            Self::Found => "found",
            Self::Loaded => "loaded",
            Self::Gone => "gone",
        }
    }
}

/// A model as a record names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Name of the model.
    pub name: String,
    /// `cpu` or `gpu`.
    pub device: String,
    /// `optional`, `normal` or `critical`.
    pub priority: String,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Number of the event that led to it, from 1; events without a decision have none. A process
    /// that was started again appends to the same file and counts from 1 again.
    pub event: u64,
    /// Time of the event, UNIX nanoseconds of the caller's clock.
    pub at_ns: u64,
    /// The memory it is about.
    pub memory: Memory,
    /// Level before the event.
    pub before: Level,
    /// Level after it.
    pub after: Level,
    /// Time of the sample the decision was made from.
    pub sampled_ns: Option<u64>,
    /// That sample.
    pub sample: Option<Sample>,
    /// What was decided.
    pub action: Action,
    /// About which model.
    pub model: Option<Named>,
    /// What the model needs, bytes.
    pub need_bytes: Option<u64>,
    /// Why, where the action alone does not say.
    pub why: Option<String>,
}

impl Record {
    pub(super) fn about(mut self, model: &Resident, need_bytes: u64) -> Self {
        self.model = Some(Named {
            name: model.model.clone(),
            device: model.device.name().to_owned(),
            priority: model.priority.name().to_owned(),
        });
        self.need_bytes = Some(need_bytes);
        self
    }

    pub(super) fn because(mut self, why: String) -> Self {
        self.why = Some(why);
        self
    }

    /// The record as one line of JSON.
    #[must_use]
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The event that led to this record; `None` where a part of it is missing.
    fn cause(&self) -> Option<Event> {
        let model = || {
            let named = self.model.as_ref()?;
            let device = Device::ALL.into_iter().find(|d| d.name() == named.device)?;
            let priority = Priority::ALL.into_iter().find(|p| p.name() == named.priority)?;
            let model = Resident { model: named.name.clone(), device, priority };
            Some((model, self.need_bytes?))
        };
        match self.action {
            Action::Sighted
            | Action::StopOptional
            | Action::AllowOptional
            | Action::Level
            | Action::Trip
            | Action::Return
            | Action::Unload => Some(Event::Sample(self.memory, self.sample?)),
            Action::Blind => Some(Event::Lost(self.memory, self.why.clone()?)),
            Action::Admit | Action::Deny => model().map(|(model, need)| Event::Ask(model, need)),
            Action::Found => model().map(|(model, need)| Event::Found(model, need)),
            Action::Loaded => model().map(|(model, _)| Event::Loaded(model.model, model.device)),
            Action::Gone => model().map(|(model, _)| Event::Gone(model.model, model.device)),
        }
    }
}

/// The guard that made these records; of several processes one after another the last one's.
///
/// # Errors
/// Index of the first record that this program's guard would not have made so.
pub fn replay(records: &[Record]) -> Result<Guard, usize> {
    let mut guard = Guard::default();
    let (mut done, mut last) = (0, 0);
    while let Some(first) = records.get(done) {
        if first.event <= last {
            guard = Guard::default();
        }
        last = first.event;
        let event = first.cause().ok_or(done)?;
        // The sample an answer was made from may have led to no record itself.
        if !matches!(event, Event::Sample(..) | Event::Lost(..))
            && let (Some(sampled_ns), Some(sample)) = (first.sampled_ns, first.sample)
            && guard.side(first.memory).sample != Some((sampled_ns, sample))
            && !guard.on(sampled_ns, &Event::Sample(first.memory, sample)).is_empty()
        {
            return Err(done);
        }
        for made in guard.on(first.at_ns, &event) {
            if records.get(done) != Some(&made) {
                return Err(done);
            }
            done += 1;
        }
        if records.get(done) == Some(first) {
            return Err(done);
        }
    }
    Ok(guard)
}
