//! The shared memory of one connection: a ring of requests and a ring of answers, the same frames
//! as on the socket.
//!
//! The engine makes and seals the memory ([`Offer::new`]), passes it with its `Hello`, and keeps one
//! end; the sidecar takes the descriptor ([`End::take`]) and has the other. The socket stays: it
//! carries the handshake and the bell that wakes a sleeper, and its end is the end of both.
//!
//! Must never: trust the other side (see [`RingFault`]; whoever gets one disconnects), wait, or
//! allocate after its making. One thread an end; DESIGN: readers copy a frame once, then decode it.

mod memory;
mod ring;
mod sync;

pub use memory::MemoryError;
pub use ring::RingFault;

use crate::buffer::FrameBuffer;
use crate::error::SendError;
use memory::Mapping;
use ring::{Lane, Pushed, Reader, WORD, Writer};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use sync::Ordering;

/// First word of the memory: `CLRINGS1`.
const MAGIC: u64 = u64::from_le_bytes(*b"CLRINGS1");
/// Bytes before the records; each word in use has 128 bytes of its own.
const CONTROL_BYTES: usize = 4096;
/// Bytes of request records: room for 79 requests.
pub const REQUEST_BYTES: usize = 256 * 1024;
/// Bytes of answer records: room for 315 answers, more than the engine keeps open.
pub const ANSWER_BYTES: usize = 32 * 1024;
/// Bytes of the whole memory.
pub const BYTES: usize = CONTROL_BYTES + REQUEST_BYTES + ANSWER_BYTES;

const fn word(byte: usize) -> usize {
    byte / WORD
}

/// Engine to sidecar.
const REQUESTS: Lane = Lane {
    tail: word(128),
    head: word(256),
    parked: word(384),
    first: word(CONTROL_BYTES),
    capacity: word(REQUEST_BYTES),
};

/// Sidecar to engine.
const ANSWERS: Lane = Lane {
    tail: word(512),
    head: word(640),
    parked: word(768),
    first: word(CONTROL_BYTES + REQUEST_BYTES),
    capacity: word(ANSWER_BYTES),
};

const _: () = assert!(REQUEST_BYTES.is_power_of_two() && ANSWER_BYTES.is_power_of_two());
const _: () = assert!(BYTES.is_multiple_of(4096));

/// What a send through shared memory did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a full ring drops the frame: count it; a bell must be rung"]
pub enum Put {
    /// The frame is there; the peer looks by itself.
    Quiet,
    /// The frame is there, and the peer sleeps: send it a `Doorbell` on the socket. A socket too
    /// full to take it wakes the peer as well.
    Bell,
    /// No room; the frame is dropped and the caller counts it.
    Full,
}

/// Why a frame could not be put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PutError {
    /// No frame, or none that can ever fit.
    #[error("the frame cannot be sent")]
    Frame(#[source] SendError),
    /// The peer broke the rules: disconnect it.
    #[error("the peer broke the rules of the shared memory")]
    Fault(#[source] RingFault),
}

/// Memory made for one peer, before that peer has taken it.
#[derive(Debug)]
pub struct Offer {
    fd: OwnedFd,
    end: End,
}

impl Offer {
    /// Makes, seals and maps it.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn new() -> Result<Self, MemoryError> {
        let fd = memory::create(BYTES)?;
        let mapping = Mapping::new(&fd, BYTES)?;
        if let Some(first) = mapping.words().first() {
            // ORDERING: release; the peer reads it after a message on the socket, which orders more.
            first.store(MAGIC, Ordering::Release);
        }
        let (out, back) = (Writer::new(REQUESTS, 0), Reader::new(ANSWERS, 0));
        Ok(Self { fd, end: End { mapping, out, back } })
    }

    /// The descriptor, to be passed with `Hello`.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The engine's end, once the peer says that it has taken the memory.
    #[must_use]
    pub fn taken(self) -> End {
        self.end
    }
}

/// One side of the shared memory.
#[derive(Debug)]
pub struct End {
    mapping: Mapping,
    out: Writer,
    back: Reader,
}

impl End {
    /// The sidecar's end of memory that an engine passed.
    ///
    /// # Errors
    /// [`MemoryError`]: without its seals, of another size, of another layout, or not to be mapped.
    pub fn take(fd: &OwnedFd) -> Result<Self, MemoryError> {
        let mapping = Mapping::new(fd, BYTES)?;
        let first = mapping.words().first();
        // ORDERING: acquire; as in `Offer::new`.
        if first.is_none_or(|word| word.load(Ordering::Acquire) != MAGIC) {
            return Err(MemoryError::Layout);
        }
        Ok(Self { mapping, out: Writer::new(ANSWERS, 0), back: Reader::new(REQUESTS, 0) })
    }

    /// Puts one frame into the peer's ring, whole or not at all, without waiting.
    ///
    /// # Errors
    /// [`PutError::Frame`] for what is no frame, [`PutError::Fault`] where the peer's position
    /// cannot be.
    ///
    /// # Latency
    /// No system call; bounded by the frame's length. Measured in `examples/transports.rs`.
    pub fn try_send(&mut self, frame: &[u8]) -> Result<Put, PutError> {
        if frame.is_empty() || !frame.len().is_multiple_of(WORD) {
            return Err(PutError::Frame(SendError::Empty));
        }
        if frame.len() > self.out.largest() {
            return Err(PutError::Frame(SendError::TooLong(frame.len())));
        }
        match self.out.push(self.mapping.words(), frame).map_err(PutError::Fault)? {
            Pushed::Full => Ok(Put::Full),
            Pushed::Quiet => Ok(Put::Quiet),
            Pushed::Bell => Ok(Put::Bell),
        }
    }

    /// Copies the oldest frame into the buffer, once; `None` where there is none. Not decoded.
    ///
    /// # Errors
    /// [`RingFault`]: disconnect the peer.
    pub fn try_recv<'b>(
        &mut self,
        buffer: &'b mut FrameBuffer,
    ) -> Result<Option<&'b [u8]>, RingFault> {
        let length = self.back.pop(self.mapping.words(), buffer.words_mut())?;
        Ok(length.and_then(|length| buffer.bytes().get(..length)))
    }

    /// Says that this side is about to sleep on its socket; `true` where it may, `false` where a
    /// frame is there after all. Say [`End::unpark`] when awake.
    ///
    /// # Errors
    /// [`RingFault`]: disconnect the peer.
    pub fn park(&mut self) -> Result<bool, RingFault> {
        self.back.park(self.mapping.words())
    }

    /// Says that this side looks by itself again.
    pub fn unpark(&mut self) {
        self.back.unpark(self.mapping.words());
    }
}
