//! A level-2 book on a real recording's updates: ours beside the obvious ones.
//!
//! Every book takes the same preloaded messages and shows its best bid and offer after each; a row
//! whose checksum differs is void. Rounds are interleaved, one of each book in turn, and count this
//! thread's CPU time. The figures to keep are the ratios of paired rounds. `--smoke`, `--real`,
//! `--record`; `--once` plays all of it one time, for instruction counts under callgrind.

#[path = "book/peers.rs"]
mod peers;

use clock::Clock;
use corelane_benches::book_data::{SOURCES, Source, Updates};
use corelane_benches::{Ratio, Report, Sample, Size, allowed_cpus, float, pin, timer_cost};
use peers::{Book, Bounded, Hash, Ours, Peer, SortedVec, Tree};
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use wire::market::{BookSide, Level};
use wire::{PriceTicks, QtyLots};

const SIDES: [BookSide; 2] = [BookSide::Bid, BookSide::Ask];

fn main() -> std::io::Result<()> {
    let size = Size::from_args();
    let once = std::env::args().any(|word| word == "--once");
    let rounds = if once { 1 } else { size.pick(7, 61) };
    let clock = Clock::calibrate();
    let pinned = allowed_cpus().last().is_some_and(|&cpu| pin(cpu));
    let mut report = Report::start("book", &clock, size);
    report.line(if pinned { "pinned to one CPU" } else { "NOT PINNED" });
    for source in &SOURCES {
        match Updates::load(source) {
            Ok(mut updates) => {
                updates.cut(if once { usize::MAX } else { size.pick(300, usize::MAX) });
                bench(&mut report, &clock, source, &updates, rounds);
            }
            Err(why) => eprintln!("SKIPPED book bench on {}: {why}", source.name),
        }
    }
    report.finish()
}

/// A book's name, how to play it once, and what came of it.
struct Row<'a> {
    name: &'static str,
    play: Box<dyn FnMut() -> u64 + 'a>,
    checksum: u64,
    cpu_ns: Vec<u64>,
}

impl<'a> Row<'a> {
    fn new<B: Book + 'a>(name: &'static str, updates: &'a Updates, mut book: B) -> Self {
        Self::of(name, move || play(updates, &mut book))
    }

    fn of(name: &'static str, play: impl FnMut() -> u64 + 'a) -> Self {
        Self { name, play: Box::new(play), checksum: 0, cpu_ns: Vec::new() }
    }
}

fn bench(report: &mut Report, clock: &Clock, source: &Source, updates: &Updates, rounds: usize) {
    let (low, high) = updates.price_range();
    let bounded = Peer::new(Bounded::new(low, high), Bounded::new(!high, !low));
    let mut rows = vec![
        Row::new("Corelane L2Book", updates, Ours::default()),
        top_10(updates),
        Row::new("hash map, probing for the best", updates, Peer::<Hash>::default()),
        Row::new("sorted Vec, best last", updates, Peer::<SortedVec>::default()),
        Row::new("BTreeMap", updates, Peer::<Tree>::default()),
        Row::new("array bounded to the recording", updates, bounded),
    ];
    for row in &mut rows {
        row.checksum = (row.play)();
    }
    for _ in 0..rounds {
        for row in &mut rows {
            let start = thread_cpu_ns();
            black_box((row.play)());
            row.cpu_ns.push(thread_cpu_ns() - start);
        }
    }
    show(report, source, updates, &rows);
    messages(report, clock, updates, rounds);
}

/// Plays every message and folds the best bid and offer after each into a checksum.
fn play(updates: &Updates, book: &mut impl Book) -> u64 {
    let mut sum = 0;
    for message in updates.messages() {
        book.message(&message);
        for best in SIDES.map(|side| book.best(side)).into_iter().flatten() {
            sum = fold(sum, best);
        }
    }
    sum
}

/// Ours, and the ten best levels of both sides read after each message.
fn top_10(updates: &Updates) -> Row<'_> {
    let mut book = Ours::default();
    let none = Level { price_ticks: PriceTicks(0), qty_lots: QtyLots(0) };
    Row::of("Corelane L2Book, top 10 read", move || {
        let (mut sum, mut top) = (0, [none; 10]);
        for message in updates.messages() {
            book.message(&message);
            for side in SIDES {
                if book.0.top(side, black_box(&mut top)) > 0 {
                    sum = fold(sum, top[0]);
                }
            }
        }
        sum
    })
}

fn fold(sum: u64, level: Level) -> u64 {
    let price = level.price_ticks.get().cast_unsigned();
    let qty = level.qty_lots.get().cast_unsigned();
    sum.rotate_left(5).wrapping_add(price ^ qty.rotate_left(20))
}

fn show(report: &mut Report, source: &Source, updates: &Updates, rows: &[Row<'_>]) {
    let (levels, messages) = (updates.level_count(), updates.message_count());
    report.line("");
    report.line(&format!("{}: {levels} levels in {messages} messages", source.name));
    report.line(&format!(
        "{:<34}{:>9}{:>9}{:>9}{:>9}{:>12}  checksum",
        "CPU time, ns a level", "rounds", "min", "p50", "max", "ns/message"
    ));
    for row in rows {
        let mut sorted = row.cpu_ns.clone();
        sorted.sort_unstable();
        let of = |index: usize, n: usize| float(sorted[index]) / float(n as u64);
        let middle = sorted.len() / 2;
        report.line(&format!(
            "{:<34}{:>9}{:>9.2}{:>9.2}{:>9.2}{:>12.0}  {}",
            row.name,
            sorted.len(),
            of(0, levels),
            of(middle, levels),
            of(sorted.len() - 1, levels),
            of(middle, messages),
            if row.checksum == rows[0].checksum { "equal" } else { "DIFFERS: void" },
        ));
    }
    for rival in &rows[2..] {
        let pairs = rows[0].cpu_ns.iter().zip(&rival.cpu_ns);
        let pairs: Vec<_> = pairs.map(|(&ours, &theirs)| (float(ours), float(theirs))).collect();
        if let Some(ratio) = Ratio::of(&pairs) {
            report.line(&format!("ours / {}: {ratio}", rival.name));
        }
    }
}

/// The distribution of one message's time, ours: the tail that a mean hides.
fn messages(report: &mut Report, clock: &Clock, updates: &Updates, rounds: usize) {
    let mut book = Ours::default();
    let mut sample = Sample::with_capacity(rounds * updates.message_count());
    for _ in 0..rounds {
        // The snapshot is no update.
        for message in updates.messages() {
            let start = clock.cycles();
            book.message(&message);
            black_box(SIDES.map(|side| book.best(side)));
            let ns = clock.cycles_to_ns(clock.cycles() - start);
            if !message.snapshot {
                sample.push(ns);
            }
        }
    }
    report.line(&Sample::headings("wall time, ns"));
    report.line(&timer_cost(clock, 10_000).row("timer alone"));
    report.line(&sample.row("one message and both best levels"));
    let moved = book.0.counters();
    report.line(&format!(
        "windows moved {} times in {rounds} plays, {} levels with them",
        moved.window_moves, moved.moved_levels
    ));
}

/// CPU time of this thread, ns.
fn thread_cpu_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}
