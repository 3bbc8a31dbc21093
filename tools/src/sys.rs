//! The system calls of the probes that have no safe binding: one read through an `io_uring`, and
//! the real-time policy of a thread.
//!
//! The only file of this crate that may hold `unsafe`, as STYLE's rule of one `sys.rs` for a crate
//! allows. Must never: hand the kernel memory that a caller owns. Called by measuring threads; a
//! read allocates nothing.
#![expect(unsafe_code, reason = "the one system call file of this crate")]

use io_uring::types::{Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, opcode};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// A ring for one read at a time, with a buffer of its own. Stays on the thread that made it.
pub(crate) struct Uring {
    ring: IoUring,
    buffer: Vec<u8>,
    /// The kernel may still write the buffer.
    in_flight: bool,
}

impl std::fmt::Debug for Uring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Uring").field("in_flight", &self.in_flight).finish_non_exhaustive()
    }
}

impl Uring {
    /// A ring whose reads take up to `room` bytes.
    ///
    /// # Errors
    /// The kernel's refusal: too old, or forbidden in this container.
    pub(crate) fn new(room: usize) -> io::Result<Self> {
        let mut best = IoUring::builder();
        best.setup_single_issuer().setup_defer_taskrun();
        let ring = match best.build(4) {
            // Before Linux 6.1.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => IoUring::new(4)?,
            other => other?,
        };
        if !ring.params().is_feature_ext_arg() {
            return Err(io::Error::from_raw_os_error(libc::ENOSYS));
        }
        Ok(Self { ring, buffer: vec![0; room], in_flight: false })
    }

    /// Reads once, waiting in the ring for at most `timeout`.
    ///
    /// # Errors
    /// The read's own error; `TimedOut`, after which the ring takes no further read.
    pub(crate) fn read(
        &mut self,
        fd: BorrowedFd<'_>,
        out: &mut [u8],
        timeout: Duration,
    ) -> io::Result<usize> {
        if self.in_flight {
            return Err(io::Error::other("an earlier read of this ring timed out"));
        }
        let room = self.buffer.len().min(out.len());
        let length = u32::try_from(room).map_err(io::Error::other)?;
        let entry = opcode::Read::new(Fd(fd.as_raw_fd()), self.buffer.as_mut_ptr(), length)
            .offset(u64::MAX)
            .build();
        let mut queue = self.ring.submission();
        // JUSTIFICATION: the io-uring crate has no safe way to submit.
        // SAFETY: the buffer is the ring's own and at least `length` bytes long; it is read, moved
        // or freed only when `in_flight` is false again, and leaked where it never is (`drop`).
        unsafe { queue.push(&entry) }.map_err(io::Error::other)?;
        drop(queue);
        self.in_flight = true;
        let done = self.wait(timeout)?;
        self.in_flight = false;
        let got = usize::try_from(done).map_err(|_| io::Error::from_raw_os_error(-done))?;
        if let (Some(to), Some(from)) = (out.get_mut(..got), self.buffer.get(..got)) {
            to.copy_from_slice(from);
        }
        Ok(got)
    }

    fn wait(&mut self, timeout: Duration) -> io::Result<i32> {
        let limit = Timespec::from(timeout);
        loop {
            let args = SubmitArgs::new().timespec(&limit);
            let waited = self.ring.submitter().submit_with_args(1, &args);
            if let Some(entry) = self.ring.completion().next() {
                return Ok(entry.result());
            }
            match waited.map_err(|error| (error.raw_os_error(), error)) {
                Ok(_) | Err((Some(libc::EINTR), _)) => {}
                Err((Some(libc::ETIME), _)) => return Err(io::ErrorKind::TimedOut.into()),
                Err((_, error)) => return Err(error),
            }
        }
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        if self.in_flight {
            // The kernel may yet write it: it is never given back.
            Vec::leak(std::mem::take(&mut self.buffer));
        }
    }
}

/// Gives the calling thread the policy `SCHED_FIFO`.
///
/// # Errors
/// `EPERM` without the right to it.
pub(crate) fn real_time(priority: u8) -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: priority.into() };
    // JUSTIFICATION: no crate in the tree sets a thread's policy.
    // SAFETY: the pointer names one live structure, and 0 is the calling thread.
    match unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::Uring;
    use std::io::{self, Write as _};
    use std::os::fd::AsFd as _;
    use std::time::Duration;

    #[test]
    fn reads_what_was_written_and_gives_up_in_time() {
        let mut ring = match Uring::new(16) {
            Ok(ring) => ring,
            Err(error) => {
                eprintln!("SKIPPED reads_what_was_written_and_gives_up_in_time: {error}");
                return;
            }
        };
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"twelve bytes").unwrap();
        let mut out = [0; 7];
        let got = ring.read(reader.as_fd(), &mut out, Duration::from_mins(1)).unwrap();
        assert_eq!(out.get(..got), Some(&b"twelve "[..]));
        let got = ring.read(reader.as_fd(), &mut out, Duration::from_mins(1)).unwrap();
        assert_eq!(out.get(..got), Some(&b"bytes"[..]));
        let late = ring.read(reader.as_fd(), &mut out, Duration::from_millis(1)).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        assert!(ring.read(reader.as_fd(), &mut out, Duration::from_millis(1)).is_err());
    }
}
