//! The GPU as NVIDIA's library tells it: memory, clocks in force, errors of its memory.

use super::card::told;
use super::{Found, some};
use crate::check::{Check, Group, Look, Need, Outcome, Status, Stop, skip};
use crate::host::Missing;
use crate::nvml::COUNT;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "G04",
        name: "memory and owners of the GPU",
        why: "a model that does not fit falls back to the processor, and a display server takes \
            turns",
        read: "NVML: memory, processes",
        good: "a tenth of the memory free, no display server",
        now: "end what does not belong there",
        keep: "no display server on this GPU; nvidia-smi -c EXCLUSIVE_PROCESS",
        source: "NVML reference, device queries",
        moves: true,
        run: memory,
        ..NVIDIA
    },
    Check {
        id: "G06",
        name: "errors of the GPU's memory",
        why: "a failing card gives wrong scores before it gives none",
        read: "NVML: uncorrected ECC errors, retired pages",
        good: "none since boot, none pending",
        now: "restart the GPU when nothing uses it",
        keep: "replace the card where it comes again",
        need: Need::Must,
        source: "NVML reference, ECC",
        moves: true,
        run: errors,
        ..NVIDIA
    },
    Check {
        id: "G09",
        name: "clocks in force",
        why: "a GPU that idles low is slow at the first inference, and a cap or heat slows it at \
            the worst",
        read: "NVML: performance state, clocks, reasons",
        good: "state 0, slowed by nothing",
        now: "nvidia-smi -lgc MHZ; nvidia-smi -lmc MHZ",
        keep: "a unit that does so at boot",
        source: "NVML reference, clocks event reasons",
        moves: true,
        run: clocks,
        ..NVIDIA
    },
];

const NVIDIA: Check = Check::base(Group::Gpu);

/// What the library says of each GPU; without one a check does not apply.
pub(super) fn answers(look: &Look<'_>) -> Result<Vec<String>, Stop> {
    super::gpu::gpus(look)?;
    if !look.host.is_there("proc/driver/nvidia/version") {
        return skip("the driver is not loaded (G08)");
    }
    let count = look.host.number(COUNT)?;
    (0..count).map(|index| Ok(look.host.text(&format!("told/nvml/{index}"))?)).collect()
}

fn number(text: &str, key: &str) -> Result<u64, Stop> {
    let found = told(text, key).and_then(|value| value.parse().ok());
    found.ok_or_else(|| Missing::Strange("NVML's answer".into(), format!("no {key}")).into())
}

fn memory(look: &Look<'_>) -> Found {
    let (mut lines, mut bad) = (Vec::new(), Vec::new());
    for (index, text) in answers(look)?.iter().enumerate() {
        let (free, total) = (number(text, "memory-free-mib")?, number(text, "memory-total-mib")?);
        let line = format!("GPU {index}: {free} of {total} MiB free");
        let displays = told(text, "graphics-processes").filter(|count| *count != "0");
        if let Some(displays) = displays {
            bad.push(format!("{line}, {displays} display processes"));
        } else if free.saturating_mul(10) < total {
            bad.push(line.clone());
        }
        lines.push(line);
    }
    let live = some(if bad.is_empty() { lines } else { bad.clone() });
    Ok(Outcome::good(bad.is_empty(), live, "no room, or a display server takes turns"))
}

fn errors(look: &Look<'_>) -> Found {
    let (mut seen, mut bad) = (0_usize, Vec::new());
    for (index, text) in answers(look)?.iter().enumerate() {
        // A card without ECC has no count.
        let Some(errors) = told(text, "ecc-errors") else { continue };
        seen += 1;
        if errors != "0" || told(text, "pages-pending") == Some("yes") {
            let pending = told(text, "pages-pending").unwrap_or("unknown");
            bad.push(format!("GPU {index}: {errors} errors, pages pending {pending}"));
        }
    }
    if seen == 0 {
        return skip("no GPU counts errors of its memory");
    }
    let live = if bad.is_empty() { format!("none of {seen}") } else { some(bad.clone()) };
    Ok(Outcome::good(bad.is_empty(), live, "the memory of a GPU fails"))
}

fn clocks(look: &Look<'_>) -> Found {
    let (mut lines, mut bad) = (Vec::new(), Vec::new());
    for (index, text) in answers(look)?.iter().enumerate() {
        let (Some(state), Some(reason)) = (told(text, "state"), told(text, "slowed-by")) else {
            return Err(Missing::Strange("NVML's answer".into(), "no state".into()).into());
        };
        let clock = told(text, "clock-mhz").unwrap_or("?");
        let line = format!("GPU {index}: state {state}, {clock} MHz, slowed by {reason}");
        if state != "Zero" || !matches!(reason, "none" | "idle") {
            bad.push(line.clone());
        }
        lines.push(line);
    }
    let live = some(if bad.is_empty() { lines } else { bad.clone() });
    Ok(Outcome::good(bad.is_empty(), live, "an inference waits for the clocks"))
}

/// Whether the first GPU keeps its driver by the old mode, where the library says.
pub(super) fn is_persistent(look: &Look<'_>) -> Result<bool, Stop> {
    let text = look.host.optional("told/nvml/0").or_else(|missing| match missing {
        // Without the library nothing is said; the daemon itself can still be seen.
        Missing::Denied(..) => Ok(None),
        Missing::Absent(_) | Missing::Strange(..) => Err(missing),
    })?;
    Ok(text.as_deref().and_then(|text| told(text, "persistent")) == Some("yes"))
}

/// What the daemon's check says where the daemon does not run.
pub(super) fn without_daemon(look: &Look<'_>) -> Found {
    if is_persistent(look)? {
        let note = "nvidia-smi -pm is legacy and lost at boot: run nvidia-persistenced";
        return Ok(Outcome::new(Status::Warn, "by nvidia-smi -pm", note));
    }
    let note = "the first inference of a process waits for the driver";
    Ok(Outcome::new(Status::Fail, "not running", note))
}
