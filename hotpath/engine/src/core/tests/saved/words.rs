//! What is no state: cut, flipped, made up, of another setup, of a strategy that cannot.

use super::super::rig::{Rig, setup};
use super::*;
use crate::state::StateError;
use crate::strategy::{Context, Event, Intents, OrderUpdate, Strategy};
use proptest::prelude::*;
use std::sync::LazyLock;

fn fresh() -> Engine {
    Engine::new(setup()).expect("sound")
}

/// A busy engine, saved: words and hash.
static SAVED: LazyLock<(Vec<u64>, u64)> = LazyLock::new(|| {
    let mut rig = Rig::live();
    super::super::script(&mut rig);
    let mut words = Vec::new();
    let hash = rig.engine.save(&mut words);
    (words, hash)
});

#[test]
fn a_cut_state_is_refused_wherever_it_is_cut() {
    let (words, hash) = &*SAVED;
    for end in (0..words.len()).step_by(words.len() / 60) {
        assert_eq!(fresh().load(&words[..end], *hash).err(), Some(StateError::Short), "{end}");
    }
    let mut long = words.clone();
    long.push(0);
    let words = words.len();
    assert_eq!(fresh().load(&long, *hash).err(), Some(StateError::Long { words }));
}

#[test]
fn another_hash_another_setup_and_a_used_engine_are_refused() {
    let (words, hash) = &*SAVED;
    let other = fresh().load(words, hash ^ 1).err();
    assert_eq!(other, Some(StateError::Hash { due: hash ^ 1, made: *hash }));
    let mut rig = Rig::new();
    rig.snapshot(0);
    assert_eq!(rig.engine.load(words, *hash).err(), Some(StateError::NotFresh));
    let changes: [fn(&mut Setup); 6] = [
        |s| s.epoch += 1,
        |s| s.order_capacity *= 2,
        |s| s.instruments[0].tick_size_e9 *= 2,
        |s| s.advice.floor_bp += 1,
        |s| s.signal = s.signal.map(|s| crate::SignalSetup { ttl_ns: s.ttl_ns + 1, ..s }),
        |s| s.strategies.swap(0, 1),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let mut setup = setup();
        change(&mut setup);
        let refused = Engine::new(setup).expect("sound").load(words, *hash).err();
        assert!(matches!(refused, Some(StateError::Setup { .. })), "change {n}: {refused:?}");
    }
    assert_eq!(fresh().load(words, *hash).expect("its own").state_hash(), *hash);
}

/// A strategy of somebody's own without a way back.
#[derive(Debug)]
struct OneWay;

impl Strategy for OneWay {
    fn on_event(&mut self, _: &Event<'_>, _: &Context<'_>, _: &mut Intents) {}
    fn on_order(&mut self, _: &OrderUpdate<'_>) {}
    fn hash_into(&self, _: &mut crate::hash::StateHasher) {}
}

#[test]
fn a_strategy_without_a_way_back_is_named() {
    let engine = || {
        let own = OwnStrategy {
            name: "one way".into(),
            instrument: InstrumentId(0),
            uses_signal: false,
            logic: Box::new(OneWay),
        };
        let mut setup = setup();
        setup.limits.strategies.push(None);
        Engine::with_strategies(setup, vec![own]).expect("sound")
    };
    let mut words = Vec::new();
    let hash = engine().save(&mut words);
    let refused = engine().load(&words, hash).expect_err("no way back");
    assert_eq!(refused.to_string(), "strategy one way cannot take a state back");
}

/// Words that stand at the ends of something.
fn odd() -> impl proptest::strategy::Strategy<Value = u64> {
    let ends = [0, 1, 2, 63, 64, u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) - 1, 1 << 32];
    prop_oneof![any::<u64>(), proptest::sample::select(ends.to_vec())]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// A changed word is refused, or it was never looked at: then it gives the same state again.
    #[test]
    fn a_flipped_state_is_refused(at in any::<proptest::sample::Index>(), bit in 0..64_u32) {
        let (words, hash) = &*SAVED;
        let mut words = words.clone();
        let at = at.index(words.len());
        words[at] ^= 1 << bit;
        match fresh().load(&words, *hash) {
            Err(_) => {}
            // What was only counted is no part of the hash; the snapshot's checksum covers it.
            Ok(engine) => prop_assert_eq!(engine.state_hash(), *hash),
        }
    }

    /// Words made up, in part or altogether, lead to a refusal and to nothing worse.
    #[test]
    fn made_up_words_are_refused(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), odd()), 1..40),
    ) {
        let (words, hash) = &*SAVED;
        let mut words = words.clone();
        for (at, word) in changes {
            let at = at.index(words.len());
            words[at] = word;
        }
        if let Ok(engine) = fresh().load(&words, *hash) {
            prop_assert_eq!(engine.state_hash(), *hash);
        }
    }

    #[test]
    fn noise_is_refused(words in proptest::collection::vec(odd(), 0..600)) {
        prop_assert!(fresh().load(&words, 0).is_err());
    }
}
