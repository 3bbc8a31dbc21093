//! The ring against a `VecDeque` under random operations: same answers, same contents.

use corelane_ring::ring;
use proptest::prelude::*;
use std::collections::VecDeque;

/// One call on one of the two ends.
#[derive(Clone, Debug)]
enum Op {
    Push,
    PushSlice(usize),
    Free,
    Pop,
    PopSlice(usize),
    Peek,
    Readable,
    Chunk(usize),
    Consume(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let n = 0..12_usize;
    prop_oneof![
        4 => Just(Op::Push),
        3 => n.clone().prop_map(Op::PushSlice),
        1 => Just(Op::Free),
        3 => Just(Op::Pop),
        2 => n.clone().prop_map(Op::PopSlice),
        1 => Just(Op::Peek),
        1 => Just(Op::Readable),
        2 => n.clone().prop_map(Op::Chunk),
        2 => n.prop_map(Op::Consume),
    ]
}

/// An element of three words, so that a wrong stride shows.
fn element(number: u32) -> [u32; 3] {
    [number, !number, number.wrapping_mul(0x9E37_79B9)]
}

/// Runs `ops` on a ring and on the model, comparing every answer.
fn compare(capacity: usize, ops: &[Op]) -> Result<(), TestCaseError> {
    let (mut producer, mut consumer) = ring::<[u32; 3]>(capacity);
    let mut model = VecDeque::new();
    let room = capacity.max(1).next_power_of_two();
    prop_assert_eq!(producer.capacity(), room);
    let mut number = 0;
    let mut next = || {
        number += 1;
        element(number)
    };
    for op in ops {
        match *op {
            Op::Push => {
                let value = next();
                let pushed = producer.try_push(value);
                prop_assert_eq!(pushed, if model.len() < room { Ok(()) } else { Err(value) });
                if pushed.is_ok() {
                    model.push_back(value);
                }
            }
            Op::PushSlice(n) => {
                let values: Vec<_> = (0..n).map(|_| next()).collect();
                let fits = n <= room - model.len();
                prop_assert_eq!(producer.try_push_slice(&values), fits);
                if fits {
                    model.extend(values);
                }
            }
            Op::Free => prop_assert_eq!(producer.free(), room - model.len()),
            Op::Pop => prop_assert_eq!(consumer.try_pop(), model.pop_front()),
            Op::PopSlice(n) => {
                let mut out = vec![[0; 3]; n];
                let taken = consumer.try_pop_slice(&mut out);
                prop_assert_eq!(taken, n.min(model.len()));
                let expected: Vec<_> = model.drain(..taken).collect();
                prop_assert_eq!(&out[..taken], &expected[..]);
            }
            Op::Peek => prop_assert_eq!(consumer.peek(), model.front()),
            Op::Readable => prop_assert_eq!(consumer.readable(), model.len()),
            Op::Chunk(n) => {
                let chunk = consumer.chunk(n).map(|(first, second)| [first, second].concat());
                let expected: Vec<_> = model.iter().take(n).copied().collect();
                prop_assert_eq!(chunk, (n <= model.len()).then_some(expected));
            }
            Op::Consume(n) => {
                let n = n.min(model.len());
                consumer.consume(n);
                model.drain(..n);
            }
        }
    }
    let left: Vec<_> = std::iter::from_fn(|| consumer.try_pop()).collect();
    prop_assert_eq!(left, Vec::from(model));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512, failure_persistence: None, ..Default::default()
    })]

    #[test]
    fn ring_equals_vecdeque(capacity in 0..20_usize, ops in prop::collection::vec(op(), 0..300)) {
        compare(capacity, &ops)?;
    }
}
