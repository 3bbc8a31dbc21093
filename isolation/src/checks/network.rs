//! Network and PCI Express: sysctls of old guides that do harm, the exchange link, the bypass.

use super::{Found, booted, listed, number, some, sysctl, value};
use crate::check::{Check, Group, Look, Need, Outcome, Status, Stop, skip};
use crate::host::Missing;
use std::collections::BTreeSet;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "N01",
        name: "TCP timestamps",
        why: "0 saves 12 bytes and loses protection against wrapped sequences and good \
            round-trip samples",
        read: "proc/sys/net/ipv4/tcp_timestamps",
        good: "1",
        now: "sysctl -w net.ipv4.tcp_timestamps=1",
        keep: "sysctl.d line",
        source: "RFC 7323",
        run: timestamps,
        ..NETWORK
    },
    Check {
        id: "N02",
        name: "TCP window scaling",
        why: "0 caps every window at 65,535 bytes, makes large buffers pointless, and Onload \
            inherits it",
        read: "proc/sys/net/ipv4/tcp_window_scaling",
        good: "1",
        now: "sysctl -w net.ipv4.tcp_window_scaling=1",
        keep: "sysctl.d line",
        need: Need::Must,
        source: "RFC 7323",
        run: window_scaling,
        ..NETWORK
    },
    Check {
        id: "N03",
        name: "socket buffer ceilings",
        why: "a burst of datagrams that does not fit is lost",
        read: "proc/sys/net/core/{rmem_max,wmem_max}",
        good: "4 MiB or more",
        now: "sysctl -w net.core.rmem_max=134217728 net.core.wmem_max=134217728",
        keep: "sysctl.d lines",
        source: "socket(7)",
        run: buffers,
        ..NETWORK
    },
    Check {
        id: "N04",
        name: "busy polling by default",
        why: "it makes every poll of every process spin, and does nothing for Onload sockets",
        read: "proc/sys/net/core/{busy_read,busy_poll}",
        good: "0; SO_BUSY_POLL on the sockets that want it",
        now: "sysctl -w net.core.busy_read=0 net.core.busy_poll=0",
        keep: "remove the lines",
        source: "kernel networking/napi.rst",
        run: busy_poll,
        ..NETWORK
    },
    Check {
        id: "N05",
        name: "backlog of the loopback",
        why: "of use only where the second column of proc/net/softnet_stat grows",
        read: "proc/net/softnet_stat",
        good: "no drop",
        now: "sysctl -w net.core.netdev_max_backlog=5000",
        keep: "sysctl.d line",
        need: Need::Tell,
        source: "kernel networking/scaling.rst",
        moves: true,
        run: backlog,
        ..NETWORK
    },
    Check {
        id: "N06",
        name: "MTU of the exchange link",
        why: "no gain for messages below 1,500 bytes; most XDP drivers refuse jumbo frames, \
            which ends Onload over AF_XDP",
        read: "sys/class/net/IF/mtu, sys/module/{onload,sfc_resource/afxdp}",
        good: "1500",
        now: "ip link set IF mtu 1500",
        keep: "MTUBytes=1500 in systemd.link",
        need: Need::Must,
        source: "kernel networking/af_xdp.rst",
        run: mtu,
        ..NETWORK
    },
    Check {
        id: "N08",
        name: "packet steering in software",
        why: "RPS wakes another CPU by an interrupt for each packet",
        read: "sys/class/net/IF/queues/rx-*/rps_cpus",
        good: "0",
        now: "write 0 to the files",
        keep: "udev rule",
        source: "kernel networking/scaling.rst",
        run: rps,
        ..NETWORK
    },
    Check {
        id: "N09",
        name: "link",
        why: "a link that is down or slow carries no orders",
        read: "sys/class/net/IF/{operstate,speed}",
        good: "up, 10000 or more",
        now: "ip link set IF up",
        keep: "the switch port and cable",
        source: "kernel ABI sysfs-class-net",
        run: link,
        ..NETWORK
    },
    Check {
        id: "N10",
        name: "slow start after idle",
        why: "after a quiet second the window starts small again",
        read: "proc/sys/net/ipv4/tcp_slow_start_after_idle",
        good: "0",
        now: "sysctl -w net.ipv4.tcp_slow_start_after_idle=0",
        keep: "sysctl.d line",
        source: "kernel networking/ip-sysctl.rst",
        run: slow_start,
        ..NETWORK
    },
    Check {
        id: "N11",
        name: "Onload is loaded",
        why: "without the module every socket is the kernel's",
        read: "sys/module/onload/version",
        good: "there, where the topology asks for Onload",
        now: "modprobe onload",
        keep: "modules-load.d",
        need: Need::Must,
        source: "Onload user guide",
        run: onload,
        ..NETWORK
    },
    Check {
        id: "N12",
        name: "the engine is accelerated",
        why: "Onload falls back to the kernel without a word",
        read: "proc/PID/{maps,fd/*,net/tcp,net/tcp6,net/udp,net/udp6}",
        good: "libonload is mapped, and every socket but the loopback's is its own",
        now: "restart under onload with EF_NO_FAIL=0",
        keep: "LD_PRELOAD and EF_NO_FAIL=0 in the unit",
        need: Need::Must,
        source: "Onload user guide",
        moves: true,
        run: accelerated,
        ..NETWORK
    },
    Check {
        id: "N13",
        name: "power states of PCI Express",
        why: "leaving L1 takes microseconds; pcie_aspm=off touches nothing and leaves what the \
            firmware set",
        read: "sys/module/pcie_aspm/parameters/policy, proc/cmdline",
        good: "performance, and no pcie_aspm=off",
        now: "write performance to the file",
        keep: "boot line pcie_aspm.policy=performance",
        source: "kernel admin-guide/kernel-parameters.txt",
        run: aspm,
        ..NETWORK
    },
    Check {
        id: "N14",
        name: "slot of the card",
        why: "a half-speed slot delays each packet",
        read: "sys/class/net/IF/device/{current,max}_link_{speed,width}",
        good: "equal",
        now: "none",
        keep: "reseat the card, or another slot",
        source: "kernel ABI sysfs-bus-pci",
        run: slot,
        ..NETWORK
    },
    Check {
        id: "N15",
        name: "the card stays awake",
        why: "it takes milliseconds to come back from D3",
        read: "sys/class/net/IF/device/power/control",
        good: "on",
        now: "write on to the file",
        keep: "udev rule",
        source: "kernel ABI sysfs-devices-power",
        run: awake,
        ..NETWORK
    },
    Check {
        id: "N17",
        name: "interrupts of the card",
        why: "a managed queue stays on its CPU whatever is written",
        read: "sys/class/net/IF/device/msi_irqs, proc/irq/N/effective_affinity_list",
        good: "no hot CPU",
        now: "as I05",
        keep: "as I05",
        need: Need::Must,
        source: "kernel core-api/irq/irq-affinity.rst",
        run: card_interrupts,
        ..NETWORK
    },
    Check {
        id: "N18",
        name: "connection tracking",
        why: "its hooks look at every packet of the kernel's stack",
        read: "proc/modules, proc/sys/net/netfilter/nf_conntrack_max",
        good: "no nf_conntrack",
        now: "remove the rules that need it, then modprobe -r nf_conntrack",
        keep: "no such rules; a static rule set",
        source: "kernel networking/nf_conntrack-sysctl.rst",
        run: conntrack,
        ..NETWORK
    },
];

const NETWORK: Check = Check::base(Group::Network);

fn timestamps(look: &Look<'_>) -> Found {
    let note = "saves 12 B; loses PAWS and round-trip samples; keep 1 on any routed path";
    sysctl(look, "net.ipv4.tcp_timestamps", |n| n == 1, note)
}

fn window_scaling(look: &Look<'_>) -> Found {
    let note = "caps every TCP window at 65,535 B, makes rmem_max pointless for TCP, inherited \
        by Onload. Set 1";
    let found = sysctl(look, "net.ipv4.tcp_window_scaling", |n| n == 1, note)?;
    let buffers = number(look, "proc/sys/net/core/rmem_max")?;
    if found.status == Status::Fail && buffers > 65_535 {
        return Ok(Outcome { status: Status::Conflict, ..found });
    }
    Ok(found)
}

fn buffers(look: &Look<'_>) -> Found {
    let enough = |n| n >= 4 << 20;
    let note = "a ceiling below what the code asks";
    let read = sysctl(look, "net.core.rmem_max", enough, note)?;
    if read.status != Status::Pass {
        return Ok(read);
    }
    sysctl(look, "net.core.wmem_max", enough, note)
}

fn busy_poll(look: &Look<'_>) -> Found {
    let note = "global; taxes housekeeping; does nothing for Onload; set it on the socket";
    let read = sysctl(look, "net.core.busy_read", |n| n == 0, note)?;
    if read.status != Status::Pass {
        return Ok(read);
    }
    sysctl(look, "net.core.busy_poll", |n| n == 0, note)
}

fn backlog(look: &Look<'_>) -> Found {
    let path = "proc/net/softnet_stat";
    let text = value(look, path)?;
    let mut drops = 0_u64;
    for line in text.lines() {
        let column = line.split_whitespace().nth(1);
        let count = column.and_then(|word| u64::from_str_radix(word, 16).ok());
        drops += count.ok_or_else(|| Missing::Strange(path.into(), line.into()))?;
    }
    Ok(Outcome::good(drops == 0, format!("{drops} dropped"), "since boot; watch whether it grows"))
}

fn mtu(look: &Look<'_>) -> Found {
    let nic = look.nic()?;
    let live = look.host.number(&format!("sys/class/net/{nic}/mtu"))?;
    let note = "no benefit below 1,500 B messages; exchange path is 1,500";
    let is_bypass = ["sys/module/onload", "sys/module/sfc_resource/afxdp"];
    let is_bypass = is_bypass.iter().any(|path| look.host.is_there(path));
    if live > 1_500 && (look.plan.onload || is_bypass) {
        let note = "jumbo frames keep XDP, and so Onload over AF_XDP, from the card: set 1500";
        return Ok(Outcome::new(Status::Conflict, live.to_string(), note));
    }
    let note = if live < 1_500 { "packets of the exchange path, 1,500, do not fit" } else { note };
    Ok(Outcome::good(live == 1_500, live.to_string(), note))
}

fn rps(look: &Look<'_>) -> Found {
    let dir = format!("sys/class/net/{}/queues", look.nic()?);
    let mut bad = Vec::new();
    for name in look.host.names(&dir)?.iter().filter(|name| name.starts_with("rx-")) {
        let mask = look.mask(&format!("{dir}/{name}/rps_cpus"))?;
        if !mask.is_empty() {
            bad.push(format!("{name}={mask}"));
        }
    }
    let live = if bad.is_empty() { "0".to_owned() } else { some(bad.clone()) };
    Ok(Outcome::good(bad.is_empty(), live, "packets wake another CPU"))
}

fn link(look: &Look<'_>) -> Found {
    let dir = format!("sys/class/net/{}", look.nic()?);
    let state = look.host.text(&format!("{dir}/operstate"))?;
    if state != "up" {
        return Ok(Outcome::new(Status::Fail, state, "the link is not up"));
    }
    let speed = look.host.number(&format!("{dir}/speed"))?;
    Ok(Outcome::good(speed >= 10_000, format!("up, {speed} Mbit/s"), "a slow link"))
}

fn slow_start(look: &Look<'_>) -> Found {
    sysctl(look, "net.ipv4.tcp_slow_start_after_idle", |n| n == 0, "the window shrinks when idle")
}

fn onload(look: &Look<'_>) -> Found {
    if !look.plan.onload {
        return skip("the topology asks for no Onload");
    }
    look.host.names("sys/module")?;
    let version = look.host.optional("sys/module/onload/version")?;
    let live = version.clone().unwrap_or_else(|| "not loaded".into());
    Ok(Outcome::good(version.is_some(), live, "every socket is the kernel's").planned("loaded"))
}

fn accelerated(look: &Look<'_>) -> Found {
    if !look.plan.onload {
        return skip("the topology asks for no Onload");
    }
    let process = format!("proc/{}", look.engine()?);
    let maps = look.host.text(&format!("{process}/maps"))?;
    let (mut by_card, mut sockets) = (0_usize, BTreeSet::new());
    for fd in look.host.names(&format!("{process}/fd"))? {
        let to = match look.host.link(&format!("{process}/fd/{fd}")) {
            // It was closed since the list was made.
            Err(missing) if missing.is_absent() => continue,
            other => other?,
        };
        by_card += usize::from(to.starts_with("onload:[tcp") || to.starts_with("onload:[udp"));
        sockets.extend(
            to.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')).map(str::to_owned),
        );
    }
    let mut by_kernel = 0_usize;
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let path = format!("{process}/net/{table}");
        // A kernel without IPv6 has not all of them.
        let text = look.host.optional(&path)?.unwrap_or_default();
        let outward = text.lines().filter(|line| !line.contains("0100007F"));
        let inodes = outward.filter_map(|line| line.split_whitespace().last());
        by_kernel += inodes.filter(|inode| sockets.contains(*inode)).count();
    }
    let live = format!("{by_card} sockets by the card, {by_kernel} by the kernel");
    let note = match () {
        () if !maps.contains("libonload") => {
            "libonload is not mapped: static binary, file capabilities or a lost LD_PRELOAD"
        }
        () if by_kernel > 0 => {
            "Onload let sockets fall to the kernel: EF_NO_FAIL=0 makes it say so"
        }
        () if by_card == 0 => return Err(Stop::Unknown("the engine has no socket yet".into())),
        () => "",
    };
    Ok(Outcome::good(note.is_empty(), live, note))
}

fn aspm(look: &Look<'_>) -> Found {
    let policy = value(look, "sys/module/pcie_aspm/parameters/policy")?;
    let policy = super::chosen(&policy).to_owned();
    if look.line()?.value("pcie_aspm") == Some("off") {
        let note = "pcie_aspm=off does not disable: it leaves what the firmware set, and no \
            policy applies; write pcie_aspm.policy=performance instead";
        return Ok(Outcome::new(Status::Conflict, format!("pcie_aspm=off, {policy}"), note));
    }
    let outcome = Outcome::good(policy == "performance", policy, "links may sleep");
    Ok(booted(look, "pcie_aspm.policy", outcome))
}

fn slot(look: &Look<'_>) -> Found {
    let dir = format!("sys/class/net/{}/device", look.nic()?);
    let read = |name: &str| value(look, &format!("{dir}/{name}"));
    let live = (read("current_link_speed")?, read("current_link_width")?);
    let most = (read("max_link_speed")?, read("max_link_width")?);
    let shown = format!("{} x{}", live.0, live.1);
    let note = format!("the card can {} x{}", most.0, most.1);
    Ok(Outcome::good(live == most, shown, note))
}

fn awake(look: &Look<'_>) -> Found {
    let path = format!("sys/class/net/{}/device/power/control", look.nic()?);
    super::judge(look, &path, |text| text == "on", "the card may sleep")
}

fn card_interrupts(look: &Look<'_>) -> Found {
    let (nic, hot) = (look.nic()?, look.hot()?);
    let mut bad = Vec::new();
    let names = listed(look, &format!("sys/class/net/{nic}/device/msi_irqs"))?;
    for name in &names {
        let cpus = look.cpus(&format!("proc/irq/{name}/effective_affinity_list"))?.and(hot);
        if !cpus.is_empty() {
            bad.push(format!("irq {name} on {cpus}"));
        }
    }
    let live = if bad.is_empty() { format!("none of {}", names.len()) } else { some(bad.clone()) };
    Ok(Outcome::good(bad.is_empty(), live, "queues of the card interrupt hot CPUs"))
}

fn conntrack(look: &Look<'_>) -> Found {
    // It can be built in, and a kernel without modules has no list of them.
    let is_built_in = look.host.is_there("proc/sys/net/netfilter/nf_conntrack_max");
    let is_there = match look.host.optional("proc/modules")? {
        Some(modules) => {
            let mut names = modules.lines().filter_map(|line| line.split_whitespace().next());
            is_built_in || names.any(|name| name == "nf_conntrack")
        }
        None if is_built_in || look.host.is_there("proc/sys/net/core") => is_built_in,
        None => return Err(Missing::Absent("proc/modules".into()).into()),
    };
    let live = if is_there { "loaded" } else { "not loaded" };
    Ok(Outcome::good(!is_there, live, "every packet of the kernel's stack is tracked"))
}
