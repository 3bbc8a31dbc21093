//! One listening socket, one connection, and who may be at the other end.
//!
//! Owns: the socket file's place and permissions, the uid check, the meaning of a zero-length read
//! (end of file) and of a cut message (an error). Must never: block, decode a frame, print.
//! Any single thread at a time; receiving and sending allocate nothing.

use crate::buffer::FrameBuffer;
use crate::error::{IpcError, SendError};
use crate::sys;
use std::cell::{Cell, RefCell};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use wire::frame::MAX_FRAME_BYTES;

const BACKLOG: i32 = 16;
const SOCKET_MODE: u32 = 0o600;
const OTHERS_MAY_WRITE: u32 = 0o022;

/// Who is at the other end, by the kernel's word when the connection was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerCred {
    /// Process id; for people, not for decisions: ids are reused.
    pub pid: u32,
    /// User id.
    pub uid: u32,
}

/// Which users may be at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerPolicy {
    uids: Vec<u32>,
}

impl PeerPolicy {
    /// Only processes of this process's own effective user.
    #[must_use]
    pub fn same_user() -> Self {
        Self { uids: vec![sys::effective_uid()] }
    }

    /// Exactly these users.
    #[must_use]
    pub fn only(uids: &[u32]) -> Self {
        Self { uids: uids.to_vec() }
    }

    /// One more user.
    #[must_use]
    pub fn allow(mut self, uid: u32) -> Self {
        self.uids.push(uid);
        self
    }

    fn check(&self, fd: BorrowedFd<'_>) -> Result<PeerCred, IpcError> {
        let (pid, uid) = sys::peer(fd).map_err(IpcError::call("getsockopt(SO_PEERCRED)"))?;
        if self.uids.contains(&uid) {
            Ok(PeerCred { pid, uid })
        } else {
            Err(IpcError::PeerRefused { uid, pid })
        }
    }
}

/// A listening socket. Dropping it removes its file if the file is still its own.
#[derive(Debug)]
pub struct Listener {
    fd: OwnedFd,
    path: PathBuf,
    inode: (u64, u64),
    policy: PeerPolicy,
}

impl Listener {
    /// Listens at `path`, mode 0600. The directory is made (0700) if it is not there, and refused
    /// if others may write to it. A socket file that nobody listens on is replaced.
    ///
    /// # Errors
    /// [`IpcError`] naming the path: too long, not private, not a socket, in use, or refused by
    /// the kernel.
    pub fn bind(path: &Path, policy: PeerPolicy) -> Result<Self, IpcError> {
        let len = path.as_os_str().len();
        if len > sys::PATH_MAX {
            return Err(IpcError::PathTooLong { path: path.into(), len, max: sys::PATH_MAX });
        }
        private_directory(path)?;
        remove_stale(path)?;
        let at = |call| move |source| IpcError::Path { call, path: path.to_path_buf(), source };
        let fd = sys::socket().map_err(at("socket"))?;
        sys::set_mode(fd.as_fd(), SOCKET_MODE).map_err(at("fchmod"))?;
        sys::bind(fd.as_fd(), path).map_err(|source| {
            if source.raw_os_error() == Some(libc::EADDRINUSE) {
                IpcError::InUse { path: path.into() }
            } else {
                at("bind")(source)
            }
        })?;
        let meta = fs::symlink_metadata(path).map_err(at("lstat"))?;
        if meta.mode() & 0o777 & !SOCKET_MODE != 0 {
            let (mode, owner) = (meta.mode() & 0o7777, meta.uid());
            return Err(IpcError::NotPrivate { path: path.into(), mode, owner });
        }
        sys::listen(fd.as_fd(), BACKLOG).map_err(at("listen"))?;
        Ok(Self { fd, path: path.into(), inode: (meta.dev(), meta.ino()), policy })
    }

    /// Takes one waiting connection; `None` if there is none.
    ///
    /// # Errors
    /// [`IpcError::PeerRefused`] for a peer of another user (it is disconnected), else the
    /// kernel's refusal. The listener itself stays good.
    pub fn accept(&self) -> Result<Option<Connection>, IpcError> {
        let fd = match sys::accept(self.fd.as_fd()) {
            Ok(fd) => fd,
            Err(e) if is_would_block(&e) || e.raw_os_error() == Some(libc::ECONNABORTED) => {
                return Ok(None);
            }
            Err(source) => {
                return Err(IpcError::Call { call: "accept4", source });
            }
        };
        let peer = self.policy.check(fd.as_fd())?;
        Ok(Some(Connection { fd, peer, is_new: Cell::new(true), passed: RefCell::new(None) }))
    }

    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|m| (m.dev(), m.ino()) == self.inode) {
            // Nothing to do about a failure: the next listener replaces a stale file.
            let _stale = fs::remove_file(&self.path);
        }
    }
}

fn private_directory(path: &Path) -> Result<(), IpcError> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let at = |call| move |source| IpcError::Path { call, path: dir.to_path_buf(), source };
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(at("mkdir")(e)),
    }
    let meta = fs::metadata(dir).map_err(at("stat"))?;
    let (mode, owner) = (meta.mode() & 0o7777, meta.uid());
    let trusted = owner == sys::effective_uid() || owner == 0;
    if !meta.is_dir() || !trusted || mode & OTHERS_MAY_WRITE != 0 {
        return Err(IpcError::NotPrivate { path: dir.into(), mode, owner });
    }
    Ok(())
}

/// Removes a socket file whose listener is gone.
fn remove_stale(path: &Path) -> Result<(), IpcError> {
    let at = |call| move |source| IpcError::Path { call, path: path.to_path_buf(), source };
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(at("lstat")(e)),
    };
    if !meta.file_type().is_socket() {
        return Err(IpcError::NotASocket { path: path.into() });
    }
    let probe = sys::socket().map_err(at("socket"))?;
    match sys::connect(probe.as_fd(), path) {
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(at("unlink"))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => Err(IpcError::InUse { path: path.into() }),
    }
}

/// Connects to the listener at `path` and checks whose process it is.
///
/// # Errors
/// [`IpcError::NobodyListens`] and [`IpcError::BacklogFull`] pass with time (see
/// [`IpcError::is_transient`]); others do not.
pub fn connect(path: &Path, policy: &PeerPolicy) -> Result<Connection, IpcError> {
    let len = path.as_os_str().len();
    if len > sys::PATH_MAX {
        return Err(IpcError::PathTooLong { path: path.into(), len, max: sys::PATH_MAX });
    }
    let fd = sys::socket().map_err(IpcError::call("socket"))?;
    sys::connect(fd.as_fd(), path).map_err(|source| match source.raw_os_error() {
        Some(libc::ENOENT | libc::ECONNREFUSED) => IpcError::NobodyListens { path: path.into() },
        Some(libc::EAGAIN) => IpcError::BacklogFull { path: path.into() },
        _ => IpcError::Path { call: "connect", path: path.into(), source },
    })?;
    let peer = policy.check(fd.as_fd())?;
    Ok(Connection { fd, peer, is_new: Cell::new(false), passed: RefCell::new(None) })
}

/// What a receive gave.
#[derive(Debug)]
pub enum Received<'a> {
    /// One whole message, aligned to 8 bytes; not decoded.
    Frame(&'a [u8]),
    /// Nothing is there yet.
    WouldBlock,
    /// The peer closed (or sent a message of no bytes, which is not allowed and means the same).
    Closed,
}

/// What a send did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a frame that would block is dropped: count it"]
pub enum Sent {
    /// The kernel has the whole frame.
    Sent,
    /// The socket is full; the frame is dropped and the caller counts it.
    WouldBlock,
}

/// A connected socket. Dropping it closes it.
#[derive(Debug)]
pub struct Connection {
    fd: OwnedFd,
    peer: PeerCred,
    /// Accepted, and nothing received yet: a descriptor may come with the first message, and with
    /// no other.
    is_new: Cell<bool>,
    passed: RefCell<Option<OwnedFd>>,
}

impl Connection {
    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> PeerCred {
        self.peer
    }

    /// Hands one frame to the kernel, whole or not at all. The caller counts
    /// [`Sent::WouldBlock`]: the frame is dropped.
    ///
    /// # Errors
    /// [`SendError`]; after [`SendError::Closed`] the connection is of no more use.
    ///
    /// # Latency
    /// One system call; it never waits.
    pub fn try_send(&self, frame: &[u8]) -> Result<Sent, SendError> {
        self.send(frame, |fd| sys::send(fd, frame))
    }

    /// As [`Connection::try_send`], with a descriptor that the peer gets a copy of. A peer that
    /// does not ask for it gets the frame alone.
    ///
    /// # Errors
    /// As [`Connection::try_send`].
    pub fn try_send_passing(
        &self,
        frame: &[u8],
        passed: BorrowedFd<'_>,
    ) -> Result<Sent, SendError> {
        self.send(frame, |fd| sys::send_passing(fd, frame, passed))
    }

    fn send(
        &self,
        frame: &[u8],
        call: impl FnOnce(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> Result<Sent, SendError> {
        if frame.is_empty() {
            return Err(SendError::Empty);
        }
        if frame.len() > MAX_FRAME_BYTES {
            return Err(SendError::TooLong(frame.len()));
        }
        match call(self.fd.as_fd()) {
            Ok(_whole) => Ok(Sent::Sent),
            Err(e) if is_would_block(&e) => Ok(Sent::WouldBlock),
            Err(e) => match e.raw_os_error() {
                Some(libc::EPIPE | libc::ECONNRESET | libc::ENOTCONN) => Err(SendError::Closed),
                Some(libc::ENOBUFS | libc::ENOMEM) => Ok(Sent::WouldBlock),
                code => Err(SendError::Os(code.unwrap_or(0))),
            },
        }
    }

    /// Takes one message if one is there.
    ///
    /// # Errors
    /// [`IpcError::Truncated`] for a message beyond the largest frame, else the kernel's refusal;
    /// either way the connection should be dropped.
    pub fn try_recv<'b>(&self, buffer: &'b mut FrameBuffer) -> Result<Received<'b>, IpcError> {
        match self.recv(buffer) {
            Ok(len) => received(buffer, len),
            Err(e) if is_would_block(&e) => Ok(Received::WouldBlock),
            Err(e) if is_gone(&e) => Ok(Received::Closed),
            Err(source) => Err(IpcError::Call { call: "recv", source }),
        }
    }
}

impl Connection {
    fn recv(&self, buffer: &mut FrameBuffer) -> io::Result<usize> {
        if !self.is_new.get() {
            return sys::recv(self.fd.as_fd(), buffer.bytes_mut());
        }
        let (len, passed) = sys::recv_passing(self.fd.as_fd(), buffer.bytes_mut())?;
        self.is_new.set(false);
        self.passed.replace(passed);
        Ok(len)
    }

    /// Whether this connection was accepted and nothing was received on it yet: its first message
    /// must be taken by [`Connection::try_recv`].
    pub(crate) fn is_new(&self) -> bool {
        self.is_new.get()
    }

    /// The descriptor that came with the first message, once.
    #[must_use]
    pub fn take_passed(&self) -> Option<OwnedFd> {
        self.passed.take()
    }
}

/// Reads the length a receive gave: nothing, a frame, or more than fits.
pub(crate) fn received(buffer: &FrameBuffer, len: usize) -> Result<Received<'_>, IpcError> {
    match buffer.bytes().get(..len) {
        Some([]) => Ok(Received::Closed),
        Some(frame) => Ok(Received::Frame(frame)),
        None => Err(IpcError::Truncated { len }),
    }
}

pub(crate) fn is_would_block(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

pub(crate) fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ECONNRESET | libc::EPIPE | libc::ENOTCONN))
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
