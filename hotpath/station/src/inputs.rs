//! Inputs the station makes on its own account: what an engine must know before its first event, the
//! start mode, a halt, the end.
//!
//! They are frames like all others, numbered and recorded. Runs on any thread; only the inputs of a
//! start allocate.

use crate::limits::changes::stage;
use engine::Engine;
use wire::control::{Command, Control};
use wire::instrument::padded;
use wire::reconcile::{SessionState, VenueSession};
use wire::risk::{EpochStage, RiskField, RiskInput};
use wire::station::Mode;
use wire::{FrameHeader, TsNs};

/// A command with a reason; a reason beyond 64 bytes is cut.
#[must_use]
pub fn control(command: Command, argument: u64, reason: &str, at: TsNs) -> Control {
    let mut header = FrameHeader::new::<Control>();
    header.ts_recv_ns = at;
    let mut end = reason.len().min(64);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    Control {
        header,
        request_id: 0,
        argument,
        command: command.code(),
        reserved: [0; 7],
        reason: reason.get(..end).and_then(padded).unwrap_or([0; 64]),
    }
}

/// Asks for a mode.
#[must_use]
pub fn ask_mode(mode: Mode, reason: &str, at: TsNs) -> Control {
    control(Command::Mode, u64::from(mode.code()), reason, at)
}

/// What an engine must know before its first event, as frames: its clock is in step (engine time is
/// the recording's own), what earlier sessions left, which limits it begins with, and that the order
/// sessions are up, upon which it asks each venue for everything open.
#[must_use]
pub fn start_inputs(engine: &Engine, carried: &[RiskInput], at: TsNs) -> Vec<Vec<u8>> {
    let clock = RiskInput::new(RiskField::ClockOffset, 0);
    let mut frames: Vec<Vec<u8>> = Vec::new();
    for input in core::iter::once(&clock).chain(carried) {
        let mut input = *input;
        input.header.ts_recv_ns = at;
        frames.push(bytemuck::bytes_of(&input).to_vec());
    }
    // Which limits the session begins with, for the record; their values are in the configuration.
    let limits = engine.operator_limits();
    let mut epoch = stage(limits.epoch, limits.sha256, EpochStage::Running);
    epoch.header.ts_recv_ns = at;
    frames.push(bytemuck::bytes_of(&epoch).to_vec());
    for venue in engine.venues() {
        let mut session = VenueSession::new(venue.id, SessionState::Up);
        session.header.ts_recv_ns = at;
        frames.push(bytemuck::bytes_of(&session).to_vec());
    }
    frames
}

/// How many approvals the edge has spent.
#[must_use]
pub fn wire_count(spent: u64, at: TsNs) -> RiskInput {
    let mut input = RiskInput::new(RiskField::WireCount, i64::try_from(spent).unwrap_or(i64::MAX));
    input.header.ts_recv_ns = at;
    input
}

/// The configured start mode: asked for once, when the engine has reconciled.
#[derive(Clone, Copy, Debug)]
pub struct StartMode {
    wanted: Option<Mode>,
}

impl StartMode {
    /// A start that ends in `mode`.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        Self { wanted: (mode != Mode::Maintenance).then_some(mode) }
    }

    /// The command that is due in the engine's present mode, once.
    pub fn due(&mut self, mode: Mode, at: TsNs) -> Option<Control> {
        if mode != Mode::Maintenance {
            return None;
        }
        self.wanted.take().map(|wanted| ask_mode(wanted, "session.start_mode", at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn station_commands_decode_and_long_reasons_are_cut_at_a_character() {
        let reason = format!("{}\u{e4}", "x".repeat(63));
        let frame = control(Command::Halt, 0, &reason, TsNs(5));
        assert!(wire::decode(bytemuck::bytes_of(&frame)).is_ok());
        assert_eq!(wire::instrument::text_of(&frame.reason), "x".repeat(63));
        let mut stay = StartMode::new(Mode::Maintenance);
        assert!(stay.due(Mode::Maintenance, TsNs(0)).is_none());
        let mut live = StartMode::new(Mode::Live);
        assert!(live.due(Mode::Reconcile, TsNs(0)).is_none(), "not before the venue has answered");
        let command = live.due(Mode::Maintenance, TsNs(7)).expect("one command");
        assert_eq!((command.argument, command.header.ts_recv_ns), (u64::from(b'L'), TsNs(7)));
        assert!(live.due(Mode::Maintenance, TsNs(8)).is_none(), "and only one");
    }
}
