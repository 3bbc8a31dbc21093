//! The bridge over shared memory: a sidecar that takes it, sleeps, declines it, breaks it, dies.

mod common;

use bytemuck::bytes_of;
use common::{MODEL_HASH, World, response};
use corelane_station::run::{Outcome, replay};
use ipc::handshake::{self, Identity};
use ipc::shm::{End, Put};
use ipc::{Connection, FrameBuffer, Listener, PeerPolicy, Received};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use wire::exit::Exit;
use wire::handshake::{Doorbell, HelloStatus, Role};
use wire::signal::{SignalRequest, SignalResponse};
use wire::{Frame, FrameHeader};

/// Where PROTOCOL.md says that the sidecar's position in the answers is.
const ANSWER_TAIL: u64 = 512;

/// How the sidecar of a test behaves after its greeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Looks without sleep.
    Looks,
    /// Sleeps between requests: looks into the memory only when the bell rings.
    Sleeps,
    /// Leaves the memory and serves the socket.
    Declines,
    /// After so many answers writes a position that cannot be; honest on its next connection.
    Breaks(u64),
    /// Gone after so many answers, requests still in the memory.
    Dies(u64),
}

/// One connection of the engine as this sidecar sees it.
struct Peer {
    connection: Connection,
    end: Option<End>,
    file: Option<File>,
    buffer: FrameBuffer,
}

/// What a look at the socket gave.
enum Socket {
    Nothing,
    Frame,
    Closed,
}

impl Peer {
    fn accept(listener: &Listener, manner: Manner, over: &AtomicBool) -> Option<Self> {
        let connection = loop {
            if let Some(connection) = listener.accept().expect("same user") {
                break connection;
            }
            // ORDERING: acquire; pairs with the test's release store when the run has ended.
            if over.load(Ordering::Acquire) {
                return None;
            }
            std::thread::yield_now();
        };
        let mut peer = Self { connection, end: None, file: None, buffer: FrameBuffer::new() };
        while matches!(peer.look(), Socket::Nothing) {
            std::thread::yield_now();
        }
        let takes = manner != Manner::Declines;
        let me = Identity::new(Role::Signal).with_model(MODEL_HASH, 1, "test/cpu");
        let me = me.with_shared_memory(takes);
        let fd = peer.connection.take_passed().expect("memory with the greeting");
        if takes {
            peer.end = Some(End::take(&fd).expect("sealed memory"));
            peer.file = Some(fd.into());
        }
        let ack = me.ack(HelloStatus::Accepted);
        assert!(peer.connection.try_send(bytes_of(&ack)).is_ok());
        Some(peer)
    }

    /// Takes one message of the socket into the buffer.
    fn look(&mut self) -> Socket {
        let me = Identity::new(Role::Signal);
        match self.connection.try_recv(&mut self.buffer) {
            Ok(Received::WouldBlock) => Socket::Nothing,
            Ok(Received::Frame(frame)) => {
                if let Ok(Frame::Hello(_)) = wire::decode(frame) {
                    let engine = handshake::accept(&me, &[Role::Engine], frame).expect("an engine");
                    assert!(engine.shared_memory, "the engine offers memory");
                }
                Socket::Frame
            }
            Ok(Received::Closed) | Err(_) => Socket::Closed,
        }
    }

    /// The next request from where this sidecar looks; `None` when the engine is gone.
    fn next(&mut self, manner: Manner, over: &AtomicBool) -> Option<SignalRequest> {
        loop {
            if let Some(end) = &mut self.end
                && let Some(frame) = end.try_recv(&mut self.buffer).expect("an honest engine")
            {
                let Ok(Frame::SignalRequest(request)) = wire::decode(frame) else {
                    panic!("the engine sends requests only")
                };
                return Some(*request);
            }
            let may_sleep = manner == Manner::Sleeps
                && self.end.as_mut().is_some_and(|end| end.park().expect("an honest engine"));
            let heard = loop {
                let heard = self.look();
                if !may_sleep || !matches!(heard, Socket::Nothing) || over.load(Ordering::Acquire) {
                    break heard;
                }
                std::thread::yield_now();
            };
            match heard {
                Socket::Closed => return None,
                Socket::Nothing if over.load(Ordering::Acquire) => return None,
                Socket::Nothing => std::thread::yield_now(),
                Socket::Frame => match wire::decode(self.buffer_frame()) {
                    Ok(Frame::Doorbell(_)) => assert!(self.end.is_some(), "a bell for nobody"),
                    Ok(Frame::SignalRequest(request)) => {
                        assert!(self.end.is_none(), "a request beside the memory");
                        return Some(*request);
                    }
                    other => panic!("{other:?}"),
                },
            }
        }
    }

    fn buffer_frame(&self) -> &[u8] {
        let bytes = self.buffer.bytes();
        let len = usize::try_from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        &bytes[..len.expect("fits")]
    }

    fn answer(&mut self, response: &SignalResponse) {
        let Some(end) = &mut self.end else {
            assert!(self.connection.try_send(bytes_of(response)).is_ok());
            return;
        };
        if let Ok(Put::Bell) = end.try_send(bytes_of(response)) {
            let bell = Doorbell { header: FrameHeader::new::<Doorbell>() };
            // The engine may be gone.
            let _heard = self.connection.try_send(bytes_of(&bell));
        }
    }
}

/// A sidecar: serves the engine's connections, and returns the number of its answers.
fn sidecar(listener: &Listener, manner: Manner, over: &AtomicBool) -> u64 {
    let mut answers = 0;
    let mut manner = manner;
    while let Some(mut peer) = Peer::accept(listener, manner, over) {
        while let Some(request) = peer.next(manner, over) {
            match manner {
                Manner::Dies(after) if answers == after => return answers,
                Manner::Breaks(after) if answers == after => {
                    let file = peer.file.as_ref().expect("memory");
                    file.write_all_at(&u64::MAX.to_le_bytes(), ANSWER_TAIL).expect("written");
                    while !matches!(peer.look(), Socket::Closed) {
                        std::thread::yield_now();
                    }
                    manner = Manner::Looks;
                    break;
                }
                Manner::Looks
                | Manner::Sleeps
                | Manner::Declines
                | Manner::Breaks(_)
                | Manner::Dies(_) => peer.answer(&response(&request)),
            }
            answers += 1;
        }
    }
    answers
}

/// Plays a paced run with a sidecar of this manner.
fn play_with(manner: Manner, station: &str) -> (Outcome, Vec<String>, u64) {
    let world = World::new(3_000, "", true);
    let text = common::text("day.clrec", "", true)
        .replace("\"max\"", "15")
        .replace("[signal]\n", "[signal]\ntransport = \"shm\"\n")
        .replace("idle = \"yield\"", station);
    let config = common::config(world.dir.path(), &text);
    let dir = world.path("run");
    std::fs::create_dir(&dir).expect("folder");
    let listener = Listener::bind(&config.signal_socket(&dir), PeerPolicy::same_user());
    let listener = listener.expect("socket");
    let over = AtomicBool::new(false);
    let mut said = Vec::new();
    std::thread::scope(|scope| {
        let server = scope.spawn(|| sidecar(&listener, manner, &over));
        let outcome = replay(&config, Some(&dir), &mut said);
        // ORDERING: release; pairs with the sidecar's acquire loads.
        over.store(true, Ordering::Release);
        let answers = server.join().expect("sidecar");
        (outcome.unwrap_or_else(|failure| panic!("{failure}")), said.clone(), answers)
    })
}

#[test]
fn scores_reach_the_strategy_through_shared_memory() {
    for (manner, station) in [
        (Manner::Looks, "idle = \"yield\""),
        (Manner::Looks, "idle = \"park\"\nio = \"io_uring\""),
        (Manner::Sleeps, "idle = \"park\""),
        (Manner::Sleeps, "idle = \"busy\""),
        (Manner::Declines, "idle = \"yield\""),
    ] {
        let (outcome, said, answers) = play_with(manner, station);
        assert_eq!(outcome.exit, Exit::Clean, "{said:?}");
        let signal = &outcome.summary["signal"];
        let expected = if manner == Manner::Declines { "socket" } else { "shm" };
        assert_eq!(signal["transport"], expected, "{manner:?} {station}");
        assert!(answers > 50, "{manner:?} {station}: {answers} {signal:#}");
        assert!(signal["answers"].as_u64() > Some(20), "{manner:?} {station}: {signal:#}");
        assert_eq!((&signal["refused"], &signal["faults"]), (&0.into(), &0.into()), "{signal:#}");
        assert_eq!(signal["connects"], 1);
        let told = said.iter().any(|line| line.contains("it takes no shared memory"));
        assert_eq!(told, manner == Manner::Declines, "{said:?}");
    }
}

#[test]
fn a_sidecar_that_breaks_the_memory_is_disconnected_and_comes_back_with_new_memory() {
    let (outcome, said, answers) = play_with(Manner::Breaks(30), "idle = \"yield\"");
    assert_eq!(outcome.exit, Exit::Clean, "{said:?}");
    let signal = &outcome.summary["signal"];
    assert_eq!(outcome.summary["events"], 3_000, "the run went on to its end");
    assert_eq!((&signal["faults"], &signal["connects"]), (&1.into(), &2.into()), "{signal:#}");
    assert!(answers > 60, "{answers} {signal:#}");
    let told = |part: &str| said.iter().filter(|line| line.contains(part)).count();
    assert_eq!(told("position 18446744073709551615 cannot be"), 1, "{said:?}");
}

#[test]
fn a_sidecar_that_dies_beside_its_memory_changes_counters_and_not_the_run() {
    let (outcome, said, answers) = play_with(Manner::Dies(30), "idle = \"yield\"");
    assert_eq!(outcome.exit, Exit::Clean, "{said:?}");
    assert_eq!(answers, 30);
    let signal = &outcome.summary["signal"];
    assert_eq!(outcome.summary["events"], 3_000, "the run went on to its end");
    assert!(signal["received"].as_u64() <= Some(30), "{signal:#}");
    let gone = said.iter().filter(|line| line.contains("signal sidecar is gone")).count();
    assert_eq!(gone, 1, "{said:?}");
}
