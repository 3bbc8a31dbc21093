//! Commands of an operator and their answers, over the engine's control socket.

use crate::frame::{FrameHeader, FrameKind, MAX_FRAME_BYTES};
use crate::layout::{wire_code, wire_struct};

wire_code! {
    /// What the operator wants.
    Command: u8 {
        /// Tell the state.
        Status = b'S', "status";
        /// Stop all trading: latch the kill switch.
        Halt = b'H', "halt";
        /// Leave HALTED, with a reason.
        Resume = b'R', "resume";
        /// Change the mode; `argument` is the mode's code.
        Mode = b'M', "mode";
        /// End the session in good order.
        Shutdown = b'X', "shutdown";
        /// Close every position with reduce-only orders, in REDUCING.
        Flatten = b'F', "flatten";
        /// Let a disabled strategy trade again, with a reason.
        Rearm = b'A', "rearm";
        /// Begin a new trading day: the day's counts and losses start anew, with a reason.
        Roll = b'D', "roll";
        /// Take an external order over: `argument` is the venue's order id.
        Adopt = b'O', "adopt";
        /// Take the venue's positions for ours, with a reason.
        Accept = b'P', "accept";
        /// Listen no more to an advice source: `argument` is its index.
        Mute = b'U', "mute";
        /// The model whose scores may be used from here: `argument` is its hash.
        Model = b'G', "model";
    }
}

wire_code! {
    /// Outcome of a command.
    ReplyCode: u8 {
        /// Done, or taken up.
        Ok = b'0', "ok";
        /// Refused in the present state.
        Refused = b'R', "refused";
        /// Not understood.
        Malformed = b'M', "malformed";
    }
}

wire_struct! {
    /// A command.
    Control, size = 128 {
        /// Kind 48; a halt, resume, flatten or rearm concerns the venue, strategy or instrument named
        /// here, or the whole station where none is.
        header: FrameHeader,
        /// Number of the command, from the sender.
        request_id: u64,
        /// Argument of the command.
        argument: u64,
        /// Command.
        command: u8,
        /// Zero.
        reserved: [u8; 7],
        /// Why, UTF-8, zero-padded; a resume needs one.
        reason: [u8; 64],
    }
}

/// An answer as a whole frame; text that does not fit is cut at a character.
#[must_use]
pub fn reply(request_id: u64, code: ReplyCode, text: &str) -> Vec<u8> {
    let head = size_of::<ControlReply>();
    let mut end = text.len().min(MAX_FRAME_BYTES - head);
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

wire_struct! {
    /// The answer; `text_len` bytes of UTF-8 follow (JSON for a status), zero-padded to 8.
    ControlReply, size = 56 {
        /// Kind 49.
        header: FrameHeader,
        /// The command this answers.
        request_id: u64,
        /// Bytes of text that follow.
        text_len: u32,
        /// Outcome: '0', 'R' or 'M'.
        code: u8,
        /// Zero.
        reserved: [u8; 3],
    }
}
