//! What is known of the machine before anything is measured: is it virtual, which CPUs may be used.
//!
//! Must never: call a machine bare metal because nothing could be read.

use isolation::{CpuSet, Host, Plan};
use serde_json::{Value, json};

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Processor.
    pub cpu: String,
    /// Kernel release.
    pub kernel: String,
    /// Why no figure from here is a certificate; empty on bare metal.
    pub objections: Vec<String>,
    /// CPUs this process may run on, rising.
    pub allowed: Vec<usize>,
    /// CPUs the host isolates.
    pub isolated: Vec<usize>,
}

impl Machine {
    /// Looks at this machine.
    #[must_use]
    pub fn look() -> Self {
        let host = Host::live();
        let read = |path: &str| host.text(path).unwrap_or_default();
        let allowed = station::sys::affinity().unwrap_or_default();
        let plan = Plan::of(&host);
        let isolated = allowed.iter().copied().filter(|cpu| has(&plan.hot, *cpu)).collect();
        let cpuinfo = read("proc/cpuinfo");
        Self {
            cpu: model(&cpuinfo),
            kernel: read("proc/sys/kernel/osrelease"),
            objections: virtual_signs(&cpuinfo, &read("sys/class/dmi/id/sys_vendor")),
            allowed,
            isolated,
        }
    }

    /// The CPUs to measure where none are named: those the host isolates, else all allowed but the
    /// first, which keeps house, else all there are.
    #[must_use]
    pub fn hot_cpus(&self) -> Vec<usize> {
        if !self.isolated.is_empty() {
            return self.isolated.clone();
        }
        match self.allowed.get(1..) {
            Some(rest) if !rest.is_empty() => rest.to_vec(),
            _ => self.allowed.clone(),
        }
    }

    /// The machine as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "cpu": self.cpu,
            "kernel": self.kernel,
            "allowed": self.allowed,
            "isolated": self.isolated,
            "not_certifiable": self.objections,
        })
    }

    /// The machine in a line.
    #[must_use]
    pub fn line(&self) -> String {
        let cpus = self.allowed.len();
        format!("{}, {cpus} CPUs allowed, Linux {}", self.cpu, self.kernel)
    }
}

fn has(set: &CpuSet, cpu: usize) -> bool {
    u32::try_from(cpu).is_ok_and(|cpu| set.has(cpu))
}

fn model(cpuinfo: &str) -> String {
    let line = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let name = line.and_then(|line| line.split_once(':')).map_or("", |(_, name)| name.trim());
    if name.is_empty() { "unknown processor".into() } else { name.into() }
}

/// Makers of virtual machines, for guests on processors without the flag.
const GUESTS: [&str; 5] = ["QEMU", "KVM", "VMware", "Xen", "innotek"];

/// The signs of a virtual machine in what the kernel shows of the processor and the maker.
#[must_use]
pub fn virtual_signs(cpuinfo: &str, vendor: &str) -> Vec<String> {
    let mut signs = Vec::new();
    let flags = || cpuinfo.lines().filter(|line| line.starts_with("flags"));
    if flags().any(|line| line.split_ascii_whitespace().any(|flag| flag == "hypervisor")) {
        signs.push("virtual machine: the processor says hypervisor (I22)".to_owned());
    } else if cpuinfo.is_empty() {
        signs.push("/proc/cpuinfo could not be read: nothing says this is bare metal (I22)".into());
    }
    if signs.is_empty() && GUESTS.iter().any(|guest| vendor.contains(guest)) {
        signs.push(format!("virtual machine: made by {vendor} (I22)"));
    }
    signs
}

#[cfg(test)]
mod tests {
    use super::{Machine, model, virtual_signs};

    #[test]
    fn a_guest_is_known_by_flag_or_maker_and_silence_is_no_metal() {
        let metal = "processor\t: 0\nmodel name\t: ACME 9\nflags\t\t: fpu tsc\n";
        assert_eq!(virtual_signs(metal, "Dell Inc."), Vec::<String>::new());
        let guest = "flags\t\t: fpu hypervisor tsc\n";
        assert_eq!(virtual_signs(guest, "").len(), 1);
        assert_eq!(virtual_signs(metal, "QEMU").len(), 1);
        assert!(virtual_signs("", "")[0].contains("could not be read"));
        let word = "model name\t: hypervisor killer\nflags\t: fpu\n";
        assert!(virtual_signs(word, "").is_empty(), "the flag, not the word");
        assert_eq!(model(metal), "ACME 9");
    }

    #[test]
    fn hot_is_what_is_isolated_else_all_but_the_first() {
        let mut machine = Machine {
            cpu: String::new(),
            kernel: String::new(),
            objections: Vec::new(),
            allowed: vec![0, 1, 2, 3],
            isolated: vec![2, 3],
        };
        assert_eq!(machine.hot_cpus(), [2, 3]);
        machine.isolated.clear();
        assert_eq!(machine.hot_cpus(), [1, 2, 3]);
        machine.allowed = vec![5];
        assert_eq!(machine.hot_cpus(), [5]);
    }
}
