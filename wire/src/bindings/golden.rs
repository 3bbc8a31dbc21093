//! One frame of every kind, each field with a value of its own, some undefined: the golden bytes
//! that C and Python must read as Rust does, and the seeds of the decoder's property tests.

use crate::frame::{FrameHeader, WireFrame};
use crate::units::{
    ClOrdId, InstrumentId, MoneyE9, PositionLots, PriceTicks, QtyLots, SEQ_UNDEF, StrategyId, TsNs,
    VenueId,
};
use crate::{
    advice, control, handshake, instrument, market, model, order, reconcile, risk, signal, station,
};
use core::mem::size_of;

/// Bytes that start on an 8-byte boundary, as frames do.
#[derive(Clone, Debug)]
pub struct Aligned {
    words: Vec<u64>,
    len: usize,
}

impl Aligned {
    /// A copy of these bytes.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut aligned = Self { words: vec![0; bytes.len().div_ceil(8)], len: bytes.len() };
        let words: &mut [u8] = bytemuck::cast_slice_mut(&mut aligned.words);
        words.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        aligned
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.words).get(..self.len).unwrap_or(&[])
    }
}

/// Every golden frame in the order of the file `golden/frames.bin`.
#[must_use]
pub fn frames() -> Vec<Vec<u8>> {
    let mut frames = market_frames();
    frames.extend(order_frames());
    frames.extend(signal_frames());
    frames.extend(station_frames());
    frames.extend(reconcile_frames());
    frames.extend(risk_frames());
    frames
}

/// A header whose fields all differ, and differ from those of another `n`.
fn head<T: WireFrame>(n: u16) -> FrameHeader {
    let nth = u64::from(n);
    FrameHeader {
        instrument_id: InstrumentId(0x0100_0000 + u32::from(n)),
        venue_id: VenueId(0x0200 + n),
        strategy_id: StrategyId(0x0300 + n),
        seq: 0x0400_0000_0000_0000 + nth,
        ts_event_ns: TsNs(1_700_000_000_000_000_000 + nth),
        ts_recv_ns: TsNs(1_700_000_000_000_250_000 + nth),
        ..FrameHeader::new::<T>()
    }
}

/// A header with nothing known beyond the kind.
fn bare<T: WireFrame>() -> FrameHeader {
    FrameHeader::new::<T>()
}

fn whole<T: WireFrame>(frame: &T) -> Vec<u8> {
    bytemuck::bytes_of(frame).to_vec()
}

fn levels(first_price: i64, step: i64, count: u16) -> Vec<market::Level> {
    let level = |n: i64| market::Level {
        price_ticks: PriceTicks(first_price + step * n),
        qty_lots: QtyLots(n * 1_000_003),
    };
    (0..i64::from(count)).map(level).collect()
}

/// A depth delta with these levels; its header's length is set to fit.
#[must_use]
pub fn depth_delta(
    mut head: market::DepthDelta,
    bids: &[market::Level],
    asks: &[market::Level],
) -> Vec<u8> {
    let tail = [bytemuck::cast_slice::<_, u8>(bids), bytemuck::cast_slice(asks)].concat();
    head.bid_count = u16::try_from(bids.len()).unwrap_or(u16::MAX);
    head.ask_count = u16::try_from(asks.len()).unwrap_or(u16::MAX);
    head.header.len_bytes = length(size_of::<market::DepthDelta>() + tail.len());
    [whole(&head), tail].concat()
}

/// A book snapshot with these levels; its header's length is set to fit.
#[must_use]
pub fn book_snapshot(
    mut head: market::BookSnapshot,
    bids: &[market::Level],
    asks: &[market::Level],
) -> Vec<u8> {
    let tail = [bytemuck::cast_slice::<_, u8>(bids), bytemuck::cast_slice(asks)].concat();
    head.bid_count = u16::try_from(bids.len()).unwrap_or(u16::MAX);
    head.ask_count = u16::try_from(asks.len()).unwrap_or(u16::MAX);
    head.header.len_bytes = length(size_of::<market::BookSnapshot>() + tail.len());
    [whole(&head), tail].concat()
}

/// A control reply with this text, zero-padded; lengths are set to fit.
#[must_use]
pub fn control_reply(mut head: control::ControlReply, text: &str) -> Vec<u8> {
    let mut tail = text.as_bytes().to_vec();
    tail.resize(tail.len().next_multiple_of(8), 0);
    head.text_len = length(text.len());
    head.header.len_bytes = length(size_of::<control::ControlReply>() + tail.len());
    [whole(&head), tail].concat()
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn padded<const N: usize>(text: &str) -> [u8; N] {
    instrument::padded(text).unwrap_or([0; N])
}

fn depth_frames() -> Vec<Vec<u8>> {
    let delta = market::DepthDelta {
        header: head::<market::DepthDelta>(1),
        first_update_id: 101,
        last_update_id: 102,
        prev_update_id: 100,
        bid_count: 0,
        ask_count: 0,
        reserved: [0; 4],
    };
    let only = FrameHeader {
        flags: market::FLAG_FIRST | market::FLAG_LAST,
        ..bare::<market::DepthDelta>()
    };
    let empty = market::DepthDelta {
        header: only,
        first_update_id: SEQ_UNDEF,
        last_update_id: SEQ_UNDEF,
        prev_update_id: SEQ_UNDEF,
        ..delta
    };
    let mut snapshot = market::BookSnapshot {
        header: head::<market::BookSnapshot>(2),
        last_update_id: 103,
        bid_count: 0,
        ask_count: 0,
        reserved: [0; 4],
    };
    snapshot.header.flags = market::FLAG_FIRST;
    vec![
        depth_delta(delta, &levels(6_173_763, -1, 3), &levels(6_173_764, 2, 2)),
        depth_delta(empty, &[], &[]),
        book_snapshot(snapshot, &levels(-5, -1, 2), &levels(-4, 1, 5)),
    ]
}

fn market_frames() -> Vec<Vec<u8>> {
    let quote = market::Quote {
        header: head::<market::Quote>(4),
        bid_price_ticks: PriceTicks(301),
        bid_qty_lots: QtyLots(302),
        ask_price_ticks: PriceTicks(303),
        ask_qty_lots: QtyLots(304),
        update_id: 305,
    };
    let mut frames = depth_frames();
    frames.extend([
        whole(&market::Trade {
            header: head::<market::Trade>(3),
            price_ticks: PriceTicks(-201),
            qty_lots: QtyLots(202),
            trade_id: 203,
            aggressor: market::AggressorSide::Sell.code(),
            reserved: [0; 7],
        }),
        whole(&quote),
        whole(&market::Quote {
            header: bare::<market::Quote>(),
            bid_price_ticks: PriceTicks::UNDEF,
            bid_qty_lots: QtyLots(0),
            update_id: SEQ_UNDEF,
            ..quote
        }),
        whole(&market::Gap {
            header: head::<market::Gap>(5),
            expected_id: 401,
            received_id: 402,
            reason: market::GapReason::RingFull.code(),
            reserved: [0; 7],
        }),
        whole(&market::Status {
            header: head::<market::Status>(6),
            status: market::TradingStatus::Auction.code(),
            reserved: [0; 7],
        }),
        whole(&instrument::Instrument {
            header: head::<instrument::Instrument>(7),
            symbol: padded("BTC-\u{b5}\"\\USDT"),
            tick_size_e9: 10_000_000,
            lot_size_e9: 10_000,
            min_qty_lots: QtyLots(501),
            max_qty_lots: QtyLots(i64::MAX),
            min_notional_e9: 5_000_000_000,
            instrument_type: instrument::InstrumentType::LinearPerp.code(),
            reserved: [0; 23],
        }),
    ]);
    frames
}

fn order_frames() -> Vec<Vec<u8>> {
    let new = order::NewOrder {
        header: head::<order::NewOrder>(16),
        cl_ord_id: ClOrdId::new(6, 601),
        approval_seq: 602,
        price_ticks: PriceTicks(603),
        stop_px_ticks: PriceTicks(605),
        qty_lots: QtyLots(604),
        expire_ns: TsNs(1_700_000_000_000_000_606),
        parent_id: 607,
        link_id: 608,
        side: order::Side::Sell.code(),
        ord_type: order::OrdType::StopLimit.code(),
        time_in_force: order::TimeInForce::Gtd.code(),
        exec_inst: order::ExecInst::ReduceOnly.code(),
        reserved: [0; 4],
    };
    vec![
        whole(&new),
        whole(&order::NewOrder {
            price_ticks: PriceTicks::UNDEF,
            stop_px_ticks: PriceTicks::UNDEF,
            expire_ns: TsNs::UNDEF,
            parent_id: 0,
            link_id: 0,
            side: order::Side::Buy.code(),
            ord_type: order::OrdType::Market.code(),
            time_in_force: order::TimeInForce::Ioc.code(),
            exec_inst: order::ExecInst::None.code(),
            ..new
        }),
        whole(&order::CancelOrder {
            header: head::<order::CancelOrder>(17),
            cl_ord_id: ClOrdId::new(7, 701),
            orig_cl_ord_id: ClOrdId::new(7, 702),
            order_id: SEQ_UNDEF,
        }),
        whole(&order::ReplaceOrder {
            header: head::<order::ReplaceOrder>(18),
            cl_ord_id: ClOrdId::new(8, 801),
            orig_cl_ord_id: ClOrdId::new(8, 802),
            order_id: 803,
            approval_seq: 804,
            price_ticks: PriceTicks(805),
            qty_lots: QtyLots(806),
        }),
        whole(&execution_report()),
        whole(&order::CancelReject {
            header: head::<order::CancelReject>(25),
            cl_ord_id: ClOrdId::new(10, 1001),
            orig_cl_ord_id: ClOrdId::new(10, 1002),
            order_id: SEQ_UNDEF,
            ord_status: order::OrdStatus::Unknown.code(),
            reject_reason: order::RejectReason::TooLate.code(),
            reserved: [0; 6],
        }),
        whole(&order::Denied {
            header: head::<order::Denied>(26),
            cl_ord_id: ClOrdId::new(11, 1101),
            mask: 0b1010_0000,
            price_ticks: PriceTicks(1102),
            qty_lots: QtyLots(1103),
            limit: -1104,
            actual: 1105,
            primary: 5,
            side: order::Side::Sell.code(),
            reserved: [0; 14],
        }),
    ]
}

fn execution_report() -> order::ExecutionReport {
    order::ExecutionReport {
        header: head::<order::ExecutionReport>(24),
        cl_ord_id: ClOrdId::new(9, 901),
        orig_cl_ord_id: ClOrdId::UNDEF,
        order_id: 902,
        exec_id: 903,
        last_px_ticks: PriceTicks(904),
        last_qty_lots: QtyLots(905),
        leaves_qty_lots: QtyLots(906),
        cum_qty_lots: QtyLots(907),
        fee_e9: MoneyE9(-908),
        exec_type: order::ExecType::Trade.code(),
        ord_status: order::OrdStatus::PartiallyFilled.code(),
        side: order::Side::Buy.code(),
        liquidity: order::Liquidity::Maker.code(),
        reject_reason: order::RejectReason::None.code(),
        reserved: [0; 11],
    }
}

fn signal_frames() -> Vec<Vec<u8>> {
    let snapshot_level = |cell: i64| signal::SnapshotLevel {
        ask_price_ticks: PriceTicks(6_173_764 + cell % 10),
        ask_qty_lots: QtyLots(20_000 + cell),
        bid_price_ticks: PriceTicks(6_173_763 - cell % 10 - cell / 10),
        bid_qty_lots: QtyLots(30_000 + cell),
    };
    let mut window = [snapshot_level(0); signal::WINDOW * signal::DEPTH];
    for (level, cell) in window.iter_mut().zip(0..) {
        *level = snapshot_level(cell);
    }
    vec![
        whole(&signal::SignalRequest {
            header: head::<signal::SignalRequest>(32),
            request_id: 1201,
            sample_interval_ns: 1_000_000_000,
            expires_mono_ns: 1202,
            snapshots: 10,
            levels: 10,
            reserved: [0; 4],
            window,
        }),
        whole(&signal::SignalResponse {
            header: head::<signal::SignalResponse>(33),
            request_id: 1301,
            model_hash: 0xfedc_ba98_7654_3210,
            infer_ns: 1302,
            score_e6: -730_303,
            p_up_e6: 130_304,
            p_down_e6: 860_607,
            generation: 1305,
            batch: 1306,
            status: signal::SignalStatus::Ok.code(),
            reserved: [0; 13],
        }),
        whole(&handshake::Hello {
            header: head::<handshake::Hello>(34),
            schema_hash: 1401,
            pid: 1402,
            wire_version: 1403,
            role: handshake::Role::Engine.code(),
            shared_memory: 1,
            reserved: [0; 8],
        }),
        whole(&handshake::HelloAck {
            header: bare::<handshake::HelloAck>(),
            schema_hash: 1501,
            model_hash: 1502,
            pid: 1503,
            generation: 1504,
            wire_version: 1505,
            role: handshake::Role::Signal.code(),
            status: handshake::HelloStatus::Accepted.code(),
            backend: padded("tract/cpu"),
            shared_memory: 1,
            reserved: [0; 11],
        }),
        whole(&model::ModelCommand {
            header: head::<model::ModelCommand>(36),
            request_id: 1521,
            answers: 1522,
            action: model::ModelAction::Shadow.code(),
            reserved: [0; 3],
            address: *b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        }),
        whole(&model::ModelChange {
            header: head::<model::ModelChange>(37),
            model_hash: 1531,
            generation: 1532,
            reserved: [0; 4],
            backend: padded("onnxruntime/cpu"),
        }),
        whole(&handshake::Doorbell { header: bare::<handshake::Doorbell>() }),
    ]
}

fn station_frames() -> Vec<Vec<u8>> {
    let reply = control::ControlReply {
        header: head::<control::ControlReply>(49),
        request_id: 1801,
        text_len: 0,
        code: control::ReplyCode::Refused.code(),
        reserved: [0; 3],
    };
    vec![
        whole(&advice::Advice {
            header: head::<advice::Advice>(40),
            advice_id: 1601,
            value: -1602,
            expires_ns: TsNs(1603),
            field: advice::AdviceField::PriceCollar.code(),
            reserved: [0; 7],
            reason_code: 1604,
            source: 1605,
        }),
        whole(&control::Control {
            header: head::<control::Control>(48),
            request_id: 1701,
            argument: u64::from(station::Mode::Live.code()),
            command: control::Command::Mode.code(),
            reserved: [0; 7],
            reason: padded("all checks green, 3 \u{b5}s"),
        }),
        control_reply(reply, "{\"mode\":\"HALTED\"}"),
        control_reply(
            control::ControlReply { header: bare::<control::ControlReply>(), ..reply },
            "",
        ),
        whole(&station::Timer {
            header: head::<station::Timer>(56),
            deadline_ns: TsNs::UNDEF,
            timer_id: 1901,
            reserved: [0; 4],
        }),
        whole(&station::ModeChange {
            header: head::<station::ModeChange>(57),
            from: station::Mode::Live.code(),
            to: station::Mode::Halted.code(),
            cause_kind: 48,
            reserved: [0; 5],
        }),
        whole(&station::SessionStart {
            header: head::<station::SessionStart>(58),
            epoch: 2001,
            schema_hash: 2002,
            config_hash: 2003,
            data_hash: 2004,
            host_hash: 2007,
            instruments: 2005,
            strategies: 2006,
        }),
        whole(&station::SessionEnd {
            header: head::<station::SessionEnd>(59),
            inputs: 2101,
            outputs: 2102,
            state_hash: 0x8000_0000_0000_0001,
        }),
    ]
}

fn reconcile_frames() -> Vec<Vec<u8>> {
    vec![
        whole(&order::ParentOrder {
            header: head::<order::ParentOrder>(21),
            start_ns: TsNs(2201),
            end_ns: TsNs(2202),
            limit_px_ticks: PriceTicks(2203),
            qty_lots: QtyLots(2204),
            cum_qty_lots: QtyLots(2205),
            working_lots: QtyLots(2206),
            parent_id: 2207,
            slices: 2208,
            side: order::Side::Buy.code(),
            style: order::ParentStyle::Vwap.code(),
            state: order::ParentState::Expired.code(),
            reserved: [0; 13],
        }),
        whole(&reconcile::MassStatusRequest {
            header: head::<reconcile::MassStatusRequest>(19),
            mass_status_id: 2301,
            reserved: [0; 4],
        }),
        whole(&reconcile::OrderStatusRequest {
            header: head::<reconcile::OrderStatusRequest>(20),
            cl_ord_id: ClOrdId::new(24, 2401),
            order_id: SEQ_UNDEF,
        }),
        whole(&reconcile::OrderStatusReport {
            header: head::<reconcile::OrderStatusReport>(27),
            cl_ord_id: ClOrdId::new(25, 2501),
            order_id: 2502,
            price_ticks: PriceTicks(2503),
            qty_lots: QtyLots(2504),
            cum_qty_lots: QtyLots(2505),
            leaves_qty_lots: QtyLots(2506),
            mass_status_id: 2507,
            ord_status: order::OrdStatus::PartiallyFilled.code(),
            side: order::Side::Sell.code(),
            ord_type: order::OrdType::Stop.code(),
            time_in_force: order::TimeInForce::Day.code(),
            reserved: [0; 8],
        }),
        whole(&reconcile::PositionReport {
            header: head::<reconcile::PositionReport>(28),
            position_lots: PositionLots(-2601),
            avg_px_ticks: PriceTicks(2602),
            balance_e9: MoneyE9(2603),
            fills: 2604,
            mass_status_id: 2605,
            reserved: [0; 4],
        }),
        whole(&reconcile::MassStatusEnd {
            header: head::<reconcile::MassStatusEnd>(29),
            mass_status_id: 2701,
            orders: 2702,
            positions: 2703,
            reserved: [0; 4],
        }),
        whole(&reconcile::VenueSession {
            header: head::<reconcile::VenueSession>(30),
            state: reconcile::SessionState::Down.code(),
            cancels_on_disconnect: 1,
            reserved: [0; 6],
        }),
    ]
}

fn risk_frames() -> Vec<Vec<u8>> {
    vec![
        whole(&risk::RiskInput {
            header: head::<risk::RiskInput>(41),
            value: -2801,
            field: risk::RiskField::VarSlope.code(),
            reserved: [0; 7],
        }),
        whole(&risk::LimitChange {
            header: head::<risk::LimitChange>(50),
            value: 2901,
            change_id: 2902,
            field: risk::LimitField::MaxConcentrationBp.code(),
            scope: risk::Scope::Firm.code(),
            source: risk::ChangeSource::Epoch.code(),
            reserved: [0; 4],
        }),
        whole(&risk::LimitsEpoch {
            header: head::<risk::LimitsEpoch>(51),
            epoch: 3001,
            sha256: padded("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            stage: risk::EpochStage::Commit.code(),
            reserved: [0; 7],
        }),
        whole(&risk::Alarm {
            header: head::<risk::Alarm>(60),
            cl_ord_id: ClOrdId::new(31, 3101),
            limit: -3102,
            actual: 3103,
            code: risk::AlarmCode::PositionMismatch.code(),
            reserved: [0; 7],
        }),
        whole(&risk::KillReport {
            header: head::<risk::KillReport>(61),
            residual_e9: 3201,
            working: 3202,
            unknown: 3203,
            cancels: 3204,
            positions: 3205,
            scope: risk::Scope::Strategy.code(),
            cause: risk::KillCause::Rule.code(),
            stage: risk::KillStage::Unconfirmed.code(),
            reserved: [0; 13],
        }),
    ]
}
