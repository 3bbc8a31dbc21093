//! The shared memory of the connection to the signal sidecar: offered with the greeting, used once
//! the sidecar says that it has taken it.
//!
//! A new connection gets new memory: what an earlier peer did to its own is gone with it. Must never:
//! wait, or hand on a frame that is not this side's own copy. The bridge's thread runs it.

use ipc::handshake::{Identity, PeerInfo};
use ipc::shm::{End, Offer, Put, PutError, RingFault};
use ipc::{Connection, FrameBuffer, IoBackend, Sent, Token};
use wire::FrameHeader;
use wire::handshake::Doorbell;

/// How frames may travel to the sidecar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Through the socket.
    #[default]
    Socket,
    /// Through shared memory where the sidecar takes it, else through the socket.
    Shm,
}

impl Transport {
    /// The word the configuration and the summary use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Shm => "shm",
        }
    }
}

/// The memory of the present connection, if it has any.
#[derive(Debug, Default)]
pub(super) struct Memory {
    transport: Transport,
    offer: Option<Offer>,
    end: Option<End>,
    /// How the peer broke the rules while something was sent; told with the next look.
    fault: Option<RingFault>,
}

impl Memory {
    pub(super) fn new(transport: Transport) -> Self {
        Self { transport, ..Self::default() }
    }

    /// What this connection greets as; sends that greeting, with memory where it is wanted.
    pub(super) fn greet(
        &mut self,
        me: Identity,
        connection: &Connection,
    ) -> Result<Identity, String> {
        self.drop_all();
        let me = me.with_shared_memory(self.transport == Transport::Shm);
        let hello = me.hello();
        let frame = bytemuck::bytes_of(&hello);
        let sent = if me.hello().shared_memory == 0 {
            connection.try_send(frame)
        } else {
            let offer = Offer::new().map_err(|e| e.to_string())?;
            let sent = connection.try_send_passing(frame, offer.fd());
            self.offer = Some(offer);
            sent
        };
        match sent {
            Ok(Sent::Sent) => Ok(me),
            Ok(Sent::WouldBlock) => Err("socket is full".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The sidecar has answered: from now on its memory is used, if it took it.
    pub(super) fn settle(&mut self, peer: &PeerInfo) {
        let offer = self.offer.take().filter(|_| peer.shared_memory);
        self.end = offer.map(Offer::taken);
    }

    pub(super) fn drop_all(&mut self) {
        *self = Self::new(self.transport);
    }

    pub(super) fn is_used(&self) -> bool {
        self.end.is_some()
    }

    /// Whether the operator wanted memory that the sidecar did not take.
    pub(super) fn is_declined(&self) -> bool {
        self.transport == Transport::Shm && self.end.is_none()
    }

    /// Sends a frame the one way or the other; `false` where there is no room.
    pub(super) fn send(&mut self, token: Token, frame: &[u8], io: &mut dyn IoBackend) -> bool {
        let Some(end) = &mut self.end else {
            return matches!(io.send(token, frame), Ok(Sent::Sent));
        };
        match end.try_send(frame) {
            Ok(Put::Quiet) => true,
            Ok(Put::Bell) => {
                let bell = Doorbell { header: FrameHeader::new::<Doorbell>() };
                // A socket without room has something to read: the sleeper wakes all the same.
                let _heard = io.send(token, bytemuck::bytes_of(&bell));
                true
            }
            Ok(Put::Full) | Err(PutError::Frame(_)) => false,
            Err(PutError::Fault(fault)) => {
                self.fault = Some(fault);
                false
            }
        }
    }

    /// The next frame in memory, copied into the buffer.
    pub(super) fn receive<'b>(
        &mut self,
        buffer: &'b mut FrameBuffer,
    ) -> Result<Option<&'b [u8]>, RingFault> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        self.end.as_mut().map_or(Ok(None), |end| end.try_recv(buffer))
    }

    /// Whether the bridge may sleep on its sockets; says so in the memory.
    pub(super) fn park(&mut self) -> bool {
        let parked = self.end.as_mut().map_or(Ok(true), End::park);
        // A fault is told by the next look, which must come at once.
        self.fault = parked.err().or(self.fault);
        parked.unwrap_or(false)
    }

    pub(super) fn unpark(&mut self) {
        if let Some(end) = &mut self.end {
            end.unpark();
        }
    }
}
