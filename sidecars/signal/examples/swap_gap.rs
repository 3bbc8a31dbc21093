//! Measures what a change of the model costs those who ask: the worst gap between two answers while
//! models change without a pause, beside the worst gap of a stretch without a change.
//!
//! `cargo run --release -p corelane-signal --example swap_gap -- [PAIRS] [SWAPS]`
//! Stretches are interleaved: undisturbed, changing, undisturbed, ... Each changing stretch is SWAPS
//! changes; the undisturbed one before it lasts as long as the one before that. One engine asks in a
//! closed loop with four requests open; server, loader, engine and operator share this process.
#![expect(clippy::print_stdout, reason = "it prints its table")]
#![expect(clippy::disallowed_methods, reason = "it measures, outside the station's clock")]

#[path = "../tests/store/make.rs"]
mod make;
#[path = "../tests/swap/world.rs"]
mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use world::{World, anything, resident_kib, under_load_with};

fn main() {
    let mut args = std::env::args().skip(1).map(|text| text.parse::<u32>().ok());
    let pairs = args.next().flatten().unwrap_or(30);
    let swaps = args.next().flatten().unwrap_or(20);
    let world = World::new();
    let gap = AtomicU64::new(0);
    // ORDERING: relaxed; the engine writes whole values, a stretch's border may be off by one gap.
    let worst_us = || gap.swap(0, Ordering::Relaxed) / 1_000;
    println!("pair undisturbed_us changing_us difference_us resident_kib");
    let (counts, load, mut rows) = under_load_with(&world, anything(), &gap, |operator| {
        let (mut rows, mut serving) = (Vec::new(), world.first);
        let mut stretch = Duration::from_millis(500);
        for pair in 1..=pairs {
            let _before = worst_us();
            let until = Instant::now() + stretch;
            while Instant::now() < until {
                operator.status();
            }
            let quiet = worst_us();
            let start = Instant::now();
            for _ in 0..swaps {
                serving = if serving == world.first { world.second } else { world.first };
                operator.serve(serving, 0);
            }
            stretch = start.elapsed();
            let changing = worst_us();
            let more = changing.saturating_sub(quiet);
            println!("{pair:4} {quiet:14} {changing:11} {more:13} {:12}", resident_kib());
            rows.push((quiet, changing));
        }
        rows
    });
    println!(
        "swaps={} failed={} sent={} answered={} wrong={}",
        counts.served,
        counts.failed(),
        load.sent,
        load.answered,
        load.wrong
    );
    rows.sort_by_key(|(quiet, changing)| changing.saturating_sub(*quiet));
    let middle = rows.get(rows.len() / 2).copied().unwrap_or_default();
    let quiet = rows.iter().map(|row| row.0).max().unwrap_or(0);
    let changing = rows.iter().map(|row| row.1).max().unwrap_or(0);
    println!("median pair: undisturbed {} us, changing {} us", middle.0, middle.1);
    println!("worst of all: undisturbed {quiet} us, changing {changing} us");
}
