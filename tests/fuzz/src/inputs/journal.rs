//! A fuzzer's bytes as a journal: written by the real writer, then damaged, then put right again as
//! far as checksums and chain go, so that what lies behind those checks is reached.
//!
//! Shared by the fuzz targets and by the test that replays their corpus. Must never: depend on
//! anything but the bytes.

use corelane_tape::TapeError;
use corelane_tape::journal::model::ModelDisk;
use corelane_tape::journal::record::{HEAD_BYTES, RECORD_BYTES, Step, step};
use corelane_tape::journal::{
    JournalReader, JournalWriter, Moment, Options, Outside, Recovered, SegmentHead, Storage as _,
    is_segment_name, recover,
};
use std::path::Path;
use wire::journal::JournalRecord;
use wire::{FrameHeader, FrameKind};

/// Where it would be.
const PATH: &str = "journal";
/// Bytes all files may have together.
const ROOM: u64 = 1 << 20;
/// Most damages an input does.
const DAMAGES: usize = 8;
const FRAME_BYTES: usize = size_of::<FrameHeader>();

/// Takes bytes from the front; zeros where there are no more.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Bytes<'_> {
    pub(crate) fn next(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    pub(crate) fn offset(&mut self) -> usize {
        usize::from(u16::from_le_bytes([self.next(), self.next()]))
    }
}

/// A journal, and what is said of it.
pub(crate) struct Input {
    pub(crate) disk: ModelDisk,
    pub(crate) outside: Outside,
}

/// Byte 0: bits 0 and 1 the size of segments, 2 a failure is said, 3 checksums and 4 chain are put
/// right, 5 it is ended in good order. Bytes 1 and 2: synced frame and checkpoint that are said.
/// Byte 3: how many frames, a byte for each (bits 0 to 3 its length, 7 a sync). Then damages.
#[must_use]
pub(crate) fn input(bytes: &[u8]) -> Input {
    let mut bytes = Bytes(bytes);
    let how = bytes.next();
    let outside = Outside {
        synced_frame: u64::from(bytes.next()),
        has_failed: how & 4 != 0,
        checkpoint_seq: u64::from(bytes.next()),
    };
    let options = Options { instance: [7; 16], epoch: 1, segment_bytes: 640 << (how & 3) };
    let disk = ModelDisk::with_room(ROOM);
    let at = Moment::default();
    let mut writer = JournalWriter::create(disk, Path::new(PATH), options, "{}", at).expect("room");
    for _ in 0..bytes.next() % 64 {
        let code = bytes.next();
        writer.push(&frame(usize::from(code & 15)), at).expect("room");
        if code & 128 != 0 {
            writer.write().expect("room");
            writer.sync().expect("room");
        }
    }
    if how & 32 == 0 {
        writer.write().expect("room");
    } else {
        writer.finish(at).expect("room");
    }
    let mut disk = writer.into_storage();
    for _ in 0..DAMAGES {
        if !bytes.0.is_empty() {
            damage(&mut disk, &mut bytes);
        }
    }
    if how & 8 != 0 {
        put_right(&mut disk, how & 16 != 0);
    }
    Input { disk, outside }
}

fn frame(words: usize) -> Vec<u8> {
    let len = FRAME_BYTES + words * 8;
    let header = FrameHeader::with_len(FrameKind::Timer, len);
    let mut bytes = bytemuck::bytes_of(&header).to_vec();
    bytes.resize(len, 1);
    bytes
}

/// Byte 0: bits 0 to 2 which segment, 3 to 5 what; then an offset, a value and a length.
fn damage(disk: &mut ModelDisk, bytes: &mut Bytes<'_>) {
    let (what, at, value) = (bytes.next(), bytes.offset(), bytes.next());
    let len = usize::from(bytes.next());
    let names: Vec<String> = disk.names().into_iter().filter(|n| is_segment_name(n)).collect();
    let Some(name) = names.get(usize::from(what & 7)).or(names.last()) else { return };
    let copy_of = |disk: &mut ModelDisk| {
        let other = names.get(usize::from(value)).or(names.first());
        other.and_then(|other| disk.bytes_mut(other).cloned()).unwrap_or_default()
    };
    if what >> 3 & 7 == 7 {
        // Gone, or there twice.
        if value & 1 == 0 {
            disk.remove(name).expect("there");
        } else {
            let copied = copy_of(disk);
            disk.keep(&format!("{:06}.clj", len + 10), &copied).expect("kept");
        }
        return;
    }
    let copied = if what >> 3 & 7 == 6 { copy_of(disk) } else { Vec::new() };
    let Some(file) = disk.bytes_mut(name) else { return };
    match what >> 3 & 7 {
        4 => file.truncate(at),
        5 => file.iter_mut().skip(at).take(len).for_each(|byte| *byte = value),
        6 => {
            let pairs = file.iter_mut().zip(&copied).skip(at).take(len * 8);
            pairs.for_each(|(to, from)| *to = *from);
        }
        _ => {
            if let Some(byte) = file.get_mut(at) {
                *byte ^= value;
            }
        }
    }
}

/// Puts every checksum right that a length leads to; with `chain` also each segment's word for the
/// one before.
fn put_right(disk: &mut ModelDisk, chain: bool) {
    let names: Vec<String> = disk.names().into_iter().filter(|n| is_segment_name(n)).collect();
    let mut before: Option<[u8; 32]> = None;
    for name in names {
        let Some(file) = disk.bytes_mut(&name) else { continue };
        if file.len() < HEAD_BYTES {
            continue;
        }
        if let (true, Some(before)) = (chain, before) {
            let at = std::mem::offset_of!(wire::journal::JournalSegment, prev_head);
            file[at..at + 32].copy_from_slice(&before);
        }
        let at = std::mem::offset_of!(wire::journal::JournalSegment, crc32c);
        let crc = crc32c::crc32c(&file[..at]);
        file[at..at + 4].copy_from_slice(&crc.to_le_bytes());
        let mut at = HEAD_BYTES;
        while let Some(bytes) = file.get(at..at + RECORD_BYTES) {
            let mut head: JournalRecord = bytemuck::pod_read_unaligned(bytes);
            let end = at + RECORD_BYTES + head.len_bytes as usize;
            if head.magic != wire::journal::RECORD_MAGIC || end > file.len() {
                break;
            }
            head.crc32c = 0;
            let crc = crc32c::crc32c(bytemuck::bytes_of(&head));
            head.crc32c = crc32c::crc32c_append(crc, &file[at + RECORD_BYTES..end]);
            file[at..at + RECORD_BYTES].copy_from_slice(bytemuck::bytes_of(&head));
            at = end;
            if head.kind == wire::journal::RecordKind::Seal.code() {
                break;
            }
        }
        before = Some(sha256(&file[..at.min(file.len())]));
    }
}

/// Where the records of a segment end, as far as their lengths lead.
pub(crate) fn ends(segment: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = HEAD_BYTES;
    while let Some(bytes) = segment.get(at..at + RECORD_BYTES) {
        let head: JournalRecord = bytemuck::pod_read_unaligned(bytes);
        at += RECORD_BYTES + head.len_bytes as usize;
        if head.magic != wire::journal::RECORD_MAGIC || at > segment.len() {
            break;
        }
        ends.push(at);
    }
    ends
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

/// What must hold of any journal: damage is an error, whatever is recovered can be recovered again
/// unchanged, gone on with and ended. Whether it was taken.
pub(crate) fn check_recovery(Input { mut disk, outside }: Input) -> bool {
    let recovered = |disk: &mut ModelDisk| recover(disk, Path::new(PATH), &outside);
    let first = match recovered(&mut disk) {
        Ok(Some(found)) => found,
        Ok(None) | Err(TapeError::JournalDamaged { .. } | TapeError::Io { .. }) => return false,
        Err(other) => panic!("{other}"),
    };
    let again = recovered(&mut disk).expect("again").expect("there");
    let told = |found: &Recovered| (found.segment, found.offset, found.seq, found.frames);
    assert_eq!(told(&again), told(&first), "twice is not once");
    assert_eq!(again.cut_bytes, 0, "something is left to cut");
    if again.is_closed {
        return true;
    }
    let at = Moment::default();
    match JournalWriter::resume(disk, Path::new(PATH), again, 1, at) {
        Ok(mut writer) => {
            // Its segments may be too small for a frame, or larger than the disk.
            let taken = writer.push(&frame(0), at).is_ok();
            if let (true, Ok(mark)) = (taken, writer.finish(at)) {
                assert_eq!(mark.frame, first.frames + 1);
                let closed = recovered(&mut writer.into_storage()).map(Option::unwrap);
                // Who says that all after a frame is not to be trusted says so of this too.
                assert!(outside.has_failed || closed.is_ok_and(|c| c.is_closed), "not ended");
            }
        }
        Err(TapeError::JournalFailed { .. }) => {}
        Err(other) => panic!("{other}"),
    }
    true
}

/// What a reader sees of a journal: its frames, what is wrong at the end or in it, in words.
type Seen = Result<(u64, Option<String>), TapeError>;

/// Reads it all, and then once more from the last segment with a frame on.
fn read_through(open: impl Fn() -> Result<JournalReader, TapeError>) -> Seen {
    let mut reader = open()?;
    let mut last = None;
    while let Some(entry) = reader.next_frame()? {
        last = Some(entry.segment);
    }
    let seen = (reader.read_so_far().1, reader.fault_at_end().map(|fault| fault.to_string()));
    if let Some(segment) = last {
        let mut again = open()?;
        again.skip_to(segment).expect("it was read");
        while again.next_frame()?.is_some() {}
        assert_eq!(again.read_so_far().1, seen.0, "from a segment on there is another end");
    }
    Ok(seen)
}

/// What a reader of a journal in memory sees.
fn seen_in(disk: &ModelDisk, path: &Path) -> Seen {
    read_through(|| JournalReader::open_in(&mut disk.clone(), path))
}

/// Of a journal that the audit finds nothing wrong with (frames, and whether it is closed) a reader
/// must see as much, and recovery take as much or nothing: it also knows how long a file was made. A
/// file without a whole head and record the audit takes for one that was to be begun, where the
/// others refuse: `all_begun` says that there is none. Whether there was nothing wrong.
pub(crate) fn check_audited(
    mut disk: ModelDisk,
    fine: Option<(u64, bool)>,
    all_begun: bool,
) -> bool {
    let Some((frames, closed)) = fine else { return false };
    match seen_in(&disk, Path::new(PATH)) {
        Ok((seen, fault)) => assert_eq!((seen, fault.is_none()), (frames, closed)),
        // Zeros in place of a head are room that was not begun.
        Err(TapeError::JournalLayouts { .. } | TapeError::JournalDamaged { offset: 0, .. }) => {}
        Err(error) => assert!(!all_begun, "the audit finds nothing wrong, a reader does: {error}"),
    }
    if let Ok(Some(found)) = recover(&mut disk, Path::new(PATH), &Outside::default()) {
        assert_eq!((found.frames, found.is_closed), (frames, closed));
    }
    true
}

/// What a reader sees must be what recovery takes: as many frames, and no error.
pub(crate) fn check_reader(input: Input) -> bool {
    let Input { mut disk, .. } = input;
    // Recovery changes what it takes: the reader is before it.
    let read = seen_in(&disk, Path::new(PATH));
    let found = recover(&mut disk, Path::new(PATH), &Outside::default());
    match (found, read) {
        (Ok(Some(found)), Ok((frames, _))) => {
            assert_eq!(frames, found.frames, "reader and recovery differ");
            true
        }
        (Ok(Some(found)), Err(TapeError::JournalLayouts { .. })) => found.frames > 0,
        (Ok(Some(_)), Err(error)) => panic!("recovery takes it, a reader does not: {error}"),
        _ => false,
    }
}

/// A reader of a folder must see what one of the same journal in memory sees.
pub(crate) fn check_folder(input: Input, folder: &Path) -> bool {
    let Input { mut disk, .. } = input;
    write_to(&mut disk, folder);
    let told = |seen: Seen| seen.map_err(|error| format!("{error:?}"));
    let of_folder = told(read_through(|| JournalReader::open(folder)));
    let of_memory = told(seen_in(&disk, folder));
    assert_eq!(of_folder, of_memory);
    of_folder.is_ok()
}

/// Puts the files of a journal into a folder, and takes away what else is there.
pub(crate) fn write_to(disk: &mut ModelDisk, folder: &Path) {
    std::fs::create_dir_all(folder).expect("folder");
    let names = disk.names();
    for entry in std::fs::read_dir(folder).expect("folder") {
        let entry = entry.expect("an entry");
        if !names.iter().any(|name| **name == *entry.file_name()) {
            std::fs::remove_file(entry.path()).expect("ours");
        }
    }
    for name in names {
        let bytes = disk.bytes_mut(&name).expect("listed");
        std::fs::write(folder.join(name), bytes).expect("written");
    }
}

thread_local! {
    /// A segment with every kind of record but a recovery's, sealed, and half of it empty.
    static SEGMENT: Vec<u8> = {
        let pushed = [3, 0, 0, 40, 129, 2, 3, 130, 15, 129, 4, 129];
        let mut pushed = pushed.to_vec();
        pushed.resize(44, 0);
        input(&pushed).disk.read("000001.clj").expect("written")
    };
}

/// Heads and records. Byte 0: bit 0 checksums are put right; bit 1 the bytes change a real segment,
/// each by an offset (2 bytes) and what is flipped there; else they are the segment.
pub(crate) fn check_records(bytes: &[u8]) -> bool {
    let mut bytes = Bytes(bytes);
    let how = bytes.next();
    let segment = if how & 2 == 0 {
        bytes.0.to_vec()
    } else {
        let mut segment = SEGMENT.with(Vec::clone);
        while !bytes.0.is_empty() {
            let (at, value) = (bytes.offset(), bytes.next());
            if let Some(byte) = segment.get_mut(at) {
                *byte ^= value;
            }
        }
        segment
    };
    let mut disk = ModelDisk::default();
    disk.keep("000001.clj", &segment).expect("kept");
    if how & 1 != 0 {
        put_right(&mut disk, false);
    }
    let bytes = disk.read("000001.clj").expect("kept");
    let head = SegmentHead::parse(&bytes);
    if let Ok(head) = &head {
        assert_eq!(SegmentHead::parse(&head.to_bytes()).as_ref(), Ok(head));
        assert_eq!(bytes[..HEAD_BYTES], head.to_bytes(), "encodes to other bytes");
    }
    let (of, mut seq) = head.map_or((([7; 16], 1), 1), |h| ((h.instance, h.segment), h.first_seq));
    let mut at = if head.is_ok() { HEAD_BYTES } else { 0 };
    let mut taken = false;
    while let Step::Record(record) = step(bytes.get(at..).unwrap_or_default(), of, seq) {
        taken = true;
        at += record.bytes();
        seq = seq.wrapping_add(1);
        if at >= bytes.len() {
            break;
        }
    }
    taken
}
