//! Saved and loaded: an engine that is replaced again and again by a fresh one with its state gives
//! every output as one that never was. Whatever a save forgets shows here.

mod desk;
mod market;
mod words;

use super::exposure::{Dice, walk, wide_rig, wide_setup};
use super::rig::Reload;
use super::venue_model::World;
use super::*;

#[test]
fn a_walk_with_any_word_of_the_venue_goes_on_the_same() {
    let mut done = 0;
    for seed in 1..=60 {
        let mut rigs = [wide_rig(16), wide_rig(16)];
        let fresh = || Engine::new(wide_setup(16)).expect("sound");
        rigs[1].reload = Some(Reload::one_in(12, seed, fresh));
        walk(seed, &mut rigs);
        assert_eq!(rigs[0].engine.counters(), rigs[1].engine.counters(), "seed {seed}");
        done += rigs[1].reload.as_ref().map_or(0, |r| r.done);
    }
    assert!(done > 500, "{done}");
}

#[test]
fn a_venue_over_a_bad_line_goes_on_the_same() {
    let mut done = 0;
    for seed in 1..=150 {
        let run = |reload: Option<Reload>| {
            let (mut dice, mut world) = (Dice::new(seed), World::new());
            world.rig.reload = reload;
            for _ in 0..250 {
                world.step(&mut dice);
            }
            world.rig
        };
        let one = run(None);
        let other = run(Some(Reload::one_in(4, seed, World::engine)));
        assert_eq!(one.record.inputs, other.record.inputs, "seed {seed}");
        assert_eq!(one.record.outputs, other.record.outputs, "seed {seed}");
        assert_eq!(one.engine.state_hash(), other.engine.state_hash(), "seed {seed}");
        done += other.reload.map_or(0, |r| r.done);
    }
    assert!(done > 1_000, "{done}");
}
