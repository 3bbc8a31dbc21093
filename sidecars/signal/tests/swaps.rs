//! Many changes of the model under load, in a process of their own because its memory is looked at:
//! no request dropped, no answer of another model, and memory flat after the first ones.
//!
//! `CORELANE_SWAPS=1000` runs the long form; the figures are printed either way.

#[path = "store/make.rs"]
mod make;
#[path = "swap/world.rs"]
mod world;

use world::{World, anything, resident_kib, under_load};

/// Swaps of a plain run of the tests.
const SWAPS: u32 = 100;
/// From here on memory must be flat.
const SETTLED: u32 = 50;
/// What it may still grow by, KiB: less than a tenth of what keeping each model would take.
const FLAT_KIB: u64 = 4_096;

fn swaps() -> u32 {
    std::env::var("CORELANE_SWAPS").ok().and_then(|n| n.parse().ok()).unwrap_or(SWAPS)
}

#[test]
fn swaps_under_load_drop_nothing_attribute_nothing_wrongly_and_keep_no_memory() {
    let world = World::new();
    let wanted = swaps().max(SETTLED + 10);
    let (counts, load, (settled, end)) = under_load(&world, anything(), |operator| {
        let (mut settled, mut serving) = (0, world.first);
        for n in 1..=wanted {
            serving = if serving == world.first { world.second } else { world.first };
            let status = operator.serve(serving, 0);
            assert_eq!(status["job"]["stage"], "served", "{status:#}");
            assert_eq!(status["serving"]["address"], serving.to_string());
            assert_eq!(status["serving"]["generation"], n + 1);
            if n == SETTLED {
                settled = resident_kib();
            }
        }
        (settled, resident_kib())
    });
    println!(
        "swaps={wanted} sent={} answered={} wrong={} resident_kib: after {SETTLED} {settled}, at \
         the end {end}",
        load.sent, load.answered, load.wrong
    );
    assert_eq!((counts.served, counts.failed()), (u64::from(wanted), 0));
    assert_eq!((load.changes, load.generation), (u64::from(wanted), wanted + 1));
    assert_eq!(load.answered, load.sent, "none dropped");
    assert_eq!((load.wrong, load.empty), (0, 0), "none of another model");
    assert!(load.sent > u64::from(wanted), "there was load: {load:?}");
    assert!(end <= settled + FLAT_KIB, "{settled} KiB after {SETTLED}, {end} KiB after {wanted}");
}
