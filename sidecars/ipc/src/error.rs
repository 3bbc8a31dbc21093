//! What can go wrong with a socket, as types with their context in fields.
//!
//! Must never: print, or repeat a source's text in its own. Allocates only when a path is kept.

use std::io;
use std::path::PathBuf;

/// Why a socket could not be made, opened or served.
#[derive(Debug, thiserror::Error)]
pub enum IpcError {
    /// The path does not fit the kernel's address.
    #[error("socket path `{path}` is {len} bytes long, at most {max} are allowed")]
    PathTooLong {
        /// The path.
        path: PathBuf,
        /// Its length, bytes.
        len: usize,
        /// The limit, bytes.
        max: usize,
    },
    /// The socket or its directory could be written by others.
    #[error("`{path}` is not private: mode {mode:o}, owner {owner}")]
    NotPrivate {
        /// The directory, or the socket.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Its owner's uid.
        owner: u32,
    },
    /// Something that is no socket stands at the path.
    #[error("`{path}` exists and is no socket")]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// A living process listens at the path.
    #[error("another process listens on `{path}`")]
    InUse {
        /// The path.
        path: PathBuf,
    },
    /// Nobody listens at the path (yet).
    #[error("no process listens on `{path}`")]
    NobodyListens {
        /// The path.
        path: PathBuf,
    },
    /// The listener's backlog is full: try again later.
    #[error("the listener on `{path}` is too busy to accept")]
    BacklogFull {
        /// The path.
        path: PathBuf,
    },
    /// The process at the other end runs under a user that is not allowed.
    #[error("peer process {pid} runs as uid {uid}, which is not allowed")]
    PeerRefused {
        /// The peer's uid, by the kernel.
        uid: u32,
        /// The peer's process id when it connected, by the kernel.
        pid: u32,
    },
    /// The peer sent a message larger than the largest frame.
    #[error("the peer sent a message of {len} bytes, beyond the largest frame")]
    Truncated {
        /// The message's length, bytes.
        len: usize,
    },
    /// The kernel or the container refuses `io_uring`.
    #[error("io_uring is refused here: {what}")]
    UringRefused {
        /// What was refused.
        what: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The back end holds as many sockets as it can.
    #[error("the back end holds its limit of {limit} sockets")]
    TooManySockets {
        /// The limit.
        limit: usize,
    },
    /// A system call failed.
    #[error("system call {call} failed")]
    Call {
        /// The call.
        call: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A system call on a path failed.
    #[error("system call {call} failed for `{path}`")]
    Path {
        /// The call.
        call: &'static str,
        /// The path.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl IpcError {
    /// Whether trying again later may help, without anybody changing anything here.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::NobodyListens { .. } | Self::BacklogFull { .. })
    }

    pub(crate) fn call(call: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Call { call, source }
    }
}

/// Why a frame could not be handed to the kernel. `Copy`: the bridge counts by cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The peer is gone; the socket is of no more use.
    #[error("the peer has closed the socket")]
    Closed,
    /// An empty frame: it would read as end of file at the other end.
    #[error("an empty frame cannot be sent")]
    Empty,
    /// Larger than the largest frame.
    #[error("a frame of {0} bytes is larger than the largest frame")]
    TooLong(usize),
    /// No such socket in this back end (any more).
    #[error("the token names no connection")]
    UnknownToken,
    /// Another answer of the kernel, its `errno`.
    #[error("the kernel refused the frame, errno {0}")]
    Os(i32),
}
