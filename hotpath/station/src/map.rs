//! The counters page: a small file that any tool maps and reads without asking the engine.
//!
//! Owns the page's file and mapping. Must never: be written by a hot thread (see `counters.rs`).
//! The bridge writes it. Allocates when opened.
#![expect(unsafe_code, reason = "a shared mapping seen as atomics; the house rules name this file")]

use crate::counters::Counters;
use memmap2::{MmapOptions, MmapRaw};
use std::fs::OpenOptions;
use std::io;
use std::mem::size_of;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use wire::counters::{COUNTER_SLOTS, COUNTERS_MAGIC, CountersHeader};
use wire::frame::WIRE_VERSION;

/// Size of the page, bytes.
const PAGE_BYTES: usize = size_of::<CountersHeader>() + COUNTER_SLOTS * 8;

/// A mapped counters page.
#[derive(Debug)]
pub struct CountersPage {
    map: MmapRaw,
    path: PathBuf,
}

impl CountersPage {
    /// Makes the file at `path`, writes the header and maps it.
    ///
    /// # Errors
    /// Any error of the file system.
    pub fn create(path: &Path, start_ns: u64) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        let header = CountersHeader {
            magic: COUNTERS_MAGIC,
            pid: u64::from(std::process::id()),
            start_ns,
            count: u32::try_from(COUNTER_SLOTS).unwrap_or(u32::MAX),
            wire_version: u32::from(WIRE_VERSION),
            reserved: [0; 32],
        };
        let mut bytes = vec![0; PAGE_BYTES];
        if let Some(head) = bytes.get_mut(..size_of::<CountersHeader>()) {
            head.copy_from_slice(bytemuck::bytes_of(&header));
        }
        io::Write::write_all(&mut &file, &bytes)?;
        let map = MmapOptions::new().len(PAGE_BYTES).map_raw(&file)?;
        Ok(Self { map, path: path.to_owned() })
    }

    /// Where the page is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Brings the page up to date.
    pub fn publish(&self, counters: &Counters) {
        counters.copy_to(self.slots());
    }

    fn slots(&self) -> &[AtomicU64] {
        let words = self.map.as_mut_ptr().cast::<()>().cast::<AtomicU64>();
        let first = words.wrapping_add(size_of::<CountersHeader>() / size_of::<AtomicU64>());
        // JUSTIFICATION: readers in other processes need whole 64-bit values, which only atomic
        // stores into the shared mapping promise.
        // SAFETY: the mapping is `PAGE_BYTES` long and lives as long as `self`; page alignment
        // plus 64 aligns the slots; every bit pattern is a valid `AtomicU64`.
        unsafe { std::slice::from_raw_parts(first, COUNTER_SLOTS) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::counters::Counter;

    #[test]
    fn another_reader_sees_header_and_counters() {
        let dir = tempfile::tempdir().expect("directory");
        let page = CountersPage::create(&dir.path().join("counters"), 7).expect("page");
        let counters = Counters::default();
        counters.set(Counter::RecorderBytes, 99);
        page.publish(&counters);
        let bytes = std::fs::read(page.path()).expect("file");
        let (head, slots) = bytes.split_at(size_of::<CountersHeader>());
        let header: CountersHeader = bytemuck::pod_read_unaligned(head);
        assert_eq!((header.magic, header.start_ns), (COUNTERS_MAGIC, 7));
        let at = usize::from(Counter::RecorderBytes.code()) * 8;
        assert_eq!(slots[at..at + 8], 99_u64.to_le_bytes());
    }
}
