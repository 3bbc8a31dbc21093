//! The change of a model while requests flow: none dropped, none of another model, and a candidate
//! that is not as it should be leaves the old one serving.
//!
//! Many of them in a row are in `swaps.rs`, which has a process of its own.

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
use wire::model::ModelAction;
use world::{Operator, World, anything, options, under_load};

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
fn in_a_role_a_model_of_another_name_serves_and_one_of_another_interval_does_not() {
    let world = World::new();
    let renamed = |key: &str, value: Value| {
        let mut draft = named("bin_ctabl");
        draft.manifest[key] = value;
        world.add(draft)
    };
    let (other, slower) =
        (renamed("name", json!("other")), renamed("sample_interval_ns", json!(1)));
    world.keeper().promote_as("role", world.first).expect("a role");
    let options =
        corelane_signal::loader::LoaderOptions { name: "role".into(), ..options(anything()) };
    let (_, counts, ()) = world.serve(options, |socket| {
        let mut operator = Operator::connect(socket);
        world.keeper().promote_as("role", other).expect("moved");
        operator.ask(ModelAction::Serve, None, 0).expect("taken up");
        let status = operator.done();
        assert_eq!(
            (&status["name"], &status["serving"]["name"]),
            (&json!("role"), &json!("other"))
        );
        assert_eq!(status["serving"]["address"], other.to_string());
        let status = operator.serve(slower, 0);
        assert_eq!(status["job"]["cause"], "other", "{status:#}");
        assert_eq!(status["serving"]["address"], other.to_string());
    });
    assert_eq!((counts.served, counts.failed_other), (1, 1));
    // A role is no model's name, and a model's name no role.
    let refused = |role: &str, address| {
        let error = world.keeper().promote_as(role, address).expect_err("refused");
        assert!(error.operator_line().contains("a role or a model's"), "{}", error.operator_line());
    };
    refused(world::NAME, other);
    let roled = renamed("name", json!("role"));
    refused("role", roled);
    assert!(world.keeper().promote(roled).is_err());
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
