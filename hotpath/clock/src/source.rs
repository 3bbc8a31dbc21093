//! What the clock reads, named honestly.
//!
//! Owns: the decision between the names. Must never: trust a library's word: `quanta` falls back
//! to the kernel's clock without telling, so its readings are compared with the counter's own.
//! Runs once, at calibration.

use crate::tsc;

/// Where the kernel lists the clock sources it still trusts.
const AVAILABLE: &str = "/sys/devices/system/clocksource/clocksource0/available_clocksource";

/// What [`Clock::cycles`](crate::Clock::cycles) reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The invariant time-stamp counter, which the kernel trusts too.
    Tsc,
    /// The time-stamp counter: invariant by CPUID, but struck from the kernel's list of clock
    /// sources (its watchdog saw it run differently on different processors, for example).
    TscUntrusted,
    /// The generic counter of an ARM processor (`CNTVCT_EL0`).
    SystemCounter,
    /// No usable counter: `CLOCK_MONOTONIC` through the kernel, in nanoseconds.
    ClockMonotonic,
}

impl Source {
    /// The name shown in summaries and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tsc => "tsc",
            Self::TscUntrusted => "tsc_untrusted",
            Self::SystemCounter => "system_counter",
            Self::ClockMonotonic => "clock_monotonic",
        }
    }

    /// Finds out what `quanta` reads on this host.
    pub(crate) fn detect(quanta: &quanta::Clock) -> Self {
        let available = std::fs::read_to_string(AVAILABLE).ok();
        Self::decide(&Evidence {
            reads_counter: reads_counter(quanta),
            invariant: tsc::has_invariant_tsc(),
            x86: cfg!(target_arch = "x86_64"),
            kernel_lists: available.as_deref(),
        })
    }

    /// Names the source from the evidence.
    fn decide(evidence: &Evidence<'_>) -> Self {
        if !evidence.reads_counter {
            return Self::ClockMonotonic;
        }
        if !evidence.x86 {
            return Self::SystemCounter;
        }
        // Where sysfs is hidden (some containers), the kernel's opinion is unknown: CPUID decides.
        let kernel_trusts = evidence
            .kernel_lists
            .is_none_or(|names| names.split_ascii_whitespace().any(|name| name == "tsc"));
        if evidence.invariant && kernel_trusts { Self::Tsc } else { Self::TscUntrusted }
    }
}

/// What is known about the host's counter.
struct Evidence<'a> {
    /// quanta's raw reading is the processor's counter, not the kernel's clock.
    reads_counter: bool,
    /// CPUID's invariant flag.
    invariant: bool,
    /// The processor is an x86-64.
    x86: bool,
    /// The kernel's list of usable clock sources; `None` where it cannot be read.
    kernel_lists: Option<&'a str>,
}

/// Whether quanta reads the processor's counter: its reading must lie between two of ours.
#[cfg(target_arch = "x86_64")]
fn reads_counter(quanta: &quanta::Clock) -> bool {
    let before = tsc::tsc();
    let reading = quanta.raw();
    (before..=tsc::tsc()).contains(&reading)
}

/// Whether quanta reads the processor's counter: it must not be the kernel's clock.
#[cfg(not(target_arch = "x86_64"))]
fn reads_counter(quanta: &quanta::Clock) -> bool {
    let before = tsc::monotonic_ns();
    let reading = quanta.raw();
    !(before..=tsc::monotonic_ns()).contains(&reading)
}

#[cfg(test)]
mod tests {
    use super::{Evidence, Source};

    #[test]
    fn only_a_trusted_invariant_counter_is_called_tsc() {
        let good = |lists| Evidence {
            reads_counter: true,
            invariant: true,
            x86: true,
            kernel_lists: lists,
        };
        assert_eq!(Source::decide(&good(Some("tsc hpet acpi_pm\n"))), Source::Tsc);
        assert_eq!(Source::decide(&good(Some("kvm-clock tsc\n"))), Source::Tsc);
        assert_eq!(Source::decide(&good(None)), Source::Tsc);
        assert_eq!(Source::decide(&good(Some("hpet acpi_pm\n"))), Source::TscUntrusted);
        assert_eq!(
            Source::decide(&good(Some("hyperv_clocksource_tsc_page\n"))),
            Source::TscUntrusted
        );
        let varying = Evidence { invariant: false, ..good(Some("tsc\n")) };
        assert_eq!(Source::decide(&varying), Source::TscUntrusted);
        let fallen_back = Evidence { reads_counter: false, ..good(Some("tsc\n")) };
        assert_eq!(Source::decide(&fallen_back), Source::ClockMonotonic);
        let arm = Evidence { x86: false, invariant: false, ..good(Some("arch_sys_counter\n")) };
        assert_eq!(Source::decide(&arm), Source::SystemCounter);
    }
}
