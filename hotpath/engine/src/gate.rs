//! The gate: every check on every order, all evaluated into one mask.
//!
//! Owns: the checks (one short file each under `gate/`), the verdict, and the [`Approval`] that
//! alone can become a `NewOrder` or `ReplaceOrder` frame. `GATE.md` is the table of the checks; a
//! test keeps table and code in step.
//!
//! Must never: change state, read a clock, allocate, use a float, or stop at the first failure.
//! Runs on the loop's thread, once an order. A check computes whether it holds and, only for the
//! record, limit and value: where everything passes the compiler leaves the latter out.
#![deny(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::indexing_slicing
)]
#![allow(clippy::needless_bitwise_bool, reason = "no branch where both sides cost nothing")]

mod aggression;
mod amend;
mod approval;
mod arithmetic;
mod audit_pressure;
mod authorized;
mod book_crossed;
mod book_gapped;
mod clock_sync;
mod concentration;
mod credit;
mod daily_activity;
mod daily_loss;
mod drawdown;
mod duplicate;
mod executions;
mod expiry;
mod fill_rate;
mod fx_rate;
mod instrument_known;
mod kill;
mod limits_epoch;
mod limits_present;
mod loss_streak;
mod loss_velocity;
mod market_stale;
mod max_adv;
mod max_depth;
mod max_gross;
mod max_net;
mod max_open_notional;
mod max_open_orders;
mod max_order_notional;
mod max_order_qty;
mod max_position;
mod message_rate;
mod min_notional;
mod mode;
mod order_rate;
mod order_to_trade;
mod parent;
mod price_band;
mod price_collar;
mod price_valid;
mod qty_valid;
mod reconciled;
mod reduce_only;
mod rejects;
mod risk_fresh;
mod self_trade;
mod session_up;
mod short_sale;
mod signal_model;
mod signal_range;
mod signal_seq;
mod signal_stale;
mod spread;
mod strategy_capital;
mod strategy_disabled;
mod symbol_status;
mod trigger_side;
mod type_supported;
mod unapproved_wire;
mod unknown_exposure;
mod var_limit;

pub(crate) use approval::{Approval, Envelope};

use crate::orders::OrderRequest;
use crate::risk::{FirmRisk, StrategyRisk, SymbolRisk, VenueRisk, value_or_most, worst_lots};
use core::hint::select_unpredictable;
use wire::order::{OrdStatus, OrdType, Side};
use wire::{ClOrdId, TsNs};

/// The working order an amendment would change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amend {
    /// Its id.
    pub cl_ord_id: ClOrdId,
    /// Its state.
    pub status: OrdStatus,
    /// Filled, lots.
    pub cum_lots: i64,
    /// Reserved for it, lots.
    pub leaves_lots: i64,
    /// Value reserved for it, billionths of the quote currency.
    pub value_e9: i64,
}

/// What the order is asked against.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// The instrument.
    pub symbol: &'a SymbolRisk,
    /// The strategy.
    pub strategy: &'a StrategyRisk,
    /// The venue.
    pub venue: &'a VenueRisk,
    /// The station.
    pub firm: &'a FirmRisk,
    /// Quantity of the order's parent, and what its slices have used, lots.
    pub parent: Option<(i64, i64)>,
    /// The order this one would change.
    pub amend: Option<Amend>,
    /// Lots of working orders of the same side in the same link group.
    pub linked_lots: i64,
    /// Oldest score that may be traded on, nanoseconds.
    pub signal_ttl_ns: u64,
    /// Engine time.
    pub now: TsNs,
}

/// Everything a check may look at: the order, the world, and what several checks need of both.
#[derive(Clone, Copy, Debug)]
pub struct Inquiry<'a> {
    /// The order; of an amendment, as it would be.
    pub order: &'a OrderRequest,
    /// The instrument.
    pub symbol: &'a SymbolRisk,
    /// The strategy.
    pub strategy: &'a StrategyRisk,
    /// The venue.
    pub venue: &'a VenueRisk,
    /// The station.
    pub firm: &'a FirmRisk,
    /// The order this one would change.
    pub amend: Option<Amend>,
    /// Quantity of the order's parent, lots; below 0 where there is none.
    pub parent_qty_lots: i64,
    /// What the parent's slices have used, lots.
    pub parent_used_lots: i64,
    /// Oldest score that may be traded on, nanoseconds.
    pub signal_ttl_ns: u64,
    /// Engine time.
    pub now: TsNs,
    /// Lots the order's side may still take off the position; of an amendment, without the order it
    /// changes.
    pub reducible_lots: i64,
    /// Lots it can still fill: all of a new order, what is not filled of an amendment.
    pub leaves_lots: i64,
    /// Lots the order adds to what is reserved: all of a new order, the difference of an amendment.
    pub added_lots: i64,
    /// Whether it could enlarge the position.
    pub opens: bool,
    /// The price it asks for, ticks: its limit; without one, the trigger or the opposite touch.
    pub asked_ticks: i64,
    /// The price it is valued at, ticks: the same; of a buy without a limit, a 32nd more.
    pub price_ticks: i64,
    /// Whole value, billionths of the quote currency; the largest number where it does not fit.
    pub value_e9: i64,
    /// Whole value, billionths of the base currency.
    pub base_e9: i64,
    /// Value of what it adds to what is reserved, quote currency.
    pub added_value_e9: i64,
    /// Value of what it adds to what is reserved, base currency.
    pub added_base_e9: i64,
    /// Lots it adds to the instrument's worst case.
    pub increase_lots: i64,
    /// Value of those, base currency.
    pub increase_base_e9: i64,
    /// Worst case of the strategy with it, at its price, base currency.
    pub strategy_base_e9: i64,
    /// Whether every one of these fits 64 bits.
    pub is_exact: bool,
}

/// The price an order asks for: its limit; without one, its trigger or the opposite touch.
#[inline]
fn asked_price(order: &OrderRequest, symbol: &SymbolRisk) -> i64 {
    match order.ord_type {
        OrdType::Limit | OrdType::StopLimit => order.price_ticks.get(),
        OrdType::Stop => order.stop_px_ticks.get(),
        OrdType::Market => symbol.across_ticks(order.side),
    }
}

/// The price it is valued at: a buy without a limit may pay more than it asks for. The margin is no
/// limit of a row: a tighter limit must not make an order cheaper.
#[inline]
fn value_price(order: &OrderRequest, asked: i64) -> i64 {
    let has_limit = matches!(order.ord_type, OrdType::Limit | OrdType::StopLimit);
    if has_limit | (order.side == Side::Sell) {
        asked
    } else {
        asked.saturating_add(asked >> 5_u32).saturating_add(1)
    }
}

impl<'a> Inquiry<'a> {
    /// Joins order and world.
    #[inline]
    #[must_use]
    pub fn new(order: &'a OrderRequest, world: &World<'a>) -> Self {
        let World { symbol, strategy, venue, firm, amend, now, signal_ttl_ns, .. } = *world;
        let qty = order.qty_lots.get();
        let (filled, own) = amend.map_or((0, 0), |a| (a.cum_lots, a.leaves_lots));
        let leaves_lots = qty.saturating_sub(filled);
        let added_lots = leaves_lots.saturating_sub(own).max(0);
        let (buys, sells) = (symbol.buy_lots, symbol.sell_lots);
        let is_buy = order.side == Side::Buy;
        let shorted = symbol.position_lots.saturating_neg();
        let held = select_unpredictable(is_buy, shorted, symbol.position_lots);
        let working = select_unpredictable(is_buy, buys, sells);
        let free = held.saturating_sub(working);
        let free = free.saturating_add(world.linked_lots).saturating_add(own);
        let reducible_lots = free.min(held).max(0);
        let asked_ticks = asked_price(order, symbol);
        let price_ticks = value_price(order, asked_ticks);
        let tick = symbol.tick_value_e9;
        let (value, fits) = value_or_most(price_ticks, qty, tick);
        let added_value = amend.map_or(value, |a| {
            let (rest, fits) = value_or_most(price_ticks, leaves_lots.max(0), tick);
            if fits { rest.saturating_sub(a.value_e9).max(0) } else { i64::MAX }
        });
        let bought = select_unpredictable(is_buy, added_lots, 0);
        let sold = select_unpredictable(is_buy, 0, added_lots);
        let after = |position: i64, buys: i64, sells: i64| {
            worst_lots(position, buys.saturating_add(bought), sells.saturating_add(sold))
        };
        let worst = after(symbol.position_lots, buys, sells);
        let increase_lots =
            worst.saturating_sub(worst_lots(symbol.position_lots, buys, sells)).max(0);
        let (increase, increase_fits) = value_or_most(price_ticks, increase_lots, tick);
        let of_strategy = after(strategy.position_lots, strategy.buy_lots, strategy.sell_lots);
        let (of_strategy, strategy_fits) = value_or_most(price_ticks, of_strategy, tick);
        let fx = symbol.fx;
        let base = fx.convert(value);
        let added_base = if amend.is_none() { base } else { fx.convert(added_value) };
        let (parent_qty_lots, parent_used_lots) = world.parent.unwrap_or((-1, 0));
        Self {
            order,
            symbol,
            strategy,
            venue,
            firm,
            amend,
            parent_qty_lots,
            parent_used_lots,
            signal_ttl_ns,
            now,
            reducible_lots,
            leaves_lots,
            added_lots,
            opens: leaves_lots > reducible_lots,
            asked_ticks,
            price_ticks,
            value_e9: value,
            base_e9: base,
            added_value_e9: added_value,
            added_base_e9: added_base,
            increase_lots,
            increase_base_e9: fx.convert(increase),
            strategy_base_e9: fx.convert(of_strategy),
            is_exact: fits & increase_fits & strategy_fits,
        }
    }

    /// How long ago a moment was, nanoseconds; a moment that never was (0 or undefined) is as old
    /// as can be.
    #[inline]
    fn age_ns(&self, at_ns: u64) -> i64 {
        let age = i64::try_from(self.now.get().saturating_sub(at_ns)).unwrap_or(i64::MAX);
        if (at_ns == 0) | (at_ns == TsNs::UNDEF.get()) { i64::MAX } else { age }
    }

    /// Lots added, negative for a sell.
    #[inline]
    fn signed_added_lots(&self) -> i64 {
        let lots = self.added_lots;
        select_unpredictable(self.order.side == Side::Buy, lots, lots.saturating_neg())
    }
}

/// What a check found: whether it holds, its limit and the value held against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Whether it holds.
    pub is_good: bool,
    /// The limit, in the check's unit.
    pub limit: i64,
    /// The value.
    pub actual: i64,
}

impl Measure {
    /// Nothing to hold against anything.
    const PASS: Self = Self { is_good: true, limit: 0, actual: 0 };

    const fn new(is_good: bool, limit: i64, actual: i64) -> Self {
        Self { is_good, limit, actual }
    }

    const fn at_most(limit: i64, actual: i64) -> Self {
        Self::new(actual <= limit, limit, actual)
    }

    /// One more than `so_far` is at most the limit.
    const fn one_more(limit: i64, so_far: i64) -> Self {
        Self::new(so_far < limit, limit, so_far.saturating_add(1))
    }

    /// `so_far` and `more` are at most the limit; a sum that does not fit is above every limit.
    const fn sum_at_most(limit: i64, so_far: i64, more: i64) -> Self {
        let (sum, is_cut) = so_far.overflowing_add(more);
        Self::new(!is_cut & (sum <= limit), limit, if is_cut { i64::MAX } else { sum })
    }

    const fn at_least(limit: i64, actual: i64) -> Self {
        Self::new(actual >= limit, limit, actual)
    }

    /// `part x 10000 <= limit_bp x whole`; a whole that is not above 0 covers nothing.
    #[inline]
    fn share(limit_bp: i64, part: i64, whole: i64) -> Self {
        // A part that does not fit fails; an allowance that does not fit is above every part.
        let (allowed, is_all) = limit_bp.overflowing_mul(whole);
        let (scaled, is_cut) = part.overflowing_mul(10_000);
        let good = !is_cut & ((scaled <= allowed) | (is_all & (limit_bp > 0)));
        let up = whole.saturating_sub(1);
        let bp = part.saturating_mul(10_000).saturating_add(up).checked_div(whole);
        Self::new(good & (whole > 0), limit_bp, bp.filter(|_| whole > 0).unwrap_or(i64::MAX))
    }

    /// This, or what the other found where only the other fails.
    #[inline]
    fn and(self, other: Self) -> Self {
        let shown = if self.is_good & !other.is_good { other } else { self };
        Self { is_good: self.is_good & other.is_good, ..shown }
    }

    /// Holds for orders that open nothing, whatever was found.
    #[inline]
    fn if_opens(self, i: &Inquiry<'_>) -> Self {
        self.only_if(i.opens)
    }

    /// Holds for orders that open nothing, and for strategies that do without scores.
    #[inline]
    fn if_signal(self, i: &Inquiry<'_>) -> Self {
        self.only_if(i.opens & i.strategy.uses_signal)
    }

    /// Holds where the check does not apply.
    #[inline]
    fn only_if(self, applies: bool) -> Self {
        Self { is_good: self.is_good | !applies, ..self }
    }
}

/// A check failed: its limit and the value that broke it, in the check's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The limit.
    pub limit: i64,
    /// The value.
    pub actual: i64,
}

/// One check.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Bit in the mask and stable number; a retired number stays unused.
    pub id: u8,
    /// Stable upper-case code.
    pub code: &'static str,
    /// What must hold.
    pub rule: &'static str,
    /// Unit of limit and actual.
    pub unit: &'static str,
    /// Key of the limit in the limits file; `-` where the state alone decides.
    pub key: &'static str,
    /// The check.
    pub run: fn(&Inquiry<'_>) -> Measure,
}

/// The bits of some checks in a row, the first in the lowest bit.
macro_rules! bits {
    ($i:ident;) => { 0_u64 };
    ($i:ident; $first:ident $($rest:ident)*) => {
        (bits!($i; $($rest)*) << 1_u32) | u64::from(!$first::run($i).is_good)
    };
}

/// Four times sixteen: four chains that do not wait for each other.
macro_rules! checks {
    ($({ $($module:ident)* })*) => {
        /// Every check, by id.
        pub const CHECKS: [Check; 64] = [ $( $( $module::CHECK, )* )* ];

        /// One bit for each check that fails; all are evaluated.
        #[must_use]
        pub fn mask(i: &Inquiry<'_>) -> u64 {
            let [a, b, c, d] = [ $( bits!(i; $($module)*), )* ];
            a | (b << 16_u32) | (c << 32_u32) | (d << 48_u32)
        }
    };
}

checks! {
    {
        kill mode reconciled session_up strategy_disabled authorized limits_present limits_epoch
        risk_fresh audit_pressure clock_sync instrument_known qty_valid price_valid arithmetic
        min_notional
    }
    {
        type_supported expiry trigger_side symbol_status price_band short_sale reduce_only
        max_order_qty max_order_notional fx_rate max_adv max_depth price_collar aggression parent
        unapproved_wire
    }
    {
        market_stale book_crossed book_gapped spread signal_stale signal_seq signal_range
        signal_model max_position max_open_orders max_open_notional max_gross max_net
        concentration credit strategy_capital
    }
    {
        var_limit unknown_exposure daily_loss drawdown loss_streak loss_velocity order_rate
        message_rate order_to_trade duplicate self_trade executions fill_rate rejects
        daily_activity amend
    }
}

const _: () = {
    let mut checks = CHECKS.as_slice();
    let mut id = 0;
    while let [check, rest @ ..] = checks {
        assert!(check.id == id, "a check stands at its number");
        (checks, id) = (rest, id.wrapping_add(1));
    }
};

/// What the gate says of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// One bit a failed check; 0 passes.
    pub mask: u64,
    /// The failed check with the lowest number, and its figures.
    pub primary: Option<(u8, Breach)>,
}

/// Evaluates every check.
#[inline]
#[must_use]
pub fn evaluate(inquiry: &Inquiry<'_>) -> Verdict {
    let mask = mask(inquiry);
    if mask == 0 { Verdict { mask, primary: None } } else { denial(mask, inquiry) }
}

/// The verdict of an order that failed.
#[cold]
fn denial(mask: u64, inquiry: &Inquiry<'_>) -> Verdict {
    let failed = |check: &&Check| mask.wrapping_shr(u32::from(check.id)) & 1 == 1;
    let primary = CHECKS.iter().find(failed).map(|check| {
        let found = (check.run)(inquiry);
        (check.id, Breach { limit: found.limit, actual: found.actual })
    });
    Verdict { mask, primary }
}

/// The check with this number.
#[must_use]
pub fn check(id: u8) -> Option<&'static Check> {
    CHECKS.get(usize::from(id))
}

/// The stable code of a check number.
#[must_use]
pub fn code_of(id: u8) -> Option<&'static str> {
    check(id).map(|c| c.code)
}

/// The number of a check's stable code.
#[must_use]
pub fn id_of(code: &str) -> Option<u8> {
    CHECKS.iter().find(|c| c.code == code).map(|c| c.id)
}

#[cfg(test)]
mod tests;
