//! The libc back end: non-blocking `recv` and `send`, `epoll_wait` only to wait.
//!
//! Must never: issue a raw system call (libc calls are what `LD_PRELOAD` can intercept). With a
//! timeout of zero and few connections it does not ask epoll at all but reads each socket, which
//! is the faster way to spin. Runs on its owner's polling thread; a poll allocates nothing.

use crate::backend::{IoBackend, IoEvent, Token};
use crate::buffer::FrameBuffer;
use crate::error::{IpcError, SendError};
use crate::slots::Slots;
use crate::socket::{Connection, Listener, PeerCred, Received, Sent};
use crate::sys::{Epoll, EpollEvents, NO_EVENTS};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// Messages taken from one connection before the others get their turn.
const BURST: usize = 64;
/// Up to so many connections, spinning reads each socket instead of asking epoll.
const SWEEP_MAX: usize = 4;
/// While sweeping, listeners are looked after once in so many polls.
const SWEEPS_PER_WAIT: u32 = 64;

#[derive(Debug)]
enum Socket {
    Listener(Listener),
    Connection(Connection),
}

/// See the module.
pub struct EpollBackend {
    epoll: Epoll,
    sockets: Slots<Socket>,
    connections: usize,
    buffer: FrameBuffer,
    events: EpollEvents,
    sweeps: u32,
}

impl EpollBackend {
    /// An empty set.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn new() -> Result<Self, IpcError> {
        let epoll = Epoll::new().map_err(IpcError::call("epoll_create1"))?;
        Ok(Self {
            epoll,
            sockets: Slots::new(),
            connections: 0,
            buffer: FrameBuffer::new(),
            events: NO_EVENTS,
            sweeps: 0,
        })
    }

    fn add(&mut self, socket: Socket) -> Result<Token, IpcError> {
        let token = self.sockets.insert(socket)?;
        let watched = match self.sockets.get(token) {
            Some(Socket::Listener(l)) => self.epoll.add(l.as_fd(), token.raw()),
            Some(Socket::Connection(c)) => self.epoll.add(c.as_fd(), token.raw()),
            None => Ok(()),
        };
        if let Err(source) = watched {
            self.sockets.remove(token);
            return Err(IpcError::Call { call: "epoll_ctl", source });
        }
        Ok(token)
    }

    fn serve(&mut self, token: Token, on_event: &mut dyn FnMut(Token, IoEvent<'_>)) -> usize {
        let dead = match self.sockets.get(token) {
            None => return 0,
            Some(Socket::Listener(listener)) => return accept_all(listener, token, on_event),
            Some(Socket::Connection(connection)) => {
                match receive(connection, &mut self.buffer, token, on_event) {
                    Served::Alive(count) => return count,
                    Served::Dead(count) => count,
                }
            }
        };
        self.remove(token);
        dead
    }

    fn sweep(&mut self, on_event: &mut dyn FnMut(Token, IoEvent<'_>)) -> usize {
        let mut count = 0;
        for place in 0..self.sockets.places() {
            let Some(token) = self.sockets.token_at(place) else {
                continue;
            };
            if matches!(self.sockets.get(token), Some(Socket::Connection(_))) {
                count += self.serve(token, on_event);
            }
        }
        count
    }
}

enum Served {
    Alive(usize),
    Dead(usize),
}

fn receive(
    connection: &Connection,
    buffer: &mut FrameBuffer,
    token: Token,
    on_event: &mut dyn FnMut(Token, IoEvent<'_>),
) -> Served {
    for count in 0..BURST {
        match connection.try_recv(buffer) {
            Ok(Received::Frame(frame)) => on_event(token, IoEvent::Frame(frame)),
            Ok(Received::WouldBlock) => return Served::Alive(count),
            Ok(Received::Closed) => {
                on_event(token, IoEvent::Closed);
                return Served::Dead(count + 1);
            }
            Err(error) => {
                on_event(token, IoEvent::Failed(error));
                return Served::Dead(count + 1);
            }
        }
    }
    Served::Alive(BURST)
}

/// Takes every waiting connection, a bounded number a call.
pub(crate) fn accept_all(
    listener: &Listener,
    token: Token,
    on_event: &mut dyn FnMut(Token, IoEvent<'_>),
) -> usize {
    for count in 0..BURST {
        match listener.accept() {
            Ok(Some(connection)) => on_event(token, IoEvent::Accepted(connection)),
            Ok(None) => return count,
            Err(error) => {
                let refused = matches!(error, IpcError::PeerRefused { .. });
                on_event(token, IoEvent::AcceptFailed(error));
                if !refused {
                    return count + 1;
                }
            }
        }
    }
    BURST
}

impl IoBackend for EpollBackend {
    fn name(&self) -> &'static str {
        "libc"
    }

    fn add_listener(&mut self, listener: Listener) -> Result<Token, IpcError> {
        self.add(Socket::Listener(listener))
    }

    fn add_connection(&mut self, connection: Connection) -> Result<Token, IpcError> {
        let token = self.add(Socket::Connection(connection))?;
        self.connections += 1;
        Ok(token)
    }

    fn poll(
        &mut self,
        timeout: Option<Duration>,
        on_event: &mut dyn FnMut(Token, IoEvent<'_>),
    ) -> Result<usize, IpcError> {
        if timeout == Some(Duration::ZERO) && (1..=SWEEP_MAX).contains(&self.connections) {
            self.sweeps = (self.sweeps + 1) % SWEEPS_PER_WAIT;
            if self.sweeps != 0 {
                return Ok(self.sweep(on_event));
            }
        }
        let mut events = self.events;
        let ready = match self.epoll.wait(&mut events, timeout_ms(timeout)) {
            Ok(ready) => ready,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => 0,
            Err(source) => {
                return Err(IpcError::Call { call: "epoll_wait", source });
            }
        };
        let mut count = 0;
        for event in events.iter().take(ready) {
            count += self.serve(Token::from_raw(event.u64), on_event);
        }
        Ok(count)
    }

    fn send(&mut self, token: Token, frame: &[u8]) -> Result<Sent, SendError> {
        match self.sockets.get(token) {
            Some(Socket::Connection(connection)) => connection.try_send(frame),
            _ => Err(SendError::UnknownToken),
        }
    }

    fn remove(&mut self, token: Token) {
        // Closing the descriptor, of which this is the only copy, ends epoll's watch.
        if let Some(Socket::Connection(_)) = self.sockets.remove(token) {
            self.connections -= 1;
        }
    }

    fn take_passed(&mut self, token: Token) -> Option<OwnedFd> {
        match self.sockets.get(token)? {
            Socket::Connection(connection) => connection.take_passed(),
            Socket::Listener(_) => None,
        }
    }

    fn peer(&self, token: Token) -> Option<PeerCred> {
        match self.sockets.get(token)? {
            Socket::Connection(connection) => Some(connection.peer()),
            Socket::Listener(_) => None,
        }
    }
}

/// Whole milliseconds, rounded up so that a short wait is not a spin; -1 without end.
fn timeout_ms(timeout: Option<Duration>) -> i32 {
    timeout.map_or(-1, |t| i32::try_from(t.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX))
}

impl core::fmt::Debug for EpollBackend {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("EpollBackend")
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_round_up_and_saturate() {
        assert_eq!(timeout_ms(None), -1);
        assert_eq!(timeout_ms(Some(Duration::ZERO)), 0);
        assert_eq!(timeout_ms(Some(Duration::from_nanos(1))), 1);
        assert_eq!(timeout_ms(Some(Duration::from_millis(7))), 7);
        assert_eq!(timeout_ms(Some(Duration::MAX)), i32::MAX);
    }
}
