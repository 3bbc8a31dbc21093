//! Recordings come back as they were written; damage of any kind is one clear error, and nothing
//! written before it is lost.
#![expect(clippy::unwrap_used, reason = "a test helper that cannot go on has failed")]

use corelane_tape as tape;
use proptest::prelude::*;
use sha2::Digest as _;
use std::path::Path;
use tape::{Compression, Header, RecordingReader, RecordingWriter, TapeError, read_all, recover};
use wire::frame::FrameHeader;
use wire::instrument::{Instrument, padded};
use wire::market::{DepthDelta, FLAG_FIRST, FLAG_LAST, Level, Trade};
use wire::{InstrumentId, PriceTicks, QtyLots, TsNs};

fn instrument(row: u32) -> Vec<u8> {
    let mut header = FrameHeader::new::<Instrument>();
    header.instrument_id = InstrumentId(row);
    bytemuck::bytes_of(&Instrument {
        header,
        symbol: padded("BTCUSDT").unwrap(),
        tick_size_e9: 10_000_000,
        lot_size_e9: 10_000,
        min_qty_lots: QtyLots(1),
        max_qty_lots: QtyLots(1_000_000),
        min_notional_e9: 0,
        instrument_type: b'S',
        reserved: [0; 23],
    })
    .to_vec()
}

fn trade(n: u64) -> Vec<u8> {
    let mut header = FrameHeader::new::<Trade>();
    header.instrument_id = InstrumentId(0);
    header.ts_recv_ns = TsNs(1_000 + n);
    bytemuck::bytes_of(&Trade {
        header,
        price_ticks: PriceTicks(6_000_000),
        qty_lots: QtyLots(1),
        trade_id: n,
        aggressor: b'B',
        reserved: [0; 7],
    })
    .to_vec()
}

fn delta(levels: u16) -> Vec<u8> {
    let len = size_of::<DepthDelta>() + usize::from(levels) * size_of::<Level>();
    let mut header = FrameHeader::with_len(wire::FrameKind::DepthDelta, len);
    header.flags = FLAG_FIRST | FLAG_LAST;
    let head = DepthDelta {
        header,
        first_update_id: 1,
        last_update_id: 2,
        prev_update_id: u64::MAX,
        bid_count: levels,
        ask_count: 0,
        reserved: [0; 4],
    };
    let mut frame = bytemuck::bytes_of(&head).to_vec();
    for n in 0..levels {
        let level = Level { price_ticks: PriceTicks(i64::from(n)), qty_lots: QtyLots(1) };
        frame.extend_from_slice(bytemuck::bytes_of(&level));
    }
    frame
}

/// Copies to memory that is aligned to 8 bytes, as frames of a ring or reader are.
fn aligned(frame: &[u8]) -> Vec<u64> {
    let mut words = vec![0; frame.len() / 8];
    bytemuck::cast_slice_mut(&mut words).copy_from_slice(frame);
    words
}

fn push(writer: &mut RecordingWriter, frame: &[u8]) {
    writer.push(bytemuck::cast_slice(&aligned(frame))).unwrap();
}

fn write(path: &Path, frames: &[Vec<u8>], compression: Compression, block_bytes: usize) {
    let header = Header { source: "test".into(), ..Header::default() };
    let mut writer =
        RecordingWriter::create(path, &header, compression).unwrap().with_block_bytes(block_bytes);
    for frame in frames {
        push(&mut writer, frame);
    }
    let summary = writer.finish().unwrap();
    assert_eq!(summary.frames, frames.len() as u64);
}

/// Every frame before the first fault, and the fault.
fn stream(bytes: &[u8]) -> (Vec<Vec<u8>>, Option<TapeError>) {
    let mut frames = Vec::new();
    let mut reader = match RecordingReader::new(bytes, "memory.clrec") {
        Ok(reader) => reader,
        Err(error) => return (frames, Some(error)),
    };
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => {
                assert_eq!(frame.as_ptr().align_offset(8), 0);
                wire::decode(frame).unwrap();
                frames.push(frame.to_vec());
            }
            Ok(None) => return (frames, None),
            Err(error) => {
                assert!(matches!(reader.next_frame(), Err(TapeError::Failed { .. })));
                return (frames, Some(error));
            }
        }
    }
}

fn sample() -> Vec<Vec<u8>> {
    let mut frames = vec![instrument(0)];
    frames.extend((0..4).map(trade));
    frames.push(delta(3));
    frames
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn comes_back_as_written(
        sizes in prop::collection::vec(0_u16..600, 0..60),
        block in 1_usize..20_000,
        level in prop::option::of(1_i32..6),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.clrec");
        let mut frames = vec![instrument(0), instrument(1)];
        let frame = |n: &u16| if *n < 300 { trade(u64::from(*n)) } else { delta(*n) };
        frames.extend(sizes.iter().map(frame));
        let compression = level.map_or(Compression::None, Compression::Zstd);
        write(&path, &frames, compression, block);
        let back = read_all(&path).unwrap();
        prop_assert_eq!(back.instruments().len(), 2);
        prop_assert_eq!(back.header.source.as_str(), "test");
        prop_assert_eq!(back.summary.counts.values().sum::<u64>(), frames.len() as u64);
        prop_assert_eq!(back.frames().map(<[u8]>::to_vec).collect::<Vec<_>>(), frames);
    }
}

#[test]
fn summary_states_range_counts_and_digest() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.clrec");
    let frames = sample();
    write(&path, &frames, Compression::Zstd(3), 100);
    let summary = read_all(&path).unwrap().summary;
    assert_eq!((summary.first_ts_recv_ns, summary.last_ts_recv_ns), (Some(1000), Some(1003)));
    let counts: Vec<_> = summary.counts.iter().map(|(k, n)| (k.as_str(), *n)).collect();
    assert_eq!(counts, [("depth-delta", 1), ("instrument", 1), ("trade", 4)]);
    let digest = tape::header::hex(&sha2::Sha256::digest(frames.concat()));
    assert_eq!(summary.sha256, digest);
}

#[test]
fn a_block_of_any_wished_size_is_one_that_a_reader_takes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.clrec");
    // More than the largest block holds.
    let frames: Vec<_> = (0..).map(|_| delta(600)).take(5 << 20 >> 13).collect();
    assert!(frames.concat().len() > 5 << 20);
    for wished in [0, usize::MAX] {
        write(&path, &frames, Compression::None, wished);
        let bytes = std::fs::read(&path).unwrap();
        let mut reader = RecordingReader::new(bytes.as_slice(), "memory.clrec").unwrap();
        let mut handed_out = 0;
        while reader.next_frame().unwrap().is_some() {
            handed_out += 1;
            assert_eq!(reader.frames(), handed_out, "counted as they go");
        }
        assert_eq!(handed_out, frames.len() as u64, "wished {wished}");
    }
}

#[test]
fn every_truncation_keeps_all_whole_blocks_and_says_truncated() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.clrec");
    let frames = sample();
    for compression in [Compression::None, Compression::Zstd(1)] {
        // One frame a block: what is whole can be counted from the outside.
        write(&path, &frames, compression, 1);
        let bytes = std::fs::read(&path).unwrap();
        let mut most = 0;
        for len in 0..bytes.len() {
            let (got, error) = stream(&bytes[..len]);
            assert_eq!(got, frames[..got.len()], "at {len}");
            assert!(got.len() >= most, "fewer frames from more bytes at {len}");
            most = got.len();
            let Some(TapeError::Truncated { offset, frames, .. }) = error else {
                panic!("{len} bytes gave {error:?}")
            };
            assert!(offset <= len as u64);
            assert_eq!(frames, got.len() as u64);
        }
        assert_eq!(most, frames.len());
        assert!(stream(&bytes).1.is_none());
    }
}

#[test]
fn every_bit_flip_is_an_error_and_never_another_frame() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.clrec");
    let frames = sample();
    for compression in [Compression::None, Compression::Zstd(1)] {
        write(&path, &frames, compression, 150);
        let good = std::fs::read(&path).unwrap();
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let (got, error) = stream(&bytes);
            assert!(error.is_some(), "bit {bit} went unseen");
            assert_eq!(got, frames[..got.len()], "bit {bit}");
        }
    }
}

#[test]
fn wrong_magic_version_and_layout_have_errors_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.clrec");
    write(&path, &sample(), Compression::None, 100);
    let good = std::fs::read(&path).unwrap();
    let change = |offset: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[offset] = byte;
        stream(&bytes).1.unwrap()
    };
    assert!(matches!(change(0, b'X'), TapeError::NotARecording { .. }));
    assert!(matches!(change(5, 9), TapeError::FormatVersion { found: 9, expected: 1, .. }));
    assert!(matches!(stream(b"{}").1, Some(TapeError::NotARecording { .. })));

    let header = |edit: &dyn Fn(&mut Header)| {
        let mut header = Header::default().stamped();
        edit(&mut header);
        let json = serde_json::to_vec(&header).unwrap();
        let mut bytes = tape::format::preamble(&json).to_vec();
        bytes.extend_from_slice(&json);
        stream(&bytes).1.unwrap()
    };
    let wire = header(&|h| h.wire_version = 7);
    assert!(matches!(wire, TapeError::WireVersion { found: 7, expected: 1, .. }), "{wire}");
    let layout = header(&|h| {
        h.layouts.insert("FrameHeader".into(), "0".into());
    });
    assert!(matches!(&layout, TapeError::Layout { name, .. } if name == "FrameHeader"), "{layout}");
    // A struct this build does not have is no reason to refuse the frames it does have.
    let newer = header(&|h| {
        h.layouts.insert("Newer".into(), "0".into());
    });
    assert!(newer.is_truncated(), "{newer}");
}

/// A layout that changed since matters only to a file that has such frames.
#[test]
fn another_layout_refuses_the_frames_it_concerns_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.clrec");
    write(&path, &sample(), Compression::None, 100);
    let good = std::fs::read(&path).unwrap();
    let blocks = 16 + u32::from_le_bytes(good[8..12].try_into().unwrap()) as usize;
    let with_other = |name: &str| {
        let mut header = Header::default().stamped();
        header.layouts.insert(name.into(), "0".into());
        let json = serde_json::to_vec(&header).unwrap();
        let mut bytes = tape::format::preamble(&json).to_vec();
        bytes.extend_from_slice(&json);
        bytes.extend_from_slice(&good[blocks..]);
        stream(&bytes)
    };
    let (frames, error) = with_other("NewOrder");
    assert_eq!((frames.len(), error.is_none()), (sample().len(), true));
    let (frames, error) = with_other("Trade");
    let first = sample().iter().position(|f| wire::frame::header(f).unwrap().kind == 3).unwrap();
    assert_eq!(frames.len(), first, "every frame before the first trade");
    assert!(matches!(error, Some(TapeError::Layout { name, .. }) if name == "Trade"));
}

#[test]
fn every_error_names_the_file_and_the_next_step() {
    let dir = tempfile::tempdir().unwrap();
    let missing = read_all(dir.path().join("none.clrec")).unwrap_err();
    let path = dir.path().join("a.clrec");
    write(&path, &sample(), Compression::None, 100);
    let good = std::fs::read(&path).unwrap();
    let mut flipped = good.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    let errors = [
        missing,
        stream(&good[..good.len() - 1]).1.unwrap(),
        stream(&flipped).1.unwrap(),
        stream(b"no recording").1.unwrap(),
    ];
    for error in errors {
        let text = error.to_string();
        assert!(text.contains(".clrec`") && text.contains("; next: "), "{text}");
        assert!(!text.contains('\n'));
    }
}

#[test]
fn lengths_in_a_hostile_file_are_bounded_before_anything_is_allocated() {
    let json = serde_json::to_vec(&Header::default().stamped()).unwrap();
    let mut start = tape::format::preamble(&json).to_vec();
    start.extend_from_slice(&json);
    for (raw_len, stored_len, compression) in
        [(u32::MAX - 7, 8, 1), (8, u32::MAX, 1), (0, 0, 0), (12, 12, 0), (8, 16, 0), (8, 8, 7)]
    {
        let head = tape::format::BlockHead {
            raw_len,
            stored_len,
            crc32c: 0,
            frame_count: 1,
            compression,
            first_record: 0,
        };
        let mut bytes = start.clone();
        bytes.extend_from_slice(&head.to_bytes());
        let error = stream(&bytes).1.unwrap();
        assert!(matches!(error, TapeError::Corrupt { .. }), "{raw_len} {stored_len}: {error}");
    }
}

#[test]
fn a_killed_writer_loses_only_its_open_block() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.clrec");
    let mut writer =
        RecordingWriter::create(&path, &Header::default(), Compression::Zstd(1)).unwrap();
    for frame in sample() {
        push(&mut writer, &frame);
    }
    writer.flush().unwrap();
    push(&mut writer, &trade(9));
    // What a kill leaves: the file as it is now. Reading it needs no drop of the writer.
    let (killed, error) = recover(&path).unwrap();
    assert_eq!(killed.frames().map(<[u8]>::to_vec).collect::<Vec<_>>(), sample());
    assert!(error.unwrap().is_truncated());
    assert_eq!(killed.summary.frames, sample().len() as u64);
    assert!(read_all(&path).unwrap_err().is_truncated());
    // An orderly unwinding loses nothing at all, and still says that the end is missing.
    drop(writer);
    let (dropped, error) = recover(&path).unwrap();
    assert_eq!(dropped.frames().count(), sample().len() + 1);
    assert!(error.unwrap().is_truncated());
}

#[test]
fn the_writer_refuses_what_is_no_frame_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.clrec");
    let mut writer = RecordingWriter::create(&path, &Header::default(), Compression::None).unwrap();
    push(&mut writer, &trade(0));
    let mut words = aligned(&trade(1));
    let short: &[u8] = bytemuck::cast_slice(&words[..8]);
    assert!(matches!(writer.push(short), Err(TapeError::BadFrame { record: 1, .. })));
    words[0] ^= 0xff << 48;
    assert!(writer.push(bytemuck::cast_slice(&words)).is_err());
    push(&mut writer, &trade(2));
    assert_eq!(writer.finish().unwrap().frames, 2);
}

#[test]
fn a_table_out_of_order_and_a_recording_too_large_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.clrec");
    write(&path, &[instrument(0), instrument(2), trade(1)], Compression::None, 100);
    let error = read_all(&path).unwrap_err();
    assert!(
        matches!(error, TapeError::BadTable { record: 1, found: 2, expected: 1, .. }),
        "{error}"
    );
    write(&path, &sample(), Compression::None, 100);
    let error = tape::read_all_limited(&path, 200).unwrap_err();
    assert!(matches!(error, TapeError::TooLarge { limit: 200, .. }), "{error}");
}
