//! The layout of every wire struct as data: the C header, the Python mirror and WIRE.md are made
//! from these tables, so they cannot drift from the Rust definitions.
//!
//! Must never: be used on the hot path. No thread runs it but the generator and the tests.

/// The primitive type of a field, as the other languages see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// Unsigned integer of this many bits.
    Unsigned(u8),
    /// Signed two's-complement integer of this many bits.
    Signed(u8),
    /// Fixed array of bytes; text in it is UTF-8, zero-padded.
    Bytes(usize),
    /// A nested wire struct, by name.
    Struct(&'static str),
    /// Fixed array of a nested wire struct: name and count.
    StructArray(&'static str, usize),
}

/// One field of a wire struct.
#[derive(Clone, Copy, Debug)]
pub struct FieldLayout {
    /// Field name.
    pub name: &'static str,
    /// Primitive type.
    pub ty: FieldType,
    /// Offset from the start of the struct, bytes.
    pub offset: usize,
    /// Size, bytes.
    pub size: usize,
    /// Documentation: unit, range, whose clock.
    pub doc: &'static str,
}

/// One wire struct.
#[derive(Clone, Copy, Debug)]
pub struct StructLayout {
    /// Struct name.
    pub name: &'static str,
    /// Size, bytes.
    pub size: usize,
    /// Documentation.
    pub doc: &'static str,
    /// Fields in order.
    pub fields: &'static [FieldLayout],
}

/// One legal value of a code.
#[derive(Clone, Copy, Debug)]
pub struct CodeValue {
    /// Name of the variant in Rust.
    pub name: &'static str,
    /// The code as it stands on the wire.
    pub code: u64,
    /// The stable name that files and reports print.
    pub text: &'static str,
    /// Documentation.
    pub doc: &'static str,
}

/// A code: every legal value of a field.
#[derive(Clone, Copy, Debug)]
pub struct CodeTable {
    /// Name of the enum in Rust.
    pub name: &'static str,
    /// Size on the wire, bytes.
    pub size: usize,
    /// Documentation.
    pub doc: &'static str,
    /// Values in declaration order.
    pub values: &'static [CodeValue],
}

/// What a field may be.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// One of a code's values.
    Code(CodeTable),
    /// A number from the first to the second, both included.
    Range(i64, i64),
    /// Zero in every byte.
    Zero,
    /// UTF-8, then zeros to the end of the field.
    Text,
    /// A rule between fields, in words.
    Words(&'static str),
}

/// A rule of one field.
#[derive(Clone, Copy, Debug)]
pub struct FieldRule {
    /// Field name.
    pub field: &'static str,
    /// The rule.
    pub rule: Rule,
}

/// The rules of one frame; a field without one may hold any value.
#[derive(Clone, Copy, Debug)]
pub struct StructRules {
    /// Struct name.
    pub name: &'static str,
    /// Rules in the order in which they are checked.
    pub rules: &'static [FieldRule],
}

/// A type that may stand in a wire struct.
pub trait WireField {
    /// How other languages see it.
    const TYPE: FieldType;
}

macro_rules! primitive {
    ($($t:ty => $v:expr),* $(,)?) => { $(impl WireField for $t { const TYPE: FieldType = $v; })* };
}
primitive! {
    u8 => FieldType::Unsigned(8), u16 => FieldType::Unsigned(16),
    u32 => FieldType::Unsigned(32), u64 => FieldType::Unsigned(64),
    i32 => FieldType::Signed(32), i64 => FieldType::Signed(64),
}
impl<const N: usize> WireField for [u8; N] {
    const TYPE: FieldType = FieldType::Bytes(N);
}

/// Defines a wire struct: `#[repr(C)]`, `Pod`, its size asserted, its layout published.
macro_rules! wire_struct {
    (
        $(#[doc = $doc:literal])*
        $name:ident, size = $size:literal {
            $( $(#[doc = $fdoc:literal])* $field:ident : $ty:ty ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, ::bytemuck::Pod, ::bytemuck::Zeroable)]
        pub struct $name { $( $(#[doc = $fdoc])* pub $field: $ty, )* }

        const _: () = assert!(::core::mem::size_of::<$name>() == $size);
        const _: () = assert!(::core::mem::size_of::<$name>() % 8 == 0);
        const _: () = assert!(::core::mem::align_of::<$name>() <= 8);

        impl $name {
            /// The layout as data.
            pub const LAYOUT: $crate::layout::StructLayout = $crate::layout::StructLayout {
                name: stringify!($name),
                size: $size,
                doc: concat!($($doc, "\n",)* ""),
                fields: &[ $( $crate::layout::FieldLayout {
                    name: stringify!($field),
                    ty: <$ty as $crate::layout::WireField>::TYPE,
                    offset: ::core::mem::offset_of!($name, $field),
                    size: ::core::mem::size_of::<$ty>(),
                    doc: concat!($($fdoc, "\n",)* ""),
                }, )* ],
            };
        }

        impl $crate::layout::WireField for $name {
            const TYPE: $crate::layout::FieldType =
                $crate::layout::FieldType::Struct(stringify!($name));
        }
    };
}
pub(crate) use wire_struct;

/// Defines a code: a byte newtype's legal values with their names, checked on decode.
macro_rules! wire_code {
    (
        $(#[doc = $doc:literal])*
        $name:ident : $repr:ty { $(
            $(#[doc = $vdoc:literal])*
            $variant:ident = $value:expr, $text:literal;
        )* }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr($repr)]
        pub enum $name { $( $(#[doc = $vdoc])* $variant = $value, )* }

        impl $name {
            /// Every value, in declaration order.
            pub const ALL: &'static [$name] = &[ $( $name::$variant, )* ];

            /// The values as data.
            pub const CODES: $crate::layout::CodeTable = $crate::layout::CodeTable {
                name: stringify!($name),
                size: ::core::mem::size_of::<$name>(),
                doc: concat!($($doc, "\n",)* ""),
                values: &[ $( $crate::layout::CodeValue {
                    name: stringify!($variant),
                    code: $name::$variant as u64,
                    text: $text,
                    doc: concat!($($vdoc, "\n",)* ""),
                }, )* ],
            };

            /// The code as it stands on the wire.
            #[must_use]
            pub const fn code(self) -> $repr { self as $repr }

            /// The value behind a wire code, or `None` where the code is not defined.
            #[must_use]
            pub const fn from_code(code: $repr) -> Option<Self> {
                $( if code == $value { return Some($name::$variant); } )*
                None
            }

            /// The stable lower-case or upper-case name, as files and reports print it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( $name::$variant => $text, )* }
            }
        }
    };
}
pub(crate) use wire_code;

/// Every wire struct, in the order WIRE.md shows them.
#[must_use]
pub fn all() -> Vec<StructLayout> {
    use crate::{
        advice, control, counters, frame, handshake, instrument, journal, market, model, order,
        reconcile, risk, signal, station,
    };
    vec![
        frame::FrameHeader::LAYOUT,
        instrument::Instrument::LAYOUT,
        market::Level::LAYOUT,
        market::DepthDelta::LAYOUT,
        market::BookSnapshot::LAYOUT,
        market::Trade::LAYOUT,
        market::Quote::LAYOUT,
        market::Gap::LAYOUT,
        market::Status::LAYOUT,
        order::NewOrder::LAYOUT,
        order::CancelOrder::LAYOUT,
        order::ReplaceOrder::LAYOUT,
        order::ExecutionReport::LAYOUT,
        order::CancelReject::LAYOUT,
        order::Denied::LAYOUT,
        signal::SnapshotLevel::LAYOUT,
        signal::SignalRequest::LAYOUT,
        signal::SignalResponse::LAYOUT,
        handshake::Hello::LAYOUT,
        handshake::HelloAck::LAYOUT,
        model::ModelCommand::LAYOUT,
        model::ModelChange::LAYOUT,
        handshake::Doorbell::LAYOUT,
        advice::Advice::LAYOUT,
        control::Control::LAYOUT,
        control::ControlReply::LAYOUT,
        station::Timer::LAYOUT,
        station::ModeChange::LAYOUT,
        station::SessionStart::LAYOUT,
        station::SessionEnd::LAYOUT,
        counters::CountersHeader::LAYOUT,
        order::ParentOrder::LAYOUT,
        reconcile::MassStatusRequest::LAYOUT,
        reconcile::OrderStatusRequest::LAYOUT,
        reconcile::OrderStatusReport::LAYOUT,
        reconcile::PositionReport::LAYOUT,
        reconcile::MassStatusEnd::LAYOUT,
        reconcile::VenueSession::LAYOUT,
        risk::RiskInput::LAYOUT,
        risk::LimitChange::LAYOUT,
        risk::LimitsEpoch::LAYOUT,
        risk::Alarm::LAYOUT,
        risk::KillReport::LAYOUT,
        journal::JournalSegment::LAYOUT,
        journal::JournalRecord::LAYOUT,
        journal::JournalSynced::LAYOUT,
        journal::JournalSeal::LAYOUT,
        journal::JournalRecovered::LAYOUT,
        journal::JournalCheckpoint::LAYOUT,
        journal::JournalSnapshot::LAYOUT,
    ]
}

/// Every code, in the order WIRE.md shows them; process exit codes last.
#[must_use]
pub fn codes() -> Vec<CodeTable> {
    use crate::{
        advice, control, counters, exit, frame, handshake, instrument, journal, market, model,
        order, reconcile, risk, signal, station,
    };
    vec![
        frame::FrameKind::CODES,
        instrument::InstrumentType::CODES,
        market::BookSide::CODES,
        market::AggressorSide::CODES,
        market::GapReason::CODES,
        market::TradingStatus::CODES,
        order::Side::CODES,
        order::OrdType::CODES,
        order::TimeInForce::CODES,
        order::ExecInst::CODES,
        order::ExecType::CODES,
        order::OrdStatus::CODES,
        order::Liquidity::CODES,
        order::RejectReason::CODES,
        signal::SignalStatus::CODES,
        handshake::Role::CODES,
        handshake::HelloStatus::CODES,
        model::ModelAction::CODES,
        advice::AdviceField::CODES,
        control::Command::CODES,
        control::ReplyCode::CODES,
        station::Mode::CODES,
        order::ParentStyle::CODES,
        order::ParentState::CODES,
        reconcile::SessionState::CODES,
        risk::Scope::CODES,
        risk::LimitField::CODES,
        risk::ChangeSource::CODES,
        risk::EpochStage::CODES,
        risk::RiskField::CODES,
        risk::AlarmCode::CODES,
        risk::KillCause::CODES,
        risk::KillStage::CODES,
        journal::RecordKind::CODES,
        counters::Counter::CODES,
        exit::Exit::CODES,
    ]
}

/// What the decoder demands of the fields of every frame.
#[must_use]
pub fn rules() -> Vec<StructRules> {
    crate::frame::rules::all()
}
