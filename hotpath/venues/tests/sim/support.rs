//! Builders of frames and a small world around one simulated venue. Holds no rule of the venue.

use corelane_venues::sim::{Fees, Latency, QueueModel, SimConfig, SimVenue};
use wire::frame::WireFrame;
use wire::instrument::{Instrument, InstrumentType, padded};
use wire::market::{
    AggressorSide, BookSnapshot, DepthDelta, FLAG_FIRST, FLAG_LAST, FLAG_ORDER, Gap, GapReason,
    Level, Quote, Status, Trade, TradingStatus,
};
use wire::order::{
    CancelOrder, CancelReject, ExecInst, ExecType, ExecutionReport, NewOrder, OrdStatus, OrdType,
    RejectReason, ReplaceOrder, Side, TimeInForce,
};
use wire::reconcile::{
    MassStatusEnd, MassStatusRequest, OrderStatusReport, OrderStatusRequest, PositionReport,
    SessionState, VenueSession,
};
use wire::units::SEQ_UNDEF;
use wire::{
    ClOrdId, Frame, FrameHeader, InstrumentId, PriceTicks, QtyLots, StrategyId, TsNs, VenueId,
};

/// A frame in words, so that its bytes are aligned to 8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Framed(Vec<u64>);

impl Framed {
    pub(crate) fn copy(bytes: &[u8]) -> Self {
        assert_eq!(bytes.len() % 8, 0, "frames are whole words");
        let word = |eight: &[u8]| u64::from_le_bytes(eight.try_into().expect("eight bytes"));
        Self(bytes.chunks_exact(8).map(word).collect())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }

    pub(crate) fn frame(&self) -> Frame<'_> {
        wire::decode(self.bytes()).expect("test builds legal frames")
    }
}

pub(crate) fn framed<T: WireFrame>(head: &T, tail: &[Level]) -> Framed {
    let mut bytes = bytemuck::bytes_of(head).to_vec();
    bytes.extend_from_slice(bytemuck::cast_slice(tail));
    Framed::copy(&bytes)
}

fn header<T: WireFrame>(at: u64, tail: &[Level]) -> FrameHeader {
    let len = size_of::<T>() + size_of_val(tail);
    let mut header = FrameHeader::with_len(T::KIND, len);
    header.instrument_id = InstrumentId(0);
    header.venue_id = VenueId(7);
    header.ts_recv_ns = TsNs(at);
    header
}

fn levels(sides: [&[(i64, i64)]; 2]) -> (Vec<Level>, u16, u16) {
    let level = |&(p, q): &(i64, i64)| Level { price_ticks: PriceTicks(p), qty_lots: QtyLots(q) };
    let all = sides.iter().flat_map(|side| side.iter().map(level)).collect();
    let count = |side: &[(i64, i64)]| u16::try_from(side.len()).expect("few levels");
    (all, count(sides[0]), count(sides[1]))
}

type Side2<'a> = [&'a [(i64, i64)]; 2];

pub(crate) fn snapshot(at: u64, last_update_id: u64, sides: Side2<'_>) -> Framed {
    let (tail, bid_count, ask_count) = levels(sides);
    let mut header = header::<BookSnapshot>(at, &tail);
    header.flags = FLAG_FIRST | FLAG_LAST;
    framed(&BookSnapshot { header, last_update_id, bid_count, ask_count, reserved: [0; 4] }, &tail)
}

pub(crate) fn delta(at: u64, last_update_id: u64, sides: Side2<'_>) -> Framed {
    delta_part(at, last_update_id, sides, FLAG_FIRST | FLAG_LAST)
}

pub(crate) fn delta_part(at: u64, last_update_id: u64, sides: Side2<'_>, flags: u8) -> Framed {
    delta_of(at, (last_update_id, SEQ_UNDEF), sides, flags)
}

/// A change by one order.
pub(crate) fn order_delta(at: u64, order_id: u64, sides: Side2<'_>) -> Framed {
    delta_of(at, (at, order_id), sides, FLAG_FIRST | FLAG_LAST | FLAG_ORDER)
}

fn delta_of(
    at: u64,
    (last_update_id, prev_update_id): (u64, u64),
    sides: Side2<'_>,
    flags: u8,
) -> Framed {
    let (tail, bid_count, ask_count) = levels(sides);
    let mut header = header::<DepthDelta>(at, &tail);
    header.flags = flags;
    let head = DepthDelta {
        header,
        first_update_id: last_update_id,
        last_update_id,
        prev_update_id,
        bid_count,
        ask_count,
        reserved: [0; 4],
    };
    framed(&head, &tail)
}

pub(crate) fn trade(at: u64, price: i64, qty: i64, aggressor: AggressorSide) -> Framed {
    let trade = Trade {
        header: header::<Trade>(at, &[]),
        price_ticks: PriceTicks(price),
        qty_lots: QtyLots(qty),
        trade_id: at,
        aggressor: aggressor.code(),
        reserved: [0; 7],
    };
    framed(&trade, &[])
}

/// A quote; a side of zero quantity is no side.
pub(crate) fn quote(at: u64, update_id: u64, bid: (i64, i64), ask: (i64, i64)) -> Framed {
    let price = |(p, q): (i64, i64)| {
        if q == 0 { PriceTicks::UNDEF } else { PriceTicks(p) }
    };
    let quote = Quote {
        header: header::<Quote>(at, &[]),
        bid_price_ticks: price(bid),
        bid_qty_lots: QtyLots(bid.1),
        ask_price_ticks: price(ask),
        ask_qty_lots: QtyLots(ask.1),
        update_id,
    };
    framed(&quote, &[])
}

pub(crate) fn gap(at: u64) -> Framed {
    let gap = Gap {
        header: header::<Gap>(at, &[]),
        expected_id: 1,
        received_id: 2,
        reason: GapReason::Sequence.code(),
        reserved: [0; 7],
    };
    framed(&gap, &[])
}

pub(crate) fn status(at: u64, status: TradingStatus) -> Framed {
    let header = header::<Status>(at, &[]);
    framed(&Status { header, status: status.code(), reserved: [0; 7] }, &[])
}

/// Tick 0.01, lot 0.00001, 1 to 1,000,000 lots, no minimum value: a tick on a lot is 100e-9.
pub(crate) fn instrument(instrument_type: InstrumentType) -> Instrument {
    let mut header = FrameHeader::new::<Instrument>();
    header.instrument_id = InstrumentId(0);
    header.venue_id = VenueId(7);
    Instrument {
        header,
        symbol: padded("BTCUSDT").expect("short"),
        tick_size_e9: 10_000_000,
        lot_size_e9: 10_000,
        min_qty_lots: QtyLots(1),
        max_qty_lots: QtyLots(1_000_000),
        min_notional_e9: 0,
        instrument_type: instrument_type.code(),
        reserved: [0; 23],
    }
}

/// No latency, risk-averse, no fees.
pub(crate) fn plain() -> SimConfig {
    SimConfig {
        entry_latency: Latency::Constant(0),
        response_latency: Latency::Constant(0),
        queue_model: QueueModel::RiskAverse,
        fees: Fees::default(),
        ..SimConfig::default()
    }
}

/// An order to be, GTC limit unless changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spec(pub(crate) NewOrder);

pub(crate) fn limit(id: u64, side: Side, price: i64, qty: i64) -> Spec {
    let mut header = header::<NewOrder>(0, &[]);
    header.ts_recv_ns = TsNs::UNDEF;
    header.strategy_id = StrategyId(3);
    Spec(NewOrder {
        header,
        cl_ord_id: ClOrdId(id),
        approval_seq: id,
        price_ticks: PriceTicks(price),
        stop_px_ticks: PriceTicks::UNDEF,
        qty_lots: QtyLots(qty),
        expire_ns: TsNs::UNDEF,
        parent_id: 0,
        link_id: 0,
        side: side.code(),
        ord_type: OrdType::Limit.code(),
        time_in_force: TimeInForce::Gtc.code(),
        exec_inst: ExecInst::None.code(),
        reserved: [0; 4],
    })
}

pub(crate) fn market(id: u64, side: Side, qty: i64) -> Spec {
    let mut spec = limit(id, side, 0, qty);
    spec.0.price_ticks = PriceTicks::UNDEF;
    spec.0.ord_type = OrdType::Market.code();
    spec
}

/// A stop to market; its price is undefined.
pub(crate) fn stop(id: u64, side: Side, trigger: i64, qty: i64) -> Spec {
    let mut spec = market(id, side, qty);
    spec.0.ord_type = OrdType::Stop.code();
    spec.0.stop_px_ticks = PriceTicks(trigger);
    spec
}

/// A stop-limit.
pub(crate) fn stop_limit(id: u64, side: Side, (trigger, price): (i64, i64), qty: i64) -> Spec {
    let mut spec = limit(id, side, price, qty);
    spec.0.ord_type = OrdType::StopLimit.code();
    spec.0.stop_px_ticks = PriceTicks(trigger);
    spec
}

impl Spec {
    pub(crate) fn gtd(mut self, expire_ns: u64) -> Self {
        self.0.expire_ns = TsNs(expire_ns);
        self.tif(TimeInForce::Gtd)
    }

    pub(crate) fn reduce_only(mut self) -> Self {
        self.0.exec_inst = ExecInst::ReduceOnly.code();
        self
    }

    pub(crate) fn tif(mut self, tif: TimeInForce) -> Self {
        self.0.time_in_force = tif.code();
        self
    }

    pub(crate) fn post_only(mut self) -> Self {
        self.0.exec_inst = ExecInst::PostOnly.code();
        self
    }
}

pub(crate) fn cancel(id: u64, orig: u64) -> Framed {
    let mut header = header::<CancelOrder>(0, &[]);
    header.ts_recv_ns = TsNs::UNDEF;
    let (cl_ord_id, orig_cl_ord_id) = (ClOrdId(id), ClOrdId(orig));
    framed(&CancelOrder { header, cl_ord_id, orig_cl_ord_id, order_id: SEQ_UNDEF }, &[])
}

pub(crate) fn replace(id: u64, orig: u64, price: i64, qty: i64) -> Framed {
    let mut header = header::<ReplaceOrder>(0, &[]);
    header.ts_recv_ns = TsNs::UNDEF;
    let frame = ReplaceOrder {
        header,
        cl_ord_id: ClOrdId(id),
        orig_cl_ord_id: ClOrdId(orig),
        order_id: SEQ_UNDEF,
        approval_seq: id,
        price_ticks: PriceTicks(price),
        qty_lots: QtyLots(qty),
    };
    framed(&frame, &[])
}

/// Asks for everything at a venue.
pub(crate) fn mass_status(id: u32, venue: VenueId) -> Framed {
    let mut header = FrameHeader::new::<MassStatusRequest>();
    header.venue_id = venue;
    framed(&MassStatusRequest { header, mass_status_id: id, reserved: [0; 4] }, &[])
}

/// Asks for one order, by client order id and, where it is not `SEQ_UNDEF`, the venue's.
pub(crate) fn order_status(id: u64, order_id: u64) -> Framed {
    let header = header::<OrderStatusRequest>(0, &[]);
    framed(&OrderStatusRequest { header, cl_ord_id: ClOrdId(id), order_id }, &[])
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Report(ExecutionReport),
    Reject(CancelReject),
    Status(OrderStatusReport),
    Position(PositionReport),
    End(MassStatusEnd),
    Session(VenueSession),
}

/// A number in words; undefined is `-`.
fn or_dash<T: Copy + PartialEq + std::fmt::Display>(value: T, undefined: T) -> String {
    if value == undefined { "-".into() } else { value.to_string() }
}

impl Answer {
    pub(crate) fn report(self) -> ExecutionReport {
        match self {
            Self::Report(report) => report,
            other => panic!("no execution report: {other:?}"),
        }
    }

    pub(crate) fn reject(self) -> CancelReject {
        match self {
            Self::Reject(reject) => reject,
            other => panic!("no cancel reject: {other:?}"),
        }
    }

    /// What every frame has.
    pub(crate) fn header(self) -> FrameHeader {
        match self {
            Self::Report(f) => f.header,
            Self::Reject(f) => f.header,
            Self::Status(f) => f.header,
            Self::Position(f) => f.header,
            Self::End(f) => f.header,
            Self::Session(f) => f.header,
        }
    }

    /// An answer about the venue's own state, in words.
    fn state_text(self) -> String {
        match self {
            Self::Status(s) => {
                let id = or_dash(s.cl_ord_id, ClOrdId::UNDEF);
                let status = OrdStatus::from_code(s.ord_status).expect("known").name();
                let amounts = format!("{}/{}", s.leaves_qty_lots, s.cum_qty_lots);
                format!("status {} {id} {status} {amounts}", s.mass_status_id)
            }
            Self::Position(p) => {
                let avg = or_dash(p.avg_px_ticks, PriceTicks::UNDEF);
                format!("position {} {}@{avg} fills {}", p.mass_status_id, p.position_lots, p.fills)
            }
            Self::End(e) => format!("end {} {}+{}", e.mass_status_id, e.orders, e.positions),
            Self::Session(s) => {
                let state = SessionState::from_code(s.state).expect("known").name();
                let cancels = if s.cancels_on_disconnect == 1 { " cancels" } else { "" };
                format!("session {state}{cancels}")
            }
            Self::Report(_) | Self::Reject(_) => panic!("about a request: {self:?}"),
        }
    }

    /// The answer in words: `new 1 10/0`, `fill 1 5@100 maker 5/5`, `rejected 1 would-take`.
    pub(crate) fn text(self) -> String {
        let r = match self {
            Self::Report(report) => report,
            Self::Reject(r) => {
                let reason = RejectReason::from_code(r.reject_reason).expect("known").name();
                let status = OrdStatus::from_code(r.ord_status).expect("known").name();
                return format!("cancel-reject {} {reason} {status}", r.cl_ord_id);
            }
            other => return other.state_text(),
        };
        let amounts = format!("{}/{}", r.leaves_qty_lots, r.cum_qty_lots);
        let id = or_dash(r.cl_ord_id, ClOrdId::UNDEF);
        match ExecType::from_code(r.exec_type).expect("known") {
            ExecType::TradeCancel => {
                format!("bust {id} {}@{} {amounts}", r.last_qty_lots, r.last_px_ticks)
            }
            ExecType::Trade => {
                let maker = if r.liquidity == b'1' { "maker" } else { "taker" };
                let fill = format!("{}@{}", r.last_qty_lots, r.last_px_ticks);
                format!("fill {id} {fill} {maker} {amounts}")
            }
            ExecType::Rejected => {
                let reason = RejectReason::from_code(r.reject_reason).expect("known").name();
                format!("rejected {} {reason}", r.cl_ord_id)
            }
            other => format!("{} {id} {amounts}", other.name()),
        }
    }
}

/// One venue, one instrument, and everything it said.
pub(crate) struct World {
    pub(crate) venue: SimVenue,
    pub(crate) out: Vec<Vec<u8>>,
    read: usize,
}

impl World {
    pub(crate) fn new(config: SimConfig) -> Self {
        Self::with(config, instrument(InstrumentType::Spot))
    }

    pub(crate) fn with(config: SimConfig, row: Instrument) -> Self {
        Self::of(config, &[row])
    }

    pub(crate) fn of(config: SimConfig, rows: &[Instrument]) -> Self {
        let venue = SimVenue::new(config, rows).expect("good configuration");
        Self { venue, out: Vec::new(), read: 0 }
    }

    /// Bids 100 x 10, 99 x 20; asks 102 x 10, 103 x 20, 105 x 40; update number 10; time 1.
    pub(crate) fn open(config: SimConfig) -> Self {
        let mut world = Self::new(config);
        world.feed(&book_10());
        world
    }

    pub(crate) fn feed(&mut self, frame: &Framed) {
        self.venue.on_market(&frame.frame(), &mut self.out);
    }

    pub(crate) fn send(&mut self, frame: &Framed, at: u64) -> TsNs {
        self.venue.on_order(frame.bytes(), TsNs(at)).expect("a request")
    }

    pub(crate) fn order(&mut self, spec: Spec, at: u64) -> TsNs {
        self.send(&framed(&spec.0, &[]), at)
    }

    pub(crate) fn advance(&mut self, at: u64) {
        self.venue.advance(TsNs(at), &mut self.out);
    }

    /// Answers not read yet.
    pub(crate) fn answers(&mut self) -> Vec<Answer> {
        let fresh = self.out[self.read..].iter().map(|bytes| parse(bytes)).collect();
        self.read = self.out.len();
        fresh
    }

    /// Answers not read yet, in words.
    pub(crate) fn texts(&mut self) -> Vec<String> {
        self.answers().into_iter().map(Answer::text).collect()
    }

    /// Sends an order, lets it arrive and reads the answers.
    pub(crate) fn place(&mut self, spec: Spec, at: u64) -> Vec<String> {
        self.order(spec, at);
        self.advance(at);
        self.texts()
    }

    /// Sends a cancel or replace, lets it arrive and reads the answers.
    pub(crate) fn ask(&mut self, frame: &Framed, at: u64) -> Vec<String> {
        self.send(frame, at);
        self.advance(at);
        self.texts()
    }

    /// Feeds a market frame, closes its time and reads the answers.
    pub(crate) fn see(&mut self, frame: &Framed, at: u64) -> Vec<String> {
        self.feed(frame);
        self.advance(at);
        self.texts()
    }
}

pub(crate) fn book_10() -> Framed {
    snapshot(1, 10, [&[(100, 10), (99, 20)], &[(102, 10), (103, 20), (105, 40)]])
}

/// Decodes an answer, through the checks every reader makes.
pub(crate) fn parse(bytes: &[u8]) -> Answer {
    let aligned = Framed::copy(bytes);
    match aligned.frame() {
        Frame::ExecutionReport(report) => Answer::Report(*report),
        Frame::CancelReject(reject) => Answer::Reject(*reject),
        Frame::OrderStatusReport(report) => Answer::Status(*report),
        Frame::PositionReport(report) => Answer::Position(*report),
        Frame::MassStatusEnd(end) => Answer::End(*end),
        Frame::VenueSession(session) => Answer::Session(*session),
        other => panic!("the venue said {other:?}"),
    }
}
