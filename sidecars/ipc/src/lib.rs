//! Framed, non-blocking Unix sockets between Corelane's processes.
//!
//! Owns: `SOCK_SEQPACKET` sockets ([`Listener`], [`Connection`]), the peer's uid check, the
//! version handshake ([`handshake`]), the reconnect timetable ([`Reconnector`]), two I/O back ends
//! behind one trait ([`IoBackend`]): libc calls with epoll, and `io_uring`; and the shared memory
//! that a connection may carry its frames through ([`shm`]).
//!
//! Must never: block unless the caller passes a timeout to [`IoBackend::poll`], read a clock
//! (moments come from the caller), trust a peer (frames are handed on as bytes; the caller decodes
//! them with [`wire::decode`]), open a network socket, or print.
//!
//! Threads: the bridge of the station, the control socket, every sidecar; never a hot thread.
//! Allocates when a socket is made or added; receiving and sending allocate nothing.

mod backend;
mod buffer;
mod epoll;
mod error;
pub mod handshake;
mod reconnect;
pub mod shm;
mod slots;
mod socket;
mod sys;
mod uring;

pub use backend::{BackendKind, IoBackend, IoEvent, Token, open, open_or_libc};
pub use buffer::FrameBuffer;
pub use epoll::EpollBackend;
pub use error::{IpcError, SendError};
pub use reconnect::{Backoff, Reconnector};
pub use socket::{Connection, Listener, PeerCred, PeerPolicy, Received, Sent, connect};
pub use uring::UringBackend;
