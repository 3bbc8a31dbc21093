//! The disk of a world: the tape crate's model of one, faults drawn by the seed, and the two planted
//! bugs that live in a disk.

use super::super::cover::Fault;
use super::super::dice::Dice;
use super::super::plan::Faults;
use super::super::plant::Plant;
use std::cell::RefCell;
use std::io;
use std::mem::offset_of;
use std::rc::Rc;
use tape::journal::Storage;
use tape::journal::model::{Fault as Call, ModelDisk};
use wire::journal::{JournalSegment, SEGMENT_MAGIC};

/// The disk; a clone is the same disk.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    model: Rc<RefCell<ModelDisk>>,
    plant: Option<Plant>,
}

impl Disk {
    pub(crate) fn new(plant: Option<Plant>) -> Self {
        Self::of(ModelDisk::default(), plant)
    }

    pub(crate) fn of(model: ModelDisk, plant: Option<Plant>) -> Self {
        Self { model: Rc::new(RefCell::new(model)), plant }
    }

    /// What lies on it now, cache included.
    pub(crate) fn image(&self) -> ModelDisk {
        self.model.borrow().clone()
    }

    pub(crate) fn plant(&self) -> Option<Plant> {
        self.plant
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.model.borrow().is_killed()
    }

    pub(crate) fn heal(&self) {
        let mut model = self.model.borrow_mut();
        *model = std::mem::take(&mut *model).restarted();
        model.set_room(0);
    }

    /// Every segment as a reader sees it: name and bytes.
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        files(&mut self.model.borrow_mut())
    }

    /// Lets a journal's beginning be cut short where a fault says so.
    pub(crate) fn arm_start(&self, faults: &mut Faults, dice: &mut Dice) {
        if faults.strikes(Fault::KillAtStart) {
            let how = if dice.one_in(2) { Call::Kill } else { Call::KillInside };
            self.model.borrow_mut().fault_at(1 + dice.below(6), how);
        }
    }

    /// Lets the next calls go wrong where a fault says so.
    pub(crate) fn arm(&self, faults: &mut Faults, dice: &mut Dice, is_sync: bool) {
        let mut model = self.model.borrow_mut();
        let next = model.calls() + 1;
        if is_sync {
            if faults.strikes(Fault::DiskSyncError) {
                model.fault_at(next, Call::Error(io::ErrorKind::Other));
            }
            if faults.strikes(Fault::KillInCall) {
                model.fault_at(next, Call::KillInside);
            }
            return;
        }
        if faults.strikes(Fault::DiskWriteError) {
            model.fault_at(next + dice.below(3), Call::Error(io::ErrorKind::Other));
        }
        if faults.strikes(Fault::DiskShortWrite) {
            model.fault_at(next, Call::Short(dice.index(700)));
        }
        if faults.strikes(Fault::DiskNoSpace) {
            model.set_room(1);
        }
        if faults.strikes(Fault::KillInCall) {
            let how = if dice.one_in(2) { Call::Kill } else { Call::KillInside };
            model.fault_at(next + dice.below(6), how);
        }
    }
}

/// Every segment of a disk as a reader sees it: name and bytes.
pub(super) fn files(model: &mut ModelDisk) -> Vec<(String, Vec<u8>)> {
    let names = model.segments().unwrap_or_default();
    let read = |name: String| model.read(&name).ok().map(|bytes| (name, bytes));
    names.into_iter().filter_map(read).collect()
}

impl Storage for Disk {
    fn segments(&mut self) -> io::Result<Vec<String>> {
        self.model.borrow_mut().segments()
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        self.model.borrow_mut().read(name)
    }

    fn allocate(&mut self, name: &str, bytes: u64) -> io::Result<()> {
        self.model.borrow_mut().allocate(name, bytes)
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        const SIZE: usize = size_of::<JournalSegment>();
        const NUMBER: usize = offset_of!(JournalSegment, segment);
        const CRC: usize = offset_of!(JournalSegment, crc32c);
        let is_head = offset == 0 && bytes.starts_with(&SEGMENT_MAGIC.to_le_bytes());
        let is_later = bytes.get(NUMBER).is_some_and(|n| *n > 1);
        if self.plant == Some(Plant::SkipChain) && is_head && is_later {
            let mut wrong = bytes.to_vec();
            wrong[offset_of!(JournalSegment, prev_head)..][..32].fill(0);
            let crc = crc32c::crc32c(&wrong[..CRC]).to_le_bytes();
            wrong[CRC..SIZE][..4].copy_from_slice(&crc);
            return self.model.borrow_mut().write_at(name, offset, &wrong);
        }
        self.model.borrow_mut().write_at(name, offset, bytes)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        if self.plant == Some(Plant::LoseSync) {
            return Ok(());
        }
        self.model.borrow_mut().sync(name)
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.model.borrow_mut().rename(from, to)
    }

    fn keep(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.model.borrow_mut().keep(name, bytes)
    }

    fn clear_from(&mut self, name: &str, offset: u64, capacity: u64) -> io::Result<()> {
        self.model.borrow_mut().clear_from(name, offset, capacity)
    }

    fn shrink(&mut self, name: &str, len: u64) -> io::Result<()> {
        self.model.borrow_mut().shrink(name, len)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.model.borrow_mut().remove(name)
    }
}
