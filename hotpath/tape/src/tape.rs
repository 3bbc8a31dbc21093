//! The tape: a ring of frames in a file on tmpfs that outlives the process that writes it.
//!
//! One writer (the loop), one reader (the journaler), and after a SIGKILL the next start as reader.
//! A record is a head of three words and a frame; it counts once the head position behind it is
//! published, with one release store after all its words. The reader gives room free when what it
//! took is safe elsewhere, not before. Layout: see the constants; all words are little-endian.
//!
//! Must never: overwrite a record the reader has not given free, allocate, wait or make a system
//! call after it was made ([`TapeWriter::push`] runs inside a turn of the loop), or trust a word of
//! a file it opens.
//!
//! ```
//! use corelane_tape::tape::Tape;
//! let (mut writer, mut reader) = Tape::in_memory(2 << 20).split();
//! let frame = wire::FrameHeader::with_len(wire::FrameKind::Timer, 40);
//! assert!(writer.push(7, bytemuck::bytes_of(&frame)));
//! let record = reader.next().expect("what was pushed");
//! assert_eq!((record.number, record.stamp), (1, 7));
//! reader.free_taken();
//! ```

use crate::error::TapeError;
use crate::sys::{self, Words};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wire::frame::MAX_FRAME_BYTES;

/// First word of a tape file: `CLTAPE1` and a line feed.
pub const MAGIC: u64 = u64::from_le_bytes(*b"CLTAPE1\n");
/// Words before the ring: one page.
const HEAD_WORDS: usize = 512;
/// Words a record has before its frame: length, number, stamp.
const RECORD_WORDS: usize = 3;
/// Length that says: nothing more before the ring's end, go on at its start.
const SKIP: u64 = u64::MAX;
/// Smallest ring: the largest frame must fit many times.
pub const MIN_BYTES: usize = 16 * (MAX_FRAME_BYTES + RECORD_WORDS * 8);
/// Largest path of a journal a tape can name, bytes.
const PATH_BYTES: usize = 1_024;

/// Words of the head page.
mod at {
    pub(super) const MAGIC: usize = 0;
    pub(super) const CAPACITY: usize = 1;
    pub(super) const INSTANCE: usize = 2;
    pub(super) const EPOCH: usize = 4;
    pub(super) const SCHEMA: usize = 5;
    pub(super) const PATH_LEN: usize = 6;
    pub(super) const PATH: usize = 8;
    pub(super) const CRC: usize = 255;
    /// Bytes ever written. The loop's line.
    pub(super) const HEAD: usize = 256;
    /// Bytes ever given free. The journaler's line.
    pub(super) const TAIL: usize = 272;
    /// Last frame given free.
    pub(super) const SYNCED: usize = 273;
    /// 1 since the journal could not be written or synced.
    pub(super) const FAILED: usize = 274;
}

/// Whose tape it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The journal's instance.
    pub instance: [u8; 16],
    /// Session epoch.
    pub epoch: u64,
    /// Folder of the journal its frames go to.
    pub journal: PathBuf,
}

/// A tape, before it is split into its two ends.
#[derive(Debug)]
pub struct Tape {
    words: Arc<Words>,
    place: Place,
    schema_hash: u64,
    capacity: usize,
    /// Holds the lock; closed with the last end.
    file: Option<Arc<File>>,
}

impl Tape {
    /// A tape in this process's memory, for tests and simulations.
    ///
    /// # Panics
    /// Below [`MIN_BYTES`].
    #[must_use]
    pub fn in_memory(bytes: usize) -> Self {
        assert!(bytes >= MIN_BYTES, "a tape holds the largest frame many times");
        let capacity = bytes / 8 * 8;
        let words = Words::own(HEAD_WORDS + capacity / 8);
        let tape = Self {
            words: Arc::new(words),
            place: Place::default(),
            schema_hash: wire::frame::schema_hash(),
            capacity,
            file: None,
        };
        tape.write_head();
        tape
    }

    /// Makes a tape file with room for `bytes` of records, all of it given and touched.
    ///
    /// # Errors
    /// [`TapeError::Io`]; [`TapeError::TapeExists`] where the file is there;
    /// [`TapeError::NotInMemory`] where it would lie on a disk.
    ///
    /// # Panics
    /// Below [`MIN_BYTES`]: the configuration's bounds lie above.
    pub fn create(path: &Path, bytes: usize, place: &Place) -> Result<Self, TapeError> {
        assert!(bytes >= MIN_BYTES, "a tape holds the largest frame many times");
        let io = |op| move |source| TapeError::Io { op, path: path.to_path_buf(), source };
        if place.journal.as_os_str().len() > PATH_BYTES {
            return Err(TapeError::PathTooLong { path: place.journal.clone(), limit: PATH_BYTES });
        }
        let capacity = bytes / 8 * 8;
        let place = place.clone();
        if path.exists() {
            return Err(TapeError::TapeExists { path: path.to_path_buf() });
        }
        // Whoever looks for tapes finds it by its name, which it has once it is whole and locked.
        let fresh = path.with_extension(format!("new-{}", std::process::id()));
        let tape = Self::make(&fresh, capacity, place).and_then(|tape| {
            std::fs::rename(&fresh, path).map_err(io("rename"))?;
            Ok(tape)
        });
        tape.inspect_err(|_| {
            // It holds nothing yet; what cannot be removed either is said by the first error.
            let _ = std::fs::remove_file(&fresh);
        })
    }

    fn make(path: &Path, capacity: usize, place: Place) -> Result<Self, TapeError> {
        let io = |op| move |source| TapeError::Io { op, path: path.to_path_buf(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(path).map_err(io("create"))?;
        if !sys::is_in_memory(&file).map_err(io("open"))? {
            return Err(TapeError::NotInMemory { path: path.to_path_buf() });
        }
        file.try_lock().map_err(|_| TapeError::Busy { path: path.to_path_buf() })?;
        sys::allocate(&file, ((HEAD_WORDS * 8) + capacity) as u64).map_err(io("allocate"))?;
        let tape = Self {
            words: Arc::new(Words::map(&file).map_err(io("map"))?),
            place,
            schema_hash: wire::frame::schema_hash(),
            capacity,
            file: Some(Arc::new(file)),
        };
        tape.write_head();
        Ok(tape)
    }

    /// Opens the tape an earlier process left.
    ///
    /// # Errors
    /// [`TapeError::Busy`] while its writer lives; [`TapeError::BadTape`] for a file that is none;
    /// [`TapeError::Io`].
    pub fn open(path: &Path) -> Result<Self, TapeError> {
        let io = |op| move |source| TapeError::Io { op, path: path.to_path_buf(), source };
        let bad = |what| TapeError::BadTape { path: path.to_path_buf(), what };
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(io("open"))?;
        file.try_lock().map_err(|_| TapeError::Busy { path: path.to_path_buf() })?;
        if file.metadata().map_err(io("open"))?.len() < (HEAD_WORDS * 8) as u64 {
            return Err(bad("it is shorter than its head"));
        }
        let words = Words::map(&file).map_err(io("map"))?;
        let (place, schema_hash, capacity) = read_head(words.all()).map_err(bad)?;
        Ok(Self {
            words: Arc::new(words),
            place,
            schema_hash,
            capacity,
            file: Some(Arc::new(file)),
        })
    }

    /// Whose tape it is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Whether its frames have this build's layouts.
    #[must_use]
    pub fn is_of_this_build(&self) -> bool {
        self.schema_hash == wire::frame::schema_hash()
    }

    /// Bytes of its ring.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The two ends of a tape just made.
    #[must_use]
    pub fn split(self) -> (TapeWriter, TapeReader) {
        let ring = self.ring();
        let writer =
            TapeWriter { ring: ring.clone(), start: 0, position: 0, seen_tail: 0, number: 0 };
        (writer, TapeReader::new(ring))
    }

    /// The reading end of a tape an earlier process left: what was not given free is still there.
    #[must_use]
    pub fn into_reader(self) -> TapeReader {
        TapeReader::new(self.ring())
    }

    fn ring(self) -> Ring {
        Ring { words: self.words, size: self.capacity / 8, _lock: self.file }
    }

    fn write_head(&self) {
        let words = self.words.all();
        let store = |at: usize, value: u64| {
            if let Some(word) = words.get(at) {
                word.store(value, Ordering::Relaxed);
            }
        };
        store(at::CAPACITY, self.capacity as u64);
        let (first, second) = halves(self.place.instance);
        store(at::INSTANCE, first);
        store(at::INSTANCE + 1, second);
        store(at::EPOCH, self.place.epoch);
        store(at::SCHEMA, self.schema_hash);
        let path = self.place.journal.as_os_str().as_encoded_bytes();
        store(at::PATH_LEN, path.len() as u64);
        for (index, chunk) in path.chunks(8).enumerate() {
            let mut bytes = [0; 8];
            bytes.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            store(at::PATH + index, u64::from_le_bytes(bytes));
        }
        store(at::MAGIC, MAGIC);
        store(at::CRC, head_crc(words));
    }
}

fn halves(instance: [u8; 16]) -> (u64, u64) {
    let whole = u128::from_le_bytes(instance);
    let low = u64::try_from(whole & u128::from(u64::MAX)).unwrap_or(0);
    (low, u64::try_from(whole >> 64).unwrap_or(0))
}

fn head_crc(words: &[AtomicU64]) -> u64 {
    let fixed = words.iter().take(at::CRC);
    let crc = fixed.fold(0, |crc, word| {
        crc32c::crc32c_append(crc, &word.load(Ordering::Relaxed).to_le_bytes())
    });
    u64::from(crc)
}

type Bad = &'static str;

/// Checks the head page of a file somebody else may have written.
fn read_head(words: &[AtomicU64]) -> Result<(Place, u64, usize), Bad> {
    let load = |at: usize| words.get(at).map_or(0, |word| word.load(Ordering::Acquire));
    if load(at::MAGIC) != MAGIC {
        return Err("its first 8 bytes are not those of a tape");
    }
    if load(at::CRC) != head_crc(words) {
        return Err("the checksum of its head does not fit");
    }
    let capacity = usize::try_from(load(at::CAPACITY)).unwrap_or(usize::MAX);
    if capacity < MIN_BYTES || words.len().checked_sub(HEAD_WORDS) != Some(capacity / 8) {
        return Err("its length is not the one its head names");
    }
    let (head, tail) = (load(at::HEAD), load(at::TAIL));
    if head % 8 != 0 || tail % 8 != 0 || head.checked_sub(tail).is_none_or(|n| n > capacity as u64)
    {
        return Err("its positions are out of bounds");
    }
    let path_len = usize::try_from(load(at::PATH_LEN)).unwrap_or(usize::MAX);
    if path_len > PATH_BYTES {
        return Err("the path of its journal is too long");
    }
    let path = (0..path_len.div_ceil(8)).flat_map(|i| load(at::PATH + i).to_le_bytes());
    let path: Vec<u8> = path.take(path_len).collect();
    let path = String::from_utf8(path).map_err(|_| "the path of its journal is no text")?;
    let instance = u128::from(load(at::INSTANCE)) | u128::from(load(at::INSTANCE + 1)) << u64::BITS;
    let place = Place {
        instance: instance.to_le_bytes(),
        epoch: load(at::EPOCH),
        journal: PathBuf::from(path),
    };
    Ok((place, load(at::SCHEMA), capacity))
}

/// What both ends share.
#[derive(Clone, Debug)]
struct Ring {
    words: Arc<Words>,
    size: usize,
    _lock: Option<Arc<File>>,
}

impl Ring {
    #[inline]
    fn head(&self) -> &AtomicU64 {
        self.word(at::HEAD)
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "the head page is there: checked when it was made")]
    fn word(&self, at: usize) -> &AtomicU64 {
        &self.words.all()[at]
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "the head page is there: checked when it was made")]
    fn body(&self) -> &[AtomicU64] {
        &self.words.all()[HEAD_WORDS..]
    }
}

/// The loop's end.
#[derive(Debug)]
pub struct TapeWriter {
    ring: Ring,
    /// Word of the ring the next record begins at.
    start: usize,
    /// Bytes ever written.
    position: u64,
    seen_tail: u64,
    number: u64,
}

impl TapeWriter {
    /// Bytes of the ring.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.ring.size * 8
    }

    /// Bytes that wait for the reader, or for its word that they are safe.
    #[must_use]
    pub fn used(&mut self) -> usize {
        self.look();
        usize::try_from(self.position - self.seen_tail).unwrap_or(usize::MAX)
    }

    /// How full the ring was when it was last looked at, thousandths: for display.
    #[must_use]
    pub fn fill_e3(&self) -> u64 {
        (self.position - self.seen_tail) * 1_000 / self.capacity() as u64
    }

    /// Whether `bytes` of records fit, whatever their lengths.
    #[inline]
    #[must_use]
    pub fn has_room(&mut self, bytes: usize) -> bool {
        // A record that does not fit before the ring's end leaves less than one record unused.
        let needed = (bytes + RECORD_MAX) as u64;
        if self.position + needed <= self.seen_tail + self.capacity() as u64 {
            return true;
        }
        self.look();
        self.position + needed <= self.seen_tail + self.capacity() as u64
    }

    /// Number of the last frame pushed; the first is 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether the reader said that what it takes cannot be kept.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        // ORDERING: acquire; pairs with `TapeReader::fail`.
        self.ring.word(at::FAILED).load(Ordering::Acquire) != 0
    }

    /// Writes one frame with its stamp. `false`, and nothing written, without room or for a length
    /// no frame has.
    ///
    /// # Latency
    /// One relaxed store a word and one release store; the bench `tape` has the figures.
    #[inline]
    #[must_use]
    pub fn push(&mut self, stamp: u64, frame: &[u8]) -> bool {
        if !frame.len().is_multiple_of(8) || frame.len() > MAX_FRAME_BYTES {
            return false;
        }
        let words = RECORD_WORDS + frame.len() / 8;
        let mut start = self.start;
        let to_end = self.ring.size - start;
        let skipped = if words > to_end { to_end } else { 0 };
        let after = self.position + ((skipped + words) * 8) as u64;
        if after > self.seen_tail + self.capacity() as u64 {
            self.look();
            if after > self.seen_tail + self.capacity() as u64 {
                return false;
            }
        }
        let body = self.ring.body();
        if skipped > 0 {
            if let Some(word) = body.get(start) {
                word.store(SKIP, Ordering::Relaxed);
            }
            start = 0;
        }
        let Some(place) = body.get(start..start + words) else { return false };
        let [len, number, at, payload @ ..] = place else { return false };
        len.store(frame.len() as u64, Ordering::Relaxed);
        number.store(self.number + 1, Ordering::Relaxed);
        at.store(stamp, Ordering::Relaxed);
        for (word, bytes) in payload.iter().zip(frame.as_chunks::<8>().0) {
            word.store(u64::from_le_bytes(*bytes), Ordering::Relaxed);
        }
        self.number += 1;
        self.position = after;
        self.start = if start + words == self.ring.size { 0 } else { start + words };
        // ORDERING: release; pairs with the reader's acquire load: it then sees every word above.
        self.ring.head().store(after, Ordering::Release);
        true
    }

    fn look(&mut self) {
        // ORDERING: acquire; pairs with the release store in `free_taken`: the reader is done with
        // the words it gave free.
        self.seen_tail = self.ring.word(at::TAIL).load(Ordering::Acquire);
    }
}

/// Most bytes a record takes.
const RECORD_MAX: usize = RECORD_WORDS * 8 + MAX_FRAME_BYTES;

/// Bytes a frame takes on a tape.
#[must_use]
pub const fn record_bytes(frame_bytes: usize) -> usize {
    RECORD_WORDS * 8 + frame_bytes
}

/// One record, in the reader's own memory.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Number of the frame, from 1.
    pub number: u64,
    /// What the writer stamped it with: its cycle counter.
    pub stamp: u64,
    /// The frame, aligned to 8 bytes; its content is not checked.
    pub frame: &'a [u8],
}

/// The journaler's end.
#[derive(Debug)]
pub struct TapeReader {
    ring: Ring,
    start: usize,
    position: u64,
    seen_head: u64,
    number: u64,
    frame: Box<[u64]>,
}

impl TapeReader {
    /// A reader at the first record not given free.
    fn new(ring: Ring) -> Self {
        let seen_head = ring.head().load(Ordering::Acquire);
        let position = ring.word(at::TAIL).load(Ordering::Acquire);
        let synced = ring.word(at::SYNCED).load(Ordering::Acquire);
        let start = (position / 8) % ring.size as u64;
        let start = usize::try_from(start).unwrap_or(0);
        let frame = vec![0; MAX_FRAME_BYTES / 8].into_boxed_slice();
        let mut reader = Self { ring, start, position, seen_head, number: synced, frame };
        if position != seen_head {
            // A process killed between the two stores of `free_taken` leaves the number ahead.
            let first = reader.head_at(reader.skip().0).map_or(1, |(_, number, _)| number);
            reader.number = first.saturating_sub(1).min(synced);
        }
        reader
    }

    /// Where the next record begins: word of the ring, and position.
    fn skip(&self) -> (usize, u64) {
        let word = self.ring.body().get(self.start);
        if word.is_some_and(|word| word.load(Ordering::Relaxed) == SKIP) {
            let rest = (self.ring.size - self.start) * 8;
            (0, self.position + rest as u64)
        } else {
            (self.start, self.position)
        }
    }

    /// Length, number and stamp of the record at a word.
    fn head_at(&self, start: usize) -> Option<(usize, u64, u64)> {
        let [len, number, stamp] = self.ring.body().get(start..start + RECORD_WORDS)? else {
            return None;
        };
        let len = usize::try_from(len.load(Ordering::Relaxed)).ok()?;
        Some((len, number.load(Ordering::Relaxed), stamp.load(Ordering::Relaxed)))
    }

    /// Takes the next record, if one is there. Its room is not free yet.
    ///
    /// A record whose head is damaged ends the tape: see [`TapeReader::is_damaged`].
    #[expect(clippy::should_implement_trait, reason = "a record borrows from the reader")]
    pub fn next(&mut self) -> Option<Record<'_>> {
        if self.position == self.seen_head {
            // ORDERING: acquire; pairs with the release store of `push`.
            self.seen_head = self.ring.head().load(Ordering::Acquire);
            if self.position == self.seen_head {
                return None;
            }
        }
        let (start, position) = self.skip();
        let (len, number, stamp) = self.head_at(start)?;
        let after = position.checked_add(record_bytes(len) as u64)?;
        let sound = len <= MAX_FRAME_BYTES && len.is_multiple_of(8) && number == self.number + 1;
        if !sound || after > self.seen_head {
            return None;
        }
        let from = start + RECORD_WORDS;
        let payload = self.ring.body().get(from..from + len / 8)?;
        let frame = self.frame.get_mut(..len / 8)?;
        for (to, word) in frame.iter_mut().zip(payload) {
            *to = word.load(Ordering::Relaxed);
        }
        let end = from + len / 8;
        self.start = if end == self.ring.size { 0 } else { end };
        self.position = after;
        self.number = number;
        Some(Record { number, stamp, frame: bytemuck::cast_slice(frame) })
    }

    /// Whether records lie ahead that cannot be read: only where something else wrote to the tape.
    #[must_use]
    pub fn is_damaged(&mut self) -> bool {
        // ORDERING: acquire; pairs with the release store of `push`.
        self.seen_head = self.ring.head().load(Ordering::Acquire);
        let before = (self.start, self.position, self.number);
        let damaged = before.1 != self.seen_head && self.next().is_none();
        (self.start, self.position, self.number) = before;
        damaged
    }

    /// Gives free the room of every record taken so far.
    pub fn free_taken(&mut self) {
        self.ring.word(at::SYNCED).store(self.number, Ordering::Relaxed);
        // ORDERING: release; pairs with the writer's acquire load before it writes there again.
        self.ring.word(at::TAIL).store(self.position, Ordering::Release);
    }

    /// Says that what is taken from here on cannot be kept.
    pub fn fail(&self) {
        // ORDERING: release; pairs with `TapeWriter::has_failed`.
        self.ring.word(at::FAILED).store(1, Ordering::Release);
    }

    /// Whether an earlier process said so.
    #[must_use]
    pub fn had_failed(&self) -> bool {
        self.ring.word(at::FAILED).load(Ordering::Acquire) != 0
    }

    /// The reading end as the next process would find it: at the first record not given free. For
    /// tapes in memory, which cannot be opened again; for tests and simulations.
    #[must_use]
    pub fn as_left(&self) -> Self {
        Self::new(self.ring.clone())
    }

    /// Number of the last frame on the tape, as far as it can be read; nothing is taken.
    pub fn last_number(&mut self) -> u64 {
        let before = (self.start, self.position, self.number);
        while self.next().is_some() {}
        let last = self.number;
        (self.start, self.position, self.number) = before;
        last
    }

    /// Number of the last frame taken; before the first, of the last one given free.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Bytes of the ring that are in use, and bytes of the ring.
    #[must_use]
    pub fn fill(&self) -> (u64, u64) {
        let head = self.ring.head().load(Ordering::Relaxed);
        let tail = self.ring.word(at::TAIL).load(Ordering::Relaxed);
        (head.saturating_sub(tail), self.ring.size as u64 * 8)
    }
}
