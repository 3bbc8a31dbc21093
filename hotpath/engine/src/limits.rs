//! Limits: four kinds of rows (symbol, strategy, venue, firm), the layers that make the effective
//! value, and the lattice they form.
//!
//! Owns: which limit exists in which row, its range, and which way is tighter. The effective value
//! of a field is the tightest of the compiled cap (the loose end of its range), the operator's
//! limits file, the session's tightenings and the advice in force. Must never: default a row, or
//! loosen past the operator's value. Rows are read on the loop's thread once an order; they change
//! only between inputs.

use crate::hash::StateHasher;
use crate::state::{StateError, StateReader};
use core::ops::RangeInclusive;
use wire::VenueId;
use wire::risk::{LimitField, Scope};

/// Which way a limit gets tighter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tighter {
    /// A lower value allows less.
    Lower,
    /// A higher value allows less (of a step, a multiple).
    Higher,
}

/// One limit of a row: its field, range and direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldSpec {
    /// Field.
    pub field: LimitField,
    /// Values a limits file may give. The loose end is the compiled cap.
    pub range: RangeInclusive<i64>,
    /// Which way is tighter.
    pub tighter: Tighter,
}

/// What every kind of row can do.
pub trait Row: Copy + PartialEq + core::fmt::Debug + 'static {
    /// The scope the row is for.
    const SCOPE: Scope;
    /// The loosest row there is: every field at its compiled cap.
    const LOOSEST: Self;
    /// Its fields, in the order of the struct.
    fn fields() -> &'static [FieldSpec];
    /// The value of a field, or `None` where this kind of row has no such field.
    fn get(&self, field: LimitField) -> Option<i64>;
    /// Sets a field; `false` where this kind of row has no such field.
    fn set(&mut self, field: LimitField, value: i64) -> bool;
    /// Field by field the tighter of both; of two steps, the least common multiple.
    #[must_use]
    fn tightest(&self, other: &Self) -> Self;
    /// Folds every value into a state hash.
    fn hash_into(&self, h: &mut StateHasher);
    /// Takes back what [`Row::hash_into`] fed.
    ///
    /// # Errors
    /// [`StateError`]; then it is half loaded.
    fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError>;

    /// What is known of a field of this row.
    #[must_use]
    fn spec(field: LimitField) -> Option<&'static FieldSpec> {
        Self::fields().iter().find(|spec| spec.field == field)
    }

    /// Every field outside its range.
    #[must_use]
    fn outside(&self) -> Vec<&'static FieldSpec> {
        let good =
            |spec: &&FieldSpec| self.get(spec.field).is_some_and(|v| spec.range.contains(&v));
        Self::fields().iter().filter(|spec| !good(spec)).collect()
    }
}

const fn tighter(way: Tighter, a: i64, b: i64) -> i64 {
    let lower = if a < b { a } else { b };
    let higher = if a < b { b } else { a };
    match way {
        Tighter::Lower => lower,
        Tighter::Higher => higher,
    }
}

/// The step that fits into both: the least common multiple. A larger step that is no multiple would
/// allow what the smaller one does not. The largest number, which nothing fits, where there is
/// none.
const fn common_step(a: i64, b: i64) -> i64 {
    let (mut x, mut y) = (a, b);
    while y > 0 {
        (x, y) = (y, x.wrapping_rem(y));
    }
    match if x > 0 { a.wrapping_div(x).checked_mul(b) } else { None } {
        Some(step) => step,
        None => i64::MAX,
    }
}

/// What both allow.
const fn meet(field: LimitField, way: Tighter, a: i64, b: i64) -> i64 {
    if matches!(field, LimitField::QtyStep | LimitField::PriceStep) {
        common_step(a, b)
    } else {
        tighter(way, a, b)
    }
}

macro_rules! row {
    ($(#[doc = $doc:literal])* $name:ident : $scope:ident {
        $( $field:ident = $wire:ident, $way:ident, $low:expr, $high:expr; )*
    }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each field is the wire limit of the same name")]
        pub struct $name { $( pub $field: i64, )* }

        impl Row for $name {
            const SCOPE: Scope = Scope::$scope;
            const LOOSEST: Self = Self {
                $( $field: tighter(
                    match Tighter::$way { Tighter::Lower => Tighter::Higher, Tighter::Higher => Tighter::Lower },
                    $low, $high,
                ), )*
            };

            fn fields() -> &'static [FieldSpec] {
                const FIELDS: &[FieldSpec] = &[ $( FieldSpec {
                    field: LimitField::$wire,
                    range: $low..=$high,
                    tighter: Tighter::$way,
                }, )* ];
                FIELDS
            }

            fn get(&self, field: LimitField) -> Option<i64> {
                match field { $( LimitField::$wire => Some(self.$field), )* _ => None }
            }

            fn set(&mut self, field: LimitField, value: i64) -> bool {
                match field { $( LimitField::$wire => self.$field = value, )* _ => return false }
                true
            }

            fn tightest(&self, other: &Self) -> Self {
                Self { $( $field: meet(LimitField::$wire, Tighter::$way, self.$field, other.$field), )* }
            }

            fn hash_into(&self, h: &mut StateHasher) { $( h.i64(self.$field); )* }

            fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
                $( self.$field = from.i64()?; )*
                Ok(())
            }
        }
    };
}

/// Largest count of lots or ticks.
const LOTS: i64 = 1_000_000_000_000_000;
/// Largest sum of money, billionths: nine billion units of a currency.
const MONEY: i64 = 9_000_000_000_000_000_000;
/// Longest span, nanoseconds: a day.
const DAY: i64 = 86_400_000_000_000;
/// Largest count of orders, fills or repetitions.
const COUNT: i64 = 1_000_000_000;
/// A whole, basis points.
const WHOLE_BP: i64 = 10_000;

row! {
    /// Limits of one instrument.
    SymbolLimits: Symbol {
        max_order_qty_lots = MaxOrderQty, Lower, 1, LOTS;
        max_order_notional_e9 = MaxOrderNotional, Lower, 1, MONEY;
        max_adv_bp = MaxAdvBp, Lower, 1, WHOLE_BP;
        max_depth_bp = MaxDepthBp, Lower, 1, 1_000_000;
        price_collar_bp = PriceCollarBp, Lower, 1, WHOLE_BP;
        price_collar_ticks = PriceCollarTicks, Lower, 0, 1_000_000;
        max_aggression_ticks = MaxAggressionTicks, Lower, 0, 1_000_000;
        max_long_lots = MaxLong, Lower, 0, LOTS;
        max_short_lots = MaxShort, Lower, 0, LOTS;
        max_open_orders = MaxOpenOrders, Lower, 1, 100_000;
        max_open_notional_e9 = MaxOpenNotional, Lower, 1, MONEY;
        max_market_age_ns = MaxMarketAge, Lower, 1, DAY;
        max_spread_ticks = MaxSpreadTicks, Lower, 1, LOTS;
        max_spread_medians = MaxSpreadMedians, Lower, 1, 1_000_000;
        max_signal_lag = MaxSignalLag, Lower, 1, 1_000_000;
        max_signal_repeats = MaxSignalRepeats, Lower, 1, COUNT;
        order_rate_per_s = OrderRatePerS, Lower, 1, 1_000_000;
        order_burst = OrderBurst, Lower, 1, 1_000_000;
        max_duplicates = MaxDuplicates, Lower, 1, 8;
        duplicate_window_ns = DuplicateWindow, Higher, 1, DAY;
        max_fill_lots = MaxFillLots, Lower, 1, LOTS;
        fill_window_ns = FillWindow, Higher, 1, DAY;
        qty_step_lots = QtyStep, Higher, 1, LOTS;
        price_step_ticks = PriceStep, Higher, 1, LOTS;
    }
}

row! {
    /// Limits of one strategy.
    StrategyLimits: Strategy {
        max_long_lots = MaxLong, Lower, 0, LOTS;
        max_short_lots = MaxShort, Lower, 0, LOTS;
        max_open_orders = MaxOpenOrders, Lower, 1, 100_000;
        order_rate_per_s = OrderRatePerS, Lower, 1, 1_000_000;
        order_burst = OrderBurst, Lower, 1, 1_000_000;
        capital_e9 = Capital, Lower, 1, MONEY;
        max_daily_loss_e9 = MaxDailyLoss, Lower, 1, MONEY;
        max_drawdown_e9 = MaxDrawdown, Lower, 1, MONEY;
        max_loss_streak = MaxLossStreak, Lower, 1, COUNT;
        max_loss_per_min_e9 = MaxLossPerMin, Lower, 1, MONEY;
        max_order_to_trade = MaxOrderToTrade, Lower, 1, COUNT;
        max_executions = MaxExecutions, Lower, 1, COUNT;
        max_consecutive_rejects = MaxConsecutiveRejects, Lower, 1, COUNT;
        max_daily_turnover_e9 = MaxDailyTurnover, Lower, 1, MONEY;
        max_daily_orders = MaxDailyOrders, Lower, 1, COUNT;
    }
}

row! {
    /// Limits of one venue.
    VenueLimits: Venue {
        max_open_orders = MaxOpenOrders, Lower, 1, 100_000;
        order_rate_per_s = OrderRatePerS, Lower, 1, 1_000_000;
        order_burst = OrderBurst, Lower, 1, 1_000_000;
        message_rate_per_s = MessageRatePerS, Lower, 1, 1_000_000;
        message_burst = MessageBurst, Lower, 1, 1_000_000;
        order_share_bp = OrderShareBp, Lower, 1, WHOLE_BP;
    }
}

row! {
    /// Limits of the whole station.
    FirmLimits: Firm {
        max_order_notional_e9 = MaxOrderNotional, Lower, 1, MONEY;
        max_open_orders = MaxOpenOrders, Lower, 1, 100_000;
        max_open_notional_e9 = MaxOpenNotional, Lower, 1, MONEY;
        max_gross_e9 = MaxGross, Lower, 1, MONEY;
        max_net_e9 = MaxNet, Lower, 1, MONEY;
        max_concentration_bp = MaxConcentrationBp, Lower, 1, WHOLE_BP;
        credit_use_bp = CreditUseBp, Lower, 1, WHOLE_BP;
        var_limit_e9 = VarLimit, Lower, 1, MONEY;
        max_unknown_orders = MaxUnknownOrders, Lower, 0, 100_000;
        max_unknown_notional_e9 = MaxUnknownNotional, Lower, 0, MONEY;
        max_daily_loss_e9 = MaxDailyLoss, Lower, 1, MONEY;
        max_drawdown_e9 = MaxDrawdown, Lower, 1, MONEY;
        max_loss_per_min_e9 = MaxLossPerMin, Lower, 1, MONEY;
        max_daily_turnover_e9 = MaxDailyTurnover, Lower, 1, MONEY;
        max_daily_orders = MaxDailyOrders, Lower, 1, COUNT;
        max_risk_age_ns = MaxRiskAge, Lower, 1, DAY;
        max_fx_age_ns = MaxFxAge, Lower, 1, DAY;
        max_clock_offset_ns = MaxClockOffset, Lower, 1, DAY;
    }
}

/// Where an instrument's exchange rate to the base currency comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FxSource {
    /// The quote currency is the base currency.
    Base,
    /// Figures from outside; a missing or old one denies.
    Feed,
}

/// What an instrument's orders may look like: the parts of its row that are no numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolRules {
    /// Allowed pairs of order type and time in force; see [`pair_bit`].
    pub order_types: u32,
    /// Strategies that may trade it: bit n is strategy n.
    pub strategies: u64,
    /// Exchange rate.
    pub fx: FxSource,
    /// Whether a price band of the venue is due; a missing band then denies.
    pub band_due: bool,
    /// Whether a short sale needs a locate; a missing one then denies.
    pub locate_due: bool,
}

/// The bit of a pair of order type and time in force in [`SymbolRules::order_types`].
#[must_use]
pub const fn pair_bit(
    ord_type: wire::order::OrdType,
    time_in_force: wire::order::TimeInForce,
) -> u32 {
    use wire::order::{OrdType as O, TimeInForce as T};
    let row = match ord_type {
        O::Market => 0,
        O::Limit => 8,
        O::Stop => 16,
        O::StopLimit => 24,
    };
    let column = match time_in_force {
        T::Day => 0,
        T::Gtc => 1,
        T::Ioc => 2,
        T::Fok => 3,
        T::Gtd => 4,
    };
    1 << (row + column)
}

/// The row of one instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolRow {
    /// Numbers.
    pub limits: SymbolLimits,
    /// Rules.
    pub rules: SymbolRules,
    /// Average daily volume, lots, where the operator gives one; figures from outside replace it.
    pub adv_lots: Option<i64>,
}

/// A whole limits file, joined with the instrument table and the strategies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitSet {
    /// Epoch: rises with every file; at least 1.
    pub epoch: u64,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: [u8; 64],
    /// The station's row.
    pub firm: FirmLimits,
    /// One row for each instrument that may be traded, by instrument id.
    pub symbols: Vec<Option<SymbolRow>>,
    /// One row for each strategy that may trade, by strategy id.
    pub strategies: Vec<Option<StrategyLimits>>,
    /// The venues' rows.
    pub venues: Vec<(VenueId, VenueLimits)>,
}

impl LimitSet {
    /// Becomes a copy of another set; allocates nothing where the other is no larger.
    pub fn copy_from(&mut self, other: &Self) {
        (self.epoch, self.sha256, self.firm) = (other.epoch, other.sha256, other.firm);
        self.symbols.clone_from(&other.symbols);
        self.strategies.clone_from(&other.strategies);
        self.venues.clone_from(&other.venues);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lattice<R: Row>() {
        for spec in R::fields() {
            let (low, high) = (*spec.range.start(), *spec.range.end());
            assert!(low < high && low >= 0, "{:?}", spec.field);
            let (tight, loose) = match spec.tighter {
                Tighter::Lower => (low, high),
                Tighter::Higher => (high, low),
            };
            assert_eq!(R::LOOSEST.get(spec.field), Some(loose), "{:?}", spec.field);
            let mut row = R::LOOSEST;
            assert!(row.set(spec.field, tight));
            assert_eq!(row.get(spec.field), Some(tight));
            for other in [R::LOOSEST, row] {
                let both = row.tightest(&other);
                assert_eq!(both.get(spec.field), Some(tight), "{:?}", spec.field);
                assert_eq!(both, other.tightest(&row), "commutes");
                assert_eq!(both.tightest(&other), both, "absorbs");
            }
            assert_eq!(row.outside(), Vec::<&FieldSpec>::new());
            for beyond in [low - 1, high + 1] {
                row.set(spec.field, beyond);
                assert_eq!(row.outside().len(), 1, "{:?} = {beyond}", spec.field);
            }
        }
    }

    #[test]
    fn every_field_of_every_row_has_a_loose_end_and_gets_only_tighter() {
        lattice::<SymbolLimits>();
        lattice::<StrategyLimits>();
        lattice::<VenueLimits>();
        lattice::<FirmLimits>();
    }

    #[test]
    fn every_wire_field_is_in_a_row_and_its_key_is_the_field() {
        for field in LimitField::ALL {
            let rows = [
                SymbolLimits::spec(*field).is_some(),
                StrategyLimits::spec(*field).is_some(),
                VenueLimits::spec(*field).is_some(),
                FirmLimits::spec(*field).is_some(),
            ];
            assert!(rows.contains(&true), "{field:?} is in no row");
        }
        assert!(SymbolLimits::spec(LimitField::MaxGross).is_none());
        assert!(!SymbolLimits::LOOSEST.clone().set(LimitField::MaxGross, 1));
        let names = format!("{:?}", SymbolLimits::LOOSEST);
        for spec in SymbolLimits::fields() {
            assert!(names.contains(&format!("{}: ", spec.field.name())), "{:?}", spec.field);
        }
    }

    /// A step of 3 would allow 3, which a step of 2 does not: only 6 allows what both do.
    #[test]
    fn the_tighter_of_two_steps_allows_nothing_that_one_of_them_does_not() {
        for a in 1..=24 {
            for b in 1..=24 {
                let row = |step| SymbolLimits {
                    qty_step_lots: step,
                    price_step_ticks: step,
                    ..SymbolLimits::LOOSEST
                };
                let both = row(a).tightest(&row(b));
                assert_eq!(both.qty_step_lots, both.price_step_ticks);
                for lots in 1..=600 {
                    let fits = lots % a == 0 && lots % b == 0;
                    assert_eq!(lots % both.qty_step_lots == 0, fits, "{lots}: {a} and {b}");
                }
            }
        }
        assert_eq!(common_step(LOTS, LOTS - 1), i64::MAX, "nothing fits both");
        assert_eq!((common_step(5, 0), common_step(0, 0)), (0, i64::MAX), "no step fits nothing");
    }

    #[test]
    fn pairs_of_type_and_time_in_force_have_bits_of_their_own() {
        use wire::order::{OrdType, TimeInForce};
        let mut seen = 0_u32;
        for ord_type in OrdType::ALL {
            for tif in TimeInForce::ALL {
                let bit = pair_bit(*ord_type, *tif);
                assert_eq!((bit.count_ones(), seen & bit), (1, 0), "{ord_type:?} {tif:?}");
                seen |= bit;
            }
        }
    }
}
