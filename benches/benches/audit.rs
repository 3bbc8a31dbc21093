//! How fast is a journal audited?
//!
//! A journal of the bundled recording's frames, over and over, in equal segments on a disk whose
//! files the page cache holds. Rows: SHA-256 alone over the same bytes in memory (the floor: the
//! chain is that), the audit with one thread, with two. Every row takes the same bytes, rows
//! interleaved round by round; a row whose chain head, records or findings are not the journal's is
//! void. Two tables, wall time and CPU time; "a core" is CPU time, which other work on the machine
//! does not stretch. The reader is the one of `corelane audit`, taken by its files so that this bench
//! does not build the whole command; checkpoints are asked for every so many records, as one a
//! second is.

use clock::Clock;
use corelane_benches::{Ratio, Report, Sample, Size, cpu_us, float, timer_cost};
use sha2::{Digest as _, Sha256};
use std::hint::black_box;
use std::io;
use std::path::Path;

#[path = "../../tools/src/audit/damage.rs"]
mod damage;
#[path = "../../tools/src/audit/finding.rs"]
#[expect(dead_code, unreachable_pub, reason = "the command's own, of which a part is used here")]
mod finding;
#[path = "../../tools/src/audit/folder.rs"]
#[expect(dead_code, reason = "the command's own, of which a part is used here")]
mod folder;
#[path = "../../tools/src/audit/journal.rs"]
mod journal;
#[path = "../../tools/tests/audit/journal.rs"]
#[expect(clippy::unwrap_used, reason = "the tests' own")]
mod made;
#[path = "../../tools/src/audit/record.rs"]
#[allow(unused_imports, reason = "its tests are not run here")]
mod record;
#[path = "../../tools/src/audit/segment.rs"]
#[expect(dead_code, reason = "the command's own, of which a part is used here")]
mod segment;
#[path = "../../tools/src/audit/window.rs"]
mod window;

/// Segments.
const SEGMENTS: usize = 8;
/// Records between two heads that a checkpoint asks for.
const CHECKPOINT: usize = 10_000;

/// What is audited, and what must come out.
struct Bed {
    dir: tempfile::TempDir,
    files: Vec<Vec<u8>>,
    bytes: u64,
    records: u64,
    head: [u8; 32],
    asked: Vec<u64>,
}

/// A way to go over the bytes.
struct Row {
    name: &'static str,
    wall: Sample,
    cpu: Sample,
    run: fn(&Bed),
}

impl Row {
    fn new(name: &'static str, run: fn(&Bed)) -> Self {
        Self { name, wall: Sample::default(), cpu: Sample::default(), run }
    }

    /// Takes one reading; gives the CPU time, microseconds.
    fn time(&mut self, clock: &Clock, bed: &Bed) -> u64 {
        let (start, cpu_start) = (clock.cycles(), cpu_us());
        (self.run)(bed);
        let cpu = cpu_us().saturating_sub(cpu_start);
        self.wall.push(clock.cycles_to_ns(clock.cycles().saturating_sub(start)) / 1_000);
        self.cpu.push(cpu);
        cpu
    }
}

/// Bytes in so many microseconds as GB/s.
fn rate(bytes: u64, us: &mut Sample) -> f64 {
    let us = us.quantile(5_000).or_else(|| us.min()).unwrap_or(0);
    float(bytes) / float(us.max(1)) / 1_000.0
}

fn main() -> io::Result<()> {
    let size = Size::from_args();
    let clock = Clock::calibrate();
    let mut report = Report::start("audit", &clock, size);
    let bed = bed(size.pick(64 << 10, 32 << 20))?;
    report.line(&format!(
        "{SEGMENTS} segments, {} bytes, {} records, {} checkpoints",
        bed.bytes,
        bed.records,
        bed.asked.len()
    ));
    report.line(&Sample::headings("ns"));
    report.line(&timer_cost(&clock, 100_000).row("timer"));
    let mut rows = [
        Row::new("floor: SHA-256 in memory, 1 thread", floor),
        Row::new("audit, 1 thread", |bed| audit(bed, 1)),
        Row::new("audit, 2 threads", |bed| audit(bed, 2)),
    ];
    let mut pairs = Vec::new();
    for _ in 0..size.pick(2, 32) {
        let [floor, one, two] = &mut rows;
        let floor = float(floor.time(&clock, &bed));
        pairs.push((float(one.time(&clock, &bed)), floor));
        two.time(&clock, &bed);
    }
    for (title, of) in [("us for the journal", true), ("us of CPU time, all threads", false)] {
        report.line("");
        report.line(&Sample::headings(title));
        for row in &mut rows {
            let sample = if of { &mut row.wall } else { &mut row.cpu };
            report.line(&sample.row(row.name));
        }
    }
    report.line("");
    for Row { name, wall, cpu, .. } in &mut rows {
        let (all, core) = (rate(bed.bytes, wall), rate(bed.bytes, cpu));
        report.line(&format!("{name:<34} {all:.3} GB/s, {core:.3} GB/s a core's time"));
    }
    if let Some(ratio) = Ratio::of(&pairs) {
        report.line(&format!("CPU time of the audit with one thread to the floor's: {ratio}"));
    }
    report.finish()
}

/// A journal of segments of so many bytes.
fn bed(segment_bytes: usize) -> io::Result<Bed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/demo/btcusdt-20240809.clrec");
    let recording = tape::read_all(path).unwrap_or_else(|why| panic!("{why}"));
    let mut frames = Vec::new();
    let mut bytes = 0;
    for frame in recording.frames().cycle() {
        if bytes >= segment_bytes * SEGMENTS {
            break;
        }
        bytes += frame.len() + record::RECORD_HEAD;
        frames.push(frame.to_vec());
    }
    let segment = frames.len().div_ceil(SEGMENTS);
    let made =
        made::Journal::of([5; 16], &frames, made::Shape { segment, sync: 1_000, closed: true });
    let dir = tempfile::tempdir()?;
    made.write(dir.path());
    let records = made.last_seq();
    let files: Vec<Vec<u8>> =
        made.segments.iter().map(|segment| segment.bytes()[..segment.end()].to_vec()).collect();
    let bytes = files.iter().map(|file| file.len() as u64).sum();
    let asked = (1..=records).step_by(CHECKPOINT).collect();
    Ok(Bed { dir, files, bytes, records, head: made.head_at(records).head, asked })
}

fn floor(bed: &Bed) {
    let mut last = [0; 32];
    for file in &bed.files {
        last = Sha256::digest(black_box(file)).into();
    }
    assert_eq!(last, bed.head, "the row is void");
}

fn audit(bed: &Bed, threads: usize) {
    let folder = folder::read(&bed.dir.path().join("journal"));
    let folder = folder.unwrap_or_else(|why| panic!("{why}"));
    let journal = journal::read(&folder, &bed.asked, threads);
    let journal = journal.unwrap_or_else(|why| panic!("{why}"));
    let head = journal.scans.last().map(|scan| scan.chain);
    assert_eq!(journal.findings, [], "the row is void");
    let came = (head, journal.last_seq(), journal.probes.len());
    assert_eq!(came, (Some(bed.head), bed.records, bed.asked.len()), "the row is void");
}
