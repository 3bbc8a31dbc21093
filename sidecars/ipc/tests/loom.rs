//! Every interleaving and every allowed memory order of the shared ring, by loom.
//!
//! The ring's own source is compiled here a second time, with loom's atomics behind the door
//! `sync`; then with every ordering weakened to relaxed, and once without its fences, where loom
//! must object: that shows that the passing tests could fail. Plain `cargo test` runs all of it.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "the sources see no crate root here")]
#![allow(clippy::duplicate_mod, reason = "compiling the sources more than once is the point")]

/// The source over loom's atomics as it is.
#[path = "loom"]
mod exact {
    #[path = "../../src/shm/ring.rs"]
    pub mod ring;
    pub mod sync;
}

/// The source over atomics that ignore the ordering asked for.
#[path = "loom"]
mod weak {
    #[path = "../../src/shm/ring.rs"]
    pub mod ring;
    #[path = "sync_weak.rs"]
    pub mod sync;
}

/// The source without its fences.
#[path = "loom"]
mod unfenced {
    #[path = "../../src/shm/ring.rs"]
    pub mod ring;
    #[path = "sync_no_fence.rs"]
    pub mod sync;
}

/// The scenarios, once for each set of sources.
macro_rules! scenarios {
    ($sources:ident) => {
        use crate::$sources::ring::{Lane, Pushed, Reader, Writer};
        use crate::$sources::sync::AtomicU64;
        use loom::sync::Arc;

        /// Room for two frames of a word, started at the wrap of the positions.
        const LANE: Lane = Lane { tail: 0, head: 1, parked: 2, first: 3, capacity: 4 };
        const START: u64 = u64::MAX - 1;

        fn ends() -> (Arc<Vec<AtomicU64>>, Writer, Reader) {
            let words = [START, START, 0, 0, 0, 0, 0];
            let area = Arc::new(words.into_iter().map(AtomicU64::new).collect::<Vec<_>>());
            (area, Writer::new(LANE, START), Reader::new(LANE, START))
        }

        /// Frames arrive whole, in order, and their places are used again only when copied.
        pub fn frames() {
            let (area, mut writer, mut reader) = ends();
            let shared = Arc::clone(&area);
            let thread = loom::thread::spawn(move || {
                for value in 1..=3_u64 {
                    while writer.push(&shared, &value.to_le_bytes()) == Ok(Pushed::Full) {
                        loom::thread::yield_now();
                    }
                }
            });
            for expected in 1..=3 {
                loop {
                    let mut out = [0; 1];
                    if reader.pop(&area, &mut out).expect("an honest writer").is_some() {
                        assert_eq!(u64::from_le(out[0]), expected);
                        break;
                    }
                    loom::thread::yield_now();
                }
            }
            thread.join().unwrap();
            assert_eq!(reader.pop(&area, &mut [0; 1]), Ok(None));
        }

        /// A reader that sleeps and finds the bell unrung has nothing waiting for it.
        pub fn bell() {
            let (area, mut writer, mut reader) = ends();
            let shared = Arc::clone(&area);
            let thread = loom::thread::spawn(move || {
                let mut rung = 0;
                for value in 1..=2_u64 {
                    let pushed = writer.push(&shared, &value.to_le_bytes());
                    rung += u32::from(pushed == Ok(Pushed::Bell));
                }
                rung
            });
            let may_sleep = reader.park(&area).expect("an honest writer");
            let rung = thread.join().unwrap();
            assert!(rung <= 1, "one sleep is rung for once");
            if may_sleep {
                assert_eq!(rung, 1, "it sleeps beside a frame that nobody rang for");
            }
            let mut taken = 0;
            while reader.pop(&area, &mut [0; 1]).expect("an honest writer").is_some() {
                taken += 1;
            }
            assert_eq!(taken, 2, "a frame was lost");
        }
    };
}

mod scenarios {
    pub mod exact {
        scenarios!(exact);
    }
    pub mod weak {
        scenarios!(weak);
    }
    pub mod unfenced {
        scenarios!(unfenced);
    }
}

#[test]
fn frames_cross_whole_and_in_order() {
    loom::model(scenarios::exact::frames);
}

#[test]
fn no_sleeper_is_left_beside_a_frame() {
    loom::model(scenarios::exact::bell);
}

/// loom must find a fault in `scenario`.
fn must_fail(scenario: fn()) {
    let outcome = std::panic::catch_unwind(move || loom::model(scenario));
    assert!(outcome.is_err(), "loom accepts the planted fault: the scenario proves nothing");
}

#[test]
fn relaxed_orderings_are_caught() {
    must_fail(scenarios::weak::frames);
}

#[test]
fn missing_fences_are_caught() {
    must_fail(scenarios::unfenced::bell);
}
