//! Noise on hot CPUs: timers, watchdogs, servers of the kernel, and what the machine itself takes.

use super::{Found, each_hot, judge, listed, number, sysctl, value};
use crate::check::{Check, Group, Look, Need, Outcome, Status, Stop, skip};
use crate::host::Missing;
use crate::kernel::Kernel;
use std::collections::BTreeMap;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "I11",
        name: "deadline server of the fair class",
        why: "since 6.12 it preempts FIFO threads 50 ms of each second and can bring the tick \
            back",
        read: "sys/kernel/debug/sched/*_server/cpuN/runtime",
        good: "0 on hot CPUs",
        now: "write 0 to the file of each hot CPU",
        keep: "a unit that writes it at boot: debugfs is no sysctl",
        since: Some(Kernel::new(6, 12)),
        source: "kernel commit 5f6bd380c7bd",
        run: fair_server,
        ..NOISE
    },
    Check {
        id: "I12",
        name: "throttle of real-time threads",
        why: "a spinning FIFO thread is stopped 5 % of each second",
        read: "proc/sys/kernel/sched_rt_runtime_us",
        good: "-1 before kernel 6.12",
        now: "sysctl -w kernel.sched_rt_runtime_us=-1",
        keep: "sysctl.d line",
        source: "kernel scheduler/sched-rt-group.rst",
        run: rt_runtime,
        ..NOISE
    },
    Check {
        id: "I13",
        name: "real-time group scheduling",
        why: "FIFO inside a unit fails with EPERM where groups need a budget",
        read: "boot/config-RELEASE, proc/cmdline",
        good: "not built in, or rt_group_sched=0",
        now: "boot only",
        keep: "boot line rt_group_sched=0",
        source: "kernel scheduler/sched-rt-group.rst",
        run: rt_groups,
        ..NOISE
    },
    Check {
        id: "I14",
        name: "hyper-threads",
        why: "a sibling shares execution ports and first-level cache with the hot thread",
        read: "sys/devices/system/cpu/{smt/active,cpuN/topology/thread_siblings_list}",
        good: "0, or no sibling of a hot CPU on line",
        now: "write off to sys/devices/system/cpu/smt/control, or 0 to the siblings' online",
        keep: "boot line nosmt, or the firmware",
        source: "kernel ABI sysfs-devices-system-cpu",
        run: smt,
        ..NOISE
    },
    Check {
        id: "I15",
        name: "hot CPUs on fast cores",
        why: "an efficiency core is slower; those can keep house",
        read: "sys/devices/cpu_core/cpus",
        good: "covers the hot CPUs",
        now: "choose hot CPUs among cpu_core",
        keep: "the topology",
        need: Need::Must,
        source: "kernel ABI sysfs-devices-system-cpu",
        run: fast_cores,
        ..NOISE
    },
    Check {
        id: "I16",
        name: "watchdogs",
        why: "a watchdog's timer and NMI interrupt the hot thread",
        read: "proc/sys/kernel/nmi_watchdog",
        good: "0",
        now: "sysctl -w kernel.nmi_watchdog=0",
        keep: "boot line nmi_watchdog=0",
        source: "kernel admin-guide/lockup-watchdogs.rst",
        run: nmi_watchdog,
        ..NOISE
    },
    Check {
        id: "I17",
        name: "machine-check polling",
        why: "a timer on every CPU polls for errors",
        read: "sys/devices/system/machinecheck/machinecheckN/check_interval",
        good: "0 on hot CPUs",
        now: "write 0 to the file of each hot CPU",
        keep: "tmpfiles.d line of type w",
        source: "kernel ABI sysfs-mce",
        run: machine_check,
        ..NOISE
    },
    Check {
        id: "I18",
        name: "statistics of virtual memory",
        why: "a worker runs on every CPU each interval",
        read: "proc/sys/vm/stat_interval",
        good: "10 or more",
        now: "sysctl -w vm.stat_interval=120",
        keep: "sysctl.d line",
        source: "kernel admin-guide/sysctl/vm.rst",
        run: stat_interval,
        ..NOISE
    },
    Check {
        id: "I19",
        name: "automatic NUMA balancing",
        why: "it unmaps pages to see who uses them, and each costs a fault",
        read: "proc/sys/kernel/numa_balancing",
        good: "0",
        now: "sysctl -w kernel.numa_balancing=0",
        keep: "sysctl.d line",
        source: "kernel admin-guide/sysctl/kernel.rst",
        run: numa_balancing,
        ..NOISE
    },
    Check {
        id: "I20",
        name: "ticks apart",
        why: "CPUs that tick at once wait for each other's locks",
        read: "proc/cmdline",
        good: "skew_tick=1",
        now: "boot only",
        keep: "boot line skew_tick=1",
        need: Need::Tell,
        source: "kernel admin-guide/kernel-parameters.txt",
        run: skew_tick,
        ..NOISE
    },
    Check {
        id: "I21",
        name: "clock source",
        why: "another one costs a system call or a slow register for each stamp",
        read: "sys/devices/system/clocksource/clocksource0/current_clocksource, proc/cpuinfo",
        good: "tsc, constant and non-stop",
        now: "write tsc to the file",
        keep: "find why the kernel refused it: tsc=reliable removes the check that would tell",
        need: Need::Must,
        source: "kernel admin-guide/kernel-parameters.txt",
        run: clocksource,
        ..NOISE
    },
    Check {
        id: "I22",
        name: "bare metal",
        why: "the host of a virtual machine takes its CPUs away unseen: no latency figure holds",
        read: "proc/cpuinfo",
        good: "no hypervisor flag",
        now: "none",
        keep: "run on bare metal",
        need: Need::Must,
        source: "cpuid, leaf 1",
        run: bare_metal,
        ..NOISE
    },
    Check {
        id: "I23",
        name: "system-management interrupts",
        why: "the firmware stops every core for up to a millisecond, and no counter of the \
            kernel sees it",
        read: "dev/cpu/N/msr (register 0x34), twice",
        good: "no more while the doctor looks (--watch=SECONDS looks longer)",
        now: "none",
        keep: "the firmware: turn its sources off (power capping, USB emulation, patrol)",
        source: "kernel trace/hwlat_detector.rst; Intel model-specific register 0x34",
        moves: true,
        run: management,
        ..NOISE
    },
    Check {
        id: "I24",
        name: "function calls between CPUs",
        why: "a static key that is switched, as by the first socket with time stamps, interrupts \
            every CPU",
        read: "proc/interrupts (CAL), twice",
        good: "no more on hot CPUs while the doctor looks (--watch=SECONDS looks longer)",
        now: "hold one socket with SO_TIMESTAMPING open on a housekeeping CPU",
        keep: "a daemon that holds it",
        source: "tuned, plugin rtentsk",
        moves: true,
        run: calls,
        ..NOISE
    },
    Check {
        id: "I25",
        name: "kernel lockdown",
        why: "it denies debugfs and model registers even to root: checks then say UNKNOWN",
        read: "sys/kernel/security/lockdown",
        good: "none",
        now: "none",
        keep: "Secure Boot of the firmware; keep it where policy asks for it",
        need: Need::Tell,
        source: "kernel_lockdown(7)",
        run: lockdown,
        ..NOISE
    },
    Check {
        id: "I26",
        name: "mitigations stay on",
        why: "the box holds exchange keys, and the hot loop makes no system call to save",
        read: "proc/cmdline",
        good: "no mitigations=off",
        now: "boot only",
        keep: "remove mitigations=off from the boot line",
        source: "kernel admin-guide/hw-vuln",
        run: mitigations,
        ..NOISE
    },
    Check {
        id: "I27",
        name: "watchdog's CPUs",
        why: "the lockup detector's timer runs on each CPU of the mask",
        read: "proc/sys/kernel/watchdog_cpumask",
        good: "no hot CPU",
        now: "sysctl -w kernel.watchdog_cpumask=LIST",
        keep: "sysctl.d line",
        source: "kernel admin-guide/lockup-watchdogs.rst",
        run: watchdog_mask,
        ..NOISE
    },
];

const NOISE: Check = Check::base(Group::Cpu);

fn fair_server(look: &Look<'_>) -> Found {
    let hot = look.hot()?;
    let dir = "sys/kernel/debug/sched";
    // Newer kernels have such a server for other classes, too.
    let servers = listed(look, dir)?.into_iter().filter(|name| name.ends_with("_server"));
    let servers: Vec<String> = servers.collect();
    if servers.is_empty() {
        return skip(format!("this host has no server in {dir}"));
    }
    let mut bad = Vec::new();
    for (server, cpu) in servers.iter().flat_map(|s| hot.iter().map(move |cpu| (s, cpu))) {
        let runtime = number(look, &format!("{dir}/{server}/cpu{cpu}/runtime"))?;
        if runtime != 0 {
            bad.push(format!("{server} cpu{cpu}={runtime}"));
        }
    }
    let live = if bad.is_empty() { "0".to_owned() } else { bad.join(" ") };
    Ok(Outcome::good(bad.is_empty(), live, "the server runs on hot CPUs"))
}

fn rt_runtime(look: &Look<'_>) -> Found {
    if look.kernel.is_some_and(|kernel| kernel >= Kernel::new(6, 12)) {
        return skip("since 6.12 the deadline server (I11) does this; -1 no longer helps");
    }
    sysctl(look, "kernel.sched_rt_runtime_us", |us| us == -1, "FIFO threads are throttled")
}

fn rt_groups(look: &Look<'_>) -> Found {
    let release = look.host.text("proc/sys/kernel/osrelease")?;
    let config = look.host.text(&format!("boot/config-{release}"))?;
    let is_built = config.lines().any(|line| line == "CONFIG_RT_GROUP_SCHED=y");
    let is_off = look.line()?.value("rt_group_sched") == Some("0");
    let live = if is_built { "built in" } else { "not built in" };
    Ok(Outcome::good(!is_built || is_off, live, "FIFO in a unit needs a budget of its group"))
}

fn smt(look: &Look<'_>) -> Found {
    let path = "sys/devices/system/cpu/smt/active";
    let found = judge(look, path, |text| text == "0", "siblings are running")?;
    if found.status == Status::Pass || look.plan.hot.is_empty() {
        return Ok(found);
    }
    // It is enough that the hot cores have none: their siblings may be off line.
    let is_alone = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let note = "siblings of hot CPUs are running";
    let found = each_hot(look, "topology/thread_siblings_list", is_alone, note)?;
    let live = format!("running; of hot CPUs {}", found.live);
    Ok(Outcome { live, ..found })
}

fn fast_cores(look: &Look<'_>) -> Found {
    if !look.host.is_there("sys/devices/cpu_atom") {
        return skip("all cores are of one kind");
    }
    let (hot, fast) = (look.hot()?, look.cpus("sys/devices/cpu_core/cpus")?);
    let outcome = Outcome::good(fast.covers(hot), fast.to_string(), "hot CPUs on slow cores");
    Ok(outcome.planned(hot.to_string()))
}

fn nmi_watchdog(look: &Look<'_>) -> Found {
    sysctl(look, "kernel.nmi_watchdog", |on| on == 0, "the NMI watchdog uses a counter and NMIs")
}

fn watchdog_mask(look: &Look<'_>) -> Found {
    let hot = look.hot()?;
    value(look, "proc/sys/kernel/watchdog_cpumask")?;
    let live = look.cpus("proc/sys/kernel/watchdog_cpumask")?;
    let note = "the lockup detector ticks on hot CPUs; prefer the mask to nowatchdog";
    Ok(Outcome::good(live.and(hot).is_empty(), live.to_string(), note))
}

fn machine_check(look: &Look<'_>) -> Found {
    let mut bad = Vec::new();
    for cpu in look.hot()?.iter() {
        let path = format!("sys/devices/system/machinecheck/machinecheck{cpu}/check_interval");
        let text = value(look, &path)?;
        // The kernel writes it in hexadecimal on some versions; zero is the same in both.
        if text != "0" {
            bad.push(format!("cpu{cpu}={text}"));
        }
    }
    let live = if bad.is_empty() { "0".to_owned() } else { bad.join(" ") };
    Ok(Outcome::good(bad.is_empty(), live, "set the interval, not ignore_ce, which hides errors"))
}

fn stat_interval(look: &Look<'_>) -> Found {
    sysctl(look, "vm.stat_interval", |seconds| seconds >= 10, "a worker runs too often")
}

fn numa_balancing(look: &Look<'_>) -> Found {
    sysctl(look, "kernel.numa_balancing", |on| on == 0, "pages are unmapped to watch them")
}

fn skew_tick(look: &Look<'_>) -> Found {
    let word = look.line()?.value("skew_tick");
    Ok(Outcome::good(word == Some("1"), word.unwrap_or("unset"), "CPUs tick at the same moment"))
}

fn clocksource(look: &Look<'_>) -> Found {
    let path = "sys/devices/system/clocksource/clocksource0/current_clocksource";
    let live = look.host.text(path)?;
    let flags = look.host.text("proc/cpuinfo")?;
    let has = |flag: &str| flags.split_whitespace().any(|word| word == flag);
    let is_sound = has("constant_tsc") && has("nonstop_tsc");
    Ok(Outcome::good(live == "tsc" && is_sound, live, "stamps are slow or may jump"))
}

fn bare_metal(look: &Look<'_>) -> Found {
    let flags = look.host.text("proc/cpuinfo")?;
    let is_guest = flags.split_whitespace().any(|word| word == "hypervisor");
    let live = if is_guest { "virtual machine" } else { "bare metal" };
    Ok(Outcome::good(!is_guest, live, "its host takes CPU time unseen: certify nothing here"))
}

fn management(look: &Look<'_>) -> Found {
    let hot = look.hot()?;
    let info = look.host.text("proc/cpuinfo")?;
    if !info.contains("GenuineIntel") {
        return skip("only Intel's processors count them");
    }
    let (mut bad, mut most) = (Vec::new(), 0_u64);
    for cpu in hot.iter() {
        let path = format!("told/smi/cpu{cpu}");
        let text = look.host.text(&path)?;
        let pair = text.split_once(' ').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        let Some((first, now)): Option<(u64, u64)> = pair else {
            return Err(Missing::Strange(path, text).into());
        };
        most = most.max(now);
        if now != first {
            bad.push(format!("cpu{cpu}+{}", now.saturating_sub(first)));
        }
    }
    let live = if bad.is_empty() { format!("{most} since boot, none now") } else { bad.join(" ") };
    Ok(Outcome::good(bad.is_empty(), live, "the firmware interrupts"))
}

/// The counts of a row of proc/interrupts, by CPU.
fn row(look: &Look<'_>, path: &str, name: &str) -> Result<BTreeMap<u32, u64>, Stop> {
    let text = look.host.text(path)?;
    let strange = || Stop::from(Missing::Strange(path.to_owned(), format!("no row {name}")));
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default();
    let cpus = head.split_whitespace().filter_map(|word| word.strip_prefix("CPU")?.parse().ok());
    let counts = lines.find_map(|line| line.trim().strip_prefix(name)).ok_or_else(strange)?;
    Ok(cpus.zip(counts.split_whitespace().map_while(|word| word.parse().ok())).collect())
}

fn calls(look: &Look<'_>) -> Found {
    let hot = look.hot()?;
    let (first, now) =
        (row(look, "told/first/proc/interrupts", "CAL:")?, row(look, "proc/interrupts", "CAL:")?);
    let mut bad = Vec::new();
    for cpu in hot.iter() {
        let (Some(first), Some(now)) = (first.get(&cpu), now.get(&cpu)) else {
            return Err(Missing::Strange("proc/interrupts".into(), format!("no CPU{cpu}")).into());
        };
        if now > first {
            bad.push(format!("cpu{cpu}+{}", now - first));
        }
    }
    let live = if bad.is_empty() { "none now".to_owned() } else { bad.join(" ") };
    Ok(Outcome::good(bad.is_empty(), live, "other CPUs call hot ones"))
}

fn lockdown(look: &Look<'_>) -> Found {
    judge(
        look,
        "sys/kernel/security/lockdown",
        |text| super::chosen(text) == "none",
        "root may not read all: some checks say UNKNOWN",
    )
}

fn mitigations(look: &Look<'_>) -> Found {
    let word = look.line()?.value("mitigations").unwrap_or("unset").to_owned();
    let note = "remove it: keys can leak between processes, and the hot loop gains nothing";
    Ok(Outcome::good(word != "off", word, note))
}
