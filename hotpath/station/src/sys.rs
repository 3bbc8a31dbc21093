//! The station's system calls: affinity read back, memory locking, stop signals.
//!
//! The only file of this crate, with `map.rs`, that may hold `unsafe`. Must never: run inside a
//! turn of the loop. Called at start and by the main thread; does not allocate on the signal path.
#![expect(unsafe_code, reason = "raw system calls; the house rules name this file")]

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::sync::atomic::{AtomicI32, Ordering};

/// CPU ids the calling thread may run on, in rising order.
///
/// # Errors
/// The error of `sched_getaffinity`.
pub fn affinity() -> io::Result<Vec<usize>> {
    let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed();
    // JUSTIFICATION: the mask must be read back from the kernel; no safe binding is in the tree.
    // SAFETY: the pointer is valid for the size given, and pid 0 is the calling thread.
    let rc = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), set.as_mut_ptr()) };
    if rc != 0 {
        return Err(io::Error::last_os_error());
    }
    // JUSTIFICATION: the set was made by hand because the kernel fills it.
    // SAFETY: it was zeroed, which is a valid value, and then filled by the call above.
    let set = unsafe { set.assume_init() };
    let bits = 8 * size_of::<libc::cpu_set_t>();
    let in_set = |cpu: &usize| {
        // JUSTIFICATION: libc offers the mask only through this function.
        // SAFETY: `cpu` is below the number of bits of the set.
        unsafe { libc::CPU_ISSET(*cpu, &set) }
    };
    Ok((0..bits).filter(in_set).collect())
}

/// Locks every page the process has mapped now into memory: rings, books, stacks, recording.
///
/// # Errors
/// The error of `mlockall`: `EPERM` or `ENOMEM` where the memory-lock limit is too low.
pub fn lock_memory() -> io::Result<()> {
    // JUSTIFICATION: locking has no safe binding in the tree.
    // SAFETY: `mlockall` takes no pointers and changes no memory's contents.
    if unsafe { libc::mlockall(libc::MCL_CURRENT) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The number of the last stop signal that came in; 0 before any.
static STOP_SIGNAL: AtomicI32 = AtomicI32::new(0);

/// Halt signals that came in.
static HALT_SIGNALS: AtomicI32 = AtomicI32::new(0);

extern "C" fn on_halt_signal(_number: libc::c_int) {
    // ORDERING: relaxed; the count alone is the message, `halt_signals` reads it.
    HALT_SIGNALS.fetch_add(1, Ordering::Relaxed);
}

extern "C" fn on_stop_signal(number: libc::c_int) {
    // ORDERING: relaxed; the number alone is the message, `stop_signal` reads it.
    STOP_SIGNAL.store(number, Ordering::Relaxed);
}

/// Makes SIGTERM and SIGINT ask for an orderly end, and SIGUSR1 pull the kill switch; a closed pipe and a full file size limit become
/// errors of the call instead of the end of the process.
///
/// # Errors
/// The error of `sigaction`.
pub fn catch_stop_signals() -> io::Result<()> {
    let handler = on_stop_signal as extern "C" fn(libc::c_int) as libc::sighandler_t;
    let halt = on_halt_signal as extern "C" fn(libc::c_int) as libc::sighandler_t;
    for (number, action) in [
        (libc::SIGTERM, handler),
        (libc::SIGINT, handler),
        (libc::SIGUSR1, halt),
        (libc::SIGPIPE, libc::SIG_IGN),
        (libc::SIGXFSZ, libc::SIG_IGN),
    ] {
        // JUSTIFICATION: the struct has private padding; zeroing is how it is made.
        // SAFETY: all-zero is a valid `sigaction`: no flags, empty mask.
        let mut new = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
        new.sa_sigaction = action;
        new.sa_flags = libc::SA_RESTART;
        // JUSTIFICATION: signal handlers have no safe binding in the tree.
        // SAFETY: the handler only stores to an atomic, which is async-signal-safe; the old
        // action is not asked for.
        if unsafe { libc::sigaction(number, &raw const new, std::ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// The stop signal that came in, if one did.
#[must_use]
pub fn stop_signal() -> Option<i32> {
    // ORDERING: relaxed; pairs with the handler's store, no other data hangs on it.
    match STOP_SIGNAL.load(Ordering::Relaxed) {
        0 => None,
        number => Some(number),
    }
}

/// Halt signals that came in so far.
#[must_use]
pub fn halt_signals() -> i32 {
    // ORDERING: relaxed; pairs with the handler's addition, no other data hangs on it.
    HALT_SIGNALS.load(Ordering::Relaxed)
}

/// The user this process acts for.
#[must_use]
pub fn user_id() -> u32 {
    // JUSTIFICATION: the number has no safe binding in the tree.
    // SAFETY: `geteuid` takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// Asks a process to end in good order: SIGTERM.
///
/// # Errors
/// The error of `kill`: `ESRCH` where the process is gone.
pub fn terminate(pid: u32) -> io::Result<()> {
    send(pid, libc::SIGTERM)
}

/// Pulls the kill switch of an engine: SIGUSR1.
///
/// # Errors
/// The error of `kill`: `ESRCH` where the process is gone.
pub fn ask_to_halt(pid: u32) -> io::Result<()> {
    send(pid, libc::SIGUSR1)
}

fn send(pid: u32, signal: libc::c_int) -> io::Result<()> {
    let pid = libc::pid_t::try_from(pid).ok().filter(|pid| *pid > 1);
    let pid = pid.ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?;
    // JUSTIFICATION: std only knows how to kill a child outright.
    // SAFETY: takes two integers; a positive pid names one process and never a group.
    if unsafe { libc::kill(pid, signal) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_names_at_least_one_cpu_in_order() {
        let cpus = affinity().expect("the kernel tells the mask");
        assert!(!cpus.is_empty());
        assert!(cpus.is_sorted());
    }
}
