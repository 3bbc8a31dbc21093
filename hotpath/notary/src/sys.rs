//! Every libc call of this crate: end signals, the parent's death, waiting, memory kept private.
//!
//! Must never: do more in the signal handler than set one flag. The main thread calls it.
#![expect(unsafe_code, reason = "the one system call file of this crate")]

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

static END: AtomicBool = AtomicBool::new(false);

extern "C" fn on_end_signal(_signal: libc::c_int) {
    // ORDERING: relaxed; a lone flag, it guards no other memory (read in `end_requested`).
    END.store(true, Ordering::Relaxed);
}

/// From here on SIGTERM and SIGINT set a flag instead of killing the process; a full file size
/// limit is an error of the call.
pub(crate) fn catch_end_signals() -> io::Result<()> {
    let handler = on_end_signal as extern "C" fn(libc::c_int) as libc::sighandler_t;
    let caught =
        [(libc::SIGTERM, handler), (libc::SIGINT, handler), (libc::SIGXFSZ, libc::SIG_IGN)];
    for (signal, action) in caught {
        // JUSTIFICATION: std cannot catch signals.
        // SAFETY: sigaction is a plain C struct for which all zeroes is a valid value.
        let mut new: libc::sigaction = unsafe { std::mem::zeroed() };
        new.sa_sigaction = action;
        // No SA_RESTART: a wait must end when the signal comes.
        new.sa_flags = 0;
        // JUSTIFICATION: std cannot catch signals.
        // SAFETY: `new` is initialised and lives through the call; the handler only stores to an
        // atomic, which is async-signal-safe.
        if unsafe { libc::sigaction(signal, &raw const new, std::ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Whether SIGTERM or SIGINT came, or the parent is gone.
pub(crate) fn end_requested() -> bool {
    // ORDERING: relaxed; pairs with the lone stores of `on_end_signal` and `end_with_parent`.
    END.load(Ordering::Relaxed)
}

/// Asks the kernel for SIGTERM when the parent dies. The kernel means the parent's *thread*: it
/// must be one that lives as long as the parent process.
pub(crate) fn end_with_parent() -> io::Result<()> {
    let before = std::os::unix::process::parent_id();
    let signal = libc::c_ulong::from(libc::SIGTERM.unsigned_abs());
    // JUSTIFICATION: std has no such call.
    // SAFETY: PR_SET_PDEATHSIG takes one integer and touches no memory.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if std::os::unix::process::parent_id() != before {
        // It died before the call: the signal will not come.
        END.store(true, Ordering::Relaxed); // ORDERING: relaxed; as in `on_end_signal`.
    }
    Ok(())
}

/// Keeps the memory that holds the key out of core files and away from other processes of this
/// user.
pub(crate) fn keep_memory_private() -> io::Result<()> {
    let no: libc::c_ulong = 0;
    // JUSTIFICATION: std has no such call.
    // SAFETY: PR_SET_DUMPABLE takes one integer and touches no memory.
    if unsafe { libc::prctl(libc::PR_SET_DUMPABLE, no) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Nanoseconds of the monotonic clock.
pub(crate) fn monotonic_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // JUSTIFICATION: `Instant` is banned (one clock) and hides the number.
    // SAFETY: the pointer names one live timespec; CLOCK_MONOTONIC always exists on Linux.
    let _always_zero = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// Waits so many milliseconds, less where a signal comes.
pub(crate) fn wait_ms(ms: u64) {
    let time = libc::timespec {
        tv_sec: libc::time_t::try_from(ms / 1_000).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::try_from(ms % 1_000 * 1_000_000).unwrap_or(0),
    };
    // JUSTIFICATION: std's sleep goes on after a signal; an end must not wait for it.
    // SAFETY: the pointer names one live timespec; the rest is not asked for.
    let _cut_short = unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) };
}
