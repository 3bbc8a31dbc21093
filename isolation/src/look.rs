//! What a check sees of a host: its files, the topology, and what several checks ask.
//!
//! Must never: guess. What was not read, or does not apply, stops the check with the reason.

use crate::check::{Stop, skip};
use crate::cpus::CpuSet;
use crate::host::{Host, Missing};
use crate::kernel::{BootLine, Kernel};
use crate::persisted::Persisted;
use crate::plan::Plan;

/// What a check sees.
#[derive(Debug)]
pub struct Look<'a> {
    /// The host's files.
    pub host: &'a Host,
    /// What it should be.
    pub plan: &'a Plan,
    /// Its kernel.
    pub kernel: Option<Kernel>,
    /// Its boot line.
    pub line: Result<BootLine, Missing>,
    /// What is written down.
    pub kept: Persisted,
    /// Its processes.
    pub processes: Result<Vec<Process>, Missing>,
}

/// A process, as far as checks ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its short name.
    pub name: String,
}

impl<'a> Look<'a> {
    /// Reads what several checks ask.
    #[must_use]
    pub fn at(host: &'a Host, plan: &'a Plan) -> Self {
        let release = host.text("proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            host,
            plan,
            kernel: Kernel::from_release(&release),
            line: host.text("proc/cmdline").map(|text| BootLine::from_text(&text)),
            kept: Persisted::of(host),
            processes: processes(host),
        }
    }

    /// The boot line.
    pub(crate) fn line(&self) -> Result<&BootLine, Stop> {
        self.line.as_ref().map_err(|missing| missing.clone().into())
    }

    /// The hot CPUs; without any a check of them does not apply.
    pub(crate) fn hot(&self) -> Result<&CpuSet, Stop> {
        if self.plan.hot.is_empty() {
            return skip("no hot CPUs are known: name them with --topology");
        }
        Ok(&self.plan.hot)
    }

    /// The interface of the exchange link; without one a check of it does not apply.
    pub(crate) fn nic(&self) -> Result<&str, Stop> {
        match &self.plan.nic {
            Some(name) if self.host.is_there(&format!("sys/class/net/{name}")) => Ok(name),
            Some(name) => Err(Stop::Unknown(format!("sys/class/net/{name} is not there"))),
            None => skip("the topology names no interface"),
        }
    }

    /// A CPU list at a path.
    pub(crate) fn cpus(&self, path: &str) -> Result<CpuSet, Stop> {
        let text = self.host.text(path)?;
        CpuSet::from_list(&text).ok_or_else(|| Missing::Strange(path.to_owned(), text).into())
    }

    /// A CPU mask at a path.
    pub(crate) fn mask(&self, path: &str) -> Result<CpuSet, Stop> {
        let text = self.host.text(path)?;
        CpuSet::from_mask(&text).ok_or_else(|| Missing::Strange(path.to_owned(), text).into())
    }

    /// The processes of a name.
    pub(crate) fn named(&self, name: &str) -> Result<Vec<u32>, Stop> {
        let all = self.processes.as_ref().map_err(|missing| Stop::from(missing.clone()))?;
        Ok(all.iter().filter(|process| process.name == name).map(|process| process.pid).collect())
    }

    /// The running engine.
    pub(crate) fn engine(&self) -> Result<u32, Stop> {
        // The kernel keeps 15 characters of a name.
        match self.named("corelane-engine")?.first() {
            Some(pid) => Ok(*pid),
            None => skip("no engine runs"),
        }
    }

    /// Whether the kernel has a setting that came with this version; a kernel that is not known
    /// has.
    pub(crate) fn is_since(&self, since: Kernel) -> bool {
        self.kernel.is_none_or(|kernel| kernel >= since)
    }
}

pub(crate) fn processes(host: &Host) -> Result<Vec<Process>, Missing> {
    let names = host.names("proc")?;
    let pids = names.iter().filter_map(|name| name.parse().ok());
    // A process may end between the two looks.
    let found = pids.filter_map(|pid: u32| {
        Some(Process { pid, name: host.text(&format!("proc/{pid}/comm")).ok()? })
    });
    Ok(found.collect())
}
