//! The memory guard through the real loader and server: loads refused at their line, a candidate sent
//! away, the CPU's model taking over and the GPU's coming back, records that replay; memory itself is
//! played.
#![expect(clippy::unwrap_used, reason = "a helper that fails must fail its test")]

#[path = "store/make.rs"]
mod make;
#[path = "swap/world.rs"]
mod world;

use corelane_signal::fused::Fused;
use corelane_signal::guard::gate::{Gate, Sense};
use corelane_signal::guard::log::Log;
use corelane_signal::guard::record::replay;
use corelane_signal::guard::{Action, Memory, Record, Sample};
use corelane_signal::loader::Guarding;
use corelane_signal::resident::Device;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use wire::model::ModelAction;
use world::{Operator, World, anything, options, under_load};

/// A thousandth of each memory: far more than a model of the tests needs.
const THOUSANDTH: u64 = 1 << 40;
/// The record in its folder.
const FILE: &str = "guard.jsonl";
/// Nothing is to be seen.
const BLIND: u64 = u64::MAX;

/// Thousandths of the host's memory and of the GPU's that are in use.
#[derive(Clone, Debug, Default)]
struct Played {
    host: Arc<AtomicU64>,
    vram: Arc<AtomicU64>,
}

impl Played {
    fn sample(used: &AtomicU64) -> Result<Sample, String> {
        // ORDERING: relaxed; lone figures.
        match used.load(Ordering::Relaxed) {
            BLIND => Err("the driver is gone".to_owned()),
            used => Ok(Sample { used_bytes: used * THOUSANDTH, total_bytes: 1_000 * THOUSANDTH }),
        }
    }

    fn guarding(&self, device: Device, log: Option<&Path>) -> Guarding {
        let log = log.map(|folder| Log::open(&folder.join(FILE)).unwrap());
        Guarding {
            gate: Gate::new(Box::new(self.clone()), log),
            device,
            fallback: (device == Device::Gpu).then_some(&Fused as _),
            every: Duration::from_millis(1),
        }
    }
}

impl Sense for Played {
    fn look(&mut self) -> Vec<(Memory, Result<Sample, String>)> {
        vec![(Memory::Host, Self::sample(&self.host)), (Memory::Vram, Self::sample(&self.vram))]
    }
}

fn set(memory: &AtomicU64, thousandths: u64) {
    memory.store(thousandths, Ordering::Relaxed); // ORDERING: relaxed; a lone figure.
}

/// Waits until the status is so.
fn until(operator: &mut Operator, so: impl Fn(&Value) -> bool) -> Value {
    loop {
        let status = operator.status();
        if so(&status) {
            return status;
        }
        std::thread::yield_now();
    }
}

fn records(folder: &Path) -> Vec<Record> {
    let text = std::fs::read_to_string(folder.join(FILE)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn loads_are_refused_at_their_line_and_allowed_five_points_below_it() {
    let (played, log) = (Played::default(), tempfile::tempdir().unwrap());
    let mut world = World::new();
    world.guarding = Some(played.guarding(Device::Cpu, Some(log.path())));
    let (first, second) = (world.first, world.second);
    let (counts, load, ()) = under_load(&world, anything(), |operator| {
        let mut serving = first;
        // By use of the host: may a candidate be tried, and may one replace what serves at once?
        for (host, tried, replaced) in [
            (849, true, true),
            (850, false, true),
            (899, false, true),
            (900, false, false),
            (850, false, false),
            (849, false, true),
            (800, false, true),
            (799, true, true),
            (BLIND, false, false),
            (100, true, true),
        ] {
            set(&played.host, host);
            operator.ask(ModelAction::Shadow, Some(second), 4).unwrap();
            let job = operator.done()["job"].clone();
            assert_eq!(job["stage"] == "compared", tried, "at {host}: {job:#}");
            let other = if serving == first { second } else { first };
            let status = operator.serve(other, 0);
            assert_eq!(status["job"]["stage"] == "served", replaced, "at {host}: {status:#}");
            serving = if replaced { other } else { serving };
            assert_eq!(status["serving"]["address"], serving.to_string());
            if !replaced {
                let why = status["job"]["why"].as_str().unwrap();
                let part = if host == BLIND { "is not watched" } else { "memory=host level=shed" };
                assert_eq!(status["job"]["cause"], "memory", "{why}");
                assert!(why.contains(part) && why.contains("; next: make room"), "{why}");
            }
        }
    });
    assert_eq!((counts.failed_memory, counts.failed()), (10, 10));
    assert_eq!((load.answered, load.wrong, load.empty), (load.sent, 0, 0));
    assert_eq!(load.changes, counts.served);
    let kept = records(log.path());
    let denied = kept.iter().filter(|record| record.action == Action::Deny).count();
    assert_eq!(denied, 10);
    let again = replay(&kept).unwrap();
    assert_eq!(again.count(Action::Deny), 10);
    // What came went: all that was loaded is gone but the one that serves.
    let count = |action| again.count(action);
    assert_eq!(count(Action::Admit), count(Action::Loaded));
}

#[test]
fn a_candidate_that_is_tried_goes_when_memory_is_nine_tenths_full_and_the_serving_one_stays() {
    let (played, log) = (Played::default(), tempfile::tempdir().unwrap());
    let mut world = World::new();
    world.guarding = Some(played.guarding(Device::Cpu, Some(log.path())));
    let (_, counts, ()) = world.serve(options(anything()), |socket| {
        let mut operator = Operator::connect(socket);
        // Nobody asks for scores: it stays on trial.
        operator.ask(ModelAction::Serve, Some(world.second), 16).unwrap();
        until(&mut operator, |status| status["job"]["stage"] == "shadowing");
        set(&played.host, 899);
        until(&mut operator, |status| status["memory"]["memory"]["host"]["level"] == "hold");
        assert_eq!(operator.status()["job"]["stage"], "shadowing", "it stays below its line");
        set(&played.host, 990);
        let status = operator.done();
        let why = status["job"]["why"].as_str().unwrap();
        assert!(why.contains("unloads the candidate"), "{why}");
        assert_eq!(status["job"]["cause"], "memory");
        assert_eq!(status["serving"]["address"], world.first.to_string());
        let state = until(&mut operator, |status| status["memory"]["counts"]["gone"] == 1);
        // A CPU has nothing to trip to.
        assert_eq!(state["memory"]["memory"]["host"]["level"], "trip");
        assert_eq!(
            (&state["memory"]["tripped"], &state["swaps"]["trips"]),
            (&json!(false), &json!(0))
        );
    });
    assert_eq!((counts.served, counts.failed_memory), (0, 1));
    let unloaded: Vec<_> =
        records(log.path()).into_iter().filter(|record| record.action == Action::Unload).collect();
    assert_eq!(unloaded.len(), 1, "{unloaded:?}");
    let named = unloaded[0].model.as_ref().unwrap();
    assert!(named.name.contains(&world.second.to_string()[..12]), "{named:?}");
    assert_eq!(named.priority, "optional");
    replay(&records(log.path())).unwrap();
}

#[test]
fn the_cpu_s_twin_takes_over_at_95_and_the_gpu_s_model_comes_back_below_80() {
    let (played, log) = (Played::default(), tempfile::tempdir().unwrap());
    let mut world = World::new();
    // tract plays the GPU; the twin is the fused kernel, which knows this model.
    world.keeper().promote(world.second).unwrap();
    world.guarding = Some(played.guarding(Device::Gpu, Some(log.path())));
    let served_by =
        |backend: &'static str| move |status: &Value| status["serving"]["backend"] == backend;
    let (counts, load, ()) = under_load(&world, anything(), |operator| {
        assert!(served_by("tract/cpu")(&operator.status()));
        // The twin is there before it is needed.
        until(operator, |status| status["memory"]["counts"]["loaded"] == 1);
        set(&played.vram, 949);
        until(operator, |status| status["memory"]["memory"]["vram"]["level"] == "shed");
        assert!(served_by("tract/cpu")(&operator.status()));
        set(&played.vram, 950);
        let status = until(operator, served_by("fused/cpu"));
        assert_eq!(status["serving"]["generation"], 2);
        assert_eq!(status["serving"]["address"], world.second.to_string());
        // The GPU is left alone until it is back to normal.
        set(&played.vram, 800);
        until(operator, |status| status["memory"]["memory"]["vram"]["level"] == "hold");
        assert!(served_by("fused/cpu")(&operator.status()));
        set(&played.vram, 799);
        let status = until(operator, served_by("tract/cpu"));
        assert_eq!(status["serving"]["generation"], 3);
        until(operator, |status| status["swaps"]["returns"] == 1);
        // And again: the twin that came back stands by.
        set(&played.vram, 1_000);
        until(operator, served_by("fused/cpu"));
        // Counted once it serves: the server is not to end between the two.
        until(operator, |status| status["swaps"]["trips"] == 2);
    });
    assert_eq!((counts.trips, counts.returns, counts.trips_failed), (2, 1, 0));
    assert_eq!((load.answered, load.empty, load.changes), (load.sent, 0, 3));
    let kept = records(log.path());
    let again = replay(&kept).unwrap();
    assert_eq!((again.count(Action::Trip), again.count(Action::Return)), (2, 1));
}

#[test]
fn without_a_twin_a_trip_is_told_once_and_the_gpu_s_model_serves_on() {
    let played = Played::default();
    let mut world = World::new();
    // The fused kernel does not know the first model.
    world.guarding = Some(played.guarding(Device::Gpu, None));
    let (_, counts, ()) = world.serve(options(anything()), |socket| {
        let mut operator = Operator::connect(socket);
        set(&played.vram, 990);
        let status = until(&mut operator, |status| status["swaps"]["trips_failed"] == 1);
        assert_eq!(status["serving"]["backend"], "tract/cpu");
        let looked = status["memory"]["counts"]["level"].clone();
        set(&played.vram, 940);
        set(&played.vram, 890);
        until(&mut operator, |status| status["memory"]["counts"]["level"] != looked);
    });
    assert_eq!((counts.trips, counts.trips_failed), (0, 1));
}

#[test]
fn a_record_that_cannot_be_written_is_counted_and_decisions_go_on() {
    let played = Played::default();
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join(FILE);
    // Every write to it fails with "no space left".
    std::os::unix::fs::symlink("/dev/full", &link).unwrap();
    assert!(Log::open(&link).is_err(), "a link is not followed");
    set(&played.host, 900);
    let log = Log::over(std::fs::File::options().append(true).open("/dev/full").unwrap(), link);
    let gate = Gate::new(Box::new(played), Some(log));
    let state = gate.state();
    assert_eq!(state.count(Action::StopOptional), 1);
    assert_eq!(state.records_failed, state.counts.values().sum::<u64>());
}
