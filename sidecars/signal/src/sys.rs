//! Every libc call of this crate: end signals, the parent's death, the monotonic clock, and opening
//! files beneath a folder; and the one instruction the fused kernel cannot do without.
//!
//! Must never: do more in the signal handler than set one flag, or follow a link. Any thread.
#![allow(unsafe_code, reason = "the one system call file of this crate")]

use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

static END: AtomicBool = AtomicBool::new(false);

extern "C" fn on_end_signal(_signal: libc::c_int) {
    // ORDERING: relaxed; a lone flag, it guards no other memory (read in `end_requested`).
    END.store(true, Ordering::Relaxed);
}

/// From here on SIGTERM and SIGINT set a flag instead of killing the process.
pub(crate) fn catch_end_signals() -> io::Result<()> {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        // JUSTIFICATION: std cannot catch signals.
        // SAFETY: sigaction is a plain C struct for which all zeroes is a valid value.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        let handler: extern "C" fn(libc::c_int) = on_end_signal;
        action.sa_sigaction = handler as libc::sighandler_t;
        // No SA_RESTART: a wait must end when the signal comes.
        action.sa_flags = 0;
        // JUSTIFICATION: std cannot catch signals.
        // SAFETY: `action` is initialised and lives through the call; the handler only stores to
        // an atomic, which is async-signal-safe.
        let result = unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Whether SIGTERM or SIGINT came.
pub(crate) fn end_requested() -> bool {
    // ORDERING: relaxed; pairs with the lone store in `on_end_signal`.
    END.load(Ordering::Relaxed)
}

/// Asks the kernel for SIGTERM when the parent dies. The kernel means the parent's *thread*: it
/// must be one that lives as long as the parent process.
pub(crate) fn end_with_parent() -> io::Result<()> {
    let before = parent();
    let signal = libc::c_ulong::from(libc::SIGTERM.unsigned_abs());
    // JUSTIFICATION: std has no such call.
    // SAFETY: PR_SET_PDEATHSIG takes one integer and touches no memory.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if parent() != before {
        // It died before the call: the signal will not come.
        END.store(true, Ordering::Relaxed); // ORDERING: relaxed; as in `on_end_signal`.
    }
    Ok(())
}

fn parent() -> libc::pid_t {
    // JUSTIFICATION: `std::os::unix::process::parent_id` is this call; kept beside its users.
    // SAFETY: takes nothing, touches no memory, cannot fail.
    unsafe { libc::getppid() }
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

/// Nanoseconds of the wall clock since 1970; for records, it may step.
pub(crate) fn unix_ns() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

/// The calling thread runs only where no other of the same CPU wants to; the kernel means the
/// thread, not the process.
pub(crate) fn least_priority() -> io::Result<()> {
    const LEAST: libc::c_int = 19;
    // JUSTIFICATION: std has no such call.
    // SAFETY: three integers; 0 is the caller itself. It touches no memory.
    let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, LEAST) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::from)
}

/// Opens a file or folder for reading that lies beneath `dir`, through no link of any kind.
pub(crate) fn open_beneath(
    dir: BorrowedFd<'_>,
    relative: &Path,
    directory: bool,
) -> io::Result<OwnedFd> {
    let path = c_path(relative)?;
    let kind = if directory { libc::O_DIRECTORY } else { 0 };
    // Non-blocking: a pipe in a file's place must not hold the loader.
    let flags = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK | kind;
    // JUSTIFICATION: std opens by path and follows links.
    // SAFETY: open_how is a plain C struct for which all zeroes is a valid value.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = u64::from(flags.unsigned_abs());
    how.resolve = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS | libc::RESOLVE_NO_MAGICLINKS;
    // JUSTIFICATION: std has no such call.
    // SAFETY: path and how live through the call; the size is the struct's own.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_openat2,
            dir.as_raw_fd(),
            path.as_ptr(),
            &raw const how,
            size_of::<libc::open_how>(),
        )
    };
    let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)?;
    // JUSTIFICATION: the kernel hands out a number.
    // SAFETY: the call above made this descriptor and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Where a link in `dir` points.
pub(crate) fn read_link_at(dir: BorrowedFd<'_>, name: &Path) -> io::Result<PathBuf> {
    let name = c_path(name)?;
    let mut target = vec![0_u8; 4_096];
    // JUSTIFICATION: std reads links by path only.
    // SAFETY: both pointers live through the call and the length is the buffer's own.
    let len = unsafe {
        libc::readlinkat(dir.as_raw_fd(), name.as_ptr(), target.as_mut_ptr().cast(), target.len())
    };
    let len = usize::try_from(len).map_err(|_| io::Error::last_os_error())?;
    target.truncate(len);
    Ok(PathBuf::from(OsString::from_vec(target)))
}

/// Swaps two names in one step.
pub(crate) fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    let (one, other) = (c_path(one)?, c_path(other)?);
    // JUSTIFICATION: std renames over, it does not exchange; by number, as not every libc has it.
    // SAFETY: both paths live through the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_renameat2,
            libc::AT_FDCWD,
            one.as_ptr(),
            libc::AT_FDCWD,
            other.as_ptr(),
            libc::RENAME_EXCHANGE,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// This process's user.
pub(crate) fn user() -> u32 {
    // JUSTIFICATION: std has no such call.
    // SAFETY: takes nothing, touches no memory, cannot fail.
    unsafe { libc::geteuid() }
}

/// Clears what other code left in the upper halves of this thread's vector registers.
///
/// The kernel is made for any x86-64 and uses the lower halves only. After hand-written vector code
/// that did not clear up (tract's), each of its instructions waits for the one before to keep those
/// halves: 20 us a run instead of 4.4 (`benches/signal.rs`, rows of one process).
pub(crate) fn clear_upper_halves() {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx") {
        // JUSTIFICATION: no safe code clears them, and the cost of not doing so is measured above.
        // SAFETY: the machine has AVX, which is all the instruction asks for; between calls the
        // upper halves hold no value of anyone (they are the caller's to lose).
        unsafe { std::arch::x86_64::_mm256_zeroupper() };
    }
}
