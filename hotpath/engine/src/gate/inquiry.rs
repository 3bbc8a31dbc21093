//! What is asked: the order, the world it is held against, and what several checks need of both.
//!
//! Whatever takes a branch is done here, before the first check: the checks themselves are then one
//! straight line.
use crate::orders::OrderRequest;
use crate::risk::{DuplicateLog, FirmRisk, StrategyRisk, SymbolRisk, VenueRisk, value_or_most};
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
#[expect(clippy::struct_excessive_bools, reason = "each is what one check asks")]
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
    /// Where it leaves the instrument's position with every order of its side filled, lots; above 0
    /// on its own side.
    pub reach_lots: i64,
    /// The same of the strategy's.
    pub strategy_reach_lots: i64,
    /// The price it asks for, ticks: its limit; without one, the trigger or the opposite touch.
    pub asked_ticks: i64,
    /// The price it is valued at, ticks: the same; of a buy without a limit, a 32nd more.
    pub price_ticks: i64,
    /// Twice the price it is held against, ticks: the trigger of a stop limit order, else the
    /// market's reference; not above 0 where there is none.
    pub reference_x2: i64,
    /// Whether its limit is a multiple of the instrument's step; of an order without one true.
    pub price_on_step: bool,
    /// The same of its trigger.
    pub trigger_on_step: bool,
    /// Whether its quantity is.
    pub qty_on_step: bool,
    /// Equal orders within the window for duplicates.
    pub duplicates: i64,
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

/// Whether its type has a limit.
#[inline]
pub(super) const fn has_limit(order: &OrderRequest) -> bool {
    matches!(order.ord_type, OrdType::Limit | OrdType::StopLimit)
}

/// Whether its type has a trigger.
#[inline]
pub(super) const fn has_stop(order: &OrderRequest) -> bool {
    matches!(order.ord_type, OrdType::Stop | OrdType::StopLimit)
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
pub(crate) fn value_price(order: &OrderRequest, symbol: &SymbolRisk) -> i64 {
    let asked = asked_price(order, symbol);
    if has_limit(order) | (order.side == Side::Sell) {
        asked
    } else {
        asked.saturating_add(asked >> 5_u32).saturating_add(1)
    }
}

/// Twice the price it is held against.
#[inline]
fn reference_x2(order: &OrderRequest, symbol: &SymbolRisk) -> i64 {
    if order.ord_type == OrdType::StopLimit {
        order.stop_px_ticks.get().checked_mul(2).unwrap_or(0)
    } else {
        symbol.reference_or_none_x2()
    }
}

/// Whether a number is a multiple of a step.
#[inline]
fn is_on_step(number: i64, step: i64) -> bool {
    number.checked_rem(step.max(1)) == Some(0)
}

/// A position as one side of the market sees it: where every order of that side would take it, and
/// where every order of the other side would take it the other way, lots.
#[derive(Clone, Copy)]
struct Sides {
    own: i64,
    other: i64,
}

impl Sides {
    #[inline]
    fn of(is_buy: bool, position: i64, buys: i64, sells: i64) -> Self {
        let (up, down) = (position.saturating_add(buys), sells.saturating_sub(position));
        Self {
            own: select_unpredictable(is_buy, up, down),
            other: select_unpredictable(is_buy, down, up),
        }
    }

    /// The same with so many lots more on its own side.
    #[inline]
    fn with(self, lots: i64) -> Self {
        Self { own: self.own.saturating_add(lots), ..self }
    }

    /// The worse of the two: what works is never below 0, so one of them is no shorter than the
    /// position.
    #[inline]
    fn worst(self) -> i64 {
        self.own.max(self.other)
    }
}

impl<'a> Inquiry<'a> {
    /// Joins order and world.
    #[inline]
    #[must_use]
    pub fn new(order: &'a OrderRequest, world: &World<'a>) -> Self {
        let World { symbol, strategy, venue, firm, amend, now, signal_ttl_ns, .. } = *world;
        let qty = order.qty_lots.get();
        let asked_ticks = asked_price(order, symbol);
        let price_ticks = value_price(order, symbol);
        let (step, window) = (symbol.limits.price_step_ticks, symbol.limits.duplicate_window_ns);
        let price_on_step = !has_limit(order) || is_on_step(order.price_ticks.get(), step);
        let trigger_on_step = !has_stop(order) || is_on_step(order.stop_px_ticks.get(), step);
        let qty_on_step = is_on_step(qty, symbol.limits.qty_step_lots);
        let duplicates = symbol.duplicates.count(DuplicateLog::key(order), now, window);
        let reference_x2 = reference_x2(order, symbol);
        let (filled, own) = amend.map_or((0, 0), |a| (a.cum_lots, a.leaves_lots));
        let leaves_lots = qty.saturating_sub(filled);
        let added_lots = leaves_lots.saturating_sub(own).max(0);
        let is_buy = order.side == Side::Buy;
        let (position, buys, sells) = (symbol.position_lots, symbol.buy_lots, symbol.sell_lots);
        let before = Sides::of(is_buy, position, buys, sells);
        let held = select_unpredictable(is_buy, position.saturating_neg(), position);
        let free = world.linked_lots.saturating_add(own).saturating_sub(before.own);
        let reducible_lots = free.min(held).max(0);
        let after = before.with(added_lots);
        let increase_lots = after.worst().saturating_sub(before.worst()).max(0);
        let (t_buys, t_sells) = (strategy.buy_lots, strategy.sell_lots);
        let of_strategy = Sides::of(is_buy, strategy.position_lots, t_buys, t_sells);
        let of_strategy = of_strategy.with(added_lots);
        let (tick, fx) = (symbol.tick_value_e9, symbol.fx);
        let (value, fits) = value_or_most(price_ticks, qty, tick);
        let added_value = amend.map_or(value, |a| {
            let (rest, fits) = value_or_most(price_ticks, leaves_lots.max(0), tick);
            if fits { rest.saturating_sub(a.value_e9).max(0) } else { i64::MAX }
        });
        let (increase, increase_fits) = value_or_most(price_ticks, increase_lots, tick);
        let (strategy_worst, strategy_fits) = value_or_most(price_ticks, of_strategy.worst(), tick);
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
            reach_lots: after.own,
            strategy_reach_lots: of_strategy.own,
            asked_ticks,
            price_ticks,
            reference_x2,
            price_on_step,
            trigger_on_step,
            qty_on_step,
            duplicates,
            value_e9: value,
            base_e9: base,
            added_value_e9: added_value,
            added_base_e9: added_base,
            increase_lots,
            increase_base_e9: fx.convert(increase),
            strategy_base_e9: fx.convert(strategy_worst),
            is_exact: fits & increase_fits & strategy_fits,
        }
    }

    /// How long ago a moment was, nanoseconds; a moment that never was (0 or undefined) is as old
    /// as can be.
    #[inline]
    pub(super) fn age_ns(&self, at_ns: u64) -> i64 {
        let age = i64::try_from(self.now.get().saturating_sub(at_ns)).unwrap_or(i64::MAX);
        if (at_ns == 0) | (at_ns == TsNs::UNDEF.get()) { i64::MAX } else { age }
    }

    /// Lots added, negative for a sell.
    #[inline]
    pub(super) fn signed_added_lots(&self) -> i64 {
        let lots = self.added_lots;
        select_unpredictable(self.order.side == Side::Buy, lots, lots.saturating_neg())
    }
}
