//! The change of a model while requests flow: none dropped, none of another model, and a candidate
//! that is not as it should be leaves the old one serving.
//!
//! `CORELANE_SWAPS=1000` runs the long form of the first test; its figures are printed either way.

#[path = "store/make.rs"]
mod make;
#[path = "swap/world.rs"]
mod world;

use corelane_signal::loader::{Cause, SwapCounts};
use corelane_signal::shadow::{ShadowBounds, ShadowFault};
use corelane_signal::store::Address;
use make::Draft;
use serde_json::{Value, json};
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use wire::model::ModelAction;
use world::{Load, Operator, World, anything, options, resident_kib};

/// Swaps of a plain run of the tests.
const SWAPS: u32 = 100;
/// From here on memory must be flat.
const SETTLED: u32 = 50;
/// What it may still grow by, KiB: less than a tenth of what keeping each model would take.
const FLAT_KIB: u64 = 4_096;

fn swaps() -> u32 {
    std::env::var("CORELANE_SWAPS").ok().and_then(|n| n.parse().ok()).unwrap_or(SWAPS)
}

/// Runs `body` while an engine asks without a pause.
fn under_load<R: Send>(
    world: &World,
    bounds: ShadowBounds,
    body: impl FnOnce(&mut Operator) -> R + Send,
) -> (SwapCounts, Load, R) {
    let (counters, swaps, (load, given)) = world.serve(options(bounds), |socket| {
        let (over, gap) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            let engine = scope.spawn(|| world.load(socket, &over, &gap));
            // ORDERING: relaxed; a lone flag.
            let end = world::OnDrop(|| over.store(true, Ordering::Relaxed));
            let given = body(&mut Operator::connect(socket));
            drop(end);
            (engine.join().expect("the engine"), given)
        })
    });
    assert_eq!(counters.answers_dropped, 0);
    assert_eq!((counters.requests, counters.shed, counters.refused), (load.sent, 0, 0));
    (swaps, load, given)
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

/// The candidate does not serve: why, in which counter, and the old model answers on.
fn refused(
    bounds: ShadowBounds,
    answers: u32,
    cause: Cause,
    part: &str,
    make: impl FnOnce(&World) -> Address,
) -> SwapCounts {
    let world = World::new();
    let candidate = make(&world);
    let (counts, load, status) =
        under_load(&world, bounds, |operator| operator.serve(candidate, answers));
    let job = &status["job"];
    assert_eq!(job["stage"], "failed", "{job:#}");
    assert_eq!(job["cause"], json!(cause), "{job:#}");
    let why = job["why"].as_str().expect("a line");
    assert!(why.contains(part) && why.contains("; next: ") && !why.contains('\n'), "{why}");
    assert_eq!(status["serving"]["address"], world.first.to_string());
    assert_eq!(status["serving"]["generation"], 1);
    assert_eq!((load.answered, load.wrong, load.empty, load.changes), (load.sent, 0, 0, 0));
    assert_eq!((counts.served, counts.failed()), (0, 1));
    counts
}

fn poison(draft: Draft, part: &str) {
    let counts = refused(anything(), 0, Cause::Model, part, |world| world.add(draft));
    assert_eq!(counts.failed_model, 1);
}

fn named(name: &str) -> Draft {
    Draft::named(name, world::NAME)
}

#[test]
fn each_poisoned_model_leaves_the_old_one_serving() {
    poison(named("good").weight(f32::NAN), "weights that are not finite");
    poison(named("good").node("Spy", "com.example"), "operator Spy of domain com.example");
    poison(named("foreign_operator"), "operators of domain com.example");
    poison(named("external_data"), "data outside its file");
    poison(named("wrong_input"), "model has the wrong shape");
    poison(named("wrong_output"), "model has the wrong shape");
    poison(named("nan_always"), "does not reproduce its golden vectors");
    // Weights that are numbers, and not the ones its vectors were made with.
    poison(named("good").weight(40.0), "does not reproduce its golden vectors");
}

#[test]
fn a_file_that_changed_in_the_store_leaves_the_old_model_serving() {
    let damage = |part: &str, damage: fn(&std::path::Path)| {
        refused(anything(), 0, Cause::Model, part, |world| {
            let object = world.root().join("objects").join(world.second.to_string());
            damage(&object);
            world.second
        });
    };
    damage("wrong size", |object| {
        let bytes = fs::read(object.join("model.onnx")).expect("there");
        fs::write(object.join("model.onnx"), &bytes[..bytes.len() / 2]).expect("cut");
    });
    damage("symbolic link", |object| {
        let aside = object.with_file_name("aside");
        fs::rename(object.join("model.onnx"), &aside).expect("aside");
        std::os::unix::fs::symlink(aside, object.join("model.onnx")).expect("linked");
    });
    damage("model file cannot be read", |object| {
        fs::remove_file(object.join("manifest.json")).expect("removed");
    });
    damage("no such model", |object| fs::remove_dir_all(object).expect("removed"));
}

#[test]
fn a_model_of_another_name_or_interval_leaves_the_old_one_serving() {
    for (key, value) in [("name", json!("other")), ("sample_interval_ns", json!(50_000_000))] {
        let counts = refused(anything(), 0, Cause::Other, "of another kind", |world| {
            let mut draft = named("bin_ctabl");
            draft.manifest[key] = value;
            world.add(draft)
        });
        assert_eq!(counts.failed_other, 1);
    }
}

#[test]
fn a_candidate_out_of_bounds_on_live_requests_leaves_the_old_one_serving() {
    let wide = anything();
    for (bounds, fault) in [
        (ShadowBounds { drift_mean_e6: 0, ..wide }, ShadowFault::Drift),
        (ShadowBounds { drift_max_e6: 0, ..wide }, ShadowFault::Drift),
        (ShadowBounds { latency_ratio_e3: 0, ..wide }, ShadowFault::Latency),
        (ShadowBounds { range_ratio_e3: (u64::MAX, u64::MAX), ..wide }, ShadowFault::Range),
    ] {
        let part = "out of bounds on live requests";
        refused(bounds, 16, Cause::Shadow(fault), part, |world| world.second);
    }
}

#[test]
fn without_live_requests_a_candidate_that_must_be_tried_does_not_serve() {
    let world = World::new();
    let mut options = options(anything());
    options.patience_ns = 0;
    let (_, counts, status) =
        world.serve(options, |socket| Operator::connect(socket).serve(world.second, 16));
    assert_eq!(status["job"]["cause"], "quiet", "{status:#}");
    assert_eq!((counts.served, counts.failed_quiet), (0, 1));
}

#[test]
fn a_candidate_is_tried_on_live_requests_and_then_serves() {
    let world = World::new();
    let (counts, load, (shadowed, served)) = under_load(&world, anything(), |operator| {
        operator.ask(ModelAction::Shadow, Some(world.second), 32).expect("taken up");
        let shadowed = operator.done();
        (shadowed, operator.serve(world.second, 32))
    });
    let report = |status: &Value| {
        let shadow = &status["job"]["shadow"];
        assert_eq!((&shadow["compared"], &shadow["abstentions"]), (&json!(32), &json!(0)));
        for key in ["drift_mean_e6", "drift_max_e6", "live_ns_p50", "candidate_ns_p50"] {
            assert!(shadow[key].as_u64() > Some(0), "{key} in {shadow:#}");
        }
    };
    report(&shadowed);
    assert_eq!(shadowed["job"]["stage"], "compared");
    assert_eq!(shadowed["serving"]["address"], world.first.to_string(), "it only looked");
    report(&served);
    assert_eq!(served["job"]["stage"], "served");
    assert_eq!(served["serving"]["address"], world.second.to_string());
    assert_eq!((counts.compared, counts.served, counts.failed()), (1, 1, 0));
    assert_eq!((load.answered, load.wrong, load.changes), (load.sent, 0, 1));
}

#[test]
fn what_current_points_at_is_served_and_the_same_again_is_nothing() {
    let world = World::new();
    world.keeper().promote(world.second).expect("promoted");
    world.keeper().rollback(world::NAME).expect("back");
    let (_, counts, ()) = world.serve(options(anything()), |socket| {
        let mut operator = Operator::connect(socket);
        let ask = |operator: &mut Operator| {
            operator.ask(ModelAction::Serve, None, 0).expect("taken up");
            let status = operator.done();
            (status["job"]["stage"].clone(), status["serving"]["address"].clone())
        };
        assert_eq!(ask(&mut operator), (json!("already"), json!(world.first.to_string())));
        world.keeper().promote(world.second).expect("promoted");
        assert_eq!(ask(&mut operator), (json!("served"), json!(world.second.to_string())));
        world.keeper().rollback(world::NAME).expect("back");
        assert_eq!(ask(&mut operator), (json!("served"), json!(world.first.to_string())));
    });
    assert_eq!((counts.served, counts.failed()), (2, 0));
}

#[test]
fn a_second_wish_while_one_is_on_its_way_is_refused_and_counted() {
    let world = World::new();
    let (_, counts, refusal) = world.serve(options(anything()), |socket| {
        let mut operator = Operator::connect(socket);
        // Nobody asks for scores, so the first one waits for them.
        operator.ask(ModelAction::Serve, Some(world.second), 16).expect("taken up");
        operator.ask(ModelAction::Serve, Some(world.second), 16).expect_err("busy")
    });
    assert!(refusal.contains("another job is on its way"), "{refusal}");
    assert_eq!((counts.busy, counts.served), (1, 0));
}
