//! Measures a request's round trip to a running server, over both socket back ends of the client.
//!
//! `cargo run --release -p corelane-signal --example round_trip -- SOCKET [COUNT] [PAUSE_US]`
//! Closed loop, one request in flight: from before `send` to after the answer is decoded, monotonic
//! clock, client spinning. `PAUSE_US` between requests lets a parked server fall asleep.
#![expect(clippy::print_stdout, reason = "it prints its table")]
#![expect(clippy::disallowed_methods, reason = "it measures, outside the station's clock")]

use bytemuck::{Zeroable, bytes_of};
use ipc::handshake::{ClientHandshake, Identity, Phase};
use ipc::{BackendKind, IoBackend, IoEvent, PeerPolicy, Sent, Token, connect, open};
use std::path::Path;
use std::time::{Duration, Instant};
use wire::handshake::Role;
use wire::signal::SignalRequest;
use wire::{Frame, InstrumentId, PriceTicks, QtyLots, decode};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1);
    let socket = args.next().ok_or("usage: round_trip SOCKET [COUNT] [PAUSE_US]")?;
    let count: usize = args.next().map_or(Ok(20_000), |a| a.parse())?;
    let pause = Duration::from_micros(args.next().map_or(Ok(0), |a| a.parse())?);
    for kind in BackendKind::ALL {
        match open(kind) {
            Ok(io) => measure(io, Path::new(&socket), count, pause)?,
            Err(error) => println!("{:<9} not here: {error}", kind.name()),
        }
    }
    Ok(())
}

fn measure(
    mut io: Box<dyn IoBackend>,
    socket: &Path,
    count: usize,
    pause: Duration,
) -> Outcome<()> {
    let token = io.add_connection(connect(socket, &PeerPolicy::same_user())?)?;
    let me = Identity::new(Role::Engine);
    let mut handshake = ClientHandshake::new(me, Role::Signal, 0, u64::MAX);
    send(&mut *io, token, bytes_of(&me.hello()))?;
    let mut peer = None;
    while peer.is_none() {
        look(&mut *io, &mut |frame| {
            if let Phase::Ready(info) = handshake.on_frame(frame) {
                peer = Some(info);
            }
        })?;
    }
    let mut request = window();
    let (mut trips, mut infers) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for id in 0..u64::try_from(count + 500)? {
        request.request_id = id;
        let rest = Instant::now();
        while rest.elapsed() < pause {
            std::hint::spin_loop();
        }
        let start = Instant::now();
        send(&mut *io, token, bytes_of(&request))?;
        let mut infer_ns = None;
        while infer_ns.is_none() {
            look(&mut *io, &mut |frame| {
                if let Ok(Frame::SignalResponse(answer)) = decode(frame) {
                    infer_ns = (answer.request_id == id).then_some(answer.infer_ns);
                }
            })?;
        }
        if id >= 500 {
            trips.push(u64::try_from(start.elapsed().as_nanos())?);
            infers.push(infer_ns.unwrap_or(0));
        }
    }
    let backend = peer.map_or(String::new(), |p| p.backend_text().to_owned());
    println!("client {:<8} server {backend:<16} {}", io.name(), line("round_trip_ns", trips));
    println!("{:<41}{}", "", line("infer_ns", infers));
    Ok(())
}

fn send(io: &mut dyn IoBackend, token: Token, frame: &[u8]) -> Outcome<()> {
    if io.send(token, frame)? == Sent::WouldBlock {
        return Err("the server's socket is full".into());
    }
    Ok(())
}

fn look(io: &mut dyn IoBackend, on_frame: &mut dyn FnMut(&[u8])) -> Outcome<()> {
    let mut closed = false;
    io.poll(Some(Duration::ZERO), &mut |_, event| match event {
        IoEvent::Frame(frame) => on_frame(frame),
        IoEvent::Accepted(_) | IoEvent::AcceptFailed(_) => {}
        IoEvent::Closed | IoEvent::Failed(_) => closed = true,
    })?;
    if closed { Err("the server closed the connection".into()) } else { Ok(()) }
}

fn window() -> SignalRequest {
    let mut request = SignalRequest::zeroed();
    request.header = wire::FrameHeader::new::<SignalRequest>();
    request.header.instrument_id = InstrumentId(0);
    request.sample_interval_ns = 100_000_000;
    request.snapshots = 10;
    request.levels = 10;
    for (n, level) in (0..).zip(request.window.iter_mut()) {
        level.ask_price_ticks = PriceTicks(600_001 + n % 10);
        level.bid_price_ticks = PriceTicks(600_000 - n % 10);
        level.ask_qty_lots = QtyLots(1_000 + 37 * n);
        level.bid_qty_lots = QtyLots(1_000 + 53 * n);
    }
    request
}

fn line(name: &str, mut values: Vec<u64>) -> String {
    values.sort_unstable();
    let at = |per_mille: usize| {
        let last = values.len().saturating_sub(1);
        values.get((values.len() * per_mille / 1000).min(last)).copied().unwrap_or(0)
    };
    format!(
        "{name:<14} n={} min={} p50={} p99={} p99_9={} max={}",
        values.len(),
        at(0),
        at(500),
        at(990),
        at(999),
        at(1000)
    )
}
