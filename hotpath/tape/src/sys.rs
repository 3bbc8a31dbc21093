//! What the tape needs of the operating system beyond the standard library, and all unsafe code of
//! this crate: shared words in a mapping, room given to a file in advance, the kind of file system.
//!
//! Must never: map a file that has not been given all its room (a full file system would be a
//! SIGBUS), or hand out mapped bytes as anything but atomics: another process may write them.
#![expect(unsafe_code, reason = "mapping and two system calls; see each SAFETY note")]

use memmap2::{MmapMut, MmapOptions};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::sync::atomic::AtomicU64;

/// Words that several threads or processes share: of a mapped file, or of this process's memory.
#[derive(Debug)]
pub(crate) struct Words(Place);

#[derive(Debug)]
enum Place {
    Mapped(MmapMut),
    Own(Box<[AtomicU64]>),
}

impl Words {
    /// Words of this process alone, all zero: a tape for tests and simulations.
    #[must_use]
    pub(crate) fn own(count: usize) -> Self {
        Self(Place::Own((0..count).map(|_| AtomicU64::new(0)).collect()))
    }

    /// Words of this process alone with these values: the image of a file, for tests.
    #[must_use]
    pub(crate) fn of(image: &[u64]) -> Self {
        Self(Place::Own(image.iter().map(|word| AtomicU64::new(*word)).collect()))
    }

    /// The words of a file, shared with whoever else maps it. Every page is touched.
    ///
    /// # Errors
    /// What the system says; `InvalidInput` for a length that is no multiple of 8.
    pub(crate) fn map(file: &File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        if len == 0 || !len.is_multiple_of(8) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: the mapping is only ever seen as atomics, so that writes of others are no data
        // race; the file has its room and nobody shortens it while a tape is open (its lock).
        let map = unsafe { MmapOptions::new().populate().map_mut(file)? };
        Ok(Self(Place::Mapped(map)))
    }

    /// The words.
    #[must_use]
    pub(crate) fn all(&self) -> &[AtomicU64] {
        match &self.0 {
            Place::Own(words) => words,
            #[expect(clippy::cast_ptr_alignment, reason = "a mapping begins at a page")]
            // SAFETY: a mapping begins at a page, so it is aligned for words, and it is `len` bytes
            // long for as long as `self` lives; atomics may be shared with other writers.
            Place::Mapped(map) => unsafe {
                std::slice::from_raw_parts(map.as_ptr().cast::<AtomicU64>(), map.len() / 8)
            },
        }
    }
}

/// Gives a file room from its start to `bytes`, zeros where there was nothing.
///
/// # Errors
/// `StorageFull` and whatever else the system says; the file may have part of the room then.
pub(crate) fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    let len = libc::off_t::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
    loop {
        // SAFETY: a descriptor we hold open and two numbers; the call touches no memory of ours.
        match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, len) } {
            0 => return Ok(()),
            libc::EINTR => {}
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// Whether a file lies in memory: on tmpfs or ramfs.
///
/// # Errors
/// What the system says.
pub(crate) fn is_in_memory(file: &File) -> io::Result<bool> {
    /// `TMPFS_MAGIC` and `RAMFS_MAGIC` of linux/magic.h.
    const MAGICS: [u64; 2] = [0x0102_1994, 0x8584_58F6];
    // SAFETY: `statfs` is plain integers, for which zeros are a value.
    let mut found: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: a descriptor we hold open and a place of the right type to write to.
    if unsafe { libc::fstatfs(file.as_raw_fd(), &raw mut found) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let magic = u64::try_from(found.f_type).unwrap_or(0);
    Ok(MAGICS.contains(&magic))
}
