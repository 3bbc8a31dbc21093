//! Memory: pages that move, fault or are written out under the hot threads.

use super::{Found, chosen, kept, number, some, sysctl, value};
use crate::check::{Check, Group, Look, Need, Outcome, Status, skip};
use crate::kernel::Kernel;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "M01",
        name: "transparent huge pages",
        why: "khugepaged copies 2 MiB under a running thread; each size has a file of its own",
        read: "sys/kernel/mm/transparent_hugepage/{enabled,shmem_enabled,hugepages-*kB/enabled}",
        good: "never or madvise, every size",
        now: "write madvise to enabled, never to each size",
        keep: "boot line transparent_hugepage=madvise",
        source: "kernel admin-guide/mm/transhuge.rst",
        run: huge,
        ..MEMORY
    },
    Check {
        id: "M02",
        name: "reserved huge pages",
        why: "rings and packet buffers on small pages miss the TLB",
        read: "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
        good: "as the topology asks",
        now: "write the count to the file",
        keep: "boot line hugepages=N",
        source: "kernel admin-guide/mm/hugetlbpage.rst",
        run: reserved,
        ..MEMORY
    },
    Check {
        id: "M03",
        name: "the engine's memory is locked",
        why: "a page fault in the loop costs microseconds to milliseconds",
        read: "proc/PID/status",
        good: "VmLck at least VmRSS",
        now: "none",
        keep: "LimitMEMLOCK=infinity in the unit",
        need: Need::Must,
        source: "mlockall(2)",
        moves: true,
        run: locked,
        ..MEMORY
    },
    Check {
        id: "M04",
        name: "proactive compaction",
        why: "kcompactd moves pages in the background",
        read: "proc/sys/vm/compaction_proactiveness",
        good: "0",
        now: "sysctl -w vm.compaction_proactiveness=0",
        keep: "sysctl.d line",
        since: Some(Kernel::new(5, 9)),
        source: "kernel admin-guide/sysctl/vm.rst",
        run: proactive,
        ..MEMORY
    },
    Check {
        id: "M05",
        name: "compaction of locked pages",
        why: "by default it moves even locked pages, and each costs a fault",
        read: "proc/sys/vm/compact_unevictable_allowed",
        good: "0",
        now: "sysctl -w vm.compact_unevictable_allowed=0",
        keep: "sysctl.d line",
        source: "kernel admin-guide/sysctl/vm.rst",
        run: unevictable,
        ..MEMORY
    },
    Check {
        id: "M06",
        name: "swap",
        why: "a page that was swapped out stalls its reader",
        read: "proc/swaps",
        good: "no swap",
        now: "swapoff -a",
        keep: "remove it from fstab and zram",
        source: "swapon(8)",
        run: swap,
        ..MEMORY
    },
    Check {
        id: "M07",
        name: "write-back thresholds",
        why: "a burst of gigabytes is flushed at once; equal ratios make the kernel halve the \
            background one",
        read: "proc/sys/vm/dirty_{ratio,background_ratio,bytes,background_bytes}",
        good: "background clearly below",
        now: "sysctl -w vm.dirty_background_bytes=67108864 vm.dirty_bytes=536870912",
        keep: "sysctl.d lines",
        source: "kernel mm/page-writeback.c",
        run: dirty,
        ..MEMORY
    },
    Check {
        id: "M08",
        name: "cache pressure",
        why: "no effect on threads that open no files",
        read: "proc/sys/vm/vfs_cache_pressure",
        good: "any; 100 is the default",
        now: "none",
        keep: "remove the line",
        need: Need::Tell,
        source: "kernel admin-guide/sysctl/vm.rst",
        run: cache,
        ..MEMORY
    },
    Check {
        id: "M09",
        name: "page merging",
        why: "KSM scans and write-protects pages",
        read: "sys/kernel/mm/ksm/run",
        good: "0",
        now: "write 0 to the file",
        keep: "tmpfiles.d line of type w",
        source: "kernel admin-guide/mm/ksm.rst",
        run: ksm,
        ..MEMORY
    },
    Check {
        id: "M10",
        name: "card and hot CPUs on one node",
        why: "each access across nodes costs 100 ns",
        read: "sys/class/net/IF/device/numa_node",
        good: "the node of the hot CPUs",
        now: "none",
        keep: "another slot, or other hot CPUs",
        source: "kernel ABI sysfs-bus-pci",
        run: locality,
        ..MEMORY
    },
    Check {
        id: "M11",
        name: "pressure of memory",
        why: "reclaim runs in the allocating thread",
        read: "proc/pressure/memory, proc/vmstat",
        good: "some avg60 0.00",
        now: "find who takes the memory",
        keep: "MemoryMax of the other slices",
        source: "kernel accounting/psi.rst",
        moves: true,
        run: pressure,
        ..MEMORY
    },
    Check {
        id: "M12",
        name: "overcommit for Redis",
        why: "its fork for saving fails under strict accounting",
        read: "proc/sys/vm/overcommit_memory",
        good: "1 where Redis runs",
        now: "sysctl -w vm.overcommit_memory=1",
        keep: "sysctl.d line",
        source: "Redis documentation, administration",
        run: overcommit,
        ..MEMORY
    },
];

const MEMORY: Check = Check::base(Group::Memory);

fn huge(look: &Look<'_>) -> Found {
    let dir = "sys/kernel/mm/transparent_hugepage";
    let main = value(look, &format!("{dir}/enabled"))?;
    let main = chosen(&main).to_owned();
    let mut bad = Vec::new();
    if main == "always" {
        bad.push("always".to_owned());
    }
    for name in look.host.names(dir)?.iter().filter(|name| name.starts_with("hugepages-")) {
        // The smallest sizes are for shared memory alone and have no such file.
        let path = format!("{dir}/{name}/enabled");
        let Some(text) = look.host.optional(&path)? else { continue };
        let size = chosen(&text);
        if size == "always" || (size == "inherit" && main == "always") {
            bad.push(format!("{name}={size}"));
        }
    }
    let shared = look.host.optional(&format!("{dir}/shmem_enabled"))?.unwrap_or_default();
    if matches!(chosen(&shared), "always" | "within_size" | "force") {
        bad.push(format!("shmem={}", chosen(&shared)));
    }
    let live = if bad.is_empty() { main } else { some(bad.clone()) };
    Ok(Outcome::good(bad.is_empty(), live, "the kernel makes huge pages unasked"))
}

fn reserved(look: &Look<'_>) -> Found {
    let planned = look.plan.hugepages_2m;
    if planned == 0 {
        return skip("the topology asks for none");
    }
    let live = number(look, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")?;
    let outcome = Outcome::good(live >= planned, live.to_string(), "fewer than the topology asks");
    Ok(outcome.planned(planned.to_string()))
}

fn locked(look: &Look<'_>) -> Found {
    let pid = look.engine()?;
    let path = format!("proc/{pid}/status");
    let status = look.host.text(&path)?;
    let size = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let (Some(locked), Some(resident)) = (size("VmLck:"), size("VmRSS:")) else {
        return Err(crate::host::Missing::Strange(path, "no VmLck or VmRSS".into()).into());
    };
    let live = format!("{locked} kB locked of {resident} kB resident");
    Ok(Outcome::good(locked >= resident, live, "memory of the engine can be taken away"))
}

fn proactive(look: &Look<'_>) -> Found {
    sysctl(look, "vm.compaction_proactiveness", |n| n == 0, "pages are moved in the background")
}

fn unevictable(look: &Look<'_>) -> Found {
    sysctl(look, "vm.compact_unevictable_allowed", |n| n == 0, "locked pages are moved, too")
}

fn swap(look: &Look<'_>) -> Found {
    let text = value(look, "proc/swaps")?;
    let names: Vec<String> = text
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect();
    let live = if names.is_empty() { "none".to_owned() } else { some(names.clone()) };
    Ok(Outcome::good(names.is_empty(), live, "remove swap; vm.swappiness=1 only makes it rarer"))
}

fn dirty(look: &Look<'_>) -> Found {
    let read = |name: &str| number(look, &format!("proc/sys/vm/dirty_{name}"));
    let (bytes, below) = (read("bytes")?, read("background_bytes")?);
    let (ratio, below_ratio) = (read("ratio")?, read("background_ratio")?);
    let shown = |bytes: i64, ratio: i64| match bytes {
        0 => format!("{ratio} %"),
        bytes => format!("{bytes} bytes"),
    };
    let live = format!("{} below {}", shown(below, below_ratio), shown(bytes, ratio));
    let by_bytes = bytes != 0 && below != 0;
    let is_equal = match (bytes, below) {
        (0, 0) => below_ratio >= ratio,
        (0, _) | (_, 0) => false,
        (high, low) => low >= high,
    };
    if is_equal {
        let note = "the kernel halves the background one where they are equal: set bytes apart";
        return Ok(Outcome::new(Status::Conflict, live, note));
    }
    let outcome = Outcome::good(by_bytes, live, "a share of a large memory is a long burst");
    Ok(kept(look, "vm.dirty_bytes", &bytes.to_string(), outcome))
}

fn cache(look: &Look<'_>) -> Found {
    let note = "harmless, no measurable effect here";
    sysctl(look, "vm.vfs_cache_pressure", |n| n == 100, note)
}

fn ksm(look: &Look<'_>) -> Found {
    super::judge(look, "sys/kernel/mm/ksm/run", |text| text == "0", "pages are merged")
}

fn locality(look: &Look<'_>) -> Found {
    let (nic, hot) = (look.nic()?, look.hot()?);
    let node = number(look, &format!("sys/class/net/{nic}/device/numa_node"))?;
    if node < 0 {
        return skip("the card says no node");
    }
    let cpus = look.cpus(&format!("sys/devices/system/node/node{node}/cpulist"))?;
    let live = format!("node {node}, CPUs {cpus}");
    Ok(Outcome::good(cpus.covers(hot), live, "the card is remote").planned(hot.to_string()))
}

fn pressure(look: &Look<'_>) -> Found {
    let path = "proc/pressure/memory";
    let Some(text) = look.host.optional(path)? else {
        if look.host.is_there("proc/vmstat") {
            return skip("the kernel keeps no figures of pressure (boot line psi=1)");
        }
        return Err(crate::host::Missing::Absent(path.into()).into());
    };
    let average = text.split_whitespace().find_map(|word| word.strip_prefix("avg60="));
    let Some(average) = average else {
        return Err(crate::host::Missing::Strange("proc/pressure/memory".into(), text).into());
    };
    Ok(Outcome::good(average == "0.00", format!("{average} %"), "tasks wait for memory"))
}

fn overcommit(look: &Look<'_>) -> Found {
    if look.named("redis-server")?.is_empty() {
        return skip("no Redis runs");
    }
    sysctl(look, "vm.overcommit_memory", |n| n == 1, "a save by fork can fail")
}
