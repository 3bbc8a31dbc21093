//! A fuzzer's bytes as the file of a tape: a real one, then changed word by word, its checksum put
//! right.
//!
//! Shared by the fuzz target and by the test that replays its corpus.

use corelane_tape::tape::{MIN_BYTES, Tape};

/// Words of the head page, and the word its checksum is in.
const HEAD_WORDS: usize = 512;
const CRC: usize = 255;
/// Words a change can be in: all of the head, and as many at the ring's start and end.
const REACHED: usize = 2 * HEAD_WORDS;

/// A tape whose first `long` of the longest frames are given free again, and then holds `short` ones.
fn made(long: usize, short: usize) -> Vec<u64> {
    let (mut writer, mut reader) = Tape::in_memory(MIN_BYTES).split();
    for _ in 0..long {
        assert!(writer.push(9, &vec![1; 65_536]));
        reader.next().expect("there");
        reader.free_taken();
    }
    for n in 0..short {
        assert!(writer.push(9, &vec![1; 40 + n % 3 * 400]));
    }
    reader.image()
}

thread_local! {
    // Nothing; a few from the start; a few over the end, where the rest is skipped; one lap on.
    static MADE: [Vec<u64>; 4] = [made(0, 0), made(0, 7), made(15, 160), made(20, 4)];
}

/// Byte 0: which of four tapes. Then changes: a word's place (2 bytes) and its new value (8 bytes).
///
/// What must hold: it is refused, or read to an end without a panic, with numbers that rise by one.
/// Whether it was taken.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let mut bytes = bytes.iter().copied();
    let mut next = || bytes.next();
    let which = usize::from(next().unwrap_or(0) & 3);
    let mut words = MADE.with(|made| made[which].clone());
    let size = words.len();
    while let (Some(low), Some(high)) = (next(), next()) {
        let at = usize::from(u16::from_le_bytes([low, high])) % REACHED;
        let at = if at < HEAD_WORDS + HEAD_WORDS / 2 { at } else { size - (REACHED - at) };
        let value = std::array::from_fn(|_| next().unwrap_or(0));
        words[at] = u64::from_le_bytes(value);
    }
    let crc =
        words.iter().take(CRC).fold(0, |crc, word| crc32c::crc32c_append(crc, &word.to_le_bytes()));
    words[CRC] = u64::from(crc);
    let Ok(tape) = Tape::of_image(&words) else { return false };
    let mut reader = tape.into_reader();
    let last = reader.last_number();
    let mut before = reader.number();
    while let Some(record) = reader.next() {
        assert_eq!(record.number, before + 1, "numbers rise by one");
        before = record.number;
    }
    assert_eq!(before, last);
    let _ = reader.is_damaged();
    reader.free_taken();
    true
}
