//! Rules of the guard over random days.

use corelane_signal::guard::record::replay;
use corelane_signal::guard::{
    Action, Event, Guard, HOLD_PERCENT, HYSTERESIS_PERCENT, Level, Memory, Record, SHED_PERCENT,
    Sample, TRIP_PERCENT,
};
use corelane_signal::resident::{Device, Priority, Resident};
use proptest::prelude::*;

fn sample(used_bytes: u64) -> Sample {
    Sample { used_bytes, total_bytes: 10_000 }
}

fn event() -> impl Strategy<Value = Event> {
    let device = prop_oneof![Just(Device::Cpu), Just(Device::Gpu)];
    let memory = prop_oneof![Just(Memory::Vram), Just(Memory::Host)];
    let priority =
        prop_oneof![Just(Priority::Optional), Just(Priority::Normal), Just(Priority::Critical)];
    let name = (0..6_u8).prop_map(|n| format!("m{n}"));
    let model = (name.clone(), device.clone(), priority)
        .prop_map(|(model, device, priority)| Resident { model, device, priority });
    prop_oneof![
        8 => (memory.clone(), 6_000..10_500_u64).prop_map(|(m, used)| Event::Sample(m, sample(used))),
        1 => memory.prop_map(|memory| Event::Lost(memory, "gone".to_owned())),
        4 => (model.clone(), 0..3_000_u64).prop_map(|(model, need)| Event::Ask(model, need)),
        1 => (model, 0..3_000_u64).prop_map(|(model, need)| Event::Found(model, need)),
        4 => (name.clone(), device.clone()).prop_map(|(name, device)| Event::Loaded(name, device)),
        3 => (name, device).prop_map(|(name, device)| Event::Gone(name, device)),
    ]
}

/// What the records say is held: name, device, priority, and whether it was told to go.
type Seen = Vec<(String, String, String, bool)>;

fn note(seen: &mut Seen, record: &Record) {
    let Some(model) = &record.model else { return };
    let same = |row: &(String, String, String, bool)| row.0 == model.name && row.1 == model.device;
    match record.action {
        Action::Found | Action::Loaded => {
            seen.push((model.name.clone(), model.device.clone(), model.priority.clone(), false));
        }
        Action::Gone => seen.retain(|row| !same(row)),
        Action::Unload => {
            let row = seen.iter_mut().find(|row| same(row)).expect("it was there");
            row.3 = true;
        }
        Action::Sighted
        | Action::Blind
        | Action::StopOptional
        | Action::AllowOptional
        | Action::Level
        | Action::Trip
        | Action::Return
        | Action::Admit
        | Action::Deny => {}
    }
}

proptest! {
    /// While the use stays between the line a level is left at and the one the next is entered at, the
    /// level changes once at most: there is nothing to flap between.
    #[test]
    fn no_level_flaps_inside_the_hysteresis(
        line in prop_oneof![Just(HOLD_PERCENT), Just(SHED_PERCENT), Just(TRIP_PERCENT)],
        start in 0..11_000_u64,
        offsets in prop::collection::vec(0..HYSTERESIS_PERCENT * 100, 1..200),
    ) {
        let mut level = Level::Normal.after(sample(start));
        let mut changes = 0;
        for offset in offsets {
            let next = level.after(sample((line - HYSTERESIS_PERCENT) * 100 + offset));
            changes += u32::from(next != level);
            level = next;
        }
        prop_assert!(changes <= 1, "{changes} changes");
    }

    /// A fuller memory never gives a lower level, and a higher level never leads to a lower one.
    #[test]
    fn levels_are_monotone(from in 0..4_usize, to in 0..4_usize, less in 0..11_000_u64, more in 0..11_000_u64) {
        let (less, more) = (less.min(more), less.max(more));
        let (low, high) = (Level::ALL[from.min(to)], Level::ALL[from.max(to)]);
        prop_assert!(low.after(sample(less)) <= low.after(sample(more)));
        prop_assert!(low.after(sample(less)) <= high.after(sample(less)));
    }

    /// A fuller memory unloads at least what an emptier one does.
    #[test]
    fn unloads_are_monotone(needs in prop::collection::vec((0..3_u8, 0..2_000_u64), 0..6), less in 0..11_000_u64, more in 0..11_000_u64) {
        let told = |used: u64| {
            let mut guard = Guard::default();
            guard.on(0, &Event::Sample(Memory::Vram, sample(0)));
            for (n, (priority, need)) in needs.iter().enumerate() {
                let priority = Priority::ALL[usize::from(*priority)];
                let model = Resident { model: format!("m{n}"), device: Device::Gpu, priority };
                guard.on(1, &Event::Found(model, *need));
            }
            let records = guard.on(2, &Event::Sample(Memory::Vram, sample(used)));
            let unloads = records.into_iter().filter(|r| r.action == Action::Unload);
            unloads.map(|record| record.model.unwrap().name).collect::<Vec<_>>()
        };
        let (few, many) = (told(less.min(more)), told(less.max(more)));
        prop_assert!(many.starts_with(&few), "{few:?} {many:?}");
    }

    /// Through any day: nothing goes while something less dear stays in the same memory, a critical
    /// model only from a GPU the CPU took over from, no load past a level, and the records replay.
    #[test]
    fn priorities_hold_and_records_replay(events in prop::collection::vec(event(), 1..120)) {
        let mut guard = Guard::default();
        let (mut records, mut seen, mut number) = (Vec::new(), Seen::new(), 0);
        for (at_ns, event) in (0..).zip(&events) {
            let made = guard.on(at_ns, event);
            if !made.is_empty() {
                number += 1;
            }
            for record in made {
                prop_assert_eq!(record.event, number);
                if record.action == Action::Unload {
                    let model = record.model.as_ref().unwrap();
                    let place = |name: &str| Priority::ALL.iter().position(|p| p.name() == name);
                    let less_dear = seen.iter().find(|row| {
                        row.1 == model.device && !row.3 && place(&row.2) < place(&model.priority)
                    });
                    prop_assert!(less_dear.is_none(), "{model:?} before {less_dear:?}");
                    prop_assert!(record.after >= Level::Shed);
                    if model.priority == "critical" {
                        prop_assert!(model.device == "gpu" && record.after == Level::Trip);
                        prop_assert!(guard.is_tripped());
                    }
                }
                if record.action == Action::Admit {
                    let sample = record.sample.unwrap();
                    let need = record.need_bytes.unwrap();
                    let lines = [("optional", 85), ("normal", 90), ("critical", 95)];
                    let priority = &record.model.as_ref().unwrap().priority;
                    let line = lines.iter().find(|line| line.0 == priority).unwrap().1;
                    prop_assert!((sample.used_bytes + need) * 100 < sample.total_bytes * line);
                }
                note(&mut seen, &record);
                records.push(record);
            }
        }
        let again = replay(&records);
        prop_assert!(again.is_ok(), "record {again:?}");
        let again = again.unwrap();
        for action in Action::ALL {
            prop_assert_eq!(again.count(action), guard.count(action));
        }
        for memory in [Memory::Vram, Memory::Host] {
            prop_assert_eq!(again.level(memory), guard.level(memory));
        }
    }
}
