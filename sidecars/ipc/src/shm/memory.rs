//! The memory itself: made and sealed by the engine, looked over and mapped by the sidecar.
//!
//! A memfd of a fixed size under the seals shrink, grow and seal: nobody can make it smaller under a
//! reader (which would kill it by SIGBUS) or take the seals off. Must never: map a descriptor whose
//! size and seals it has not seen, or hand out its words as anything but atomics: the peer may
//! change each of them at any time. Any thread; one system call a step.
#![allow(unsafe_code, reason = "memfd, seals and the mapping have no safe binding in the tree")]

use super::sync::AtomicU64;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;

/// The seals: of this size for ever.
pub(crate) const SEALS: libc::c_int = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;

/// Why memory offered by a peer is not taken.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// It could change its size.
    #[error("the shared memory is not sealed: seals {seals:#x}, needed {SEALS:#x}")]
    NotSealed {
        /// The seals it has; 0 where it can have none.
        seals: i32,
    },
    /// It has another size than the protocol's.
    #[error("the shared memory has {found} bytes, {expected} are agreed")]
    Size {
        /// Its size, bytes.
        found: u64,
        /// The protocol's, bytes.
        expected: usize,
    },
    /// Its first words are not those of this layout.
    #[error("the shared memory has another layout")]
    Layout,
    /// A system call failed.
    #[error("system call {call} failed")]
    Call {
        /// The call.
        call: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
}

fn call(call: &'static str) -> impl FnOnce(io::Error) -> MemoryError {
    move |source| MemoryError::Call { call, source }
}

/// A new memfd of so many zero bytes, sealed.
pub(crate) fn create(bytes: usize) -> Result<OwnedFd, MemoryError> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // JUSTIFICATION: std has no memfd.
    // SAFETY: the name is a string with its closing zero, which the kernel only reads.
    let fd = unsafe { libc::memfd_create(c"corelane-rings".as_ptr(), flags) };
    if fd < 0 {
        return Err(call("memfd_create")(io::Error::last_os_error()));
    }
    // JUSTIFICATION: the call returns a bare number; from here on Rust closes it.
    // SAFETY: the kernel has just made this descriptor for us, owned by nobody else.
    let file = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    file.set_len(u64::try_from(bytes).unwrap_or(u64::MAX)).map_err(call("ftruncate"))?;
    // JUSTIFICATION: std has no seals.
    // SAFETY: takes integers, touches no memory.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, SEALS) } < 0 {
        return Err(call("fcntl(F_ADD_SEALS)")(io::Error::last_os_error()));
    }
    Ok(file.into())
}

fn seals(fd: BorrowedFd<'_>) -> i32 {
    // JUSTIFICATION: std has no seals.
    // SAFETY: takes integers, touches no memory. What cannot have seals answers with an error.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GET_SEALS) }.max(0)
}

/// A mapping of the whole memory. Unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Mapping {
    first: NonNull<AtomicU64>,
    words: usize,
}

// JUSTIFICATION: the raw pointer takes the automatic impl away.
// SAFETY: the mapping belongs to the process, not to a thread, and its words are atomics.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps `fd`, after a look at its seals and its size, in this order: a sealed size stays.
    pub(crate) fn new(fd: &OwnedFd, bytes: usize) -> Result<Self, MemoryError> {
        let seals = seals(fd.as_fd());
        if seals & SEALS != SEALS {
            return Err(MemoryError::NotSealed { seals });
        }
        let file = File::from(fd.try_clone().map_err(call("dup"))?);
        let found = file.metadata().map_err(call("fstat"))?.len();
        if usize::try_from(found) != Ok(bytes) {
            return Err(MemoryError::Size { found, expected: bytes });
        }
        let (access, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_POPULATE);
        // JUSTIFICATION: std has no mappings; memory that another process writes is the point.
        // SAFETY: a new mapping at a place of the kernel's choice touches no memory of ours. The
        // file cannot become shorter than the mapping: its seals were seen above.
        let at =
            unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, flags, fd.as_raw_fd(), 0) };
        match NonNull::new(at.cast::<AtomicU64>()) {
            Some(first) if at != libc::MAP_FAILED => {
                Ok(Self { first, words: bytes / size_of::<AtomicU64>() })
            }
            _ => Err(call("mmap")(io::Error::last_os_error())),
        }
    }

    /// The words.
    pub(crate) fn words(&self) -> &[AtomicU64] {
        // JUSTIFICATION: the words live outside Rust's memory, the peer writes them.
        // SAFETY: the mapping is page-aligned, so many words long, initialised by the kernel, and
        // lives as long as `self`; a file sealed against shrinking backs all of it. Atomics may be
        // changed by others at any time.
        unsafe { std::slice::from_raw_parts(self.first.as_ptr(), self.words) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let bytes = self.words * size_of::<AtomicU64>();
        // JUSTIFICATION: what was mapped by hand is unmapped by hand.
        // SAFETY: exactly the range `new` mapped; no reference to it outlives `self`.
        let _unmapped = unsafe { libc::munmap(self.first.as_ptr().cast(), bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memfd_without_its_seals_or_of_another_size_is_refused() {
        let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        // JUSTIFICATION: std has no memfd.
        // SAFETY: as in `create`.
        let bare = unsafe { libc::memfd_create(c"unsealed".as_ptr(), flags) };
        assert!(bare >= 0);
        // JUSTIFICATION: as in `create`.
        // SAFETY: as in `create`; a refusal failed the assertion above.
        let bare = unsafe { OwnedFd::from_raw_fd(bare) };
        File::from(bare.try_clone().unwrap()).set_len(8192).unwrap();
        for seals in [0, libc::F_SEAL_GROW, libc::F_SEAL_SHRINK] {
            // JUSTIFICATION: std has no seals.
            // SAFETY: takes integers, touches no memory.
            let sealed = unsafe { libc::fcntl(bare.as_raw_fd(), libc::F_ADD_SEALS, seals) };
            assert_eq!(sealed, 0);
            let refused = Mapping::new(&bare, 8192);
            assert!(matches!(refused, Err(MemoryError::NotSealed { .. })), "{refused:?}");
        }
        let sealed = create(8192).unwrap();
        assert_eq!(Mapping::new(&sealed, 8192).unwrap().words().len(), 1024);
        for other in [4096, 8184, 16_384] {
            let refused = Mapping::new(&sealed, other);
            assert!(matches!(refused, Err(MemoryError::Size { found: 8192, .. })), "{refused:?}");
        }
    }
}
