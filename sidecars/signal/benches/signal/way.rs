//! The ways a request goes to a server and its answer comes back: frames over the socket, frames
//! through shared memory, frames as bodies of HTTP over a stream socket.
//!
//! All look for the answer in the same manner, without sleep, and decode it. Must never: sleep, or
//! take an answer that does not decode.

use crate::peer::{Client, frame};
use ipc::handshake::Identity;
use ipc::shm::{End, Offer, Put};
use ipc::{Connection, FrameBuffer, PeerPolicy, Received, Sent, connect};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use wire::handshake::{Doorbell, HelloStatus, Role};
use wire::signal::{SignalRequest, SignalResponse};
use wire::{Frame, FrameHeader, decode};

/// One connection to a server.
pub(crate) enum Way {
    Socket(Client),
    Memory(Memory),
    Http(Http),
}

impl Way {
    /// One round trip: from before the send to after the answer is decoded.
    pub(crate) fn ask(&mut self, request: &SignalRequest) -> SignalResponse {
        match self {
            Self::Socket(client) => {
                client.send(request);
                client.receive()
            }
            Self::Memory(memory) => memory.ask(request),
            Self::Http(http) => http.ask(request),
        }
    }
}

/// Frames through shared memory; the socket carries the greeting and the bell.
pub(crate) struct Memory {
    connection: Connection,
    end: End,
    buffer: FrameBuffer,
}

impl Memory {
    pub(crate) fn greeted(socket: &Path) -> Self {
        let connection = connect(socket, &PeerPolicy::same_user()).expect("the server listens");
        let offer = Offer::new().expect("sealed memory");
        let hello = Identity::new(Role::Engine).with_shared_memory(true).hello();
        let sent = connection.try_send_passing(frame(&hello), offer.fd());
        assert_eq!(sent, Ok(Sent::Sent));
        let mut buffer = FrameBuffer::new();
        loop {
            match connection.try_recv(&mut buffer).expect("a greeting") {
                Received::Frame(bytes) => {
                    let Ok(Frame::HelloAck(ack)) = decode(bytes) else { panic!("no greeting") };
                    assert_eq!((ack.status, ack.shared_memory), (HelloStatus::Accepted.code(), 1));
                    break;
                }
                Received::WouldBlock => std::thread::yield_now(),
                Received::Closed => panic!("the server closed the connection"),
            }
        }
        Self { connection, end: offer.taken(), buffer }
    }

    fn ask(&mut self, request: &SignalRequest) -> SignalResponse {
        match self.end.try_send(frame(request)).expect("sound memory") {
            Put::Quiet => {}
            Put::Bell => {
                let bell = Doorbell { header: FrameHeader::new::<Doorbell>() };
                assert_eq!(self.connection.try_send(frame(&bell)), Ok(Sent::Sent));
            }
            Put::Full => panic!("the ring is full"),
        }
        loop {
            if let Some(bytes) = self.end.try_recv(&mut self.buffer).expect("sound memory") {
                return answer(bytes);
            }
            std::thread::yield_now();
        }
    }
}

/// HTTP/1.1 over a stream socket, one connection kept open.
pub(crate) struct Http {
    stream: UnixStream,
    out: Vec<u8>,
    inbox: Vec<u8>,
}

/// What ends the head of a message.
const BLANK: &[u8] = b"\r\n\r\n";

impl Http {
    pub(crate) fn connected(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).expect("the server listens");
        stream.set_nonblocking(true).expect("a socket");
        Self { stream, out: Vec::new(), inbox: Vec::new() }
    }

    fn ask(&mut self, request: &SignalRequest) -> SignalResponse {
        let body = frame(request);
        self.out.clear();
        let written = write!(
            self.out,
            "POST /score HTTP/1.1\r\nHost: corelane\r\nContent-Type: application/octet-stream\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        written.expect("memory takes it");
        self.out.extend_from_slice(body);
        self.stream.write_all(&self.out).expect("an empty socket takes a request");
        self.inbox.clear();
        let body_at = loop {
            if let Some(at) = self.inbox.windows(BLANK.len()).position(|part| part == BLANK) {
                break at + BLANK.len();
            }
            self.more();
        };
        let head = String::from_utf8_lossy(&self.inbox[..body_at]).to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200 "), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.and_then(|n| n.trim().parse().ok()).expect("a length");
        while self.inbox.len() < body_at + length {
            self.more();
        }
        let mut words = [0_u64; size_of::<SignalResponse>() / 8];
        assert_eq!(length, size_of_val(&words), "an answer's length");
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
        bytes.copy_from_slice(&self.inbox[body_at..]);
        answer(bytes)
    }

    fn more(&mut self) {
        let mut part = [0; 4_096];
        match self.stream.read(&mut part) {
            Ok(0) => panic!("the server closed the connection"),
            Ok(count) => self.inbox.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

fn answer(bytes: &[u8]) -> SignalResponse {
    match decode(bytes) {
        Ok(Frame::SignalResponse(response)) => *response,
        other => panic!("not an answer: {other:?}"),
    }
}
