//! The station's loop and edge over the bundled recording, driven turn by turn.

use clock::Clock;
use ring::Consumer;
use station::assembly::{Parts, Tasks, assemble};
use station::config::{Config, Overrides};
use station::counters::Counters;
use station::edge_task::EdgeTask;
use station::link::LinkRx;
use station::loop_task::{LoopTask, Turn};
use station::prepare::{Prepared, prepare};
use station::shared::Shared;
use station::stamps::{EventStamp, OrderStamp, RECORD_STAMPS};
use std::path::Path;
use std::sync::Arc;
use tape::Recording;
use venues::player::Speed;
use wire::counters::Counter;
use wire::station::Mode;

/// Everything but the loop's thread.
pub(crate) struct World<'a> {
    order_loop: Option<LoopTask>,
    edge: EdgeTask<'a>,
    record: LinkRx<RECORD_STAMPS>,
    events: Consumer<EventStamp>,
    orders: Consumer<OrderStamp>,
    counters: Counters,
    total: u64,
    outputs: u64,
}

fn config() -> Config {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent");
    Config::load(&root.join("config/demo.toml"), &Overrides::default()).expect("demo.toml")
}

/// The bundled recording.
pub(crate) fn recording() -> Recording {
    tape::read_all(config().data.recording).expect("the bundled recording")
}

impl<'a> World<'a> {
    /// A station that plays the recording as fast as it can.
    pub(crate) fn new(recording: &'a Recording) -> Self {
        // Both live as long as the test program: the tasks borrow them.
        let config: &'static Config = Box::leak(Box::new(config()));
        let Prepared { plan, engine, venue, start, events, .. } =
            prepare(config).expect("the demo is sound");
        let setup: &'static _ = Box::leak(Box::new(plan.setup));
        let counters = Counters::default();
        let Tasks { order_loop, edge, bridge, record } = assemble(Parts {
            recording,
            speed: Speed::Max,
            engine,
            setup,
            venue,
            entry_latency: &config.venue.entry_latency,
            start_mode: (Mode::Live, start),
            clock: Clock::calibrate(),
            counters: counters.clone(),
            shared: Arc::new(Shared::default()),
        });
        Self {
            order_loop: Some(order_loop),
            edge,
            record,
            events: bridge.events,
            orders: bridge.orders,
            counters,
            total: events,
            outputs: 0,
        }
    }

    /// Market events in the recording.
    pub(crate) fn events(&self) -> u64 {
        self.total
    }

    /// The loop, to run it on another thread.
    pub(crate) fn take_loop(&mut self) -> LoopTask {
        self.order_loop.take().expect("taken once")
    }

    /// A turn of the edge, and the recorder's and the bridge's rings emptied.
    pub(crate) fn play_edge(&mut self) {
        self.edge.turn();
        while self.record.take().is_some() {
            self.outputs += 1;
        }
        while self.events.try_pop().is_some() {}
        while self.orders.try_pop().is_some() {}
    }

    /// Plays to the end; `turn` runs the loop's turns, numbered.
    pub(crate) fn play(&mut self, mut turn: impl FnMut(u64, &mut LoopTask) -> Turn) {
        let mut order_loop = self.take_loop();
        for n in 0.. {
            self.play_edge();
            if turn(n, &mut order_loop).done {
                break;
            }
        }
        self.play_edge();
    }

    /// Whether the whole recording went through, with orders among it: else nothing was proved.
    pub(crate) fn check(&self) -> Result<(), String> {
        let events = self.counters.get(Counter::LoopMarketEvents);
        let orders = self.counters.get(Counter::LoopOrders);
        if events != self.total || orders == 0 || self.outputs == 0 {
            return Err(format!("{events} of {} events, {orders} orders: no proof", self.total));
        }
        Ok(())
    }
}
