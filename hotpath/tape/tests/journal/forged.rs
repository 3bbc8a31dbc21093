//! Records and heads whole by their checksums that no writer makes, and what is said of each.

use crate::damage::{SEGMENT, journal};
use crate::support::{PATH, frame, recovered, write};
use corelane_tape::TapeError;
use corelane_tape::journal::model::ModelDisk;
use corelane_tape::journal::record::{HEAD_BYTES, RECORD_BYTES};
use corelane_tape::journal::writer::MIN_SEGMENT_BYTES;
use corelane_tape::journal::{JournalWriter, Moment, Outside, SegmentHead, Storage as _, record};
use std::path::Path;
use wire::journal::RecordKind;

/// Whole by its checksum, and no seal any writer makes: it must not stop the process that reads it.
#[test]
fn a_seal_behind_the_end_with_number_zero_vouches_for_nothing() {
    let (mut disk, synced) = journal();
    let last = disk.names().into_iter().filter(|name| name.starts_with('0')).max().expect("four");
    let whole = recovered(&mut disk, &Outside::default()).expect("whole");
    let of = (whole.options.instance, whole.segment, 0);
    let mut seal = Vec::new();
    record::encode(&mut seal, RecordKind::Seal, of, Moment::default(), &[0; 16]);
    let end = usize::try_from(whole.offset).expect("small");
    disk.bytes_mut(&last).expect("there")[end..end + seal.len()].copy_from_slice(&seal);
    let outside = Outside { synced_frame: synced, ..Outside::default() };
    let found = recovered(&mut disk, &outside).expect("above the watermark");
    assert_eq!((found.seq, found.cut_bytes > 0), (whole.seq, true));
}

/// A failure said by the tape, and a checkpoint beyond what it was told: the notary signs only what
/// the disk is shown to have.
#[test]
fn a_failed_journal_is_not_cut_below_a_checkpoint() {
    let (mut disk, synced) = journal();
    let whole = recovered(&mut disk, &Outside::default()).expect("whole");
    let outside =
        Outside { synced_frame: synced - 20, has_failed: true, checkpoint_seq: whole.seq - 3 };
    for _ in 0..2 {
        let found = recovered(&mut disk, &outside).expect("whole to the checkpoint");
        assert_eq!(found.seq, whole.seq - 3);
    }
}

/// A head that is whole by its checksum and gives its segment less room than a head and a seal take.
#[test]
fn a_segment_without_room_for_its_records_is_refused() {
    let (disk, _) = write(ModelDisk::default(), SEGMENT, 0, 1, false);
    let mut disk = disk.expect("written");
    let file = disk.bytes_mut("000001.clj").expect("there");
    let mut head = SegmentHead::parse(file).expect("a head");
    head.capacity_bytes = 128;
    file[..HEAD_BYTES].copy_from_slice(&head.to_bytes());
    file.truncate(HEAD_BYTES);
    let error = recovered(&mut disk, &Outside { synced_frame: 0, ..Outside::default() })
        .map(|found| JournalWriter::resume(disk, Path::new(PATH), found, 1, Moment::default()))
        .map(|writer| writer.expect("room").push(&frame(1), Moment::default()))
        .expect_err("no room");
    assert!(error.to_string().contains("no room"), "{error}");
}

/// A seal of the wrong length, whole by its checksum: it ends nothing, and what comes after it in the
/// journal that goes on would never be read again.
#[test]
fn a_seal_that_is_not_as_long_as_a_seal_is_no_record() {
    let (disk, _) = write(ModelDisk::default(), SEGMENT, 0, 1, false);
    let mut disk = disk.expect("written");
    let whole = recovered(&mut disk, &Outside::default()).expect("whole");
    let mut seal = Vec::new();
    let of = (whole.options.instance, whole.segment, whole.seq + 1);
    record::encode(&mut seal, RecordKind::Seal, of, Moment::default(), &[0; 24]);
    let end = usize::try_from(whole.offset).expect("small");
    disk.bytes_mut("000001.clj").expect("there")[end..end + seal.len()].copy_from_slice(&seal);
    let found = recovered(&mut disk, &Outside::default()).expect("above the watermark");
    assert_eq!((found.seq, found.cut_bytes > 0, found.is_sealed), (whole.seq, true, false));
}

/// A `synced` record that vouches for itself or later ones, whole by its checksum, and a later one
/// that does not: what is vouched for must not depend on which of them is read last.
#[test]
fn a_synced_record_vouches_for_nothing_behind_itself() {
    let (disk, _) = write(ModelDisk::default(), SEGMENT, 0, 1, false);
    let mut disk = disk.expect("written");
    let whole = recovered(&mut disk, &Outside::default()).expect("whole");
    let mut records = Vec::new();
    for (seq, vouched) in [(2, 2_u64), (3, 1)] {
        let of = (whole.options.instance, whole.segment, seq);
        let payload = vouched.to_le_bytes();
        record::encode(&mut records, RecordKind::Synced, of, Moment::default(), &payload);
    }
    let end = usize::try_from(whole.offset).expect("small");
    let file = disk.bytes_mut("000001.clj").expect("there");
    file[end..end + records.len()].copy_from_slice(&records);
    let found = recovered(&mut disk, &Outside::default()).expect("above the watermark");
    assert_eq!((found.seq, found.cut_bytes > 0), (whole.seq, true));
}

/// The whole of an empty journal, with records behind its first one.
fn with_records(records: &[u8]) -> (ModelDisk, u64) {
    let (disk, _) = write(ModelDisk::default(), SEGMENT, 0, 1, false);
    let mut disk = disk.expect("written");
    let whole = recovered(&mut disk, &Outside::default()).expect("whole");
    let end = usize::try_from(whole.offset).expect("small");
    let file = disk.bytes_mut("000001.clj").expect("there");
    file[end..end + records.len()].copy_from_slice(records);
    (disk, whole.seq)
}

fn sealed(frames: u64, next_segment: u64) -> Vec<u8> {
    let mut seal = Vec::new();
    let of = (*b"instance of test", 1, 2);
    let payload = [frames.to_le_bytes(), next_segment.to_le_bytes()].concat();
    record::encode(&mut seal, RecordKind::Seal, of, Moment::default(), &payload);
    seal
}

/// A seal that the next recovery would refuse is not gone on behind.
#[test]
fn a_seal_that_does_not_fit_its_segment_is_cut() {
    for (frames, next, fits) in [(0, 0, true), (0, 2, true), (1, 2, false), (0, 3, false)] {
        let (mut disk, seq) = with_records(&sealed(frames, next));
        let found = recovered(&mut disk, &Outside::default()).expect("above the watermark");
        assert_eq!((found.is_sealed, found.seq), (fits, seq + u64::from(fits)), "{frames} {next}");
        assert_eq!((found.is_closed, found.cut_bytes == 0), (next == 0, fits), "{frames} {next}");
    }
}

/// Every bit of a head that its checksum then covers again.
fn head_with(at: usize, value: u8) -> String {
    let (disk, _) = write(ModelDisk::default(), SEGMENT, 0, 1, false);
    let mut disk = disk.expect("written");
    let file = disk.bytes_mut("000001.clj").expect("there");
    file[at] ^= value;
    let crc_at = std::mem::offset_of!(wire::journal::JournalSegment, crc32c);
    let crc = crc32c::crc32c(&file[..crc_at]);
    file[crc_at..crc_at + 4].copy_from_slice(&crc.to_le_bytes());
    SegmentHead::parse(file).err().unwrap_or("taken").to_owned()
}

#[test]
fn a_head_of_another_version_length_or_with_reserved_bytes_is_refused() {
    type Head = wire::journal::JournalSegment;
    assert!(head_with(std::mem::offset_of!(Head, version), 2).contains("another journal version"));
    for at in [
        std::mem::offset_of!(Head, header_bytes),
        std::mem::offset_of!(Head, reserved),
        std::mem::offset_of!(Head, reserved_end),
    ] {
        assert!(head_with(at, 1).contains("not as this version"), "byte {at}");
    }
}

#[test]
fn a_record_of_another_version_journal_segment_or_with_reserved_bytes_is_refused() {
    type Head = wire::journal::JournalRecord;
    let of = (*b"instance of test", 1);
    let mut whole = Vec::new();
    record::encode(&mut whole, RecordKind::Frame, (of.0, 1, 2), Moment::default(), &frame(1));
    let head: Head = bytemuck::pod_read_unaligned(&whole[..RECORD_BYTES]);
    assert_eq!(head.instance, *b"instance", "the first half of the journal's");
    let cases = [
        (std::mem::offset_of!(Head, version), "not as this version"),
        (std::mem::offset_of!(Head, reserved), "not as this version"),
        (std::mem::offset_of!(Head, instance), "another journal"),
        (std::mem::offset_of!(Head, segment), "another segment"),
        (std::mem::offset_of!(Head, seq), "not the next"),
    ];
    for (at, what) in cases {
        let mut head = head;
        bytemuck::bytes_of_mut(&mut head)[at] ^= 1;
        head.crc32c = 0;
        let crc = crc32c::crc32c(bytemuck::bytes_of(&head));
        head.crc32c = crc32c::crc32c_append(crc, &whole[RECORD_BYTES..]);
        let bytes = [bytemuck::bytes_of(&head), &whole[RECORD_BYTES..]].concat();
        let error = record::Record::parse(&bytes, of, Some(2)).expect_err(what);
        assert!(error.contains(what), "{error}");
    }
    assert_eq!(record::Record::parse(&whole, of, Some(2)).expect("whole").bytes(), whole.len());
}

/// What nobody outside vouches for is vouched for by a record behind the damage.
#[test]
fn a_synced_record_behind_the_damage_refuses_the_cut() {
    let (disk, _) = journal();
    let last = SegmentHead::parse(&disk.clone().read("000004.clj").expect("there")).expect("head");
    let mut disk = disk;
    disk.bytes_mut("000004.clj").expect("there")[HEAD_BYTES + RECORD_BYTES] ^= 1;
    let error = recovered(&mut disk, &Outside::default()).expect_err("below the watermark");
    let TapeError::JournalDamaged { seq, watermark, offset, .. } = error else { panic!("{error}") };
    assert_eq!((seq, offset), (last.first_seq, HEAD_BYTES as u64));
    assert!(watermark > seq, "{watermark}");
    // In a segment that others follow the first bad record is named too.
    let (mut disk, _) = journal();
    disk.bytes_mut("000002.clj").expect("there")[HEAD_BYTES + RECORD_BYTES] ^= 1;
    let second = SegmentHead::parse(&disk.read("000002.clj").expect("there")).expect("a head");
    let error = recovered(&mut disk, &Outside::default()).expect_err("below the watermark");
    let TapeError::JournalDamaged { seq, watermark, .. } = error else { panic!("{error}") };
    assert_eq!((seq, watermark), (second.first_seq, last.first_seq - 1));
}

#[test]
fn a_segment_has_room_for_what_fits_and_no_more() {
    assert_eq!(MIN_SEGMENT_BYTES, 256 + 4 * (56 + 65_536));
    // A head, and a seal of 72 bytes: the rest is one record's.
    let options = crate::support::options(2_048);
    let begin = || {
        JournalWriter::create(
            ModelDisk::default(),
            Path::new(PATH),
            options,
            "{}",
            Moment::default(),
        )
    };
    let frame_of = |len: usize| {
        let mut frame = frame(1);
        frame.resize(len, 0);
        frame[..4].copy_from_slice(&u32::try_from(len).expect("small").to_le_bytes());
        frame
    };
    let longest = 2_048 - 256 - 72 - RECORD_BYTES;
    let mut writer = begin().expect("begun");
    writer.push(&frame_of(longest), Moment::default()).expect("fits");
    let error = writer.push(&frame_of(longest + 8), Moment::default()).expect_err("too long");
    assert!(matches!(error, TapeError::BadFrame { .. }), "{error}");
    writer.finish(Moment::default()).expect("ended");
    let mut disk = writer.into_storage();
    assert_eq!(disk.read("000002.clj").expect("a segment of its own").len(), 2_048);
    // The least a segment can be is taken: a head, a record of a recovery, and a seal.
    for (capacity, is_taken) in [(408, true), (407, false)] {
        let (disk, _) = write(ModelDisk::default(), SEGMENT, 0, 1, false);
        let mut disk = disk.expect("written");
        let file = disk.bytes_mut("000001.clj").expect("there");
        let mut head = SegmentHead::parse(file).expect("a head");
        head.capacity_bytes = capacity;
        file[..HEAD_BYTES].copy_from_slice(&head.to_bytes());
        assert_eq!(recovered(&mut disk, &Outside::default()).is_ok(), is_taken, "{capacity}");
    }
}
