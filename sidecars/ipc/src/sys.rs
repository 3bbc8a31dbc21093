//! Every libc call of this crate, each wrapped so that its callers need no `unsafe`.
//!
//! Must never: block (sockets are non-blocking; only [`Epoll::wait`] waits, for the time it is
//! told), keep state, or interpret an error beyond turning it into `io::Error`. Any thread may
//! call it; nothing here allocates.
#![allow(unsafe_code, reason = "the one system call file of this crate")]

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Longest socket path, bytes: the kernel's address holds 108 with the closing zero.
pub(crate) const PATH_MAX: usize = 107;

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn length(result: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

fn socklen<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).unwrap_or(0)
}

/// A new non-blocking, close-on-exec `SOCK_SEQPACKET` Unix socket.
pub(crate) fn socket() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // JUSTIFICATION: std has no SOCK_SEQPACKET sockets.
    // SAFETY: takes three integers, touches no memory.
    let fd = check(unsafe { libc::socket(libc::AF_UNIX, kind, 0) })?;
    Ok(own(fd))
}

fn own(fd: libc::c_int) -> OwnedFd {
    // JUSTIFICATION: the calls of this file return bare numbers; from here on Rust closes them.
    // SAFETY: every caller passes a descriptor the kernel has just made for it, owned by nobody.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn address(path: &Path) -> io::Result<libc::sockaddr_un> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.is_empty() || bytes.len() > PATH_MAX || bytes.contains(&0) {
        return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG));
    }
    let family = libc::sa_family_t::try_from(libc::AF_UNIX).unwrap_or(0);
    let mut address = libc::sockaddr_un { sun_family: family, sun_path: [0; 108] };
    let text: &mut [u8] = bytemuck::cast_slice_mut(&mut address.sun_path);
    for (to, from) in text.iter_mut().zip(bytes) {
        *to = *from;
    }
    Ok(address)
}

/// Binds the socket to a path. The file takes the socket's own mode, see [`set_mode`].
pub(crate) fn bind(fd: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let address = address(path)?;
    // JUSTIFICATION: std has no SOCK_SEQPACKET sockets.
    // SAFETY: the pointer and the length name one live, initialised sockaddr_un.
    let result = unsafe {
        libc::bind(fd.as_raw_fd(), (&raw const address).cast(), socklen::<libc::sockaddr_un>())
    };
    check(result).map(drop)
}

/// Sets the permission bits of the socket itself. Done before [`bind`], the file is never open to
/// others, not even for a moment.
pub(crate) fn set_mode(fd: BorrowedFd<'_>, mode: libc::mode_t) -> io::Result<()> {
    // JUSTIFICATION: std sets modes by path or of a File, not of a socket before it has a path.
    // SAFETY: takes two integers, touches no memory.
    check(unsafe { libc::fchmod(fd.as_raw_fd(), mode) }).map(drop)
}

/// Starts listening.
pub(crate) fn listen(fd: BorrowedFd<'_>, backlog: libc::c_int) -> io::Result<()> {
    // JUSTIFICATION: std has no SOCK_SEQPACKET sockets.
    // SAFETY: takes two integers, touches no memory.
    check(unsafe { libc::listen(fd.as_raw_fd(), backlog) }).map(drop)
}

/// Connects; a Unix socket connects at once or fails.
pub(crate) fn connect(fd: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let address = address(path)?;
    // JUSTIFICATION: std has no SOCK_SEQPACKET sockets.
    // SAFETY: the pointer and the length name one live, initialised sockaddr_un.
    let result = unsafe {
        libc::connect(fd.as_raw_fd(), (&raw const address).cast(), socklen::<libc::sockaddr_un>())
    };
    check(result).map(drop)
}

/// Takes one waiting connection, non-blocking and close-on-exec.
pub(crate) fn accept(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // JUSTIFICATION: std has no SOCK_SEQPACKET sockets.
    // SAFETY: both address pointers may be null: the peer's address is not asked for.
    let fd =
        unsafe { libc::accept4(fd.as_raw_fd(), std::ptr::null_mut(), std::ptr::null_mut(), flags) };
    check(fd).map(own)
}

/// Sends one message whole, or fails; never raises SIGPIPE.
pub(crate) fn send(fd: BorrowedFd<'_>, frame: &[u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // JUSTIFICATION: std's sockets are stream or datagram; write() would raise SIGPIPE.
    // SAFETY: pointer and length name the live slice `frame`, which the kernel only reads.
    let sent = unsafe { libc::send(fd.as_raw_fd(), frame.as_ptr().cast(), frame.len(), flags) };
    length(sent)
}

/// Receives one message and returns its real length, which exceeds the buffer if it was cut.
/// Plain `recv`: there is no control buffer, so file descriptors a peer passes are dropped by the
/// kernel.
pub(crate) fn recv(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
    // JUSTIFICATION: std has no call that reports the length of a cut message.
    // SAFETY: pointer and length name the live slice `buffer`, borrowed mutably for the call.
    let got =
        unsafe { libc::recv(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), flags) };
    length(got)
}

/// A control message with one descriptor, as the kernel lays it out: see `cmsg(3)`.
#[repr(C)]
struct Control {
    header: libc::cmsghdr,
    fd: libc::c_int,
}

/// Bytes of a control message with one descriptor: a receiver with this much room gets one at most,
/// the kernel closes the rest.
const CONTROL_BYTES: u8 = 20;
const _: () = assert!(size_of::<libc::cmsghdr>() + size_of::<libc::c_int>() == 20);
const _: () = assert!(std::mem::offset_of!(Control, fd) == 16);

fn no_control() -> Control {
    // JUSTIFICATION: the header has private padding on some C libraries.
    // SAFETY: plain C structs of integers, for which all zeroes is a valid value.
    unsafe { std::mem::zeroed() }
}

fn message(part: &mut libc::iovec, control: &mut Control) -> libc::msghdr {
    // JUSTIFICATION: the header has private padding on some C libraries.
    // SAFETY: a plain C struct of integers and pointers, for which all zeroes is a valid value.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut *control).cast();
    message.msg_controllen = CONTROL_BYTES.into();
    message
}

/// As [`send`], with a descriptor that the receiver gets a copy of.
pub(crate) fn send_passing(
    fd: BorrowedFd<'_>,
    frame: &[u8],
    passed: BorrowedFd<'_>,
) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    let mut control = no_control();
    control.header.cmsg_len = CONTROL_BYTES.into();
    control.header.cmsg_level = libc::SOL_SOCKET;
    control.header.cmsg_type = libc::SCM_RIGHTS;
    control.fd = passed.as_raw_fd();
    let base = frame.as_ptr().cast_mut().cast();
    let mut part = libc::iovec { iov_base: base, iov_len: frame.len() };
    let message = message(&mut part, &mut control);
    // JUSTIFICATION: std passes no descriptors.
    // SAFETY: the header names one part, the live slice `frame`, which the kernel only reads, and
    // one live control message of the length given; all of them outlive the call.
    length(unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const message, flags) })
}

/// As [`recv`], with the descriptor that came along, if one did.
pub(crate) fn recv_passing(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> io::Result<(usize, Option<OwnedFd>)> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC | libc::MSG_CMSG_CLOEXEC;
    let mut control = no_control();
    let base = buffer.as_mut_ptr().cast();
    let mut part = libc::iovec { iov_base: base, iov_len: buffer.len() };
    let mut message = message(&mut part, &mut control);
    // JUSTIFICATION: std receives no descriptors.
    // SAFETY: the header names one part, the live slice `buffer`, borrowed mutably for the call, and
    // one live control message with room for the length given; all of them outlive the call.
    let got = length(unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, flags) })?;
    let came = message.msg_controllen == CONTROL_BYTES.into()
        && control.header.cmsg_level == libc::SOL_SOCKET
        && control.header.cmsg_type == libc::SCM_RIGHTS;
    Ok((got, came.then(|| own(control.fd))))
}

/// Ends both directions, so that the peer sees end of file at once.
pub(crate) fn shutdown(fd: BorrowedFd<'_>) {
    // JUSTIFICATION: std has no SOCK_SEQPACKET sockets.
    // SAFETY: takes two integers, touches no memory. A failure means the peer is gone already.
    let _gone = unsafe { libc::shutdown(fd.as_raw_fd(), libc::SHUT_RDWR) };
}

/// The peer's process id and uid when it connected (or listened), by the kernel.
pub(crate) fn peer(fd: BorrowedFd<'_>) -> io::Result<(u32, u32)> {
    let mut cred = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut len = socklen::<libc::ucred>();
    // JUSTIFICATION: std's peer_cred is unstable and for its own stream sockets only.
    // SAFETY: both pointers name live locals, and `len` is the size of the one `cred` names.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut cred).cast(),
            &raw mut len,
        )
    };
    check(result)?;
    Ok((u32::try_from(cred.pid).unwrap_or(0), cred.uid))
}

/// Effective uid of this process.
pub(crate) fn effective_uid() -> u32 {
    // JUSTIFICATION: std has no call for it.
    // SAFETY: takes nothing, touches no memory, cannot fail.
    unsafe { libc::geteuid() }
}

/// An epoll instance.
#[derive(Debug)]
pub(crate) struct Epoll(OwnedFd);

/// Room for the events of one wait.
pub(crate) type EpollEvents = [libc::epoll_event; 64];

/// No events.
pub(crate) const NO_EVENTS: EpollEvents = [libc::epoll_event { events: 0, u64: 0 }; 64];

impl Epoll {
    pub(crate) fn new() -> io::Result<Self> {
        // JUSTIFICATION: std has no epoll.
        // SAFETY: takes an integer, touches no memory.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        Ok(Self(own(fd)))
    }

    /// Watches `fd` for reading under the number `data`. Closing `fd` ends the watch.
    pub(crate) fn add(&self, fd: BorrowedFd<'_>, data: u64) -> io::Result<()> {
        let events = libc::EPOLLIN.unsigned_abs();
        let mut event = libc::epoll_event { events, u64: data };
        // JUSTIFICATION: std has no epoll.
        // SAFETY: the pointer names one live epoll_event, which the kernel copies.
        let result = unsafe {
            libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_ADD, fd.as_raw_fd(), &raw mut event)
        };
        check(result).map(drop)
    }

    /// Waits for events; `timeout_ms` -1 waits without end. Returns how many were filled in.
    pub(crate) fn wait(&self, events: &mut EpollEvents, timeout_ms: i32) -> io::Result<usize> {
        let room = i32::try_from(events.len()).unwrap_or(1);
        // JUSTIFICATION: std has no epoll.
        // SAFETY: pointer and count name the live array `events`, borrowed mutably for the call.
        let count =
            unsafe { libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr(), room, timeout_ms) };
        check(count).map(|count| usize::try_from(count).unwrap_or(0))
    }
}
