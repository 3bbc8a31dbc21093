//! Isolation of cores: what keeps other work off the hot CPUs.

use super::{Found, booted, hot_slice, some, value};
use crate::check::{Check, Group, Look, Need, Outcome, Status, Stop, skip};
use crate::cpus::CpuSet;
use crate::host::Missing;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "I01",
        name: "isolated CPUs",
        why: "a CPU in a scheduler domain takes other tasks, and a bare isolcpus list leaves \
            managed interrupts on it",
        read: "sys/devices/system/cpu/isolated, sys/fs/cgroup/cpuset.cpus.isolated, proc/cmdline",
        good: "every hot CPU, without CPU 0, and managed_irq where the boot line isolates",
        now: "a cpuset partition of the hot slice (I06)",
        keep: "boot line isolcpus=managed_irq,domain,LIST",
        need: Need::Must,
        source: "kernel admin-guide/cpu-isolation.rst",
        run: isolated,
        ..CPU
    },
    Check {
        id: "I02",
        name: "full-dynticks CPUs",
        why: "the tick interrupts a spinning thread up to 1000 times a second",
        read: "sys/devices/system/cpu/nohz_full, proc/cmdline",
        good: "every hot CPU, and not all",
        now: "boot only",
        keep: "boot line nohz_full=LIST",
        need: Need::Must,
        source: "kernel admin-guide/cpu-isolation.rst",
        run: nohz_full,
        ..CPU
    },
    Check {
        id: "I03",
        name: "RCU callbacks off hot CPUs",
        why: "callbacks run in the hot thread's time",
        read: "proc/cmdline",
        good: "rcu_nocbs or nohz_full names every hot CPU",
        now: "boot only",
        keep: "boot line rcu_nocbs=LIST",
        source: "kernel admin-guide/kernel-parameters.txt",
        run: rcu,
        ..CPU
    },
    Check {
        id: "I04",
        name: "default interrupt mask",
        why: "an interrupt that appears later lands where the mask allows",
        read: "proc/irq/default_smp_affinity",
        good: "no hot CPU",
        now: "write the mask of the housekeeping CPUs to proc/irq/default_smp_affinity",
        keep: "boot line irqaffinity=LIST",
        need: Need::Must,
        source: "kernel core-api/irq/irq-affinity.rst",
        run: default_mask,
        ..CPU
    },
    Check {
        id: "I05",
        name: "interrupts on hot CPUs",
        why: "an interrupt stops the hot thread for microseconds; what is in force can differ \
            from what was written",
        read: "proc/irq/*/effective_affinity_list",
        good: "no hot CPU",
        now: "write the housekeeping list to proc/irq/N/smp_affinity_list; managed ones need \
            I01's managed_irq",
        keep: "a unit that runs at boot and when the card resets",
        need: Need::Must,
        source: "kernel core-api/irq/irq-affinity.rst",
        run: interrupts,
        ..CPU
    },
    Check {
        id: "I06",
        name: "isolated partition",
        why: "a cpuset partition isolates without a reboot and shows its reason where it fails",
        read: "sys/fs/cgroup/hot.slice/cpuset.cpus.partition",
        good: "isolated",
        now: "write isolated to the file",
        keep: "CPUSetPartition=isolated in the slice (systemd 261), or a unit that writes it",
        source: "kernel admin-guide/cgroup-v2.rst",
        run: partition,
        ..CPU
    },
    Check {
        id: "I07",
        name: "other slices fenced",
        why: "services and logins may else run on hot CPUs",
        read: "sys/fs/cgroup/{system,user,machine,kubepods}.slice/cpuset.cpus.effective; init.scope",
        good: "no hot CPU",
        now: "systemctl set-property --runtime SLICE AllowedCPUs=LIST",
        keep: "AllowedCPUs=LIST in a drop-in of each slice",
        source: "systemd.resource-control(5)",
        run: slices,
        ..CPU
    },
    Check {
        id: "I08",
        name: "stray tasks",
        why: "a task that may run on a hot CPU will, one day",
        read: "proc/*/task/*/{status,stat}",
        good: "only the engine's threads and the kernel's own of each CPU",
        now: "taskset -pc LIST PID",
        keep: "as I07",
        need: Need::Must,
        source: "proc_pid_status(5)",
        moves: true,
        run: strays,
        ..CPU
    },
    Check {
        id: "I09",
        name: "irqbalance",
        why: "it moves interrupts back onto hot CPUs",
        read: "proc/*/comm, etc/default/irqbalance, etc/sysconfig/irqbalance",
        good: "not running, or the hot CPUs banned",
        now: "systemctl stop irqbalance",
        keep: "systemctl disable irqbalance, or IRQBALANCE_BANNED_CPULIST=LIST",
        need: Need::Must,
        source: "irqbalance(1)",
        run: irqbalance,
        ..CPU
    },
    Check {
        id: "I10",
        name: "unbound workqueues",
        why: "kernel workers run on any CPU of the mask",
        read: "sys/devices/virtual/workqueue/cpumask",
        good: "no hot CPU",
        now: "write the housekeeping mask to the file",
        keep: "tmpfiles.d line of type w, or boot line workqueue.unbound_cpus=LIST",
        source: "kernel core-api/workqueue.rst",
        run: workqueues,
        ..CPU
    },
];

const CPU: Check = Check::base(Group::Cpu);
/// Flag of a thread of the kernel whose CPUs cannot be chosen (`PF_NO_SETAFFINITY`).
const NO_SET_AFFINITY: u64 = 0x0400_0000;

fn isolated(look: &Look<'_>) -> Found {
    let hot = &look.plan.hot;
    let boot = look.cpus("sys/devices/system/cpu/isolated")?;
    let partition = "sys/fs/cgroup/cpuset.cpus.isolated";
    let partition = match look.host.optional(partition)? {
        Some(_) => look.cpus(partition)?,
        None => CpuSet::default(),
    };
    let live = boot.or(&partition);
    let word = look.line()?.value("isolcpus");
    let is_bare = word.is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let note = match () {
        () if hot.is_empty() => {
            "no hot CPU is known, and none is isolated: nothing can be judged of them"
        }
        () if live.has(0) => "CPU 0 boots, ticks and keeps house: leave it out",
        () if !live.covers(hot) => "hot CPUs are in a scheduler domain",
        () if is_bare => "a bare list is domain only: write isolcpus=managed_irq,domain,LIST",
        () => "",
    };
    let outcome = Outcome::good(note.is_empty(), live.to_string(), note).planned(hot.to_string());
    Ok(booted(look, "isolcpus", outcome))
}

fn nohz_full(look: &Look<'_>) -> Found {
    let (hot, path) = (look.hot()?, "sys/devices/system/cpu/nohz_full");
    let is_lacking = look.host.optional(path)?.is_none();
    if is_lacking && look.host.is_there("sys/devices/system/cpu/online") {
        let note = "this kernel is built without NO_HZ_FULL: the tick runs on hot CPUs";
        return Ok(Outcome::new(Status::Fail, "not built in", note).planned(hot.to_string()));
    }
    let live = look.cpus(path)?;
    let outcome = if look.line()?.value("nohz_full") == Some("all") {
        let note = "nohz_full=all takes the housekeeping CPUs too, all of whose kernel entries \
            then cost more: name the hot CPUs alone";
        Outcome::new(Status::Conflict, format!("all ({live})"), note)
    } else {
        Outcome::good(live.covers(hot), live.to_string(), "the tick runs on hot CPUs")
    };
    Ok(booted(look, "nohz_full", outcome.planned(hot.to_string())))
}

fn rcu(look: &Look<'_>) -> Found {
    let (hot, boot) = (look.hot()?, look.line()?);
    let list = |word| boot.value(word).and_then(CpuSet::from_list).unwrap_or_default();
    let live = list("rcu_nocbs").or(&list("nohz_full"));
    let is_all = ["rcu_nocbs", "nohz_full"].iter().any(|word| boot.value(word) == Some("all"));
    let note = "RCU callbacks run on hot CPUs";
    let outcome = Outcome::good(is_all || live.covers(hot), live.to_string(), note);
    Ok(booted(look, "rcu_nocbs", outcome.planned(hot.to_string())))
}

fn off_hot(look: &Look<'_>, live: &CpuSet, note: &str) -> Found {
    let hit = live.and(look.hot()?);
    let plan = format!("none of {}", look.hot()?);
    Ok(Outcome::good(hit.is_empty(), live.to_string(), format!("{note}: {hit}")).planned(plan))
}

fn default_mask(look: &Look<'_>) -> Found {
    look.hot()?;
    off_hot(look, &look.mask("proc/irq/default_smp_affinity")?, "new interrupts go to hot CPUs")
}

fn workqueues(look: &Look<'_>) -> Found {
    look.hot()?;
    let mask = look.mask("sys/devices/virtual/workqueue/cpumask")?;
    off_hot(look, &mask, "kernel workers run on hot CPUs")
}

fn interrupts(look: &Look<'_>) -> Found {
    let hot = look.hot()?;
    let (mut bad, mut seen) = (Vec::new(), 0_usize);
    for name in look.host.names("proc/irq")? {
        let path = format!("proc/irq/{name}/effective_affinity_list");
        if name.bytes().all(|b| b.is_ascii_digit()) && look.host.optional(&path)?.is_some() {
            seen += 1;
            let cpus = look.cpus(&path)?.and(hot);
            if !cpus.is_empty() {
                bad.push(format!("irq {name} on {cpus}"));
            }
        }
    }
    if seen == 0 {
        return Err(Missing::Absent("proc/irq/*/effective_affinity_list".into()).into());
    }
    let live = if bad.is_empty() { format!("none of {seen}") } else { some(bad.clone()) };
    Ok(Outcome::good(bad.is_empty(), live, "interrupts are bound to hot CPUs").planned("none"))
}

fn partition(look: &Look<'_>) -> Found {
    look.hot()?;
    let text = value(look, &format!("{}/cpuset.cpus.partition", hot_slice(look)?))?;
    // The kernel puts its reason in brackets behind the word.
    Ok(Outcome::good(text == "isolated", text, "the hot slice is no isolated partition"))
}

fn slices(look: &Look<'_>) -> Found {
    let hot = look.hot()?;
    let (mut bad, mut seen) = (Vec::new(), Vec::new());
    for slice in ["system.slice", "user.slice", "machine.slice", "init.scope", "kubepods.slice"] {
        let path = format!("sys/fs/cgroup/{slice}/cpuset.cpus.effective");
        if look.host.optional(&path)?.is_some() {
            let hit = look.cpus(&path)?.and(hot);
            seen.push(slice.to_owned());
            if !hit.is_empty() {
                bad.push(format!("{slice} on {hit}"));
            }
        }
    }
    if seen.is_empty() && !look.host.is_there("sys/fs/cgroup") {
        return Err(Missing::Absent("sys/fs/cgroup".into()).into());
    }
    if seen.is_empty() {
        return skip("no slice has the cpuset controller");
    }
    let live = some(if bad.is_empty() { seen } else { bad.clone() });
    Ok(Outcome::good(bad.is_empty(), live, "other slices may run on hot CPUs"))
}

fn strays(look: &Look<'_>) -> Found {
    let hot = look.hot()?;
    let processes = look.processes.as_ref().map_err(Clone::clone)?;
    let mut bad = Vec::new();
    for process in processes.iter().filter(|process| process.name != "corelane-engine") {
        // What ended since the list was made is no stray.
        let tasks = look.host.names_if_there(&format!("proc/{}/task", process.pid))?;
        for task in tasks.unwrap_or_default() {
            if let Some(name) = stray(look, &format!("proc/{}/task/{task}", process.pid), hot)? {
                bad.push(format!("{task} {name}"));
            }
        }
    }
    let live = if bad.is_empty() { "none".to_owned() } else { some(bad.clone()) };
    Ok(Outcome::good(bad.is_empty(), live, "threads may run on hot CPUs"))
}

/// The name of a thread that may run on a hot CPU and has no business there. A thread of the kernel
/// that is bound to one CPU, or that the kernel does not let be moved, belongs where it is.
fn stray(look: &Look<'_>, folder: &str, hot: &CpuSet) -> Result<Option<String>, Stop> {
    let Some(status) = look.host.optional(&format!("{folder}/status"))? else { return Ok(None) };
    let field = |name| status.lines().find_map(|line| line.strip_prefix(name));
    let name = field("Name:").unwrap_or_default().trim().to_owned();
    let strange = || Missing::Strange(format!("{folder}/status"), "no Cpus_allowed_list".into());
    let allowed = field("Cpus_allowed_list:").and_then(CpuSet::from_list).ok_or_else(strange)?;
    if allowed.and(hot).is_empty() {
        return Ok(None);
    }
    // A thread of the kernel has no address space.
    if field("VmSize:").is_none() {
        let Some(stat) = look.host.optional(&format!("{folder}/stat"))? else { return Ok(None) };
        // The name in brackets may hold blanks; the flags are the seventh word behind it.
        let flags = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(6));
        let flags = flags.and_then(|word| word.parse::<u64>().ok());
        let flags = flags.ok_or_else(|| Missing::Strange(format!("{folder}/stat"), stat))?;
        if allowed.len() == 1 || flags & NO_SET_AFFINITY != 0 {
            return Ok(None);
        }
    }
    Ok(Some(name))
}

fn irqbalance(look: &Look<'_>) -> Found {
    if look.named("irqbalance")?.is_empty() {
        return Ok(Outcome::new(Status::Pass, "not running", ""));
    }
    let hot = look.hot()?;
    let mut banned = CpuSet::default();
    for file in ["etc/default/irqbalance", "etc/sysconfig/irqbalance"] {
        let text = look.host.optional(file)?.unwrap_or_default();
        let list = text.lines().find_map(|l| l.trim().strip_prefix("IRQBALANCE_BANNED_CPULIST="));
        let list = list.and_then(|list| CpuSet::from_list(list.trim_matches('"')));
        // Old versions know the mask alone.
        let mask = text.lines().find_map(|l| l.trim().strip_prefix("IRQBALANCE_BANNED_CPUS="));
        let mask = mask.and_then(|mask| CpuSet::from_mask(mask.trim_matches('"')));
        banned = banned.or(&list.unwrap_or_default()).or(&mask.unwrap_or_default());
    }
    let live = format!("running, banned from {banned}");
    Ok(Outcome::good(banned.covers(hot), live, "irqbalance may move interrupts to hot CPUs"))
}
