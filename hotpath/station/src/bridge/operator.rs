//! What an operator's frame leads to: a command, a limit change or a limits file, judged and handed
//! to the loop, and an answer.
//!
//! Must never: hand on a header as it came, or wait for the loop. The bridge's thread runs it.

use super::control::{self, Asked, Verdict};
use super::{Bridge, Token};
use crate::inputs;
use crate::limits::changes::Target;
use serde_json::json;
use wire::control::{Command, Control, ReplyCode};
use wire::counters::Counter;
use wire::risk::{LimitChange, LimitsEpoch};
use wire::{FrameHeader, TsNs};

const TAKEN: &str = "taken up: see status for its effect";
const NO_ROOM: &str = "the loop has no room; try again";

impl Bridge {
    pub(super) fn on_command(&mut self, token: Token, frame: &[u8]) {
        let Some(asked) = control::asked(frame) else {
            let text = "not a command";
            self.answer(token, &control::reply(0, ReplyCode::Malformed, text));
            self.counters.add(Counter::BridgeRefused, 1);
            return;
        };
        self.counters.add(Counter::BridgeCommands, 1);
        let (id, outcome) = match asked {
            Asked::Control(command) => (command.request_id, self.command(&command)),
            Asked::Change(change) => (change.change_id, self.change(&change)),
            Asked::Load(epoch) => (epoch.epoch, self.load(&epoch)),
        };
        let (code, text) = match outcome {
            Ok(text) => (ReplyCode::Ok, text),
            Err(why) => (ReplyCode::Refused, why),
        };
        self.answer(token, &control::reply(id, code, &text));
    }

    fn command(&mut self, command: &Control) -> Result<String, String> {
        let mode = control::mode_of(&self.counters);
        match control::judge(command, mode, &self.shared, &self.desk) {
            Verdict::Status => {
                let peer = self.servers.as_ref().and_then(|servers| servers.serving().peer());
                let mut status = control::status(&self.counters, &self.shared, &self.desk, peer);
                if let Some(signal) = status["signal"].as_object_mut() {
                    signal.insert("standby".to_owned(), json!(self.standby()));
                }
                Ok(status.to_string())
            }
            Verdict::Stop => {
                self.shared.request_stop();
                Ok("taken up: orders are canceled, then the session ends".to_owned())
            }
            Verdict::Forward(target) if self.forward(command, target) => Ok(TAKEN.to_owned()),
            Verdict::Forward(_) => Err(NO_ROOM.to_owned()),
            Verdict::Refuse(why) => Err(why),
        }
    }

    fn change(&mut self, change: &LimitChange) -> Result<String, String> {
        self.not_ending()?;
        let frame = self.desk.tighten(change)?;
        if !self.push(bytemuck::bytes_of(&frame)) {
            return Err(NO_ROOM.to_owned());
        }
        Ok(self.desk.tightened(&frame))
    }

    fn load(&mut self, epoch: &LimitsEpoch) -> Result<String, String> {
        self.not_ending()?;
        let said = self.desk.load(epoch, control::mode_of(&self.counters))?;
        self.note("limits file is taken up", said.clone(), "");
        Ok(said)
    }

    fn not_ending(&self) -> Result<(), String> {
        if self.shared.is_ending() { Err(control::ENDING.to_owned()) } else { Ok(()) }
    }

    /// Hands on as much of a limits file as the loop has room for: it holds from its commit.
    pub(super) fn pass_limits(&mut self) -> usize {
        let mut passed = 0;
        while let Some(frame) = self.desk.upcoming() {
            // Half of the ring stays free for commands and scores.
            let to_loop = &mut self.ports.to_loop;
            if to_loop.free() < to_loop.capacity() / 2
                || !to_loop.push([self.clock.cycles(), 0], frame)
            {
                break;
            }
            self.desk.passed();
            passed += 1;
        }
        passed
    }

    /// Hands a command to the loop, which stamps it with the engine's present.
    fn forward(&mut self, command: &Control, target: Target) -> bool {
        let mut header = FrameHeader::new::<Control>();
        target.put(&mut header);
        let frame = Control { header, reserved: [0; 7], ..*command };
        self.push(bytemuck::bytes_of(&frame))
    }

    /// Pulls the station's kill switch; `false` where the loop has no room for it yet.
    pub fn halt(&mut self, reason: &str) -> bool {
        let halt = inputs::control(Command::Halt, 0, reason, TsNs::UNDEF);
        self.push(bytemuck::bytes_of(&halt))
    }

    pub(super) fn push(&mut self, frame: &[u8]) -> bool {
        self.ports.to_loop.push([self.clock.cycles(), 0], frame)
    }

    fn answer(&mut self, token: Token, frame: &[u8]) {
        // A peer that does not read its answers is disconnected.
        if !matches!(self.io.send(token, frame), Ok(ipc::Sent::Sent)) {
            self.refuse(token);
        }
    }
}
