//! What a model server is told about memory: how its guard is opened and given its senses.
//!
//! Must never: decide (`guard` does), or look at memory once the gate has it.

use super::Started;
use crate::error::ModelError;
use crate::guard::gate::{Gate, HostSense, Machine};
use crate::guard::log::Log;
use crate::guard::sensor::{Budget, Host, SensorError, Vram};
use crate::loader::Guarding;
use crate::resident::Device;
use std::path::PathBuf;
use std::time::Duration;

/// The memory guard, which loads of a store go through.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct GuardArgs {
    /// Whether loads go through the memory guard: on, off.
    #[arg(long = "memory-guard", value_name = "MODE", default_value = "on", value_parser = switch)]
    pub(super) is_on: bool,
    /// Bytes this process may have resident, in place of the host's own figures.
    #[arg(long = "memory-budget", value_name = "BYTES", value_parser = budget)]
    budget: Option<u64>,
    /// The GPU whose memory is watched, by NVML's index.
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    gpu: u32,
    /// Time between two looks at memory, milliseconds.
    #[arg(long = "memory-every-ms", value_name = "MS", default_value_t = 250,
          value_parser = clap::value_parser!(u64).range(10..=60_000))]
    every_ms: u64,
    /// File for the guard's record, a line a decision; without it none is kept.
    #[arg(long = "memory-log", value_name = "FILE")]
    log: Option<PathBuf>,
}

/// What must be open before the files' fence closes.
pub(super) struct Watched {
    host: HostSense,
    log: Option<Log>,
}

impl GuardArgs {
    pub(super) fn open(&self) -> Result<Watched, ModelError> {
        let sensor = |error: SensorError| ModelError::Guard { found: error.to_string() };
        let host = match self.budget {
            Some(bytes) => HostSense::Budget(Budget::open(bytes).map_err(sensor)?),
            None => HostSense::Host(Host::default().open().map_err(sensor)?),
        };
        let log = self.log.as_deref().map(|path| {
            let found = |error| format!("path={} error=\"{error}\"", path.display());
            Log::open(path).map_err(|error| ModelError::Guard { found: found(error) })
        });
        Ok(Watched { host, log: log.transpose()? })
    }

    /// The gate, once the back end is live.
    pub(super) fn guarding(&self, program: &str, watched: Watched, live: &Started) -> Guarding {
        let Watched { host, log } = watched;
        let fallback = live.on_cpu;
        let vram = fallback.map(|_| Vram::open(self.gpu).map_err(|error| error.to_string()));
        if let Some(Err(why)) = &vram {
            eprintln!(
                "{program}: RESOURCE: the GPU's memory cannot be watched, so no other model is loaded \
                 into it: gpu={} reason=\"{why}\"; next: install NVML with the driver, or start with \
                 --memory-guard=off",
                self.gpu
            );
        }
        let device = if fallback.is_some() { Device::Gpu } else { Device::Cpu };
        let gate = Gate::new(Box::new(Machine { host, vram }), log);
        Guarding { gate, device, fallback, every: Duration::from_millis(self.every_ms) }
    }
}

fn switch(name: &str) -> Result<bool, String> {
    match name {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("on or off".into()),
    }
}

fn budget(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|bytes| *bytes > 0).ok_or_else(|| "bytes, from 1".into())
}
