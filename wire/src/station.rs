//! Frames of the station itself: timers, modes, and the borders of a session.

use crate::frame::FrameHeader;
use crate::layout::{wire_code, wire_struct};
use crate::units::TsNs;

wire_code! {
    /// Operating mode of the station. Order by restriction is not implied.
    Mode: u8 {
        /// Starting up.
        Boot = b'B', "BOOT";
        /// Comparing with the venue.
        Reconcile = b'R', "RECONCILE";
        /// Connected, not trading: model swaps happen here.
        Maintenance = b'M', "MAINTENANCE";
        /// Trading.
        Live = b'L', "LIVE";
        /// Only orders that reduce exposure.
        Reducing = b'D', "REDUCING";
        /// Canceling what works, then MAINTENANCE.
        Draining = b'N', "DRAINING";
        /// Stopped; only an operator leads out.
        Halted = b'H', "HALTED";
    }
}

wire_struct! {
    /// A timer came due. Timer inputs are inputs like all others: they are numbered and recorded.
    Timer, size = 56 {
        /// Kind 56; `ts_recv_ns` is the deadline.
        header: FrameHeader,
        /// When it was due, engine time.
        deadline_ns: TsNs,
        /// Which timer: the engine's own number.
        timer_id: u32,
        /// Zero.
        reserved: [u8; 4],
    }
}

wire_struct! {
    /// The mode changed.
    ModeChange, size = 48 {
        /// Kind 57.
        header: FrameHeader,
        /// Mode before.
        from: u8,
        /// Mode after.
        to: u8,
        /// Kind of the input frame that caused it, lower byte.
        cause_kind: u8,
        /// Zero.
        reserved: [u8; 5],
    }
}

wire_struct! {
    /// A session begins: the first frame of a record after its instrument table.
    SessionStart, size = 88 {
        /// Kind 58.
        header: FrameHeader,
        /// Session epoch: upper half of every client order id.
        epoch: u64,
        /// Hash of every layout.
        schema_hash: u64,
        /// First eight bytes of the SHA-256 of the effective configuration.
        config_hash: u64,
        /// First eight bytes of the SHA-256 of the recording; 0 for a live feed.
        data_hash: u64,
        /// First eight bytes of the hash of the doctor's report on the host; 0 where none was made.
        host_hash: u64,
        /// Instruments in the table.
        instruments: u32,
        /// Strategies.
        strategies: u32,
    }
}

wire_struct! {
    /// A session ends: the last frame of a record.
    SessionEnd, size = 64 {
        /// Kind 59.
        header: FrameHeader,
        /// Inputs the engine took.
        inputs: u64,
        /// Frames the engine gave out.
        outputs: u64,
        /// Hash of the engine's whole state.
        state_hash: u64,
    }
}
