//! What no file of the host says: answers of the card's driver, the GPU's library, the clock and
//! the processor, and a first look at counters whose growth is what matters.
//!
//! They are put beneath `told/` before the checks run, as text, so that a snapshot has them and a
//! fixture can. Must never: set anything, or take longer than the asked wait and the drivers do.

use crate::check::Process;
use crate::host::Host;
use crate::nvml;
use crate::sys::{self, command};
use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

/// Register that counts system-management interrupts (Intel).
const SMI_COUNT: u64 = 0x34;
/// Flag of `ETHTOOL_GFLAGS` for merged packets.
const LRO: u32 = 1 << 15;

/// Whether the GPU's library is loaded to ask it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gpu {
    /// It is.
    Ask,
    /// It is not: the checks of the GPU are UNKNOWN. For a process that trades.
    Leave,
}

/// Asks all of it of the live host; a captured tree has its own. The first look at counters is
/// `wait` before the second, which is the checks'.
pub fn ask(host: &mut Host, wait: Duration, gpu: Gpu) {
    if !host.is_live() {
        return;
    }
    let cpus = cpus(host);
    let first_smi: Vec<_> = cpus.iter().map(|cpu| smi(*cpu)).collect();
    first_look(host);
    clock(host);
    for card in cards(host) {
        ethtool(host, &card);
    }
    if gpu == Gpu::Ask && host.is_there("proc/driver/nvidia/version") {
        nvml::ask(host);
    }
    if !wait.is_zero() {
        #[expect(clippy::disallowed_methods, reason = "the time is what the user asked to watch")]
        std::thread::sleep(wait);
    }
    for (cpu, first) in cpus.iter().zip(first_smi) {
        let path = format!("told/smi/cpu{cpu}");
        match first.and_then(|first| Ok((first, smi(*cpu)?))) {
            Ok((first, now)) => host.tell(&path, format!("{first} {now}")),
            Err(error) => host.deny(&path, &format!("dev/cpu/{cpu}/msr: {error}")),
        }
    }
}

fn cpus(host: &Host) -> Vec<u32> {
    let found = crate::plan::Plan::of(host);
    found.hot.or(&found.housekeeping).iter().collect()
}

/// The interfaces that are a card.
pub(crate) fn cards(host: &Host) -> Vec<String> {
    let names = host.names("sys/class/net").unwrap_or_default();
    names.into_iter().filter(|n| host.is_there(&format!("sys/class/net/{n}/device"))).collect()
}

fn smi(cpu: u32) -> std::io::Result<u64> {
    let mut bytes = [0; 8];
    File::open(format!("/dev/cpu/{cpu}/msr"))?.read_exact_at(&mut bytes, SMI_COUNT)?;
    // The register has 32 bits; the file gives them in a word of 64.
    Ok(u64::from_le_bytes(bytes))
}

/// Counters whose growth between this look and the checks' is what matters.
fn first_look(host: &mut Host) {
    let mut paths = vec!["proc/interrupts".to_owned()];
    for Process { pid, name } in crate::look::processes(host).unwrap_or_default() {
        if name == "corelane-engine" {
            let tasks = host.names(&format!("proc/{pid}/task")).unwrap_or_default();
            paths.extend(tasks.iter().map(|task| format!("proc/{pid}/task/{task}/status")));
        }
    }
    for path in paths {
        if let Ok(text) = host.text(&path) {
            host.tell(&format!("told/first/{path}"), text);
        }
    }
}

fn clock(host: &mut Host) {
    let path = "told/clock";
    match sys::clock() {
        Ok(clock) => {
            let word = if clock.is_synchronised { "yes" } else { "no" };
            host.tell(path, format!("synchronised {word}\nerror-us-max {}", clock.error_us_max));
        }
        Err(error) => host.deny(path, &error.to_string()),
    }
}

fn ethtool(host: &mut Host, card: &str) {
    let mut text = String::new();
    let on = |is_on| if is_on { "on" } else { "off" };
    // What the driver does not tell has no line.
    if let Ok(words) = sys::ethtool(card, command::COALESCE) {
        let _ = writeln!(text, "rx-usecs {}\nadaptive-rx {}", words[1], on(words[10] != 0));
    }
    if let Ok(words) = sys::ethtool(card, command::RINGS) {
        let _ = writeln!(text, "rx-ring {}\nrx-ring-max {}", words[5], words[1]);
    }
    if let Ok(words) = sys::ethtool(card, command::PAUSE) {
        let _ = writeln!(text, "rx-pause {}\ntx-pause {}", on(words[2] != 0), on(words[3] != 0));
    }
    if let Ok(words) = sys::ethtool(card, command::GRO) {
        let _ = writeln!(text, "gro {}", on(words[1] != 0));
    }
    if let Ok(words) = sys::ethtool(card, command::FLAGS) {
        let _ = writeln!(text, "lro {}", on(words[1] & LRO != 0));
    }
    if let Ok(words) = sys::ethtool(card, command::TIME)
        && words[2] != u32::MAX
    {
        let _ = writeln!(text, "clock ptp{}", words[2]);
    }
    host.tell(&format!("told/ethtool/{card}"), text);
}
