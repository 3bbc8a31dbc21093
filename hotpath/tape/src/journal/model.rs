//! A disk in memory that keeps what is synced and what is only written apart, for tests and the
//! simulation: any call can fail, be short, or be the last; a loss of power keeps any choice of
//! the sectors that were not synced.
//!
//! As on Linux, a sync that fails leaves the cache as if it had worked: what was written since the
//! last success reads back and is not on the disk. Names are as durable as the calls promise.

use super::is_segment_name;
use super::storage::Storage;
use std::collections::BTreeMap;
use std::io;

/// Bytes that reach a disk whole or not at all.
pub const SECTOR_BYTES: usize = 512;

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails with this error and does nothing.
    Error(io::ErrorKind),
    /// A write takes at most so many bytes; other calls are whole.
    Short(usize),
    /// The process dies before the call: it and all later ones fail, nothing changes any more.
    Kill,
    /// The process dies in the call: a write has taken half, a file that is cleared is only
    /// shorter, a sync or another name has not been.
    KillInside,
}

#[derive(Clone, Debug, Default)]
struct Held {
    cache: Vec<u8>,
    disk: Vec<u8>,
    /// Sectors written since the last sync that worked.
    pending: Vec<usize>,
}

/// The disk.
#[derive(Clone, Debug, Default)]
pub struct ModelDisk {
    files: BTreeMap<String, Held>,
    calls: u64,
    faults: BTreeMap<u64, Fault>,
    killed: bool,
    /// Bytes all files may have together; 0 for no bound.
    room: u64,
}

impl ModelDisk {
    /// A disk with room for so many bytes of files; 0 for no bound.
    #[must_use]
    pub fn with_room(bytes: u64) -> Self {
        Self { room: bytes, ..Self::default() }
    }

    /// Changes the room.
    pub fn set_room(&mut self, bytes: u64) {
        self.room = bytes;
    }

    /// Lets something happen at the `call`-th call from the first one ever.
    pub fn fault_at(&mut self, call: u64, fault: Fault) {
        self.faults.insert(call, fault);
    }

    /// Calls so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Whether a kill has happened.
    #[must_use]
    pub fn is_killed(&self) -> bool {
        self.killed
    }

    /// The next process: calls work again, the cache is as the dead one left it.
    #[must_use]
    pub fn restarted(mut self) -> Self {
        self.killed = false;
        self.faults.clear();
        self
    }

    /// The machine after a loss of power: of each sector that was not synced `survives` says
    /// whether it reached the disk.
    #[must_use]
    pub fn after_power_loss(mut self, mut survives: impl FnMut() -> bool) -> Self {
        for held in self.files.values_mut() {
            for sector in std::mem::take(&mut held.pending) {
                if survives() {
                    copy_sector(&held.cache, &mut held.disk, sector);
                }
            }
            held.cache.clone_from(&held.disk);
        }
        self.restarted()
    }

    /// Names of all files.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    /// A file as a reader sees it, to look at or to damage.
    pub fn bytes_mut(&mut self, name: &str) -> Option<&mut Vec<u8>> {
        self.files.get_mut(name).map(|held| &mut held.cache)
    }

    /// Counts a call; what it may do.
    fn call(&mut self) -> io::Result<Option<Fault>> {
        if self.killed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.calls += 1;
        let fault = self.faults.get(&self.calls).copied();
        match fault {
            Some(Fault::Error(kind)) => Err(kind.into()),
            Some(Fault::Kill) => {
                self.killed = true;
                Err(io::ErrorKind::BrokenPipe.into())
            }
            Some(Fault::KillInside) => {
                self.killed = true;
                Ok(fault)
            }
            Some(Fault::Short(_)) | None => Ok(fault),
        }
    }

    fn whole_call(&mut self) -> io::Result<()> {
        match self.call()? {
            Some(Fault::KillInside) => Err(io::ErrorKind::BrokenPipe.into()),
            _ => Ok(()),
        }
    }

    fn held(&mut self, name: &str) -> io::Result<&mut Held> {
        self.files.get_mut(name).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn copy_sector(from: &[u8], to: &mut Vec<u8>, sector: usize) {
    let start = sector * SECTOR_BYTES;
    let end = (start + SECTOR_BYTES).min(from.len());
    if to.len() < from.len() {
        to.resize(from.len(), 0);
    }
    if let (Some(from), Some(to)) = (from.get(start..end), to.get_mut(start..end)) {
        to.copy_from_slice(from);
    }
}

impl Storage for ModelDisk {
    fn segments(&mut self) -> io::Result<Vec<String>> {
        Ok(self.files.keys().filter(|name| is_segment_name(name)).cloned().collect())
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        Ok(self.held(name)?.cache.clone())
    }

    fn allocate(&mut self, name: &str, bytes: u64) -> io::Result<()> {
        self.whole_call()?;
        let used: usize = self.files.values().map(|held| held.cache.len()).sum();
        if self.room > 0 && used as u64 + bytes > self.room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let zeros = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
        let held = Held { cache: zeros.clone(), disk: zeros, pending: Vec::new() };
        self.files.insert(name.to_owned(), held);
        Ok(())
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let fault = self.call()?;
        let take = match fault {
            Some(Fault::Short(most)) => most.min(bytes.len()),
            Some(Fault::KillInside) => bytes.len() / 2,
            _ => bytes.len(),
        };
        let held = self.held(name)?;
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start + take;
        if held.cache.len() < end {
            held.cache.resize(end, 0);
        }
        if let (Some(to), Some(from)) = (held.cache.get_mut(start..end), bytes.get(..take)) {
            to.copy_from_slice(from);
        }
        if take > 0 {
            held.pending.extend(start / SECTOR_BYTES..=(end - 1) / SECTOR_BYTES);
            held.pending.dedup();
        }
        if fault == Some(Fault::KillInside) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(take)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let outcome = self.whole_call();
        let dead = self.killed;
        let held = self.held(name)?;
        match outcome {
            Ok(()) => {
                for sector in std::mem::take(&mut held.pending) {
                    copy_sector(&held.cache, &mut held.disk, sector);
                }
                Ok(())
            }
            Err(error) => {
                if !dead {
                    // The kernel has given up on these pages and marked them clean.
                    held.pending.clear();
                }
                Err(error)
            }
        }
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.whole_call()?;
        let held = self.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        self.files.insert(to.to_owned(), held);
        Ok(())
    }

    fn keep(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let dies = self.call()? == Some(Fault::KillInside);
        let whole = if dies { bytes.len() / 2 } else { bytes.len() };
        let cache = bytes.get(..whole).unwrap_or_default().to_vec();
        let held = Held { cache: cache.clone(), disk: cache, pending: Vec::new() };
        self.files.insert(name.to_owned(), held);
        if dies { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    fn clear_from(&mut self, name: &str, offset: u64, capacity: u64) -> io::Result<()> {
        let dies = self.call()? == Some(Fault::KillInside);
        if self.room > 0 && capacity > self.room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let held = self.held(name)?;
        held.cache.truncate(usize::try_from(offset).map_err(io::Error::other)?);
        if !dies {
            held.cache.resize(usize::try_from(capacity).map_err(io::Error::other)?, 0);
        }
        held.disk.clone_from(&held.cache);
        held.pending.clear();
        if dies { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    fn shrink(&mut self, name: &str, len: u64) -> io::Result<()> {
        self.whole_call()?;
        let held = self.held(name)?;
        held.cache.truncate(usize::try_from(len).map_err(io::Error::other)?);
        held.disk.clone_from(&held.cache);
        held.pending.clear();
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.whole_call()?;
        self.files.remove(name);
        Ok(())
    }
}
