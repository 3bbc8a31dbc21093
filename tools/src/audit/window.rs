//! Reading a file from front to back by position, a piece at a time.
//!
//! Must never: map the file (a live journal's files come and go), or hold more than a few hundred
//! kilobytes.

use super::record::{RECORD_HEAD, RECORD_MAX, Record, whole};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use wire::journal::RECORD_MAGIC;

/// Bytes read at a time: what two passes over them find in a core's own cache.
const PIECE: usize = 256 << 10;

/// A moving view of a file.
#[derive(Debug)]
pub(crate) struct Window<'a> {
    file: &'a File,
    buffer: Vec<u8>,
    start: u64,
    filled: usize,
    ended: bool,
}

impl<'a> Window<'a> {
    /// A view that holds nothing yet.
    pub(crate) fn new(file: &'a File) -> Self {
        let buffer = vec![0; PIECE + RECORD_MAX];
        Self { file, buffer, start: 0, filled: 0, ended: false }
    }

    /// The bytes from `offset` on: at least the longest record's, or all to the end of the file;
    /// the second value says that they end there.
    pub(crate) fn at(&mut self, offset: u64) -> io::Result<(&[u8], bool)> {
        let inside = offset.checked_sub(self.start).and_then(|from| usize::try_from(from).ok());
        let from = inside.filter(|from| *from <= self.filled);
        if from.is_none_or(|from| self.filled - from < RECORD_MAX && !self.ended) {
            self.refill(offset, from)?;
        }
        let from = usize::try_from(offset - self.start).unwrap_or(self.filled);
        Ok((&self.buffer[from..self.filled], self.ended))
    }

    /// Forgets what was read, for a file that grows.
    pub(crate) fn forget(&mut self) {
        (self.filled, self.ended) = (0, false);
    }

    fn refill(&mut self, offset: u64, kept_from: Option<usize>) -> io::Result<()> {
        match kept_from {
            Some(from) => {
                self.buffer.copy_within(from..self.filled, 0);
                self.filled -= from;
            }
            None => self.filled = 0,
        }
        (self.start, self.ended) = (offset, false);
        while self.filled < self.buffer.len() {
            let at = offset + self.filled as u64;
            match self.file.read_at(&mut self.buffer[self.filled..], at) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(());
                }
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Where the bytes from `offset` on stop being zeros, or the end of the file.
pub(crate) fn first_other_than_zero(file: &File, mut offset: u64) -> io::Result<Option<u64>> {
    let mut window = Window::new(file);
    loop {
        let (bytes, ended) = window.at(offset)?;
        if bytes.iter().fold(0, |all, byte| all | byte) != 0 {
            let place = bytes.iter().position(|byte| *byte != 0).unwrap_or(0);
            return Ok(Some(offset + place as u64));
        }
        if ended {
            return Ok(None);
        }
        offset += bytes.len() as u64;
    }
}

/// Shows every whole record from `offset` on, at any byte, to `take`, with its place, until that
/// says to stop.
pub(crate) fn whole_records(
    file: &File,
    mut offset: u64,
    mut take: impl FnMut(u64, &Record<'_>) -> bool,
) -> io::Result<()> {
    let magic = RECORD_MAGIC.to_le_bytes();
    let mut window = Window::new(file);
    loop {
        let (bytes, ended) = window.at(offset)?;
        // A record that starts before this point is in the view as far as the file has it.
        let sure = if ended { bytes.len() } else { bytes.len() + 1 - RECORD_MAX };
        let mut from = 0;
        while from < sure && bytes.len() - from >= RECORD_HEAD {
            let rest = &bytes[from..];
            let Some(next) = rest.windows(4).position(|four| four == magic) else {
                from = sure.max(from);
                break;
            };
            from += next;
            if from >= sure {
                break;
            }
            match whole(&bytes[from..]) {
                Some(record) => {
                    if !take(offset + from as u64, &record) {
                        return Ok(());
                    }
                    from += record.len();
                }
                None => from += 1,
            }
        }
        if ended {
            return Ok(());
        }
        offset += from.max(1) as u64;
    }
}
