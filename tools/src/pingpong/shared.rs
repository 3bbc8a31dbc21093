//! The link in shared memory: crate `ipc`'s rings, each end with a mapping of its own, and a socket
//! beside them that wakes a sleeper.
//!
//! Must never: hand a frame on that was not copied out of the shared memory. Measuring threads.

use super::end::{End, Gone, PATIENCE, Spins, Wait};
use ipc::FrameBuffer;
use ipc::shm::{End as Rings, Offer, Put};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;

/// One end.
#[derive(Debug)]
pub struct SharedEnd {
    rings: Rings,
    buffer: FrameBuffer,
    bell: UnixStream,
    is_asleep_allowed: bool,
    gone: Gone,
}

impl SharedEnd {
    /// Both ends of new memory.
    ///
    /// # Errors
    /// The kernel's refusal; `Unsupported` for `io-uring`, which has nothing to read here.
    pub fn pair(wait: Wait) -> io::Result<(Self, Self)> {
        let is_asleep_allowed = match wait {
            Wait::Blocking => true,
            Wait::Spinning => false,
            Wait::IoUring => return Err(ErrorKind::Unsupported.into()),
        };
        let offer = Offer::new().map_err(io::Error::other)?;
        let theirs = Rings::take(&offer.fd().try_clone_to_owned()?).map_err(io::Error::other)?;
        let bells = UnixStream::pair()?;
        bells.0.set_read_timeout(Some(PATIENCE))?;
        bells.1.set_read_timeout(Some(PATIENCE))?;
        let gone = Gone::default();
        let end = |rings, bell, gone| Self {
            rings,
            buffer: FrameBuffer::new(),
            bell,
            is_asleep_allowed,
            gone,
        };
        Ok((end(offer.taken(), bells.0, gone.clone()), end(theirs, bells.1, gone)))
    }

    fn sleep(&mut self) -> io::Result<()> {
        if self.rings.park().map_err(io::Error::other)? {
            let woken = match self.bell.read(&mut [0]) {
                Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    Err(ErrorKind::TimedOut.into())
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
                Err(error) => Err(error),
            };
            self.rings.unpark();
            return woken;
        }
        Ok(())
    }
}

impl End for SharedEnd {
    #[inline]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        match self.rings.try_send(message).map_err(io::Error::other)? {
            Put::Quiet => Ok(()),
            Put::Bell => self.bell.write_all(&[1]),
            Put::Full => Err(io::Error::other("the ring is full: the peer does not read")),
        }
    }

    #[inline]
    fn recv(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let mut spins = Spins::default();
        loop {
            let Self { rings, buffer: own, .. } = self;
            if let Some(frame) = rings.try_recv(own).map_err(io::Error::other)? {
                if frame.len() != buffer.len() {
                    return Err(io::Error::new(ErrorKind::InvalidData, "a message was cut"));
                }
                buffer.copy_from_slice(frame);
                return Ok(());
            }
            if self.is_asleep_allowed {
                self.sleep()?;
            } else {
                spins.empty(&self.gone)?;
            }
        }
    }
}

impl Drop for SharedEnd {
    fn drop(&mut self) {
        self.gone.set();
    }
}
