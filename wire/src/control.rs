//! Commands of an operator and their answers, over the engine's control socket.

use crate::frame::FrameHeader;
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
        /// Kind 48.
        header: FrameHeader,
        /// Number of the command, from the sender.
        request_id: u64,
        /// Argument of the command.
        argument: u64,
        /// Command: 'S', 'H', 'R', 'M' or 'X'.
        command: u8,
        /// Zero.
        reserved: [u8; 7],
        /// Why, UTF-8, zero-padded; a resume needs one.
        reason: [u8; 64],
    }
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
