//! What does the whole gate cost an order?
//!
//! All checks on, limits that are not trivial, 4,096 instruments in random order (fixed seed), every
//! eighth order denied, the 64 checks in turn: each code is seen in every run, and that is checked.
//! A call joins order and world, evaluates all checks and, of a denial, finds the primary check's
//! figures. Two readings: batches of 64 calls (mean of each batch, picoseconds, so that the timer
//! vanishes) and single calls (the timer is in the figure, its floor beside it). That the gate
//! allocates nothing is shown by the station's resource tests, not here.

use clock::Clock;
use corelane_benches::{Report, Sample, Size, allowed_cpus, jitter, pin, timer_cost};
use engine::gate::CHECKS;
use std::hint::black_box;
use std::io;
use world::Desk;

#[path = "gate/world.rs"]
mod world;

/// Instruments, one order each.
const SYMBOLS: usize = 4_096;
/// Calls in a batch.
const BATCH: usize = 64;

fn main() -> io::Result<()> {
    let size = Size::from_args();
    let clock = Clock::calibrate();
    let pinned = allowed_cpus().last().is_some_and(|cpu| pin(*cpu));
    let mut report = Report::start("gate", &clock, size);
    report.line(&Sample::headings("ns"));
    report.line(&timer_cost(&clock, size.pick(20_000, 200_000)).row("floor: pair of readings"));
    let mut gaps = jitter(&clock, size.pick(5_000_000, 500_000_000));
    report.line(&gaps.row("floor: gaps > 1 us of an empty loop"));
    let desk = Desk::new(SYMBOLS);
    let turns = turns(size.pick(1 << 13, 1 << 20));
    verify(&mut report, &desk, &turns);
    report.line(&single(&clock, &desk, &turns).row("one order, timer included"));
    report.line("");
    report.line(&Sample::headings("ps an order, mean of 64"));
    report.line(&batches(&clock, &desk, &turns).row("one order"));
    for (is_denied, name) in [(false, "    of those that pass"), (true, "    of those denied")] {
        let is_one = |turn: &usize| desk.cases[*turn].breach.is_some() == is_denied;
        let some: Vec<usize> = turns.iter().copied().filter(is_one).collect();
        report.line(&batches(&clock, &desk, &some).row(name));
    }
    report.line(&format!(
        "{} instruments of {} bytes, {} checks, pinned: {pinned}",
        desk.symbols.len(),
        size_of_val(&desk.symbols[0]),
        CHECKS.len()
    ));
    report.finish()
}

/// Which order is asked when: every one, in random order.
fn turns(count: usize) -> Vec<usize> {
    let mut seed = 42_u64;
    let next = |_| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(seed >> 40).map_or(0, |word| word % SYMBOLS)
    };
    (0..count).map(next).collect()
}

/// Every order that is to fail does, with its check's code; every other passes; every code is seen.
fn verify(report: &mut Report, desk: &Desk, turns: &[usize]) {
    let (mut seen, mut denied, mut hash) = (0_u64, 0_u64, 0_u64);
    for turn in turns {
        let verdict = desk.ask(*turn);
        match desk.cases[*turn].breach {
            Some(id) => assert!(verdict.mask >> id & 1 == 1, "{id} of order {turn}"),
            None => assert_eq!(verdict.mask, 0, "order {turn}"),
        }
        seen |= verdict.mask;
        denied += u64::from(verdict.mask != 0);
        hash = (hash ^ verdict.mask).wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(27);
    }
    assert_eq!(seen, u64::MAX, "every code in one run");
    report.line(&format!(
        "{} orders, {denied} denied, all {} codes seen, verdicts {hash:016x}",
        turns.len(),
        seen.count_ones()
    ));
}

fn single(clock: &Clock, desk: &Desk, turns: &[usize]) -> Sample {
    let mut sample = Sample::with_capacity(turns.len());
    for turn in turns {
        let start = clock.cycles();
        black_box(desk.ask(*turn));
        let end = clock.cycles();
        sample.push(clock.cycles_to_ns(end.saturating_sub(start)));
    }
    sample
}

fn batches(clock: &Clock, desk: &Desk, turns: &[usize]) -> Sample {
    let mut sample = Sample::with_capacity(turns.len() / BATCH);
    for batch in turns.chunks_exact(BATCH) {
        let start = clock.cycles();
        for turn in batch {
            black_box(desk.ask(*turn));
        }
        let ns = clock.cycles_to_ns(clock.cycles().saturating_sub(start));
        sample.push(ns.saturating_mul(1_000) / 64);
    }
    sample
}
