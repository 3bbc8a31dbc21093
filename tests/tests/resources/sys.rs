//! The system calls the proofs need.
#![expect(unsafe_code, reason = "libc: resource usage, a fresh page, a seccomp filter")]

use std::io;

/// Page faults this thread has taken so far, minor and major.
pub(crate) fn page_faults() -> i64 {
    // SAFETY: all zeroes is a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live rusage.
    let got = unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
    assert_eq!(got, 0, "getrusage");
    usage.ru_minflt + usage.ru_majflt
}

/// A page nobody has touched yet.
pub(crate) struct FreshPage(*mut libc::c_void);

impl FreshPage {
    pub(crate) fn new() -> Self {
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: an anonymous mapping at an address of the kernel's choice touches nothing.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0) };
        assert_ne!(at, libc::MAP_FAILED, "mmap");
        Self(at)
    }

    /// Writes to it: one page fault.
    pub(crate) fn touch(self) {
        // SAFETY: the page was just mapped for writing and is this object's alone.
        unsafe { self.0.cast::<u8>().write_volatile(1) };
    }
}

/// One system call.
pub(crate) fn getpid() -> i32 {
    // SAFETY: getpid has no precondition.
    unsafe { libc::getpid() }
}

/// From here on any system call of this thread ends the process.
pub(crate) fn kill_on_any_system_call() -> io::Result<()> {
    let mut program = [libc::sock_filter {
        code: 0x06, // BPF_RET | BPF_K
        jt: 0,
        jf: 0,
        k: libc::SECCOMP_RET_KILL_PROCESS,
    }];
    let filter = libc::sock_fprog { len: 1, filter: program.as_mut_ptr() };
    // SAFETY: PR_SET_NO_NEW_PRIVS takes four numbers.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: filter and program live through the call, and the kernel copies them.
    let set = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            0,
            std::ptr::from_ref(&filter),
        )
    };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
