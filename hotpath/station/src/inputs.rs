//! Control inputs the station makes on its own account: the start mode, a halt, the end.
//!
//! They are frames like an operator's, numbered and recorded. Runs on any thread; no allocation.

use wire::control::{Command, Control};
use wire::instrument::padded;
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

/// Commands that lead from a fresh engine to `mode`; empty where the engine ends there by itself.
pub fn start_commands(mode: Mode, at: TsNs) -> impl Iterator<Item = Control> {
    let wanted = (mode != Mode::Maintenance).then_some(mode);
    wanted.into_iter().map(move |mode| ask_mode(mode, "session.start_mode", at))
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
        assert_eq!(start_commands(Mode::Maintenance, TsNs(0)).count(), 0);
        let live = start_commands(Mode::Live, TsNs(0)).next().expect("one command");
        assert_eq!(live.argument, u64::from(b'L'));
    }
}
