//! What a run says of its host: CPUs, pinning, locked memory.
//!
//! Must never: claim what was not read back. Runs on the main thread.

use crate::config::{Config, Profile, Threads};
use crate::operator::{Line, Operator};
use crate::pin::{Pinned, Placement, place};
use crate::sys;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;

/// The host as the run found it.
#[derive(Debug)]
pub(crate) struct Host {
    cpus: Vec<usize>,
    pub(crate) placement: Placement,
    threads: Threads,
    pinned: Option<(Pinned, Pinned)>,
    memory_locked: bool,
    /// Held open: the kernel keeps wake-ups short as long as it is.
    dma_latency: Option<File>,
}

impl Host {
    pub(crate) fn survey(config: &Config) -> Self {
        let cpus = sys::affinity().unwrap_or_default();
        let station = &config.station;
        let two = station.threads == Threads::Two;
        let placement = place(&cpus, station.loop_cpu, station.edge_cpu, two);
        let dma_latency =
            (station.profile == Profile::Live).then(hold_wake_latency).and_then(Result::ok);
        Self {
            cpus,
            placement,
            threads: station.threads,
            pinned: None,
            memory_locked: false,
            dma_latency,
        }
    }

    pub(crate) fn hot_threads(&self) -> usize {
        match self.threads {
            Threads::One => 1,
            Threads::Two => 2,
        }
    }

    /// Locks memory where asked and allowed, and says where not.
    pub(crate) fn lock_memory(&mut self, config: &Config, operator: &mut dyn Operator) {
        if !config.station.lock_memory {
            return;
        }
        match sys::lock_memory() {
            Ok(()) => self.memory_locked = true,
            Err(error) => {
                let next = "raise the limit (ulimit -l, LimitMEMLOCK=), or set \
                            station.lock_memory = false";
                let line = Line::new("memory is not locked", format!("error=\"{error}\""), next);
                operator.say(&line.with_code("NOTE"));
            }
        }
    }

    /// Takes what the hot threads read back, and says where it is not what was asked for.
    pub(crate) fn pinned(&mut self, pinned: (Pinned, Pinned), operator: &mut dyn Operator) {
        self.pinned = Some(pinned);
        for (name, result) in [("loop", pinned.0), ("edge", pinned.1)] {
            if let Pinned::Refused(cpu) = result {
                let fields = format!("thread={name} cpu={cpu} allowed={:?}", self.cpus);
                let next = format!("set station.{name}_cpu to an allowed CPU");
                operator.say(&Line::new("thread is not pinned", fields, next).with_code("NOTE"));
            }
        }
    }

    pub(crate) fn to_json(&self, config: &Config, io: &str, speed: &str, doctor: &Value) -> Value {
        let text = |pinned: Option<Pinned>| pinned.map(|pinned| pinned.to_string());
        json!({
            "kernel": first_line("/proc/sys/kernel/osrelease"),
            "boot_line": first_line("/proc/cmdline"),
            "cpu_model": cpu_model(),
            "cpus": self.cpus,
            "threads": self.hot_threads(),
            "loop": text(self.pinned.map(|(first, _)| first)),
            "edge": text(self.pinned.map(|(_, second)| second)),
            "memory_locked": self.memory_locked,
            "wake_latency_held": self.dma_latency.is_some(),
            "idle": config.station.idle.name(),
            "doctor": doctor,
            "io": io,
            "speed": speed,
            "profile": match config.station.profile {
                Profile::Dev => "dev",
                Profile::Live => "live",
            },
        })
    }
}

/// The first line of a file of the kernel; `None` where it cannot be read.
fn first_line(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().next().map(str::to_owned)
}

/// What the kernel calls the first CPU.
fn cpu_model() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(": ").map(|(_, name)| name.to_owned())
}

/// Asks the kernel for no deep sleep while the file is open.
fn hold_wake_latency() -> std::io::Result<File> {
    let mut file = File::options().write(true).open("/dev/cpu_dma_latency")?;
    file.write_all(&0_i32.to_le_bytes())?;
    Ok(file)
}
