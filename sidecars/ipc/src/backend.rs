//! The trait both I/O back ends share, and the choice between them.
//!
//! One polling thread owns a back end with its listeners and connections: the station's bridge, a
//! sidecar. Must never: block longer than the caller says, keep events for later, or decide what a
//! frame means. Open a back end on the thread that polls it: `io_uring` is bound to that thread.

use crate::epoll::EpollBackend;
use crate::error::{IpcError, SendError};
use crate::socket::{Connection, Listener, PeerCred, Sent};
use crate::uring::UringBackend;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Names a listener or a connection in one back end; never reused for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(u64);

impl Token {
    pub(crate) const fn new(index: u32, generation: u32) -> Self {
        Self(((generation as u64) << 32) | index as u64)
    }

    /// The token behind a number; one that no back end made names nothing.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// The number of a token, for tables and logs.
    #[must_use]
    pub const fn raw(self) -> u64 {
        self.0
    }

    pub(crate) fn index(self) -> u32 {
        u32::try_from(self.0 & 0xffff_ffff).unwrap_or(u32::MAX)
    }

    pub(crate) fn generation(self) -> u32 {
        u32::try_from(self.0 >> 32).unwrap_or(u32::MAX)
    }
}

/// What happened to a socket.
#[derive(Debug)]
pub enum IoEvent<'a> {
    /// A listener took a connection of an allowed user. Add it to the back end, or drop it.
    Accepted(Connection),
    /// A listener could not take a connection (another user's, no descriptors left); the listener
    /// stays.
    AcceptFailed(IpcError),
    /// One whole message, aligned to 8 bytes, valid during the call; not decoded.
    Frame(&'a [u8]),
    /// The peer closed. The connection is closed and its token is dead.
    Closed,
    /// The connection broke, or its peer broke the rules. It is closed and its token is dead.
    Failed(IpcError),
}

/// A set of sockets and a way to wait for them.
pub trait IoBackend: core::fmt::Debug {
    /// `libc` or `io_uring`.
    fn name(&self) -> &'static str;

    /// Adds a listener; its connections arrive as [`IoEvent::Accepted`].
    ///
    /// # Errors
    /// No room, or the kernel's refusal.
    fn add_listener(&mut self, listener: Listener) -> Result<Token, IpcError>;

    /// Adds a connection; its messages arrive as [`IoEvent::Frame`]. Allocates its buffer.
    ///
    /// # Errors
    /// No room, or the kernel's refusal.
    fn add_connection(&mut self, connection: Connection) -> Result<Token, IpcError>;

    /// Delivers what is there, waiting at most `timeout` for the first event: zero looks without
    /// waiting, `None` waits without end. Returns the number of events delivered; 0 after a
    /// signal. One call delivers a bounded number, so a flood from one peer starves nobody: call
    /// again with zero until it returns 0 to drain.
    ///
    /// # Errors
    /// Only what makes the back end itself unusable.
    fn poll(
        &mut self,
        timeout: Option<Duration>,
        on_event: &mut dyn FnMut(Token, IoEvent<'_>),
    ) -> Result<usize, IpcError>;

    /// Sends one frame, whole or not at all, without waiting.
    ///
    /// # Errors
    /// [`SendError`]. The connection stays in the table until its end shows up in
    /// [`IoBackend::poll`] or the caller removes it.
    fn send(&mut self, token: Token, frame: &[u8]) -> Result<Sent, SendError>;

    /// Closes a listener or connection; events of it come no more. Unknown tokens are ignored.
    fn remove(&mut self, token: Token);

    /// The descriptor that came with a connection's first message, once; `None` where none did.
    fn take_passed(&mut self, token: Token) -> Option<OwnedFd>;

    /// Who is at the other end of a connection.
    fn peer(&self, token: Token) -> Option<PeerCred>;
}

/// Which back end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendKind {
    /// Non-blocking libc calls with epoll. The default: measured faster for small messages.
    Libc,
    /// `io_uring` for accepting and receiving.
    IoUring,
}

impl BackendKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Libc, Self::IoUring];

    /// The name as configurations spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Libc => "libc",
            Self::IoUring => "io_uring",
        }
    }

    /// The kind behind a configured name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Opens a back end. Call it on the thread that will poll it.
///
/// # Errors
/// [`IpcError::UringRefused`] where the kernel or the container has no `io_uring` for us, else the
/// kernel's refusal.
pub fn open(kind: BackendKind) -> Result<Box<dyn IoBackend>, IpcError> {
    match kind {
        BackendKind::Libc => Ok(Box::new(EpollBackend::new()?)),
        BackendKind::IoUring => Ok(Box::new(UringBackend::new()?)),
    }
}

/// Opens a back end; where `io_uring` is refused, opens libc instead and hands back the reason, for
/// the caller to say in one line.
///
/// # Errors
/// Only when libc's epoll is refused as well.
pub fn open_or_libc(kind: BackendKind) -> Result<(Box<dyn IoBackend>, Option<IpcError>), IpcError> {
    fall_back(open(kind))
}

fn fall_back(
    opened: Result<Box<dyn IoBackend>, IpcError>,
) -> Result<(Box<dyn IoBackend>, Option<IpcError>), IpcError> {
    match opened {
        Ok(backend) => Ok((backend, None)),
        Err(reason @ IpcError::UringRefused { .. }) => Ok((open(BackendKind::Libc)?, Some(reason))),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn a_refused_ring_falls_back_to_libc_and_says_why() {
        let source = io::Error::from_raw_os_error(libc::EPERM);
        let refused = IpcError::UringRefused { what: "io_uring_setup", source };
        let (backend, reason) = fall_back(Err(refused)).unwrap();
        assert_eq!(backend.name(), "libc");
        assert!(matches!(reason, Some(IpcError::UringRefused { .. })));
    }

    #[test]
    fn another_failure_does_not_fall_back() {
        let source = io::Error::from_raw_os_error(libc::EMFILE);
        assert!(fall_back(Err(IpcError::Call { call: "epoll_create1", source })).is_err());
    }

    #[test]
    fn names_lead_back_to_their_kinds() {
        for kind in BackendKind::ALL {
            assert_eq!(BackendKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(BackendKind::from_name("select"), None);
    }
}
