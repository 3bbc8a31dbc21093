//! The real binary over shared memory: answers, a peer that lies, one that dies, memory it must not
//! take. Nothing sleeps: tests wait for frames, bells and process states.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail its test")]

#[path = "server/peer.rs"]
#[expect(dead_code, reason = "the other tests of the binary use the rest")]
mod peer;

use ipc::handshake::Identity;
use ipc::shm::{BYTES, End, Offer, Put};
use ipc::{Connection, FrameBuffer, PeerPolicy, Received, Sent, connect};
use peer::{Server, frame, request};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use wire::handshake::{Doorbell, HelloAck, HelloStatus, Role};
use wire::signal::{SignalRequest, SignalResponse, SignalStatus};
use wire::{Frame, FrameHeader, InstrumentId, decode};

/// Where PROTOCOL.md says the words are.
const REQUEST_TAIL: u64 = 128;
const ANSWER_HEAD: u64 = 640;
const REQUESTS: u64 = 4096;

/// An engine whose frames go through shared memory.
struct Client {
    connection: Connection,
    end: End,
    file: File,
    buffer: FrameBuffer,
}

impl Client {
    fn greeted(socket: &Path) -> Self {
        let offer = Offer::new().unwrap();
        let file = offer.fd().try_clone_to_owned().unwrap().into();
        let connection = offer_of(socket, Some(&offer.fd().try_clone_to_owned().unwrap()));
        let mut buffer = FrameBuffer::new();
        let ack = acknowledged(&connection, &mut buffer);
        assert_eq!((ack.status, ack.shared_memory), (HelloStatus::Accepted.code(), 1));
        Self { connection, end: offer.taken(), file, buffer }
    }

    fn send(&mut self, request: &SignalRequest) {
        match self.end.try_send(frame(request)).unwrap() {
            Put::Full => panic!("the ring is full"),
            Put::Quiet => {}
            Put::Bell => self.ring(),
        }
    }

    fn ring(&self) {
        let bell = Doorbell { header: FrameHeader::new::<Doorbell>() };
        assert_eq!(self.connection.try_send(frame(&bell)), Ok(Sent::Sent));
    }

    fn receive(&mut self) -> SignalResponse {
        loop {
            if let Some(bytes) = self.end.try_recv(&mut self.buffer).unwrap() {
                decode(bytes).unwrap();
                return *bytemuck::from_bytes(bytes);
            }
            std::thread::yield_now();
        }
    }

    /// The next answer, looked for only when the bell rings.
    fn receive_asleep(&mut self) -> SignalResponse {
        loop {
            if self.end.park().unwrap() {
                while matches!(self.connection.try_recv(&mut self.buffer), Ok(Received::WouldBlock))
                {
                    std::thread::yield_now();
                }
            }
            self.end.unpark();
            if let Some(bytes) = self.end.try_recv(&mut self.buffer).unwrap() {
                return *bytemuck::from_bytes(bytes);
            }
        }
    }

    fn is_closed(&mut self) -> bool {
        loop {
            match self.connection.try_recv(&mut self.buffer) {
                Ok(Received::Closed) => return true,
                // A bell may still be on its way.
                Ok(Received::Frame(_) | Received::WouldBlock) => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// A connection whose greeting offers memory, with a descriptor or without one.
fn offer_of(socket: &Path, fd: Option<&OwnedFd>) -> Connection {
    let connection = connect(socket, &PeerPolicy::same_user()).unwrap();
    let hello = Identity::new(Role::Engine).with_shared_memory(true).hello();
    let sent = match fd {
        Some(fd) => connection.try_send_passing(frame(&hello), fd.as_fd()),
        None => connection.try_send(frame(&hello)),
    };
    assert_eq!(sent, Ok(Sent::Sent));
    connection
}

fn acknowledged(connection: &Connection, buffer: &mut FrameBuffer) -> HelloAck {
    loop {
        match connection.try_recv(buffer).unwrap() {
            Received::Frame(bytes) => {
                let Ok(Frame::HelloAck(ack)) = decode(bytes) else { panic!("not an answer") };
                return *ack;
            }
            Received::WouldBlock => std::thread::yield_now(),
            Received::Closed => panic!("the server closed the connection"),
        }
    }
}

#[test]
fn requests_are_answered_through_memory_however_either_side_waits() {
    for (io, idle) in [
        ("libc", "park"),
        ("libc", "yield"),
        ("libc", "busy"),
        ("io_uring", "park"),
        ("io_uring", "yield"),
    ] {
        let args = [format!("--io={io}"), format!("--idle={idle}")];
        let server = Server::start("good", &[&args[0], &args[1]]);
        let mut client = Client::greeted(&server.socket());
        let mut plain = peer::Client::greeted(&server.socket());
        for id in 1..=40 {
            client.send(&request(id));
            let answer = if id % 2 == 0 { client.receive() } else { client.receive_asleep() };
            plain.send(&request(id));
            let by_socket: SignalResponse = plain.receive();
            assert_eq!(answer.request_id, id, "{args:?}");
            assert_eq!(answer.status, SignalStatus::Ok.code());
            assert_eq!(answer.score_e6, by_socket.score_e6, "one protocol, one score");
        }
        drop(client);
        let ended = server.terminate();
        assert!(ended.contains("peers=2 requests=80 scored=80"), "{ended}");
        assert!(ended.contains(" shared=1 ") && ended.contains(" violations=0 "), "{ended}");
    }
}

#[test]
fn memory_that_cannot_be_taken_ends_the_handshake_by_name() {
    let server = Server::start("good", &[]);
    let unsealed = tempfile::tempfile().unwrap();
    unsealed.set_len(u64::try_from(BYTES).unwrap()).unwrap();
    let foreign = Offer::new().unwrap().fd().try_clone_to_owned().unwrap();
    File::from(foreign.try_clone().unwrap()).write_all_at(&[0xff; 8], 0).unwrap();
    let mut buffer = FrameBuffer::new();
    for fd in [Some(&unsealed.into()), Some(&foreign), None] {
        let connection = offer_of(&server.socket(), fd);
        let ack = acknowledged(&connection, &mut buffer);
        assert_eq!((ack.status, ack.shared_memory), (HelloStatus::Memory.code(), 0));
        while !matches!(connection.try_recv(&mut buffer), Ok(Received::Closed)) {
            std::thread::yield_now();
        }
    }
    let ended = server.terminate();
    assert!(
        ended.contains("handshakes_refused=3") && ended.contains("memory_refused=3"),
        "{ended}"
    );
}

#[test]
fn a_peer_that_breaks_the_memory_is_disconnected_and_nobody_else() {
    for idle in ["--idle=park", "--idle=yield"] {
        let server = Server::start("good", &[idle, "--max-peers=8"]);
        let mut quiet = Client::greeted(&server.socket());
        let words: [(u64, u64); 4] = [
            (REQUEST_TAIL, u64::MAX),
            (REQUEST_TAIL, 1),
            (REQUESTS, u64::MAX),
            (ANSWER_HEAD, 1 << 40),
        ];
        for (at, value) in words {
            let mut client = Client::greeted(&server.socket());
            client.file.write_all_at(&value.to_le_bytes(), at).unwrap();
            if at == REQUESTS {
                // The length of a record that is there.
                server.stop();
                client.send(&request(1));
                client.file.write_all_at(&value.to_le_bytes(), at).unwrap();
                server.proceed();
            } else if at == ANSWER_HEAD {
                // Seen only when the answers seem to have no room.
                fill_until_closed(&mut client, at, value);
            } else {
                client.ring();
            }
            assert!(client.is_closed(), "{at} {value}");
            quiet.send(&request(2));
            assert_eq!(quiet.receive().request_id, 2);
        }
        let ended = server.terminate();
        assert!(ended.contains(" violations=4 ") && ended.contains("memory_faults=4"), "{ended}");
    }
}

/// Asks without taking answers, the position overwritten each time, until the server hangs up.
fn fill_until_closed(client: &mut Client, at: u64, value: u64) {
    let mut id = 0;
    while !matches!(client.connection.try_recv(&mut client.buffer), Ok(Received::Closed)) {
        id += 1;
        // A full ring is one that the server still has to read, or will not read any more.
        let _either = client.end.try_send(frame(&request(id))).unwrap();
        client.file.write_all_at(&value.to_le_bytes(), at).unwrap();
        client.ring_quietly();
        std::thread::yield_now();
    }
}

impl Client {
    /// Rings; the server may have hung up, or may have enough to read.
    fn ring_quietly(&self) {
        let bell = Doorbell { header: FrameHeader::new::<Doorbell>() };
        let _heard = self.connection.try_send(frame(&bell));
    }
}

#[test]
fn what_is_not_a_bell_does_not_pass_for_one() {
    let server = Server::start("good", &[]);
    let mut plain = peer::Client::greeted(&server.socket());
    plain.send(&Doorbell { header: FrameHeader::new::<Doorbell>() });
    assert!(plain.is_closed(), "a bell without memory is a violation");
    let mut client = Client::greeted(&server.socket());
    let mut garbage = request(1);
    garbage.levels = 11;
    assert_ne!(client.end.try_send(frame(&garbage)).unwrap(), Put::Full);
    client.ring_quietly();
    assert!(client.is_closed(), "a frame that does not decode is a violation in memory too");
    assert!(server.terminate().contains("violations=2"));
}

#[test]
fn a_full_ring_of_answers_drops_and_counts_and_serves_on() {
    let server = Server::start("good", &["--max-batch=16", "--idle=yield"]);
    let mut client = Client::greeted(&server.socket());
    let mut plain = peer::Client::greeted(&server.socket());
    let asked = 400_u64;
    for id in 1..=asked {
        let mut asked = request(id);
        asked.header.instrument_id = InstrumentId(u32::try_from(id).unwrap());
        while client.end.try_send(frame(&asked)) == Ok(Put::Full) {
            std::thread::yield_now();
        }
    }
    // Asked after all of them, so answered after all of them.
    plain.send(&request(1));
    let _last: SignalResponse = plain.receive();
    let mut answers = 0;
    while client.end.try_recv(&mut client.buffer).unwrap().is_some() {
        answers += 1;
    }
    assert_eq!(answers, 315, "what fits");
    client.send(&request(999));
    assert_eq!(client.receive().request_id, 999);
    let ended = server.terminate();
    assert!(ended.contains(" answers_dropped=85 "), "{ended}");
}

#[test]
fn a_server_killed_in_the_middle_is_seen_at_the_socket_and_the_memory_stays_readable() {
    let server = Server::start("good", &["--idle=yield"]);
    let mut client = Client::greeted(&server.socket());
    client.send(&request(1));
    assert_eq!(client.receive().request_id, 1);
    server.stop();
    for id in 2..20 {
        client.send(&request(id));
    }
    let _dir = server.kill();
    assert!(client.is_closed());
    assert_eq!(client.end.try_recv(&mut client.buffer), Ok(None));
    assert_ne!(client.end.try_send(frame(&request(20))), Ok(Put::Full), "nothing hangs");
}

#[test]
fn an_engine_that_dies_in_the_middle_is_forgotten() {
    let server = Server::start("good", &["--max-peers=1"]);
    let mut client = Client::greeted(&server.socket());
    server.stop();
    for id in 1..10 {
        client.send(&request(id));
    }
    drop(client);
    server.proceed();
    // The only place is free again once the server has seen the end.
    loop {
        let connection = offer_of(&server.socket(), None);
        let mut buffer = FrameBuffer::new();
        if acknowledged(&connection, &mut buffer).status != HelloStatus::Busy.code() {
            break;
        }
        std::thread::yield_now();
    }
    assert!(server.terminate().contains(" violations=0 "));
}
