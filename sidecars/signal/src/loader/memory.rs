//! The loader and the memory guard: who asks before a load, what goes when memory is full, and the CPU
//! model that takes over from the GPU's.
//!
//! The model that serves is critical. A candidate is optional while it is tried; one that is to serve
//! untried (a rollback, the calendar) is normal: it replaces, it does not stay beside. Where a GPU
//! serves, a twin of the model is kept warm on the CPU. A process that computes on CPUs has nothing to
//! trip to: from 95 % on it loads nothing, and the model that serves stays. Must never: free the model
//! that serves before another one does. Loader's thread, but for [`Guarding`].

use super::{Cause, Failed, Shared, Task, Worker};
use crate::backend::Backend;
use crate::error::ModelError;
use crate::guard::gate::{Gate, Ticket};
use crate::guard::watch::Watch;
use crate::guard::{Level, Need, Record};
use crate::model::{BATCH_MAX, Model};
use crate::resident::{Device, Priority, Resident};
use crate::scorer::Scorer;
use crate::store::{Address, Bundle};
use crate::sys;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

/// Copies of a file's bytes while it is loaded: the bytes, the parsed graph, the runtime's own.
const COPIES: u64 = 4;
/// Working memory of one window, bytes.
const SLOT_BYTES: u64 = 64 << 10;
/// What a runtime takes beside, and the estimate may be short by, bytes.
const MARGIN_CPU_BYTES: u64 = 16 << 20;
/// The same on a GPU, where a session has a workspace and a graph of launches of its own.
const MARGIN_GPU_BYTES: u64 = 512 << 20;
/// Shortest time between two tries to bring the GPU's model back, nanoseconds.
const RETRY_NS: u64 = 10_000_000_000;
/// Digits of an address in a resident's name.
const SHORT: usize = 12;

/// How loads go through the memory guard.
#[derive(Clone, Debug)]
pub struct Guarding {
    /// The gate.
    pub gate: Arc<Gate>,
    /// Where this process computes.
    pub device: Device,
    /// What computes on the CPU while the GPU's memory is too full; none on a CPU.
    pub fallback: Option<&'static dyn Backend>,
    /// Time between two looks.
    pub every: Duration,
}

impl Guarding {
    /// The model that serves is there.
    pub(super) fn hold(&self, serving: &Model) -> Memory {
        let manifest = serving.manifest();
        let model = resident(&manifest.name, serving.address(), 0, self.device, Priority::Critical);
        let bytes = manifest.files.iter().map(|file| file.bytes).sum();
        Memory {
            guarding: self.clone(),
            serving: Some(self.gate.found(model, need(bytes, self.device))),
            standby: None,
            on_cpu: false,
            told: false,
            retry_ns: 0,
            loads: 0,
        }
    }

    /// Starts the watch.
    pub(super) fn watch(
        &self,
        shared: &Arc<Shared>,
        jobs: SyncSender<Task>,
    ) -> Result<Watch, ModelError> {
        let (gate, shared) = (Arc::clone(&self.gate), Arc::clone(shared));
        Watch::start(Arc::clone(&self.gate), self.every, move || {
            // ORDERING: relaxed, both; lone flags, pair with the loader's in `follow_guard`.
            let is_there = gate.is_tripped() == shared.on_cpu.load(Ordering::Relaxed);
            if !is_there && !shared.nudged.swap(true, Ordering::Relaxed) {
                // A full channel has something after which the loader looks itself.
                if jobs.try_send(Task::Follow).is_err() {
                    shared.nudged.store(false, Ordering::Relaxed); // ORDERING: as above.
                }
            }
        })
    }
}

/// What this process holds in memory.
#[derive(Debug)]
pub(super) struct Memory {
    guarding: Guarding,
    serving: Option<Ticket>,
    standby: Option<(Scorer, Ticket)>,
    on_cpu: bool,
    /// That a trip came to nothing was told already.
    told: bool,
    retry_ns: u64,
    loads: u64,
}

impl Memory {
    fn device(&self) -> Device {
        if self.on_cpu { Device::Cpu } else { self.guarding.device }
    }
}

/// A model as the guard knows it: no two loads have one name.
fn resident(
    name: &str,
    address: Address,
    load: u64,
    device: Device,
    priority: Priority,
) -> Resident {
    let short: String = address.to_string().chars().take(SHORT).collect();
    Resident { model: format!("{name}/{short}/{load}"), device, priority }
}

fn need(file_bytes: u64, device: Device) -> Need {
    Need {
        weights_bytes: file_bytes.saturating_mul(COPIES),
        slot_bytes: SLOT_BYTES,
        slots: u32::try_from(BATCH_MAX).unwrap_or(u32::MAX),
        margin_bytes: match device {
            Device::Cpu => MARGIN_CPU_BYTES,
            Device::Gpu => MARGIN_GPU_BYTES,
        },
    }
}

/// The refusal as one line.
fn denied(record: &Record) -> Failed {
    let (memory, level) = (record.memory.name(), record.after.name());
    let used = record.sample.map_or_else(
        || "used=unknown".to_owned(),
        |sample| format!("used={} total={}", sample.used_bytes, sample.total_bytes),
    );
    let why = record.why.as_deref().unwrap_or("");
    let line = format!(
        "RESOURCE: the memory guard refuses the load: memory={memory} level={level} {used} \
         need={} why=\"{why}\"; next: make room, then try again (`corelane models list --json` shows \
         what it sees)",
        record.need_bytes.unwrap_or(0)
    );
    (Cause::Memory, line)
}

/// The candidate was there and is not any more.
pub(super) fn sent_away() -> Failed {
    let (level, next) = (Level::Shed.percent(), "try again when it is below");
    let line = format!(
        "RESOURCE: the memory guard unloads the candidate: memory is {level} % full or more; next: \
         {next}"
    );
    (Cause::Memory, line)
}

impl Worker {
    /// Where the next model is loaded.
    pub(super) fn place(&self) -> &'static dyn Backend {
        let fallback = self.memory.as_ref().filter(|memory| memory.on_cpu);
        fallback.and_then(|memory| memory.guarding.fallback).unwrap_or(self.backend)
    }

    /// Asks for a candidate; no ticket where there is no guard.
    pub(super) fn admit(
        &mut self,
        job: u64,
        bundle: &Bundle,
        replaces: bool,
    ) -> Result<Option<Ticket>, Failed> {
        let Some(memory) = &mut self.memory else { return Ok(None) };
        let priority = if replaces { Priority::Normal } else { Priority::Optional };
        memory.ask(bundle, priority, memory.device()).map(Some).map_err(|record| {
            let (cause, line) = denied(&record);
            (cause, format!("{line} candidate_of_job={job}"))
        })
    }

    /// The published model holds its ticket; the one before is freed already. Its twin on the CPU
    /// follows.
    pub(super) fn took_over(&mut self, ticket: Option<Ticket>) {
        if let Some(memory) = &mut self.memory {
            memory.serving = ticket;
            memory.standby = None;
        }
        self.keep_standby();
    }

    /// Keeps the twin of the serving model warm on the CPU, where the guard may need it.
    pub(super) fn keep_standby(&mut self) {
        let Some(memory) = self.memory.as_mut().filter(|memory| !memory.on_cpu) else { return };
        let Some(fallback) = memory.guarding.fallback else { return };
        let made =
            self.store.object(self.address).map_err(|e| e.operator_line()).and_then(|bundle| {
                let asked = memory.ask(&bundle, Priority::Critical, Device::Cpu);
                let ticket = asked.map_err(|record| denied(&record).1)?;
                let model = Model::of(bundle, fallback).map_err(|e| e.operator_line())?;
                ticket.loaded();
                Ok((Scorer::new(model), ticket))
            });
        match made {
            Ok(standby) => memory.standby = Some(standby),
            Err(why) => eprintln!(
                "corelane-signal: no CPU model stands by for the GPU's: address={} {why}",
                self.address
            ),
        }
    }

    /// Whether the CPU model must take over and does not yet.
    pub(super) fn must_move(&self) -> bool {
        self.memory.as_ref().is_some_and(|memory| {
            memory.standby.is_some() && memory.guarding.gate.is_tripped() && !memory.on_cpu
        })
    }

    /// Does what the guard wants of the model that serves.
    pub(super) fn follow_guard(&mut self) {
        // ORDERING: relaxed; pairs with the watch's in `Guarding::watch`.
        self.shared.nudged.store(false, Ordering::Relaxed);
        let Some(memory) = &mut self.memory else { return };
        let outcome = match (memory.guarding.gate.is_tripped(), memory.on_cpu) {
            (true, false) => self.trip(),
            (false, true) => self.come_back(),
            (tripped, _) => {
                memory.told = memory.told && tripped;
                return;
            }
        };
        let Err(why) = outcome else { return };
        let Some(memory) = &mut self.memory else { return };
        if !std::mem::replace(&mut memory.told, true) {
            self.shared.state().1.trips_failed += 1;
            eprintln!("corelane-signal: the memory guard's wish came to nothing: {why}");
        }
    }

    /// The CPU's twin serves, and the GPU's memory is free.
    fn trip(&mut self) -> Result<(), String> {
        let Some(memory) = &mut self.memory else { return Ok(()) };
        let (scorer, ticket) = memory.standby.take().ok_or_else(|| {
            "RESOURCE: the GPU's memory is full and no CPU model stands by: the GPU's serves on; \
             next: free memory of the GPU, or start with a back end that computes on the CPU"
                .to_owned()
        })?;
        drop(self.publish(scorer).map_err(|(_, why)| why)?);
        self.moved(ticket, true);
        self.shared.state().1.trips += 1;
        Ok(())
    }

    /// The GPU's model serves again, and the CPU's stands by.
    fn come_back(&mut self) -> Result<(), String> {
        let now_ns = sys::monotonic_ns();
        let Some(memory) = &mut self.memory else { return Ok(()) };
        if now_ns < memory.retry_ns {
            return Ok(());
        }
        memory.retry_ns = now_ns.saturating_add(RETRY_NS);
        let bundle = self.store.object(self.address).map_err(|e| e.operator_line())?;
        let device = memory.guarding.device;
        let asked = memory.ask(&bundle, Priority::Critical, device);
        let ticket = asked.map_err(|record| denied(&record).1)?;
        let model = Model::of(bundle, self.backend).map_err(|e| e.operator_line())?;
        ticket.loaded();
        let old = self.publish(Scorer::new(model)).map_err(|(_, why)| why)?;
        let before = self.moved(ticket, false);
        if let Some(memory) = &mut self.memory {
            memory.standby = before.map(|ticket| (*old, ticket));
        }
        self.shared.state().1.returns += 1;
        Ok(())
    }

    /// Another place serves; the ticket of the one before, to be dropped or kept.
    fn moved(&mut self, ticket: Ticket, on_cpu: bool) -> Option<Ticket> {
        // ORDERING: relaxed; pairs with the watch's in `Guarding::watch`.
        self.shared.on_cpu.store(on_cpu, Ordering::Relaxed);
        let memory = self.memory.as_mut()?;
        (memory.on_cpu, memory.told, memory.retry_ns) = (on_cpu, false, 0);
        memory.serving.replace(ticket)
    }
}

impl Memory {
    fn ask(
        &mut self,
        bundle: &Bundle,
        priority: Priority,
        device: Device,
    ) -> Result<Ticket, Box<Record>> {
        self.loads += 1;
        let manifest = &bundle.manifest;
        let model = resident(&manifest.name, bundle.address, self.loads, device, priority);
        let bytes = manifest.files.iter().map(|file| file.bytes).sum();
        self.guarding.gate.ask(model, need(bytes, device))
    }
}
