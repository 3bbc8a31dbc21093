//! Models of a running sidecar: what the command line asks about them, and the word that another
//! one answers from here.

use crate::frame::FrameHeader;
use crate::layout::{wire_code, wire_struct};

wire_code! {
    /// What the command line wants of a sidecar.
    ModelAction: u8 {
        /// Tell which model serves, what is being tried, and the counts.
        Status = b'S', "status";
        /// Load the named object of the store, try it on live requests, and let it serve.
        Serve = b'L', "serve";
        /// Load the named object of the store and try it on live requests; it does not serve.
        Shadow = b'W', "shadow";
    }
}

wire_struct! {
    /// A wish about a sidecar's model; answered by a `ControlReply` with JSON text.
    ModelCommand, size = 120 {
        /// Kind 36.
        header: FrameHeader,
        /// Number of the command, from the sender.
        request_id: u64,
        /// Live requests the model is tried on; 0 none, all ones as many as the sidecar is set to.
        answers: u32,
        /// Action: 'S', 'L' or 'W'.
        action: u8,
        /// Zero.
        reserved: [u8; 3],
        /// SHA-256 of the manifest, lower-case hex; empty for what `current` points at.
        address: [u8; 64],
    }
}

wire_struct! {
    /// Another model answers from here: every later answer on this connection is of it.
    ModelChange, size = 104 {
        /// Kind 37.
        header: FrameHeader,
        /// First eight bytes of the model file's SHA-256, little-endian.
        model_hash: u64,
        /// Model generation: above every one before it on this connection.
        generation: u32,
        /// Zero.
        reserved: [u8; 4],
        /// Back end and provider that are live, UTF-8, zero-padded (`tract/cpu`).
        backend: [u8; 48],
    }
}
