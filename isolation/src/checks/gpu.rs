//! GPU, as far as the kernel shows it; `nvidia.rs` has what the driver's library says.

use super::{Found, listed, some};
use crate::check::{Check, Group, Look, Need, Outcome, Status, Stop, skip};
use crate::persisted::has_end;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "G01",
        name: "persistence daemon",
        why: "without it the driver is set up anew for the first process; nvidia-smi -pm is \
            legacy and lost at boot",
        read: "proc/*/comm, NVML: persistence mode",
        good: "nvidia-persistenced runs",
        now: "systemctl start nvidia-persistenced",
        keep: "systemctl enable nvidia-persistenced",
        source: "NVIDIA driver persistence",
        run: persistence,
        ..GPU
    },
    Check {
        id: "G02",
        name: "resizable BAR",
        why: "a window of 256 MiB makes the processor copy in pieces",
        read: "sys/bus/pci/devices/BDF/resource",
        good: "more than 256 MiB",
        now: "none",
        keep: "the firmware: Above 4G decoding and Resizable BAR",
        need: Need::Tell,
        source: "PCI Express ECN, Resizable BAR",
        run: bar,
        ..GPU
    },
    Check {
        id: "G03",
        name: "one way to set clocks",
        why: "nvidia-smi -ac and locked clocks (-lgc) defeat each other",
        read: "etc/systemd/system/*.service",
        good: "no -ac",
        now: "nvidia-smi -rac",
        keep: "remove -ac; keep -lgc and -lmc",
        source: "nvidia-smi(1)",
        run: clocks,
        ..GPU
    },
    Check {
        id: "G05",
        name: "interrupts of the GPU",
        why: "the driver's interrupts take long",
        read: "sys/bus/pci/devices/BDF/msi_irqs, proc/irq/N/effective_affinity_list",
        good: "no hot CPU",
        now: "as I05",
        keep: "as I05",
        need: Need::Must,
        source: "kernel core-api/irq/irq-affinity.rst",
        run: interrupts,
        ..GPU
    },
    Check {
        id: "G07",
        name: "GPU on the node of the hot CPUs",
        why: "copies across nodes are slower",
        read: "sys/bus/pci/devices/BDF/numa_node",
        good: "the node of the hot CPUs",
        now: "none",
        keep: "another slot",
        need: Need::Tell,
        source: "kernel ABI sysfs-bus-pci",
        run: node,
        ..GPU
    },
    Check {
        id: "G08",
        name: "driver",
        why: "without it the model runs on the processor",
        read: "proc/driver/nvidia/version",
        good: "loaded",
        now: "modprobe nvidia",
        keep: "modules-load.d",
        source: "NVIDIA driver README",
        run: driver,
        ..GPU
    },
];

const GPU: Check = Check::base(Group::Gpu);

/// The folders of NVIDIA's display devices; without one a check of them does not apply.
pub(super) fn gpus(look: &Look<'_>) -> Result<Vec<String>, Stop> {
    let dir = "sys/bus/pci/devices";
    let mut found = Vec::new();
    for name in listed(look, dir)? {
        let device = format!("{dir}/{name}");
        let is_nvidia = look.host.text(&format!("{device}/vendor"))? == "0x10de";
        if is_nvidia && look.host.text(&format!("{device}/class"))?.starts_with("0x03") {
            found.push(device);
        }
    }
    if found.is_empty() {
        return skip("no NVIDIA GPU");
    }
    Ok(found)
}

fn persistence(look: &Look<'_>) -> Found {
    gpus(look)?;
    // The kernel keeps 15 characters of a name.
    let is_there = !look.named("nvidia-persiste")?.is_empty();
    if !is_there {
        return super::nvidia::without_daemon(look);
    }
    Ok(Outcome::new(Status::Pass, "running", ""))
}

/// Bytes of the largest window.
fn window(text: &str) -> Option<u64> {
    let hex = |word: &str| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok();
    let sizes = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (first, last) = (hex(words.next()?)?, hex(words.next()?)?);
        last.checked_sub(first)?.checked_add(1)
    });
    sizes.max()
}

fn bar(look: &Look<'_>) -> Found {
    let mut least = u64::MAX;
    for device in gpus(look)? {
        let path = format!("{device}/resource");
        let text = look.host.text(&path)?;
        let size = window(&text);
        let size = size.ok_or(crate::host::Missing::Strange(path, text))?;
        least = least.min(size);
    }
    let live = format!("{} MiB", least >> 20);
    Ok(Outcome::good(least > 256 << 20, live, "copies go through a small window"))
}

fn clocks(look: &Look<'_>) -> Found {
    gpus(look)?;
    let dir = "etc/systemd/system";
    let (mut application, mut locked) = (Vec::new(), false);
    for name in look.host.names(dir)?.iter().filter(|name| has_end(name, "service")) {
        let text = look.host.optional(&format!("{dir}/{name}"))?.unwrap_or_default();
        for line in text.lines().filter(|l| l.starts_with("Exec") && l.contains("nvidia-smi")) {
            let has = |short: &str, long: &str| {
                line.split_whitespace()
                    .any(|word| word.starts_with(short) || word.split('=').next() == Some(long))
            };
            if has("-ac", "--applications-clocks") {
                application.push(name.clone());
            }
            locked |= has("-lgc", "--lock-gpu-clocks");
        }
    }
    let live = if application.is_empty() { "no -ac".into() } else { some(application.clone()) };
    match (application.is_empty(), locked) {
        (true, _) => Ok(Outcome::new(Status::Pass, live, "")),
        (false, true) => {
            let note = "-ac is ignored where -lgc locks the clocks: remove -ac";
            Ok(Outcome::new(Status::Conflict, live, note))
        }
        (false, false) => {
            let note = "application clocks are a wish; lock them with -lgc and -lmc";
            Ok(Outcome::new(Status::Fail, live, note))
        }
    }
}

fn interrupts(look: &Look<'_>) -> Found {
    let (mut bad, hot) = (Vec::new(), look.hot()?);
    for device in gpus(look)? {
        for name in listed(look, &format!("{device}/msi_irqs"))? {
            let cpus = look.cpus(&format!("proc/irq/{name}/effective_affinity_list"))?.and(hot);
            if !cpus.is_empty() {
                bad.push(format!("irq {name} on {cpus}"));
            }
        }
    }
    let live = if bad.is_empty() { "none".to_owned() } else { some(bad.clone()) };
    Ok(Outcome::good(bad.is_empty(), live, "the GPU interrupts hot CPUs"))
}

fn node(look: &Look<'_>) -> Found {
    let hot = look.hot()?;
    let mut far = Vec::new();
    for device in gpus(look)? {
        let node = look.host.number(&format!("{device}/numa_node"))?;
        let list = format!("sys/devices/system/node/node{node}/cpulist");
        if node >= 0 && !look.cpus(&list)?.covers(hot) {
            far.push(format!("node {node}"));
        }
    }
    let live = if far.is_empty() { "near".to_owned() } else { some(far.clone()) };
    Ok(Outcome::good(far.is_empty(), live, "a GPU is on another node"))
}

fn driver(look: &Look<'_>) -> Found {
    gpus(look)?;
    let text = look.host.optional("proc/driver/nvidia/version")?;
    let live = text.as_deref().and_then(|text| text.lines().next()).unwrap_or("not loaded");
    Ok(Outcome::good(text.is_some(), live, "the model runs on the processor"))
}
