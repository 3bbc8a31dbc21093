//! Round trips through the socket and through shared memory, interleaved in one run.
//!
//! `cargo run --release -p corelane-ipc --example transports [-- ROUNDS]`
//! Starts itself a second time as the answerer, which copies a request, decodes it and answers with
//! 96 bytes; no model. Closed loop, one request in flight, from before the send to after the answer
//! is decoded, monotonic clock. Both sides wait the same way: `busy` spins, `yield` offers the CPU in
//! between, `park` sleeps on the socket. Bursts of the two transports alternate; the first requests
//! of a burst are not counted, the answerer then looks where the frames come from. `ping` is a
//! request of 96 bytes instead of 3,272: what remains is the way, not the copy.
#![expect(clippy::print_stdout, reason = "it prints its table")]
#![expect(clippy::disallowed_methods, reason = "it measures, outside the station's clock")]

use bytemuck::{Zeroable, bytes_of};
use corelane_ipc::handshake::{Identity, accept};
use corelane_ipc::shm::{End, Offer, Put};
use corelane_ipc::{
    BackendKind, Connection, FrameBuffer, IoBackend, IoEvent, Listener, PeerPolicy, Received, Sent,
    Token, connect, open,
};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use wire::handshake::{Doorbell, HelloStatus, Role};
use wire::signal::{SignalRequest, SignalResponse};
use wire::{Frame, FrameHeader, decode};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Requests of a burst, and how many of them are not counted.
const BURST: u64 = 300;
const WARM: u64 = 60;
/// Looks into memory between two looks at the socket.
const SOCKET_EVERY: u32 = 64;
/// A parked answerer looks at the other connection so often.
const NAP: Duration = Duration::from_millis(1);
const WAITS: [&str; 3] = ["busy", "yield", "park"];
const NAMES: [&str; 2] = ["socket", "shm"];

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["answer", path, wait] => answerer(Path::new(path), wait),
        [] => measure(50),
        [rounds] => measure(rounds.parse()?),
        _ => Err("usage: transports [ROUNDS]".into()),
    }
}

/// One connection, over the socket alone or with memory.
struct Way {
    io: Box<dyn IoBackend>,
    token: Token,
    end: Option<End>,
    buffer: FrameBuffer,
    looks: u32,
}

impl Way {
    fn new(connection: Connection, end: Option<End>) -> Outcome<Self> {
        let mut io = open(BackendKind::Libc)?;
        let token = io.add_connection(connection)?;
        Ok(Self { io, token, end, buffer: FrameBuffer::new(), looks: 0 })
    }

    fn send(&mut self, frame: &[u8]) -> Outcome<()> {
        let bell = Doorbell { header: FrameHeader::new::<Doorbell>() };
        let by_socket = match self.end.as_mut().map(|end| end.try_send(frame)).transpose()? {
            None => frame,
            Some(Put::Quiet) => return Ok(()),
            Some(Put::Bell) => bytes_of(&bell),
            Some(Put::Full) => return Err("the ring is full".into()),
        };
        match self.io.send(self.token, by_socket)? {
            Sent::Sent => Ok(()),
            Sent::WouldBlock => Err("the socket is full".into()),
        }
    }

    /// Hands on what is there, sleeping at most so long for it.
    fn look(&mut self, sleep: Duration, on_frame: &mut dyn FnMut(&[u8])) -> Outcome<()> {
        self.looks = self.looks.wrapping_add(1);
        let mut sleep = sleep;
        if let Some(end) = &mut self.end {
            if let Some(frame) = end.try_recv(&mut self.buffer)? {
                on_frame(frame);
                return Ok(());
            }
            if sleep.is_zero() && !self.looks.is_multiple_of(SOCKET_EVERY) {
                return Ok(());
            }
            if !sleep.is_zero() && !end.park()? {
                sleep = Duration::ZERO;
            }
        }
        let mut is_closed = false;
        self.io.poll(Some(sleep), &mut |_, event| match event {
            IoEvent::Frame(frame) if matches!(decode(frame), Ok(Frame::Doorbell(_))) => {}
            IoEvent::Frame(frame) => on_frame(frame),
            IoEvent::Accepted(_) | IoEvent::AcceptFailed(_) => {}
            IoEvent::Closed | IoEvent::Failed(_) => is_closed = true,
        })?;
        if let Some(end) = &mut self.end {
            end.unpark();
        }
        if is_closed { Err("closed".into()) } else { Ok(()) }
    }
}

fn idle(wait: &str) {
    match wait {
        "busy" => std::hint::spin_loop(),
        "yield" => std::thread::yield_now(),
        _ => {}
    }
}

/// The other process: two connections, answered until they close.
fn answerer(path: &Path, wait: &str) -> Outcome<()> {
    let listener = Listener::bind(path, PeerPolicy::same_user())?;
    let mut ways = [greeted(&listener)?, greeted(&listener)?];
    let nap = if wait == "park" { NAP } else { Duration::ZERO };
    let (mut hot, mut looks) = (0, 0_u32);
    loop {
        looks = looks.wrapping_add(1);
        let other = wait == "park" || looks.is_multiple_of(SOCKET_EVERY);
        let turns = [(hot, nap), (1 - hot, Duration::ZERO)];
        let mut found = false;
        for (nth, sleep) in turns.into_iter().take(1 + usize::from(other)) {
            let Some(way) = ways.get_mut(nth) else { continue };
            let mut answer = None;
            let looked = way.look(sleep, &mut |frame| answer = answered(frame));
            if looked.is_err() {
                return Ok(()); // The measuring side is done.
            }
            if let Some(answer) = answer {
                way.send(bytes_of(&answer))?;
                (hot, found) = (nth, true);
            }
        }
        if !found {
            idle(wait);
        }
    }
}

fn answered(frame: &[u8]) -> Option<SignalResponse> {
    let decoded = decode(frame).ok()?;
    if let Frame::SignalRequest(request) = decoded {
        Some(response(request.request_id))
    } else if let Frame::SignalResponse(ping) = decoded {
        Some(response(ping.request_id))
    } else {
        None
    }
}

fn response(request_id: u64) -> SignalResponse {
    let header = FrameHeader::new::<SignalResponse>();
    SignalResponse { header, request_id, status: b'0', ..Zeroable::zeroed() }
}

fn greeted(listener: &Listener) -> Outcome<Way> {
    let mut buffer = FrameBuffer::new();
    let connection = loop {
        if let Some(connection) = listener.accept()? {
            break connection;
        }
        std::thread::yield_now();
    };
    let me = Identity::new(Role::Signal);
    let engine = loop {
        match connection.try_recv(&mut buffer)? {
            Received::Frame(frame) => break accept(&me, &[Role::Engine], frame)?,
            Received::WouldBlock => std::thread::yield_now(),
            Received::Closed => return Err("closed".into()),
        }
    };
    let fd = connection.take_passed().filter(|_| engine.shared_memory);
    let end = fd.map(|fd| End::take(&fd)).transpose()?;
    let ack = me.with_shared_memory(end.is_some()).ack(HelloStatus::Accepted);
    let _sent = connection.try_send(bytes_of(&ack))?;
    Way::new(connection, end)
}

fn connected(path: &Path, shared: bool) -> Outcome<Way> {
    let connection = loop {
        match connect(path, &PeerPolicy::same_user()) {
            Ok(connection) => break connection,
            Err(error) if error.is_transient() => std::thread::yield_now(),
            Err(error) => return Err(error.into()),
        }
    };
    let hello = Identity::new(Role::Engine).with_shared_memory(shared).hello();
    let offer = shared.then(Offer::new).transpose()?;
    let _sent = match &offer {
        Some(offer) => connection.try_send_passing(bytes_of(&hello), offer.fd())?,
        None => connection.try_send(bytes_of(&hello))?,
    };
    let mut way = Way::new(connection, None)?;
    let mut is_there = false;
    while !is_there {
        way.look(Duration::ZERO, &mut |_ack| is_there = true)?;
    }
    way.end = offer.map(Offer::taken);
    Ok(way)
}

/// Nanoseconds of the counted round trips of one burst.
fn burst(way: &mut Way, wait: &str, ping: bool, trips: &mut Vec<u64>) -> Outcome<()> {
    let nap = if wait == "park" { Duration::from_secs(1) } else { Duration::ZERO };
    let mut request = SignalRequest::zeroed();
    request.header = FrameHeader::new::<SignalRequest>();
    (request.snapshots, request.levels) = (10, 10);
    for id in 0..BURST {
        request.request_id = id;
        let small = response(id);
        let start = Instant::now();
        way.send(if ping { bytes_of(&small) } else { bytes_of(&request) })?;
        let mut is_back = false;
        while !is_back {
            way.look(nap, &mut |frame| {
                is_back =
                    matches!(decode(frame), Ok(Frame::SignalResponse(r)) if r.request_id == id);
            })?;
            if !is_back {
                idle(wait);
            }
        }
        if id >= WARM {
            trips.push(u64::try_from(start.elapsed().as_nanos())?);
        }
    }
    Ok(())
}

fn measure(rounds: usize) -> Outcome<()> {
    let dir = std::env::temp_dir().join(format!("corelane-transports-{}", std::process::id()));
    println!(
        "round trip, nanoseconds; request 3272 bytes (ping 96), answer 96 bytes; {rounds} bursts"
    );
    for wait in WAITS {
        let path = dir.join(format!("{wait}.sock"));
        let mut child = Command::new(std::env::current_exe()?)
            .args(["answer", &path.display().to_string(), wait])
            .spawn()?;
        let mut ways = [connected(&path, false)?, connected(&path, true)?];
        let mut trips: [[Vec<u64>; 2]; 2] = Default::default();
        for round in 0..rounds {
            for step in 0..4 {
                // Another order every round, so that neither always comes first.
                let (nth, ping) = ((step + round) % 2, step / 2);
                let (Some(way), Some(kept)) = (ways.get_mut(nth), trips.get_mut(nth)) else {
                    continue;
                };
                burst(way, wait, ping == 1, &mut kept[ping])?;
            }
        }
        drop(ways);
        child.wait()?;
        for (name, kept) in NAMES.iter().zip(trips) {
            for (what, values) in ["request", "ping"].iter().zip(kept) {
                println!("{wait:<6} {name:<7} {what:<8} {}", line(values));
            }
        }
    }
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

fn line(mut values: Vec<u64>) -> String {
    values.sort_unstable();
    let at = |per_mille: usize| {
        let last = values.len().saturating_sub(1);
        values.get((values.len() * per_mille / 1000).min(last)).copied().unwrap_or(0)
    };
    let [min, p50, p99, p99_9, max] = [0, 500, 990, 999, 1000].map(at);
    format!("n={} min={min} p50={p50} p99={p99} p99_9={p99_9} max={max}", values.len())
}
