//! What stands where the next record is due, and is not it: what happened there.
//!
//! Owns the difference between an edit, a deletion, an insertion, a swap, a duplicate and a splice
//! within one segment. Must never: be asked about zeros to the end of the file; they are the end.

use super::finding::Kind;
use super::record::{RECORD_HEAD, RECORD_MAX, Record, SEGMENT_HEAD, whole};
use super::window::whole_records;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use wire::journal::JournalSegment;

/// The record that is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due<'a> {
    /// Head of the segment.
    pub(crate) head: &'a JournalSegment,
    /// The sequence.
    pub(crate) seq: u64,
    /// The place, bytes from the start of the segment.
    pub(crate) byte: u64,
}

impl Due<'_> {
    fn belongs(&self, record: &Record<'_>) -> bool {
        record.head.instance == self.head.instance[..8] && record.head.segment == self.head.segment
    }
}

/// A place where a segment stops being what a journal is.
#[derive(Clone, Debug)]
pub(crate) struct Damage {
    /// What happened, as far as one segment shows it.
    pub(crate) kind: Kind,
    /// First sequence that is not as written.
    pub(crate) seq: u64,
    /// The place, bytes from the start of the segment.
    pub(crate) byte: u64,
    /// What was seen, in words.
    pub(crate) what: String,
    /// No crash leaves this, whatever was synced.
    pub(crate) certain: bool,
    /// Highest sequence that a whole record behind this place vouches for.
    pub(crate) vouched: u64,
    /// Whole records of the segment behind this place.
    pub(crate) later: u64,
}

/// What the whole records behind the place tell.
#[derive(Debug, Default)]
struct Behind {
    first: Option<u64>,
    due: bool,
    later: u64,
    vouched: u64,
}

/// Looks at the place where `due` is due and is not; the first byte other than zero from there on
/// is at `nonzero`.
///
/// # Errors
/// Where the file cannot be read.
pub(crate) fn look(file: &File, due: &Due<'_>, nonzero: u64) -> io::Result<Damage> {
    let mut here = vec![0; RECORD_MAX];
    let mut filled = 0;
    while filled < here.len() {
        match file.read_at(&mut here[filled..], due.byte + filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    let found = whole(&here[..filled]);
    let mut behind = Behind::default();
    whole_records(file, due.byte, |place, record| {
        if due.belongs(record) && place > due.byte {
            behind.first.get_or_insert(record.head.seq);
            behind.due |= record.head.seq == due.seq;
            behind.later += 1;
        }
        if due.belongs(record) {
            behind.vouched = behind.vouched.max(record.vouches());
        }
        true
    })?;
    let (kind, seq, what) = match &found {
        Some(record) => misplaced(file, due, record, &behind)?,
        None => broken(due, nonzero, &behind),
    };
    let (certain, byte) = (found.is_some(), due.byte);
    let (vouched, later) = (behind.vouched, behind.later);
    Ok(Damage { kind, seq, byte, what, certain, vouched, later })
}

/// A record that is whole, and not the one that is due.
fn misplaced(
    file: &File,
    due: &Due<'_>,
    found: &Record<'_>,
    behind: &Behind,
) -> io::Result<(Kind, u64, String)> {
    let seq = found.head.seq;
    if found.head.instance != due.head.instance[..8] {
        return Ok((Kind::Splice, due.seq, "a record of another journal".into()));
    }
    if found.head.segment != due.head.segment {
        let what = format!("a record of segment {}", found.head.segment);
        return Ok((Kind::Splice, due.seq, what));
    }
    if seq > due.seq {
        return Ok(if behind.due {
            (Kind::Swap, due.seq, format!("record {seq} stands before record {}", due.seq))
        } else {
            (Kind::Delete, due.seq, format!("record {seq} follows record {}", due.seq - 1))
        });
    }
    let mut same = false;
    whole_records(file, SEGMENT_HEAD as u64, |place, record| {
        let before = place < due.byte;
        same = before && record.head == found.head && record.payload == found.payload;
        before && !same
    })?;
    Ok(if same {
        (Kind::Duplicate, due.seq, format!("record {seq} again"))
    } else {
        // Which of the two is the false one cannot be told.
        (Kind::Insert, seq.max(due.head.first_seq), format!("another record {seq}"))
    })
}

/// Something that is no record.
fn broken(due: &Due<'_>, nonzero: u64, behind: &Behind) -> (Kind, u64, String) {
    let zeros = nonzero.saturating_sub(due.byte) >= RECORD_HEAD as u64;
    let bytes = if zeros { "zeros" } else { "bytes that are no whole record" };
    let (kind, what) = match behind.first {
        Some(first) if first == due.seq => {
            (Kind::Insert, format!("{bytes} stand before record {first}"))
        }
        Some(_) if zeros => (Kind::Delete, format!("{bytes} stand where a record was")),
        _ => (Kind::Edit, format!("{bytes} stand where a record was")),
    };
    (kind, due.seq, what)
}
