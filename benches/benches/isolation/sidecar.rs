//! A signal sidecar that misbehaves, as a process of its own: this bench, started again with a
//! manner and the path of its socket.
//!
//! It speaks the real protocol (`sidecars/PROTOCOL.md`) up to the greeting; what comes then is its
//! manner's. Must never: outlive the bench, or greet badly (the bench waits for the greeting).

use bytemuck::{Zeroable, bytes_of};
use ipc::handshake::{Identity, accept};
use ipc::{BackendKind, IoBackend, IoEvent, Listener, PeerPolicy, Sent, Token, open};
use std::collections::VecDeque;
use std::error::Error;
use std::io::{Read as _, Write as _};
use std::os::unix::process::parent_id;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use wire::handshake::{HelloStatus, Role};
use wire::signal::{SignalRequest, SignalResponse, SignalStatus};
use wire::{Frame, FrameHeader, decode};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Longest sleep before it looks whether the bench is still there.
const NAP: Duration = Duration::from_millis(100);
/// Hash of the model it says it serves.
const MODEL_HASH: u64 = 0xabcd;
/// Frames a flood pushes between two looks at its socket.
const FLOOD: u64 = 64;
/// Answers held back before the oldest is given: more engine time than an answer lives.
const HELD: usize = 20;
/// Answers of a worker before it says that it may be killed.
const ANSWERS_A_LIFE: u64 = 3;
/// Words a busy one goes over, again and again: 4 MiB.
const STIRRED: usize = 1 << 19;

/// What it does once it has greeted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Takes requests and answers none: the least a connected sidecar can be.
    Idle,
    /// Answers all, and never sleeps: goes over more memory than its caches hold.
    Busy,
    /// Answers as an honest one, and is killed after a few answers and started again, for ever.
    Killed,
    /// The honest worker of [`Manner::Killed`].
    Worker,
    /// Answers all, and sends as many answers nobody asked for as the socket takes.
    Flooding,
    /// Sends its answers a byte a message.
    Drip,
    /// Sends noise of any length.
    Garbage,
    /// Sends the first half of each answer.
    Half,
    /// Puts the bits of a float that is no number where millionths are due.
    Nan,
    /// Answers all correctly, and too late.
    Stale,
    /// Names another model than it announced.
    WrongHash,
    /// Never takes a message after the greeting.
    NeverReading,
}

impl Manner {
    const ALL: [(Self, &'static str); 12] = [
        (Self::Idle, "idle"),
        (Self::Busy, "busy"),
        (Self::Killed, "killed"),
        (Self::Worker, "worker"),
        (Self::Flooding, "flooding"),
        (Self::Drip, "drip"),
        (Self::Garbage, "garbage"),
        (Self::Half, "half"),
        (Self::Nan, "nan"),
        (Self::Stale, "stale"),
        (Self::WrongHash, "wrong-hash"),
        (Self::NeverReading, "never-reading"),
    ];

    /// The word that starts it.
    pub(crate) fn word(self) -> &'static str {
        Self::ALL.iter().find(|(manner, _)| *manner == self).map_or("", |(_, word)| word)
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == word).map(|(manner, _)| *manner)
    }

    /// How long it may sleep on its sockets.
    fn nap(self) -> Duration {
        if matches!(self, Self::Busy | Self::Flooding) { Duration::ZERO } else { NAP }
    }
}

/// Runs the sidecar until the bench is gone.
pub(crate) fn run(word: &str, path: &Path) -> Outcome<()> {
    let manner = Manner::of(word).ok_or("no such manner")?;
    if manner == Manner::Killed {
        return kill_in_turn(path);
    }
    let mut io = open(BackendKind::Libc)?;
    io.add_listener(Listener::bind(path, PeerPolicy::same_user())?)?;
    let me = Identity::new(Role::Signal).with_model(MODEL_HASH, 1, "bench/cpu");
    let stirred = vec![1; if manner == Manner::Busy { STIRRED } else { 0 }];
    let bench = parent_id();
    let mut sidecar =
        Sidecar { io, me, manner, up: None, held: VecDeque::new(), answers: 0, noise: 1, stirred };
    while parent_id() == bench {
        sidecar.turn()?;
    }
    Ok(())
}

/// Starts workers and kills each with SIGKILL once it has said that it answered a few requests.
fn kill_in_turn(path: &Path) -> Outcome<()> {
    let bench = parent_id();
    while parent_id() == bench {
        let mut worker = Command::new(std::env::current_exe()?)
            .args(["sidecar", Manner::Worker.word()])
            .arg(path)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut said = [0];
        let heard = worker.stdout.as_mut().map(|out| out.read_exact(&mut said));
        worker.kill()?;
        worker.wait()?;
        heard.transpose()?;
    }
    Ok(())
}

struct Sidecar {
    io: Box<dyn IoBackend>,
    me: Identity,
    manner: Manner,
    /// The engine's connection, and whether it has greeted.
    up: Option<(Token, bool)>,
    held: VecDeque<SignalRequest>,
    answers: u64,
    noise: u64,
    stirred: Vec<u64>,
}

impl Sidecar {
    fn turn(&mut self) -> Outcome<()> {
        let mut frames = Vec::new();
        let (mut accepted, mut is_closed) = (None, false);
        let me = self.me;
        self.io.poll(Some(self.manner.nap()), &mut |_, event| match event {
            IoEvent::Accepted(connection) => accepted = Some(connection),
            IoEvent::Frame(frame) => frames.extend(taken(&me, frame)),
            IoEvent::Closed | IoEvent::Failed(_) => is_closed = true,
            IoEvent::AcceptFailed(_) => {}
        })?;
        for frame in frames {
            self.on_frame(frame)?;
        }
        if is_closed {
            self.up = None;
            self.held.clear();
        }
        if let Some(connection) = accepted {
            self.up = Some((self.io.add_connection(connection)?, false));
        }
        if self.manner == Manner::Flooding {
            self.flood();
        } else if self.manner == Manner::Busy {
            self.stir();
        }
        Ok(())
    }

    fn on_frame(&mut self, frame: Taken) -> Outcome<()> {
        match frame {
            Taken::Hello => {
                self.send(bytes_of(&self.me.ack(HelloStatus::Accepted)));
                self.up = self.up.map(|(token, _)| (token, true));
                // Without another look at its socket, until it is killed.
                let bench = parent_id();
                while self.manner == Manner::NeverReading && parent_id() == bench {
                    std::thread::park_timeout(NAP);
                }
            }
            Taken::Request(request) => self.on_request(&request)?,
        }
        Ok(())
    }

    fn on_request(&mut self, request: &SignalRequest) -> Outcome<()> {
        let good = answer(request);
        match self.manner {
            Manner::Idle | Manner::NeverReading | Manner::Killed => {}
            Manner::Busy | Manner::Flooding => self.send(bytes_of(&good)),
            Manner::Worker => {
                self.send(bytes_of(&good));
                self.answers += 1;
                if self.answers == ANSWERS_A_LIFE {
                    std::io::stdout().write_all(b"k")?;
                    std::io::stdout().flush()?;
                }
            }
            Manner::Drip => {
                for byte in bytes_of(&good).chunks(1) {
                    self.send(byte);
                }
            }
            Manner::Garbage => {
                let noise: Vec<u8> =
                    (0..=self.noise() % 4_096).map(|_| self.noise().to_le_bytes()[3]).collect();
                self.send(&noise);
            }
            Manner::Half => {
                let bytes = bytes_of(&good);
                self.send(&bytes[..bytes.len() / 2]);
            }
            Manner::Nan => {
                let bits = f32::NAN.to_bits();
                let score_e6 = bits.cast_signed();
                let nan = SignalResponse { score_e6, p_up_e6: bits, p_down_e6: bits, ..good };
                self.send(bytes_of(&nan));
            }
            Manner::Stale => {
                self.held.push_back(*request);
                if self.held.len() > HELD
                    && let Some(old) = self.held.pop_front()
                {
                    self.send(bytes_of(&answer(&old)));
                }
            }
            Manner::WrongHash => {
                self.send(bytes_of(&SignalResponse { model_hash: !MODEL_HASH, ..good }));
            }
        }
        Ok(())
    }

    /// Sends; what a full or dead socket does not take is lost.
    fn send(&mut self, bytes: &[u8]) {
        let _taken = self.offer(bytes);
    }

    fn offer(&mut self, bytes: &[u8]) -> bool {
        let token = self.up.map(|(token, _)| token);
        token.is_some_and(|token| matches!(self.io.send(token, bytes), Ok(Sent::Sent)))
    }

    fn flood(&mut self) {
        for _ in 0..FLOOD {
            let mut unasked = answer(&SignalRequest::zeroed());
            unasked.request_id = u64::MAX - self.noise() % 1_000;
            if !self.up.is_some_and(|(_, greeted)| greeted) || !self.offer(bytes_of(&unasked)) {
                return;
            }
        }
    }

    fn stir(&mut self) {
        let more = self.noise();
        // One word a line is enough to take the line; a part of it a turn, so that answers go on.
        let from = usize::try_from(more).unwrap_or(0) % 64 * (STIRRED / 64);
        for word in self.stirred.iter_mut().skip(from).take(STIRRED / 64).step_by(8) {
            *word = word.wrapping_mul(more | 1);
        }
    }

    /// Knuth's linear congruential generator: the same noise every time.
    fn noise(&mut self) -> u64 {
        self.noise = self.noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.noise >> 33
    }
}

/// A frame of the engine, copied out of the back end's buffer.
enum Taken {
    Hello,
    Request(Box<SignalRequest>),
}

fn taken(me: &Identity, frame: &[u8]) -> Option<Taken> {
    if let Ok(Frame::SignalRequest(request)) = decode(frame) {
        return Some(Taken::Request(Box::new(*request)));
    }
    accept(me, &[Role::Engine], frame).ok().map(|_| Taken::Hello)
}

fn answer(request: &SignalRequest) -> SignalResponse {
    SignalResponse {
        header: FrameHeader {
            instrument_id: request.header.instrument_id,
            ..FrameHeader::new::<SignalResponse>()
        },
        request_id: request.request_id,
        model_hash: MODEL_HASH,
        score_e6: 600_000,
        generation: 1,
        batch: 1,
        status: SignalStatus::Ok.code(),
        ..Zeroable::zeroed()
    }
}
