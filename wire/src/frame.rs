//! The frame header, the frame kinds, and the one decoder every process uses.
//!
//! [`decode`] takes hostile bytes: it checks length, version, kind, flags, codes, ranges, counts
//! and reserved bytes before it hands out a typed view. `frame/rules.rs` holds what each field may
//! be, `frame/decoder.rs` the order of the checks.
//!
//! Must never: panic or allocate while it decodes. Runs on every thread.

#![deny(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::indexing_slicing
)]

mod decoder;
pub(crate) mod rules;

pub use decoder::{DecodeError, Depth, Frame, decode, header};

use crate::layout::{StructLayout, wire_code, wire_struct};
use crate::units::{InstrumentId, StrategyId, TsNs, VenueId};
use crate::{
    advice, control, handshake, instrument, market, model, order, reconcile, risk, signal, station,
};
use bytemuck::Pod;
use core::fmt::Write;
use core::mem::size_of;
use std::sync::LazyLock;

/// Version of every layout in this crate.
pub const WIRE_VERSION: u8 = 1;
/// Largest frame, bytes.
pub const MAX_FRAME_BYTES: usize = 65_536;
/// Size of the header, bytes.
pub const HEADER_BYTES: usize = 40;

wire_code! {
    /// What a frame is. Numbers are stable; a retired one keeps its place.
    FrameKind: u16 {
        /// [`market::DepthDelta`].
        DepthDelta = 1, "depth-delta";
        /// [`market::BookSnapshot`].
        BookSnapshot = 2, "book-snapshot";
        /// [`market::Trade`].
        Trade = 3, "trade";
        /// [`market::Quote`].
        Quote = 4, "quote";
        /// [`market::Gap`].
        Gap = 5, "gap";
        /// [`market::Status`].
        Status = 6, "status";
        /// [`instrument::Instrument`].
        Instrument = 7, "instrument";
        /// [`order::NewOrder`].
        NewOrder = 16, "new-order";
        /// [`order::CancelOrder`].
        CancelOrder = 17, "cancel-order";
        /// [`order::ReplaceOrder`].
        ReplaceOrder = 18, "replace-order";
        /// [`reconcile::MassStatusRequest`].
        MassStatusRequest = 19, "mass-status-request";
        /// [`reconcile::OrderStatusRequest`].
        OrderStatusRequest = 20, "order-status-request";
        /// [`order::ParentOrder`].
        ParentOrder = 21, "parent-order";
        /// [`order::ExecutionReport`].
        ExecutionReport = 24, "execution-report";
        /// [`order::CancelReject`].
        CancelReject = 25, "cancel-reject";
        /// [`order::Denied`].
        Denied = 26, "denied";
        /// [`reconcile::OrderStatusReport`].
        OrderStatusReport = 27, "order-status-report";
        /// [`reconcile::PositionReport`].
        PositionReport = 28, "position-report";
        /// [`reconcile::MassStatusEnd`].
        MassStatusEnd = 29, "mass-status-end";
        /// [`reconcile::VenueSession`].
        VenueSession = 30, "venue-session";
        /// [`signal::SignalRequest`].
        SignalRequest = 32, "signal-request";
        /// [`signal::SignalResponse`].
        SignalResponse = 33, "signal-response";
        /// [`handshake::Hello`].
        Hello = 34, "hello";
        /// [`handshake::HelloAck`].
        HelloAck = 35, "hello-ack";
        /// [`model::ModelCommand`].
        ModelCommand = 36, "model-command";
        /// [`model::ModelChange`].
        ModelChange = 37, "model-change";
        /// [`handshake::Doorbell`].
        Doorbell = 39, "doorbell";
        /// [`advice::Advice`].
        Advice = 40, "advice";
        /// [`risk::RiskInput`].
        RiskInput = 41, "risk-input";
        /// [`control::Control`].
        Control = 48, "control";
        /// [`control::ControlReply`].
        ControlReply = 49, "control-reply";
        /// [`risk::LimitChange`].
        LimitChange = 50, "limit-change";
        /// [`risk::LimitsEpoch`].
        LimitsEpoch = 51, "limits-epoch";
        /// [`station::Timer`].
        Timer = 56, "timer";
        /// [`station::ModeChange`].
        ModeChange = 57, "mode-change";
        /// [`station::SessionStart`].
        SessionStart = 58, "session-start";
        /// [`station::SessionEnd`].
        SessionEnd = 59, "session-end";
        /// [`risk::Alarm`].
        Alarm = 60, "alarm";
        /// [`risk::KillReport`].
        KillReport = 61, "kill-report";
    }
}

impl FrameKind {
    /// Whether an engine takes frames of this kind from outside and acts on them: what a record must
    /// be fed again to repeat a session. The engine makes its timers itself.
    #[must_use]
    pub const fn is_outer_input(self) -> bool {
        matches!(
            self,
            Self::DepthDelta
                | Self::BookSnapshot
                | Self::Trade
                | Self::Quote
                | Self::Gap
                | Self::Status
                | Self::ExecutionReport
                | Self::CancelReject
                | Self::OrderStatusReport
                | Self::PositionReport
                | Self::MassStatusEnd
                | Self::VenueSession
                | Self::SignalResponse
                | Self::Advice
                | Self::RiskInput
                | Self::Control
                | Self::LimitChange
                | Self::LimitsEpoch
        )
    }
}

wire_struct! {
    /// The head of every frame.
    FrameHeader, size = 40 {
        /// Whole frame, header and trailing levels or text included; a multiple of 8.
        len_bytes: u32,
        /// Frame kind.
        kind: u16,
        /// Wire version: 1.
        version: u8,
        /// Flags of the kind; else 0.
        flags: u8,
        /// Instrument, or undefined (all ones).
        instrument_id: InstrumentId,
        /// Venue, or undefined (all ones).
        venue_id: VenueId,
        /// Strategy, or undefined (all ones).
        strategy_id: StrategyId,
        /// Position in the stream that carries the frame: stamped by the loop on inputs and
        /// outputs; 0 before.
        seq: u64,
        /// When it happened, by the clock of the venue or peer that says so; undefined (all ones)
        /// where it does not say.
        ts_event_ns: TsNs,
        /// When this host took it in, by this host's clock; in a replay the recorded time.
        ts_recv_ns: TsNs,
    }
}

impl FrameHeader {
    /// A header for a frame of type `T` with no trailing part.
    ///
    /// # Panics
    /// Never: the sizes of wire structs fit 32 bits.
    #[must_use]
    pub const fn new<T: WireFrame>() -> Self {
        Self::with_len(T::KIND, size_of::<T>())
    }

    /// A header for a frame of `len_bytes` bytes; lengths beyond the largest frame fail to decode.
    #[must_use]
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "saturated at u32::MAX just before, and a constant function cannot convert"
    )]
    pub const fn with_len(kind: FrameKind, len_bytes: usize) -> Self {
        let len_bytes = if len_bytes > u32::MAX as usize { u32::MAX } else { len_bytes as u32 };
        Self {
            len_bytes,
            kind: kind.code(),
            version: WIRE_VERSION,
            flags: 0,
            instrument_id: InstrumentId::UNDEF,
            venue_id: VenueId::UNDEF,
            strategy_id: StrategyId::UNDEF,
            seq: 0,
            ts_event_ns: TsNs::UNDEF,
            ts_recv_ns: TsNs::UNDEF,
        }
    }
}

/// A struct that stands at the head of a frame.
pub trait WireFrame: Pod {
    /// Its kind.
    const KIND: FrameKind;
}

macro_rules! frames {
    ($($kind:ident => $ty:ty),* $(,)?) => { $(impl WireFrame for $ty {
        const KIND: FrameKind = FrameKind::$kind;
    })* };
}
frames! {
    DepthDelta => market::DepthDelta, BookSnapshot => market::BookSnapshot,
    Trade => market::Trade, Quote => market::Quote, Gap => market::Gap, Status => market::Status,
    Instrument => instrument::Instrument,
    NewOrder => order::NewOrder, CancelOrder => order::CancelOrder,
    ReplaceOrder => order::ReplaceOrder, ExecutionReport => order::ExecutionReport,
    CancelReject => order::CancelReject, Denied => order::Denied,
    SignalRequest => signal::SignalRequest, SignalResponse => signal::SignalResponse,
    Hello => handshake::Hello, HelloAck => handshake::HelloAck,
    ModelCommand => model::ModelCommand, ModelChange => model::ModelChange,
    Doorbell => handshake::Doorbell,
    Advice => advice::Advice, Control => control::Control, ControlReply => control::ControlReply,
    Timer => station::Timer, ModeChange => station::ModeChange,
    SessionStart => station::SessionStart, SessionEnd => station::SessionEnd,
    ParentOrder => order::ParentOrder,
    MassStatusRequest => reconcile::MassStatusRequest,
    OrderStatusRequest => reconcile::OrderStatusRequest,
    OrderStatusReport => reconcile::OrderStatusReport,
    PositionReport => reconcile::PositionReport, MassStatusEnd => reconcile::MassStatusEnd,
    VenueSession => reconcile::VenueSession, RiskInput => risk::RiskInput,
    LimitChange => risk::LimitChange, LimitsEpoch => risk::LimitsEpoch,
    Alarm => risk::Alarm, KillReport => risk::KillReport,
}

/// Takes finished frames: a ring, a file, a vector, the simulated venue.
pub trait FrameSink {
    /// Takes one whole frame, header first.
    fn push(&mut self, frame: &[u8]);
}

impl FrameSink for Vec<Vec<u8>> {
    fn push(&mut self, frame: &[u8]) {
        Vec::push(self, frame.to_vec());
    }
}

/// A hash over every layout, so that two builds that disagree refuse each other in the handshake.
/// FNV-1a over names, types, offsets and sizes, computed once a process.
#[must_use]
pub fn schema_hash() -> u64 {
    static HASH: LazyLock<u64> = LazyLock::new(hash_layouts);
    *HASH
}

fn hash_layouts() -> u64 {
    let mut text = String::new();
    // Writing to a String cannot fail.
    for StructLayout { name, size, fields, .. } in crate::layout::all() {
        let _ = write!(text, "{name}:{size};");
        for field in fields {
            let _ = write!(text, "{}:{:?}:{}:{};", field.name, field.ty, field.offset, field.size);
        }
    }
    let _ = write!(text, "v{WIRE_VERSION}");
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
