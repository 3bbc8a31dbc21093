//! The frame header, the frame kinds, and the one decoder every process uses.
//!
//! [`decode`] takes hostile bytes: it checks length, version, kind, flags, codes, counts and
//! reserved bytes before it hands out a typed view. It never panics and never allocates.

use crate::layout::{StructLayout, wire_code, wire_struct};
use crate::units::{InstrumentId, StrategyId, TsNs, VenueId};
use crate::{advice, control, handshake, instrument, market, order, signal, station};
use bytemuck::Pod;
use core::fmt;
use core::mem::size_of;

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
        /// [`order::ExecutionReport`].
        ExecutionReport = 24, "execution-report";
        /// [`order::CancelReject`].
        CancelReject = 25, "cancel-reject";
        /// [`order::Denied`].
        Denied = 26, "denied";
        /// [`signal::SignalRequest`].
        SignalRequest = 32, "signal-request";
        /// [`signal::SignalResponse`].
        SignalResponse = 33, "signal-response";
        /// [`handshake::Hello`].
        Hello = 34, "hello";
        /// [`handshake::HelloAck`].
        HelloAck = 35, "hello-ack";
        /// [`advice::Advice`].
        Advice = 40, "advice";
        /// [`control::Control`].
        Control = 48, "control";
        /// [`control::ControlReply`].
        ControlReply = 49, "control-reply";
        /// [`station::Timer`].
        Timer = 56, "timer";
        /// [`station::ModeChange`].
        ModeChange = 57, "mode-change";
        /// [`station::SessionStart`].
        SessionStart = 58, "session-start";
        /// [`station::SessionEnd`].
        SessionEnd = 59, "session-end";
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
    #[expect(clippy::cast_possible_truncation, reason = "saturated at u32::MAX just before")]
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
    Advice => advice::Advice, Control => control::Control, ControlReply => control::ControlReply,
    Timer => station::Timer, ModeChange => station::ModeChange,
    SessionStart => station::SessionStart, SessionEnd => station::SessionEnd,
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

/// Why bytes are no frame. `Copy`, two words: usable on the hot path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Fewer bytes than a header, or than the header says.
    Truncated,
    /// Not aligned to 8 bytes in memory: a caller's bug, not the peer's.
    Misaligned,
    /// Length not a multiple of 8, below the kind's head, or above the largest frame.
    BadLength,
    /// Another wire version.
    BadVersion(u8),
    /// Kind not known.
    UnknownKind(u16),
    /// A flag, code or count outside its values, at this byte offset.
    BadValue(u16),
    /// A reserved byte is not zero, at this byte offset.
    ReservedNotZero(u16),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("frame is truncated"),
            Self::Misaligned => f.write_str("frame is not aligned to 8 bytes in memory"),
            Self::BadLength => f.write_str("frame length is not acceptable"),
            Self::BadVersion(v) => {
                write!(f, "frame has wire version {v}, this build speaks {WIRE_VERSION}")
            }
            Self::UnknownKind(k) => write!(f, "frame kind {k} is not known"),
            Self::BadValue(o) => write!(f, "frame field at byte {o} has a value outside its range"),
            Self::ReservedNotZero(o) => write!(f, "reserved byte {o} of the frame is not zero"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// A depth message: head, bids, asks.
#[derive(Clone, Copy, Debug)]
pub struct Depth<'a, H> {
    /// The fixed head.
    pub head: &'a H,
    /// Bid levels, as the venue sent them.
    pub bids: &'a [market::Level],
    /// Ask levels, as the venue sent them.
    pub asks: &'a [market::Level],
}

/// A decoded frame: typed views into the caller's bytes.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each variant is the struct of the same name")]
pub enum Frame<'a> {
    DepthDelta(Depth<'a, market::DepthDelta>),
    BookSnapshot(Depth<'a, market::BookSnapshot>),
    Trade(&'a market::Trade),
    Quote(&'a market::Quote),
    Gap(&'a market::Gap),
    Status(&'a market::Status),
    Instrument(&'a instrument::Instrument),
    NewOrder(&'a order::NewOrder),
    CancelOrder(&'a order::CancelOrder),
    ReplaceOrder(&'a order::ReplaceOrder),
    ExecutionReport(&'a order::ExecutionReport),
    CancelReject(&'a order::CancelReject),
    Denied(&'a order::Denied),
    SignalRequest(&'a signal::SignalRequest),
    SignalResponse(&'a signal::SignalResponse),
    Hello(&'a handshake::Hello),
    HelloAck(&'a handshake::HelloAck),
    Advice(&'a advice::Advice),
    Control(&'a control::Control),
    ControlReply(&'a control::ControlReply, &'a [u8]),
    Timer(&'a station::Timer),
    ModeChange(&'a station::ModeChange),
    SessionStart(&'a station::SessionStart),
    SessionEnd(&'a station::SessionEnd),
}

/// Reads the header of a frame without looking at the body.
///
/// # Errors
/// Any [`DecodeError`] about alignment, length, version or kind.
pub fn header(bytes: &[u8]) -> Result<&FrameHeader, DecodeError> {
    let head = bytes.get(..HEADER_BYTES).ok_or(DecodeError::Truncated)?;
    let header: &FrameHeader =
        bytemuck::try_from_bytes(head).map_err(|_| DecodeError::Misaligned)?;
    if header.version != WIRE_VERSION {
        return Err(DecodeError::BadVersion(header.version));
    }
    let len = header.len_bytes as usize;
    if len % 8 != 0 || !(HEADER_BYTES..=MAX_FRAME_BYTES).contains(&len) {
        return Err(DecodeError::BadLength);
    }
    Ok(header)
}

fn body<T: WireFrame>(bytes: &[u8]) -> Result<&T, DecodeError> {
    let head = bytes.get(..size_of::<T>()).ok_or(DecodeError::BadLength)?;
    bytemuck::try_from_bytes(head).map_err(|_| DecodeError::Misaligned)
}

fn exact<T: WireFrame>(bytes: &[u8]) -> Result<&T, DecodeError> {
    if bytes.len() == size_of::<T>() { body(bytes) } else { Err(DecodeError::BadLength) }
}

fn zero(reserved: &[u8], offset: usize) -> Result<(), DecodeError> {
    if reserved.iter().all(|b| *b == 0) {
        Ok(())
    } else {
        Err(DecodeError::ReservedNotZero(u16::try_from(offset).unwrap_or(u16::MAX)))
    }
}

fn check(good: bool, offset: usize) -> Result<(), DecodeError> {
    if good {
        Ok(())
    } else {
        Err(DecodeError::BadValue(u16::try_from(offset).unwrap_or(u16::MAX)))
    }
}

macro_rules! at {
    ($ty:path, $field:ident) => {
        ::core::mem::offset_of!($ty, $field)
    };
}

fn depth<'a, T: WireFrame>(
    bytes: &'a [u8],
    head: &'a T,
    bid_count: u16,
    ask_count: u16,
) -> Result<Depth<'a, T>, DecodeError> {
    let tail = bytes.get(size_of::<T>()..).ok_or(DecodeError::BadLength)?;
    let levels: &[market::Level] =
        bytemuck::try_cast_slice(tail).map_err(|_| DecodeError::BadLength)?;
    let bids = usize::from(bid_count);
    if levels.len() != bids + usize::from(ask_count) {
        return Err(DecodeError::BadLength);
    }
    if let Some(bad) =
        levels.iter().position(|l| l.qty_lots.get() < 0 || !l.price_ticks.is_defined())
    {
        return Err(DecodeError::BadValue(
            u16::try_from(size_of::<T>() + bad * size_of::<market::Level>()).unwrap_or(u16::MAX),
        ));
    }
    let (bids, asks) = levels.split_at(bids);
    Ok(Depth { head, bids, asks })
}

/// Decodes one whole frame. `bytes` must be exactly the frame and aligned to 8 bytes.
///
/// # Errors
/// A [`DecodeError`] that says what is wrong; nothing is accepted in part.
pub fn decode(bytes: &[u8]) -> Result<Frame<'_>, DecodeError> {
    let header = header(bytes)?;
    let len = header.len_bytes as usize;
    if bytes.len() < len {
        return Err(DecodeError::Truncated);
    }
    if bytes.len() > len {
        return Err(DecodeError::BadLength);
    }
    let kind = FrameKind::from_code(header.kind).ok_or(DecodeError::UnknownKind(header.kind))?;
    let is_depth = matches!(kind, FrameKind::DepthDelta | FrameKind::BookSnapshot);
    let flags_allowed = if is_depth { market::FLAG_FIRST | market::FLAG_LAST } else { 0 };
    check(header.flags & !flags_allowed == 0, at!(FrameHeader, flags))?;
    decode_body(kind, bytes)
}

fn decode_body(kind: FrameKind, bytes: &[u8]) -> Result<Frame<'_>, DecodeError> {
    match kind {
        FrameKind::DepthDelta
        | FrameKind::BookSnapshot
        | FrameKind::Trade
        | FrameKind::Quote
        | FrameKind::Gap
        | FrameKind::Status
        | FrameKind::Instrument => decode_market(kind, bytes),
        FrameKind::NewOrder
        | FrameKind::CancelOrder
        | FrameKind::ReplaceOrder
        | FrameKind::ExecutionReport
        | FrameKind::CancelReject
        | FrameKind::Denied => decode_order(kind, bytes),
        FrameKind::SignalRequest
        | FrameKind::SignalResponse
        | FrameKind::Hello
        | FrameKind::HelloAck
        | FrameKind::Advice
        | FrameKind::Control
        | FrameKind::ControlReply
        | FrameKind::Timer
        | FrameKind::ModeChange
        | FrameKind::SessionStart
        | FrameKind::SessionEnd => decode_station(kind, bytes),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "decode_body hands over its own kinds only")]
fn decode_market(kind: FrameKind, bytes: &[u8]) -> Result<Frame<'_>, DecodeError> {
    use market::{AggressorSide, BookSnapshot, DepthDelta, Gap, GapReason, Quote, Status, Trade};
    match kind {
        FrameKind::DepthDelta => {
            let f: &DepthDelta = body(bytes)?;
            zero(&f.reserved, at!(DepthDelta, reserved))?;
            Ok(Frame::DepthDelta(depth(bytes, f, f.bid_count, f.ask_count)?))
        }
        FrameKind::BookSnapshot => {
            let f: &BookSnapshot = body(bytes)?;
            zero(&f.reserved, at!(BookSnapshot, reserved))?;
            Ok(Frame::BookSnapshot(depth(bytes, f, f.bid_count, f.ask_count)?))
        }
        FrameKind::Trade => {
            let f: &Trade = exact(bytes)?;
            zero(&f.reserved, at!(Trade, reserved))?;
            check(AggressorSide::from_code(f.aggressor).is_some(), at!(Trade, aggressor))?;
            check(f.qty_lots.get() > 0, at!(Trade, qty_lots))?;
            check(f.price_ticks.is_defined(), at!(Trade, price_ticks))?;
            Ok(Frame::Trade(f))
        }
        FrameKind::Quote => {
            let f: &Quote = exact(bytes)?;
            check(f.bid_qty_lots.get() >= 0, at!(Quote, bid_qty_lots))?;
            check(f.ask_qty_lots.get() >= 0, at!(Quote, ask_qty_lots))?;
            Ok(Frame::Quote(f))
        }
        FrameKind::Gap => {
            let f: &Gap = exact(bytes)?;
            zero(&f.reserved, at!(Gap, reserved))?;
            check(GapReason::from_code(f.reason).is_some(), at!(Gap, reason))?;
            Ok(Frame::Gap(f))
        }
        FrameKind::Status => {
            let f: &Status = exact(bytes)?;
            zero(&f.reserved, at!(Status, reserved))?;
            check(market::TradingStatus::from_code(f.status).is_some(), at!(Status, status))?;
            Ok(Frame::Status(f))
        }
        FrameKind::Instrument => decode_instrument(bytes),
        other => Err(DecodeError::UnknownKind(other.code())),
    }
}

fn decode_instrument(bytes: &[u8]) -> Result<Frame<'_>, DecodeError> {
    use instrument::{Instrument, InstrumentType, text_of};
    let f: &Instrument = exact(bytes)?;
    zero(&f.reserved, at!(Instrument, reserved))?;
    check(
        InstrumentType::from_code(f.instrument_type).is_some(),
        at!(Instrument, instrument_type),
    )?;
    let symbol = text_of(&f.symbol);
    check(!symbol.is_empty(), at!(Instrument, symbol))?;
    zero(f.symbol.get(symbol.len()..).unwrap_or(&[]), at!(Instrument, symbol))?;
    check(f.tick_size_e9 > 0, at!(Instrument, tick_size_e9))?;
    check(f.lot_size_e9 > 0, at!(Instrument, lot_size_e9))?;
    check(f.min_qty_lots.get() >= 1, at!(Instrument, min_qty_lots))?;
    check(f.max_qty_lots >= f.min_qty_lots, at!(Instrument, max_qty_lots))?;
    check(f.min_notional_e9 >= 0, at!(Instrument, min_notional_e9))?;
    Ok(Frame::Instrument(f))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "decode_body hands over its own kinds only")]
fn decode_order(kind: FrameKind, bytes: &[u8]) -> Result<Frame<'_>, DecodeError> {
    use order::{
        CancelOrder, CancelReject, Denied, ExecInst, ExecType, ExecutionReport, Liquidity,
        NewOrder, OrdStatus, OrdType, RejectReason, ReplaceOrder, Side, TimeInForce,
    };
    match kind {
        FrameKind::NewOrder => {
            let f: &NewOrder = exact(bytes)?;
            zero(&f.reserved, at!(NewOrder, reserved))?;
            check(Side::from_code(f.side).is_some(), at!(NewOrder, side))?;
            check(OrdType::from_code(f.ord_type).is_some(), at!(NewOrder, ord_type))?;
            check(
                TimeInForce::from_code(f.time_in_force).is_some(),
                at!(NewOrder, time_in_force),
            )?;
            check(ExecInst::from_code(f.exec_inst).is_some(), at!(NewOrder, exec_inst))?;
            check(f.qty_lots.get() > 0, at!(NewOrder, qty_lots))?;
            Ok(Frame::NewOrder(f))
        }
        FrameKind::CancelOrder => Ok(Frame::CancelOrder(exact::<CancelOrder>(bytes)?)),
        FrameKind::ReplaceOrder => {
            let f: &ReplaceOrder = exact(bytes)?;
            check(f.qty_lots.get() > 0, at!(ReplaceOrder, qty_lots))?;
            Ok(Frame::ReplaceOrder(f))
        }
        FrameKind::ExecutionReport => {
            let f: &ExecutionReport = exact(bytes)?;
            zero(&f.reserved, at!(ExecutionReport, reserved))?;
            check(ExecType::from_code(f.exec_type).is_some(), at!(ExecutionReport, exec_type))?;
            check(OrdStatus::from_code(f.ord_status).is_some(), at!(ExecutionReport, ord_status))?;
            check(Side::from_code(f.side).is_some(), at!(ExecutionReport, side))?;
            check(Liquidity::from_code(f.liquidity).is_some(), at!(ExecutionReport, liquidity))?;
            check(
                RejectReason::from_code(f.reject_reason).is_some(),
                at!(ExecutionReport, reject_reason),
            )?;
            for (qty, offset) in [
                (f.last_qty_lots, at!(ExecutionReport, last_qty_lots)),
                (f.leaves_qty_lots, at!(ExecutionReport, leaves_qty_lots)),
                (f.cum_qty_lots, at!(ExecutionReport, cum_qty_lots)),
            ] {
                check(qty.get() >= 0, offset)?;
            }
            Ok(Frame::ExecutionReport(f))
        }
        FrameKind::CancelReject => {
            let f: &CancelReject = exact(bytes)?;
            zero(&f.reserved, at!(CancelReject, reserved))?;
            check(OrdStatus::from_code(f.ord_status).is_some(), at!(CancelReject, ord_status))?;
            check(
                RejectReason::from_code(f.reject_reason).is_some(),
                at!(CancelReject, reject_reason),
            )?;
            Ok(Frame::CancelReject(f))
        }
        FrameKind::Denied => {
            let f: &Denied = exact(bytes)?;
            zero(&f.reserved, at!(Denied, reserved))?;
            check(Side::from_code(f.side).is_some(), at!(Denied, side))?;
            check(
                f.mask != 0 && u32::from(f.primary) == f.mask.trailing_zeros(),
                at!(Denied, primary),
            )?;
            Ok(Frame::Denied(f))
        }
        other => Err(DecodeError::UnknownKind(other.code())),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "decode_body hands over its own kinds only")]
fn decode_station(kind: FrameKind, bytes: &[u8]) -> Result<Frame<'_>, DecodeError> {
    use control::{Command, Control};
    use handshake::{Hello, HelloAck, HelloStatus, Role};
    use station::{Mode, ModeChange, SessionEnd, SessionStart, Timer};
    match kind {
        FrameKind::SignalRequest => {
            let f: &signal::SignalRequest = exact(bytes)?;
            zero(&f.reserved, at!(signal::SignalRequest, reserved))?;
            check(
                usize::from(f.snapshots) == signal::WINDOW,
                at!(signal::SignalRequest, snapshots),
            )?;
            check(usize::from(f.levels) == signal::DEPTH, at!(signal::SignalRequest, levels))?;
            Ok(Frame::SignalRequest(f))
        }
        FrameKind::SignalResponse => {
            let f: &signal::SignalResponse = exact(bytes)?;
            zero(&f.reserved, at!(signal::SignalResponse, reserved))?;
            check(
                signal::SignalStatus::from_code(f.status).is_some(),
                at!(signal::SignalResponse, status),
            )?;
            check(
                (-signal::SCORE_LIMIT_E6..=signal::SCORE_LIMIT_E6).contains(&f.score_e6),
                at!(signal::SignalResponse, score_e6),
            )?;
            check(f.p_up_e6 <= 1_000_000, at!(signal::SignalResponse, p_up_e6))?;
            check(f.p_down_e6 <= 1_000_000, at!(signal::SignalResponse, p_down_e6))?;
            Ok(Frame::SignalResponse(f))
        }
        FrameKind::Hello => {
            let f: &Hello = exact(bytes)?;
            zero(&f.reserved, at!(Hello, reserved))?;
            check(Role::from_code(f.role).is_some(), at!(Hello, role))?;
            Ok(Frame::Hello(f))
        }
        FrameKind::HelloAck => {
            let f: &HelloAck = exact(bytes)?;
            zero(&f.reserved, at!(HelloAck, reserved))?;
            check(Role::from_code(f.role).is_some(), at!(HelloAck, role))?;
            check(HelloStatus::from_code(f.status).is_some(), at!(HelloAck, status))?;
            Ok(Frame::HelloAck(f))
        }
        FrameKind::Advice => {
            let f: &advice::Advice = exact(bytes)?;
            zero(&f.reserved, at!(advice::Advice, reserved))?;
            check(
                advice::AdviceField::from_code(f.field).is_some(),
                at!(advice::Advice, field),
            )?;
            Ok(Frame::Advice(f))
        }
        FrameKind::Control => {
            let f: &Control = exact(bytes)?;
            zero(&f.reserved, at!(Control, reserved))?;
            check(Command::from_code(f.command).is_some(), at!(Control, command))?;
            Ok(Frame::Control(f))
        }
        FrameKind::ControlReply => decode_reply(bytes),
        FrameKind::Timer => {
            let f: &Timer = exact(bytes)?;
            zero(&f.reserved, at!(Timer, reserved))?;
            Ok(Frame::Timer(f))
        }
        FrameKind::ModeChange => {
            let f: &ModeChange = exact(bytes)?;
            zero(&f.reserved, at!(ModeChange, reserved))?;
            check(Mode::from_code(f.from).is_some(), at!(ModeChange, from))?;
            check(Mode::from_code(f.to).is_some(), at!(ModeChange, to))?;
            Ok(Frame::ModeChange(f))
        }
        FrameKind::SessionStart => Ok(Frame::SessionStart(exact::<SessionStart>(bytes)?)),
        FrameKind::SessionEnd => Ok(Frame::SessionEnd(exact::<SessionEnd>(bytes)?)),
        other => Err(DecodeError::UnknownKind(other.code())),
    }
}

fn decode_reply(bytes: &[u8]) -> Result<Frame<'_>, DecodeError> {
    use control::{ControlReply, ReplyCode};
    let f: &ControlReply = body(bytes)?;
    zero(&f.reserved, at!(ControlReply, reserved))?;
    check(ReplyCode::from_code(f.code).is_some(), at!(ControlReply, code))?;
    let tail = bytes.get(size_of::<ControlReply>()..).ok_or(DecodeError::BadLength)?;
    let text = tail.get(..f.text_len as usize).ok_or(DecodeError::BadLength)?;
    let padding = tail.get(f.text_len as usize..).unwrap_or(&[]);
    check(padding.len() < 8, at!(ControlReply, text_len))?;
    zero(padding, at!(ControlReply, text_len))?;
    check(core::str::from_utf8(text).is_ok(), size_of::<ControlReply>())?;
    Ok(Frame::ControlReply(f, text))
}

/// A hash over every layout, so that two builds that disagree refuse each other in the handshake.
/// FNV-1a over names, types, offsets and sizes.
#[must_use]
pub fn schema_hash() -> u64 {
    let mut text = String::new();
    for StructLayout { name, size, fields, .. } in crate::layout::all() {
        text.push_str(&format!("{name}:{size};"));
        for field in fields {
            text.push_str(&format!(
                "{}:{:?}:{}:{};",
                field.name, field.ty, field.offset, field.size
            ));
        }
    }
    text.push_str(&format!("v{WIRE_VERSION}"));
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
