//! The gate every load goes through: the guard, what it sees and where it writes, behind one lock.
//!
//! The loader asks before it loads and holds a [`Ticket`] as long as the model is there; the watch
//! ([`super::watch`]) looks in between. Must never: be locked by the serving thread, which reads
//! [`Gate::state`] alone, a copy that is never held through a write.

use super::log::Log;
use super::{Action, Event, Guard, Level, Memory, Need, Record, Sample, sensor};
use crate::resident::{Device, Priority, Resident};
use crate::sys;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the guard sees: the machine, or a test's figures.
pub trait Sense: Debug + Send {
    /// Looks at each memory once.
    fn look(&mut self) -> Vec<(Memory, Result<Sample, String>)>;
}

/// The machine's memory: the host's or a budget, and the GPU's where models run there.
#[derive(Debug)]
pub struct Machine {
    /// The host's memory.
    pub host: HostSense,
    /// The GPU's, or why it cannot be seen; none for a process that computes on CPUs.
    pub vram: Option<Result<sensor::Vram, String>>,
}

/// Which figures stand for the host.
#[derive(Debug)]
pub enum HostSense {
    /// The machine's, or those of the tightest control group.
    Host(sensor::OpenHost),
    /// This process's against its budget.
    Budget(sensor::Budget),
}

impl Sense for Machine {
    fn look(&mut self) -> Vec<(Memory, Result<Sample, String>)> {
        let host = match &self.host {
            HostSense::Host(host) => host.sample().map(|host| host.sample),
            HostSense::Budget(budget) => budget.sample(),
        };
        let mut seen = vec![(Memory::Host, host.map_err(|error| error.to_string()))];
        seen.extend(self.vram.as_ref().map(|vram| {
            let sample = vram.as_ref().map_err(Clone::clone);
            let sample = sample.and_then(|vram| vram.sample().map_err(|error| error.to_string()));
            (Memory::Vram, sample)
        }));
        seen
    }
}

/// One memory, for the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MemoryState {
    /// Its level.
    pub level: Level,
    /// The last sample, if it can be seen.
    pub sample: Option<Sample>,
}

/// What the guard sees and did, for the status.
#[derive(Clone, Debug, Default, Serialize)]
pub struct GateState {
    /// By the memory's name.
    pub memory: BTreeMap<&'static str, MemoryState>,
    /// Whether the CPU model is to serve instead of the GPU's.
    pub tripped: bool,
    /// Decisions by kind, and the records that could not be written.
    pub counts: BTreeMap<String, u64>,
    /// Records that could not be written.
    pub records_failed: u64,
}

impl GateState {
    /// Decisions of a kind.
    #[must_use]
    pub fn count(&self, action: Action) -> u64 {
        self.counts.get(action.name()).copied().unwrap_or(0)
    }
}

#[derive(Debug)]
struct Inner {
    guard: Guard,
    sense: Box<dyn Sense>,
    log: Option<Log>,
    /// Models that are held, and the flag that tells their holder to let go.
    held: Vec<(String, Device, Arc<AtomicBool>)>,
    last_ns: u64,
}

impl Inner {
    /// Takes an event; carries out what is to go, and writes it down.
    fn on(&mut self, event: &Event) -> Vec<Record> {
        // A clock that steps back must not make a sample older than what it shows.
        self.last_ns = self.last_ns.max(sys::unix_ns());
        let records = self.guard.on(self.last_ns, event);
        for record in records.iter().filter(|record| record.action == Action::Unload) {
            let Some(named) = &record.model else { continue };
            let goes = |(model, device, _): &&(String, Device, Arc<AtomicBool>)| {
                *model == named.name && device.name() == named.device
            };
            if let Some((_, _, go)) = self.held.iter().find(goes) {
                // ORDERING: relaxed; a lone flag, pairs with the load in `Ticket::must_go`.
                go.store(true, Ordering::Relaxed);
            }
        }
        if let Some(log) = self.log.as_mut().filter(|_| !records.is_empty()) {
            log.append(&records);
        }
        records
    }

    fn look(&mut self) {
        for (memory, sample) in self.sense.look() {
            self.on(&match sample {
                Ok(sample) => Event::Sample(memory, sample),
                Err(why) => Event::Lost(memory, why),
            });
        }
    }

    fn state(&self) -> GateState {
        let memory = [Memory::Vram, Memory::Host].into_iter().map(|memory| {
            let sample = self.guard.side(memory).sample.map(|(_, sample)| sample);
            (memory.name(), MemoryState { level: self.guard.level(memory), sample })
        });
        let counts = Action::ALL
            .into_iter()
            .map(|action| (action.name().to_owned(), self.guard.count(action)));
        GateState {
            memory: memory.collect(),
            tripped: self.guard.is_tripped(),
            counts: counts.collect(),
            records_failed: self.log.as_ref().map_or(0, Log::failed),
        }
    }
}

/// The gate of one process.
#[derive(Debug)]
pub struct Gate {
    inner: Mutex<Inner>,
    state: Mutex<GateState>,
}

impl Gate {
    /// A gate that has looked once.
    #[must_use]
    pub fn new(sense: Box<dyn Sense>, log: Option<Log>) -> Arc<Self> {
        let guard = Guard::default();
        let inner = Inner { guard, sense, log, held: Vec::new(), last_ns: 0 };
        let gate = Self { inner: Mutex::new(inner), state: Mutex::default() };
        gate.look();
        Arc::new(gate)
    }

    fn with<R>(&self, body: impl FnOnce(&mut Inner) -> R) -> R {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let given = body(&mut inner);
        let state = inner.state();
        drop(inner);
        *self.published() = state;
        given
    }

    fn published(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at each memory now, and decides.
    pub fn look(&self) {
        self.with(Inner::look);
    }

    /// What it saw and did last; waits for nobody who writes.
    #[must_use]
    pub fn state(&self) -> GateState {
        self.published().clone()
    }

    /// Whether the CPU model is to serve.
    #[must_use]
    pub fn is_tripped(&self) -> bool {
        self.published().tripped
    }

    /// A model that is there already.
    pub fn found(self: &Arc<Self>, model: Resident, need: Need) -> Ticket {
        self.with(|inner| {
            inner.on(&Event::Found(model.clone(), need.bytes()));
            self.ticket(inner, model, need)
        })
    }

    /// May this model be loaded? Looks first, so that the answer is of this moment.
    ///
    /// # Errors
    /// The record of the refusal.
    pub fn ask(self: &Arc<Self>, model: Resident, need: Need) -> Result<Ticket, Box<Record>> {
        self.with(|inner| {
            inner.look();
            let made = inner.on(&Event::Ask(model.clone(), need.bytes()));
            match made.into_iter().find(|record| record.action == Action::Deny) {
                Some(record) => Err(Box::new(record)),
                None => Ok(self.ticket(inner, model, need)),
            }
        })
    }

    fn ticket(self: &Arc<Self>, inner: &mut Inner, model: Resident, need: Need) -> Ticket {
        let go = Arc::new(AtomicBool::new(false));
        inner.held.push((model.model.clone(), model.device, Arc::clone(&go)));
        Ticket { gate: Arc::clone(self), model, need, go }
    }
}

/// A model that is held; dropped, it is gone.
#[derive(Debug)]
pub struct Ticket {
    gate: Arc<Gate>,
    model: Resident,
    need: Need,
    go: Arc<AtomicBool>,
}

impl Ticket {
    /// The model is in memory from here on.
    pub fn loaded(&self) {
        let event = Event::Loaded(self.model.model.clone(), self.model.device);
        self.gate.with(|inner| inner.on(&event));
    }

    /// Whether the guard wants it gone.
    #[must_use]
    pub fn must_go(&self) -> bool {
        // ORDERING: relaxed; pairs with the store in `Inner::on`.
        self.go.load(Ordering::Relaxed)
    }

    /// It is to serve from here on, and is as dear as that. `false` where the guard wants it gone.
    pub fn serves(&mut self) -> bool {
        let model = Resident { priority: Priority::Critical, ..self.model.clone() };
        let gone = Event::Gone(model.model.clone(), model.device);
        let found = Event::Found(model.clone(), self.need.bytes());
        let stays = self.gate.with(|inner| {
            // ORDERING: relaxed; written under this lock alone.
            let stays = !self.go.load(Ordering::Relaxed);
            if stays {
                inner.on(&gone);
                inner.on(&found);
            }
            stays
        });
        if stays {
            self.model = model;
        }
        stays
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let (model, device) = (self.model.model.clone(), self.model.device);
        self.gate.with(|inner| {
            inner.held.retain(|(name, at, _)| *name != model || *at != device);
            inner.on(&Event::Gone(model, device));
        });
    }
}
