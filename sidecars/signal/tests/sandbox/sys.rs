//! Every libc call of this test, each harmless where no fence stops it.
//!
//! Must never: be used outside a child that ends after it.
#![expect(unsafe_code, reason = "the one system call file of this test")]

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

fn settled(result: libc::c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn text(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).expect("a path without a zero")
}

/// A call with numbers in place of its arguments; a pointer among them is null or nonsense, which
/// the kernel refuses.
pub(crate) fn plain(call: libc::c_long, arguments: [usize; 6]) -> io::Result<()> {
    let [one, two, three, four, five, six] = arguments;
    // SAFETY: no argument names memory of this process, so none of it is read or written.
    settled(unsafe { libc::syscall(call, one, two, three, four, five, six) })
}

pub(crate) fn socket(family: i32, kind: i32) -> io::Result<()> {
    // SAFETY: takes three integers.
    settled(unsafe { libc::socket(family, kind, 0) }.into())
}

pub(crate) fn truncate(path: &Path) -> io::Result<()> {
    let path = text(path);
    // SAFETY: the pointer names a live C string.
    settled(unsafe { libc::truncate(path.as_ptr(), 0) }.into())
}

/// A file without a name in a folder.
pub(crate) fn nameless(folder: &Path) -> io::Result<()> {
    let path = text(folder);
    // SAFETY: the pointer names a live C string.
    settled(unsafe { libc::open(path.as_ptr(), libc::O_TMPFILE | libc::O_RDWR, 0o600) }.into())
}

pub(crate) fn openat2(path: &Path, flags: i32) -> io::Result<()> {
    let path = text(path);
    let how: [u64; 3] = [u64::from(flags.unsigned_abs()), 0, 0];
    let size = size_of_val(&how);
    // SAFETY: the pointers name a live C string and a live `struct open_how` of that size.
    settled(unsafe {
        libc::syscall(libc::SYS_openat2, libc::AT_FDCWD, path.as_ptr(), how.as_ptr(), size)
    })
}

/// One byte to a datagram socket at a path, the address in memory.
pub(crate) fn sendmsg(path: &Path) -> io::Result<()> {
    // SAFETY: takes three integers.
    let fd = unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_DGRAM, 0) };
    settled(fd.into())?;
    let family = libc::sa_family_t::try_from(libc::AF_UNIX).unwrap_or(0);
    let mut address = libc::sockaddr_un { sun_family: family, sun_path: [0; 108] };
    let to: &mut [u8] = bytemuck::cast_slice_mut(&mut address.sun_path);
    let bytes = path.as_os_str().as_bytes();
    to[..bytes.len()].copy_from_slice(bytes);
    let mut byte = 0_u8;
    let mut part = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    // SAFETY: msghdr is a plain C struct for which all zeroes is a valid value.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_name = (&raw mut address).cast();
    message.msg_namelen = u32::try_from(size_of_val(&address)).unwrap_or(0);
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    // SAFETY: every pointer of the message names a live local of the length beside it.
    let sent = unsafe { libc::sendmsg(fd, &raw const message, 0) };
    settled(libc::c_long::try_from(sent).unwrap_or(-1))
}

pub(crate) fn io_uring_setup() -> io::Result<()> {
    let mut parameters = [0_u32; 30];
    // SAFETY: the pointer names room for a `struct io_uring_params`, 120 bytes.
    settled(unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, parameters.as_mut_ptr()) })
}

pub(crate) fn fork() -> io::Result<()> {
    // SAFETY: the child does nothing but end.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: ends the calling process without running anything of ours.
        unsafe { libc::_exit(0) };
    }
    settled(child.into())
}

pub(crate) fn clone3() -> io::Result<()> {
    let mut arguments = [0_u64; 8];
    // `exit_signal` of `struct clone_args`.
    arguments[4] = u64::from(libc::SIGCHLD.unsigned_abs());
    let size = size_of_val(&arguments);
    // SAFETY: the pointer names a live struct of that size; without CLONE_VM the child has memory of
    // its own and does nothing but end.
    let child = unsafe { libc::syscall(libc::SYS_clone3, arguments.as_ptr(), size) };
    if child == 0 {
        // SAFETY: ends the calling process without running anything of ours.
        unsafe { libc::_exit(0) };
    }
    settled(child)
}

/// Asks whether a process could be signalled.
pub(crate) fn kill_nothing(pid: u32) -> io::Result<()> {
    let pid = libc::pid_t::try_from(pid).unwrap_or(0);
    // SAFETY: takes two integers; signal 0 is none.
    settled(unsafe { libc::kill(pid, 0) }.into())
}

pub(crate) fn limits_of(pid: u32) -> io::Result<()> {
    let pid = libc::pid_t::try_from(pid).unwrap_or(0);
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: nothing is set; the last pointer names one live rlimit.
    settled(
        unsafe { libc::prlimit(pid, libc::RLIMIT_NOFILE, std::ptr::null(), &raw mut limits) }
            .into(),
    )
}

pub(crate) fn set_dumpable() -> io::Result<()> {
    // SAFETY: takes integers.
    settled(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) }.into())
}

pub(crate) fn memfd() -> io::Result<()> {
    // SAFETY: the pointer names a C string that lives for ever.
    settled(unsafe { libc::memfd_create(c"x".as_ptr(), 0) }.into())
}

fn map(protection: i32) -> io::Result<*mut libc::c_void> {
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping where the kernel likes; nothing that is mapped is touched.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, kind, -1, 0) };
    if at == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(at) }
}

pub(crate) fn map_to_run() -> io::Result<()> {
    map(libc::PROT_READ | libc::PROT_EXEC).map(drop)
}

pub(crate) fn protect_to_run() -> io::Result<()> {
    let at = map(libc::PROT_READ | libc::PROT_WRITE)?;
    // SAFETY: the page was mapped above and nobody uses it.
    settled(unsafe { libc::mprotect(at, 4096, libc::PROT_READ | libc::PROT_EXEC) }.into())
}

/// Becomes `true`, which ends well.
pub(crate) fn execve() -> io::Result<()> {
    let program = [c"/bin/true", c"/usr/bin/true"];
    for path in program {
        let arguments = [path.as_ptr(), std::ptr::null()];
        let environment = [std::ptr::null()];
        // SAFETY: the path is a C string, both lists end with null.
        unsafe { libc::execve(path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    }
    Err(io::Error::last_os_error())
}

/// Eight bytes of another process's memory, from where there are none.
pub(crate) fn vm_read(pid: u32) -> io::Result<()> {
    let pid = libc::pid_t::try_from(pid).unwrap_or(0);
    let mut here = [0_u8; 8];
    let local = libc::iovec { iov_base: here.as_mut_ptr().cast(), iov_len: 8 };
    let remote = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 8 };
    // SAFETY: the local vector names a live array of its length; the remote one is only read.
    let got = unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
    settled(libc::c_long::try_from(got).unwrap_or(-1))
}

pub(crate) fn ioctl(request: libc::Ioctl) -> io::Result<()> {
    let byte = 0_u8;
    // SAFETY: the pointer names one live byte, which is all that is read.
    settled(unsafe { libc::ioctl(0, request, &raw const byte) }.into())
}
