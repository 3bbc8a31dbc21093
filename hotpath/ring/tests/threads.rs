//! Two real threads on the ring and the slot. Both ends yield when they cannot go on, so the tests
//! also finish on one core.

use corelane_ring::{ring, slot};
use std::thread;

/// Elements that cross in each test.
const N: u64 = 200_000;

/// An element whose words must belong together.
fn element(number: u64) -> [u64; 8] {
    std::array::from_fn(|word| number.wrapping_mul(2 * word as u64 + 1))
}

#[test]
fn every_element_arrives_once_and_in_order() {
    let (mut producer, mut consumer) = ring(8);
    let writer = thread::spawn(move || {
        for number in 0..N {
            let mut value = element(number);
            while let Err(back) = producer.try_push(value) {
                value = back;
                thread::yield_now();
            }
        }
    });
    let mut expected = 0;
    loop {
        let gone = consumer.is_abandoned();
        if let Some(value) = consumer.try_pop() {
            assert_eq!(value, element(expected));
            expected += 1;
        } else if gone {
            break;
        } else {
            thread::yield_now();
        }
    }
    assert_eq!(expected, N);
    writer.join().unwrap();
}

#[test]
fn batches_of_any_size_arrive_once_and_in_order() {
    let (mut producer, mut consumer) = ring(64);
    let writer = thread::spawn(move || {
        let mut next = 0;
        while next < N {
            let n = (1 + next % 40).min(N - next);
            let values: Vec<_> = (next..next + n).map(element).collect();
            while !producer.try_push_slice(&values) {
                thread::yield_now();
            }
            next += n;
        }
    });
    let mut out = [[0; 8]; 24];
    let mut expected = 0;
    while expected < N {
        let taken = if expected % 3 == 0 {
            let n = consumer.readable().min(out.len());
            let (first, second) = consumer.chunk(n).expect("just counted");
            out[..first.len()].copy_from_slice(first);
            out[first.len()..n].copy_from_slice(second);
            consumer.consume(n);
            n
        } else {
            consumer.try_pop_slice(&mut out)
        };
        for value in &out[..taken] {
            assert_eq!(*value, element(expected));
            expected += 1;
        }
        if taken == 0 {
            thread::yield_now();
        }
    }
    writer.join().unwrap();
    assert_eq!(consumer.try_pop(), None);
}

#[test]
fn the_slot_only_moves_forward_and_accounts_for_every_value() {
    let (mut writer, mut reader) = slot(element(0));
    let handle = thread::spawn(move || {
        let mut overwritten = 0;
        for number in 1..=N {
            overwritten += u64::from(writer.write(|value| *value = element(number)));
            if number % 64 == 0 {
                thread::yield_now();
            }
        }
        overwritten
    });
    let (mut taken, mut last) = (0, 0);
    loop {
        let gone = reader.is_abandoned();
        if let Some(&value) = reader.take() {
            assert_eq!(value, element(value[0]), "a torn value");
            assert!(value[0] > last, "an older value, or the same one twice");
            (taken, last) = (taken + 1, value[0]);
        } else if gone {
            break;
        } else {
            thread::yield_now();
        }
    }
    assert_eq!(last, N, "the newest value was lost");
    assert_eq!(taken + handle.join().unwrap(), N, "a value neither taken nor counted");
}
