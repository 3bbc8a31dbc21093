//! Each rule of the guard at, below and above its line.

use corelane_signal::guard::record::replay;
use corelane_signal::guard::{Action, Event, Guard, Level, Memory, Need, Record, Sample};
use corelane_signal::resident::{Device, Priority, Resident};

const TOTAL: u64 = 1_000;

/// A sample of so many thousandths.
fn use_of(used_bytes: u64) -> Sample {
    Sample { used_bytes, total_bytes: TOTAL }
}

fn model(name: &str, device: Device, priority: Priority) -> Resident {
    Resident { model: name.to_owned(), device, priority }
}

fn gpu(name: &str, priority: Priority) -> Resident {
    model(name, Device::Gpu, priority)
}

/// A guard with all its records.
#[derive(Default)]
struct Watch {
    guard: Guard,
    now_ns: u64,
    records: Vec<Record>,
}

impl Watch {
    fn on(&mut self, event: &Event) -> Vec<Record> {
        self.now_ns += 1;
        let made = self.guard.on(self.now_ns, event);
        self.records.extend(made.clone());
        made
    }

    fn vram(&mut self, used: u64) -> Vec<(Action, Option<String>)> {
        let made = self.on(&Event::Sample(Memory::Vram, use_of(used)));
        made.into_iter().map(|record| (record.action, record.model.map(|m| m.name))).collect()
    }

    fn ask(&mut self, model: &Resident, need: u64) -> Result<(), String> {
        let made = self.on(&Event::Ask(model.clone(), need));
        match made.as_slice() {
            [record] if record.action == Action::Admit => Ok(()),
            [record] if record.action == Action::Deny => {
                assert_eq!(record.model.as_ref().unwrap().name, model.model);
                Err(record.why.clone().unwrap())
            }
            other => panic!("{other:?}"),
        }
    }

    /// Three models on the GPU: 100 optional, 200 normal, 300 critical.
    fn loaded() -> Self {
        let mut watch = Self::default();
        watch.vram(100);
        for (name, priority, need) in [
            ("shadow", Priority::Optional, 100),
            ("judge", Priority::Normal, 200),
            ("score", Priority::Critical, 300),
        ] {
            watch.ask(&gpu(name, priority), need).unwrap();
            watch.on(&Event::Loaded(name.to_owned(), Device::Gpu));
        }
        watch.vram(700);
        watch
    }
}

fn unload(name: &str) -> (Action, Option<String>) {
    (Action::Unload, Some(name.to_owned()))
}

#[test]
fn levels_are_entered_at_their_line_and_left_five_points_below() {
    let up = [(849, Level::Normal), (850, Level::Hold), (899, Level::Hold), (900, Level::Shed)];
    let more = [(949, Level::Shed), (950, Level::Trip), (1_200, Level::Trip)];
    for (used, level) in up.into_iter().chain(more) {
        assert_eq!(Level::Normal.after(use_of(used)), level, "{used}");
    }
    for (level, keeps, leaves, to) in [
        (Level::Trip, 900, 899, Level::Shed),
        (Level::Shed, 850, 849, Level::Hold),
        (Level::Hold, 800, 799, Level::Normal),
    ] {
        assert_eq!(level.after(use_of(keeps)), level);
        assert_eq!(level.after(use_of(leaves)), to);
    }
    assert_eq!(Level::Trip.after(use_of(0)), Level::Normal);
}

#[test]
fn the_least_dear_goes_first_and_no_more_than_needed() {
    let mut watch = Watch::loaded();
    assert_eq!(watch.vram(849), []);
    assert_eq!(watch.vram(850), [(Action::StopOptional, None)]);
    // 900 less the shadow's 100 lies below 850: the judge stays.
    assert_eq!(watch.vram(900), [(Action::Level, None), unload("shadow")]);
    // It is on its way: no second word while the memory is still full.
    assert_eq!(watch.vram(900), []);
    watch.on(&Event::Gone("shadow".to_owned(), Device::Gpu));
    // It went, and the memory did not follow.
    assert_eq!(watch.vram(900), [unload("judge")]);
    watch.on(&Event::Gone("judge".to_owned(), Device::Gpu));
    // The critical model stays at this level.
    assert_eq!(watch.vram(949), []);
    assert_eq!(watch.vram(849), [(Action::Level, None)]);
    assert_eq!(watch.vram(799), [(Action::AllowOptional, None)]);
}

#[test]
fn the_cpu_model_takes_over_before_the_critical_one_goes_and_until_all_is_normal() {
    let mut watch = Watch::loaded();
    let made = watch.vram(1_000);
    let expected =
        [(Action::StopOptional, None), (Action::Trip, None), unload("shadow"), unload("judge")];
    assert_eq!(made, expected);
    for name in ["shadow", "judge"] {
        watch.on(&Event::Gone(name.to_owned(), Device::Gpu));
    }
    assert!(watch.guard.is_tripped());
    // They went, and it is full all the same.
    assert_eq!(watch.vram(950), [unload("score")]);
    watch.on(&Event::Gone("score".to_owned(), Device::Gpu));
    assert_eq!(watch.vram(899), [(Action::Level, None)]);
    assert!(watch.ask(&gpu("score", Priority::Critical), 1).unwrap_err().contains("CPU model"));
    assert_eq!(watch.vram(800), [(Action::Level, None)]);
    assert!(watch.guard.is_tripped());
    assert_eq!(watch.vram(799), [(Action::AllowOptional, None), (Action::Return, None)]);
    assert_eq!(watch.ask(&gpu("score", Priority::Critical), 1), Ok(()));
}

#[test]
fn the_host_never_trips_and_keeps_its_critical_models() {
    let mut watch = Watch::default();
    watch.on(&Event::Sample(Memory::Host, use_of(100)));
    let score = model("score", Device::Cpu, Priority::Critical);
    watch.on(&Event::Found(score, 100));
    watch.on(&Event::Found(model("shadow", Device::Cpu, Priority::Optional), 10));
    let made = watch.on(&Event::Sample(Memory::Host, use_of(990)));
    let actions: Vec<_> = made.iter().map(|record| record.action).collect();
    assert_eq!(actions, [Action::StopOptional, Action::Unload]);
    assert!(!watch.guard.is_tripped());
    // The GPU is another memory.
    assert_eq!(watch.guard.level(Memory::Vram), Level::Normal);
}

#[test]
fn a_load_is_refused_by_name_where_it_would_reach_its_line() {
    for (priority, line) in
        [(Priority::Optional, 850), (Priority::Normal, 900), (Priority::Critical, 950)]
    {
        let mut watch = Watch::default();
        watch.vram(500);
        let why = watch.ask(&gpu("m", priority), line - 500).unwrap_err();
        assert!(why.contains(&format!("it would reach {} %: used=500", line / 10)), "{why}");
        assert_eq!(watch.ask(&gpu("m", priority), line - 501), Ok(()));
        assert!(watch.ask(&gpu("m", priority), 1).unwrap_err().contains("already"));
    }
}

#[test]
fn a_need_is_weights_slots_and_margin_and_one_that_has_no_sum_fits_nowhere() {
    let need = Need { weights_bytes: 300, slot_bytes: 50, slots: 4, margin_bytes: 100 };
    assert_eq!(need.bytes(), 600);
    let mut watch = Watch::default();
    watch.vram(0);
    for endless in [
        Need { slot_bytes: u64::MAX, ..need },
        Need { weights_bytes: u64::MAX, ..need },
        Need { margin_bytes: u64::MAX, ..need },
    ] {
        let why = watch.ask(&gpu("m", Priority::Critical), endless.bytes()).unwrap_err();
        assert!(why.contains("need=18446744073709551615"), "{why}");
    }
    assert_eq!(watch.ask(&gpu("m", Priority::Critical), need.bytes()), Ok(()));
}

#[test]
fn what_was_admitted_counts_until_a_sample_shows_it() {
    let mut watch = Watch::default();
    watch.vram(100);
    watch.ask(&gpu("a", Priority::Critical), 400).unwrap();
    assert!(watch.ask(&gpu("b", Priority::Critical), 450).unwrap_err().contains("coming=400"));
    watch.on(&Event::Loaded("a".to_owned(), Device::Gpu));
    assert!(watch.ask(&gpu("b", Priority::Critical), 450).unwrap_err().contains("coming=400"));
    watch.vram(300); // It took less than it was thought to need.
    assert_eq!(watch.ask(&gpu("b", Priority::Critical), 450), Ok(()));
    // A load that failed makes room at once.
    watch.on(&Event::Gone("b".to_owned(), Device::Gpu));
    assert_eq!(watch.ask(&gpu("c", Priority::Critical), 450), Ok(()));
}

#[test]
fn a_level_refuses_loads_whatever_they_need() {
    for (used, refused) in [(850, 1), (900, 2), (950, 3)] {
        let mut watch = Watch::default();
        watch.vram(used);
        for priority in Priority::ALL {
            let denied = watch.ask(&gpu(priority.name(), priority), 0).is_err();
            assert_eq!(denied, (priority as usize) < refused, "{used} {priority:?}");
        }
    }
}

#[test]
fn nothing_is_loaded_into_a_memory_that_cannot_be_seen() {
    let mut watch = Watch::default();
    let score = gpu("score", Priority::Critical);
    assert_eq!(watch.ask(&score, 1), Err("vram is not watched".to_owned()));
    assert_eq!(watch.vram(900), [(Action::Sighted, None), (Action::StopOptional, None)]);
    // The level stays while nothing is seen, and is judged anew by the next sample.
    let blind = watch.on(&Event::Lost(Memory::Vram, "driver reset".to_owned()));
    assert_eq!((blind[0].action, blind[0].why.as_deref()), (Action::Blind, Some("driver reset")));
    assert!(watch.on(&Event::Lost(Memory::Vram, "driver reset".to_owned())).is_empty(), "once");
    assert_eq!(watch.guard.level(Memory::Vram), Level::Shed);
    assert!(watch.ask(&score, 1).is_err());
    let no_size = Sample { used_bytes: 0, total_bytes: 0 };
    assert!(watch.on(&Event::Sample(Memory::Vram, no_size)).is_empty());
    assert_eq!(watch.vram(10), [(Action::Sighted, None), (Action::AllowOptional, None)]);
}

#[test]
fn records_count_and_replay_to_the_same_guard() {
    let mut watch = Watch::loaded();
    watch.vram(910);
    watch.vram(960);
    assert!(watch.ask(&gpu("late", Priority::Optional), 1).is_err());
    watch.on(&Event::Gone("shadow".to_owned(), Device::Gpu));
    watch.vram(700);
    let lines: Vec<String> = watch.records.iter().map(Record::line).collect();
    let read: Vec<Record> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let again = replay(&read).unwrap();
    for action in Action::ALL {
        let counted = read.iter().filter(|record| record.action == action).count() as u64;
        assert_eq!((watch.guard.count(action), again.count(action)), (counted, counted));
    }
    assert_eq!(again.level(Memory::Vram), watch.guard.level(Memory::Vram));
    // A process started again goes on in the same file, with a guard of its own.
    let twice = replay(&[&read[..], &read[..]].concat()).unwrap();
    assert_eq!(twice.count(Action::Unload), again.count(Action::Unload));
    // A record that was changed is found.
    for place in 0..read.len() {
        let mut changed = read.clone();
        changed[place].after = match changed[place].after {
            Level::Normal => Level::Trip,
            Level::Hold | Level::Shed | Level::Trip => Level::Normal,
        };
        assert!(replay(&changed).is_err_and(|at| at <= place), "record {place}");
    }
}
