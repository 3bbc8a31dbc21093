//! What a change comes to when a step fails, somebody else holds the station, or the program dies.

use crate::two_models::{ROLE, add_slow};
use crate::world::{Load, Played, PlayedStation, World, follow};
use corelane_tools::calendar::Calendar;
use signal::store::{Address, Keeper};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use wire::station::Mode;

const NOON: u64 = 1_793_534_400_000_000_000;
const HOUR: u64 = 3_600_000_000_000;

/// A calendar with one window for all time, or with two that take turns at noon.
fn calendar(model: &str, from_noon: Option<&str>) -> Calendar {
    let window = |name: &str, model: &str| {
        format!(
            "[window.{name}]\nkind = \"market-hours\"\nstation = \"live\"\nserving = \"{model}\"\n\
             [[window.{name}.model]]\nname = \"{model}\"\ndevice = \"cpu\"\npriority = \"critical\"\n"
        )
    };
    let mut text = "[calendar]\nname = \"c\"\ntime_zone = \"UTC\"\ntrading_days = [\"mon\", \
                    \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"]\n[day.full]\n\
                    \"00:00\" = \"one\"\n"
        .to_owned();
    if from_noon.is_some() {
        text.push_str("\"12:00\" = \"two\"\n");
    }
    text.push_str(&window("one", model));
    text.extend(from_noon.map(|model| window("two", model)));
    Calendar::parse(Path::new("c.toml"), &text).unwrap()
}

fn now() -> Played {
    Played { now_ns: NOON - HOUR }
}

fn hash_of(world: &World, address: Address) -> u64 {
    let sha = world.store().object(address).unwrap().manifest.sha256;
    u64::from_str_radix(&sha[..16], 16).unwrap().swap_bytes()
}

fn unharmed(load: Load, changes: u64) {
    assert_eq!((load.answered, load.wrong, load.changes), (load.sent, 0, changes));
}

#[test]
fn a_model_the_sidecar_refuses_leaves_the_old_one_and_the_station_held() {
    let world = World::new();
    add_slow(&world.path("store"));
    let file = world.file("maintenance");
    let mut station = PlayedStation::new(&world, Mode::Live);
    let links = world.links();
    let (load, tally) = world
        .serve(|| follow(&calendar("slow", None), &file, &mut now(), &mut station, None).unwrap());
    assert_eq!(tally.failed, 1);
    let line = &world.record()[0];
    assert_eq!((&line["outcome"], &line["to_mode"]), (&"failed".into(), &"MAINTENANCE".into()));
    assert_eq!(line["failed_at"], "swap to slow@cpu (critical)");
    assert!(line["why"].as_str().unwrap().contains("of another kind"), "{line}");
    assert_eq!(world.links(), links);
    unharmed(load, 0);
    // It is an operator's from here on, though the same window can be led to again.
    let (_, tally) = world.serve(|| {
        follow(&calendar("bin_ctabl", None), &file, &mut now(), &mut station, None).unwrap()
    });
    assert_eq!((tally.left, station.mode), (1, Mode::Maintenance));
}

#[test]
fn a_model_that_is_not_verified_is_rolled_back_and_live_follows_only_where_the_file_says_so() {
    for (on_failure, mode) in [("maintenance", Mode::Maintenance), ("live", Mode::Live)] {
        let world = World::new();
        let file = world.file(on_failure);
        let links = world.links();
        let mut station = PlayedStation::new(&world, Mode::Live);
        station.deaf_to = Some(hash_of(&world, world.small));
        let (load, tally) = world.serve(|| {
            follow(&calendar("small", None), &file, &mut now(), &mut station, None).unwrap()
        });
        assert_eq!((tally.failed, station.mode), (1, mode), "{on_failure}");
        let line = &world.record()[0];
        assert_eq!((&line["outcome"], &line["not_undone"]), (&"rolled-back".into(), &().into()));
        assert!(line["why"].as_str().unwrap().contains("hears another model"), "{line}");
        assert_eq!(world.links(), links);
        assert_eq!(station.named, Some(hash_of(&world, world.bundled)));
        assert_eq!(station.exposed, 0);
        // There and back.
        unharmed(load, 2);
    }
}

#[test]
fn a_sidecar_that_is_gone_is_told_and_the_station_held() {
    let world = World::new();
    let mut station = PlayedStation::new(&world, Mode::Live);
    // Nobody listens; the played station asks nobody either, as no model was named to it.
    let file = world.file("live");
    let tally = follow(&calendar("small", None), &file, &mut now(), &mut station, None).unwrap();
    assert_eq!((tally.failed, station.mode), (1, Mode::Maintenance));
    let line = &world.record()[0];
    assert_eq!(line["failed_at"], "look at small@cpu (critical)", "{line}");
}

#[test]
fn a_window_that_wants_a_device_nobody_has_is_refused_before_anything() {
    let world = World::new();
    let file = world.file("live");
    let text = "[calendar]\nname = \"c\"\ntime_zone = \"UTC\"\ntrading_days = [\"mon\", \"tue\", \
                \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"]\n[day.full]\n\"00:00\" = \"one\"\n\
                [window.one]\nkind = \"market-hours\"\nstation = \"live\"\nserving = \"small\"\n\
                [[window.one.model]]\nname = \"small\"\ndevice = \"gpu\"\npriority = \"critical\"\n";
    let calendar = Calendar::parse(Path::new("c.toml"), text).unwrap();
    let mut station = PlayedStation::new(&world, Mode::Live);
    let failure = follow(&calendar, &file, &mut now(), &mut station, None).unwrap_err();
    assert!(failure.to_string().contains("no sidecar keeps this model"), "{failure}");
    assert_eq!((station.mode, station.calls), (Mode::Live, 0));
}

#[test]
fn what_somebody_else_holds_is_not_led_to_live() {
    let world = World::new();
    let file = world.file("live");
    let turns = calendar("bin_ctabl", Some("small"));
    let mut station = PlayedStation::new(&world, Mode::Live);
    let (load, ()) = world.serve(|| {
        let mut clock = now();
        let mut run = |station: &mut PlayedStation| {
            follow(&turns, &file, &mut clock, station, None).unwrap();
            clock.now_ns += 12 * HOUR;
        };
        run(&mut station);
        // An operator takes it out of LIVE: the models change, the mode does not.
        station.mode = Mode::Maintenance;
        run(&mut station);
        assert_eq!(station.mode, Mode::Maintenance);
        // The next window does not bring it back either.
        run(&mut station);
        assert_eq!(station.mode, Mode::Maintenance);
        // Nor what a rule of the engine brought about.
        station.mode = Mode::Reducing;
        run(&mut station);
        assert_eq!(station.mode, Mode::Maintenance);
        station.mode = Mode::Halted;
        run(&mut station);
        assert_eq!(station.mode, Mode::Halted);
        // Once the operator is back in LIVE, so is the calendar.
        station.mode = Mode::Live;
        run(&mut station);
        assert_eq!(station.mode, Mode::Live);
    });
    let outcomes: Vec<_> =
        world.record().iter().map(|line| line["outcome"].as_str().unwrap().to_owned()).collect();
    let left = "left-to-operator";
    assert_eq!(outcomes, [left, left, left, left]);
    assert_eq!(load.wrong, 0);
}

/// The program dies in each of its calls in turn; the next start finishes.
#[test]
fn a_crash_at_any_step_is_finished_by_the_next_start() {
    let mut died = 0;
    loop {
        let world = World::new();
        let file = world.file("maintenance");
        let small = calendar("small", None);
        let mut station = PlayedStation::new(&world, Mode::Live);
        station.dies_at = Some(died + 1);
        let (load, whole) = world.serve(|| {
            let mut clock = now();
            let first = catch_unwind(AssertUnwindSafe(|| {
                follow(&small, &file, &mut clock, &mut station, None).unwrap()
            }));
            station.dies_at = None;
            clock.now_ns += 1_000_000_000;
            follow(&small, &file, &mut clock, &mut station, None).unwrap();
            first.is_ok()
        });
        assert_eq!(station.mode, Mode::Live, "died in call {}", died + 1);
        assert_eq!(world.links(), (world.small, Some(world.bundled)));
        assert_eq!(station.named, Some(hash_of(&world, world.small)));
        assert_eq!((load.answered, load.wrong, load.changes), (load.sent, 0, 1));
        assert_eq!(station.exposed, 0, "died in call {}", died + 1);
        let record = world.record();
        assert!(
            record.iter().all(|line| line["outcome"] == "done" || line["outcome"] == "nothing")
        );
        if whole {
            break;
        }
        died += 1;
    }
    assert!(died >= 6, "only {died} calls were tried");
}

/// The same, but the model is gone by then: the one before serves again.
#[test]
fn a_crash_after_which_the_new_model_is_gone_is_rolled_back() {
    let world = World::new();
    let file = world.file("live");
    let links = world.links();
    let small = calendar("small", None);
    let mut station = PlayedStation::new(&world, Mode::Live);
    let (load, ()) = world.serve(|| {
        let mut clock = now();
        // Look, look, ask, draining, maintenance; then the swap; it dies as it is asked what it hears.
        station.dies_at = Some(6);
        let died = catch_unwind(AssertUnwindSafe(|| {
            follow(&small, &file, &mut clock, &mut station, None).unwrap()
        }));
        assert!(died.is_err());
        assert_eq!(world.links().0, world.small, "it had moved");
        let object = world.path("store/objects").join(world.small.to_string());
        std::fs::remove_file(object.join("model.onnx")).unwrap();
        station.dies_at = None;
        follow(&small, &file, &mut clock, &mut station, None).unwrap();
    });
    let record = world.record();
    let line = record.last().unwrap();
    assert_eq!((&line["outcome"], &line["resumed"]), (&"rolled-back".into(), &true.into()));
    assert_eq!(station.mode, Mode::Live, "as the file says: {line}");
    assert_eq!(world.links(), links);
    assert_eq!(station.named, Some(hash_of(&world, world.bundled)));
    unharmed(load, 2);
}

#[test]
fn a_crash_before_the_window_passed_leads_to_the_window_of_now() {
    let world = World::new();
    let file = world.file("maintenance");
    let turns = calendar("small", Some("bin_ctabl"));
    let mut station = PlayedStation::new(&world, Mode::Live);
    world.serve(|| {
        let mut clock = now();
        station.dies_at = Some(6);
        let died = catch_unwind(AssertUnwindSafe(|| {
            follow(&turns, &file, &mut clock, &mut station, None).unwrap()
        }));
        assert!(died.is_err());
        station.dies_at = None;
        clock.now_ns = NOON;
        follow(&turns, &file, &mut clock, &mut station, None).unwrap();
    });
    let line = world.record().pop().unwrap();
    assert_eq!((&line["window"], &line["resumed"]), (&"two".into(), &true.into()));
    // Of both halves: from the first MAINTENANCE on.
    assert!(line["downtime_ns"].as_u64() > Some(HOUR - 1_000_000_000), "{line}");
    assert_eq!((station.mode, world.links().0), (Mode::Live, world.bundled));
}

#[test]
fn a_second_run_of_the_same_folder_is_refused() {
    let world = World::new();
    let file = world.file("live");
    let _held = corelane_tools::calendar::run::StateDir::open(&file.state_dir).unwrap();
    let mut station = PlayedStation::new(&world, Mode::Live);
    let failure =
        follow(&calendar("small", None), &file, &mut now(), &mut station, None).unwrap_err();
    assert!(failure.to_string().contains("another `corelane calendar run`"), "{failure}");
    let _ = Keeper::open(&world.path("store"), None).unwrap();
    assert_eq!(world.store().current(ROLE).unwrap(), world.bundled);
}
