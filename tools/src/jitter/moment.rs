//! The kernel's counters of some CPUs at one moment, and what moved until another.
//!
//! Must never: take a counter that could not be read for one that did not move.

use super::cause::{Source, deltas};
use super::counters::Text;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

/// Model-specific register that counts system management interrupts (Intel).
const SMI_COUNT: u64 = 0x34;

/// The host's counters at one moment.
pub(super) struct Moment {
    texts: Vec<(Text, String)>,
    /// System management interrupts of each CPU.
    smi: Vec<Option<u32>>,
    /// Times each CPU was throttled for heat.
    throttled: Vec<Option<u64>>,
}

impl Moment {
    pub(super) fn read(cpus: &[usize]) -> Self {
        let texts = [Text::Interrupts, Text::Softirqs, Text::Stat];
        let read = |text: Text| (text, fs::read_to_string(text.path("self")).unwrap_or_default());
        let throttled = |cpu: &usize| {
            let file =
                format!("/sys/devices/system/cpu/cpu{cpu}/thermal_throttle/core_throttle_count");
            fs::read_to_string(file).ok()?.trim().parse().ok()
        };
        Self {
            texts: texts.map(read).to_vec(),
            smi: cpus.iter().map(|cpu| smi(*cpu)).collect(),
            throttled: cpus.iter().map(throttled).collect(),
        }
    }

    /// What moved on the CPU at this place until another moment, and notes on the rest.
    pub(super) fn until(
        &self,
        after: &Self,
        place: usize,
        cpu: usize,
    ) -> (Vec<(Source, u64)>, Vec<String>) {
        let texts = self.texts.iter().zip(&after.texts);
        let moved = texts.flat_map(|((text, old), (_, new))| deltas(*text, old, new, cpu));
        let mut notes = Vec::new();
        let at = |moment: &Self| moment.smi.get(place).copied().flatten();
        notes.push(match (at(self), at(after)) {
            (Some(old), Some(new)) => {
                format!("SMI +{} (firmware: BIOS settings)", new.wrapping_sub(old))
            }
            _ => "SMI: not readable here (no Intel, no module msr, or no right)".into(),
        });
        let at = |moment: &Self| moment.throttled.get(place).copied().flatten();
        if let (Some(old), Some(new)) = (at(self), at(after)) {
            notes.push(format!("throttled for heat +{} (W09)", new.saturating_sub(old)));
        }
        (moved.collect(), notes)
    }
}

fn smi(cpu: usize) -> Option<u32> {
    let vendor = fs::read_to_string("/proc/cpuinfo").ok()?;
    if !vendor.contains("GenuineIntel") {
        return None;
    }
    let mut bytes = [0; 8];
    let file = File::open(format!("/dev/cpu/{cpu}/msr")).ok()?;
    file.read_exact_at(&mut bytes, SMI_COUNT).ok()?;
    let [low @ .., _, _, _, _] = bytes;
    Some(u32::from_le_bytes(low))
}
