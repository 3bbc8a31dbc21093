//! Every contract between Corelane's processes, threads and files.
//!
//! Owns: the frame header and every frame, the instrument table row, the units, the identifiers,
//! the counters page and the process exit codes. One format serves the network edge, the rings,
//! the sockets, the recordings and the journal. `WIRE.md` shows the byte maps.
//!
//! Must never: perform I/O, allocate on the decode path, read a clock, or use a floating-point
//! number for a price, a quantity or money. Runs on every thread, the hot ones included.
//!
//! All integers are little-endian. Structs are `#[repr(C)]` without padding; reserved bytes are
//! zero and checked. A change of any layout raises [`frame::WIRE_VERSION`].

pub mod advice;
#[doc(hidden)]
pub mod bindings;
pub mod control;
pub mod counters;
pub mod decimal;
pub mod exit;
pub mod frame;
pub mod handshake;
pub mod instrument;
pub mod journal;
pub mod layout;
pub mod market;
pub mod model;
pub mod order;
pub mod reconcile;
pub mod risk;
pub mod signal;
pub mod station;
pub mod units;

#[cfg(target_endian = "big")]
compile_error!(
    "Corelane's frames are little-endian memory images; big-endian hosts are not supported"
);

pub use frame::{DecodeError, Frame, FrameHeader, FrameKind, FrameSink, decode};
pub use units::{
    ClOrdId, InstrumentId, MoneyE9, PositionLots, PriceTicks, QtyLots, StrategyId, TsNs, VenueId,
};
