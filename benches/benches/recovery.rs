//! How soon is the engine of a long journal there again?
//!
//! The bundled recording, over and over with its times moved on, through engine and simulated venue in
//! event time with the project's four strategies and no model; every input and output goes to a
//! journal in segments of 16 MiB, as the station's. Rows: the whole journal repeated and compared as
//! `corelane verify` does, the same with a snapshot written at each segment's end, every input into a
//! fresh engine without comparing, and snapshot and tail: the tail of a session that ended (one
//! frame), and of one that was killed at the end of a segment whose snapshot nobody had written yet,
//! the longest there is. The state hash of every row must be the session's. The files are in the page
//! cache. `--smoke`, `--real`, `--record`.

use clock::Clock;
use corelane_benches::{Report, Size, cpu_us, float};
use engine::Engine;
use keep::Keeper;
use repeat::Repeat;
use station::backtest::{Options, backtest_on};
use station::config::{Config, Overrides};
use station::operator::Operator;
use station::recovery::{Begun, begin, recovered};
use station::run_dir::JOURNAL;
use std::fs;
use std::path::{Path, PathBuf};
use tape::journal::{Folder, JournalReader, JournalWriter, Moment, snapshots};
use tape::{Compression, Recording, RecordingWriter};
use venues::player::Speed;
use wire::frame::header;
use wire::station::{SessionEnd, SessionStart};
use wire::{FrameHeader, FrameKind, TsNs};

#[path = "../../tools/src/verify/keep.rs"]
mod keep;
#[path = "../../tools/src/verify/repeat.rs"]
#[expect(dead_code, reason = "the command's own, of which a part is used here")]
mod repeat;

mod recording {
    //! What the command's files ask of it.
    pub(crate) use station::prepare::of_tape as tape_failure;
}

/// What the end of a session says of an engine that took all of it.
fn end_of(engine: &Engine) -> SessionEnd {
    station::session_frames::end(engine)
}

/// Inputs a second that a verification of a whole journal aims at.
const AIM_INPUTS_PER_S: f64 = 5e6;

/// A run's folder with its journal.
struct Bed {
    dir: tempfile::TempDir,
    run: PathBuf,
    records: u64,
    inputs: u64,
    segments: usize,
    bytes: u64,
    state_hash: u64,
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let size = Size::from_args();
    let clock = Clock::calibrate();
    let mut report = Report::start("recovery", &clock, size);
    let bed = bed(size.pick(2, 175), size.pick(1 << 20, 16 << 20))?;
    report.line(&format!(
        "{} records, {} inputs, {} segments, {} MB",
        bed.records,
        bed.inputs,
        bed.segments,
        bed.bytes / 1_000_000
    ));
    let mut row = |name: &str, run: &mut dyn FnMut() -> Outcome<(u64, u64)>| -> Outcome<f64> {
        let (start, cpu) = (clock.cycles(), cpu_us());
        let (state_hash, frames) = run()?;
        let ns = clock.cycles_to_ns(clock.cycles().saturating_sub(start));
        let (seconds, cpu) = (float(ns) / 1e9, float(cpu_us() - cpu) / 1e6);
        assert_eq!(state_hash, bed.state_hash, "{name}: the session's state");
        report.line(&format!(
            "{name:<40}{seconds:>9.3} s {cpu:>9.3} s CPU  {frames:>9} frames read on"
        ));
        Ok(seconds)
    };
    // The median of three counts: what a busy host does to one is not what this is about.
    let mut compared = [0.0_f64; 3];
    for seconds in &mut compared {
        *seconds = row("whole, compared", &mut || repeat_all(&bed.run, false))?;
    }
    compared.sort_unstable_by(f64::total_cmp);
    row("whole, compared, snapshots written", &mut || repeat_all(&bed.run, true))?;
    let all = snapshots(&bed.run.join(JOURNAL))?;
    assert_eq!(all.len(), bed.segments, "one for each segment");
    let bytes = fs::metadata(&all[0])?.len();
    // The slowest of three counts.
    let mut ended = 0.0_f64;
    for _ in 0..3 {
        ended = row("snapshot and tail, session ended", &mut || recover(&bed.run))?.max(ended);
    }
    // Killed: neither its own snapshot nor that of the last segment before is there.
    all[..2].iter().try_for_each(fs::remove_file)?;
    let mut killed = 0.0_f64;
    for _ in 0..3 {
        killed = row("snapshot and tail, the longest tail", &mut || recover(&bed.run))?.max(killed);
    }
    all[2..].iter().try_for_each(fs::remove_file)?;
    let whole = row("no snapshot, not compared", &mut || recover(&bed.run))?;
    report.line(&format!("a snapshot has {bytes} bytes"));
    let verdict = match size {
        Size::Smoke => "not a figure at this size",
        Size::Real if bed.records < 10_000_000 => "too few records for the aim",
        Size::Real if killed <= 10.0 => "met",
        Size::Real => "MISSED",
    };
    report.line(&format!(
        "aim: 10,000,000 records within 10 s from snapshot and tail: {verdict} ({killed:.3} s; \
         {ended:.3} s after an end; {whole:.3} s without a snapshot)"
    ));
    let rate = float(bed.inputs) / compared[1];
    let verdict = match size {
        Size::Smoke => "not a figure at this size",
        Size::Real if rate >= AIM_INPUTS_PER_S => "met",
        Size::Real => "MISSED",
    };
    report.line(&format!(
        "aim: a whole journal compared at {AIM_INPUTS_PER_S} inputs/s: {verdict} ({rate:.0})"
    ));
    drop(bed.dir);
    Ok(report.finish()?)
}

/// What `corelane verify` does; the state hash and the frames read.
fn repeat_all(run: &Path, snapshots: bool) -> Outcome<(u64, u64)> {
    let mut lines: Vec<String> = Vec::new();
    let operator: &mut dyn Operator = &mut lines;
    let Begun { engine, mut reader, start, .. } = begin(run, false, operator)?;
    let (instance, _) = reader.identity();
    let mut keeper = snapshots.then(|| Keeper::new(run.join(JOURNAL), instance, &start, 0));
    let mut repeat = Repeat::new(engine);
    let mut last = reader.read_so_far();
    while let Some(entry) = reader.next_frame()? {
        let ends = header(entry.frame).is_ok_and(|h| h.kind == FrameKind::SessionEnd.code());
        if let Some(keeper) = &mut keeper {
            keeper.before(&repeat, &entry, last, ends);
        }
        last = (entry.seq, entry.frame_number);
        let difference = repeat.take(entry.frame_number, entry.frame)?;
        assert_eq!(difference, None, "the journal repeats");
    }
    let unkept = keeper.and_then(|keeper| keeper.finish().1);
    unkept.map_or(Ok(()), Err)?;
    Ok((repeat.engine().state_hash(), last.1))
}

fn recover(run: &Path) -> Outcome<(u64, u64)> {
    let mut left_out: Vec<String> = Vec::new();
    let found = recovered(run, &mut left_out)?;
    assert_eq!(left_out, Vec::<String>::new());
    Ok((found.engine.state_hash(), found.frames.1))
}

/// Plays the bundled recording so many times into a journal.
fn bed(passes: u64, segment_bytes: u64) -> Outcome<Bed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // On the disk of the build: a journal of this length does not belong on tmpfs.
    let target = root.join("target");
    fs::create_dir_all(&target)?;
    let dir = tempfile::Builder::new().prefix("recovery-bench").tempdir_in(target)?;
    let run = dir.path().join("run");
    fs::create_dir(&run)?;
    let file = root.join("config/strategies.toml");
    let bundled = tape::read_all(root.join("config/demo/btcusdt-20240809.clrec"))?;
    let long = dir.path().join("btcusdt-20240809.clrec");
    lengthen(&bundled, &long, passes)?;
    let overrides = Overrides {
        speed: Some(Speed::Max),
        recording: Some(long.clone()),
        ..Overrides::default()
    };
    let config = Config::load(&file, &overrides)?;
    config.keep(&run)?;
    let recording = tape::read_all(&long)?;
    let journal = run.join(JOURNAL);
    let kept = Config::of_run(&run)?;
    let plan = kept.plan(recording.instruments(), &journal)?;
    let options = tape::journal::Options { instance: [7; 16], epoch: 1, segment_bytes };
    let at = Moment::default();
    let mut writer = JournalWriter::create(Folder::open(&journal)?, &journal, options, "{}", at)?;
    for row in recording.instruments() {
        writer.push(bytemuck::bytes_of(row), at)?;
    }
    let start = SessionStart {
        header: FrameHeader::new::<SessionStart>(),
        epoch: u64::from(kept.session.epoch),
        schema_hash: wire::frame::schema_hash(),
        config_hash: plan.config_hash,
        data_hash: 0,
        host_hash: 0,
        instruments: 1,
        strategies: 4,
    };
    writer.push(bytemuck::bytes_of(&start), at)?;
    let mut observer = |frame: &[u8]| {
        writer.push(frame, at).expect("room on the disk");
        if writer.batched() > 1 << 20 {
            writer.write().expect("room on the disk");
        }
    };
    let options = Options { observer: Some(&mut observer), ..Options::default() };
    let done = backtest_on(&kept, &recording, options)?;
    assert!(done.engine.counters().orders > passes, "its strategies trade");
    writer.push(bytemuck::bytes_of(&end_of(&done.engine)), at)?;
    let records = writer.finish(at)?.seq;
    drop((writer, recording));
    fs::remove_file(long)?;
    let files = fs::read_dir(&journal)?.map(|file| Ok(file?.metadata()?.len()));
    let bytes = files.sum::<std::io::Result<u64>>()?;
    let segments = JournalReader::open(&journal)?.heads().count();
    let (inputs, state_hash) = (done.engine.counters().inputs, done.state_hash);
    Ok(Bed { dir, run, records, inputs, segments, bytes, state_hash })
}

/// The recording so many times over, each pass after the one before.
fn lengthen(bundled: &Recording, path: &Path, passes: u64) -> Outcome<()> {
    let mut writer = RecordingWriter::create(path, &bundled.header, Compression::None)?;
    for row in bundled.instruments() {
        writer.push(bytemuck::bytes_of(row))?;
    }
    let is_event = |h: &FrameHeader| h.kind != FrameKind::Instrument.code();
    let times = |frame| header(frame).ok().filter(|h| is_event(h)).map(|h| h.ts_recv_ns.get());
    let (first, last) =
        (bundled.frames().find_map(times), bundled.frames().filter_map(times).max());
    let span = last.zip(first).map_or(0, |(last, first)| last - first) + 1_000_000_000;
    let mut words = Vec::new();
    for pass in 0..passes {
        for frame in bundled.frames().filter(|frame| header(frame).is_ok_and(is_event)) {
            words.clear();
            words.extend(frame.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)));
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
            let (head, _) = bytes.split_at_mut(size_of::<FrameHeader>());
            let head: &mut FrameHeader = bytemuck::from_bytes_mut(head);
            for time in [&mut head.ts_recv_ns, &mut head.ts_event_ns] {
                *time = if *time == TsNs::UNDEF { *time } else { TsNs(time.get() + pass * span) };
            }
            writer.push(bytes)?;
        }
    }
    writer.finish()?;
    Ok(())
}
