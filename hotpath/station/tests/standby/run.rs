//! A paced run with two sidecars' sockets, somebody who acts in its middle, and what it left.

use crate::common::{self, World};
use crate::sidecar::{Manner, Process};
use corelane_station::config::Config;
use corelane_station::run::replay;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use wire::Frame;
use wire::counters::{Counter, CountersHeader};
use wire::exit::Exit;
use wire::signal::SignalResponse;

/// Recorded seconds a second.
const SPEED: u64 = 8;
const EVENTS: u64 = 9_000;
/// Wall time between two requests, microseconds.
pub(crate) const REQUEST_EVERY_US: u64 = 100_000 / SPEED;

/// A run that is to be played.
pub(crate) struct Playing {
    world: World,
    config: Config,
}

impl Playing {
    pub(crate) fn new(change: impl Fn(&mut String)) -> Self {
        let world = World::new(EVENTS, "", true);
        // A lifetime of half a second of the wall: what a busy machine does is no silence.
        let mut text = common::text("day.clrec", "", true)
            .replace("\"max\"", &SPEED.to_string())
            .replace("ttl_ms = 500", "ttl_ms = 4000\nstandby = \"tract\"");
        change(&mut text);
        let config = common::config(world.dir.path(), &text);
        std::fs::create_dir(world.path("run")).expect("folder");
        Self { world, config }
    }

    fn dir(&self) -> PathBuf {
        self.world.path("run")
    }

    /// A sidecar where the configuration has the first.
    pub(crate) fn sidecar(&self, generation: u32, manner: Manner) -> Process {
        Process::start(&self.config.signal_socket(&self.dir()), generation, manner)
    }

    /// A sidecar where it has the standby.
    pub(crate) fn standby(&self, generation: u32, manner: Manner) -> Process {
        let socket = self.config.standby_socket(&self.dir()).expect("configured");
        Process::start(&socket, generation, manner)
    }

    /// Plays it while `act` acts.
    pub(crate) fn play(&self, act: impl FnOnce(&Now<'_>) + Send) -> Run {
        let over = AtomicBool::new(false);
        let dir = self.dir();
        let mut said = Vec::new();
        let outcome = std::thread::scope(|scope| {
            let now = Now { page: dir.join("counters"), over: &over };
            let actor = scope.spawn(move || act(&now));
            let outcome = replay(&self.config, Some(&dir), &mut said);
            // ORDERING: release; pairs with the acquire load in `Now::until`.
            over.store(true, Ordering::Release);
            let outcome = outcome.unwrap_or_else(|failure| panic!("{failure}"));
            assert!(actor.join().is_ok(), "{:#}", outcome.summary["signal"]);
            outcome
        });
        assert_eq!(outcome.exit, Exit::Clean, "{said:?}");
        assert_eq!(outcome.summary["events"], EVENTS, "every event went through");
        let record = tape::read_all(dir.join("journal")).expect("the record is whole");
        let (mut requests, mut answers) = (Vec::new(), Vec::new());
        for frame in record.frames() {
            match wire::decode(frame) {
                Ok(Frame::SignalRequest(request)) => requests.push(request.request_id),
                Ok(Frame::SignalResponse(answer)) => answers.push(*answer),
                _ => {}
            }
        }
        Run { summary: outcome.summary, said, requests, answers }
    }
}

/// A run as it goes on.
pub(crate) struct Now<'a> {
    page: PathBuf,
    over: &'a AtomicBool,
}

impl Now<'_> {
    pub(crate) fn counter(&self, counter: Counter) -> u64 {
        counter_of(&self.page, counter)
    }

    /// Waits until a counter is there; panics when the run ends before.
    pub(crate) fn until(&self, counter: Counter, at_least: u64) {
        while self.counter(counter) < at_least {
            let over = self.over.load(Ordering::Acquire);
            assert!(!over, "the run ended before {} was {at_least}", counter.name());
            std::thread::yield_now();
        }
    }
}

fn counter_of(page: &Path, counter: Counter) -> u64 {
    let bytes = std::fs::read(page).unwrap_or_default();
    let at = size_of::<CountersHeader>() + usize::from(counter.code()) * 8;
    let cell = bytes.get(at..at + 8).and_then(|cell| cell.try_into().ok());
    cell.map_or(0, u64::from_le_bytes)
}

/// What a run left.
pub(crate) struct Run {
    summary: Value,
    said: Vec<String>,
    /// Ids of the requests made, in order.
    pub(crate) requests: Vec<u64>,
    /// Answers the loop took, in order.
    pub(crate) answers: Vec<SignalResponse>,
}

impl Run {
    pub(crate) fn signal(&self) -> &Value {
        &self.summary["signal"]
    }

    pub(crate) fn said(&self, part: &str) -> bool {
        self.said.iter().any(|line| line.contains(part))
    }

    /// Requests between the first and the last answer that have none.
    pub(crate) fn unanswered(&self) -> usize {
        let ids: Vec<_> = self.answers.iter().map(|answer| answer.request_id).collect();
        let (Some(from), Some(to)) = (ids.iter().min(), ids.iter().max()) else { return 0 };
        self.requests.iter().filter(|id| (from..=to).contains(id) && !ids.contains(id)).count()
    }

    /// Requests that never came to the bridge, or too late to be asked, on a machine that was busy.
    pub(crate) fn excused(&self) -> usize {
        let counts = ["overwritten", "late", "expired"].map(|key| self.signal()[key].as_u64());
        usize::try_from(counts.iter().flatten().sum::<u64>()).expect("small")
    }
}
