//! What each field of each frame may be: a specification that compiles into the decoder's checks
//! and is published as data, so that WIRE.md and the Python mirror state the same rules.
//!
//! Must never: panic or allocate. A field that no rule names may hold any value.

use super::WireFrame;
use super::decoder::DecodeError;
use crate::layout::{FieldRule, Rule, StructRules};
use crate::units::{MoneyE9, PriceTicks, QtyLots};
use crate::{
    advice, control, handshake, instrument, market, model, order, reconcile, risk, signal, station,
};

/// A frame's fixed part that can tell whether its fields hold legal values.
pub(super) trait Checked: WireFrame {
    /// The rules as data.
    const RULES: StructRules;

    /// Checks every rule.
    ///
    /// # Errors
    /// [`DecodeError::BadValue`] or [`DecodeError::ReservedNotZero`] of the first rule broken.
    fn check(&self) -> Result<(), DecodeError>;
}

/// A number that a range can bound.
trait Bounded: Copy {
    fn bounded(self) -> i64;
}

macro_rules! bounded {
    ($($ty:ty = $convert:expr),* $(,)?) => { $(impl Bounded for $ty {
        fn bounded(self) -> i64 { $convert(self) }
    })* };
}
bounded! {
    u8 = i64::from, u16 = i64::from, u32 = i64::from, i32 = i64::from, i64 = i64::from,
    PriceTicks = PriceTicks::get, QtyLots = QtyLots::get, MoneyE9 = MoneyE9::get,
}

/// An offset inside a frame as an error carries it.
pub(super) fn offset_u16(offset: usize) -> u16 {
    u16::try_from(offset).unwrap_or(u16::MAX)
}

/// Fails at `offset` where the condition does not hold.
pub(super) fn check(good: bool, offset: usize) -> Result<(), DecodeError> {
    if good { Ok(()) } else { Err(DecodeError::BadValue(offset_u16(offset))) }
}

/// Fails at `offset` where a byte is not zero.
pub(super) fn zero(reserved: &[u8], offset: usize) -> Result<(), DecodeError> {
    if reserved.iter().all(|byte| *byte == 0) {
        Ok(())
    } else {
        Err(DecodeError::ReservedNotZero(offset_u16(offset)))
    }
}

/// Fails at `offset` where the bytes are not UTF-8 followed by zeros alone.
fn padded_text(bytes: &[u8], offset: usize) -> Result<(), DecodeError> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (text, padding) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
    check(padding.iter().all(|byte| *byte == 0), offset)?;
    check(core::str::from_utf8(text).is_ok(), offset)
}

/// One rule, as code (`check`) and as data (`data`).
macro_rules! rule {
    (check $f:ident $ty:ty, $field:ident, code($code:ty)) => {
        check(<$code>::from_code($f.$field).is_some(), ::core::mem::offset_of!($ty, $field))?;
    };
    (check $f:ident $ty:ty, $field:ident, range($low:expr, $high:expr)) => {
        check(($low..=$high).contains(&$f.$field.bounded()), ::core::mem::offset_of!($ty, $field))?;
    };
    (check $f:ident $ty:ty, $field:ident, zero) => {
        zero(&$f.$field, ::core::mem::offset_of!($ty, $field))?;
    };
    (check $f:ident $ty:ty, $field:ident, text) => {
        padded_text(&$f.$field, ::core::mem::offset_of!($ty, $field))?;
    };
    (check $f:ident $ty:ty, $field:ident, that($holds:expr, $words:literal)) => {
        check($holds($f), ::core::mem::offset_of!($ty, $field))?;
    };
    (data code($code:ty)) => {
        Rule::Code(<$code>::CODES)
    };
    (data range($low:expr, $high:expr)) => {
        Rule::Range($low, $high)
    };
    (data zero) => {
        Rule::Zero
    };
    (data text) => {
        Rule::Text
    };
    (data that($holds:expr, $words:literal)) => {
        Rule::Words($words)
    };
}

macro_rules! rules {
    ($( $module:ident :: $name:ident {
        $( $field:ident : $rule:ident $( ( $($args:tt)* ) )? ; )*
    } )*) => {
        $( impl Checked for $module::$name {
            const RULES: StructRules = StructRules {
                name: stringify!($name),
                rules: &[ $( FieldRule {
                    field: stringify!($field),
                    rule: rule!(data $rule $( ( $($args)* ) )?),
                }, )* ],
            };

            fn check(&self) -> Result<(), DecodeError> {
                let _f = self;
                $( rule!(check _f $module::$name, $field, $rule $( ( $($args)* ) )?); )*
                Ok(())
            }
        } )*

        /// The rules of every frame.
        pub(crate) fn all() -> Vec<StructRules> {
            vec![ $( <$module::$name as Checked>::RULES, )* ]
        }
    };
}

/// Largest 64-bit number: a range without an upper bound.
const MAX: i64 = i64::MAX;
/// Smallest price that is not [`PriceTicks::UNDEF`].
const MIN_PRICE: i64 = i64::MIN + 1;
const SCORE: i64 = 1_000_000;
const _: () = assert!(signal::SCORE_LIMIT_E6 == 1_000_000);
const _: () = assert!(signal::WINDOW == 10 && signal::DEPTH == 10);

rules! {
    market::DepthDelta { reserved: zero; }
    market::BookSnapshot { reserved: zero; }
    market::Trade {
        price_ticks: range(MIN_PRICE, MAX);
        qty_lots: range(1, MAX);
        aggressor: code(market::AggressorSide);
        reserved: zero;
    }
    market::Quote {
        bid_qty_lots: range(0, MAX);
        ask_qty_lots: range(0, MAX);
    }
    market::Gap { reason: code(market::GapReason); reserved: zero; }
    market::Status { status: code(market::TradingStatus); reserved: zero; }
    instrument::Instrument {
        symbol: text;
        symbol: that(|f: &instrument::Instrument| f.symbol.first() != Some(&0), "not empty");
        tick_size_e9: range(1, MAX);
        lot_size_e9: range(1, MAX);
        min_qty_lots: range(1, MAX);
        max_qty_lots: that(
            |f: &instrument::Instrument| f.max_qty_lots >= f.min_qty_lots,
            "not below `min_qty_lots`"
        );
        min_notional_e9: range(0, MAX);
        instrument_type: code(instrument::InstrumentType);
        reserved: zero;
    }
    order::NewOrder {
        qty_lots: range(1, MAX);
        side: code(order::Side);
        ord_type: code(order::OrdType);
        time_in_force: code(order::TimeInForce);
        exec_inst: code(order::ExecInst);
        reserved: zero;
    }
    order::CancelOrder { }
    order::ReplaceOrder { qty_lots: range(1, MAX); }
    order::ExecutionReport {
        last_qty_lots: range(0, MAX);
        leaves_qty_lots: range(0, MAX);
        cum_qty_lots: range(0, MAX);
        exec_type: code(order::ExecType);
        ord_status: code(order::OrdStatus);
        side: code(order::Side);
        liquidity: code(order::Liquidity);
        reject_reason: code(order::RejectReason);
        reserved: zero;
    }
    order::CancelReject {
        ord_status: code(order::OrdStatus);
        reject_reason: code(order::RejectReason);
        reserved: zero;
    }
    order::Denied {
        primary: that(
            |f: &order::Denied| f.mask != 0 && u32::from(f.primary) == f.mask.trailing_zeros(),
            "number of the lowest bit set in `mask`, which is not 0"
        );
        side: code(order::Side);
        reserved: zero;
    }
    signal::SignalRequest { snapshots: range(10, 10); levels: range(10, 10); reserved: zero; }
    signal::SignalResponse {
        score_e6: range(-SCORE, SCORE);
        p_up_e6: range(0, SCORE);
        p_down_e6: range(0, SCORE);
        status: code(signal::SignalStatus);
        reserved: zero;
    }
    handshake::Hello {
        role: code(handshake::Role);
        shared_memory: range(0, 1);
        reserved: zero;
    }
    handshake::HelloAck {
        role: code(handshake::Role);
        status: code(handshake::HelloStatus);
        backend: text;
        shared_memory: range(0, 1);
        reserved: zero;
    }
    model::ModelCommand {
        action: code(model::ModelAction);
        reserved: zero;
        address: text;
    }
    model::ModelChange { generation: range(1, MAX); reserved: zero; backend: text; }
    handshake::Doorbell {}
    advice::Advice { field: code(advice::AdviceField); reserved: zero; }
    control::Control { command: code(control::Command); reserved: zero; reason: text; }
    control::ControlReply { code: code(control::ReplyCode); reserved: zero; }
    station::Timer { reserved: zero; }
    station::ModeChange {
        from: code(station::Mode);
        to: code(station::Mode);
        reserved: zero;
    }
    station::SessionStart { }
    station::SessionEnd { }
    order::ParentOrder {
        qty_lots: range(1, MAX);
        cum_qty_lots: range(0, MAX);
        working_lots: range(0, MAX);
        side: code(order::Side);
        style: code(order::ParentStyle);
        state: code(order::ParentState);
        reserved: zero;
    }
    reconcile::MassStatusRequest { reserved: zero; }
    reconcile::OrderStatusRequest { }
    reconcile::OrderStatusReport {
        qty_lots: range(0, MAX);
        cum_qty_lots: range(0, MAX);
        leaves_qty_lots: range(0, MAX);
        ord_status: code(order::OrdStatus);
        side: code(order::Side);
        ord_type: code(order::OrdType);
        time_in_force: code(order::TimeInForce);
        reserved: zero;
    }
    reconcile::PositionReport { reserved: zero; }
    reconcile::MassStatusEnd { reserved: zero; }
    reconcile::VenueSession {
        state: code(reconcile::SessionState);
        cancels_on_disconnect: range(0, 1);
        reserved: zero;
    }
    risk::RiskInput { field: code(risk::RiskField); reserved: zero; }
    risk::LimitChange {
        field: code(risk::LimitField);
        scope: code(risk::Scope);
        source: code(risk::ChangeSource);
        reserved: zero;
    }
    risk::LimitsEpoch { sha256: text; stage: code(risk::EpochStage); reserved: zero; }
    risk::Alarm { code: code(risk::AlarmCode); reserved: zero; }
    risk::KillReport {
        scope: code(risk::Scope);
        cause: code(risk::KillCause);
        stage: code(risk::KillStage);
        reserved: zero;
    }
}
