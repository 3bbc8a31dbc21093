//! From a role and an input to a decision, within the role's latency budget, whatever servers do.
//!
//! The one retry loop: candidates in their order, the servers of each by load, what comes next by
//! the kind of the failure. Models have 95 % of the budget; then the rule answers. Every question
//! has a deadline, and one that is late is dropped with its connection, so that its answer is never
//! read. Critical roles have slots of their own at every server. Must never: take an answer with a
//! fault, answer after the budget, or ask twice what failed by itself. One thread; allocates.

mod ask;
mod decision;

pub use decision::{Attempt, By, Decision};

use crate::breaker::Breaker;
use crate::cause::Cause;
use crate::client::Client;
use crate::config::Config;
use crate::input::Input;
use crate::load::{Draw, Load};
use std::cell::RefCell;
use std::collections::BTreeMap;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// One way a question can go: server, model, role, by their places in the configuration.
type Path = (usize, usize, usize);

/// What is remembered from question to question.
#[derive(Debug)]
struct State {
    breakers: BTreeMap<Path, Breaker>,
    loads: Vec<Load>,
    draw: Draw,
    abstentions: BTreeMap<Cause, u64>,
}

/// Slots of one server.
#[derive(Debug)]
struct Slots {
    bulk: Semaphore,
    critical: Semaphore,
}

/// Servers, roles, and what is known of how they fare.
#[derive(Debug)]
pub struct Router {
    config: Config,
    clients: Vec<Client>,
    slots: Vec<Slots>,
    state: RefCell<State>,
    begin: Instant,
}

impl Router {
    /// Nothing asked yet.
    ///
    /// # Errors
    /// What the HTTP client says of its own start.
    pub fn new(config: Config) -> Result<Self, reqwest::Error> {
        let clients = config.servers.iter().map(Client::new).collect::<Result<Vec<_>, _>>()?;
        let semaphore = |slots: u32| Semaphore::new(usize::try_from(slots).unwrap_or(1));
        let slots = config.servers.iter().map(|server| Slots {
            bulk: semaphore(server.slots),
            critical: semaphore(server.critical_slots),
        });
        Ok(Self {
            slots: slots.collect(),
            state: RefCell::new(State {
                breakers: BTreeMap::new(),
                loads: vec![Load::default(); clients.len()],
                draw: Draw::new(1),
                abstentions: BTreeMap::new(),
            }),
            clients,
            config,
            begin: Instant::now(),
        })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Attempts that came to nothing, by cause, since the start.
    #[must_use]
    pub fn abstentions(&self) -> BTreeMap<Cause, u64> {
        self.state.borrow().abstentions.clone()
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Asks one question on a runtime of its own: for commands.
///
/// # Errors
/// What the runtime or the HTTP client say of their own start.
///
/// # Panics
/// If `role` is no place in the configuration.
pub fn ask_once(config: Config, role: usize, input: &Input) -> std::io::Result<Decision> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let decision = runtime.block_on(async {
        let router = Router::new(config).map_err(std::io::Error::other)?;
        Ok(router.ask(role, input).await)
    });
    // A thread that still looks a host's name up must not hold the answer.
    runtime.shutdown_background();
    decision
}
