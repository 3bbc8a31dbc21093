//! The simulation in small: worlds that must come right, bugs that must be found, and the seeds that
//! found some.

use corelane_tests::sim::found::FOUND;
use corelane_tests::sim::{self, Plant, Report};

const EVENTS: u64 = 2_000;

#[test]
fn twenty_worlds_come_right_and_are_the_same_twice() {
    let mut report = Report::default();
    for seed in 1..=20 {
        let life = sim::live(seed, EVENTS, None);
        let command = sim::command(seed, EVENTS);
        assert_eq!(life.failure, None, "seed {seed}: {command}");
        report.add(&life);
    }
    let [orders, fills, denials] = report.activity();
    assert!(orders > 200 && fills > 200 && denials > 2_000, "{}", report.table());
}

#[test]
fn another_seed_is_another_world() {
    let traces = [1, 2].map(|seed| sim::live_once(seed, 500, None).trace);
    assert_ne!(traces[0], traces[1]);
}

#[test]
fn each_planted_bug_is_found_within_two_hundred_seeds() {
    for plant in Plant::ALL {
        let finds = |seed: &u64| sim::live_once(*seed, EVENTS, Some(plant)).failure.is_some();
        let found = (1..=200).find(finds);
        assert!(found.is_some(), "{} was not found", plant.name());
    }
}

#[test]
fn what_was_found_once_stays_away() {
    for found in FOUND {
        let life = sim::live(found.seed, found.events, None);
        let command = sim::command(found.seed, found.events);
        assert_eq!(life.failure, None, "{}: {command}", found.name);
    }
}
