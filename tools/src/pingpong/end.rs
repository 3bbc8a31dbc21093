//! One end of a link: sends and receives one message of fixed length.
//!
//! Owns how an end waits. Must never: allocate once it is ready, take a closed link for a message,
//! or spin on for ever beside a peer that has gone. Runs on the measuring threads.

use crate::sys::Uring;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Longest wait for one message. A peer that is silent for so long has gone.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Empty looks between two at the flag that the peer has gone.
const LOOKS: u32 = 4_096;

/// How an end waits for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Wait {
    /// Sleeps in the call.
    Blocking,
    /// Asks again and again without sleeping: needs a CPU of its own.
    Spinning,
    /// Waits in an `io_uring` for the completion of its read.
    IoUring,
}

impl Wait {
    /// The name on the command line and in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocking => "blocking",
            Self::Spinning => "spinning",
            Self::IoUring => "io-uring",
        }
    }
}

/// One end.
pub trait End: Send {
    /// Makes what must belong to the measuring thread. Called once, on it.
    ///
    /// # Errors
    /// The kernel's refusal.
    fn ready(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Sends one message whole.
    ///
    /// # Errors
    /// The link's.
    fn send(&mut self, message: &[u8]) -> io::Result<()>;

    /// Receives one message of the buffer's length.
    ///
    /// # Errors
    /// `UnexpectedEof` where the peer closed, `TimedOut` where nothing came, else the link's.
    fn recv(&mut self, buffer: &mut [u8]) -> io::Result<()>;
}

/// Says that the peer has gone; both ends hold it, and either's drop sets it.
#[derive(Clone, Debug, Default)]
pub struct Gone(Arc<AtomicBool>);

impl Gone {
    /// Whether one of the ends was dropped.
    #[must_use]
    pub fn is_set(&self) -> bool {
        // ORDERING: relaxed; the word alone is the message, `set` stores it.
        self.0.load(Ordering::Relaxed)
    }

    /// Sets it.
    pub fn set(&self) {
        // ORDERING: relaxed; as in `is_set`.
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Looks at flag and clock once in many empty looks, so that spinning costs no more.
#[derive(Debug, Default)]
pub struct Spins {
    looks: u32,
    /// Seconds of the monotonic clock after which patience ends.
    until: Option<i64>,
}

impl Spins {
    /// One empty look.
    ///
    /// # Errors
    /// `UnexpectedEof` where the peer has gone, `TimedOut` where nothing came.
    #[inline]
    pub fn empty(&mut self, gone: &Gone) -> io::Result<()> {
        self.looks = self.looks.wrapping_add(1);
        if self.looks.is_multiple_of(LOOKS) { self.think(gone) } else { Ok(()) }
    }

    fn think(&mut self, gone: &Gone) -> io::Result<()> {
        if gone.is_set() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic).tv_sec;
        let patience = i64::try_from(PATIENCE.as_secs()).unwrap_or(i64::MAX);
        let until = *self.until.get_or_insert(now.saturating_add(patience));
        if now > until { Err(ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

/// An end with descriptors: sockets and pipes. Reads and writes through the C library, so that a
/// preloaded network stack sees them.
#[derive(Debug)]
pub struct Descriptors {
    read: File,
    write: File,
    wait: Wait,
    /// A message is one datagram, and an empty one ends the link.
    is_datagram: bool,
    room: usize,
    ring: Option<Uring>,
    gone: Gone,
}

impl Descriptors {
    /// An end over one socket, which must not block where the end spins.
    ///
    /// # Errors
    /// No descriptor left.
    pub fn socket(
        fd: OwnedFd,
        wait: Wait,
        is_datagram: bool,
        room: usize,
        gone: Gone,
    ) -> io::Result<Self> {
        let read = File::from(fd.try_clone()?);
        Ok(Self { read, write: File::from(fd), wait, is_datagram, room, ring: None, gone })
    }

    /// An end over two pipes.
    #[must_use]
    pub fn pipes(read: OwnedFd, write: OwnedFd, wait: Wait, room: usize, gone: Gone) -> Self {
        let (read, write) = (File::from(read), File::from(write));
        Self { read, write, wait, is_datagram: false, room, ring: None, gone }
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.ring {
            Some(ring) => ring.read(self.read.as_fd(), buffer, PATIENCE),
            None => self.read.read(buffer),
        }
    }
}

impl End for Descriptors {
    fn ready(&mut self) -> io::Result<()> {
        if self.wait == Wait::IoUring {
            self.ring = Some(Uring::new(self.room)?);
        }
        Ok(())
    }

    #[inline]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let (mut sent, mut spins) = (0, Spins::default());
        while let Some(rest) = message.get(sent..).filter(|rest| !rest.is_empty()) {
            match self.write.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(more) => sent += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => spins.empty(&self.gone)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    #[inline]
    fn recv(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let (mut got, mut spins) = (0, Spins::default());
        while got < buffer.len() {
            let rest = buffer.get_mut(got..).unwrap_or_default();
            match self.read_some(rest) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(more) if self.is_datagram && got + more < buffer.len() => {
                    return Err(io::Error::new(ErrorKind::InvalidData, "a message was cut"));
                }
                Ok(more) => got += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => match self.wait {
                    Wait::Spinning => spins.empty(&self.gone)?,
                    Wait::Blocking | Wait::IoUring => return Err(ErrorKind::TimedOut.into()),
                },
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for Descriptors {
    fn drop(&mut self) {
        self.gone.set();
        if self.is_datagram {
            // A datagram link has no end of file: an empty message wakes a sleeping peer.
            let _gone_already = self.write.write(&[]);
        }
    }
}
