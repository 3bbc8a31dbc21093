//! The memory guard: what may be loaded, what must go, and when the CPU model takes over.
//!
//! A decision machine on samples of the GPU's and the host's memory, both with levels at 85, 90 and
//! 95 % and 5 points of hysteresis. Each event gives decisions, each a [`Record`], and the records
//! alone give the same machine again ([`record::replay`]). The loader asks it through [`gate`]. Must
//! never: read a clock or a sensor ([`sensor`] and [`gate`] do), decide on a memory it has no sample
//! of, or let a critical model go before one that is less dear. Pure; one thread; allocates.

pub mod gate;
pub mod log;
pub mod record;
pub mod sensor;
pub(crate) mod watch;

pub use record::{Action, Record};

use crate::resident::{Device, Priority, Resident};
use serde::{Deserialize, Serialize};

/// Use of a memory, percent of its size, from which optional models are not loaded.
pub const HOLD_PERCENT: u64 = 85;
/// From which models are unloaded, the least dear first.
pub const SHED_PERCENT: u64 = 90;
/// From which nothing more is loaded and the CPU model takes over from the GPU's.
pub const TRIP_PERCENT: u64 = 95;
/// A level is left so many points below the use it is entered at.
pub const HYSTERESIS_PERCENT: u64 = 5;
/// What unloading aims at: below this use the level that unloads is left.
const AIM_PERCENT: u64 = SHED_PERCENT - HYSTERESIS_PERCENT;

/// A memory that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Memory {
    /// The GPU's.
    Vram,
    /// The host's, or what a control group leaves of it.
    Host,
}

impl Memory {
    /// Where a device keeps its models.
    #[must_use]
    pub const fn of(device: Device) -> Self {
        match device {
            Device::Gpu => Self::Vram,
            Device::Cpu => Self::Host,
        }
    }

    /// The word in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vram => "vram",
            Self::Host => "host",
        }
    }
}

/// How full a memory is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// All loads that fit are allowed.
    #[default]
    Normal,
    /// No optional load.
    Hold,
    /// Critical loads only, and models are unloaded.
    Shed,
    /// No load; the CPU model serves.
    Trip,
}

impl Level {
    /// From empty to full.
    pub const ALL: [Self; 4] = [Self::Normal, Self::Hold, Self::Shed, Self::Trip];

    /// The word in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Hold => "hold",
            Self::Shed => "shed",
            Self::Trip => "trip",
        }
    }

    /// Use it is entered at, percent.
    #[must_use]
    pub const fn percent(self) -> u64 {
        match self {
            Self::Normal => 0,
            Self::Hold => HOLD_PERCENT,
            Self::Shed => SHED_PERCENT,
            Self::Trip => TRIP_PERCENT,
        }
    }

    /// The level after a sample.
    #[must_use]
    pub fn after(self, sample: Sample) -> Self {
        let holds = |level: &Self| {
            let slack = if *level <= self { HYSTERESIS_PERCENT } else { 0 };
            sample.reaches(level.percent().saturating_sub(slack))
        };
        Self::ALL.into_iter().rev().find(holds).unwrap_or(Self::Normal)
    }
}

/// Use of a memory at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Bytes in use.
    pub used_bytes: u64,
    /// Its size, bytes; a sample of a memory without size is none.
    pub total_bytes: u64,
}

impl Sample {
    /// Whether so many percent or more are in use.
    #[must_use]
    pub fn reaches(self, percent: u64) -> bool {
        self.with(0, percent)
    }

    /// Whether so many percent would be reached with so many bytes more.
    fn with(self, more_bytes: u64, percent: u64) -> bool {
        let used = u128::from(self.used_bytes) + u128::from(more_bytes);
        used * 100 >= u128::from(self.total_bytes) * u128::from(percent)
    }
}

/// What a model is thought to need before it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Its weights as the runtime holds them, bytes.
    pub weights_bytes: u64,
    /// What one request is worked on in, bytes: activations, or a cache of keys and values.
    pub slot_bytes: u64,
    /// Requests at a time.
    pub slots: u32,
    /// What the runtime itself takes, and what the estimate may be short by, bytes.
    pub margin_bytes: u64,
}

impl Need {
    /// The sum; the largest number there is where it has none, which no memory admits.
    #[must_use]
    pub fn bytes(self) -> u64 {
        let slots = self.slot_bytes.checked_mul(u64::from(self.slots));
        let sum = slots.and_then(|slots| slots.checked_add(self.weights_bytes));
        sum.and_then(|sum| sum.checked_add(self.margin_bytes)).unwrap_or(u64::MAX)
    }
}

/// What happens to the guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A memory was sampled.
    Sample(Memory, Sample),
    /// A memory cannot be sampled.
    Lost(Memory, String),
    /// A model is resident that the guard was not asked for.
    Found(Resident, u64),
    /// May this model be loaded, which needs so many bytes?
    Ask(Resident, u64),
    /// A model that was admitted is loaded.
    Loaded(String, Device),
    /// A model is no longer there: unloaded, or its load failed.
    Gone(String, Device),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Admitted; its bytes are not all in use yet.
    Loading,
    /// In use since then; an older sample does not show it.
    Loaded { at_ns: u64 },
    /// Told to go; its bytes are still in use.
    Leaving,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    model: Resident,
    need_bytes: u64,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Side {
    level: Level,
    /// The last sample and its time; none while the memory cannot be seen.
    sample: Option<(u64, Sample)>,
    /// The CPU model serves instead of the GPU's.
    tripped: bool,
}

/// The machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    vram: Side,
    host: Side,
    held: Vec<Held>,
    events: u64,
    counts: [u64; Action::ALL.len()],
}

impl Guard {
    /// The level of a memory.
    #[must_use]
    pub fn level(&self, memory: Memory) -> Level {
        self.side(memory).level
    }

    /// Whether the CPU model serves because the GPU's memory was too full.
    #[must_use]
    pub fn is_tripped(&self) -> bool {
        self.vram.tripped
    }

    /// Times a decision was made.
    #[must_use]
    pub fn count(&self, action: Action) -> u64 {
        self.counts.get(action as usize).copied().unwrap_or(0)
    }

    /// Takes an event; returns the decisions it led to, in the order they are to be carried out.
    /// An event without a decision leaves nothing but the newest sample behind.
    pub fn on(&mut self, at_ns: u64, event: &Event) -> Vec<Record> {
        let mut records = Vec::new();
        match event {
            Event::Sample(memory, sample) if sample.total_bytes == 0 => {
                self.lost(at_ns, *memory, "its size is 0", &mut records);
            }
            Event::Sample(memory, sample) => self.sample(at_ns, *memory, *sample, &mut records),
            Event::Lost(memory, why) => self.lost(at_ns, *memory, why, &mut records),
            Event::Found(model, need) => self.found(at_ns, model, *need, &mut records),
            Event::Ask(model, need) => records.push(self.ask(at_ns, model, *need)),
            Event::Loaded(model, device) => self.loaded(at_ns, model, *device, &mut records),
            Event::Gone(model, device) => self.gone(at_ns, model, *device, &mut records),
        }
        self.events += u64::from(!records.is_empty());
        for record in &mut records {
            record.event = self.events;
            if let Some(count) = self.counts.get_mut(record.action as usize) {
                *count += 1;
            }
        }
        records
    }

    fn sample(&mut self, at_ns: u64, memory: Memory, sample: Sample, records: &mut Vec<Record>) {
        let side = self.side_mut(memory);
        let was_blind = side.sample.is_none();
        let before = side.level;
        let after = before.after(sample);
        (side.sample, side.level) = (Some((at_ns, sample)), after);
        let mut say = |guard: &Self, action| {
            records.push(Record { before, ..guard.record(at_ns, memory, action) });
        };
        if was_blind {
            say(self, Action::Sighted);
        }
        match (before, after) {
            (before, after) if before == after => {}
            (Level::Normal, _) => say(self, Action::StopOptional),
            (_, Level::Normal) => say(self, Action::AllowOptional),
            _ => say(self, Action::Level),
        }
        if memory == Memory::Vram && after == Level::Trip && !self.vram.tripped {
            self.vram.tripped = true;
            say(self, Action::Trip);
        } else if memory == Memory::Vram && after == Level::Normal && self.vram.tripped {
            self.vram.tripped = false;
            say(self, Action::Return);
        }
        if after >= Level::Shed {
            self.shed(at_ns, memory, sample, before, records);
        }
    }

    /// Unloads, the least dear and among these the largest first, until what is left lies below the
    /// aim. A critical model goes only from a GPU whose work the CPU has taken over, and last.
    fn shed(
        &mut self,
        at_ns: u64,
        memory: Memory,
        sample: Sample,
        before: Level,
        records: &mut Vec<Record>,
    ) {
        let side = *self.side(memory);
        let last = if side.tripped && side.level == Level::Trip {
            Priority::Critical
        } else {
            Priority::Normal
        };
        loop {
            let leaving = self.held.iter().filter(|held| {
                Memory::of(held.model.device) == memory && held.stage == Stage::Leaving
            });
            let leaving = leaving.fold(0_u64, |sum, held| sum.saturating_add(held.need_bytes));
            let used_bytes = sample.used_bytes.saturating_sub(leaving);
            if !(Sample { used_bytes, ..sample }).reaches(AIM_PERCENT) {
                return;
            }
            let candidates = self.held.iter_mut().filter(|held| {
                Memory::of(held.model.device) == memory
                    && matches!(held.stage, Stage::Loaded { .. })
                    && held.model.priority <= last
            });
            let next = candidates.min_by(|a, b| {
                let order = |held: &Held| (held.model.priority, std::cmp::Reverse(held.need_bytes));
                order(a).cmp(&order(b)).then_with(|| a.model.model.cmp(&b.model.model))
            });
            let Some(next) = next else { return };
            next.stage = Stage::Leaving;
            let (model, need) = (next.model.clone(), next.need_bytes);
            let record = self.record(at_ns, memory, Action::Unload).about(&model, need);
            records.push(Record { before, ..record });
        }
    }

    fn lost(&mut self, at_ns: u64, memory: Memory, why: &str, records: &mut Vec<Record>) {
        if self.side_mut(memory).sample.take().is_some() {
            let record = self.record(at_ns, memory, Action::Blind);
            records.push(record.because(why.to_owned()));
        }
    }

    fn found(&mut self, at_ns: u64, model: &Resident, need: u64, records: &mut Vec<Record>) {
        if self.place(&model.model, model.device).is_none() {
            let stage = Stage::Loaded { at_ns };
            self.held.push(Held { model: model.clone(), need_bytes: need, stage });
            let record = self.record(at_ns, Memory::of(model.device), Action::Found);
            records.push(record.about(model, need));
        }
    }

    fn ask(&mut self, at_ns: u64, model: &Resident, need: u64) -> Record {
        let memory = Memory::of(model.device);
        let record = |guard: &Self, action| guard.record(at_ns, memory, action).about(model, need);
        if let Some(why) = self.objection(memory, model, need) {
            return record(self, Action::Deny).because(why);
        }
        self.held.push(Held { model: model.clone(), need_bytes: need, stage: Stage::Loading });
        record(self, Action::Admit)
    }

    /// Why a model must not be loaded now.
    fn objection(&self, memory: Memory, model: &Resident, need: u64) -> Option<String> {
        let side = self.side(memory);
        let Some((sampled_ns, sample)) = side.sample else {
            return Some(format!("{} is not watched", memory.name()));
        };
        if self.place(&model.model, model.device).is_some() {
            return Some("it is held already".to_owned());
        }
        if side.tripped {
            return Some(
                "the CPU model serves until the GPU's memory is back to normal".to_owned(),
            );
        }
        let line = match model.priority {
            Priority::Optional => Level::Hold,
            Priority::Normal => Level::Shed,
            Priority::Critical => Level::Trip,
        };
        if side.level >= line {
            let (level, priority) = (side.level.name(), model.priority.name());
            return Some(format!("level {level} takes no {priority} load"));
        }
        // What is admitted counts until a sample shows it.
        let coming = self.held.iter().filter(|held| {
            let unseen = match held.stage {
                Stage::Loading => true,
                Stage::Loaded { at_ns } => sampled_ns <= at_ns,
                Stage::Leaving => false,
            };
            unseen && Memory::of(held.model.device) == memory
        });
        let coming = coming.fold(0_u64, |sum, held| sum.saturating_add(held.need_bytes));
        let more = coming.saturating_add(need);
        sample.with(more, line.percent()).then(|| {
            format!(
                "it would reach {} %: used={} coming={coming} need={need} total={}",
                line.percent(),
                sample.used_bytes,
                sample.total_bytes
            )
        })
    }

    fn loaded(&mut self, at_ns: u64, model: &str, device: Device, records: &mut Vec<Record>) {
        let place = self.place(model, device).and_then(|place| self.held.get_mut(place));
        if let Some(held) = place.filter(|held| held.stage == Stage::Loading) {
            held.stage = Stage::Loaded { at_ns };
            let (model, need) = (held.model.clone(), held.need_bytes);
            let record = self.record(at_ns, Memory::of(device), Action::Loaded);
            records.push(record.about(&model, need));
        }
    }

    fn gone(&mut self, at_ns: u64, model: &str, device: Device, records: &mut Vec<Record>) {
        if let Some(place) = self.place(model, device) {
            let held = self.held.remove(place);
            let record = self.record(at_ns, Memory::of(device), Action::Gone);
            records.push(record.about(&held.model, held.need_bytes));
        }
    }

    fn place(&self, model: &str, device: Device) -> Option<usize> {
        self.held.iter().position(|held| held.model.model == model && held.model.device == device)
    }

    fn side(&self, memory: Memory) -> &Side {
        match memory {
            Memory::Vram => &self.vram,
            Memory::Host => &self.host,
        }
    }

    fn side_mut(&mut self, memory: Memory) -> &mut Side {
        match memory {
            Memory::Vram => &mut self.vram,
            Memory::Host => &mut self.host,
        }
    }

    fn record(&self, at_ns: u64, memory: Memory, action: Action) -> Record {
        let side = self.side(memory);
        Record {
            event: 0,
            at_ns,
            memory,
            before: side.level,
            after: side.level,
            sampled_ns: side.sample.map(|(sampled_ns, _)| sampled_ns),
            sample: side.sample.map(|(_, sample)| sample),
            action,
            model: None,
            need_bytes: None,
            why: None,
        }
    }
}
