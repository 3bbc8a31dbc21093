//! What the guard samples: the GPU's memory through NVML, the host's through the kernel's files.
//!
//! NVML is the driver's library, loaded at run time; where it is not there the sensor says why and
//! the host is watched alone. The host's memory is the machine's, or that of the tightest control
//! group (version 2) this process is in, or a budget for this process ([`Budget`]). The kernel's
//! files are opened once and read again through the open descriptor, which a sandbox leaves alone.
//! Must never: guess a figure it could not read. Any thread; allocates.

use super::Sample;
use nvml_wrapper::Nvml;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
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

/// One graphics card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// NVML's index: by its place on the bus.
    pub index: u32,
    /// What the driver calls it.
    pub name: String,
    /// Its memory, bytes.
    pub total_bytes: u64,
}

/// Every card the driver knows.
///
/// # Errors
/// [`SensorError::Nvml`] with the reason.
pub fn cards() -> Result<Vec<Card>, SensorError> {
    let nvml = Nvml::init().map_err(|error| refused(&error))?;
    let count = nvml.device_count().map_err(|error| refused(&error))?;
    let card = |index| {
        let device = nvml.device_by_index(index)?;
        let (name, total_bytes) = (device.name()?, device.memory_info()?.total);
        Ok(Card { index, name, total_bytes })
    };
    (0..count).map(|index| card(index).map_err(|error| refused(&error))).collect()
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

    /// Opens its files, for many samples.
    ///
    /// # Errors
    /// Where the machine's own figures cannot be opened; a control group without a limit is none.
    pub fn open(&self) -> Result<OpenHost, SensorError> {
        let machine = Facts::open(self.proc.join("meminfo"))?;
        let groups = self.groups().into_iter().filter_map(|name| {
            let folder = self.cgroup.join(&name);
            let file = |file: &str| Facts::open(folder.join(file)).ok();
            let stat = file("memory.stat");
            Some(Group { name, max: file("memory.max")?, current: file("memory.current")?, stat })
        });
        Ok(OpenHost { machine, groups: groups.collect() })
    }

    /// The same once.
    ///
    /// # Errors
    /// As [`Host::open`] and [`OpenHost::sample`].
    pub fn sample(&self) -> Result<HostSample, SensorError> {
        self.open()?.sample()
    }

    /// This process's control group and all above it; none on a machine without version 2.
    fn groups(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.proc.join("self/cgroup")).unwrap_or_default();
        let own = text.lines().find_map(|line| line.strip_prefix("0::"));
        let own = Path::new(own.unwrap_or("").trim_start_matches('/'));
        own.ancestors().map(|group| group.display().to_string()).collect()
    }
}

/// A file of the kernel that is made anew at each reading from its start.
#[derive(Debug)]
struct Facts {
    path: PathBuf,
    file: File,
}

impl Facts {
    fn open(path: PathBuf) -> Result<Self, SensorError> {
        match File::open(&path) {
            Ok(file) => Ok(Self { path, file }),
            Err(source) => Err(SensorError::File { path, source }),
        }
    }

    fn text(&self) -> Result<String, SensorError> {
        let mut text = Vec::new();
        let mut part = [0_u8; 4_096];
        loop {
            let at = u64::try_from(text.len()).unwrap_or(u64::MAX);
            let count = self
                .file
                .read_at(&mut part, at)
                .map_err(|source| SensorError::File { path: self.path.clone(), source })?;
            match part.get(..count) {
                Some(read) if count > 0 => text.extend_from_slice(read),
                _ => return Ok(String::from_utf8_lossy(&text).into_owned()),
            }
        }
    }

    /// The number before `kB` behind a key, as bytes.
    fn kib(&self, text: &str, key: &'static str) -> Result<u64, SensorError> {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        let number = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        let bytes = number.and_then(|kib| kib.checked_mul(BYTES_PER_KIB));
        bytes.ok_or(SensorError::Key { path: self.path.clone(), key })
    }

    fn number(&self) -> Option<u64> {
        self.text().ok()?.trim().parse().ok()
    }
}

/// The host, its files open. A process that is moved into another control group keeps the figures
/// of the one it was opened in.
#[derive(Debug)]
pub struct OpenHost {
    machine: Facts,
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    name: String,
    max: Facts,
    current: Facts,
    stat: Option<Facts>,
}

impl OpenHost {
    /// What is in use: of the machine or of the control group that is fullest. Memory the kernel would
    /// give back by itself (caches of files) counts as free in both.
    ///
    /// # Errors
    /// Where the machine's own figures cannot be read; a control group without a limit is none.
    pub fn sample(&self) -> Result<HostSample, SensorError> {
        let mut fullest = HostSample { sample: self.machine()?, group: None };
        for group in &self.groups {
            if let Some(sample) = group.sample()
                && fuller(sample, fullest.sample)
            {
                fullest = HostSample { sample, group: Some(group.name.clone()) };
            }
        }
        Ok(fullest)
    }

    fn machine(&self) -> Result<Sample, SensorError> {
        let text = self.machine.text()?;
        let kib = |key: &'static str| self.machine.kib(&text, key);
        let (total_bytes, available) = (kib("MemTotal")?, kib("MemAvailable")?);
        Ok(Sample { used_bytes: total_bytes.saturating_sub(available), total_bytes })
    }
}

impl Group {
    fn sample(&self) -> Option<Sample> {
        // Without a limit the file says "max".
        let total_bytes = self.max.number()?;
        let current = self.current.number()?;
        let stat = self.stat.as_ref().and_then(|stat| stat.text().ok()).unwrap_or_default();
        let cache = stat.lines().find_map(|line| line.strip_prefix("inactive_file "));
        let cache = cache.and_then(|bytes| bytes.trim().parse::<u64>().ok()).unwrap_or(0);
        Some(Sample { used_bytes: current.saturating_sub(cache), total_bytes })
    }
}

/// So many bytes for this process, held against what of it is resident (`VmRSS`: its own pages and
/// those of files it has mapped).
#[derive(Debug)]
pub struct Budget {
    bytes: u64,
    status: Facts,
}

impl Budget {
    /// A budget of this process.
    ///
    /// # Errors
    /// Where its figures cannot be opened.
    pub fn open(bytes: u64) -> Result<Self, SensorError> {
        Ok(Self { bytes, status: Facts::open("/proc/self/status".into())? })
    }

    /// What is in use of it.
    ///
    /// # Errors
    /// Where the figure cannot be read.
    pub fn sample(&self) -> Result<Sample, SensorError> {
        let text = self.status.text()?;
        let used_bytes = self.status.kib(&text, "VmRSS")?;
        Ok(Sample { used_bytes, total_bytes: self.bytes })
    }
}

/// Whether more of its size is in use.
fn fuller(one: Sample, other: Sample) -> bool {
    let use_of =
        |sample: Sample, of: Sample| u128::from(sample.used_bytes) * u128::from(of.total_bytes);
    use_of(one, other) > use_of(other, one)
}
