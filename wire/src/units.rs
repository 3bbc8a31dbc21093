//! Units and identifiers as newtypes, so that a price cannot be added to a quantity.
//!
//! Must never: hold a float. Arithmetic that can overflow is `checked_*` at the call site.

use crate::layout::{FieldType, WireField};
use bytemuck::{Pod, Zeroable};

macro_rules! unit {
    ($(#[doc = $doc:literal])* $name:ident($inner:ty) = $ty:expr) => {
        $(#[doc = $doc])*
        #[repr(transparent)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
        pub struct $name(pub $inner);

        impl $name {
            /// The bare number.
            #[must_use]
            pub const fn get(self) -> $inner { self.0 }
        }

        impl WireField for $name { const TYPE: FieldType = $ty; }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

unit! {
    /// A price in whole ticks (price increments) of its instrument.
    PriceTicks(i64) = FieldType::Signed(64)
}
unit! {
    /// A quantity in whole lots (size increments) of its instrument; never negative on the wire.
    QtyLots(i64) = FieldType::Signed(64)
}
unit! {
    /// A signed position in whole lots; long is positive.
    PositionLots(i64) = FieldType::Signed(64)
}
unit! {
    /// Money in billionths of the instrument's quote currency.
    MoneyE9(i64) = FieldType::Signed(64)
}
unit! {
    /// Index of an instrument in the station's instrument table, from 0.
    InstrumentId(u32) = FieldType::Unsigned(32)
}
unit! {
    /// A trading venue.
    VenueId(u16) = FieldType::Unsigned(16)
}
unit! {
    /// A strategy, from 0 in the order of the configuration.
    StrategyId(u16) = FieldType::Unsigned(16)
}
unit! {
    /// Client order id (FIX 11): session epoch in the upper 32 bits, counter in the lower; never
    /// reused.
    ClOrdId(u64) = FieldType::Unsigned(64)
}
unit! {
    /// Nanoseconds since the UNIX epoch; the field's name says whose clock.
    TsNs(u64) = FieldType::Unsigned(64)
}

impl PriceTicks {
    /// "No price".
    pub const UNDEF: Self = Self(i64::MIN);

    /// Whether a price is there.
    #[must_use]
    pub const fn is_defined(self) -> bool {
        self.0 != i64::MIN
    }
}

impl InstrumentId {
    /// "No instrument": a frame that concerns the whole station or a whole venue.
    pub const UNDEF: Self = Self(u32::MAX);
}
impl VenueId {
    /// "No venue".
    pub const UNDEF: Self = Self(u16::MAX);
}
impl StrategyId {
    /// "No strategy".
    pub const UNDEF: Self = Self(u16::MAX);
}
impl ClOrdId {
    /// "No client order id".
    pub const UNDEF: Self = Self(u64::MAX);

    /// Builds an id from a session epoch and a counter.
    #[must_use]
    pub const fn new(epoch: u32, counter: u32) -> Self {
        Self(((epoch as u64) << 32) | counter as u64)
    }
}
impl TsNs {
    /// "Time not known".
    pub const UNDEF: Self = Self(u64::MAX);

    /// This moment plus a span, at most the last defined moment.
    #[must_use]
    pub const fn saturating_add(self, ns: u64) -> Self {
        let sum = self.0.saturating_add(ns);
        Self(if sum == u64::MAX { u64::MAX - 1 } else { sum })
    }

    /// Nanoseconds from `earlier` to here; 0 where `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: TsNs) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A venue sequence or order number that is not known.
pub const SEQ_UNDEF: u64 = u64::MAX;
