//! One suite, run over both I/O back ends: what one does, the other must do.
//!
//! Owns no state outside a private folder per test. Never sleeps: it polls until the thing happens.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail its test")]

use corelane_ipc::{
    BackendKind, Connection, FrameBuffer, IoBackend, IoEvent, IpcError, Listener, PeerPolicy,
    Received, SendError, Sent, Token, connect, open,
};
use std::collections::{BTreeSet, VecDeque};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use wire::frame::MAX_FRAME_BYTES;

const WAIT: Option<Duration> = Some(Duration::from_millis(20));

/// Runs a test body over every back end the kernel gives us; says which it does not.
fn over_both(test: &str, body: impl Fn(&mut World)) {
    for kind in BackendKind::ALL {
        match open(kind) {
            Ok(io) => body(&mut World::new(io)),
            Err(error @ IpcError::UringRefused { .. }) => {
                eprintln!("SKIPPED {test} over {}: {error}", kind.name());
            }
            Err(error) => panic!("{}: {error}", kind.name()),
        }
    }
}

struct World {
    io: Box<dyn IoBackend>,
    dir: TempDir,
    seen: VecDeque<(Token, Seen)>,
}

impl World {
    fn new(io: Box<dyn IoBackend>) -> Self {
        Self { io, dir: tempfile::tempdir().unwrap(), seen: VecDeque::new() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("s.sock")
    }

    fn listen(&mut self) -> Token {
        let listener = Listener::bind(&self.path(), PeerPolicy::same_user()).unwrap();
        self.io.add_listener(listener).unwrap()
    }

    /// A connected pair: our end in the back end, the other as a bare connection.
    fn pair(&mut self) -> (Token, Connection) {
        let listening = self.listen();
        let other = connect(&self.path(), &PeerPolicy::same_user()).unwrap();
        let ours = self.accept(listening);
        self.io.remove(listening);
        (ours, other)
    }

    fn accept(&mut self, listening: Token) -> Token {
        let mut accepted = None;
        while accepted.is_none() {
            self.io
                .poll(WAIT, &mut |token, event| match event {
                    IoEvent::Accepted(connection) if token == listening => {
                        accepted = Some(connection);
                    }
                    IoEvent::Accepted(_)
                    | IoEvent::AcceptFailed(_)
                    | IoEvent::Frame(_)
                    | IoEvent::Closed
                    | IoEvent::Failed(_) => panic!("unexpected {token:?} {event:?}"),
                })
                .unwrap();
        }
        self.io.add_connection(accepted.unwrap()).unwrap()
    }

    /// The next event, as an owned value; one poll may deliver several.
    fn event(&mut self) -> (Token, Seen) {
        loop {
            if let Some(seen) = self.seen.pop_front() {
                return seen;
            }
            let seen = &mut self.seen;
            self.io
                .poll(WAIT, &mut |token, event| {
                    seen.push_back((token, Seen::from(event)));
                })
                .unwrap();
        }
    }
}

#[derive(Debug, PartialEq)]
enum Seen {
    Frame(Vec<u8>),
    Closed,
    Failed(String),
    Accepted,
    AcceptFailed(String),
}

impl From<IoEvent<'_>> for Seen {
    fn from(event: IoEvent<'_>) -> Self {
        match event {
            IoEvent::Frame(frame) => {
                assert_eq!(frame.as_ptr().align_offset(8), 0, "frames are aligned to 8 bytes");
                Self::Frame(frame.to_vec())
            }
            IoEvent::Closed => Self::Closed,
            IoEvent::Failed(error) => Self::Failed(error.to_string()),
            IoEvent::Accepted(_) => Self::Accepted,
            IoEvent::AcceptFailed(error) => Self::AcceptFailed(error.to_string()),
        }
    }
}

fn receive(connection: &Connection, buffer: &mut FrameBuffer) -> Vec<u8> {
    loop {
        match connection.try_recv(buffer).unwrap() {
            Received::Frame(frame) => return frame.to_vec(),
            Received::WouldBlock => std::thread::yield_now(),
            Received::Closed => panic!("closed"),
        }
    }
}

#[test]
fn echo_keeps_borders_and_order() {
    over_both("echo_keeps_borders_and_order", |w| {
        let (ours, other) = w.pair();
        let mut buffer = FrameBuffer::new();
        for n in 1..=200_usize {
            let frame = vec![u8::try_from(n).unwrap(); n * 8];
            assert_eq!(other.try_send(&frame), Ok(Sent::Sent));
            assert_eq!(w.event(), (ours, Seen::Frame(frame.clone())));
            assert_eq!(w.io.send(ours, &frame), Ok(Sent::Sent));
            assert_eq!(receive(&other, &mut buffer), frame);
        }
    });
}

#[test]
fn the_largest_frame_passes_and_one_byte_more_is_refused_at_both_ends() {
    over_both("the_largest_frame_passes", |w| {
        let (ours, other) = w.pair();
        let largest: Vec<u8> =
            (0..MAX_FRAME_BYTES).map(|n| u8::try_from(n % 251).unwrap()).collect();
        assert_eq!(other.try_send(&largest), Ok(Sent::Sent));
        assert_eq!(w.event(), (ours, Seen::Frame(largest.clone())));
        assert_eq!(w.io.send(ours, &largest), Ok(Sent::Sent));
        assert_eq!(receive(&other, &mut FrameBuffer::new()), largest);

        let more = vec![1; MAX_FRAME_BYTES + 1];
        assert_eq!(w.io.send(ours, &more), Err(SendError::TooLong(more.len())));
        assert_eq!(w.io.send(ours, &[]), Err(SendError::Empty));
        // A hostile peer is not held by our own limit: it writes past this crate.
        raw_send(&other, &more);
        let (token, seen) = w.event();
        assert_eq!(token, ours);
        assert_eq!(
            seen,
            Seen::Failed(IpcError::Truncated { len: more.len() }.to_string()),
            "a cut message is detected"
        );
        assert_eq!(w.io.send(ours, &[1; 8]), Err(SendError::UnknownToken), "and ends the peer");
    });
}

/// Writes past this crate's own limits: a sequenced-packet socket takes what `write` gives it.
fn raw_send(connection: &Connection, bytes: &[u8]) {
    use std::io::Write;
    let copy = connection.as_fd().try_clone_to_owned().unwrap();
    let written = std::fs::File::from(copy).write(bytes).unwrap();
    assert_eq!(written, bytes.len());
}

#[test]
fn end_of_file_is_told_once_and_the_token_dies() {
    over_both("end_of_file_is_told_once", |w| {
        let (ours, other) = w.pair();
        assert_eq!(other.try_send(&[7; 16]), Ok(Sent::Sent));
        drop(other);
        assert_eq!(w.event(), (ours, Seen::Frame(vec![7; 16])), "what was sent before still comes");
        assert_eq!(w.event(), (ours, Seen::Closed));
        assert_eq!(w.io.send(ours, &[1; 8]), Err(SendError::UnknownToken));
        let polled = w.io.poll(Some(Duration::ZERO), &mut |_, e| panic!("{e:?}")).unwrap();
        assert_eq!(polled, 0);
    });
}

#[test]
fn a_message_of_no_bytes_counts_as_end_of_file() {
    over_both("a_message_of_no_bytes", |w| {
        let (ours, other) = w.pair();
        raw_send(&other, &[]);
        // Linux turns a zero-byte write() on a packet socket into a zero-byte message.
        assert_eq!(w.event(), (ours, Seen::Closed));
    });
}

#[test]
fn garbage_arrives_as_bytes_and_the_decoder_refuses_it() {
    over_both("garbage_arrives_as_bytes", |w| {
        let (ours, other) = w.pair();
        for len in [1, 7, 39, 40, 41, 4096] {
            let garbage = vec![0xa5; len];
            assert_eq!(other.try_send(&garbage), Ok(Sent::Sent));
            let (token, Seen::Frame(frame)) = w.event() else { panic!("no frame") };
            assert_eq!((token, &frame), (ours, &garbage));
            let mut aligned = FrameBuffer::new();
            aligned.bytes_mut()[..len].copy_from_slice(&frame);
            assert!(wire::decode(&aligned.bytes()[..len]).is_err());
        }
    });
}

#[test]
fn a_flood_fills_the_socket_is_counted_and_what_was_taken_arrives_whole() {
    over_both("a_flood_fills_the_socket", |w| {
        let (ours, other) = w.pair();
        let mut sent: u64 = 0;
        while sent < 100_000 {
            match other.try_send(&numbered(sent)).unwrap() {
                Sent::Sent => sent += 1,
                Sent::WouldBlock => break,
            }
        }
        assert!(sent > 10 && sent < 100_000, "the socket is bounded, took {sent}");
        assert_eq!(other.try_send(&numbered(sent)), Ok(Sent::WouldBlock), "and stays full");
        let mut next = 0;
        while next < sent {
            w.io.poll(WAIT, &mut |token, event| {
                assert_eq!(token, ours);
                assert_eq!(Seen::from(event), Seen::Frame(numbered(next).to_vec()));
                next += 1;
            })
            .unwrap();
        }
        assert_eq!(other.try_send(&numbered(sent)), Ok(Sent::Sent), "room again");
        assert_eq!(w.event(), (ours, Seen::Frame(numbered(sent).to_vec())));
    });
}

fn numbered(n: u64) -> [u8; 64] {
    let mut frame = [0; 64];
    frame[..8].copy_from_slice(&n.to_le_bytes());
    frame
}

#[test]
fn our_own_full_socket_is_told_not_waited_for() {
    over_both("our_own_full_socket", |w| {
        let (ours, other) = w.pair();
        let mut dropped = 0;
        for _ in 0..20_000 {
            if w.io.send(ours, &[3; 128]) == Ok(Sent::WouldBlock) {
                dropped += 1;
            }
        }
        assert!(dropped > 0, "a peer that never reads fills its socket");
        assert_eq!(receive(&other, &mut FrameBuffer::new()), vec![3; 128]);
        drop(other);
        assert_eq!(w.event(), (ours, Seen::Closed));
    });
}

#[test]
fn one_flooding_peer_does_not_starve_another() {
    over_both("one_flooding_peer", |w| {
        let listening = w.listen();
        let noise = connect(&w.path(), &PeerPolicy::same_user()).unwrap();
        let loud = w.accept(listening);
        let quiet = connect(&w.path(), &PeerPolicy::same_user()).unwrap();
        let heard = w.accept(listening);
        while noise.try_send(&[1; 8]) == Ok(Sent::Sent) {}
        assert_eq!(quiet.try_send(&[2; 8]), Ok(Sent::Sent));
        let (mut before, mut found) = (0, false);
        while !found {
            w.io.poll(WAIT, &mut |token, _| {
                found |= token == heard;
                before += usize::from(token == loud && !found);
            })
            .unwrap();
            // Keep the flood up: the quiet peer must be heard all the same.
            while noise.try_send(&[1; 8]) == Ok(Sent::Sent) {}
        }
        assert!(before <= 256, "{before} frames of the flood came first");
    });
}

#[test]
fn removing_a_peer_closes_it_and_silences_it() {
    over_both("removing_a_peer", |w| {
        let (ours, other) = w.pair();
        w.io.remove(ours);
        w.io.remove(ours);
        let mut buffer = FrameBuffer::new();
        loop {
            w.io.poll(Some(Duration::ZERO), &mut |_, e| panic!("{e:?}")).unwrap();
            match other.try_recv(&mut buffer).unwrap() {
                Received::Closed => break,
                Received::WouldBlock => {}
                Received::Frame(_) => panic!("nothing was sent"),
            }
        }
        assert_eq!(other.try_send(&[1; 8]), Err(SendError::Closed));
        assert_eq!(w.io.peer(ours), None);
    });
}

#[test]
fn sockets_come_and_go_many_times() {
    over_both("sockets_come_and_go", |w| {
        let listening = w.listen();
        let mut tokens = BTreeSet::new();
        for n in 0..600_u64 {
            let other = connect(&w.path(), &PeerPolicy::same_user()).unwrap();
            let ours = w.accept(listening);
            assert!(tokens.insert(ours), "a token is never reused");
            assert_eq!(other.try_send(&numbered(n)), Ok(Sent::Sent));
            assert_eq!(w.event(), (ours, Seen::Frame(numbered(n).to_vec())));
            if n % 2 == 0 {
                drop(other);
                assert_eq!(w.event(), (ours, Seen::Closed));
            } else {
                w.io.remove(ours);
            }
        }
    });
}

#[test]
fn a_wait_without_events_ends_and_a_look_does_not_wait() {
    over_both("a_wait_without_events_ends", |w| {
        let (_ours, _other) = w.pair();
        for timeout in [Duration::ZERO, Duration::from_millis(1), Duration::from_micros(10)] {
            let count = w.io.poll(Some(timeout), &mut |_, e| panic!("{e:?}")).unwrap();
            assert_eq!(count, 0);
        }
    });
}

#[test]
fn a_peer_of_another_user_is_refused_and_the_listener_lives() {
    over_both("a_peer_of_another_user", |w| {
        let mine = connect_uid();
        let strangers = PeerPolicy::only(&[mine.wrapping_add(1)]);
        let listener = Listener::bind(&w.path(), strangers.clone()).unwrap();
        let listening = w.io.add_listener(listener).unwrap();
        let other = connect(&w.path(), &PeerPolicy::same_user()).unwrap();
        let (token, seen) = w.event();
        assert_eq!(token, listening);
        let refused = IpcError::PeerRefused { uid: mine, pid: std::process::id() };
        assert_eq!(seen, Seen::AcceptFailed(refused.to_string()));
        assert!(matches!(other.try_recv(&mut FrameBuffer::new()), Ok(Received::Closed)));
        let error = connect(&w.path(), &strangers).unwrap_err();
        assert!(matches!(error, IpcError::PeerRefused { .. }), "the client checks as well");
    });
}

fn connect_uid() -> u32 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid()
}

const PEER_SOCKET: &str = "CORELANE_IPC_TEST_PEER";

/// Not a test of its own: the process that `a_killed_peer_is_seen` kills.
#[test]
fn peer_process() {
    let Some(path) = std::env::var_os(PEER_SOCKET) else {
        return;
    };
    let connection = connect(Path::new(&path), &PeerPolicy::same_user()).unwrap();
    let _told = connection.try_send(&[9; 24]).unwrap();
    let mut buffer = FrameBuffer::new();
    while !matches!(connection.try_recv(&mut buffer), Ok(Received::Closed)) {
        std::thread::yield_now();
    }
}

#[test]
fn a_killed_peer_is_seen() {
    over_both("a_killed_peer_is_seen", |w| {
        let listening = w.listen();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "peer_process"])
            .env(PEER_SOCKET, w.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let ours = w.accept(listening);
        assert_eq!(w.io.peer(ours).unwrap().pid, child.id(), "the kernel's word for the peer");
        assert_eq!(w.event(), (ours, Seen::Frame(vec![9; 24])));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(w.event(), (ours, Seen::Closed));
    });
}

#[test]
fn dropping_a_back_end_with_receives_in_flight_closes_every_peer() {
    over_both("dropping_a_back_end", |w| {
        let (_ours, other) = w.pair();
        w.io.poll(Some(Duration::ZERO), &mut |_, _| {}).unwrap();
        let kind = BackendKind::from_name(w.io.name()).unwrap();
        drop(std::mem::replace(&mut w.io, open(kind).unwrap()));
        let mut buffer = FrameBuffer::new();
        while !matches!(other.try_recv(&mut buffer).unwrap(), Received::Closed) {
            std::thread::yield_now();
        }
    });
}
