//! Power: frequency, idle states, and what slows a core down.

use super::{Found, each_hot, value};
use crate::check::{Check, Group, Look, Need, Outcome, Status, skip};
use crate::host::Missing;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "W01",
        name: "governor and energy preference",
        why: "a core that ramps up is slow first; hardware P-states look at the preference, not \
            the governor",
        read: "sys/devices/system/cpu/cpuN/cpufreq/scaling_governor, energy_performance_preference",
        good: "performance, both",
        now: "write performance to both",
        keep: "tmpfiles.d lines of type w",
        source: "kernel admin-guide/pm/intel_pstate.rst",
        run: governor,
        ..POWER
    },
    Check {
        id: "W02",
        name: "lowest frequency",
        why: "each step of the frequency stops the core",
        read: "sys/devices/system/cpu/cpuN/cpufreq/{scaling_min_freq,scaling_max_freq}",
        good: "equal on hot CPUs",
        now: "write the highest to scaling_min_freq",
        keep: "tmpfiles.d lines of type w",
        source: "kernel admin-guide/pm/cpufreq.rst",
        run: frequency,
        ..POWER
    },
    Check {
        id: "W03",
        name: "no idle=poll",
        why: "it is global: housekeeping cores burn the turbo room of the hot ones",
        read: "proc/cmdline",
        good: "absent",
        now: "boot only",
        keep: "remove it; use W06 on the hot CPUs",
        source: "kernel admin-guide/kernel-parameters.txt",
        run: idle_poll,
        ..POWER
    },
    Check {
        id: "W04",
        name: "idle states of ACPI",
        why: "deep states take long to leave",
        read: "sys/module/processor/parameters/max_cstate",
        good: "1",
        now: "boot only",
        keep: "boot line processor.max_cstate=1, where acpi_idle is the driver",
        need: Need::Tell,
        source: "kernel admin-guide/kernel-parameters.txt",
        run: acpi_states,
        ..POWER
    },
    Check {
        id: "W05",
        name: "idle driver of Intel",
        why: "intel_idle.max_cstate=0 hands over to acpi_idle, which knows fewer states",
        read: "proc/cmdline",
        good: "not 0, or 0 with processor.max_cstate",
        now: "boot only",
        keep: "boot line intel_idle.max_cstate=1",
        source: "kernel admin-guide/pm/intel_idle.rst",
        run: intel_states,
        ..POWER
    },
    Check {
        id: "W06",
        name: "wake-up latency of hot CPUs",
        why: "a hot CPU in a deep state wakes tens of microseconds late",
        read: "sys/devices/system/cpu/cpuN/power/pm_qos_resume_latency_us",
        good: "n/a, which means zero; 0 means no limit",
        now: "write n/a to the file of each hot CPU",
        keep: "tmpfiles.d lines of type w",
        source: "kernel ABI sysfs-devices-power",
        run: resume_latency,
        ..POWER
    },
    Check {
        id: "W07",
        name: "wake-up latency of every CPU",
        why: "a process that holds a limit keeps every CPU out of deep states; it goes when the \
            process does",
        read: "dev/cpu_dma_latency, sys/devices/system/cpu/cpuN/power/pm_qos_resume_latency_us",
        good: "2 microseconds or less, or the limits of W06",
        now: "hold dev/cpu_dma_latency open with a 4-byte zero in it",
        keep: "a daemon that holds it; better W06",
        source: "kernel power/pm_qos_interface.rst",
        run: latency_of_all,
        ..POWER
    },
    Check {
        id: "W08",
        name: "uncore frequency",
        why: "memory latency follows it",
        read: "sys/devices/system/cpu/intel_uncore_frequency/*/{min_freq_khz,max_freq_khz}",
        good: "equal",
        now: "write the highest to min_freq_khz",
        keep: "tmpfiles.d lines of type w; AMD: the firmware",
        need: Need::Tell,
        source: "kernel admin-guide/pm/intel_uncore_frequency_scaling.rst",
        run: uncore,
        ..POWER
    },
    Check {
        id: "W09",
        name: "thermal throttling",
        why: "a hot core is slowed down in steps",
        read: "sys/devices/system/cpu/cpuN/thermal_throttle/core_throttle_count",
        good: "0 since boot",
        now: "none",
        keep: "cooling",
        source: "kernel arch/x86 thermal_throttle",
        moves: true,
        run: throttle,
        ..POWER
    },
];

/// What the kernel shows where nobody holds a limit.
const NO_LIMIT_US: i32 = 2_000_000_000;
const POWER: Check = Check::base(Group::Power);

fn governor(look: &Look<'_>) -> Found {
    let is_top = |text: &str| text == "performance";
    let found = each_hot(look, "cpufreq/scaling_governor", is_top, "cores ramp up")?;
    if found.status != Status::Pass {
        return Ok(found);
    }
    match each_hot(look, "cpufreq/energy_performance_preference", is_top, "hardware saves power") {
        // Drivers without hardware P-states have no preference.
        Err(crate::check::Stop::Skip(_)) => Ok(found),
        other => other,
    }
}

fn frequency(look: &Look<'_>) -> Found {
    let mut bad = Vec::new();
    for cpu in look.hot()?.iter() {
        let read = |end| {
            value(look, &format!("sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_{end}_freq"))
        };
        let (low, high) = (read("min")?, read("max")?);
        if low != high {
            bad.push(format!("cpu{cpu}={low}..{high} kHz"));
        }
    }
    let live = if bad.is_empty() { "fixed".to_owned() } else { bad.join(" ") };
    Ok(Outcome::good(bad.is_empty(), live, "the frequency steps"))
}

fn idle_poll(look: &Look<'_>) -> Found {
    let line = look.line()?;
    if line.value("idle") != Some("poll") {
        return Ok(Outcome::new(Status::Pass, "absent", ""));
    }
    if line.has("processor.max_cstate") || line.has("intel_idle.max_cstate") {
        let note = "poll wins, max_cstate is dead: redundant, costs turbo; remove both and set \
            W06";
        return Ok(Outcome::new(Status::Conflict, "idle=poll with max_cstate", note));
    }
    let note = "it is global and costs turbo; remove it and set W06 on the hot CPUs";
    Ok(Outcome::new(Status::Fail, "idle=poll", note))
}

fn acpi_states(look: &Look<'_>) -> Found {
    let driver = look.host.text("sys/devices/system/cpu/cpuidle/current_driver")?;
    if driver != "acpi_idle" {
        return skip(format!("the idle driver is {driver}"));
    }
    let path = "sys/module/processor/parameters/max_cstate";
    super::judge(look, path, |text| text == "1", "deep states are allowed; W06 is the finer way")
}

fn intel_states(look: &Look<'_>) -> Found {
    let boot = look.line()?;
    let (intel, acpi) = (boot.value("intel_idle.max_cstate"), boot.value("processor.max_cstate"));
    let live = format!("intel {}, acpi {}", intel.unwrap_or("unset"), acpi.unwrap_or("unset"));
    let note = "0 turns the better driver off and leaves the other unlimited: write 1";
    Ok(Outcome::good(intel != Some("0") || acpi.is_some(), live, note))
}

fn resume_latency(look: &Look<'_>) -> Found {
    let note = "write n/a: it means zero latency, while 0 means no limit";
    each_hot(look, "power/pm_qos_resume_latency_us", |text| text == "n/a", note)
}

fn latency_of_all(look: &Look<'_>) -> Found {
    let path = "dev/cpu_dma_latency";
    let hot = look.hot()?;
    let resume = |cpu| format!("sys/devices/system/cpu/cpu{cpu}/power/pm_qos_resume_latency_us");
    let mut is_each = true;
    for cpu in hot.iter() {
        is_each &= look.host.optional(&resume(cpu))?.as_deref() == Some("n/a");
    }
    if is_each {
        return Ok(Outcome::new(Status::Pass, "hot CPUs have a limit of their own", ""));
    }
    let bytes = look.host.bytes(path)?;
    let Ok(word) = <[u8; 4]>::try_from(bytes.as_slice()) else {
        return Err(Missing::Strange(path.into(), format!("{} bytes", bytes.len())).into());
    };
    let limit_us = i32::from_le_bytes(word);
    let note = "nothing keeps CPUs out of deep states";
    let live = if limit_us == NO_LIMIT_US { "no limit".into() } else { format!("{limit_us} us") };
    Ok(Outcome::good((0..=2).contains(&limit_us), live, note))
}

fn uncore(look: &Look<'_>) -> Found {
    let dir = "sys/devices/system/cpu/intel_uncore_frequency";
    let names = match look.host.names(dir) {
        Err(Missing::Absent(_)) if look.host.is_there("sys/devices/system/cpu") => {
            return skip("no driver of the uncore frequency");
        }
        other => other?,
    };
    let mut bad = Vec::new();
    for name in names {
        let read = |end| look.host.number(&format!("{dir}/{name}/{end}_freq_khz"));
        let (low, high) = (read("min")?, read("max")?);
        if low != high {
            bad.push(format!("{name}={low}..{high} kHz"));
        }
    }
    let live = if bad.is_empty() { "fixed".to_owned() } else { bad.join(" ") };
    Ok(Outcome::good(bad.is_empty(), live, "memory latency steps"))
}

fn throttle(look: &Look<'_>) -> Found {
    each_hot(look, "thermal_throttle/core_throttle_count", |text| text == "0", "it was throttled")
}
