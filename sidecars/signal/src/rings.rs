//! The peers whose requests and answers go through shared memory.
//!
//! Owns their ends of it. Must never: take memory that is not sealed, hand on a frame that is not
//! this side's own copy, or sleep beside a frame. Serving thread; allocates per peer, not per frame.

use bytemuck::bytes_of;
use ipc::shm::{End, MemoryError, Put, PutError, RingFault};
use ipc::{FrameBuffer, Token};
use std::os::fd::OwnedFd;
use wire::handshake::Doorbell;
use wire::{Frame, FrameHeader, decode};

/// Frames taken from one peer before the others get their turn.
const BURST: usize = 64;
/// While peers with shared memory are looked after without sleep, sockets are once in so many looks.
const SOCKETS_EVERY: u32 = 64;

/// Takes a frame, or what its sender did instead.
type OnFrame<'a> = dyn FnMut(Token, Result<&[u8], RingFault>) + 'a;

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// It is there.
    Yes,
    /// It is there; ring with [`bell`] on the socket.
    Ring,
    /// No room: dropped.
    Dropped,
    /// The peer broke the rules: disconnect it.
    Broken,
}

/// The bell's frame.
pub(crate) fn bell() -> Doorbell {
    Doorbell { header: FrameHeader::new::<Doorbell>() }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Rings {
    ends: Vec<(Token, End)>,
    buffer: FrameBuffer,
    looks: u32,
}

impl Rings {
    /// Takes the memory that a peer passed with its greeting.
    pub(crate) fn adopt(&mut self, peer: Token, fd: &OwnedFd) -> Result<(), MemoryError> {
        self.ends.push((peer, End::take(fd)?));
        Ok(())
    }

    pub(crate) fn remove(&mut self, peer: Token) {
        self.ends.retain(|(token, _)| *token != peer);
    }

    pub(crate) fn has(&self, peer: Token) -> bool {
        self.ends.iter().any(|(token, _)| *token == peer)
    }

    /// Whether a message on the socket of such a peer is its bell.
    pub(crate) fn is_bell(&self, peer: Token, frame: &[u8]) -> bool {
        self.has(peer) && matches!(decode(frame), Ok(Frame::Doorbell(_)))
    }

    /// Whether it is the sockets' turn to be looked after.
    pub(crate) fn sockets_are_due(&mut self) -> bool {
        self.looks = (self.looks + 1) % SOCKETS_EVERY;
        self.ends.is_empty() || self.looks == 0
    }

    /// Hands on what lies in memory, a bounded number of frames a peer; how many.
    pub(crate) fn read(&mut self, on_frame: &mut OnFrame<'_>) -> usize {
        let mut count = 0;
        for (token, end) in &mut self.ends {
            for _ in 0..BURST {
                match end.try_recv(&mut self.buffer) {
                    Ok(None) => break,
                    Ok(Some(frame)) => on_frame(*token, Ok(frame)),
                    Err(fault) => {
                        on_frame(*token, Err(fault));
                        count += 1;
                        break;
                    }
                }
                count += 1;
            }
        }
        count
    }

    /// Puts an answer where the peer looks; `None` where that is its socket.
    pub(crate) fn answer<T: bytemuck::NoUninit>(
        &mut self,
        peer: Token,
        answer: &T,
    ) -> Option<Answered> {
        let (_, end) = self.ends.iter_mut().find(|(token, _)| *token == peer)?;
        Some(match end.try_send(bytes_of(answer)) {
            Ok(Put::Quiet) => Answered::Yes,
            Ok(Put::Bell) => Answered::Ring,
            Ok(Put::Full) | Err(PutError::Frame(_)) => Answered::Dropped,
            Err(PutError::Fault(_)) => Answered::Broken,
        })
    }

    /// Says everywhere that this side is about to sleep; whether it may. After a `false` look again.
    pub(crate) fn park(&mut self) -> bool {
        let may_sleep = self.ends.iter_mut().all(|(_, end)| end.park().unwrap_or(false));
        if !may_sleep {
            self.unpark();
        }
        may_sleep
    }

    /// Says everywhere that this side looks by itself again.
    pub(crate) fn unpark(&mut self) {
        for (_, end) in &mut self.ends {
            end.unpark();
        }
    }
}
