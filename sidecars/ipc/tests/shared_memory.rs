//! The shared memory beside a hostile peer: sizes, seals, positions, lengths, frames that change.
//!
//! The peer's hand is the memfd itself, written as a file: what it writes is seen in the mapping.
//! Offsets are the ones PROTOCOL.md states. Nothing sleeps.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail its test")]

use bytemuck::{Zeroable, bytes_of};
use corelane_ipc::FrameBuffer;
use corelane_ipc::shm::{
    ANSWER_BYTES, BYTES, End, MemoryError, Offer, Put, PutError, REQUEST_BYTES, RingFault,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::mem::offset_of;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use wire::frame::{FrameHeader, MAX_FRAME_BYTES};
use wire::signal::{SignalRequest, SignalResponse};
use wire::{Frame, decode};

/// Where PROTOCOL.md says the words are.
const REQUEST_TAIL: u64 = 128;
const REQUEST_HEAD: u64 = 256;
const REQUEST_PARKED: u64 = 384;
const ANSWER_TAIL: u64 = 512;
const ANSWER_HEAD: u64 = 640;
const REQUESTS: u64 = 4096;
const ANSWERS: u64 = 4096 + 256 * 1024;
/// A field with one legal value, 10, inside a request.
const LEVELS: usize = offset_of!(SignalRequest, levels);

/// Both ends, and the memory as a file.
struct World {
    engine: End,
    sidecar: End,
    file: File,
    buffer: FrameBuffer,
}

impl World {
    fn new() -> Self {
        let offer = Offer::new().unwrap();
        let fd: OwnedFd = offer.fd().try_clone_to_owned().unwrap();
        let sidecar = End::take(&fd).unwrap();
        Self { engine: offer.taken(), sidecar, file: fd.into(), buffer: FrameBuffer::new() }
    }

    fn put(&self, at: u64, value: u64) {
        self.file.write_all_at(&value.to_le_bytes(), at).unwrap();
    }

    fn word(&self, at: u64) -> u64 {
        let mut word = [0; 8];
        self.file.read_exact_at(&mut word, at).unwrap();
        u64::from_le_bytes(word)
    }

    /// The sidecar takes one request.
    fn request(&mut self) -> Result<Option<Vec<u8>>, RingFault> {
        self.sidecar.try_recv(&mut self.buffer).map(|frame| frame.map(<[u8]>::to_vec))
    }

    /// The engine takes one answer.
    fn answer(&mut self) -> Result<Option<Vec<u8>>, RingFault> {
        self.engine.try_recv(&mut self.buffer).map(|frame| frame.map(<[u8]>::to_vec))
    }
}

fn request(id: u64) -> SignalRequest {
    let mut request = SignalRequest::zeroed();
    request.header = FrameHeader::new::<SignalRequest>();
    request.request_id = id;
    request.snapshots = 10;
    request.levels = 10;
    request
}

fn response(id: u64) -> SignalResponse {
    let header = FrameHeader::new::<SignalResponse>();
    SignalResponse { header, request_id: id, status: b'0', ..Zeroable::zeroed() }
}

#[test]
fn frames_cross_both_ways_and_round_the_end_of_the_memory() {
    let mut world = World::new();
    // Three laps of the larger ring.
    for id in 0..u64::try_from(3 * REQUEST_BYTES / size_of::<SignalRequest>()).unwrap() {
        assert_eq!(world.engine.try_send(bytes_of(&request(id))), Ok(Put::Quiet));
        assert_eq!(world.request().unwrap().unwrap(), bytes_of(&request(id)));
        assert_eq!(world.sidecar.try_send(bytes_of(&response(id))), Ok(Put::Quiet));
        assert_eq!(world.answer().unwrap().unwrap(), bytes_of(&response(id)));
    }
    assert_eq!((world.request(), world.answer()), (Ok(None), Ok(None)));
    let words = u64::try_from(REQUEST_BYTES / 8).unwrap();
    assert!(world.word(REQUEST_HEAD) > 2 * words, "it went round");
    assert_eq!(world.word(ANSWER_HEAD), world.word(ANSWER_TAIL));
}

#[test]
fn a_full_ring_drops_and_never_waits() {
    let mut world = World::new();
    let mut sent = 0;
    while world.engine.try_send(bytes_of(&request(sent))) == Ok(Put::Quiet) {
        sent += 1;
    }
    assert_eq!(sent, 79, "requests that fit");
    assert_eq!(world.engine.try_send(bytes_of(&request(99))), Ok(Put::Full));
    for id in 0..sent {
        assert_eq!(world.request().unwrap().unwrap(), bytes_of(&request(id)), "none is lost");
    }
    assert_eq!(world.request(), Ok(None), "the dropped one is not there");
    assert_eq!(world.engine.try_send(bytes_of(&request(100))), Ok(Put::Quiet), "room again");
    let mut answers = 0;
    while world.sidecar.try_send(bytes_of(&response(answers))) == Ok(Put::Quiet) {
        answers += 1;
    }
    assert_eq!(answers, 315, "answers that fit");
}

#[test]
fn what_is_no_frame_is_not_sent() {
    let mut world = World::new();
    for bad in [&[][..], &[0; 7], &[0; 12], &vec![0; ANSWER_BYTES]] {
        let refused = world.sidecar.try_send(bad);
        assert!(matches!(refused, Err(PutError::Frame(_))), "{} bytes: {refused:?}", bad.len());
    }
    assert_eq!(
        world.engine.try_send(&vec![0; MAX_FRAME_BYTES]),
        Ok(Put::Quiet),
        "the largest frame"
    );
    assert_eq!(world.request().unwrap().unwrap().len(), MAX_FRAME_BYTES);
}

#[test]
fn nobody_makes_the_memory_shorter_or_longer() {
    let mut world = World::new();
    assert_eq!(world.engine.try_send(bytes_of(&request(1))), Ok(Put::Quiet));
    let size = u64::try_from(BYTES).unwrap();
    for other in [0, 4096, size - 1, size + 1] {
        let error = world.file.set_len(other).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied, "{other} bytes");
    }
    assert_eq!(world.request().unwrap().unwrap(), bytes_of(&request(1)));
}

#[test]
fn a_hole_punched_into_the_memory_is_zeroes_and_not_a_signal() {
    let mut world = World::new();
    for id in 0..3 {
        assert_eq!(world.engine.try_send(bytes_of(&request(id))), Ok(Put::Quiet));
    }
    let path = format!("/proc/{}/fd/{}", std::process::id(), world.file.as_raw_fd());
    let size = BYTES.to_string();
    let punched =
        Command::new("fallocate").args(["--punch-hole", "--offset=0", "-l", &size, &path]).output();
    if !punched.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED a hole in shared memory: no fallocate that punches one");
        return;
    }
    assert_eq!(world.word(REQUEST_TAIL), 0);
    assert_eq!(world.request(), Ok(None), "nothing was read before: nothing is there");
    let mut sent = 0;
    let fault = loop {
        match world.engine.try_send(bytes_of(&request(9))) {
            Ok(Put::Full) => break None,
            Ok(_) => sent += 1,
            Err(error) => break Some(error),
        }
        assert!(sent < 200, "the ring has an end");
    };
    assert_eq!(fault, None, "a reader that never read");
}

#[test]
fn memory_that_could_change_its_size_is_refused() {
    let plain = tempfile::tempfile().unwrap();
    plain.set_len(u64::try_from(BYTES).unwrap()).unwrap();
    let refused = End::take(&plain.into());
    assert!(matches!(refused, Err(MemoryError::NotSealed { seals: 0 })), "{refused:?}");
    let null = File::open("/dev/null").unwrap();
    assert!(matches!(End::take(&null.into()), Err(MemoryError::NotSealed { .. })));
}

#[test]
fn memory_of_another_layout_is_refused() {
    let offer = Offer::new().unwrap();
    let fd = offer.fd().try_clone_to_owned().unwrap();
    File::from(fd.try_clone().unwrap()).write_all_at(b"CLRINGS9", 0).unwrap();
    assert!(matches!(End::take(&fd), Err(MemoryError::Layout)));
}

#[test]
fn a_position_that_cannot_be_is_a_fault_of_the_peer() {
    let words = u64::try_from(REQUEST_BYTES / 8).unwrap();
    let record = u64::try_from(size_of::<SignalRequest>() / 8 + 1).unwrap();
    // The engine's position, as the sidecar reads it after three requests.
    for bad in [3 * record + words + 1, u64::MAX, u64::MAX - words, 1 << 63, 3 * record - 1, 0] {
        let mut world = World::new();
        for id in 0..3 {
            assert_eq!(world.engine.try_send(bytes_of(&request(id))), Ok(Put::Quiet));
            world.request().unwrap().unwrap();
        }
        world.put(REQUEST_TAIL, bad);
        let fault = RingFault::Position { theirs: bad, ours: 3 * record };
        assert_eq!(world.request(), Err(fault));
        assert_eq!(world.sidecar.park(), Err(fault));
    }
    // The sidecar's position, as the engine reads it when its ring seems full.
    for bad in [79 * record + 1, u64::MAX, 1 << 63] {
        let mut world = World::new();
        while world.engine.try_send(bytes_of(&request(1))) == Ok(Put::Quiet) {}
        world.put(REQUEST_HEAD, bad);
        let fault = RingFault::Position { theirs: bad, ours: 79 * record };
        assert_eq!(world.engine.try_send(bytes_of(&request(2))), Err(PutError::Fault(fault)));
    }
    // Back behind what the engine has seen already.
    let mut world = World::new();
    while world.engine.try_send(bytes_of(&request(1))) == Ok(Put::Quiet) {}
    world.request().unwrap().unwrap();
    assert_eq!(world.engine.try_send(bytes_of(&request(2))), Ok(Put::Quiet));
    world.put(REQUEST_HEAD, record - 1);
    let refused = world.engine.try_send(bytes_of(&request(3)));
    assert!(matches!(refused, Err(PutError::Fault(RingFault::Position { .. }))), "{refused:?}");
}

#[test]
fn a_length_that_cannot_be_is_a_fault_of_the_peer() {
    let honest = u64::try_from(size_of::<SignalRequest>()).unwrap();
    let most = u64::try_from(MAX_FRAME_BYTES).unwrap();
    for bad in [0, 1, 7, honest - 1, honest + 1, honest + 8, most + 8, 1 << 32, u64::MAX, 1 << 63] {
        let mut world = World::new();
        assert_eq!(world.engine.try_send(bytes_of(&request(1))), Ok(Put::Quiet));
        world.put(REQUESTS, bad);
        assert_eq!(world.request(), Err(RingFault::Length(bad)));
    }
    let mut world = World::new();
    assert_eq!(world.sidecar.try_send(bytes_of(&response(1))), Ok(Put::Quiet));
    world.put(ANSWERS, u64::MAX);
    assert_eq!(world.answer(), Err(RingFault::Length(u64::MAX)));
}

#[test]
fn a_frame_changed_after_publishing_is_judged_and_used_as_the_same_copy() {
    let mut world = World::new();
    let levels = REQUESTS + 8 + u64::try_from(LEVELS).unwrap();
    let id = REQUESTS + 8 + u64::try_from(offset_of!(SignalRequest, request_id)).unwrap();
    assert_eq!(world.engine.try_send(bytes_of(&request(7))), Ok(Put::Quiet));
    // Changed before it is taken: the copy is what is refused.
    world.file.write_all_at(&11_u16.to_le_bytes(), levels).unwrap();
    let copy = world.sidecar.try_recv(&mut world.buffer).unwrap().unwrap();
    assert!(decode(copy).is_err());
    // Changed after it was taken: the copy stands.
    let mut world = World::new();
    assert_eq!(world.engine.try_send(bytes_of(&request(7))), Ok(Put::Quiet));
    let copy = world.sidecar.try_recv(&mut world.buffer).unwrap().unwrap();
    world.file.write_all_at(&11_u16.to_le_bytes(), levels).unwrap();
    world.file.write_all_at(&[0xff; 8], id).unwrap();
    let Ok(Frame::SignalRequest(decoded)) = decode(copy) else { panic!("the copy is sound") };
    assert_eq!((decoded.request_id, decoded.levels), (7, 10));
}

/// Sends and takes a first lap of requests while another thread changes one field of the newest
/// all the time; how many copies were sound, and how many not.
fn lap_while_changing() -> (u32, u32) {
    let mut world = World::new();
    let file = world.file.try_clone().unwrap();
    let record = u64::try_from(8 + size_of::<SignalRequest>()).unwrap();
    let levels = REQUESTS + 8 + u64::try_from(LEVELS).unwrap();
    let (newest, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let (mut sound, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // ORDERING: relaxed here and below: lone flags, any order of changes is welcome.
            while !over.load(Ordering::Relaxed) {
                let at = levels + record * newest.load(Ordering::Relaxed);
                for value in [11_u16, 10] {
                    file.write_all_at(&value.to_le_bytes(), at).unwrap();
                }
            }
        });
        for nth in 0..79 {
            assert_eq!(world.engine.try_send(bytes_of(&request(nth))), Ok(Put::Quiet));
            newest.store(nth, Ordering::Relaxed);
            std::thread::yield_now();
            let copy = world.sidecar.try_recv(&mut world.buffer).unwrap().unwrap();
            let first = decode(copy).is_ok();
            for _ in 0..100 {
                assert_eq!(decode(copy).is_ok(), first, "the copy changed");
            }
            let said = u16::from_le_bytes([copy[LEVELS], copy[LEVELS + 1]]);
            assert_eq!(first, said == 10, "judged by another value than the one used");
            sound += u32::from(first);
            refused += u32::from(!first);
        }
        over.store(true, Ordering::Relaxed);
    });
    (sound, refused)
}

#[test]
fn a_frame_that_changes_all_the_time_is_never_seen_twice_differently() {
    let (mut sound, mut refused) = (0, 0);
    while sound < 50 || refused < 50 {
        let (more_sound, more_refused) = lap_while_changing();
        sound += more_sound;
        refused += more_refused;
    }
}

/// `SplitMix64` (Steele, Lea, Flood 2014): the flips of a seed.
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Two honest ends work while a third hand flips bytes anywhere. Returns how it ended.
fn work_under_fire(seed: u64, flips: u64) -> &'static str {
    let World { mut engine, mut sidecar, file, mut buffer } = World::new();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let hand = scope.spawn(|| {
            let mut state = seed;
            for _ in 0..flips {
                // Half of them among the positions, where they hurt most.
                let range = if draw(&mut state).is_multiple_of(2) { 1024 } else { BYTES };
                let at = draw(&mut state) % u64::try_from(range).unwrap();
                let value = draw(&mut state).to_le_bytes()[0];
                file.write_all_at(&[value], at).unwrap();
            }
            over.store(true, Ordering::Relaxed);
        });
        let outcome = exchange(&mut engine, &mut sidecar, &mut buffer, &over);
        hand.join().unwrap();
        outcome
    })
}

fn exchange(
    engine: &mut End,
    sidecar: &mut End,
    buffer: &mut FrameBuffer,
    over: &AtomicBool,
) -> &'static str {
    let mut id = 0;
    while !over.load(Ordering::Relaxed) {
        id += 1;
        if engine.try_send(bytes_of(&request(id))).is_err() {
            return "the sidecar's position";
        }
        match sidecar.try_recv(buffer) {
            Err(RingFault::Position { .. }) => return "the engine's position",
            Err(RingFault::Length(_)) => return "a length",
            Ok(Some(frame)) => assert!(frame.len() <= MAX_FRAME_BYTES),
            Ok(None) => {}
        }
        if sidecar.try_send(bytes_of(&response(id))).is_err() || sidecar.park().is_err() {
            return "the other's position";
        }
        sidecar.unpark();
        match engine.try_recv(buffer) {
            Ok(Some(frame)) => {
                // Decodes or does not: an answer's own copy, whatever it says.
                let _either = decode(frame);
            }
            Ok(None) => {}
            Err(_) => return "an answer",
        }
    }
    "the end"
}

#[test]
fn random_bytes_flipped_while_it_runs_end_in_a_fault_or_not_at_all() {
    let mut outcomes = BTreeMap::new();
    for seed in 0..60 {
        *outcomes.entry(work_under_fire(seed, 2_000)).or_insert(0) += 1;
    }
    let faults: u32 = outcomes.iter().filter(|(how, _)| **how != "the end").map(|(_, n)| n).sum();
    assert!(faults > 10, "the flips reach what matters: {outcomes:?}");
}

#[test]
fn a_sleeper_is_rung_for_once_and_a_liar_costs_a_bell_a_frame() {
    let mut world = World::new();
    assert_eq!(world.sidecar.park(), Ok(true));
    assert_eq!(world.engine.try_send(bytes_of(&request(1))), Ok(Put::Bell));
    assert_eq!(world.engine.try_send(bytes_of(&request(2))), Ok(Put::Quiet));
    world.sidecar.unpark();
    assert_eq!(world.sidecar.park(), Ok(false), "frames are there");
    assert_eq!(world.engine.try_send(bytes_of(&request(3))), Ok(Put::Quiet));
    for id in 4..7 {
        world.put(REQUEST_PARKED, u64::MAX);
        assert_eq!(world.engine.try_send(bytes_of(&request(id))), Ok(Put::Bell));
    }
    for id in 1..7 {
        assert_eq!(world.request().unwrap().unwrap(), bytes_of(&request(id)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// As a queue of byte strings with a bound.
    #[test]
    fn the_ring_behaves_like_a_bounded_queue(
        steps in proptest::collection::vec((any::<bool>(), 1_usize..900), 1..400),
    ) {
        let mut world = World::new();
        let mut model: VecDeque<Vec<u8>> = VecDeque::new();
        let mut used = 0;
        for (nth, (push, words)) in steps.into_iter().enumerate() {
            if push {
                let frame = vec![u8::try_from(nth % 251).unwrap(); words * 8];
                let fits = used + frame.len() + 8 <= ANSWER_BYTES;
                let put = world.sidecar.try_send(&frame);
                prop_assert_eq!(put, Ok(if fits { Put::Quiet } else { Put::Full }));
                if fits {
                    used += frame.len() + 8;
                    model.push_back(frame);
                }
            } else {
                let wanted = model.pop_front();
                used -= wanted.as_ref().map_or(0, |frame| frame.len() + 8);
                prop_assert_eq!(world.answer().unwrap(), wanted);
            }
        }
    }
}
