//! `corelane ctl`: one command to a running engine over its control socket, one answer.

use crate::cli::{CtlArgs, CtlCommand};
use crate::output::Output;
use ipc::handshake::{ClientHandshake, Identity, Phase};
use ipc::{BackendKind, IoEvent, PeerPolicy, Sent, connect};
use station::config::control_socket;
use station::operator::Failure;
use std::path::{Path, PathBuf};
use std::time::Duration;
use wire::control::{Command, Control, ReplyCode};
use wire::exit::Exit;
use wire::handshake::Role;
use wire::instrument::padded;
use wire::station::Mode;
use wire::{Frame, FrameHeader, decode};

/// Longest wait for one step of the talk.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs the command.
///
/// # Errors
/// `RESOURCE` where no engine answers, `CHECK_FAILED` where it refuses.
pub fn ctl(args: &CtlArgs) -> Result<(), Failure> {
    let control = frame_of(&args.command)?;
    let socket = match &args.socket {
        Some(path) => path.clone(),
        None => newest_socket(Path::new("runs"))?,
    };
    let (code, text) = ask(&socket, &control)?;
    if code != ReplyCode::Ok {
        return Err(Failure::new(
            Exit::CheckFailed,
            format!("the engine says {}", code.name()),
            format!("socket={} answer=\"{text}\"", socket.display()),
            "look at `corelane ctl status`",
        ));
    }
    let mut out = Output::stdout();
    out.line(format_args!("{text}"))?;
    out.finish()
}

/// Sends one control frame and waits for its answer.
///
/// # Errors
/// RESOURCE where no engine listens or answers.
pub fn ask(socket: &Path, control: &Control) -> Result<(ReplyCode, String), Failure> {
    let fail = |what: &str, why: String| {
        Failure::new(
            Exit::Resource,
            what,
            format!("socket={} error=\"{why}\"", socket.display()),
            "check that an engine runs and that --socket names its control socket",
        )
    };
    let refused = |why: ipc::IpcError| fail("cannot reach the engine", why.to_string());
    let connection = connect(socket, &PeerPolicy::same_user()).map_err(refused)?;
    let mut io = ipc::open(BackendKind::Libc).map_err(refused)?;
    let token = io.add_connection(connection).map_err(refused)?;
    let me = Identity::new(Role::Ctl);
    let mut handshake = ClientHandshake::new(me, Role::Engine, 0, u64::MAX);
    let send = |io: &mut Box<dyn ipc::IoBackend>, bytes: &[u8]| match io.send(token, bytes) {
        Ok(Sent::Sent) => Ok(()),
        Ok(Sent::WouldBlock) => Err(fail("the engine does not read", "its socket is full".into())),
        Err(error) => Err(fail("cannot send to the engine", error.to_string())),
    };
    send(&mut io, bytemuck::bytes_of(&me.hello()))?;
    let mut asked = false;
    loop {
        let mut answer = None;
        let mut ended = None;
        let heard = io
            .poll(Some(PATIENCE), &mut |_, event| match event {
                IoEvent::Frame(frame) if !asked => {
                    handshake.on_frame(frame);
                }
                IoEvent::Frame(frame) => answer = reply_of(frame, control.request_id),
                IoEvent::Closed => ended = Some("it closed the connection".to_owned()),
                IoEvent::Failed(error) => ended = Some(error.to_string()),
                IoEvent::Accepted(_) | IoEvent::AcceptFailed(_) => {}
            })
            .map_err(refused)?;
        if let Some(answer) = answer {
            return Ok(answer);
        }
        if let Some(why) = ended {
            return Err(fail("the engine ended the talk", why));
        }
        if heard == 0 {
            let why = format!("no answer within {} s", PATIENCE.as_secs());
            return Err(fail("the engine does not answer", why));
        }
        match handshake.phase() {
            Phase::Ready(_) if !asked => {
                send(&mut io, bytemuck::bytes_of(control))?;
                asked = true;
            }
            Phase::Failed(error) => return Err(fail("handshake refused", error.to_string())),
            Phase::Ready(_) | Phase::AwaitingAck { .. } => {}
        }
    }
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

fn frame_of(command: &CtlCommand) -> Result<Control, Failure> {
    let (command, argument, reason) = match command {
        CtlCommand::Status => (Command::Status, 0, ""),
        CtlCommand::Halt { reason } => (Command::Halt, 0, reason.as_str()),
        CtlCommand::Resume { reason } => (Command::Resume, 0, reason.as_str()),
        CtlCommand::Mode { mode } => (Command::Mode, mode_code(mode)?, ""),
        CtlCommand::Shutdown => (Command::Shutdown, 0, ""),
    };
    let reason = padded::<64>(reason).ok_or_else(|| {
        Failure::new(
            Exit::Arguments,
            "the reason is too long",
            format!("bytes={} allowed=64", reason.len()),
            "say it shorter",
        )
    })?;
    Ok(control_of(command, argument, reason))
}

/// The frame that asks an engine for an orderly end.
#[must_use]
pub fn shutdown_frame() -> Control {
    control_of(Command::Shutdown, 0, [0; 64])
}

fn control_of(command: Command, argument: u64, reason: [u8; 64]) -> Control {
    Control {
        header: FrameHeader::new::<Control>(),
        request_id: u64::from(std::process::id()),
        argument,
        command: command.code(),
        reserved: [0; 7],
        reason,
    }
}

fn mode_code(name: &str) -> Result<u64, Failure> {
    let found = Mode::ALL.iter().find(|mode| mode.name().eq_ignore_ascii_case(name));
    found.map(|mode| u64::from(mode.code())).ok_or_else(|| {
        let known: Vec<&str> = Mode::ALL.iter().map(|mode| mode.name()).collect();
        Failure::new(
            Exit::Arguments,
            "unknown mode",
            format!("mode={name} allowed={}", known.join(",")),
            "name one of the allowed modes",
        )
    })
}

/// The control socket of the newest run that has one.
fn newest_socket(runs: &Path) -> Result<PathBuf, Failure> {
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
