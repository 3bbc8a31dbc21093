//! A world: one station (the real engine and gate, tape and journal) among markets, venues, lines,
//! sidecars, people, clocks and disks that go wrong as the seed says.
//!
//! Everything happens on one thread, in an order the seed alone decides. Must never: read a clock,
//! or go over anything whose order is not given.

mod crash;
mod feed;
mod healing;

use super::cover::{Cover, Fault};
use super::desk::Desk;
use super::dice::Dice;
use super::frames::Frames;
use super::link::{Link, News};
use super::market::{Market, Print};
use super::plan::{Faults, Plan};
use super::plant::Plant;
use super::setup::{self, venue_id, venue_of};
use super::sidecar::Sidecars;
use super::store::Store;
use super::venue::{Said, Scene, Venue};
use super::watch::{Totals, Underway, Watch, frame_header};
use bytemuck::Zeroable;
use engine::{Engine, Setup};
use feed::Tap;
use std::collections::VecDeque;
use wire::frame::FrameHeader;
use wire::market::Trade;
use wire::reconcile::{SessionState, VenueSession};
use wire::risk::{RiskField, RiskInput};

const MS: u64 = 1_000_000;
/// Where the world's clock begins: some day, nanoseconds.
const DAWN: u64 = 1_700_000_000_000 * MS;
/// Messages the ring to the edge must have room for before the loop takes an input.
const RESERVE: usize = 1_200;
/// Messages the ring to the edge holds.
const RING: usize = RESERVE + 16;

/// What came of a world.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) failure: Option<String>,
    pub(crate) trace: u64,
    pub(crate) events: u64,
    pub(crate) totals: Totals,
    pub(crate) cover: Cover,
    pub(crate) log: Vec<String>,
}

/// The edge: takes the loop's orders from its ring and carries them out.
#[derive(Debug, Default)]
struct Edge {
    ring: VecDeque<Said>,
    spent: u64,
    stalled_until: u64,
    last_id: u64,
}

/// The world.
pub(crate) struct World {
    plan: Plan,
    plant: Option<Plant>,
    faults: Faults,
    dice: Dice,
    now: u64,
    /// The station's clock less the true one, nanoseconds.
    skew: i64,
    engine: Engine,
    session: u32,
    tap: Tap,
    watch: Watch,
    markets: Vec<Market>,
    venues: Vec<Venue>,
    links: Vec<Link>,
    edge: Edge,
    inbox: VecDeque<Said>,
    sidecars: Sidecars,
    desk: Desk,
    events: u64,
    /// The limits the session began with.
    session_limits: engine::limits::LimitSet,
    /// How full the engine was told the tape is, thousandths.
    told_fill: i64,
    /// Something happened that exposure depends on.
    is_moved: bool,
    frames: Frames,
    prints: Vec<Print>,
    said: Vec<Said>,
}

fn build(plan: &Plan, session: u32, limits: engine::limits::LimitSet) -> Engine {
    let setup: Setup = setup::setup(plan, session, limits);
    match Engine::with_strategies(setup, setup::strategies(plan, session)) {
        Ok(engine) => engine,
        Err(why) => panic!("the plan of seed {} makes no station: {why}", plan.seed),
    }
}

impl World {
    pub(crate) fn new(plan: &Plan, plant: Option<Plant>) -> Self {
        let limits = setup::limits(plan, 1, &mut Dice::of(plan.seed, 4));
        let mut faults = Faults::of(plan);
        let store = Store::new(plan, 1, plant, &mut faults);
        let mut world = Self {
            plan: plan.clone(),
            plant,
            faults,
            dice: Dice::of(plan.seed, 5),
            now: DAWN,
            skew: 0,
            engine: build(plan, 1, limits.clone()),
            session: 1,
            tap: Tap::new(store),
            watch: Watch::new(plan, &limits),
            markets: (0..plan.instruments).map(|n| Market::new(plan, n)).collect(),
            venues: (0..plan.venues).map(|n| Venue::new(plan, n)).collect(),
            links: (0..plan.venues).map(|n| Link::new(plan, n)).collect(),
            edge: Edge::default(),
            inbox: VecDeque::new(),
            sidecars: Sidecars::new(plan),
            desk: Desk::new(plan),
            events: 0,
            session_limits: limits,
            told_fill: 0,
            is_moved: false,
            frames: Frames::default(),
            prints: Vec::new(),
            said: Vec::new(),
        };
        world.watch.totals.sessions = 1;
        world.start();
        world
    }

    /// Remembers the newest frames in words.
    pub(crate) fn with_log(mut self) -> Self {
        self.watch.log = Some(VecDeque::new());
        self
    }

    /// The first inputs of a session.
    fn start(&mut self) {
        let mut first = Vec::new();
        self.desk.at_start(&mut first);
        self.inbox.extend(first);
        self.take_inbox();
    }

    /// Lives through the plan, then through the healing.
    pub(crate) fn run(mut self) -> Outcome {
        while self.events < self.plan.events && self.watch.failure.is_none() {
            self.step();
        }
        if self.watch.failure.is_none() {
            self.heal();
        }
        if self.watch.failure.is_none() {
            self.close();
        }
        self.watch.trace.word(self.engine.state_hash());
        Outcome {
            failure: self.watch.failure,
            trace: self.watch.trace.0,
            events: self.events,
            totals: self.watch.totals,
            cover: self.faults.cover,
            log: self.watch.log.map(Vec::from).unwrap_or_default(),
        }
    }

    /// The station's clock.
    fn wall(&self) -> u64 {
        self.now.saturating_add_signed(self.skew)
    }

    /// One thing happens.
    fn step(&mut self) {
        self.events += 1;
        self.now += self.dice.around(self.plan.gap_ns) + 1;
        self.arrive();
        match self.dice.below(64) {
            0..=43 => self.market(),
            44..=53 => self.venue(),
            54..=55 => self.advice(),
            56..=57 => self.figures(),
            58..=59 => self.operate(),
            60 => self.clock(),
            61 => self.nonsense(),
            _ => self.lines(),
        }
        self.trouble();
        self.carry();
        self.keep();
        self.look();
        if self.dice.one_in(64) {
            self.watch.sums(&self.engine);
        }
    }

    /// What reaches the station or a venue by now.
    fn arrive(&mut self) {
        for n in 0..self.links.len() {
            while let Some(said) = self.links[n].at_venue(self.now) {
                self.events += 1;
                self.is_moved = true;
                self.at_venue(n, |venue, scene| venue.take(said.bytes(), scene));
                self.watch.ids(&self.venues[n], self.session);
            }
            while self.links[n].has_arrived(self.now) && self.has_room() {
                let Some(mut said) = self.links[n].at_station(self.now) else { break };
                self.report(said.bytes_mut());
            }
            match self.links[n].news(self.now) {
                Some(News::Down) => {
                    let cancels = self.faults.strikes(Fault::CancelOnDisconnect);
                    self.venues[n].disconnect(cancels);
                    self.session(n, SessionState::Down);
                }
                Some(News::Up) => self.session(n, SessionState::Up),
                None => {}
            }
        }
        self.take_inbox();
        while self.has_room() {
            let Some(mut answer) = self.sidecars.answer(self.now) else { break };
            self.feed(answer.bytes_mut());
        }
        // A live station feeds a time input when a timer is due and nothing else comes.
        let wall = self.wall();
        if self.has_room() && self.engine.next_deadline().is_some_and(|due| due.get() <= wall) {
            let mut clock = self.desk.clock();
            self.feed(bytemuck::bytes_of_mut(&mut clock));
        }
    }

    fn session(&mut self, venue: usize, state: SessionState) {
        let mut frame = VenueSession::new(venue_id(venue), state);
        self.feed(bytemuck::bytes_of_mut(&mut frame));
    }

    /// Something happens at a venue; what it says goes on its way.
    fn at_venue(&mut self, n: usize, act: impl FnOnce(&mut Venue, &mut Scene<'_>)) {
        let mut out = std::mem::take(&mut self.said);
        let mut scene = Scene {
            now: self.now,
            markets: &self.markets,
            faults: &mut self.faults,
            out: &mut out,
        };
        act(&mut self.venues[n], &mut scene);
        for said in out.drain(..) {
            self.links[n].say(said, self.now);
        }
        self.said = out;
    }

    fn market(&mut self) {
        let n = self.dice.index(self.markets.len());
        self.market_of(n);
    }

    fn market_of(&mut self, n: usize) {
        if !self.has_room() {
            // The ring to the loop is full: the market goes on, and the station will be told so.
            return;
        }
        let mut frames = std::mem::take(&mut self.frames);
        let mut prints = std::mem::take(&mut self.prints);
        self.markets[n].step(self.now, &mut self.faults, &mut frames, &mut prints);
        let venue = venue_of(&self.plan, n);
        for print in prints.drain(..) {
            self.is_moved = true;
            self.at_venue(venue, |v, scene| v.on_print(n, &print, scene));
        }
        for at in 0..frames.len() {
            self.events += u64::from(at > 0);
            self.feed(frames.get_mut(at));
        }
        if frames.is_empty() {
            self.plant_old_market(n);
        } else {
            self.watch.book(n, &self.engine, &self.markets[n]);
        }
        frames.clear();
        (self.frames, self.prints) = (frames, prints);
    }

    fn venue(&mut self) {
        let n = self.dice.index(self.venues.len());
        self.is_moved = true;
        self.at_venue(n, Venue::act);
        if self.dice.one_in(200) {
            self.at_venue(n, Venue::cancel_foreign);
        }
    }

    fn lines(&mut self) {
        let n = self.dice.index(self.links.len());
        if self.links[n].may_cut(self.now, &mut self.faults) {
            self.is_moved = true;
        }
    }

    fn advice(&mut self) {
        let mut out = Vec::new();
        self.sidecars.advise(self.wall(), &mut self.faults, &mut out);
        self.inbox.extend(out);
    }

    fn figures(&mut self) {
        let mut out = Vec::new();
        self.desk.figures(&mut self.faults, &mut out);
        if self.dice.one_in(4) && self.edge.ring.is_empty() {
            out.push(self.wire_count(0));
        }
        self.inbox.extend(out);
    }

    /// The edge says how many approvals it has spent.
    fn wire_count(&self, lie: i64) -> Said {
        let spent = i64::try_from(self.edge.spent).unwrap_or(i64::MAX) + lie;
        Said::of(&RiskInput::new(RiskField::WireCount, spent))
    }

    fn operate(&mut self) {
        let mut out = Vec::new();
        self.desk.act(&self.engine, &mut self.faults, &mut out);
        self.inbox.extend(out);
    }

    /// The host's clock steps.
    fn clock(&mut self) {
        let span = |dice: &mut Dice, most| i64::try_from(dice.span(1, most) * MS).unwrap_or(0);
        if self.faults.strikes(Fault::ClockBack) {
            self.skew -= span(&mut self.dice, 2_000);
        } else if self.faults.strikes(Fault::ClockForward) {
            let most = if self.dice.one_in(10) { 3_600_000 } else { 8_000 };
            self.skew += span(&mut self.dice, most);
        } else if self.skew < 0 && self.dice.one_in(4) {
            self.skew = 0;
        }
    }

    /// What is no frame, and what is of no instrument, changes nothing.
    fn nonsense(&mut self) {
        if !self.has_room() {
            return;
        }
        if self.faults.strikes(Fault::FeedGarbage) {
            let mut words = [0_u64; 10];
            for word in &mut words {
                *word = self.dice.next();
            }
            if self.dice.one_in(2) {
                // A head that could be, and a body that could not.
                let header = FrameHeader::new::<Trade>();
                let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
                bytes[..size_of::<FrameHeader>()].copy_from_slice(bytemuck::bytes_of(&header));
            }
            self.feed(bytemuck::cast_slice_mut(&mut words));
        }
        if self.faults.strikes(Fault::FeedUnknown) {
            let mut trade = Trade::zeroed();
            trade.header = FrameHeader::new::<Trade>();
            trade.header.instrument_id = wire::InstrumentId(9_999);
            (trade.price_ticks, trade.qty_lots) = (wire::PriceTicks(5), wire::QtyLots(5));
            trade.aggressor = b'U';
            self.feed(bytemuck::bytes_of_mut(&mut trade));
        }
    }

    /// The edge carries orders out, unless it is held up.
    fn carry(&mut self) {
        if self.faults.strikes(Fault::EdgeStall) {
            self.edge.stalled_until = self.now + self.dice.span(5, 1_500) * MS;
        }
        if self.now < self.edge.stalled_until {
            return;
        }
        while let Some(mut said) = self.edge.ring.pop_front() {
            let header = frame_header(said.bytes());
            let counts = matches!(header.kind, 16 | 18);
            if header.kind == 16 {
                self.plant_old_id(&mut said);
            }
            let venue = usize::from(header.venue_id.get()).wrapping_sub(1);
            if let Some(link) = self.links.get_mut(venue) {
                link.send(said, self.now, &mut self.faults);
            }
            if counts {
                self.edge.spent += 1;
                let lie = i64::from(self.faults.strikes(Fault::WireLie));
                let count = self.wire_count(lie);
                self.inbox.push_back(count);
            }
        }
        self.is_moved = true;
    }

    /// The checkers look at everything that moved.
    fn look(&mut self) {
        if std::mem::take(&mut self.is_moved) {
            for n in 0..self.markets.len() {
                let venue = venue_of(&self.plan, n);
                let requests = self.edge.ring.iter().chain(self.links[venue].requests());
                let underway = Underway::of(requests, n, self.session, &self.venues[venue]);
                self.watch.exposure(n, &self.engine, &self.venues[venue], &underway);
            }
        }
    }
}
