//! A strategy alone with a market of two prices: what its rules are tested with.

use super::{Context, Event, Intent, Intents, OrderUpdate, Placement, Strategy};
use crate::bars::{Bar, BarInterval};
use crate::core::Engine;
use crate::hash::StateHasher;
use crate::orders::{Entry, OrderRequest, OrderTable};
use crate::position::Position;
use crate::setup::Setup;
use crate::sink::NullSink;
use bytemuck::Zeroable;
use wire::frame::FrameHeader;
use wire::instrument::{Instrument, InstrumentType, padded};
use wire::market::{BookSnapshot, FLAG_FIRST, FLAG_LAST, Level, Quote};
use wire::order::{OrdStatus, Side};
use wire::units::SEQ_UNDEF;
use wire::{ClOrdId, InstrumentId, MoneyE9, PriceTicks, QtyLots, StrategyId, TsNs};

pub(super) const SECOND: u64 = 1_000_000_000;

/// A strategy, its market, its position, its orders and the time.
pub(super) struct Rig<S> {
    pub(super) strategy: S,
    pub(super) now: u64,
    market: Engine,
    position: Position,
    orders: OrderTable,
    /// Every wish so far.
    pub(super) asked: Vec<Intent>,
}

impl<S: Strategy> Rig<S> {
    pub(super) fn new(strategy: S) -> Self {
        let mut header = FrameHeader::new::<Instrument>();
        header.instrument_id = InstrumentId(0);
        let instrument = Instrument {
            header,
            symbol: padded("TESTUSDT").expect("short"),
            tick_size_e9: 10_000_000,
            lot_size_e9: 1_000_000,
            min_qty_lots: QtyLots(1),
            max_qty_lots: QtyLots(1_000_000),
            min_notional_e9: 0,
            instrument_type: InstrumentType::Spot.code(),
            reserved: [0; 23],
        };
        let setup = Setup {
            epoch: 1,
            instruments: vec![instrument],
            limits: crate::testing::open_limits(1, 0, &[]),
            advice: crate::advice::AdvicePolicy::default(),
            patience: crate::setup::Patience::default(),
            strategies: Vec::new(),
            signal: None,
            order_capacity: 16,
        };
        let market = Engine::new(setup).expect("sound");
        let (position, orders) = (Position::default(), OrderTable::new(64, 1));
        let mut rig = Self { strategy, now: SECOND, market, position, orders, asked: Vec::new() };
        rig.book();
        rig
    }

    /// One level a side, far out: the quotes stand before it.
    fn book(&mut self) {
        let level = |price| Level { price_ticks: PriceTicks(price), qty_lots: QtyLots(1) };
        let levels = [level(1), level(1_000_000_000)];
        let mut head = BookSnapshot::zeroed();
        head.header = FrameHeader::with_len(
            wire::FrameKind::BookSnapshot,
            size_of::<BookSnapshot>() + size_of_val(&levels),
        );
        head.header.flags = FLAG_FIRST | FLAG_LAST;
        head.header.instrument_id = InstrumentId(0);
        (head.last_update_id, head.bid_count, head.ask_count) = (1, 1, 1);
        let mut frame = bytemuck::bytes_of(&head).to_vec();
        frame.extend_from_slice(bytemuck::cast_slice(&levels));
        self.market.input(&mut aligned(&frame), &mut NullSink).expect("sound");
    }

    /// Sets the touch.
    pub(super) fn touch(&mut self, bid: i64, ask: i64) {
        let mut quote = Quote::zeroed();
        quote.header = FrameHeader::new::<Quote>();
        quote.header.instrument_id = InstrumentId(0);
        quote.update_id = 1;
        (quote.bid_price_ticks, quote.ask_price_ticks) = (PriceTicks(bid), PriceTicks(ask));
        (quote.bid_qty_lots, quote.ask_qty_lots) = (QtyLots(1), QtyLots(1));
        self.market.input(&mut aligned(bytemuck::bytes_of(&quote)), &mut NullSink).expect("sound");
    }

    /// Gives the strategy an event; returns what it asks.
    pub(super) fn event(&mut self, event: &Event<'_>) -> Vec<Intent> {
        let instrument = self.market.instrument(InstrumentId(0)).expect("the only one");
        let context = Context { now: TsNs(self.now), instrument, position: &self.position };
        let mut wishes = Intents::default();
        self.strategy.on_event(event, &context, &mut wishes);
        assert_eq!(wishes.refused(), 0, "more wishes than there is room for");
        let asked: Vec<Intent> = (0..wishes.len()).filter_map(|n| wishes.get(n)).collect();
        self.asked.extend(&asked);
        asked
    }

    /// Moves on by a second and closes a bar at `close`.
    pub(super) fn bar(&mut self, close: i64) -> Vec<Intent> {
        self.now += SECOND;
        let price = PriceTicks(close);
        let bar = Bar {
            interval: BarInterval::Second,
            start_ns: TsNs(self.now - SECOND),
            open_ticks: price,
            high_ticks: price,
            low_ticks: price,
            close_ticks: price,
            volume_lots: 1,
            buy_volume_lots: 0,
            notional_tick_lots: i128::from(close),
            trades: 1,
            left_out: 0,
        };
        self.event(&Event::Bar(&bar))
    }

    /// The gate approves: the strategy hears that the order is out.
    pub(super) fn send(&mut self, want: Placement) -> ClOrdId {
        let id = self.orders.peek_id().expect("a free slot");
        let request = OrderRequest {
            instrument: InstrumentId(0),
            strategy: StrategyId(0),
            side: want.side,
            ord_type: want.ord_type,
            time_in_force: want.time_in_force,
            exec_inst: want.exec_inst,
            price_ticks: want.price_ticks,
            stop_px_ticks: want.stop_px_ticks,
            qty_lots: want.qty_lots,
            expire_ns: want.expire_ns,
            parent_id: 0,
            link_id: 0,
        };
        let entry = Entry {
            request,
            value_px_ticks: want.price_ticks.get(),
            status: OrdStatus::PendingNew,
            cum_qty_lots: QtyLots(0),
            order_id: SEQ_UNDEF,
            sent_ns: TsNs(self.now),
            reserved_lots: want.qty_lots.get(),
        };
        let order = *self.orders.insert(id, &entry);
        self.strategy.on_order(&OrderUpdate::Sent(&order));
        id
    }

    /// The venue fills `qty` lots of an order.
    pub(super) fn fill(&mut self, id: ClOrdId, qty: i64) {
        let order = *self.orders.get(id).expect("known");
        let (side, price) = (order.request.side, order.request.price_ticks);
        self.position.fill(side, price, QtyLots(qty), MoneyE9(0)).expect("small");
        let order = self.orders.update(id, |o| {
            o.cum_qty_lots.0 += qty;
            o.leaves_qty_lots.0 -= qty;
            let all = o.leaves_qty_lots.0 == 0;
            o.status = if all { OrdStatus::Filled } else { OrdStatus::PartiallyFilled };
            *o
        });
        self.strategy.on_order(&OrderUpdate::Changed(&order.expect("known")));
    }

    /// The venue ends an order.
    pub(super) fn end(&mut self, id: ClOrdId, status: OrdStatus) {
        let order = self.orders.update(id, |o| {
            o.leaves_qty_lots = QtyLots(0);
            o.status = status;
            *o
        });
        self.strategy.on_order(&OrderUpdate::Changed(&order.expect("known")));
    }

    /// The venue refuses a cancel, or a cancel is on its way.
    pub(super) fn cancel_wanted(&mut self, id: ClOrdId, wanted: bool) {
        let order = self.orders.update(id, |o| {
            o.cancel_wanted = wanted;
            *o
        });
        self.strategy.on_order(&OrderUpdate::Changed(&order.expect("known")));
    }

    /// A position that came from elsewhere.
    pub(super) fn hold(&mut self, lots: i64) {
        self.position = Position::default();
        let side = if lots < 0 { Side::Sell } else { Side::Buy };
        let qty = QtyLots(lots.abs());
        self.position.fill(side, PriceTicks(1_000), qty, MoneyE9(0)).expect("small");
    }

    pub(super) fn hash(&self) -> u64 {
        let mut h = StateHasher::default();
        self.strategy.hash_into(&mut h);
        h.finish()
    }
}

/// The orders among some wishes.
pub(super) fn placed(wishes: &[Intent]) -> Vec<Placement> {
    let placements = wishes.iter().filter_map(|wish| {
        if let Intent::Place(placement) = wish { Some(*placement) } else { None }
    });
    placements.collect()
}

/// The cancels among some wishes.
pub(super) fn canceled(wishes: &[Intent]) -> Vec<ClOrdId> {
    let cancels = wishes
        .iter()
        .filter_map(|wish| if let Intent::Cancel(id) = wish { Some(*id) } else { None });
    cancels.collect()
}

/// A frame in memory as the engine takes it: aligned to eight bytes.
fn aligned(frame: &[u8]) -> Aligned {
    let word = |chunk: &[u8]| u64::from_le_bytes(chunk.try_into().expect("whole words"));
    Aligned(frame.chunks_exact(8).map(word).collect())
}

struct Aligned(Vec<u64>);

impl core::ops::Deref for Aligned {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

impl core::ops::DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(&mut self.0)
    }
}
