//! The tasks driven by hand on one thread: what each does, in which order, without a scheduler.

mod common;

use bytemuck::{Zeroable, bytes_of};
use clock::Clock;
use common::World;
use corelane_station::assembly::{Parts, Tasks, assemble, least_tape_bytes};
use corelane_station::backtest::{Options, backtest};
use corelane_station::config::{Config, Plan};
use corelane_station::counters::Counters;
use corelane_station::edge_task::{EdgeFault, EdgePorts, EdgeTask};
use corelane_station::link::link;
use corelane_station::prepare::prepare;
use corelane_station::shared::Shared;
use corelane_station::stamps::ORDER_STAMPS;
use engine::Engine;
use std::sync::Arc;
use tape::journal::model::{Fault as DiskFault, ModelDisk};
use tape::tape::{Tape, TapeWriter};
use tape::{Recording, TapeError};
use venues::player::{Player, Speed};
use venues::sim::{Fault, FaultPlan, Outage, Requests, Scripted, SimVenue, When};
use wire::control::Command;
use wire::counters::Counter;
use wire::order::NewOrder;
use wire::reconcile::{MassStatusRequest, OrderStatusRequest};
use wire::risk::{RiskField, RiskInput};
use wire::station::Mode;
use wire::{Frame, FrameHeader, QtyLots, TsNs};

/// Stamps of a request of the first moment: its word beside the cycles is engine time.
const STAMPS: [u64; ORDER_STAMPS] = [1, 1, 1, 1, 1, 1, common::START_NS];

/// The tasks of a run as fast as possible that nothing was carried into.
fn tasks<'a>(
    config: &'a Config,
    (recording, plan): (&'a Recording, &'a Plan),
    (engine, venue, start): (Engine, SimVenue, TsNs),
    tape: TapeWriter,
    (clock, counters, shared): (Clock, Counters, Arc<Shared>),
) -> Tasks<'a> {
    assemble(Parts {
        recording,
        speed: Speed::Max,
        engine,
        setup: &plan.setup,
        venue,
        entry_latency: &config.venue.entry_latency,
        start_mode: config.session.start_mode,
        start,
        carried: &[],
        tape,
        clock,
        counters,
        shared,
    })
}

#[test]
fn turns_taken_by_hand_end_in_the_state_of_a_backtest() {
    let world = World::new(3_000, "", false);
    let alone = backtest(&world.config, Options::default()).expect("backtest");
    // Whatever the interleaving: one loop turn after each edge turn, or seldom.
    for (edge_turns, loop_turns) in [(1, 1), (7, 1), (1, 5)] {
        let prepared = prepare(&world.config).expect("prepared");
        let (counters, shared) = (Counters::default(), Arc::new(Shared::default()));
        let clock = Clock::calibrate();
        let (writer, reader) = common::tape();
        let Tasks { mut order_loop, mut edge, bridge: _bridge } = tasks(
            &world.config,
            (&prepared.recording, &prepared.plan),
            (prepared.engine, prepared.venue, prepared.start),
            writer,
            (clock, counters.clone(), Arc::clone(&shared)),
        );
        let mut journaler = common::journaler(reader, clock, &counters, &shared);
        'run: loop {
            for _ in 0..edge_turns {
                edge.turn();
            }
            for _ in 0..loop_turns {
                if order_loop.turn().done {
                    break 'run;
                }
            }
            journaler.turn();
        }
        order_loop.finish();
        while !journaler.is_done() {
            journaler.turn();
        }
        assert!(edge.is_done() && edge.fault().is_none());
        assert_eq!(order_loop.engine().state_hash(), alone.state_hash);
        assert_eq!(counters.get(Counter::LoopMarketEvents), 3_000);
        assert_eq!(counters.get(Counter::EdgeEvents), 3_000);
        let engine = order_loop.engine().counters();
        assert_eq!(counters.get(Counter::RecorderFrames), engine.inputs + engine.outputs);
        assert_eq!(order_loop.bad_inputs(), 0);
        let mark = journaler.finish().expect("a good disk");
        assert_eq!(mark.frame, engine.inputs + engine.outputs);
    }
}

#[test]
fn the_loop_tells_of_what_was_taken_from_it_while_it_was_idle() {
    let world = World::new(300, "", false);
    let prepared = prepare(&world.config).expect("prepared");
    let clock = Clock::calibrate();
    let (writer, mut reader) = common::tape();
    let Tasks { mut order_loop, mut edge, mut bridge } = tasks(
        &world.config,
        (&prepared.recording, &prepared.plan),
        (prepared.engine, prepared.venue, prepared.start),
        writer,
        (clock, Counters::default(), Arc::new(Shared::default())),
    );
    let taken = clock.ns_to_cycles(50_000);
    let away = || {
        let until = clock.cycles() + taken;
        while clock.cycles() < until {
            std::hint::spin_loop();
        }
    };
    while order_loop.turn().inputs > 0 {}
    away();
    assert_eq!(order_loop.turn().inputs, 0);
    // This thread may have been taken away as well, so that there are others.
    let longest = std::iter::from_fn(|| bridge.hiccups.try_pop()).max();
    assert!(longest >= Some(taken), "{longest:?} of {taken}");

    away();
    order_loop.was_away();
    assert_eq!(order_loop.turn().inputs, 0);
    assert_eq!(bridge.hiccups.try_pop(), None, "the thread was at other work");

    // What comes after a turn with work is a turn's length, which has its own histogram.
    order_loop.was_away();
    while edge.turn() == 0 {
        while reader.next().is_some() {}
    }
    assert!(order_loop.turn().inputs > 0);
    away();
    order_loop.turn();
    assert_eq!(bridge.hiccups.try_pop(), None, "the loop was not idle");
}

fn order(approval_seq: u64) -> NewOrder {
    NewOrder {
        header: FrameHeader {
            instrument_id: wire::InstrumentId(0),
            ..FrameHeader::new::<NewOrder>()
        },
        cl_ord_id: wire::ClOrdId(approval_seq),
        approval_seq,
        price_ticks: wire::PriceTicks(6_000_000),
        stop_px_ticks: wire::PriceTicks::UNDEF,
        expire_ns: wire::TsNs::UNDEF,
        qty_lots: QtyLots(1),
        side: b'1',
        ord_type: b'2',
        time_in_force: b'1',
        ..Zeroable::zeroed()
    }
}

#[test]
fn an_order_without_its_approval_is_refused_and_halts_the_station() {
    let world = World::new(300, "", false);
    let prepared = prepare(&world.config).expect("prepared");
    let (counters, shared) = (Counters::default(), Arc::new(Shared::default()));
    let (to_loop, mut from_edge) = link(8_192);
    let (mut orders, from_loop) = link(4_096);
    let (stamps, mut stamped) = ring::ring(64);
    let player = Player::new(prepared.recording.frames(), Speed::Max);
    let ports = EdgePorts { to_loop, orders: from_loop, stamps };
    let clock = Clock::calibrate();
    let mut edge = EdgeTask::new(
        player,
        prepared.venue,
        Some(1_000_000),
        ports,
        clock,
        counters.clone(),
        Arc::clone(&shared),
    );
    assert!(orders.push(STAMPS, bytes_of(&order(1))));
    edge.turn();
    assert_eq!(edge.fault(), None);
    assert_eq!(counters.get(Counter::EdgeOrders), 1);
    assert!(stamped.try_pop().is_some_and(|stamp| stamp.recv_cycles == 1 && stamp.sent_cycles > 0));

    assert!(orders.push(STAMPS, bytes_of(&order(3))));
    edge.turn();
    assert_eq!(edge.fault(), Some(EdgeFault::Unapproved { expected: 2, found: 3 }));
    assert!(shared.is_killed());
    assert_eq!(counters.get(Counter::EdgeOrders), 1, "the third was not sent");
    assert_eq!(counters.get(Counter::EdgeUnapproved), 1);

    // The edge ends: the loop is told to halt, and nothing more of the recording is played.
    let (mut taken, mut halted) = (0, false);
    while !edge.is_done() {
        edge.turn();
        while let Some(message) = from_edge.take() {
            taken += 1;
            assert!(!halted || !matches!(wire::decode(message.frame), Ok(Frame::Trade(_))));
            if let Ok(Frame::Control(control)) = wire::decode(message.frame) {
                halted = control.command == Command::Halt.code();
            }
        }
        shared.set_consumed(taken);
    }
    assert!(halted);
}

#[test]
fn questions_need_no_approval_and_their_answers_reach_the_loop() {
    let mut world = World::new(300, "", false);
    // The session is lost for a millisecond as the third request, the order, is taken up.
    let outage =
        Outage { span_ns: 1_000_000, requests: Requests::Lost, cancels_on_disconnect: true };
    let fault = Fault::SessionDown(outage);
    world.config.venue.faults = FaultPlan(vec![Scripted { when: When::Request(3), fault }]);
    let prepared = prepare(&world.config).expect("prepared");
    let start = prepared.start;
    let (counters, shared) = (Counters::default(), Arc::new(Shared::default()));
    let (to_loop, mut from_edge) = link(8_192);
    let (mut orders, from_loop) = link(4_096);
    let (stamps, mut stamped) = ring::ring(64);
    let player = Player::new(prepared.recording.frames(), Speed::Max);
    let ports = EdgePorts { to_loop, orders: from_loop, stamps };
    let mut edge = EdgeTask::new(
        player,
        prepared.venue,
        Some(1_000_000),
        ports,
        Clock::calibrate(),
        counters.clone(),
        Arc::clone(&shared),
    );
    let mut mass = MassStatusRequest {
        header: FrameHeader::new::<MassStatusRequest>(),
        mass_status_id: 4,
        reserved: [0; 4],
    };
    mass.header.ts_recv_ns = start;
    let mut one = OrderStatusRequest {
        header: FrameHeader::new::<OrderStatusRequest>(),
        cl_ord_id: wire::ClOrdId(9),
        order_id: u64::MAX,
    };
    one.header.ts_recv_ns = start;
    let mut first = order(1);
    first.header.ts_recv_ns = start;
    assert!(orders.push(STAMPS, bytes_of(&mass)) && orders.push(STAMPS, bytes_of(&one)));
    edge.turn();
    assert_eq!((edge.fault(), edge.approvals_spent()), (None, 0));
    assert_eq!(counters.get(Counter::EdgeOrders), 0, "questions are no orders");
    assert!(orders.push(STAMPS, bytes_of(&first)));
    let (mut taken, mut reports, mut answers) = (0, 0, Vec::new());
    while !edge.is_done() {
        edge.turn();
        while let Some(message) = from_edge.take() {
            taken += 1;
            reports += u64::from((24..32).contains(&kind_of(message.frame)));
            match wire::decode(message.frame) {
                Ok(Frame::OrderStatusReport(f)) => answers.push((27, u64::from(f.ord_status))),
                Ok(Frame::PositionReport(f)) => answers.push((28, u64::from(f.mass_status_id))),
                Ok(Frame::MassStatusEnd(f)) => answers.push((29, u64::from(f.positions))),
                Ok(Frame::VenueSession(f)) => answers.push((30, u64::from(f.state))),
                _ => {}
            }
        }
        shared.set_consumed(taken);
    }
    assert_eq!(edge.fault(), None);
    let session = |state: u8| (30, u64::from(state));
    let expected = [(28, 4), (29, 1), (27, u64::from(b'U')), session(b'D'), session(b'U')];
    assert_eq!(answers, expected);
    assert_eq!(counters.get(Counter::EdgeReports), reports);
    let spent = (edge.approvals_spent(), counters.get(Counter::EdgeOrders));
    assert_eq!(spent, (1, 1), "and what was spent can be compared");
    assert!(stamped.try_pop().is_some() && stamped.try_pop().is_none());
}

fn kind_of(frame: &[u8]) -> u16 {
    wire::frame::header(frame).map_or(0, |header| header.kind)
}

/// A station at full speed whose disk fails at the `call`-th call, with a tape of `tape_bytes`.
fn on_a_bad_disk(events: u64, tape_bytes: Option<usize>, call: u64) -> BadDisk {
    let world = World::new(events, "order_capacity = 64", false);
    let prepared = prepare(&world.config).expect("prepared");
    let (counters, shared) = (Counters::default(), Arc::new(Shared::default()));
    let clock = Clock::calibrate();
    let least = least_tape_bytes(&prepared.plan.setup, prepared.engine.strategies().count());
    let (writer, reader) = Tape::in_memory(tape_bytes.unwrap_or(least)).split();
    let mut disk = ModelDisk::default();
    disk.fault_at(call, DiskFault::Error(std::io::ErrorKind::Other));
    let mut journaler = common::journaler_on(disk, reader, clock, &counters, &shared);
    let Tasks { mut order_loop, mut edge, bridge: _bridge } = tasks(
        &world.config,
        (&prepared.recording, &prepared.plan),
        (prepared.engine, prepared.venue, prepared.start),
        writer,
        (clock, counters.clone(), Arc::clone(&shared)),
    );
    let mut orders_at_failure = None;
    loop {
        edge.turn();
        let turn = order_loop.turn();
        journaler.turn();
        if shared.is_record_failed() && orders_at_failure.is_none() {
            orders_at_failure = Some(order_loop.engine().counters().orders);
        }
        if turn.done {
            break;
        }
    }
    order_loop.finish();
    assert!(edge.fault().is_none(), "{:?}", edge.fault());
    let error = journaler.finish().expect_err("the disk failed");
    BadDisk {
        mode: order_loop.engine().mode(),
        orders_at_failure: orders_at_failure.expect("the disk failed while the session ran"),
        orders: *order_loop.engine().counters(),
        working: order_loop.engine().orders().working(),
        position: order_loop.engine().instruments()[0].position.lots().get(),
        lost: order_loop.inputs_lost(),
        left_out: order_loop.market_left_out(),
        shared,
        counters,
        error,
    }
}

struct BadDisk {
    mode: Mode,
    orders_at_failure: u64,
    orders: engine::Counters,
    working: usize,
    position: i64,
    lost: u64,
    left_out: u64,
    shared: Arc<Shared>,
    counters: Counters,
    error: TapeError,
}

#[test]
fn after_a_failed_sync_nothing_opens_and_cancels_still_work() {
    // Allocate, write and sync the head, rename, opening record: then the batches of the session.
    for call in [20, 21, 40] {
        let end = on_a_bad_disk(6_000, Some(64 << 20), call);
        assert!(matches!(end.error, TapeError::JournalFailed { .. }), "{}", end.error);
        assert_eq!(end.counters.get(Counter::JournalFailed), 1);
        assert!(!end.shared.is_tape_full(), "there was room to the end");
        // The session went on to its end and closed: nothing works, and nothing new was opened.
        assert_eq!((end.mode, end.working, end.lost), (Mode::Maintenance, 0, 0));
        let after = end.orders.orders - end.orders_at_failure;
        let refused = end.orders.denied_total();
        assert!(after <= 1, "{after} orders after the failure, {refused} denied");
        assert!(end.orders.market_events > 5_000, "market data still came in");
    }
}

#[test]
fn a_tape_nobody_empties_takes_no_market_data_in_its_last_tenth() {
    let end = on_a_bad_disk(80_000, None, 20);
    assert!(end.left_out > 1_000 && end.orders.market_events < 80_000, "{}", end.left_out);
    assert_eq!(end.orders.market_events + end.left_out, 80_000);
    let fill = end.counters.get(Counter::TapeFill);
    assert!((800..=900).contains(&fill), "{fill}");
    // The last tenth took the reports and the end: the session closed in good order.
    assert_eq!((end.mode, end.working, end.lost), (Mode::Maintenance, 0, 0));
    assert!(!end.shared.is_tape_full() && !end.shared.has_overflowed());
    assert!(end.position.abs() <= 500, "within its limits to the end");
}

#[test]
fn a_tape_that_is_full_to_the_last_input_halts_and_ends_the_session() {
    let world = World::new(300, "", false);
    let prepared = prepare(&world.config).expect("prepared");
    let (counters, shared) = (Counters::default(), Arc::new(Shared::default()));
    let least = least_tape_bytes(&prepared.plan.setup, prepared.engine.strategies().count());
    let (writer, mut reader) = Tape::in_memory(least).split();
    reader.fail();
    let clock = Clock::calibrate();
    let Tasks { mut order_loop, mut edge, mut bridge } = tasks(
        &world.config,
        (&prepared.recording, &prepared.plan),
        (prepared.engine, prepared.venue, prepared.start),
        writer,
        (clock, counters.clone(), Arc::clone(&shared)),
    );
    // What is neither market data nor a report comes without end.
    let input = RiskInput::new(RiskField::ClockOffset, 1);
    while !shared.is_tape_full() {
        while bridge.to_loop.push([0, 0], bytes_of(&input)) {}
        order_loop.turn();
    }
    let mut turn = order_loop.turn();
    while !turn.done {
        edge.turn();
        turn = order_loop.turn();
    }
    assert!(shared.is_stopping() && order_loop.inputs_lost() > 0);
    assert_eq!(order_loop.engine().mode(), Mode::Halted);
    assert!(!shared.has_overflowed(), "the halt and all before it had their place");
    let mut command = None;
    while let Some(record) = reader.next() {
        if let Ok(Frame::Control(control)) = wire::decode(record.frame) {
            command =
                Some((control.command, wire::instrument::text_of(&control.reason).to_owned()));
        }
    }
    let halt = (Command::Halt.code(), "tape is full".to_owned());
    assert_eq!(command, Some(halt), "the halt is on the tape");
}
