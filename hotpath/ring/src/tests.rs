//! Unit tests of the ring and the slot. A file of its own, so that the loom tests, which compile
//! the other files again, do not run these without loom.

mod ring_tests {
    use crate::ring;
    use crate::spsc::ring_at;

    #[test]
    fn capacity_is_rounded_up_to_a_power_of_two() {
        for (asked, given) in [(0, 1), (1, 1), (2, 2), (3, 4), (64, 64), (65, 128)] {
            let (producer, consumer) = ring::<u8>(asked);
            assert_eq!((producer.capacity(), consumer.capacity()), (given, given));
        }
    }

    #[test]
    fn full_ring_gives_the_element_back_and_keeps_the_rest() {
        let (mut producer, mut consumer) = ring(2);
        assert_eq!(producer.try_push(1), Ok(()));
        assert!(!producer.try_push_slice(&[2, 3]), "two do not fit beside one");
        assert_eq!(producer.try_push(2), Ok(()));
        assert_eq!(producer.try_push(3), Err(3));
        assert!(producer.try_push_slice(&[]), "nothing always fits");
        assert_eq!(consumer.try_pop(), Some(1));
        assert_eq!(producer.try_push(3), Ok(()));
        assert_eq!([consumer.try_pop(), consumer.try_pop()], [Some(2), Some(3)]);
        assert_eq!(consumer.try_pop(), None);
    }

    #[test]
    fn positions_may_wrap_around_the_word() {
        let (mut producer, mut consumer) = ring_at(4, usize::MAX - 5);
        for round in 0..10_u32 {
            assert!(producer.try_push_slice(&[round, round + 100, round + 200]));
            assert_eq!((producer.free(), consumer.readable()), (1, 3));
            assert_eq!(consumer.try_pop(), Some(round));
            let (first, second) = consumer.chunk(2).expect("two are left");
            assert_eq!([first, second].concat(), [round + 100, round + 200]);
            consumer.consume(2);
        }
    }

    #[test]
    fn a_chunk_is_split_where_the_memory_ends() {
        let (mut producer, mut consumer) = ring(4);
        assert!(producer.try_push_slice(&[0, 0, 0]));
        consumer.consume(3);
        assert!(producer.try_push_slice(&[1, 2, 3, 4]));
        assert_eq!(consumer.chunk(4), Some((&[1][..], &[2, 3, 4][..])));
        assert_eq!(consumer.chunk(5), None);
        assert_eq!(consumer.chunk(0), Some((&[][..], &[][..])));
    }

    #[test]
    fn the_first_element_is_aligned_to_a_pair_of_cache_lines() {
        let (mut producer, mut consumer) = ring(4);
        assert!(producer.try_push_slice(&[[1_u8; 64]; 4]));
        let (elements, _) = consumer.chunk(4).expect("four are there");
        assert_eq!(elements.as_ptr().align_offset(128), 0);
    }

    #[test]
    fn each_end_sees_the_other_go() {
        let (mut producer, consumer) = ring(2);
        assert!(!producer.is_abandoned());
        assert!(!consumer.is_abandoned());
        drop(consumer);
        assert!(producer.is_abandoned());
        assert_eq!(producer.try_push(1), Ok(()), "pushing goes on, nobody reads it");

        let (mut producer, mut consumer) = ring(2);
        assert_eq!(producer.try_push(1), Ok(()));
        drop(producer);
        assert!(consumer.is_abandoned());
        assert_eq!(consumer.try_pop(), Some(1), "what was pushed before stays readable");
        assert_eq!(consumer.try_pop(), None);
    }

    #[test]
    #[should_panic(expected = "consumed more elements than the ring holds")]
    fn consuming_what_is_not_there_is_a_bug() {
        let (mut producer, mut consumer) = ring(4);
        assert_eq!(producer.try_push(1), Ok(()));
        consumer.consume(2);
    }
}

mod slot_tests {
    use crate::slot;

    #[test]
    fn take_gives_each_value_once_and_the_newest_only() {
        let (mut writer, mut reader) = slot(0);
        assert_eq!(reader.take(), None);
        assert_eq!(reader.last(), &0);
        assert!(!writer.write(|value| *value = 1), "nothing was waiting");
        assert!(writer.write(|value| *value = 2), "1 was waiting");
        assert!(writer.write(|value| *value = 3), "2 was waiting");
        assert_eq!(reader.take(), Some(&3));
        assert_eq!(reader.take(), None);
        assert_eq!(reader.last(), &3);
        assert!(!writer.write(|value| *value = 4), "3 was taken");
        assert_eq!(reader.last(), &3, "not taken yet");
        assert_eq!(reader.take(), Some(&4));
    }

    #[test]
    fn a_writer_that_panics_publishes_nothing() {
        let (mut writer, mut reader) = slot(0);
        let fault = std::panic::AssertUnwindSafe(|| writer.write(|_| panic!("planted")));
        assert!(std::panic::catch_unwind(fault).is_err());
        assert_eq!(reader.take(), None);
        assert!(!writer.write(|value| *value = 1));
        assert_eq!(reader.take(), Some(&1));
    }

    #[test]
    fn each_end_sees_the_other_go() {
        let (mut writer, reader) = slot(0);
        assert!(!writer.is_abandoned());
        drop(reader);
        assert!(writer.is_abandoned());
        assert!(!writer.write(|value| *value = 1), "writing goes on, nobody reads it");

        let (mut writer, mut reader) = slot(0);
        assert!(!reader.is_abandoned());
        writer.write(|value| *value = 1);
        drop(writer);
        assert!(reader.is_abandoned());
        assert_eq!(reader.take(), Some(&1), "the last value stays readable");
    }
}
