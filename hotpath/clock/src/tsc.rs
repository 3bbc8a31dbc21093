//! The system calls and instructions below the clock.
//!
//! Owns: `clock_gettime`, the raw time-stamp counter and its CPUID flag. Must never: decide what
//! to use. Any thread; no allocation. `clock_gettime` is a vDSO call on the usual hosts, a system
//! call on others.

#![expect(unsafe_code, reason = "libc and processor intrinsics")]

/// The kernel's monotonic clock, slewed by NTP, in nanoseconds since boot.
pub(crate) fn monotonic_ns() -> u64 {
    gettime_ns(libc::CLOCK_MONOTONIC)
}

/// The kernel's monotonic clock at the hardware's own rate, in nanoseconds since boot.
pub(crate) fn monotonic_raw_ns() -> u64 {
    gettime_ns(libc::CLOCK_MONOTONIC_RAW)
}

/// The wall clock in UNIX nanoseconds.
pub(crate) fn realtime_ns() -> u64 {
    gettime_ns(libc::CLOCK_REALTIME)
}

fn gettime_ns(id: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // JUSTIFICATION: the standard library reads neither CLOCK_MONOTONIC_RAW nor bare nanoseconds.
    // SAFETY: the pointer is to a live timespec of ours, which the call fills.
    let failed = unsafe { libc::clock_gettime(id, &raw mut time) } != 0;
    assert!(!failed, "clock_gettime({id}) failed: every Linux since 2.6.28 has this clock");
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

/// The processor's time-stamp counter, read without any library between.
#[cfg(target_arch = "x86_64")]
pub(crate) fn tsc() -> u64 {
    // JUSTIFICATION: compared with quanta's reading, to know what quanta really reads.
    // SAFETY: every x86-64 processor has this instruction.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Whether CPUID says that the time-stamp counter runs at one rate in all power states.
#[cfg(target_arch = "x86_64")]
pub(crate) fn has_invariant_tsc() -> bool {
    use core::arch::x86_64::__cpuid;
    /// Leaf of the advanced power management flags; EDX bit 8 is the invariant counter.
    const POWER: u32 = 0x8000_0007;
    if __cpuid(0x8000_0000).eax < POWER {
        return false;
    }
    __cpuid(POWER).edx & (1 << 8) != 0
}

/// No time-stamp counter on this architecture.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn has_invariant_tsc() -> bool {
    false
}
