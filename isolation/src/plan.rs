//! The topology: which cores are hot, which keep house, which card trades. From a file, or as far
//! as the host itself says.

use crate::cpus::CpuSet;
use crate::host::Host;
use serde::Deserialize;
use std::fmt::{self, Write as _};

/// What the host should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// CPUs of the hot threads.
    pub hot: CpuSet,
    /// CPUs of everything else.
    pub housekeeping: CpuSet,
    /// Interface of the exchange link.
    pub nic: Option<String>,
    /// Whether its sockets are to be accelerated by Onload.
    pub onload: bool,
    /// Pages of 2 MiB to be reserved.
    pub hugepages_2m: i64,
    /// PCI address of the GPU that serves models.
    pub gpu: Option<String>,
    /// NUMA node of hot CPUs, card and memory.
    pub node: Option<u32>,
    /// Every CPU of the box, where the file speaks of another than this one.
    pub cpus: Option<CpuSet>,
    /// CPUs that share a core, a set each; none where each has its own.
    pub siblings: Option<Vec<CpuSet>>,
    /// Whether a file said so, and not the host.
    pub is_file: bool,
}

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    topology: Topology,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Topology {
    hot: String,
    housekeeping: String,
    nic: Option<String>,
    #[serde(default)]
    onload: bool,
    #[serde(default)]
    hugepages_2m: u32,
    gpu: Option<String>,
    node: Option<u32>,
    cpus: Option<String>,
    siblings: Option<Vec<String>>,
}

/// A topology that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError {
    /// What is wrong, with key, found and allowed.
    pub what: String,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for PlanError {}

impl Plan {
    /// Reads a topology.
    ///
    /// # Errors
    /// Text that is no topology, CPU 0 among the hot ones, fewer than two that keep house, a CPU on
    /// both sides.
    pub fn from_toml(text: &str) -> Result<Self, PlanError> {
        let bad = |what: String| PlanError { what };
        let file: File = toml::from_str(text).map_err(|error| {
            bad(error.to_string().split_whitespace().collect::<Vec<_>>().join(" "))
        })?;
        let Topology { hot, housekeeping, nic, onload, hugepages_2m, .. } = file.topology;
        let Topology { gpu, node, cpus, siblings, .. } = file.topology;
        let set = |key: &str, text: &str| {
            CpuSet::from_list(text).filter(|set| !set.is_empty()).ok_or_else(|| {
                bad(format!("{key}={text:?} allowed=a list of CPUs such as \"2-3\""))
            })
        };
        let (hot, rest) = (set("hot", &hot)?, set("housekeeping", &housekeeping)?);
        if hot.has(0) {
            return Err(bad(format!("hot={hot} allowed=without CPU 0, which boots and ticks")));
        }
        if rest.len() < 2 {
            return Err(bad(format!("housekeeping={rest} allowed=two CPUs or more")));
        }
        let both = hot.and(&rest);
        if !both.is_empty() {
            return Err(bad(format!(
                "hot={hot} housekeeping={rest} allowed=no CPU in both ({both})"
            )));
        }
        // What the kernel takes is more; of these none needs quoting anywhere.
        let is_part = |b: u8| b.is_ascii_alphanumeric() || b"_.:-".contains(&b);
        let is_name = |name: &String| {
            !name.is_empty()
                && name.len() < 16
                && ![".", ".."].contains(&name.as_str())
                && name.bytes().all(is_part)
        };
        if let Some(name) = nic.as_ref().filter(|name| !is_name(name)) {
            return Err(bad(format!("nic={name:?} allowed=the name of a network interface")));
        }
        if let Some(address) = gpu.as_ref().filter(|address| !is_pci_address(address)) {
            return Err(bad(format!("gpu={address:?} allowed=a PCI address, 0000:01:00.0")));
        }
        let cpus = cpus.map(|text| set("cpus", &text)).transpose()?;
        let cores = |list: Vec<String>| list.iter().map(|text| set("siblings", text)).collect();
        let siblings: Option<Vec<CpuSet>> = siblings.map(cores).transpose()?;
        Ok(Self {
            hot,
            housekeeping: rest,
            nic,
            onload,
            hugepages_2m: i64::from(hugepages_2m),
            gpu,
            node,
            cpus,
            siblings,
            is_file: true,
        })
    }

    /// As a file, which [`Plan::from_toml`] reads to the same.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let Self { hot, housekeeping, nic, onload, hugepages_2m, gpu, node, .. } = self;
        let mut text = format!("[topology]\nhot = \"{hot}\"\nhousekeeping = \"{housekeeping}\"\n");
        let mut line = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                let _ = writeln!(text, "{key} = {value}");
            }
        };
        let quoted = |value: &String| format!("\"{value}\"");
        line("nic", nic.as_ref().map(quoted));
        line("onload", onload.then(|| "true".to_owned()));
        line("gpu", gpu.as_ref().map(quoted));
        line("node", node.map(|node| node.to_string()));
        line("hugepages_2m", (*hugepages_2m > 0).then(|| hugepages_2m.to_string()));
        line("cpus", self.cpus.as_ref().map(|cpus| quoted(&cpus.to_string())));
        let list = |cores: &Vec<CpuSet>| {
            let cores: Vec<String> = cores.iter().map(|core| quoted(&core.to_string())).collect();
            format!("[{}]", cores.join(", "))
        };
        line("siblings", self.siblings.as_ref().map(list));
        text
    }

    /// What the host itself says: hot is what it isolates, the rest of the present CPUs keeps
    /// house.
    #[must_use]
    pub fn of(host: &Host) -> Self {
        let list = |path: &str| {
            host.text(path).ok().and_then(|text| CpuSet::from_list(&text)).unwrap_or_default()
        };
        let booted = list("sys/devices/system/cpu/isolated");
        let isolated = booted.or(&list("sys/fs/cgroup/cpuset.cpus.isolated"));
        let housekeeping = list("sys/devices/system/cpu/online").less(&isolated);
        Self { hot: isolated, housekeeping, ..Self::default() }
    }
}

/// `0000:01:00.0`.
fn is_pci_address(text: &str) -> bool {
    let parts: Vec<&str> = text.split([':', '.']).collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [4, 2, 2, 1]
        && text.bytes().filter(|b| *b == b':').count() == 2
        && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Plan::from_toml(text).expect_err(text).what
    }

    #[test]
    fn a_topology_is_read_whole_or_refused_by_key() {
        let head = "[topology]\n";
        let plan = Plan::from_toml(
            "[topology]\nhot = \"2-3\"\nhousekeeping = \"0-1\"\nnic = \"eth0\"\n\
             hugepages_2m = 64\n",
        )
        .expect("sound");
        assert_eq!(
            (plan.hot.to_string(), plan.housekeeping.to_string()),
            ("2-3".into(), "0-1".into())
        );
        assert_eq!(
            (plan.nic.as_deref(), plan.hugepages_2m, plan.onload),
            (Some("eth0"), 64, false)
        );
        for (rest, part) in [
            ("hot = \"0-1\"\nhousekeeping = \"2-3\"", "without CPU 0"),
            ("hot = \"2-3\"\nhousekeeping = \"0\"", "two CPUs or more"),
            ("hot = \"1-3\"\nhousekeeping = \"0-1\"", "no CPU in both (1)"),
            ("hot = \"\"\nhousekeeping = \"0-1\"", "hot=\"\""),
            ("hot = \"2-3\"\nhousekeeping = \"x\"", "housekeeping=\"x\""),
            ("hot = \"2-3\"\nhousekeeping = \"0-1\"\nnic = \"../x\"", "nic="),
            ("hot = \"2-3\"\nhousekeeping = \"0-1\"\nnic = 'e\"x'", "nic="),
            ("hot = \"2-3\"\nhousekeeping = \"0-1\"\nnic = \"e x\"", "nic="),
            ("hot = \"2-3\"\nhousekeeping = \"0-1\"\nnic = \"..\"", "nic="),
            ("hot = \"2-3\"\nhousekeeping = \"0-1\"\nhott = 1", "hott"),
            ("hot = \"2-3\"\nhousekeeping = \"0-1\"\ngpu = \"01:00.0\"", "gpu="),
            ("hot = \"2-3\"\nhousekeeping = \"0-1\"\nsiblings = [\"\"]", "siblings="),
        ] {
            let what = refused(&format!("{head}{rest}\n"));
            assert!(what.contains(part) && !what.contains('\n'), "{part}: {what}");
        }
    }
    #[test]
    fn what_is_written_is_read_to_the_same() {
        let whole = "[topology]\nhot = \"2-3,6-7\"\nhousekeeping = \"0-1,4-5\"\nnic = \"eth0\"\n\
                     onload = true\ngpu = \"0000:01:00.0\"\nnode = 1\nhugepages_2m = 64\n\
                     cpus = \"0-7\"\nsiblings = [\"2,6\", \"3,7\"]\n";
        let vlan = "[topology]\nhot = \"2-3\"\nhousekeeping = \"0-1\"\nnic = \"eth0.100\"\n";
        let small = "[topology]\nhot = \"2-3\"\nhousekeeping = \"0-1\"\n";
        for text in [whole, vlan, small] {
            assert_eq!(Plan::from_toml(text).expect("sound").to_toml(), text);
        }
    }
}
