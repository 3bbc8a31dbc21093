//! What the guard samples: the GPU's memory through NVML, the host's through the kernel's files.
//!
//! NVML is the driver's library, loaded at run time; where it is not there the sensor says why and
//! the host is watched alone. The host's memory is the machine's, or that of the tightest control
//! group (version 2) this process is in. Must never: guess a figure it could not read. Any thread;
//! allocates.

use super::Sample;
use nvml_wrapper::Nvml;
use std::io;
use std::path::{Path, PathBuf};

const BYTES_PER_KIB: u64 = 1_024;

/// Why a memory cannot be sampled.
#[derive(Debug, thiserror::Error)]
pub enum SensorError {
    /// NVML is not there, or does not answer.
    #[error("no NVML: {0}")]
    Nvml(String),
    /// A file of the kernel cannot be read.
    #[error("memory file cannot be read: path={} reason=\"{source}\"", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A file of the kernel does not say what it should.
    #[error("memory file has no {key}: path={}", .path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is missing in it.
        key: &'static str,
    },
}

/// The GPU's memory.
#[derive(Debug)]
pub struct Vram {
    nvml: Nvml,
    index: u32,
}

impl Vram {
    /// Loads NVML for the GPU of this index.
    ///
    /// # Errors
    /// [`SensorError::Nvml`] with the reason.
    pub fn open(index: u32) -> Result<Self, SensorError> {
        let nvml = Nvml::init().map_err(|error| refused(&error))?;
        let vram = Self { nvml, index };
        vram.sample()?;
        Ok(vram)
    }

    /// What is in use.
    ///
    /// # Errors
    /// [`SensorError::Nvml`] with the reason.
    pub fn sample(&self) -> Result<Sample, SensorError> {
        let device = self.nvml.device_by_index(self.index).map_err(|error| refused(&error))?;
        let memory = device.memory_info().map_err(|error| refused(&error))?;
        // What the driver keeps for itself is not to be had either.
        let used_bytes = memory.total.saturating_sub(memory.free);
        Ok(Sample { used_bytes, total_bytes: memory.total })
    }
}

fn refused(error: &nvml_wrapper::error::NvmlError) -> SensorError {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let more = cause.to_string();
        // Some of its errors repeat their source.
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    // A loader's words may span lines; an operator's line may not.
    SensorError::Nvml(text.replace('\n', " "))
}

/// The host's memory.
#[derive(Clone, Debug)]
pub struct Host {
    proc: PathBuf,
    cgroup: PathBuf,
}

impl Default for Host {
    fn default() -> Self {
        Self::under(Path::new("/"))
    }
}

/// A sample of the host, and whose figures it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSample {
    /// The sample.
    pub sample: Sample,
    /// The control group that is the tightest, or `None` where the machine itself is.
    pub group: Option<String>,
}

impl Host {
    /// The host whose `proc` and `sys/fs/cgroup` lie below a folder.
    #[must_use]
    pub fn under(root: &Path) -> Self {
        Self { proc: root.join("proc"), cgroup: root.join("sys/fs/cgroup") }
    }

    /// What is in use: of the machine or of the control group that is fullest. Memory the kernel would
    /// give back by itself (caches of files) counts as free in both.
    ///
    /// # Errors
    /// Where the machine's own figures cannot be read; a control group without a limit is none.
    pub fn sample(&self) -> Result<HostSample, SensorError> {
        let mut fullest = HostSample { sample: self.machine()?, group: None };
        for group in self.groups() {
            if let Some(sample) = self.group(&group)
                && fuller(sample, fullest.sample)
            {
                fullest = HostSample { sample, group: Some(group) };
            }
        }
        Ok(fullest)
    }

    fn machine(&self) -> Result<Sample, SensorError> {
        let path = self.proc.join("meminfo");
        let text = std::fs::read_to_string(&path)
            .map_err(|source| SensorError::File { path: path.clone(), source })?;
        let kib = |key: &'static str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            let number = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
            let bytes = number.and_then(|kib| kib.checked_mul(BYTES_PER_KIB));
            bytes.ok_or(SensorError::Key { path: path.clone(), key })
        };
        let (total_bytes, available) = (kib("MemTotal")?, kib("MemAvailable")?);
        Ok(Sample { used_bytes: total_bytes.saturating_sub(available), total_bytes })
    }

    /// This process's control group and all above it; none on a machine without version 2.
    fn groups(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.proc.join("self/cgroup")).unwrap_or_default();
        let own = text.lines().find_map(|line| line.strip_prefix("0::"));
        let own = Path::new(own.unwrap_or("").trim_start_matches('/'));
        own.ancestors().map(|group| group.display().to_string()).collect()
    }

    fn group(&self, group: &str) -> Option<Sample> {
        let folder = self.cgroup.join(group);
        let number = |file: &str| -> Option<u64> {
            std::fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok()
        };
        // Without a limit the file says "max".
        let total_bytes = number("memory.max")?;
        let current = number("memory.current")?;
        let stat = std::fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
        let cache = stat.lines().find_map(|line| line.strip_prefix("inactive_file "));
        let cache = cache.and_then(|bytes| bytes.trim().parse::<u64>().ok()).unwrap_or(0);
        Some(Sample { used_bytes: current.saturating_sub(cache), total_bytes })
    }
}

/// Whether more of its size is in use.
fn fuller(one: Sample, other: Sample) -> bool {
    let use_of =
        |sample: Sample, of: Sample| u128::from(sample.used_bytes) * u128::from(of.total_bytes);
    use_of(one, other) > use_of(other, one)
}
