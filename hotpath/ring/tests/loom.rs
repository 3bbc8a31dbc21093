//! Every interleaving and every allowed memory order of the ring and the slot, by loom.
//!
//! The crate's own source files are compiled here a second time, with loom's atomics behind the
//! door `sync`; and a third time with every ordering weakened to relaxed, where loom must object:
//! that shows that the passing tests could fail. Plain `cargo test` runs all of it.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "the sources see no crate root here")]
#![allow(clippy::duplicate_mod, reason = "compiling the sources twice is the point")]

/// The sources over loom's atomics as they are.
#[path = "loom"]
mod exact {
    #[path = "../../src/slot.rs"]
    pub mod slot;
    #[path = "../../src/spsc.rs"]
    pub mod spsc;
    #[path = "../../src/storage.rs"]
    pub mod storage;
    pub mod sync;
}

/// The sources over atomics that ignore the ordering asked for.
#[path = "loom"]
mod weak {
    #[path = "../../src/slot.rs"]
    pub mod slot;
    #[path = "../../src/spsc.rs"]
    pub mod spsc;
    #[path = "../../src/storage.rs"]
    pub mod storage;
    #[path = "sync_weak.rs"]
    pub mod sync;
}

/// The scenarios, once for each set of sources.
macro_rules! scenarios {
    ($sources:ident) => {
        /// One by one through a ring smaller than the number of elements, started at the wrap.
        pub fn one_by_one() {
            let (mut producer, mut consumer) = crate::$sources::spsc::ring_at(2, usize::MAX);
            let writer = loom::thread::spawn(move || {
                for value in 1..=3_u64 {
                    while producer.try_push(value).is_err() {
                        loom::thread::yield_now();
                    }
                }
            });
            for expected in 1..=3 {
                loop {
                    if let Some(value) = consumer.try_pop() {
                        assert_eq!(value, expected);
                        break;
                    }
                    loom::thread::yield_now();
                }
            }
            writer.join().unwrap();
            assert_eq!(consumer.try_pop(), None);
        }

        /// Batches are seen whole, in place, and their places stay theirs until consumed.
        pub fn batches() {
            let (mut producer, mut consumer) = crate::$sources::spsc::ring_at(2, usize::MAX);
            let writer = loom::thread::spawn(move || {
                assert!(producer.try_push_slice(&[1_u64, 2]));
                while !producer.try_push_slice(&[3, 4]) {
                    loom::thread::yield_now();
                }
            });
            for expected in [[1, 2], [3, 4]] {
                loop {
                    let readable = consumer.readable();
                    assert!(readable == 0 || readable == 2, "a batch seen in part");
                    if let Some((first, second)) = consumer.chunk(2) {
                        assert_eq!([first, second].concat(), expected);
                        consumer.consume(2);
                        break;
                    }
                    loom::thread::yield_now();
                }
            }
            writer.join().unwrap();
        }

        /// Who sees the other end gone has seen, or can still read, all that it pushed.
        pub fn abandoned() {
            let (mut producer, mut consumer) = crate::$sources::spsc::ring(2);
            let writer = loom::thread::spawn(move || {
                producer.try_push(7_u64).unwrap();
            });
            let gone = consumer.is_abandoned();
            let value = consumer.try_pop();
            assert!(!gone || value == Some(7), "the last element was lost");
            writer.join().unwrap();
            assert!(consumer.is_abandoned());
        }

        /// The slot never shows an older or a half-written value, and counts its overwrites.
        pub fn latest() {
            let (mut writer, mut reader) = crate::$sources::slot::slot([0_u64; 2]);
            let overwrites = loom::thread::spawn(move || {
                let write = |value| u64::from(writer.write(|place| *place = [value; 2]));
                (1..=3).map(write).sum::<u64>()
            });
            // This reads the buffer that the first take gives back to the writer.
            assert_eq!(reader.last(), &[0; 2]);
            let (mut taken, mut last) = (0, 0);
            for _ in 0..2 {
                if let Some(&[first, second]) = reader.take() {
                    assert_eq!(first, second, "a torn value");
                    assert!(first > last, "an older value, or the same one twice");
                    (taken, last) = (taken + 1, first);
                }
            }
            let overwritten = overwrites.join().unwrap();
            assert!(reader.is_abandoned());
            if let Some(&[value, _]) = reader.take() {
                (taken, last) = (taken + 1, value);
            }
            assert_eq!(last, 3, "the newest value was lost");
            assert_eq!(taken + overwritten, 3, "a value neither taken nor counted");
        }

        /// Who sees the slot's writer gone can take its last value.
        pub fn left() {
            let (mut writer, mut reader) = crate::$sources::slot::slot(0_u64);
            let thread = loom::thread::spawn(move || {
                assert!(!writer.write(|place| *place = 7));
            });
            let gone = reader.is_abandoned();
            let value = reader.take().copied();
            assert!(!gone || value == Some(7), "the last value was lost");
            thread.join().unwrap();
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
}

#[test]
fn ring_one_by_one() {
    loom::model(scenarios::exact::one_by_one);
}

#[test]
fn ring_batches() {
    loom::model(scenarios::exact::batches);
}

#[test]
fn ring_abandoned() {
    loom::model(scenarios::exact::abandoned);
}

#[test]
fn slot_latest() {
    loom::model(scenarios::exact::latest);
}

#[test]
fn slot_left() {
    loom::model(scenarios::exact::left);
}

/// loom must find a fault in `scenario` when all orderings are relaxed.
fn must_fail(scenario: fn()) {
    let outcome = std::panic::catch_unwind(move || loom::model(scenario));
    assert!(outcome.is_err(), "loom accepts relaxed orderings: the scenario proves nothing");
}

#[test]
fn relaxed_ring_is_caught_one_by_one() {
    must_fail(scenarios::weak::one_by_one);
}

#[test]
fn relaxed_ring_is_caught_in_batches() {
    must_fail(scenarios::weak::batches);
}

#[test]
fn relaxed_flag_is_caught() {
    must_fail(scenarios::weak::abandoned);
}

#[test]
fn relaxed_slot_is_caught() {
    must_fail(scenarios::weak::latest);
}

#[test]
fn relaxed_slot_flag_is_caught() {
    must_fail(scenarios::weak::left);
}
