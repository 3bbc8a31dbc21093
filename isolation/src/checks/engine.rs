//! The running engine's threads: each on one CPU, of the policy that was meant, never switched out.

use super::{Found, some};
use crate::check::{Check, Group, Look, Need, Outcome, Stop, skip};
use crate::cpus::CpuSet;
use crate::host::Missing;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "C04",
        name: "threads of the engine",
        why: "nothing balances isolated CPUs: threads that share a mask pile up on its first \
            CPU; a FIFO thread above 49 starves threaded interrupts",
        read: "proc/PID/task/*/{status,stat}",
        good: "a hot thread on one CPU; FIFO or RR on hot CPUs alone, below 50",
        now: "taskset -pc CPU TID; chrt -op 0 TID",
        keep: "one CPU a thread in the configuration; LimitRTPRIO=49 in the unit",
        need: Need::Must,
        source: "sched(7); kernel admin-guide/cpu-isolation.rst",
        moves: true,
        run: threads,
        ..ENGINE
    },
    Check {
        id: "C05",
        name: "hot threads are not switched out",
        why: "an involuntary switch is the proof that something else ran",
        read: "proc/PID/task/*/status, twice",
        good: "no more while the doctor looks (--watch=SECONDS looks longer)",
        now: "see what else may run there (I05, I08, I10, I11)",
        keep: "as those",
        source: "proc_pid_status(5)",
        moves: true,
        run: switches,
        ..ENGINE
    },
];

const ENGINE: Check = Check::base(Group::Scheduler);
/// Numbers of the policies FIFO and RR.
const REAL_TIME: [u64; 2] = [1, 2];
/// Priority of threaded interrupts.
const OF_INTERRUPTS: u64 = 50;

/// A thread of the engine.
struct Thread {
    folder: String,
    name: String,
    allowed: CpuSet,
    switches: Option<u64>,
}

impl Thread {
    fn at(look: &Look<'_>, folder: String) -> Result<Option<Self>, Stop> {
        let path = format!("{folder}/status");
        // It ended since the list was made.
        let Some(status) = look.host.optional(&path)? else { return Ok(None) };
        let field = |name| status.lines().find_map(|line| line.strip_prefix(name));
        let Some(allowed) = field("Cpus_allowed_list:").and_then(CpuSet::from_list) else {
            return Err(Missing::Strange(path, "no Cpus_allowed_list".into()).into());
        };
        let name = field("Name:").unwrap_or_default().trim().to_owned();
        let switches = field("nonvoluntary_ctxt_switches:").and_then(|n| n.trim().parse().ok());
        Ok(Some(Self { folder, name, allowed, switches }))
    }
}

fn all_threads(look: &Look<'_>) -> Result<Vec<Thread>, Stop> {
    let task = format!("proc/{}/task", look.engine()?);
    let names = look.host.names(&task)?;
    names.iter().filter_map(|name| Thread::at(look, format!("{task}/{name}")).transpose()).collect()
}

fn threads(look: &Look<'_>) -> Found {
    let hot = look.hot()?;
    let (mut bad, all) = (Vec::new(), all_threads(look)?);
    for Thread { folder, name, allowed, .. } in &all {
        let is_hot = !allowed.and(hot).is_empty();
        if is_hot && allowed.len() > 1 {
            bad.push(format!("{name} on {allowed}"));
        }
        let path = format!("{folder}/stat");
        let Some(stat) = look.host.optional(&path)? else { continue };
        // Behind the name in brackets: the priority is the 38th word, the policy the 39th.
        let words: Vec<u64> = stat
            .rsplit_once(')')
            .map(|(_, rest)| {
                rest.split_whitespace().skip(37).map_while(|w| w.parse().ok()).collect()
            })
            .unwrap_or_default();
        let [priority, policy, ..] = words.as_slice() else {
            return Err(Missing::Strange(path, "no policy".into()).into());
        };
        if REAL_TIME.contains(policy) && (!is_hot || *priority >= OF_INTERRUPTS) {
            bad.push(format!("{name} real-time {priority} on {allowed}"));
        }
    }
    let live = if bad.is_empty() { format!("{} sound", all.len()) } else { some(bad.clone()) };
    Ok(Outcome::good(bad.is_empty(), live, "threads pile up, or starve interrupts"))
}

fn switches(look: &Look<'_>) -> Found {
    let hot = look.hot()?;
    let (mut bad, mut seen) = (Vec::new(), 0_usize);
    for thread in all_threads(look)?.iter().filter(|thread| !thread.allowed.and(hot).is_empty()) {
        let first = Thread::at(look, format!("told/first/{}", thread.folder))?;
        let path = format!("told/first/{}/status", thread.folder);
        let Some(first) = first.and_then(|first| first.switches) else {
            return Err(Missing::Absent(path).into());
        };
        let Some(now) = thread.switches else {
            return Err(Missing::Strange(path, "no count of switches".into()).into());
        };
        seen += 1;
        if now > first {
            bad.push(format!("{}+{}", thread.name, now - first));
        }
    }
    if seen == 0 {
        return skip("no thread of the engine is on a hot CPU");
    }
    let live = if bad.is_empty() { format!("none of {seen}") } else { some(bad.clone()) };
    Ok(Outcome::good(bad.is_empty(), live, "something else ran on their CPUs"))
}
