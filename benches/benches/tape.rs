//! What does it cost to keep everything?
//!
//! First table: the loop's store of a record of 128 bytes to the tape, one by one, while the
//! journaler takes them from it and syncs to the disk; beside it the same bytes stored by a `write`
//! call to a file on tmpfs and to a mapping of a file on the disk that is synced meanwhile (what a
//! tape must not be). Second table: records of 128 bytes chained, checked and synced a second, on
//! one thread and in batches, beside a plain write and sync of the same bytes (the floor).
//! `--smoke`, `--real`, `--record`.

use clock::Clock;
use corelane_benches::{Report, Sample, Size, allowed_cpus, float, pin, timer_cost};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use tape::journal::{Folder, JournalWriter, Moment, Options};
use tape::tape::{Place, Tape, TapeReader, record_bytes};
use wire::{FrameHeader, FrameKind};

/// A frame that makes a record of 128 bytes on the tape.
const TAPE_FRAME: usize = 128 - record_bytes(0);
/// A frame that makes a record of 128 bytes in the journal.
const JOURNAL_FRAME: usize = 128 - tape::journal::record::RECORD_BYTES;
/// Bytes of the tape, and of the file a mapping is made of.
const RING: usize = 64 << 20;

fn frame(len: usize) -> Vec<u64> {
    let mut words = vec![0_u64; len / 8];
    let header = FrameHeader::with_len(FrameKind::Trade, len);
    let head: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
    if let Some(place) = head.get_mut(..size_of::<FrameHeader>()) {
        place.copy_from_slice(bytemuck::bytes_of(&header));
    }
    words
}

fn main() -> io::Result<()> {
    let size = Size::from_args();
    let clock = Clock::calibrate();
    let Ok(memory) = tempfile::tempdir_in("/dev/shm") else {
        eprintln!("SKIPPED tape bench: /dev/shm is not there");
        return Ok(());
    };
    let disk = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let cpus = allowed_cpus();
    let pinned = cpus.first().is_some_and(|cpu| pin(*cpu));
    let mut report = Report::start("tape", &clock, size);
    let count = size.pick(20_000, 4_000_000);
    report.line(&Sample::headings("ns a record of 128 bytes"));
    report.line(&timer_cost(&clock, 100_000).row("floor: pair of readings"));
    let mut store = stores(&clock, count, memory.path(), disk.path(), cpus.get(1).copied())?;
    report.line(&store.row("store to the tape, journaler syncs"));
    let mut write = writes(&clock, count / 4, memory.path())?;
    report.line(&write.row("write() to a file on tmpfs"));
    let mut mapped = mapped(&clock, count, disk.path())?;
    report.line(&mapped.row("store to a mapping on the disk"));
    report.line(&format!("pinned: {pinned}; every reading holds one pair of counter readings"));
    report.line("");
    let records = size.pick(20_000, 3_000_000);
    let floor = plain(&clock, records, disk.path())?;
    let journal = journal(&clock, records, disk.path())?;
    report
        .line(&format!("{:<44}{:>14}{:>10}", "records of 128 bytes, synced", "a second", "syncs"));
    let row = |name: &str, (ns, syncs): (u64, u64)| {
        let rate = float(records) * 1e9 / float(ns.max(1));
        format!("{name:<44}{rate:>14.0}{syncs:>10}")
    };
    report.line(&row("floor: plain write and sync, 1 MiB each", floor));
    report.line(&row("journal: checked, chained, written, synced", journal));
    report.finish()
}

/// Times each store while another thread brings the tape to a journal.
fn stores(
    clock: &Clock,
    count: u64,
    memory: &Path,
    disk: &Path,
    peer: Option<usize>,
) -> io::Result<Sample> {
    let place = Place { journal: disk.to_path_buf(), ..Place::default() };
    let tape = Tape::create(&memory.join("bench.tape"), RING, &place).map_err(io::Error::other)?;
    let (mut writer, reader) = tape.split();
    let words = frame(TAPE_FRAME);
    let bytes: &[u8] = bytemuck::cast_slice(&words);
    let over = AtomicBool::new(false);
    let mut sample = Sample::with_capacity(usize::try_from(count).unwrap_or(0));
    std::thread::scope(|scope| {
        let taking = scope.spawn(|| {
            peer.map(pin);
            take(reader, &disk.join("stores"), &over)
        });
        let mut stored = 0;
        while stored < count {
            let start = clock.cycles();
            let fits = writer.push(start, bytes);
            let end = clock.cycles();
            if fits {
                stored += 1;
                sample.push(clock.cycles_to_ns(end.saturating_sub(start)));
            } else {
                std::thread::yield_now();
            }
        }
        over.store(true, Ordering::Release);
        taking.join().unwrap_or_else(|_| Err(io::Error::other("the journaler panicked")))
    })?;
    Ok(sample)
}

/// The journaler's work: copy, write, sync, give free.
fn take(mut reader: TapeReader, path: &Path, over: &AtomicBool) -> io::Result<()> {
    let mut journal = begin(path)?;
    let at = Moment::default();
    loop {
        let is_over = over.load(Ordering::Acquire);
        let mut taken = 0;
        while journal.batched() < 1 << 20 {
            let Some(record) = reader.next() else { break };
            journal.push(record.frame, at).map_err(io::Error::other)?;
            taken += 1;
        }
        journal.write().map_err(io::Error::other)?;
        journal.sync().map_err(io::Error::other)?;
        reader.free_taken();
        journal.prepare_next()?;
        if is_over && taken == 0 {
            return Ok(());
        }
    }
}

fn begin(path: &Path) -> io::Result<JournalWriter<Folder>> {
    let folder = Folder::open(path).map_err(io::Error::other)?;
    let options = Options { instance: [1; 16], epoch: 1, segment_bytes: 64 << 20 };
    JournalWriter::create(folder, path, options, "{}", Moment::default()).map_err(io::Error::other)
}

fn writes(clock: &Clock, count: u64, memory: &Path) -> io::Result<Sample> {
    let mut file = File::create(memory.join("written"))?;
    let bytes = [7_u8; 128];
    let mut sample = Sample::with_capacity(usize::try_from(count).unwrap_or(0));
    for _ in 0..count {
        let start = clock.cycles();
        file.write_all(&bytes)?;
        let end = clock.cycles();
        sample.push(clock.cycles_to_ns(end.saturating_sub(start)));
    }
    Ok(sample)
}

/// Stores to shared memory that is a file on the disk, while another thread syncs that file.
fn mapped(clock: &Clock, count: u64, disk: &Path) -> io::Result<Sample> {
    let path = disk.join("mapped");
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(true).open(path)?;
    file.write_all_at(&vec![0; RING], 0)?;
    let mut ring = Mapping::of(&file)?;
    let over = AtomicBool::new(false);
    let mut sample = Sample::with_capacity(usize::try_from(count).unwrap_or(0));
    std::thread::scope(|scope| {
        let syncing = scope.spawn(|| {
            while !over.load(Ordering::Acquire) {
                file.sync_data()?;
            }
            Ok(())
        });
        for n in 0..count {
            let place = usize::try_from(n).unwrap_or(0) * 128 % RING;
            let start = clock.cycles();
            ring.store(place, n);
            let end = clock.cycles();
            sample.push(clock.cycles_to_ns(end.saturating_sub(start)));
        }
        over.store(true, Ordering::Release);
        syncing.join().unwrap_or_else(|_| Err(io::Error::other("the syncing thread panicked")))
    })?;
    Ok(sample)
}

/// A mapping, with the crate that makes it safe to write to.
struct Mapping(memmap2::MmapMut);

impl Mapping {
    #[expect(unsafe_code, reason = "a mapping of a file of this bench's own")]
    fn of(file: &File) -> io::Result<Self> {
        // SAFETY: the file is this bench's own, has its length, and nobody else shortens it.
        unsafe { memmap2::MmapOptions::new().populate().map_mut(file) }.map(Self)
    }

    fn store(&mut self, at: usize, value: u64) {
        if let Some(place) = self.0.get_mut(at..at + 128) {
            for word in place.as_chunks_mut::<8>().0 {
                *word = value.to_le_bytes();
            }
        }
    }
}

/// Time of `records` records, and syncs.
fn journal(clock: &Clock, records: u64, disk: &Path) -> io::Result<(u64, u64)> {
    let mut journal = begin(&disk.join("journal"))?;
    journal.prepare_next()?;
    let words = frame(JOURNAL_FRAME);
    let bytes: &[u8] = bytemuck::cast_slice(&words);
    let start = clock.cycles();
    let mut syncs = 0;
    for n in 0..records {
        journal.push(bytes, Moment { mono_ns: n, utc_ns: n }).map_err(io::Error::other)?;
        if journal.batched() >= 1 << 20 {
            journal.write().map_err(io::Error::other)?;
            journal.sync().map_err(io::Error::other)?;
            journal.prepare_next()?;
            syncs += 1;
        }
    }
    journal.finish(Moment::default()).map_err(io::Error::other)?;
    Ok((clock.cycles_to_ns(clock.cycles().saturating_sub(start)), syncs + 1))
}

fn plain(clock: &Clock, records: u64, disk: &Path) -> io::Result<(u64, u64)> {
    let file = File::create(disk.join("plain"))?;
    let batch = vec![7_u8; 1 << 20];
    let start = clock.cycles();
    let (mut written, mut syncs) = (0_u64, 0);
    while written < records * 128 {
        file.write_all_at(&batch, written)?;
        file.sync_data()?;
        written += batch.len() as u64;
        syncs += 1;
    }
    Ok((clock.cycles_to_ns(clock.cycles().saturating_sub(start)), syncs))
}
