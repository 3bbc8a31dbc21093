//! What the CPUs of a machine are: which there are, which share a core, which are the slow ones.
//!
//! Must never: guess. Where a host does not say which CPUs share a core, nothing is planned on it.

use crate::cpus::CpuSet;
use crate::host::{Host, Missing};
use crate::plan::Plan;

/// Fewest CPUs of a machine that can be divided: two keep house, two are hot.
const FEWEST: usize = 4;
/// Most cores that are proposed to be hot: loop, edge, and one of the engine's other threads.
const MOST_HOT: usize = 3;

/// The CPUs of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// CPUs that are online.
    pub cpus: CpuSet,
    /// CPUs of one core each, in the order of their lowest.
    pub cores: Vec<CpuSet>,
    /// CPUs of efficiency cores of a hybrid machine.
    pub slow: CpuSet,
    /// NUMA nodes with CPUs.
    pub nodes: Vec<(u32, CpuSet)>,
}

impl Machine {
    /// As a host says.
    ///
    /// # Errors
    /// What could not be read.
    pub fn of(host: &Host) -> Result<Self, Missing> {
        let list = |path: &str| {
            let text = host.text(path)?;
            CpuSet::from_list(&text).ok_or(Missing::Strange(path.to_owned(), text))
        };
        let cpus = list("sys/devices/system/cpu/online")?;
        let mut cores = Vec::new();
        for cpu in cpus.iter() {
            let core =
                list(&format!("sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"))?;
            if !cores.contains(&core) {
                cores.push(core);
            }
        }
        let slow = "sys/devices/cpu_atom/cpus";
        let slow = if host.is_there(slow) { list(slow)? } else { CpuSet::default() };
        let folder = "sys/devices/system/node";
        let mut nodes = Vec::new();
        for name in host.names(folder).unwrap_or_default() {
            if let Some(node) = name.strip_prefix("node").and_then(|n| n.parse::<u32>().ok()) {
                nodes.push((node, list(&format!("{folder}/{name}/cpulist"))?));
            }
        }
        nodes.retain(|(_, cpus)| !cpus.is_empty());
        nodes.sort_by_key(|(node, _)| *node);
        Ok(Self { cpus, cores, slow, nodes })
    }

    /// As a topology says of itself; `None` where it leaves that to the host.
    #[must_use]
    pub fn told(plan: &Plan) -> Option<Self> {
        let (cpus, siblings) = (plan.cpus.clone()?, plan.siblings.clone()?);
        let shared = siblings.iter().fold(CpuSet::default(), |all, core| all.or(core));
        let alone = cpus.less(&shared);
        let mut cores: Vec<CpuSet> = alone.iter().map(|cpu| CpuSet::from_iter([cpu])).collect();
        cores.extend(siblings);
        cores.sort_by_key(|core| core.iter().next());
        let nodes = plan.node.map(|node| (node, cpus.clone())).into_iter().collect();
        Some(Self { cpus, cores, slow: CpuSet::default(), nodes })
    }

    /// A topology for a host: what it isolates already is hot, else its last cores are. `None`
    /// where it is too small.
    #[must_use]
    pub fn propose(&self, host: &Host) -> Option<Plan> {
        let said = Plan::of(host);
        let nic = nic(host);
        let at = |path: String| host.number(&path).ok().and_then(|node| u32::try_from(node).ok());
        let node = nic
            .as_ref()
            .and_then(|nic| at(format!("sys/class/net/{nic}/device/numa_node")))
            .or_else(|| self.nodes.last().map(|(node, _)| *node));
        let near = self.nodes.iter().find(|(id, _)| Some(*id) == node);
        let near = near.map_or_else(|| self.cpus.clone(), |(_, cpus)| cpus.clone());
        let inner = if said.hot.is_empty() { self.last_cores(&near)? } else { said.hot };
        let housekeeping = self.cpus.less(&inner);
        // Theirs, and not the card's: what is isolated already may be far from it.
        let theirs = self.nodes.iter().find(|(_, cpus)| cpus.covers(&inner));
        let node = theirs.map(|(node, _)| *node).filter(|_| self.nodes.len() > 1);
        let gpu = gpu(host);
        Some(Plan { hot: inner, housekeeping, nic, node, gpu, ..Plan::default() })
    }

    fn last_cores(&self, near: &CpuSet) -> Option<CpuSet> {
        if self.cpus.len() < FEWEST || self.cores.len() < FEWEST {
            return None;
        }
        let count = (self.cores.len() / 2).min(MOST_HOT);
        let is_fit =
            |core: &&CpuSet| near.covers(core) && !core.has(0) && core.and(&self.slow).is_empty();
        let mut fit: Vec<&CpuSet> = self.cores.iter().filter(is_fit).collect();
        fit.sort_by_key(|core| core.iter().next());
        let hot: Vec<&CpuSet> = fit.into_iter().rev().take(count).collect();
        let all = hot.iter().fold(CpuSet::default(), |all, core| all.or(core));
        (hot.len() >= 2).then_some(all)
    }
}

/// The card of a host: Solarflare's first, then the first that is up. A name without a device is no
/// card.
fn nic(host: &Host) -> Option<String> {
    let names = host.names("sys/class/net").unwrap_or_default();
    let is_up = |name: &&String| {
        host.is_there(&format!("sys/class/net/{name}/device"))
            && host.text(&format!("sys/class/net/{name}/operstate")).is_ok_and(|s| s == "up")
    };
    let up: Vec<&String> = names.iter().filter(is_up).collect();
    let vendor = |name: &str| host.text(&format!("sys/class/net/{name}/device/vendor"));
    let best = up.iter().find(|name| vendor(name).is_ok_and(|id| id == "0x1924"));
    best.or_else(|| up.first()).map(|name| (*name).clone())
}

/// The first GPU of NVIDIA on the bus.
fn gpu(host: &Host) -> Option<String> {
    let folder = "sys/bus/pci/devices";
    let of = |address: &str, file: &str| host.text(&format!("{folder}/{address}/{file}"));
    host.names(folder).unwrap_or_default().into_iter().find(|address| {
        of(address, "vendor").is_ok_and(|id| id == "0x10de")
            && of(address, "class").is_ok_and(|class| class.starts_with("0x03"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_node_of_a_proposal_is_that_of_its_hot_cpus_and_not_of_the_card() {
        let dir = tempfile::tempdir().expect("a folder");
        let put = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("in a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        };
        put("sys/devices/system/cpu/online", "0-7\n");
        put("sys/devices/system/cpu/isolated", "6-7\n");
        put("sys/devices/system/node/node0/cpulist", "0-3\n");
        put("sys/devices/system/node/node1/cpulist", "4-7\n");
        for cpu in 0..8 {
            let path = format!("sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
            put(&path, &format!("{cpu}\n"));
        }
        put("sys/class/net/eth0/operstate", "up\n");
        put("sys/class/net/eth0/device/numa_node", "0\n");
        let propose = || {
            let host = Host::at(dir.path()).expect("a tree");
            let plan = Machine::of(&host).expect("a machine").propose(&host).expect("a plan");
            (plan.hot.to_string(), plan.node)
        };
        assert_eq!(propose(), ("6-7".into(), Some(1)), "isolated already, far from the card");
        put("sys/devices/system/cpu/isolated", "\n");
        assert_eq!(propose(), ("1-3".into(), Some(0)), "near the card");
    }
}
