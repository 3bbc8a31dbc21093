//! The three measurements of one ring between two pinned threads, in bursts of a fraction of a
//! millisecond: shorter than the time slice of whatever else wants the two CPUs. Before each burst
//! the threads meet, so that both are running when it begins.

use crate::contender::{Contender, Frame};
use clock::Clock;
use corelane_benches::{Sample, float, median, pin};
use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicU64, Ordering};

/// Elements a ring holds.
pub(crate) const CAPACITY: usize = 1024;
/// Frames in a batch.
pub(crate) const BATCH: usize = 16;
/// Nanoseconds between two frames of the one-way burst.
const PACE_NS: u64 = 1_000;
/// Frames in a one-way burst.
const PACED: u64 = 150;
/// Frames in a throughput burst.
const FLOOD: u64 = 8_192;

/// How much of everything.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    /// Most rounds.
    pub(crate) rounds: usize,
    /// Time after which no further round begins, nanoseconds.
    pub(crate) budget_ns: u64,
    /// Round trips in a turn.
    pub(crate) trips: u64,
    /// Bursts of each other kind in a turn, after one to warm up.
    pub(crate) bursts: u64,
}

/// The other CPU (the caller is pinned to its own), and the clock that times both.
#[derive(Clone, Copy)]
pub(crate) struct Bench {
    pub(crate) clock: Clock,
    pub(crate) peer: usize,
    pub(crate) sizes: Sizes,
}

/// Where the two threads meet before a burst.
struct Meeting(CachePadded<AtomicU64>);

impl Meeting {
    fn new() -> Self {
        Self(CachePadded::new(AtomicU64::new(0)))
    }

    /// The caller's side: calls, and waits for the answer.
    fn call(&self, burst: u64) {
        // ORDERING: pairs with the acquire load in `answer`.
        self.0.store(2 * burst + 1, Ordering::Release);
        // ORDERING: pairs with the release store in `answer`.
        until(|| (self.0.load(Ordering::Acquire) == 2 * burst + 2).then_some(()));
    }

    /// The peer's side: waits for the call, and answers.
    fn answer(&self, burst: u64) {
        // ORDERING: pairs with the release store in `call`.
        until(|| (self.0.load(Ordering::Acquire) == 2 * burst + 1).then_some(()));
        // ORDERING: pairs with the acquire load in `call`.
        self.0.store(2 * burst + 2, Ordering::Release);
    }
}

/// Spins until `step` gives something.
#[inline]
fn until<T>(mut step: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(value) = step() {
            return value;
        }
    }
}

fn room(n: u64) -> Sample {
    Sample::with_capacity(usize::try_from(n).unwrap_or(0))
}

/// Ping-pong over two rings: nanoseconds from before the push to after the answer's pop.
pub(crate) fn round_trips<C: Contender>(bench: &Bench) -> Sample {
    let (mut there, mut arrived) = C::make(CAPACITY);
    let (mut answer, mut back) = C::make(CAPACITY);
    let (clock, trips) = (bench.clock, bench.sizes.trips);
    let warm_up = trips / 10;
    let mut sample = room(trips);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let _ = pin(bench.peer);
            for _ in 0..trips + warm_up {
                let frame = until(|| C::pop(&mut arrived));
                until(|| C::push(&mut answer, frame).then_some(()));
            }
        });
        for turn in 0..trips + warm_up {
            let start = clock.cycles();
            until(|| C::push(&mut there, Frame::new(turn, start)).then_some(()));
            let frame = until(|| C::pop(&mut back));
            let end = clock.cycles();
            assert_eq!(frame, Frame::new(turn, start), "{} lost or changed a frame", C::NAME);
            if turn >= warm_up {
                sample.push(clock.cycles_to_ns(end.saturating_sub(start)));
            }
        }
    });
    sample
}

/// One frame a microsecond: nanoseconds from before the push to after the pop on the other core.
pub(crate) fn paced<C: Contender>(bench: &Bench) -> Sample {
    let (mut tx, mut rx) = C::make(CAPACITY);
    let (clock, bursts) = (bench.clock, bench.sizes.bursts);
    let meeting = Meeting::new();
    std::thread::scope(|scope| {
        let meeting = &meeting;
        let reader = scope.spawn(move || {
            let _ = pin(bench.peer);
            let mut sample = room(bursts * PACED);
            for burst in 0..=bursts {
                meeting.answer(burst);
                for turn in 0..PACED {
                    let frame = until(|| C::pop(&mut rx));
                    let end = clock.cycles();
                    assert_eq!(frame, Frame::new(turn, frame.stamp()), "{} lost one", C::NAME);
                    if burst > 0 {
                        sample.push(clock.cycles_to_ns(end.saturating_sub(frame.stamp())));
                    }
                }
            }
            sample
        });
        let pace = clock.ns_to_cycles(PACE_NS);
        for burst in 0..=bursts {
            meeting.call(burst);
            let begin = clock.cycles();
            for turn in 0..PACED {
                let due = begin + turn * pace;
                let now = until(|| Some(clock.cycles()).filter(|now| *now >= due));
                until(|| C::push(&mut tx, Frame::new(turn, now)).then_some(()));
            }
        }
        reader.join().expect("the reader checks every frame")
    })
}

/// As fast as it goes, `batch` frames at a time: nanoseconds for one frame from the first push to
/// the last pop of a burst; the median of the turn's bursts.
pub(crate) fn flood<C: Contender>(bench: &Bench, batch: usize) -> f64 {
    let (mut tx, mut rx) = C::make(CAPACITY);
    let (clock, bursts) = (bench.clock, bench.sizes.bursts);
    let meeting = Meeting::new();
    std::thread::scope(|scope| {
        let meeting = &meeting;
        let reader = scope.spawn(move || {
            let _ = pin(bench.peer);
            let drain = |burst| {
                meeting.answer(burst);
                drain_burst::<C>(&mut rx, batch);
                clock.cycles()
            };
            (0..=bursts).map(drain).collect::<Vec<_>>()
        });
        let fill = |burst| {
            meeting.call(burst);
            let start = clock.cycles();
            fill_burst::<C>(&mut tx, batch);
            start
        };
        let starts: Vec<_> = (0..=bursts).map(fill).collect();
        let ends = reader.join().expect("the reader checks every frame");
        let cost = |(start, end): (&u64, &u64)| {
            float(clock.cycles_to_ns(end.saturating_sub(*start))) / float(FLOOD)
        };
        let mut costs: Vec<f64> = starts.iter().zip(&ends).skip(1).map(cost).collect();
        median(&mut costs).unwrap_or_default()
    })
}

/// Pushes one burst.
fn fill_burst<C: Contender>(tx: &mut C::Tx, batch: usize) {
    let mut frames = [Frame::new(0, 0); BATCH];
    for turn in (0..FLOOD).step_by(batch) {
        if batch == 1 {
            until(|| C::push(tx, Frame::new(turn, 0)).then_some(()));
        } else {
            (turn..).zip(&mut frames).for_each(|(turn, frame)| *frame = Frame::new(turn, 0));
            until(|| C::push_batch(tx, &frames).then_some(()));
        }
    }
}

/// Pops one burst and checks every frame.
fn drain_burst<C: Contender>(rx: &mut C::Rx, batch: usize) {
    let mut out = [Frame::new(0, 0); BATCH];
    let mut next = 0;
    while next < FLOOD {
        let taken = if batch == 1 {
            let Some(frame) = C::pop(rx) else { continue };
            out[0] = frame;
            1
        } else {
            C::pop_batch(rx, &mut out)
        };
        for frame in &out[..taken] {
            assert_eq!(*frame, Frame::new(next, 0), "{} lost or changed a frame", C::NAME);
            next += 1;
        }
    }
}
