//! Who gets which CPU, and which divisions are refused.
//!
//! Must never: take a division that leaves the system without CPUs of its own, or puts half a core
//! under a hot thread.

use super::Refusal;
use super::machine::Machine;
use crate::cpus::CpuSet;
use crate::plan::Plan;
use wire::exit::Exit;

/// A division of a machine that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What was asked for.
    pub plan: Plan,
    /// CPU of the engine's threads that are not hot: bridge and journaler.
    pub first: u32,
    /// CPU of the edge; `None` where loop and edge are one thread.
    pub edge: Option<u32>,
    /// CPU of the order loop.
    pub order_loop: u32,
    /// CPUs of the machine that neither side has: nothing of ours is told to run there.
    pub unused: CpuSet,
    /// Whether hot cores have siblings; they stay idle, for nothing balances in a partition.
    pub has_idle_siblings: bool,
}

impl Layout {
    /// Gives each thread its CPU.
    ///
    /// # Errors
    /// CONFIGURATION with one line: CPU 0 hot, fewer than two CPUs that keep house, a CPU on both
    /// sides or none that the machine has, half a core, a slow core, fewer than two hot cores, a
    /// NUMA node that is not theirs.
    pub fn of(plan: &Plan, machine: &Machine) -> Result<Self, Refusal> {
        let (hot, rest) = (&plan.hot, &plan.housekeeping);
        check(hot, rest, machine)?;
        let node = node(plan, machine)?;
        // One thread a core: its siblings, if it has any, are the hot thread's too.
        let of_hot = |core: &&CpuSet| hot.covers(core);
        let cpus: Vec<u32> =
            machine.cores.iter().filter(of_hot).filter_map(|core| core.iter().next()).collect();
        let (first, edge, order_loop) = match cpus.as_slice() {
            [first, order_loop] => (*first, None, *order_loop),
            [first, .., edge, order_loop] => (*first, Some(*edge), *order_loop),
            [] | [_] => {
                let fields = format!("hot={hot} cores={}", cpus.len());
                return Err(refused("hot cores are too few", fields, TWO_CORES));
            }
        };
        Ok(Self {
            plan: Plan { node, ..plan.clone() },
            first,
            edge,
            order_loop,
            unused: machine.cpus.less(&hot.or(rest)),
            has_idle_siblings: hot.len() > cpus.len(),
        })
    }
}

const TWO_CORES: &str =
    "name two at least: one for the order loop, one for the engine's other threads";

fn refused(what: &'static str, fields: String, next: &'static str) -> Refusal {
    Refusal { exit: Exit::Configuration, what, fields, next }
}

fn check(hot: &CpuSet, rest: &CpuSet, machine: &Machine) -> Result<(), Refusal> {
    if hot.has(0) {
        let next = "leave CPU 0 to the system: it boots, ticks and takes interrupts";
        return Err(refused("CPU 0 cannot be hot", format!("hot={hot}"), next));
    }
    if rest.len() < 2 {
        let next = "leave two CPUs at least to keep house";
        return Err(refused("too few CPUs keep house", format!("housekeeping={rest}"), next));
    }
    let both = hot.and(rest);
    if !both.is_empty() {
        let next = "name each CPU on one side";
        return Err(refused("a CPU is on both sides", format!("cpus={both}"), next));
    }
    let unknown = hot.or(rest).less(&machine.cpus);
    if !unknown.is_empty() {
        let fields = format!("cpus={unknown} machine={}", machine.cpus);
        let next = "name CPUs that are online, or the machine's own with topology.cpus and \
                    topology.siblings";
        return Err(refused("the machine has no such CPU", fields, next));
    }
    let split = |core: &&CpuSet| !core.and(hot).is_empty() && !hot.covers(core);
    if let Some(core) = machine.cores.iter().find(split) {
        let next = "name all siblings of a core, or none";
        return Err(refused("a core is split", format!("hot={hot} siblings={core}"), next));
    }
    let slow = hot.and(&machine.slow);
    if !slow.is_empty() {
        let fields = format!("cpus={slow}");
        let next = "leave efficiency cores to keep house";
        return Err(refused("a slow core cannot be hot", fields, next));
    }
    Ok(())
}

/// The node of the hot CPUs, where the machine has more than one.
fn node(plan: &Plan, machine: &Machine) -> Result<Option<u32>, Refusal> {
    let (hot, nodes) = (&plan.hot, &machine.nodes);
    let Some(node) = plan.node else {
        let near = nodes.iter().find(|(_, cpus)| cpus.covers(hot)).map(|(node, _)| *node);
        if nodes.len() > 1 && near.is_none() && plan.hugepages_2m > 0 {
            let fields = format!("hot={hot} hugepages_2m={}", plan.hugepages_2m);
            let next = "name hot CPUs of one node: their pages are reserved there";
            return Err(refused("the hot CPUs are on several NUMA nodes", fields, next));
        }
        return Ok(near.filter(|_| nodes.len() > 1));
    };
    // Where the machine does not say, the topology is all there is.
    if nodes.is_empty() {
        return Ok(Some(node));
    }
    let Some((_, cpus)) = nodes.iter().find(|(found, _)| *found == node) else {
        let known: Vec<String> = nodes.iter().map(|(node, _)| node.to_string()).collect();
        let fields = format!("node={node} nodes={}", known.join(","));
        return Err(refused("the machine has no such NUMA node", fields, "name one it has"));
    };
    if cpus.covers(hot) {
        return Ok(Some(node));
    }
    let fields = format!("node={node} cpus={cpus} hot={hot}");
    let next = "name the node of the hot CPUs, or leave it out";
    Err(refused("the hot CPUs are not on the NUMA node", fields, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> CpuSet {
        CpuSet::from_list(text).expect(text)
    }

    fn machine(cores: &[&str]) -> Machine {
        let cores: Vec<CpuSet> = cores.iter().map(|core| list(core)).collect();
        let cpus = cores.iter().fold(CpuSet::default(), |all, core| all.or(core));
        Machine { cpus, cores, ..Machine::default() }
    }

    fn plan(hot: &str, rest: &str) -> Plan {
        Plan { hot: list(hot), housekeeping: list(rest), ..Plan::default() }
    }

    #[test]
    fn every_thread_has_a_core() {
        let eight = machine(&["0", "1", "2", "3", "4", "5", "6", "7"]);
        let layout = Layout::of(&plan("4-7", "0-2"), &eight).expect("sound");
        assert_eq!((layout.first, layout.edge, layout.order_loop), (4, Some(6), 7));
        assert_eq!((layout.unused.to_string(), layout.has_idle_siblings), ("3".into(), false));
        let layout = Layout::of(&plan("6-7", "0-5"), &eight).expect("sound");
        assert_eq!((layout.first, layout.edge, layout.order_loop), (6, None, 7));
        let threads = machine(&["0,4", "1,5", "2,6", "3,7"]);
        let layout = Layout::of(&plan("2-3,6-7", "0-1,4-5"), &threads).expect("sound");
        assert_eq!((layout.first, layout.order_loop, layout.has_idle_siblings), (2, 3, true));
    }

    #[test]
    fn memory_is_on_the_node_of_the_hot_cpus_or_the_topology_is_refused() {
        let mut two = machine(&["0", "1", "2", "3", "4", "5", "6", "7"]);
        two.nodes = vec![(0, list("0-3")), (1, list("4-7"))];
        let on = |node, hot: &str| Plan { node, ..plan(hot, "0-1") };
        let of = |plan: &Plan| Layout::of(plan, &two).map(|layout| layout.plan.node);
        assert_eq!(of(&on(Some(1), "6-7")), Ok(Some(1)));
        assert_eq!(of(&on(None, "6-7")), Ok(Some(1)), "it is known without being told");
        assert_eq!(of(&on(None, "2-3")), Ok(Some(0)));
        assert_eq!(of(&on(None, "3-4")), Ok(None));
        let pages = Plan { hugepages_2m: 8, ..on(None, "3-4") };
        for (plan, part) in [
            (on(Some(7), "6-7"), "no such NUMA node: node=7 nodes=0,1"),
            (on(Some(0), "6-7"), "node=0 cpus=0-3 hot=6-7"),
            (on(Some(0), "3-4"), "node=0 cpus=0-3 hot=3-4"),
            (pages, "hot=3-4 hugepages_2m=8"),
        ] {
            let refusal = Layout::of(&plan, &two).expect_err(part);
            assert!(refusal.to_string().contains(part), "{part}: {refusal}");
            assert_eq!(refusal.exit, Exit::Configuration);
        }
        // One node, or none that is known: there is nothing to choose.
        two.nodes.truncate(1);
        two.nodes[0].1 = list("0-7");
        assert_eq!(Layout::of(&on(None, "6-7"), &two).expect("sound").plan.node, None);
        two.nodes.clear();
        assert_eq!(Layout::of(&on(Some(0), "6-7"), &two).expect("sound").plan.node, Some(0));
    }

    #[test]
    fn what_cannot_hold_is_refused_in_one_line() {
        let threads = machine(&["0,4", "1,5", "2,6", "3,7"]);
        let mut hybrid = machine(&["0", "1", "2", "3", "4", "5"]);
        hybrid.slow = list("4-5");
        for (machine, hot, rest, part) in [
            (&threads, "0,4", "1-2", "CPU 0 cannot be hot"),
            (&threads, "2-3,6-7", "0", "too few CPUs keep house"),
            (&threads, "2-3,6-7", "0-2", "a CPU is on both sides: cpus=2"),
            (&threads, "2-3,6-9", "0-1", "no such CPU: cpus=8-9"),
            (&threads, "2-3", "0-1", "a core is split: hot=2-3 siblings=2,6"),
            (&threads, "2,6", "0-1", "hot cores are too few"),
            (&hybrid, "3-4", "0-1", "a slow core cannot be hot: cpus=4"),
        ] {
            let refusal = Layout::of(&plan(hot, rest), machine).expect_err(part);
            let line = refusal.to_string();
            assert!(line.contains(part) && !line.contains('\n'), "{part}: {line}");
            assert_eq!(refusal.exit, Exit::Configuration);
        }
    }
}
