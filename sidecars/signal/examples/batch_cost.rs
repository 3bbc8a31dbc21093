//! Measures what a batch costs in process by its size: is one run over N windows cheaper than N?
//!
//! `cargo run --release -p corelane-signal --example batch_cost -- MODEL_DIR [ROUNDS]`
//! Monotonic clock, from before to after `Model::run`; sizes interleaved within each round.
#![expect(clippy::print_stdout, reason = "it prints its table")]
#![expect(clippy::disallowed_methods, reason = "it measures, outside the station's clock")]

use corelane_signal::{BackendChoice, RuntimeOptions, model::Model, runtime};
use std::path::Path;
use std::time::Instant;
use wire::signal::InputWindow;

const SIZES: [usize; 6] = [1, 2, 4, 8, 16, 64];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().ok_or("usage: batch_cost MODEL_DIR [ROUNDS]")?;
    let rounds: usize = args.next().map_or(Ok(500), |a| a.parse())?;
    let live = runtime::start(&RuntimeOptions::from_environment(BackendChoice::Auto))?;
    let mut model = Model::load(Path::new(&dir), live)?;
    let golden = model.manifest().golden.windows();
    let windows: Vec<InputWindow> = golden.iter().cycle().take(64).copied().collect();
    let mut spans: [Vec<u128>; SIZES.len()] = Default::default();
    let mut out = Vec::new();
    for _ in 0..rounds {
        for (size, spans) in SIZES.iter().zip(&mut spans) {
            let start = Instant::now();
            model.run(&windows[..*size], &mut out)?;
            spans.push(start.elapsed().as_nanos());
        }
    }
    println!("{}, whole batches: {}", live.provider(), model.batches());
    for (size, mut spans) in SIZES.iter().zip(spans) {
        spans.sort_unstable();
        let (min, p50) = (spans[0], spans[spans.len() / 2]);
        let each = p50 / u128::try_from(*size)?;
        println!("batch={size:<3} n={rounds} min_ns={min} p50_ns={p50} p50_ns_per_window={each}");
    }
    Ok(())
}
