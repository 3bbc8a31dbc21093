//! The tape: what was pushed comes out, whatever happens to the writer.

use corelane_tape::TapeError;
use corelane_tape::tape::{MIN_BYTES, Place, Tape, TapeReader, record_bytes};
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use wire::{FrameHeader, FrameKind};

fn frame(n: u64, len: usize) -> Vec<u8> {
    let header = FrameHeader { seq: n, ..FrameHeader::with_len(FrameKind::DepthDelta, len) };
    let mut bytes = bytemuck::bytes_of(&header).to_vec();
    bytes.resize(len, n.to_le_bytes()[0]);
    bytes
}

/// Lengths from the shortest to the longest, a different one each time.
fn len(n: u64) -> usize {
    let lens = [40, 72, 104, 128, 1_000, 3_264, 16_000, 65_536];
    lens[usize::try_from(n * 5 % 8).expect("small")]
}

/// A folder on tmpfs; `None`, said by name, where there is none.
fn tmpfs(test: &str) -> Option<tempfile::TempDir> {
    let dir = tempfile::tempdir_in("/dev/shm").ok();
    if dir.is_none() {
        eprintln!("SKIPPED {test}: /dev/shm is not there");
    }
    dir
}

fn place(journal: &str) -> Place {
    Place { instance: *b"sixteen bytes ab", epoch: 7, journal: PathBuf::from(journal) }
}

fn drain(reader: &mut TapeReader) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Some(record) = reader.next() {
        assert_eq!(record.frame, frame(record.number, len(record.number)), "{}", record.number);
        assert_eq!(record.stamp, !record.number);
        assert_eq!(record.frame.as_ptr().align_offset(8), 0);
        numbers.push(record.number);
    }
    numbers
}

#[test]
fn every_frame_comes_out_once_in_order_over_many_laps() {
    let (mut writer, mut reader) = Tape::in_memory(MIN_BYTES).split();
    let (mut taken, mut refused) = (0, 0);
    for n in 1..=5_000_u64 {
        let bytes = frame(n, len(n));
        while !writer.push(!n, &bytes) {
            assert!(!writer.has_room(bytes.len()), "refused only without room");
            refused += 1;
            let numbers = drain(&mut reader);
            assert_eq!(numbers.first(), Some(&(taken + 1)));
            taken += numbers.len() as u64;
            // Taken is not yet free: the journal must have it first.
            assert!(!writer.push(!n, &bytes));
            reader.free_taken();
        }
    }
    taken += drain(&mut reader).len() as u64;
    assert_eq!((taken, writer.number()), (5_000, 5_000));
    assert!(refused > 40, "the ring was full {refused} times");
    assert!(reader.next().is_none() && !reader.is_damaged());
    reader.free_taken();
    assert_eq!((writer.used(), reader.fill().0), (0, 0));
}

#[test]
fn room_that_is_promised_is_there_whatever_the_lengths() {
    for first in 0..64 {
        let (mut writer, mut reader) = Tape::in_memory(MIN_BYTES).split();
        for n in 0..first {
            assert!(writer.push(0, &frame(n, len(n))));
        }
        while reader.next().is_some() {}
        reader.free_taken();
        let mut left = 300_000;
        assert!(writer.has_room(left), "a ring that is nearly empty");
        for n in first.. {
            let bytes = frame(n, len(n));
            if record_bytes(bytes.len()) > left {
                break;
            }
            left -= record_bytes(bytes.len());
            assert!(writer.push(0, &bytes), "{first} {n}: room was promised");
        }
    }
}

#[test]
fn two_threads_lose_nothing() {
    const COUNT: u64 = 20_000;
    let (mut writer, mut reader) = Tape::in_memory(MIN_BYTES).split();

    let pushing = std::thread::spawn(move || {
        for n in 1..=COUNT {
            while !writer.push(!n, &frame(n, len(n))) {
                std::thread::yield_now();
            }
        }
    });
    let mut taken = 0;
    while taken < COUNT {
        let numbers = drain(&mut reader);
        taken += numbers.len() as u64;
        reader.free_taken();
        if numbers.is_empty() {
            std::thread::yield_now();
        }
    }
    pushing.join().expect("no panic");
}

#[test]
fn what_is_no_frame_length_is_refused() {
    let (mut writer, _) = Tape::in_memory(MIN_BYTES).split();
    assert!(!writer.push(0, &[0; 41]), "no multiple of 8");
    assert!(!writer.push(0, &vec![0; 65_544]), "longer than a frame");
    assert_eq!((writer.number(), writer.used()), (0, 0));
}

#[test]
fn a_tape_file_outlives_its_writer_and_says_whose_it_is() {
    let Some(dir) = tmpfs("a_tape_file_outlives_its_writer") else { return };
    let path = dir.path().join("a.tape");
    let tape = Tape::create(&path, 2 * MIN_BYTES, &place("runs/a b/journal")).expect("made");
    let (mut writer, mut reader) = tape.split();
    for n in 1..=30 {
        assert!(writer.push(!n, &frame(n, len(n))));
    }
    for _ in 0..10 {
        reader.next().expect("there");
    }
    reader.free_taken();
    reader.next().expect("taken, and not said to be safe");
    assert!(matches!(Tape::open(&path), Err(TapeError::Busy { .. })), "its writer lives");
    drop((writer, reader));
    let tape = Tape::open(&path).expect("there");
    assert_eq!(tape.place(), &place("runs/a b/journal"));
    assert!(tape.is_of_this_build() && tape.capacity() == 2 * MIN_BYTES);
    let mut reader = tape.into_reader();
    assert_eq!(drain(&mut reader), (11..=30).collect::<Vec<_>>());
    assert!(!reader.had_failed() && !reader.is_damaged());
    reader.fail();
    reader.free_taken();
    drop(reader);
    let mut reader = Tape::open(&path).expect("there").into_reader();
    assert!(reader.next().is_none() && reader.had_failed());
    assert_eq!(reader.number(), 30, "an empty tape still says what was synced");
}

#[test]
fn a_kill_between_the_two_stores_of_giving_free_loses_nothing() {
    let Some(dir) = tmpfs("a_kill_between_the_two_stores") else { return };
    let path = dir.path().join("a.tape");
    let (mut writer, mut reader) =
        Tape::create(&path, MIN_BYTES, &place("j")).expect("made").split();
    for n in 1..=9 {
        assert!(writer.push(!n, &frame(n, len(n))));
    }
    reader.next().expect("there");
    reader.free_taken();
    drop((writer, reader));
    // The number is stored (word 273), the position is not.
    let file = OpenOptions::new().write(true).open(&path).expect("there");
    file.write_all_at(&6_u64.to_le_bytes(), 273 * 8).expect("written");
    let mut reader = Tape::open(&path).expect("there").into_reader();
    assert_eq!(drain(&mut reader), (2..=9).collect::<Vec<_>>());
}

#[test]
fn a_disk_is_refused_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("folder");
    let path = dir.path().join("a.tape");
    match Tape::create(&path, MIN_BYTES, &place("j")) {
        Err(error @ TapeError::NotInMemory { .. }) => {
            assert!(error.to_string().contains("/dev/shm"), "{error}");
            assert!(!path.exists());
        }
        Err(error) => panic!("{error}"),
        Ok(_) => eprintln!("SKIPPED a_disk_is_refused: the build folder is on tmpfs"),
    }
}

#[test]
fn a_full_tmpfs_is_an_error_and_no_signal() {
    let Some(dir) = tmpfs("a_full_tmpfs_is_an_error") else { return };
    let path = dir.path().join("a.tape");
    let error = Tape::create(&path, 1 << 46, &place("j")).expect_err("64 TiB");
    assert!(matches!(error, TapeError::Io { op: "allocate", .. }), "{error}");
    assert!(!path.exists(), "nothing is left behind");
    Tape::create(&path, MIN_BYTES, &place("j")).expect("there is room for a small one");
    let error = Tape::create(&path, MIN_BYTES, &place("j")).expect_err("it is there");
    assert!(matches!(error, TapeError::TapeExists { .. }), "{error}");
    let long = Place { journal: Path::new(&"x".repeat(2_000)).to_path_buf(), ..place("") };
    let error = Tape::create(&dir.path().join("b.tape"), MIN_BYTES, &long).expect_err("too long");
    assert!(matches!(error, TapeError::PathTooLong { .. }), "{error}");
}

#[test]
fn a_damaged_head_is_refused_and_a_damaged_record_ends_the_tape() {
    let Some(dir) = tmpfs("a_damaged_head_is_refused") else { return };
    let path = dir.path().join("a.tape");
    let (mut writer, reader) = Tape::create(&path, MIN_BYTES, &place("j")).expect("made").split();
    for n in 1..=9 {
        assert!(writer.push(!n, &frame(n, 40)));
    }
    drop((writer, reader));
    let whole = std::fs::read(&path).expect("there");
    let damaged = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] ^= byte;
        std::fs::write(&path, bytes).expect("written");
        Tape::open(&path)
    };
    // Magic, capacity, instance, epoch, layouts, path, checksum, head and tail position.
    for at in [0, 8, 17, 33, 41, 49, 64, 2_040, 2_048, 2_053, 2_176, 2_180] {
        let error = damaged(at, 0x41).err();
        assert!(matches!(error, Some(TapeError::BadTape { .. })), "byte {at}: {error:?}");
    }
    std::fs::write(&path, &whole[..4_000]).expect("written");
    assert!(matches!(Tape::open(&path), Err(TapeError::BadTape { .. })), "shorter than its head");
    // The fifth record (64 bytes each) lies: a length beyond a frame, or another number.
    for at in [4_096 + 4 * 64 + 3, 4_096 + 4 * 64 + 8] {
        let mut reader = damaged(at, 0x41).expect("a head that is right").into_reader();
        let mut count = 0;
        while reader.next().is_some() {
            count += 1;
        }
        assert_eq!(count, 4);
        assert!(reader.is_damaged(), "more is there and cannot be read");
    }
}

/// Positions and numbers are not covered by the head's checksum: whatever they are, the tape is
/// refused or ends, and the process goes on.
#[test]
fn positions_and_numbers_at_the_end_of_their_range_end_the_tape() {
    let (mut writer, reader) = Tape::in_memory(MIN_BYTES).split();
    for n in 1..=3 {
        assert!(writer.push(!n, &frame(n, 40)));
    }
    let image = reader.image();
    let last = u64::MAX - 7;
    // The ring begins at word 512; positions are words 256 and 272, the number word 273.
    let skipping = [(256, last), (272, last - 64), (273, 9)];
    let full = [(272, 0), (273, u64::MAX), (513, u64::MAX), (521, 0)];
    let long = [(272, 0), (512, u64::MAX - 1)];
    for changes in [&skipping[..], &full, &long] {
        let mut image = image.clone();
        for (word, value) in changes {
            image[*word] = *value;
        }
        let start = usize::try_from((last - 64) / 8 % (MIN_BYTES as u64 / 8)).expect("small");
        image[512 + start] = u64::MAX;
        let mut reader = Tape::of_image(&image).expect("a sound head").into_reader();
        while reader.next().is_some() {}
        assert!(reader.is_damaged());
    }
}

#[test]
fn bounds_of_a_tape_are_where_they_are_said_to_be() {
    assert_eq!(MIN_BYTES, 16 * record_bytes(65_536));
    let (mut writer, mut reader) = Tape::in_memory(MIN_BYTES).split();
    for n in 1..=1_000 {
        assert!(writer.push(!n, &frame(n, 40)));
    }
    // 1,000 records of 64 bytes of 1,048,960.
    assert_eq!((writer.used(), writer.fill_e3(), writer.capacity()), (64_000, 61, 1_048_960));
    assert_eq!(reader.fill(), (64_000, 1_048_960));
    assert_eq!((reader.last_number(), reader.number()), (1_000, 0), "nothing was taken");
    // The largest record and one more than what is asked for must fit.
    let (most, room) = (MIN_BYTES - record_bytes(65_536), 64_000);
    assert!(writer.has_room(most - room) && !writer.has_room(most - room + 1));
    for _ in 0..1_000 {
        reader.next().expect("there");
    }
    reader.free_taken();
    assert!(writer.has_room(most) && !writer.has_room(most + 1));
    assert_eq!((writer.used(), writer.fill_e3()), (0, 0));
    assert!(!writer.has_failed() && !reader.had_failed());
    reader.fail();
    assert!(writer.has_failed() && reader.had_failed());
    reader.clear_failure();
    assert!(!writer.has_failed() && !reader.had_failed());
}

#[test]
fn a_path_and_a_file_at_their_bounds() {
    let Some(dir) = tmpfs("a_path_and_a_file_at_their_bounds") else { return };
    let path = dir.path().join("a.tape");
    let longest = place(&"x".repeat(1_024));
    drop(Tape::create(&path, MIN_BYTES, &longest).expect("the longest path"));
    assert_eq!(Tape::open(&path).expect("there").place(), &longest);
    let error = Tape::create(&dir.path().join("b.tape"), MIN_BYTES, &place(&"x".repeat(1_025)));
    assert!(matches!(error, Err(TapeError::PathTooLong { limit: 1_024, .. })));
    let whole = std::fs::read(&path).expect("there");
    for (len, what) in [(4_096, "its length is not"), (4_088, "shorter than its head")] {
        std::fs::write(&path, &whole[..len]).expect("written");
        let error = Tape::open(&path).expect_err("no ring").to_string();
        assert!(error.contains(what), "{len}: {error}");
    }
}

#[test]
fn a_file_a_killed_start_was_making_is_removed_and_no_other() {
    let Some(dir) = tmpfs("a_file_a_killed_start_was_making") else { return };
    let file = |name: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, [0; 64]).expect("written");
        path
    };
    // The kernel gives no number this high. A child of our own would hold, until it is another
    // program, the locks of the tests beside this one.
    let dead = 1 << 22;
    let gone = file(&format!("a.new-{dead}"));
    assert!(Tape::remove_half_made(&gone).expect("removed") && !gone.exists());
    for name in [&format!("a.new-{}", std::process::id()), "a.tape", "a.orphan", "a.new-", "a"] {
        let path = file(name);
        assert!(!Tape::remove_half_made(&path).expect("left alone") && path.exists(), "{name}");
    }
    let locked = file(&format!("b.new-{dead}"));
    let holder = OpenOptions::new().write(true).open(&locked).expect("there");
    holder.lock().expect("locked");
    assert!(!Tape::remove_half_made(&locked).expect("its maker lives") && locked.exists());
}

#[test]
fn a_ring_is_filled_to_its_last_byte() {
    let (mut writer, mut reader) = Tape::in_memory(MIN_BYTES).split();
    // 16,390 records of 64 bytes are all of 1,048,960.
    for n in 1..=16_390 {
        assert!(writer.push(!n, &frame(n, 40)), "{n}");
    }
    assert!(!writer.push(0, &frame(1, 40)), "not one more");
    assert_eq!((writer.used(), writer.fill_e3()), (MIN_BYTES, 1_000));
    assert_eq!(reader.last_number(), 16_390);
}

#[test]
fn a_tape_of_other_layouts_says_so_and_its_instance_is_whole() {
    let Some(dir) = tmpfs("a_tape_of_other_layouts_says_so") else { return };
    let path = dir.path().join("a.tape");
    let of = Place { instance: [0xFF; 16], ..place("j") };
    let (writer, reader) = Tape::create(&path, MIN_BYTES, &of).expect("made").split();
    let mut image = reader.image();
    drop((writer, reader));
    let tape = Tape::open(&path).expect("there");
    assert!(tape.place() == &of && tape.is_of_this_build());
    // The layouts' hash is word 5, the checksum of words 0 to 254 word 255.
    image[5] ^= 1;
    let crc =
        image[..255].iter().fold(0, |crc, word| crc32c::crc32c_append(crc, &word.to_le_bytes()));
    image[255] = u64::from(crc);
    assert!(!Tape::of_image(&image).expect("a sound head").is_of_this_build());
}
