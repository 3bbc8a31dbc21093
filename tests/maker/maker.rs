//! A market maker decided on a fixed clock, as backtesters are compared with: at every tick it
//! looks at the best bid and offer of the depth and keeps one post-only order a side,
//! `offset_ticks` away from it. Used by the backtest bench and by the comparison with hftbacktest.
//!
//! At a tick of the clock, for each side: an acknowledged order that is not at the wanted price is
//! canceled; where no order of the side is open or on its way, one is placed, unless its fill would
//! pass the greatest position. Must never: look at anything but the book, its own orders and its
//! position. Runs where the engine runs; allocates nothing.

use engine::hash::StateHasher;
use engine::order::is_done;
use engine::strategy::{Context, Event, Intent, Intents, OrderUpdate, Placement, Strategy};
use station::backtest::Ticks;
use wire::order::{OrdStatus, Side};
use wire::{ClOrdId, PriceTicks, QtyLots, TsNs};

/// Name: its row in the limits file is `[strategy.maker]`.
pub(crate) const NAME: &str = "maker";

/// The timer it decides on.
const CLOCK: usize = 0;

/// Parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Params {
    /// Size of an order, lots.
    pub(crate) qty_lots: i64,
    /// Greatest position to either side, lots.
    pub(crate) max_lots: i64,
    /// How far outside the best price of its side an order stands, ticks.
    pub(crate) offset_ticks: i64,
    /// The clock it decides on; without one it never asks for anything.
    pub(crate) clock: Option<Ticks>,
}

/// One of its orders.
#[derive(Clone, Copy, Debug)]
struct Working {
    id: ClOrdId,
    price: PriceTicks,
    is_acked: bool,
    is_canceling: bool,
}

/// The strategy.
#[derive(Debug)]
pub(crate) struct Maker {
    params: Params,
    next: TsNs,
    orders: [Option<Working>; 2],
}

impl Maker {
    pub(crate) fn new(params: Params) -> Self {
        Self { params, next: TsNs::UNDEF, orders: [None; 2] }
    }

    fn decide(&mut self, context: &Context<'_>, wishes: &mut Intents) {
        let book = &context.instrument.book;
        let (Some(bid), Some(ask)) = (book.best_bid(), book.best_ask()) else { return };
        let Params { qty_lots, max_lots, offset_ticks, .. } = self.params;
        let position = context.position.lots().get();
        let wanted = [
            (Side::Buy, bid.price_ticks.get() - offset_ticks, position + qty_lots <= max_lots),
            (Side::Sell, ask.price_ticks.get() + offset_ticks, position - qty_lots >= -max_lots),
        ];
        for (order, (side, price, may_grow)) in self.orders.iter_mut().zip(wanted) {
            let price = PriceTicks(price);
            match order {
                Some(order) if order.is_acked && !order.is_canceling && order.price != price => {
                    order.is_canceling = wishes.push(Intent::Cancel(order.id));
                }
                None if may_grow => {
                    let placement = Placement::post_only(side, price, QtyLots(qty_lots));
                    wishes.push(Intent::Place(placement));
                }
                Some(_) | None => {}
            }
        }
    }
}

impl Strategy for Maker {
    fn on_event(&mut self, event: &Event<'_>, context: &Context<'_>, wishes: &mut Intents) {
        let Some(clock) = self.params.clock else { return };
        if matches!(event, Event::Timer(CLOCK)) {
            self.decide(context, wishes);
        } else if !matches!(event, Event::Book) || self.next != TsNs::UNDEF {
            return;
        }
        self.next = clock.after(context.now);
        wishes.push(Intent::Timer(CLOCK, self.next));
    }

    fn on_order(&mut self, update: &OrderUpdate<'_>) {
        match update {
            OrderUpdate::Sent(order) => {
                let working = Working {
                    id: order.cl_ord_id,
                    price: order.request.price_ticks,
                    is_acked: false,
                    is_canceling: false,
                };
                self.orders[usize::from(order.request.side == Side::Sell)] = Some(working);
            }
            OrderUpdate::Changed(order) => {
                let slot = &mut self.orders[usize::from(order.request.side == Side::Sell)];
                if let Some(working) = slot
                    && working.id == order.cl_ord_id
                {
                    working.is_acked |=
                        matches!(order.status, OrdStatus::New | OrdStatus::PartiallyFilled);
                    if is_done(order.status) {
                        *slot = None;
                    }
                }
            }
            OrderUpdate::Denied(_) | OrderUpdate::Replaced { .. } | OrderUpdate::Parent(_) => {}
        }
    }

    fn hash_into(&self, h: &mut StateHasher) {
        h.u64(self.next.get());
        for order in &self.orders {
            h.bool(order.is_some());
            if let Some(order) = order {
                h.u64(order.id.get());
                h.i64(order.price.get());
                h.bool(order.is_acked);
                h.bool(order.is_canceling);
            }
        }
    }
}
