//! `corelane ctl`: one command to a running engine over its control socket, one answer.

mod frames;

pub use frames::shutdown_frame;

use crate::cli::{CtlArgs, CtlCommand};
use crate::output::Output;
pub(crate) use frames::Request;
use frames::Wish;
use ipc::handshake::{ClientHandshake, Identity, PeerInfo, Phase};
use ipc::{BackendKind, IoEvent, PeerPolicy, Sent, connect};
use serde_json::Value;
use station::config::control_socket;
use station::operator::{Failure, Line};
use std::path::{Path, PathBuf};
use std::time::Duration;
use wire::control::{Command, Control, ReplyCode};
use wire::exit::Exit;
use wire::handshake::Role;
use wire::{Frame, decode};

/// Longest wait for one step of the talk.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time between two looks at a halt on its way, and how many.
const HALT_LOOK: Duration = Duration::from_millis(20);
const HALT_LOOKS: u32 = 250;

/// Runs the command.
///
/// # Errors
/// `RESOURCE` where no engine answers, `CHECK_FAILED` where it refuses.
pub fn ctl(args: &CtlArgs) -> Result<(), Failure> {
    let wish = frames::wish(&args.command)?;
    let socket = match &args.socket {
        Some(path) => path.clone(),
        None => newest_socket(Path::new("runs"))?,
    };
    let mut talk = Talk::open(&socket)?;
    let text = match wish {
        Wish::Say(request) if matches!(args.command, CtlCommand::Halt { .. }) => {
            talk.want(&request)?;
            talk.halted()?
        }
        Wish::Say(request) => talk.want(&request)?,
        Wish::Limits => {
            let status = talk.status()?;
            format!("{:#}", status["limits"])
        }
        // What a name stands for is the engine's to say; it does not change while it runs.
        Wish::About(scope, build) => {
            let target = scope.find(&talk.status()?["names"])?;
            talk.want(&build(target))?
        }
    };
    let mut out = Output::stdout();
    out.line(format_args!("{text}"))?;
    out.finish()
}

/// Sends one control frame and waits for its answer.
///
/// # Errors
/// RESOURCE where no engine listens or answers.
pub fn ask(socket: &Path, control: &Control) -> Result<(ReplyCode, String), Failure> {
    Talk::open(socket)?.ask(&Request::of(control))
}

/// Has an engine take a command; its words.
///
/// # Errors
/// RESOURCE where none listens, `CHECK_FAILED` where it refuses.
pub(crate) fn command(
    socket: &Path,
    command: Command,
    argument: u64,
    reason: &str,
) -> Result<String, Failure> {
    Talk::open(socket)?.want(&Request::of(&frames::control(command, argument, reason)?))
}

/// An engine's status.
///
/// # Errors
/// RESOURCE where none answers.
pub(crate) fn status(socket: &Path) -> Result<Value, Failure> {
    Talk::open(socket)?.status()
}

/// A greeted connection to a process of ours.
pub(crate) struct Talk<'a> {
    socket: &'a Path,
    who: &'static str,
    io: Box<dyn ipc::IoBackend>,
    token: ipc::Token,
    peer: Option<PeerInfo>,
}

/// What came of one wait.
pub(crate) enum Heard {
    Frame(Vec<u64>),
    Nothing,
}

impl<'a> Talk<'a> {
    /// Connects to an engine and greets.
    fn open(socket: &'a Path) -> Result<Self, Failure> {
        Self::open_to(socket, Role::Engine, "engine")
    }

    /// Connects to a process that plays `role`, called `who` in messages, and greets.
    pub(crate) fn open_to(
        socket: &'a Path,
        role: Role,
        who: &'static str,
    ) -> Result<Self, Failure> {
        Self::open_as(socket, Role::Ctl, role, who)
    }

    /// The same as a process that plays `me`.
    pub(crate) fn open_as(
        socket: &'a Path,
        me: Role,
        role: Role,
        who: &'static str,
    ) -> Result<Self, Failure> {
        let refused = |error: ipc::IpcError| {
            unreached(socket, who, &format!("cannot reach the {who}"), &error.to_string())
        };
        let connection = connect(socket, &PeerPolicy::same_user()).map_err(refused)?;
        let mut io = ipc::open(BackendKind::Libc).map_err(refused)?;
        let token = io.add_connection(connection).map_err(refused)?;
        let mut talk = Self { socket, who, io, token, peer: None };
        let me = Identity::new(me);
        let mut handshake = ClientHandshake::new(me, role, 0, u64::MAX);
        talk.send(bytemuck::bytes_of(&me.hello()))?;
        loop {
            match handshake.phase() {
                Phase::Ready(peer) => {
                    talk.peer = Some(peer);
                    return Ok(talk);
                }
                Phase::Failed(error) => {
                    return Err(talk.unreached("handshake refused", &error.to_string()));
                }
                Phase::AwaitingAck { .. } => {}
            }
            if let Heard::Frame(frame) = talk.hear()? {
                handshake.on_frame(bytemuck::cast_slice(&frame));
            }
        }
    }

    /// What the other side said of itself.
    pub(crate) fn peer(&self) -> Option<PeerInfo> {
        self.peer
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self.io.send(self.token, bytes) {
            Ok(Sent::Sent) => Ok(()),
            Ok(Sent::WouldBlock) => Err(self.unreached("does not read", "its socket is full")),
            Err(error) => Err(self.unreached("cannot be sent to", &error.to_string())),
        }
    }

    /// The next frame, or nothing where something else happened on the socket.
    pub(crate) fn hear(&mut self) -> Result<Heard, Failure> {
        let mut heard = Heard::Nothing;
        let mut ended = None;
        let count = self
            .io
            .poll(Some(PATIENCE), &mut |_, event| match event {
                IoEvent::Frame(frame) => {
                    let mut words = vec![0_u64; frame.len().div_ceil(8)];
                    let bytes = bytemuck::cast_slice_mut::<u64, u8>(&mut words);
                    if let Some(head) = bytes.get_mut(..frame.len()) {
                        head.copy_from_slice(frame);
                    }
                    heard = Heard::Frame(words);
                }
                IoEvent::Closed => ended = Some("it closed the connection".to_owned()),
                IoEvent::Failed(error) => ended = Some(error.to_string()),
                IoEvent::Accepted(_) | IoEvent::AcceptFailed(_) => {}
            })
            .map_err(|error| {
                let what = format!("cannot hear the {}", self.who);
                unreached(self.socket, self.who, &what, &error.to_string())
            })?;
        if matches!(heard, Heard::Nothing) {
            if let Some(why) = ended {
                return Err(self.unreached("ended the talk", &why));
            }
            if count == 0 {
                let why = format!("no answer within {} s", PATIENCE.as_secs());
                return Err(self.unreached("does not answer", &why));
            }
        }
        Ok(heard)
    }

    /// Asks one thing.
    pub(crate) fn ask(&mut self, request: &Request) -> Result<(ReplyCode, String), Failure> {
        self.send(&request.frame)?;
        loop {
            if let Heard::Frame(frame) = self.hear()?
                && let Some(answer) = reply_of(bytemuck::cast_slice(&frame), request.id)
            {
                return Ok(answer);
            }
        }
    }

    /// Its words, where it does what it is asked.
    pub(crate) fn want(&mut self, request: &Request) -> Result<String, Failure> {
        let (code, text) = self.ask(request)?;
        if code == ReplyCode::Ok {
            return Ok(text);
        }
        let line = |text: &str| {
            Line::new(
                format!("the {} says {}", self.who, code.name()),
                format!("socket={} answer=\"{text}\"", self.socket.display()),
                next_of(self.who),
            )
        };
        // One line each: a limits file is refused with all its problems.
        Err(Failure { exit: Exit::CheckFailed, lines: text.lines().map(line).collect() })
    }

    /// Waits until a halt of the station is confirmed by the venue, and says what is left; what is not
    /// confirmed in time is said as well.
    fn halted(&mut self) -> Result<String, Failure> {
        let mut report = String::new();
        for _ in 0..HALT_LOOKS {
            let status = self.status()?;
            let count = |name: &str| status["counters"][name].as_u64().unwrap_or(0);
            let open = count("loop.open_orders");
            let gross = i128::from(count("loop.gross_e9"));
            let state = if open == 0 { "confirmed" } else { "NOT CONFIRMED YET" };
            report = format!(
                "halted, cancels {state}: orders_open={open} orders_unknown={} positions={} \
                 residual_gross={}.{:09}",
                count("loop.unknown_orders"),
                count("loop.positions"),
                gross / 1_000_000_000,
                gross % 1_000_000_000,
            );
            if status["mode"] == "HALTED" && open == 0 {
                return Ok(report);
            }
            std::thread::park_timeout(HALT_LOOK);
        }
        Ok(report)
    }

    fn status(&mut self) -> Result<Value, Failure> {
        let text = self.want(&Request::of(&frames::status()))?;
        serde_json::from_str(&text)
            .map_err(|error| self.unreached("gives a status that is not JSON", &error.to_string()))
    }

    pub(crate) fn unreached(&self, what: &str, why: &str) -> Failure {
        unreached(self.socket, self.who, &format!("the {} {what}", self.who), why)
    }
}

fn next_of(who: &str) -> &'static str {
    if who == "engine" { "look at `corelane ctl status`" } else { "look at `corelane models list`" }
}

fn unreached(socket: &Path, who: &str, what: &str, why: &str) -> Failure {
    Failure::new(
        Exit::Resource,
        what,
        format!("socket={} error=\"{why}\"", socket.display()),
        format!("check that the {who} runs and that --socket names its socket"),
    )
}

fn reply_of(frame: &[u8], request_id: u64) -> Option<(ReplyCode, String)> {
    match decode(frame) {
        Ok(Frame::ControlReply(reply, text)) if reply.request_id == request_id => {
            let code = ReplyCode::from_code(reply.code)?;
            Some((code, String::from_utf8_lossy(text).into_owned()))
        }
        _ => None,
    }
}

/// The mode of the newest run's engine, if one answers there.
pub(crate) fn newest_mode(runs: &Path) -> Option<String> {
    // A run that was killed leaves its socket file behind.
    let socket = newest_socket(runs).ok()?;
    let status = Talk::open(&socket).ok()?.status().ok()?;
    status["mode"].as_str().map(str::to_owned)
}

/// The control socket of the newest run that has one.
pub(crate) fn newest_socket(runs: &Path) -> Result<PathBuf, Failure> {
    let sockets = std::fs::read_dir(runs).into_iter().flatten().flatten().filter_map(|entry| {
        let path = control_socket(&entry.path());
        let made = std::fs::symlink_metadata(&path).ok()?.modified().ok()?;
        Some((made, path))
    });
    sockets.max().map(|(_, path)| path).ok_or_else(|| {
        Failure::new(
            Exit::Resource,
            "no running engine found",
            format!("looked_in={}", runs.display()),
            "start one with `corelane run`, or name its socket with --socket",
        )
    })
}
