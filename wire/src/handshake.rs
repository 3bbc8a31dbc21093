//! The first two frames on every sidecar socket: who speaks, which version, which schema.

use crate::frame::FrameHeader;
use crate::layout::{wire_code, wire_struct};

wire_code! {
    /// The part a process plays.
    Role: u8 {
        /// The engine's bridge.
        Engine = b'E', "engine";
        /// The signal sidecar.
        Signal = b'S', "signal";
        /// The agents sidecar.
        Agents = b'A', "agents";
        /// The command line.
        Ctl = b'C', "ctl";
    }
}

wire_code! {
    /// Whether a handshake was accepted.
    HelloStatus: u8 {
        /// Accepted.
        Accepted = b'0', "accepted";
        /// Another wire version.
        Version = b'V', "version";
        /// Another schema hash.
        Schema = b'H', "schema";
        /// This role is not served here.
        Role = b'R', "role";
        /// Too many peers.
        Busy = b'B', "busy";
        /// The shared memory offered is not there, not sealed, or of another size.
        Memory = b'M', "memory";
    }
}

wire_struct! {
    /// First frame of the connecting side.
    Hello, size = 64 {
        /// Kind 34.
        header: FrameHeader,
        /// Hash of every layout; see [`crate::frame::schema_hash`].
        schema_hash: u64,
        /// Process id, as the peer says; the kernel's word is checked besides.
        pid: u32,
        /// Wire version.
        wire_version: u16,
        /// Role: 'E', 'S', 'A' or 'C'.
        role: u8,
        /// 1: shared memory is offered, its descriptor comes with this frame; 0: the socket alone.
        shared_memory: u8,
        /// Zero.
        reserved: [u8; 8],
    }
}

wire_struct! {
    /// The answer.
    HelloAck, size = 128 {
        /// Kind 35.
        header: FrameHeader,
        /// Hash of every layout.
        schema_hash: u64,
        /// First eight bytes of the model file's SHA-256; 0 where the role serves no model.
        model_hash: u64,
        /// Process id.
        pid: u32,
        /// Model generation, from 1; 0 where the role serves no model.
        generation: u32,
        /// Wire version.
        wire_version: u16,
        /// Role of the answering side.
        role: u8,
        /// Outcome: '0' accepted, else the reason.
        status: u8,
        /// Back end and provider that are live, UTF-8, zero-padded (`tract/cpu`).
        backend: [u8; 48],
        /// 1: requests and answers go through the shared memory offered; 0: through the socket.
        shared_memory: u8,
        /// Zero.
        reserved: [u8; 11],
    }
}

wire_struct! {
    /// Wakes a reader of shared memory that sleeps on its socket. Says nothing else.
    Doorbell, size = 40 {
        /// Kind 39.
        header: FrameHeader,
    }
}
