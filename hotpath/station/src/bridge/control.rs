//! The control socket: what an operator may ask, and the answers.
//!
//! Peers are of the same user (checked by the kernel's word) and greet first. A command that the
//! loop must carry out becomes an input frame; the answer says that it was taken up, not that it
//! had its effect: the status shows that. Must never: change the engine past its inputs. The
//! bridge's thread runs it.

use crate::counters::Counters;
use crate::shared::Shared;
use engine::mode::{ModeEvent, transition};
use ipc::handshake::{self, Identity, PeerInfo};
use serde_json::{Map, Value, json};
use std::mem::size_of;
use wire::control::{Command, Control, ControlReply, ReplyCode};
use wire::counters::Counter;
use wire::handshake::{HelloStatus, Role};
use wire::instrument::text_of;
use wire::station::Mode;
use wire::{Frame, FrameHeader, FrameKind};

/// What is to happen with a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Tell the state.
    Status,
    /// Hand the frame to the loop.
    Forward,
    /// End the session.
    Stop,
    /// Refuse, with the reason.
    Refuse(String),
}

/// The mode the loop last published.
pub(crate) fn mode_of(counters: &Counters) -> Mode {
    let code = u8::try_from(counters.get(Counter::LoopMode)).ok();
    code.and_then(Mode::from_code).unwrap_or(Mode::Boot)
}

/// Judges a command in the present state.
pub(crate) fn judge(control: &Control, mode: Mode, shared: &Shared) -> Verdict {
    let command = Command::from_code(control.command);
    if command == Some(Command::Status) {
        return Verdict::Status;
    }
    if shared.is_ending() {
        return Verdict::Refuse("the session is ending".to_owned());
    }
    match command {
        Some(Command::Status) => Verdict::Status,
        Some(Command::Shutdown) => Verdict::Stop,
        Some(Command::Resume) if text_of(&control.reason).trim().is_empty() => {
            Verdict::Refuse("a resume needs a reason".to_owned())
        }
        Some(Command::Resume) if mode != Mode::Halted => {
            Verdict::Refuse(format!("mode is {}, not HALTED", mode.name()))
        }
        Some(Command::Halt | Command::Resume) => Verdict::Forward,
        Some(Command::Mode) => {
            match u8::try_from(control.argument).ok().and_then(Mode::from_code) {
                None => Verdict::Refuse("no such mode".to_owned()),
                Some(to) if transition(mode, ModeEvent::Command(to)).is_none() => {
                    let (from, to) = (mode.name(), to.name());
                    Verdict::Refuse(format!("no command leads from {from} to {to}"))
                }
                Some(_) => Verdict::Forward,
            }
        }
        Some(
            Command::Flatten
            | Command::Rearm
            | Command::Roll
            | Command::Adopt
            | Command::Accept
            | Command::Mute
            | Command::Model,
        )
        | None => Verdict::Refuse("no such command".to_owned()),
    }
}

/// Judges a peer's first frame. The answer to send, and whether the peer may stay.
pub(crate) fn greet(me: &Identity, frame: &[u8]) -> (wire::handshake::HelloAck, bool) {
    match handshake::accept(me, &[Role::Ctl], frame) {
        Ok(_) => (me.ack(HelloStatus::Accepted), true),
        Err(error) => (me.ack(error.status().unwrap_or(HelloStatus::Role)), false),
    }
}

/// The command in a frame, if it is one.
pub(crate) fn command_of(frame: &[u8]) -> Option<Control> {
    match wire::decode(frame) {
        Ok(Frame::Control(control)) => Some(*control),
        _ => None,
    }
}

/// An answer as a frame; text that does not fit is cut at a character.
pub(crate) fn reply(request_id: u64, code: ReplyCode, text: &str) -> Vec<u8> {
    let head = size_of::<ControlReply>();
    let mut end = text.len().min(wire::frame::MAX_FRAME_BYTES - head);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text.as_bytes().get(..end).unwrap_or(&[]);
    let len = head + text.len().next_multiple_of(8);
    let reply = ControlReply {
        header: FrameHeader::with_len(FrameKind::ControlReply, len),
        request_id,
        text_len: u32::try_from(text.len()).unwrap_or(0),
        code: code.code(),
        reserved: [0; 3],
    };
    let mut frame = bytemuck::bytes_of(&reply).to_vec();
    frame.extend_from_slice(text);
    frame.resize(len, 0);
    frame
}

/// The state as JSON, for `corelane ctl status`.
pub(crate) fn status(counters: &Counters, shared: &Shared, peer: Option<&PeerInfo>) -> Value {
    let values: Map<String, Value> = Counter::ALL
        .iter()
        .map(|counter| (counter.name().to_owned(), json!(counters.get(*counter))))
        .collect();
    json!({
        "mode": mode_of(counters).name(),
        "pid": std::process::id(),
        "engine_time_ns": counters.get(Counter::LoopEngineTime),
        "ending": shared.is_ending(),
        "killed": shared.is_killed(),
        "record_failed": shared.is_record_failed(),
        "signal": {
            "up": peer.is_some(),
            "backend": peer.map(PeerInfo::backend_text),
            "model_hash": peer.map(|peer| format!("{:016x}", peer.model_hash)),
            "generation": peer.map(|peer| peer.generation),
        },
        "counters": values,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs::{ask_mode, control};
    use wire::TsNs;

    #[test]
    fn commands_are_judged_by_mode_and_reason() {
        let shared = Shared::default();
        let resume = |reason| control(Command::Resume, 0, reason, TsNs::UNDEF);
        let refused = |verdict| matches!(verdict, Verdict::Refuse(_));
        assert!(refused(judge(&resume(" "), Mode::Halted, &shared)), "no reason");
        assert!(refused(judge(&resume("fixed"), Mode::Live, &shared)), "not halted");
        assert_eq!(judge(&resume("fixed"), Mode::Halted, &shared), Verdict::Forward);
        let live = ask_mode(Mode::Live, "", TsNs::UNDEF);
        assert_eq!(judge(&live, Mode::Maintenance, &shared), Verdict::Forward);
        assert!(refused(judge(&live, Mode::Halted, &shared)));
        let halt = control(Command::Halt, 0, "", TsNs::UNDEF);
        for mode in Mode::ALL {
            assert_eq!(judge(&halt, *mode, &shared), Verdict::Forward);
        }
        shared.begin_end();
        assert!(refused(judge(&live, Mode::Maintenance, &shared)), "ending");
        let status = control(Command::Status, 0, "", TsNs::UNDEF);
        assert_eq!(judge(&status, Mode::Live, &shared), Verdict::Status);
    }

    #[test]
    fn a_reply_of_any_length_decodes() {
        for len in [0, 1, 7, 8, 9, 70_000] {
            let words = reply(9, ReplyCode::Ok, &"\u{e9}".repeat(len));
            let mut aligned = vec![0_u64; words.len() / 8];
            bytemuck::cast_slice_mut(&mut aligned).copy_from_slice(&words);
            let decoded = wire::decode(bytemuck::cast_slice(&aligned));
            assert!(matches!(decoded, Ok(Frame::ControlReply(head, _)) if head.request_id == 9));
        }
    }
}
