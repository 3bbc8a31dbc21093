//! What a strategy is: it sees events and a read-only context, and says what it wants. It never
//! writes an order: the engine puts every wish through the gate.
//!
//! A strategy must be a pure function of what it sees: no clock, no randomness, no map with
//! undefined order. Floats are allowed inside with `+ - * /`, `sqrt` and crate `libm`; prices and
//! quantities it asks for are integers. It allocates nothing after construction.

pub mod mean_reversion;
pub mod momentum;
pub mod quoting;
pub mod signal_taker;
#[cfg(test)]
mod testing;

use crate::bars::Bar;
use crate::hash::StateHasher;
use crate::instrument::{InstrumentState, Signal, Touch};
use crate::order::is_done;
use crate::orders::Order;
use crate::parents::{Parent, ParentSpec};
use crate::position::Position;
use crate::state::{StateError, StateReader};
use core::fmt::Debug;
use wire::market::Trade;
use wire::order::{ExecInst, OrdType, Side, TimeInForce};
use wire::{ClOrdId, PriceTicks, QtyLots, TsNs};

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The book changed.
    Book,
    /// The venue's best quote changed.
    Quote,
    /// A trade.
    Trade(&'a Trade),
    /// A usable model score came.
    Signal(&'a Signal),
    /// A bar closed.
    Bar(&'a Bar),
    /// One of the strategy's timers came due, by its own number.
    Timer(usize),
}

/// What became of the strategy's orders. Told, not asked: a strategy acts on its next event.
#[derive(Clone, Copy, Debug)]
pub enum OrderUpdate<'a> {
    /// Approved and sent.
    Sent(&'a Order),
    /// The gate denied it: the mask of failed checks.
    Denied(u64),
    /// The venue or a request changed it.
    Changed(&'a Order),
    /// An amendment took effect: the order goes on under another id.
    Replaced {
        /// The id it had.
        from: ClOrdId,
        /// The order now.
        order: &'a Order,
    },
    /// A parent order began, or ended.
    Parent(&'a Parent),
}

/// What a strategy may look at.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Engine time.
    pub now: TsNs,
    /// Its instrument.
    pub instrument: &'a InstrumentState,
    /// Its own position; the instrument's is the station's.
    pub position: &'a Position,
}

/// One wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Place an order on the strategy's instrument.
    Place(Placement),
    /// Cancel one of its orders.
    Cancel(ClOrdId),
    /// Change price and whole quantity of one of its orders.
    Replace(ClOrdId, PriceTicks, QtyLots),
    /// Two orders of which the first to fill ends the other.
    OneCancelsOther(Placement, Placement),
    /// An entry with its protection.
    Bracket(Bracket),
    /// A parent order, worked in slices.
    Work(ParentSpec),
    /// Stop working a parent order.
    StopWork(u32),
    /// Set one of its timers to a moment of engine time; undefined clears it.
    Timer(usize, TsNs),
}

/// An order as a strategy words it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Side.
    pub side: Side,
    /// Type.
    pub ord_type: OrdType,
    /// Time in force.
    pub time_in_force: TimeInForce,
    /// Instruction.
    pub exec_inst: ExecInst,
    /// Limit price, ticks; undefined for a market or a stop order.
    pub price_ticks: PriceTicks,
    /// Trigger, ticks; undefined where it is no stop.
    pub stop_px_ticks: PriceTicks,
    /// Quantity, lots.
    pub qty_lots: QtyLots,
    /// End of a good-till-date order, engine time; undefined for all others.
    pub expire_ns: TsNs,
}

/// The four codes of an order as the state has them; any that is none is a bad word.
pub(crate) fn order_codes(
    from: &mut StateReader<'_>,
) -> Result<(Side, OrdType, TimeInForce, ExecInst), StateError> {
    let [side, ord_type, time_in_force, exec_inst] = from.bytes()?;
    let codes = (
        Side::from_code(side),
        OrdType::from_code(ord_type),
        TimeInForce::from_code(time_in_force),
        ExecInst::from_code(exec_inst),
    );
    let (Some(side), Some(ord_type), Some(time_in_force), Some(exec_inst)) = codes else {
        return Err(from.bad());
    };
    Ok((side, ord_type, time_in_force, exec_inst))
}

impl Placement {
    /// An immediate-or-cancel limit order.
    #[must_use]
    pub const fn ioc(side: Side, price_ticks: PriceTicks, qty_lots: QtyLots) -> Self {
        Self {
            side,
            ord_type: OrdType::Limit,
            time_in_force: TimeInForce::Ioc,
            exec_inst: ExecInst::None,
            price_ticks,
            stop_px_ticks: PriceTicks::UNDEF,
            qty_lots,
            expire_ns: TsNs::UNDEF,
        }
    }

    /// A resting limit order.
    #[must_use]
    pub const fn limit(side: Side, price_ticks: PriceTicks, qty_lots: QtyLots) -> Self {
        Self { time_in_force: TimeInForce::Gtc, ..Self::ioc(side, price_ticks, qty_lots) }
    }

    /// A stop that becomes a limit order at `price_ticks` when the market trades at `stop_px_ticks`.
    #[must_use]
    pub const fn stop_limit(
        side: Side,
        stop_px_ticks: PriceTicks,
        price_ticks: PriceTicks,
        qty_lots: QtyLots,
    ) -> Self {
        Self {
            ord_type: OrdType::StopLimit,
            stop_px_ticks,
            ..Self::limit(side, price_ticks, qty_lots)
        }
    }

    pub(crate) fn hash_into(&self, h: &mut StateHasher) {
        h.u64(u64::from(u32::from_le_bytes([
            self.side.code(),
            self.ord_type.code(),
            self.time_in_force.code(),
            self.exec_inst.code(),
        ])));
        h.i64(self.price_ticks.get());
        h.i64(self.stop_px_ticks.get());
        h.i64(self.qty_lots.get());
        h.u64(self.expire_ns.get());
    }

    pub(crate) fn loaded(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        let (side, ord_type, time_in_force, exec_inst) = order_codes(from)?;
        Ok(Self {
            side,
            ord_type,
            time_in_force,
            exec_inst,
            price_ticks: PriceTicks(from.i64()?),
            stop_px_ticks: PriceTicks(from.i64()?),
            qty_lots: QtyLots(from.i64()?),
            expire_ns: from.time()?,
        })
    }

    /// The same order, reduce-only.
    #[must_use]
    pub const fn reduce_only(self) -> Self {
        Self { exec_inst: ExecInst::ReduceOnly, ..self }
    }

    /// A resting limit order that may only add liquidity.
    #[must_use]
    pub const fn post_only(side: Side, price_ticks: PriceTicks, qty_lots: QtyLots) -> Self {
        Self {
            time_in_force: TimeInForce::Gtc,
            exec_inst: ExecInst::PostOnly,
            ..Self::ioc(side, price_ticks, qty_lots)
        }
    }
}

/// An entry, and the pair of orders that closes whatever of it fills: a limit at the target and a
/// stop-limit at the stop, both reduce-only; the first to fill whole ends the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bracket {
    /// The entry.
    pub entry: Placement,
    /// Price of the target, ticks.
    pub target_px_ticks: PriceTicks,
    /// Trigger of the stop, ticks.
    pub stop_px_ticks: PriceTicks,
    /// Worst price of the stop once triggered, ticks.
    pub stop_limit_px_ticks: PriceTicks,
}

/// Wishes one event may lead to.
pub const MAX_INTENTS: usize = 8;

/// The wishes of one event, in order. A wish beyond [`MAX_INTENTS`] is refused and counted.
#[derive(Debug)]
pub struct Intents {
    items: [Option<Intent>; MAX_INTENTS],
    len: usize,
    refused: u64,
}

impl Default for Intents {
    fn default() -> Self {
        Self { items: [None; MAX_INTENTS], len: 0, refused: 0 }
    }
}

impl Intents {
    /// Adds a wish; `false` where there is no room.
    pub fn push(&mut self, intent: Intent) -> bool {
        if let Some(slot) = self.items.get_mut(self.len) {
            *slot = Some(intent);
            self.len += 1;
            true
        } else {
            self.refused += 1;
            false
        }
    }

    /// The wishes so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The n-th wish.
    #[must_use]
    pub fn get(&self, n: usize) -> Option<Intent> {
        self.items.get(n).copied().flatten().filter(|_| n < self.len)
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// Wishes refused for lack of room since the start.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

/// A trading strategy.
pub trait Strategy: Debug + Send {
    /// An event of the strategy's instrument.
    fn on_event(&mut self, event: &Event<'_>, context: &Context<'_>, wishes: &mut Intents);

    /// News of one of its orders.
    fn on_order(&mut self, update: &OrderUpdate<'_>);

    /// Folds everything that can influence a later wish into the state hash.
    fn hash_into(&self, h: &mut StateHasher);

    /// Takes back what [`Strategy::hash_into`] fed, word by word in the same order, into a strategy
    /// made with the same parameters. Without it the strategy runs as well as any, but no engine that
    /// runs it can be loaded from a saved state.
    ///
    /// # Errors
    /// [`StateError`]: the strategy is then of no use.
    fn load_from(&mut self, _from: &mut StateReader<'_>) -> Result<(), StateError> {
        Err(StateError::Strategy { name: String::new() })
    }
}

/// The one order a strategy has working, followed through the updates.
#[derive(Clone, Copy, Debug)]
pub struct OneOrder(ClOrdId);

impl Default for OneOrder {
    fn default() -> Self {
        Self(ClOrdId::UNDEF)
    }
}

impl OneOrder {
    /// The order's id, while it works.
    #[must_use]
    pub fn id(self) -> Option<ClOrdId> {
        (self.0 != ClOrdId::UNDEF).then_some(self.0)
    }

    /// Takes an update of any order of the strategy.
    pub fn follow(&mut self, update: &OrderUpdate<'_>) {
        match update {
            OrderUpdate::Sent(order) => self.0 = order.cl_ord_id,
            OrderUpdate::Changed(order) if order.cl_ord_id == self.0 && is_done(order.status) => {
                self.0 = ClOrdId::UNDEF;
            }
            OrderUpdate::Replaced { from, order } if *from == self.0 => self.0 = order.cl_ord_id,
            OrderUpdate::Changed(_)
            | OrderUpdate::Denied(_)
            | OrderUpdate::Replaced { .. }
            | OrderUpdate::Parent(_) => {}
        }
    }

    /// Folds the id into the state hash.
    pub fn hash_into(self, h: &mut StateHasher) {
        h.u64(self.0.get());
    }

    /// Takes back the id that was folded.
    ///
    /// # Errors
    /// [`StateError::Short`].
    pub fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.0 = ClOrdId(from.u64()?);
        Ok(())
    }
}

/// A price that crosses the touch by `slip` ticks for the side that takes.
pub(crate) fn taking_price(touch: &Touch, side: Side, slip: i64) -> Option<PriceTicks> {
    match side {
        Side::Buy => touch.ask.price_ticks.get().checked_add(slip),
        Side::Sell => touch.bid.price_ticks.get().checked_sub(slip),
    }
    .map(PriceTicks)
}

/// The order that moves `from` lots to `to` lots: side and quantity; `None` where nothing is to do.
pub(crate) fn order_between(from: i64, to: i64) -> Option<(Side, QtyLots)> {
    let difference = to.checked_sub(from)?;
    match difference {
        0 => None,
        d if d > 0 => Some((Side::Buy, QtyLots(d))),
        d => d.checked_neg().map(|d| (Side::Sell, QtyLots(d))),
    }
}
