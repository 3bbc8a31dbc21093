//! The decoder: from hostile bytes to typed views, or an error that says what is wrong.
//!
//! Must never: panic, allocate, copy, or accept a frame in part. Runs on every thread.

use super::rules::{Checked, check, offset_u16, zero};
use super::{FrameHeader, FrameKind, HEADER_BYTES, MAX_FRAME_BYTES, WIRE_VERSION};
use crate::units::PriceTicks;
use crate::{
    advice, control, handshake, instrument, market, model, order, reconcile, risk, signal, station,
};
use core::fmt;
use core::mem::{offset_of, size_of};

/// Why bytes are no frame. `Copy`, two words at most: usable on the hot path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Fewer bytes than a header, or than the header says.
    Truncated,
    /// Not aligned to 8 bytes in memory: a caller's bug, not the peer's.
    Misaligned,
    /// Length not a multiple of 8, not the kind's own, or above the largest frame.
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
    ModelCommand(&'a model::ModelCommand),
    ModelChange(&'a model::ModelChange),
    Doorbell(&'a handshake::Doorbell),
    Advice(&'a advice::Advice),
    Control(&'a control::Control),
    ControlReply(&'a control::ControlReply, &'a [u8]),
    Timer(&'a station::Timer),
    ModeChange(&'a station::ModeChange),
    SessionStart(&'a station::SessionStart),
    SessionEnd(&'a station::SessionEnd),
    ParentOrder(&'a order::ParentOrder),
    MassStatusRequest(&'a reconcile::MassStatusRequest),
    OrderStatusRequest(&'a reconcile::OrderStatusRequest),
    OrderStatusReport(&'a reconcile::OrderStatusReport),
    PositionReport(&'a reconcile::PositionReport),
    MassStatusEnd(&'a reconcile::MassStatusEnd),
    VenueSession(&'a reconcile::VenueSession),
    RiskInput(&'a risk::RiskInput),
    LimitChange(&'a risk::LimitChange),
    LimitsEpoch(&'a risk::LimitsEpoch),
    Alarm(&'a risk::Alarm),
    KillReport(&'a risk::KillReport),
}

/// Decodes one whole frame. `bytes` must be exactly the frame and aligned to 8 bytes.
///
/// # Errors
/// A [`DecodeError`] that says what is wrong; nothing is accepted in part.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other kinds have no flags")]
pub fn decode(bytes: &[u8]) -> Result<Frame<'_>, DecodeError> {
    let header = header(bytes)?;
    let len = width(header.len_bytes);
    if bytes.len() < len {
        return Err(DecodeError::Truncated);
    }
    if bytes.len() > len {
        return Err(DecodeError::BadLength);
    }
    let kind = FrameKind::from_code(header.kind).ok_or(DecodeError::UnknownKind(header.kind))?;
    let flags_allowed = match kind {
        FrameKind::DepthDelta => market::FLAG_FIRST | market::FLAG_LAST | market::FLAG_ORDER,
        FrameKind::BookSnapshot => market::FLAG_FIRST | market::FLAG_LAST,
        _ => 0,
    };
    check(header.flags & !flags_allowed == 0, offset_of!(FrameHeader, flags))?;
    match kind {
        FrameKind::DepthDelta => depth(bytes).map(Frame::DepthDelta),
        FrameKind::BookSnapshot => depth(bytes).map(Frame::BookSnapshot),
        FrameKind::Trade => fixed(bytes).map(Frame::Trade),
        FrameKind::Quote => fixed(bytes).map(Frame::Quote),
        FrameKind::Gap => fixed(bytes).map(Frame::Gap),
        FrameKind::Status => fixed(bytes).map(Frame::Status),
        FrameKind::Instrument => fixed(bytes).map(Frame::Instrument),
        FrameKind::NewOrder => fixed(bytes).map(Frame::NewOrder),
        FrameKind::CancelOrder => fixed(bytes).map(Frame::CancelOrder),
        FrameKind::ReplaceOrder => fixed(bytes).map(Frame::ReplaceOrder),
        FrameKind::ExecutionReport => fixed(bytes).map(Frame::ExecutionReport),
        FrameKind::CancelReject => fixed(bytes).map(Frame::CancelReject),
        FrameKind::Denied => fixed(bytes).map(Frame::Denied),
        FrameKind::SignalRequest => fixed(bytes).map(Frame::SignalRequest),
        FrameKind::SignalResponse => fixed(bytes).map(Frame::SignalResponse),
        FrameKind::Hello => fixed(bytes).map(Frame::Hello),
        FrameKind::HelloAck => fixed(bytes).map(Frame::HelloAck),
        FrameKind::ModelCommand => fixed(bytes).map(Frame::ModelCommand),
        FrameKind::ModelChange => fixed(bytes).map(Frame::ModelChange),
        FrameKind::Doorbell => fixed(bytes).map(Frame::Doorbell),
        FrameKind::Advice => fixed(bytes).map(Frame::Advice),
        FrameKind::Control => fixed(bytes).map(Frame::Control),
        FrameKind::ControlReply => reply(bytes),
        FrameKind::Timer => fixed(bytes).map(Frame::Timer),
        FrameKind::ModeChange => fixed(bytes).map(Frame::ModeChange),
        FrameKind::SessionStart => fixed(bytes).map(Frame::SessionStart),
        FrameKind::SessionEnd => fixed(bytes).map(Frame::SessionEnd),
        FrameKind::ParentOrder => fixed(bytes).map(Frame::ParentOrder),
        FrameKind::MassStatusRequest => fixed(bytes).map(Frame::MassStatusRequest),
        FrameKind::OrderStatusRequest => fixed(bytes).map(Frame::OrderStatusRequest),
        FrameKind::OrderStatusReport => fixed(bytes).map(Frame::OrderStatusReport),
        FrameKind::PositionReport => fixed(bytes).map(Frame::PositionReport),
        FrameKind::MassStatusEnd => fixed(bytes).map(Frame::MassStatusEnd),
        FrameKind::VenueSession => fixed(bytes).map(Frame::VenueSession),
        FrameKind::RiskInput => fixed(bytes).map(Frame::RiskInput),
        FrameKind::LimitChange => fixed(bytes).map(Frame::LimitChange),
        FrameKind::LimitsEpoch => fixed(bytes).map(Frame::LimitsEpoch),
        FrameKind::Alarm => fixed(bytes).map(Frame::Alarm),
        FrameKind::KillReport => fixed(bytes).map(Frame::KillReport),
    }
}

/// Reads the header of a frame without looking at the body.
///
/// # Errors
/// Any [`DecodeError`] about alignment, length or version.
pub fn header(bytes: &[u8]) -> Result<&FrameHeader, DecodeError> {
    let head = bytes.get(..HEADER_BYTES).ok_or(DecodeError::Truncated)?;
    let header: &FrameHeader =
        bytemuck::try_from_bytes(head).map_err(|_| DecodeError::Misaligned)?;
    if header.version != WIRE_VERSION {
        return Err(DecodeError::BadVersion(header.version));
    }
    let len = width(header.len_bytes);
    if !len.is_multiple_of(8) || !(HEADER_BYTES..=MAX_FRAME_BYTES).contains(&len) {
        return Err(DecodeError::BadLength);
    }
    Ok(header)
}

/// A 32-bit count as a length in memory.
fn width(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// The fixed part and what follows it, its fields checked.
fn split<T: Checked>(bytes: &[u8]) -> Result<(&T, &[u8]), DecodeError> {
    let (head, tail) = bytes.split_at_checked(size_of::<T>()).ok_or(DecodeError::BadLength)?;
    let head: &T = bytemuck::try_from_bytes(head).map_err(|_| DecodeError::Misaligned)?;
    head.check()?;
    Ok((head, tail))
}

/// A frame that is its fixed part and nothing more.
fn fixed<T: Checked>(bytes: &[u8]) -> Result<&T, DecodeError> {
    if bytes.len() != size_of::<T>() {
        return Err(DecodeError::BadLength);
    }
    split(bytes).map(|(head, _)| head)
}

/// A head that levels follow.
trait DepthHead: Checked {
    fn counts(&self) -> (u16, u16);
}
impl DepthHead for market::DepthDelta {
    fn counts(&self) -> (u16, u16) {
        (self.bid_count, self.ask_count)
    }
}
impl DepthHead for market::BookSnapshot {
    fn counts(&self) -> (u16, u16) {
        (self.bid_count, self.ask_count)
    }
}

fn depth<T: DepthHead>(bytes: &[u8]) -> Result<Depth<'_, T>, DecodeError> {
    let (head, tail): (&T, _) = split(bytes)?;
    let levels: &[market::Level] =
        bytemuck::try_cast_slice(tail).map_err(|_| DecodeError::BadLength)?;
    let (bid_count, ask_count) = head.counts();
    let (bids, asks) = levels.split_at_checked(bid_count.into()).ok_or(DecodeError::BadLength)?;
    if asks.len() != usize::from(ask_count) {
        return Err(DecodeError::BadLength);
    }
    // One pass without branches, so that the compiler can take several levels at a time: the sign
    // bit of a quantity tells that it is negative, and `p & -p` has it only for `UNDEF`.
    let signs = levels.iter().fold(0, |signs, level| {
        let price = level.price_ticks.get();
        signs | level.qty_lots.get() | (price & price.wrapping_neg())
    });
    if signs < 0 {
        return Err(bad_level(levels, size_of::<T>()));
    }
    Ok(Depth { head, bids, asks })
}

const _: () = assert!(PriceTicks::UNDEF.get() == i64::MIN, "the pass over the levels counts on it");

/// The error of the first level that is not acceptable; `start` is where the levels begin.
#[cold]
fn bad_level(levels: &[market::Level], start: usize) -> DecodeError {
    let is_bad =
        |level: &market::Level| level.qty_lots.get() < 0 || !level.price_ticks.is_defined();
    let bad = levels.iter().position(is_bad).unwrap_or(0);
    let offset = bad.saturating_mul(size_of::<market::Level>()).saturating_add(start);
    DecodeError::BadValue(offset_u16(offset))
}

fn reply(bytes: &[u8]) -> Result<Frame<'_>, DecodeError> {
    use control::ControlReply;
    let (head, tail): (&ControlReply, _) = split(bytes)?;
    let (text, padding) =
        tail.split_at_checked(width(head.text_len)).ok_or(DecodeError::BadLength)?;
    check(padding.len() < 8, offset_of!(ControlReply, text_len))?;
    zero(padding, offset_of!(ControlReply, text_len))?;
    check(core::str::from_utf8(text).is_ok(), size_of::<ControlReply>())?;
    Ok(Frame::ControlReply(head, text))
}
